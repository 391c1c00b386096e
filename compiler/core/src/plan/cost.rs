//! What applying a change costs under load, as it was measured kind by kind with traffic (istio 1.31): a proxy whose
//! listener changes closes what is still open on the old one after `drainDuration`, 45 s by default; a cluster that
//! changes forgets which of its pods were ejected.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::names::{self, Labels, Names};
use super::policies::Policies;
use super::policy::Mode;
use super::read::{Diff, Object, Pair};
use super::workloads::{self, Workload};
use super::{Changes, Kind};
use crate::published::Tree;
use crate::source::Text;

/// Says each cost once for each subject.
pub(super) fn tell(
    policies: &Policies,
    workloads: &[Workload<'_>],
    diff: &Diff<'_>,
    (before, after): (&Tree<'_>, &Tree<'_>),
    names: &Names<'_>,
    out: &mut Changes<'_>,
) {
    let mut cuts = Cuts::default();
    for (_, pair) in diff.of_kind("AuthorizationPolicy") {
        if differs(pair, |object| (object.spec().clone(), object.annotation("istio.io/dry-run").map(str::to_owned))) {
            for object in [&pair.before, &pair.after].into_iter().flatten() {
                cuts.pods(&object.key.namespace, &names::selector(object), object.path, names);
            }
        }
    }
    for workload in workloads {
        let cut = |(before, after): &(Mode, Mode)| {
            // Absent and PERMISSIVE are the same, and between them nothing is cut.
            before != after && [before, after].iter().any(|mode| **mode != Mode::Permissive)
        };
        if workloads::modes(policies, workload).values().any(cut) {
            let path = workload.path.replace("authorization-policy", "peer-authentication");
            cuts.pods(&workload.namespace, &workload.labels, &path, names);
        }
    }
    for (_, pair) in diff.of_kind("EnvoyFilter") {
        envoy_filter(pair, before, after, names, &mut cuts, out);
    }
    for (_, pair) in diff.of_kind("VirtualService") {
        cuts.routes_of_bytes(pair, names);
    }
    for (_, pair) in diff.of_kind("DestinationRule") {
        cuts.idle_bytes(pair, names);
    }
    cuts.tell(names, out);
    for (_, pair) in diff.of_kind("DestinationRule") {
        ejections(pair, names, out);
    }
}

fn differs<T: PartialEq>(pair: &Pair<'_>, part: impl Fn(&Object<'_>) -> T) -> bool {
    pair.before.as_ref().map(&part) != pair.after.as_ref().map(&part)
}

/// Whose streams are cut, with a file that says so.
#[derive(Default)]
struct Cuts {
    /// Namespaces of the cluster.
    namespaces: BTreeMap<Text, String>,
    /// By namespace of the cluster and subject, with the number of pods.
    pods: BTreeMap<(Text, Text), (Option<u32>, String)>,
    /// Those whose callers close what is open to them, in the same way; whether they do at each stage of a release too.
    callers: BTreeMap<(Text, Text), (bool, String)>,
}

impl Cuts {
    fn pods(&mut self, namespace: &Text, selector: &Labels, path: &str, names: &Names<'_>) {
        if selector.is_empty() {
            self.namespaces.entry(namespace.clone()).or_insert_with(|| path.to_owned());
            return;
        }
        let mut found = false;
        for (home, service) in names.services_in(namespace) {
            if selector.iter().all(|(key, value)| service.selector.iter().any(|(k, v)| k == key && v == value)) {
                let subject = smol_str::format_smolstr!("{}/{}", home.name, service.name);
                self.pods.insert((namespace.clone(), subject), (service.replicas, path.to_owned()));
                found = true;
            }
        }
        if !found {
            let subject = match names.is_of_service(path) && names.service_of(path).is_none() {
                true => names.subject(path),
                false => smol_str::format_smolstr!("{} ({})", names.namespace(namespace), names::shown(selector)),
            };
            self.pods.entry((namespace.clone(), subject)).or_insert((None, path.to_owned()));
        }
    }

    /// Routes of bytes stand in the listeners of callers, weights included, and not in a table of routes as those of
    /// HTTP do (istio 1.31; seen with Envoy 1.40: connections end after the drain time at every change of weights).
    fn routes_of_bytes(&mut self, pair: &Pair<'_>, names: &Names<'_>) {
        let routes = |object: &Object<'_>| ["tcp", "tls"].map(|kind| object.at(&[kind]).clone());
        if !differs(pair, routes) {
            return;
        }
        for object in [&pair.before, &pair.after].into_iter().flatten() {
            let lists = routes(object);
            let mut targets = lists.iter().filter_map(Value::as_array).flatten().map(|one| one.get("route"));
            let weighs = targets.any(|list| list.and_then(Value::as_array).is_some_and(|list| list.len() > 1));
            let subject = (object.key.namespace.clone(), names.subject(object.path));
            if lists.iter().any(|list| !list.is_null()) {
                self.callers.insert(subject, (weighs, object.path.to_owned()));
            }
        }
    }

