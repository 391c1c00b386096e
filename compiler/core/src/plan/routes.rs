//! Which versions get which share of the requests.

use std::collections::BTreeMap;

use serde_json::Value;

use super::names::Names;
use super::read::{Diff, Object, Pair, scalar};
use super::{Changes, Kind};
use crate::source::Text;

/// Says which weights move, and which versions come and go.
pub(super) fn tell(diff: &Diff<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    for (_, pair) in diff.of_kind("VirtualService") {
        weights(pair, names, out);
    }
    for (_, pair) in diff.of_kind("DestinationRule") {
        if let (Some(before), Some(after)) = (&pair.before, &pair.after) {
            versions(before, after, names, out);
        }
    }
}

/// Percents by version of one route, in the order of the route.
type Shares = Vec<(Text, String)>;

/// What a route is known by: its kind and name, else its place.
pub(super) fn route_key(kind: &str, index: usize, route: &Value) -> String {
    match route.get("name").and_then(Value::as_str) {
        Some(name) => name.to_owned(),
        None => format!("{kind} {}", index + 1),
    }
}

/// The routes of a VirtualService by name, in their order.
pub(super) fn routes<'o>(object: &'o Object<'_>) -> Vec<(String, &'o Value)> {
    let of_kind = |kind: &'static str| {
        let list = object.at(&[kind]).as_array().into_iter().flatten();
        list.enumerate().map(move |(index, route)| (route_key(kind, index, route), route))
    };
    ["http", "tls", "tcp"].into_iter().flat_map(of_kind).collect()
}

fn shares(route: &Value, path: &str, names: &Names<'_>) -> Shares {
    let list = || route.get("route").and_then(Value::as_array).into_iter().flatten();
    let several_hosts = {
        let mut hosts: Vec<&str> = list().filter_map(|to| to.get("destination")?.get("host")?.as_str()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts.len() > 1
    };
    let alone = list().count() == 1;
    let mut out = Shares::new();
    for to in list() {
        let destination = to.get("destination").unwrap_or(&Value::Null);
        let text = |key: &str| destination.get(key).and_then(Value::as_str);
        let host = text("host").unwrap_or_default();
        let version = text("subset").map_or("every version", |subset| names.version(path, host, subset));
        let label = match several_hosts {
            true => format!("{version} of {}", names.host(host)),
            false => version.to_owned(),
        };
        let weight = to.get("weight").and_then(scalar);
        out.push((label.into(), weight.unwrap_or_else(|| if alone { "100" } else { "0" }.to_owned())));
    }
    let mirror = |target: &Value, percent: Option<&Value>| {
        let host = target.get("host").and_then(Value::as_str).unwrap_or_default();
        let label: Text = match target.get("subset").and_then(Value::as_str) {
            Some(subset) => names.version(path, host, subset).into(),
            None => names.host(host),
        };
        let percent = percent.and_then(|percent| scalar(percent.get("value")?)).unwrap_or_else(|| "100".to_owned());
        (Text::from(format!("mirrored to {label}")), percent)
    };
    out.extend(route.get("mirror").map(|target| mirror(target, route.get("mirrorPercentage"))));
    for entry in route.get("mirrors").and_then(Value::as_array).into_iter().flatten() {
        out.extend(entry.get("destination").map(|target| mirror(target, entry.get("percentage"))));
    }
    out
}

fn weights(pair: &Pair<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    let Some(after) = &pair.after else { return };
    let before: BTreeMap<String, Shares> =
        pair.before.iter().flat_map(routes).map(|(name, route)| (name, shares(route, pair.path(), names))).collect();
    let after: Vec<(String, Shares)> =
        routes(after).into_iter().map(|(name, route)| (name, shares(route, pair.path(), names))).collect();
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    let mut moved_all = true;
    for (name, new) in &after {
        let old = before.get(name);
        let text = match old {
            Some(old) if old != new => moves(old, new),
            // A first route that is split at once.
            None if pair.before.is_none() && new.len() > 1 => moves(&Shares::new(), new),
            _ => {
                moved_all = false;
                continue;
            }
        };
        match told.iter_mut().find(|(known, _)| *known == text) {
            Some((_, routes)) => routes.push(name),
            None => told.push((text, vec![name])),
        }
    }
    let held = names
        .service_of(pair.path())
        .and_then(|(_, service)| service.routing.as_ref())
        .is_some_and(|routing| routing.summary.ends_with("(held)"));
    let one = told.len() == 1 && moved_all;
    for (text, routes) in told {
        let held = if held { " (held)" } else { "" };
        let on = if one { String::new() } else { format!(" on route `{}`", routes.join("`, `")) };
        out.add(Kind::Weights, names.subject(pair.path()), pair.path(), format!("{text}{held}{on}"));
    }
}

/// "v1 95 % -> 80 %, v2 5 % -> 20 %".
fn moves(old: &Shares, new: &Shares) -> String {
    let of = |shares: &Shares, version: &Text| {
        shares.iter().find(|(known, _)| known == version).map(|(_, percent)| percent.clone())
    };
    let mut parts: Vec<String> = Vec::new();
    let gone = old.iter().filter(|(version, _)| of(new, version).is_none());
    for (version, percent) in new {
        parts.push(match of(old, version) {
            Some(before) if before == *percent => format!("{version} {percent} %"),
            Some(before) => format!("{version} {before} % -> {percent} %"),
            None => format!("{version} new at {percent} %"),
        });
    }
    parts.extend(gone.map(|(version, percent)| format!("{version} {percent} % -> gone")));
    parts.join(", ")
}

fn versions(before: &Object<'_>, after: &Object<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    let subsets = |object: &Object<'_>| -> BTreeMap<String, String> {
        let list = object.at(&["subsets"]).as_array().into_iter().flatten();
        list.filter_map(|subset| {
            let labels = super::names::labels(subset.get("labels").unwrap_or(&Value::Null));
            Some((super::names::version_of(subset)?.to_owned(), super::names::shown(&labels)))
        })
        .collect()
    };
    let (old, new) = (subsets(before), subsets(after));
    let mut add = |text: String| out.add(Kind::Weights, names.subject(after.path), after.path, text);
    for (name, labels) in &new {
        match old.get(name) {
            None => add(format!("version `{name}` can be routed to: pods with {labels}")),
            Some(before) if before != labels => add(format!("version `{name}` is other pods: {before} -> {labels}")),
            Some(_) => {}
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        add(format!("version `{name}` can no longer be routed to"));
    }
}
