//! Over which transport calls may come, and over which they are sent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::names::Names;
use super::policies::Policies;
use super::policy::Mode;
use super::read::{Diff, Object};
use super::workloads::{self, Workload};
use super::{Changes, Kind};
use crate::source::Text;

/// Says whose mode changes, and to whom plaintext is sent.
pub(super) fn tell(
    policies: &Policies,
    workloads: &[Workload<'_>],
    diff: &Diff<'_>,
    names: &Names<'_>,
    out: &mut Changes<'_>,
) {
    accepted(policies, workloads, names, out);
    for (_, pair) in diff.of_kind("DestinationRule") {
        sent(pair.before.as_ref(), pair.after.as_ref(), pair.path(), names, out);
    }
}

fn accepted(policies: &Policies, workloads: &[Workload<'_>], names: &Names<'_>, out: &mut Changes<'_>) {
    let of_namespace = |namespace: &Text| {
        let all = workloads.iter().find(|workload| workload.namespace == *namespace && workload.labels.is_empty())?;
        workloads::modes(policies, all).get("*").copied()
    };
    let mut following: BTreeMap<&Text, usize> = BTreeMap::new();
    for workload in workloads.iter().filter(|workload| !workload.labels.is_empty()) {
        let modes = workloads::modes(policies, workload);
        let wide = of_namespace(&workload.namespace);
        if wide.is_some_and(|wide| modes.values().all(|modes| *modes == wide)) {
            *following.entry(&workload.namespace).or_default() += usize::from(workload.service.is_some());
            continue;
        }
        let of_pods = modes.get("*").copied();
        for (port, (before, after)) in &modes {
            // A port is named where it differs from the rest of the pods.
            if before == after || (port != "*" && of_pods == Some((*before, *after))) {
                continue;
            }
            let on = if port == "*" { String::new() } else { format!("port {port} ") };
            let path = workload.path.replace("authorization-policy", "peer-authentication");
            let stated = workload.service.and_then(|service| {
                let port = service.ports.iter().find(|known| known.container.to_string() == *port);
                port.map(|port| port.span).or(Some(service.span))
            });
            let (kind, text) = transition(*before, *after, &on);
            out.add_because(kind, workload.subject.clone(), &path, text, stated);
        }
    }
    for workload in workloads.iter().filter(|workload| workload.labels.is_empty()) {
        let Some((before, after)) = of_namespace(&workload.namespace).filter(|(before, after)| before != after) else {
            continue;
        };
        let follow = match following.get(&workload.namespace).copied().unwrap_or(0) {
            0 => String::new(),
            1 => ", and 1 service follows".to_owned(),
            more => format!(", and {more} services follow"),
        };
        let (kind, text) = transition(before, after, "by default it ");
        let path = workload.path.replace("authorization-policy", "peer-authentication");
        out.add(kind, names.namespace(&workload.namespace), &path, text + &follow);
    }
}

fn transition(before: Mode, after: Mode, who: &str) -> (Kind, String) {
    let kind = if after < before { Kind::MtlsWeakened } else { Kind::Strengthened };
    let what = match (kind, after) {
        (Kind::MtlsWeakened, Mode::Disable) => "takes plaintext only",
        (Kind::MtlsWeakened, _) => "accepts plaintext beside mTLS",
        (_, Mode::Strict) => "demands mTLS: plaintext is refused",
        _ => "accepts mTLS beside plaintext",
    };
    (kind, format!("{who}{what} (mode {} -> {})", before.name(), after.name()))
}

/// Modes of `tls` of a DestinationRule by what they are for.
fn tls_modes(object: Option<&Object<'_>>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let Some(object) = object else { return out };
    let mut add = |place: String, policy: &Value| {
        let mode = |policy: &Value| policy.get("tls")?.get("mode")?.as_str().map(str::to_owned);
        out.extend(mode(policy).map(|mode| (place.clone(), mode)));
        for port in policy.get("portLevelSettings").and_then(Value::as_array).into_iter().flatten() {
            let number = port.get("port").and_then(|port| port.get("number")).and_then(super::read::scalar);
            let place = format!("{place} on port {}", number.unwrap_or_default());
            out.extend(mode(port).map(|mode| (place, mode)));
        }
    };
    add(String::new(), object.at(&["trafficPolicy"]));
    for subset in object.at(&["subsets"]).as_array().into_iter().flatten() {
        let version = super::names::version_of(subset).unwrap_or_default();
        add(format!(" for version `{version}`"), subset.get("trafficPolicy").unwrap_or(&Value::Null));
    }
    out
}

fn sent(before: Option<&Object<'_>>, after: Option<&Object<'_>>, path: &str, names: &Names<'_>, out: &mut Changes<'_>) {
    // Without a mode Istio finds out by itself, which is mTLS where both ends have a sidecar.
    let rank = |mode: Option<&String>| match mode.map(String::as_str) {
        Some("DISABLE") => 0,
        Some("SIMPLE") => 1,
        _ => 2,
    };
    let (before, after) = (tls_modes(before), tls_modes(after));
    let places: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for place in places {
        let (old, new) = (before.get(place), after.get(place));
        let name = |mode: Option<&String>| mode.map_or("mTLS", String::as_str).to_owned();
        let text = format!("(tls {} -> {})", name(old), name(new));
        let subject = names.subject(path);
        match rank(new).cmp(&rank(old)) {
            std::cmp::Ordering::Less => {
                let what = if rank(new) == 0 { "callers newly send plaintext" } else { "callers no longer send mTLS" };
                out.add(Kind::MtlsWeakened, subject, path, format!("{what}{place} {text}"));
            }
            std::cmp::Ordering::Greater => {
                let what = if rank(new) == 2 { "callers send mTLS again" } else { "callers no longer send plaintext" };
                out.add(Kind::Strengthened, subject, path, format!("{what}{place} {text}"));
            }
            std::cmp::Ordering::Equal => {}
        }
    }
}