    /// So does how long a connection of bytes may be idle; that of HTTP stands in the cluster.
    fn idle_bytes(&mut self, pair: &Pair<'_>, names: &Names<'_>) {
        let idle = |object: &Object<'_>| {
            let mut found = BTreeSet::new();
            idle_of_tcp(object.spec(), &mut found);
            found
        };
        let none = BTreeSet::new();
        let of = |object: &Option<Object<'_>>| object.as_ref().map_or_else(|| none.clone(), idle);
        if of(&pair.before) == of(&pair.after) {
            return;
        }
        for object in [&pair.before, &pair.after].into_iter().flatten() {
            let subject = (object.key.namespace.clone(), names.subject(object.path));
            self.callers.entry(subject).or_insert_with(|| (false, object.path.to_owned()));
        }
    }

    fn tell(self, names: &Names<'_>, out: &mut Changes<'_>) {
        for ((namespace, subject), (weighs, path)) in self.callers {
            if self.namespaces.contains_key(&namespace) || self.pods.contains_key(&(namespace, subject.clone())) {
                continue;
            }
            let text = "cuts streams older than 45 s that its callers hold open".to_owned();
            let text = if weighs { format!("{text}, as each stage of the release will") } else { text };
            out.add(Kind::Cost, subject, &path, text);
        }
        for ((namespace, subject), (replicas, path)) in self.pods {
            if self.namespaces.contains_key(&namespace) {
                continue;
            }
            let pods = match replicas {
                None => "pods".to_owned(),
                Some(1) => "pod".to_owned(),
                Some(count) => format!("{count} pods"),
            };
            out.add(Kind::Cost, subject, &path, format!("cuts streams older than 45 s on its {pods}"));
        }
        for (namespace, path) in self.namespaces {
            let text = "cuts streams older than 45 s on every pod of the namespace".to_owned();
            // Policies of the root namespace hold for all (istio 1.31, meshConfig.rootNamespace).
            let text = match namespace == super::policy::ROOT {
                true => "cuts streams older than 45 s on every pod of the mesh".to_owned(),
                false => text,
            };
            let subject = if namespace == "*" { continue } else { names.namespace(&namespace) };
            out.add(Kind::Cost, subject, &path, text);
        }
    }
}

fn envoy_filter(
    pair: &Pair<'_>,
    before: &Tree<'_>,
    after: &Tree<'_>,
    names: &Names<'_>,
    cuts: &mut Cuts,
    out: &mut Changes<'_>,
) {
    if !differs(pair, |object| object.spec().clone()) {
        return;
    }
    let parts = |object: &Object<'_>, wanted: fn(&str, &str) -> bool| -> Vec<Value> {
        let list = object.at(&["configPatches"]).as_array().into_iter().flatten();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        list.filter(|patch| {
            let context = text(patch.get("match").and_then(|one| one.get("context")));
            wanted(&context, &text(patch.get("applyTo")))
        })
        .cloned()
        .collect()
    };
    let at_sidecar = |object: &Object<'_>| parts(object, |context, _| context != "GATEWAY");
    let at_gateway = |object: &Object<'_>| parts(object, |context, what| context == "GATEWAY" && what == "HTTP_FILTER");
    let labels = |object: &Object<'_>| names::labels(object.at(&["workloadSelector", "labels"]));
    for object in [&pair.before, &pair.after].into_iter().flatten() {
        if differs(pair, at_sidecar) && !at_sidecar(object).is_empty() {
            cuts.pods(&object.key.namespace, &labels(object), object.path, names);
        }
        if !differs(pair, at_gateway) || at_gateway(object).is_empty() {
            continue;
        }
        // Every limit at a gateway brings the same filter: the first adds it, and the last takes it away.
        let file = object.path.rsplit('/').next().unwrap_or_default();
        let stands =
            |tree: &Tree<'_>| tree.ids().keys().any(|path| path != object.path && path.ends_with(&format!("/{file}")));
        let alone = !(stands(before) && stands(after));
        if alone || (pair.before.is_some() && pair.after.is_some()) {
            let gateway = names.gateway_of(&object.key.namespace, &labels(object));
            let subject =
                gateway.map_or_else(|| names.namespace(&object.key.namespace), |gateway| gateway.name.clone());
            let text = "cuts streams older than 45 s of the whole gateway".to_owned();
            out.add(Kind::Cost, subject, object.path, text);
        }
    }
}

fn ejections(pair: &Pair<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    let (Some(before), Some(after)) = (&pair.before, &pair.after) else { return };
    let policy = |object: &Object<'_>| object.at(&["trafficPolicy"]).clone();
    let mut ejects = BTreeSet::new();
    find(before.spec(), "outlierDetection", &mut ejects);
    if policy(before) != policy(after) && !ejects.is_empty() {
        let text = "forgets which pods are ejected: a broken one has to fail anew".to_owned();
        out.add(Kind::Cost, names.subject(pair.path()), pair.path(), text);
    }
}

/// Every `tcp.idleTimeout`.
fn idle_of_tcp(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let idle = fields.get("tcp").and_then(|tcp| tcp.get("idleTimeout"));
            out.extend(idle.map(ToString::to_string));
            fields.values().for_each(|value| idle_of_tcp(value, out));
        }
        Value::Array(list) => list.iter().for_each(|value| idle_of_tcp(value, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Where a key stands, by the texts of its values.
fn find(value: &Value, key: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            out.extend(fields.get(key).map(ToString::to_string));
            fields.values().for_each(|value| find(value, key, out));
        }
        Value::Array(list) => list.iter().for_each(|value| find(value, key, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
