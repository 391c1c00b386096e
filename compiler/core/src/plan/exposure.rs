//! What gateways let in: hosts and paths of their routes, and listeners.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use smol_str::format_smolstr;

use super::names::Names;
use super::pattern::within;
use super::read::{Diff, Key, Object, Pair, scalar, texts};
use super::{Changes, Kind};
use crate::model::PathPattern;
use crate::source::{Span, Text};

/// Says what is newly, or no longer, reachable from outside.
pub(super) fn tell(diff: &Diff<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    let (mut before, mut after) = (Routes::new(), Routes::new());
    for (_, pair) in diff.of_kind("VirtualService") {
        for (object, routes) in [(&pair.before, &mut before), (&pair.after, &mut after)] {
            if let Some(object) = object {
                add_routes(object, names, routes);
            }
        }
    }
    differences(&after, &before, Kind::Exposed, names, out);
    differences(&before, &after, Kind::Unexposed, names, out);
    for (key, pair) in diff.of_kind("Gateway") {
        listeners(key, pair, names, out);
    }
}

/// A host at a gateway, and to whom it leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    host: Text,
    gateway: Text,
    /// `NAMESPACE/SERVICE`, or what the route says.
    target: Text,
    /// What else requests must have.
    condition: String,
}

/// Classes of paths by way, with the file that says so.
type Routes = BTreeMap<Way, (BTreeSet<Text>, String)>;

fn add_routes(object: &Object<'_>, names: &Names<'_>, out: &mut Routes) {
    let gateways: Vec<Text> = texts(object.at(&["gateways"])).into_iter().filter(|gateway| gateway != "mesh").collect();
    let hosts = texts(object.at(&["hosts"]));
    for (kind, list) in ["http", "tcp", "tls"].map(|kind| (kind, object.at(&[kind]))) {
        for route in list.as_array().into_iter().flatten() {
            let targets = targets(route, names);
            let none = [Value::Null];
            let matches = route.get("match").and_then(Value::as_array).map_or(&none[..], Vec::as_slice);
            for one in matches {
                let (path, condition) = if kind == "http" { requests(one) } else { ("*".into(), one.to_string()) };
                let condition = if condition == "null" { String::new() } else { condition };
                for ((gateway, host), target) in gateways
                    .iter()
                    .flat_map(|gateway| hosts.iter().map(move |host| (gateway, host)))
                    .flat_map(|place| targets.iter().map(move |target| (place, target)))
                {
                    let way = Way {
                        host: host.clone(),
                        gateway: gateway_name(gateway, &object.key.namespace, names),
                        target: target.clone(),
                        condition: condition.clone(),
                    };
                    let entry = out.entry(way).or_insert_with(|| (BTreeSet::new(), object.path.to_owned()));
                    entry.0.insert(path.clone());
                }
            }
        }
    }
}

/// A gateway as the mesh calls it, else as the route does, with its namespace.
fn gateway_name(reference: &str, home: &str, names: &Names<'_>) -> Text {
    let (namespace, name) = reference.split_once('/').unwrap_or((home, reference));
    let known = names.mesh.gateways.iter().find(|gateway| {
        let (of, called) = &gateway.resource;
        of == namespace && called == name
    });
    known.map_or_else(|| format_smolstr!("{}/{name}", names.namespace(namespace)), |gateway| gateway.name.clone())
}

fn targets(route: &Value, names: &Names<'_>) -> BTreeSet<Text> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(Text::new);
    if let Some(delegate) = route.get("delegate") {
        let (namespace, name) = (text(delegate, "namespace").unwrap_or_default(), text(delegate, "name"));
        let name = name.unwrap_or_default();
        // A delegate is named after its service, with the host behind it.
        let services = names.services_in(&namespace).map(|(_, service)| &service.name);
        let of = services
            .filter(|service| name.strip_prefix(service.as_str()).is_some_and(|rest| rest.starts_with('-')))
            .max_by_key(|service| service.len());
        let of = of.cloned().or_else(|| text(route, "name")).unwrap_or(name);
        return BTreeSet::from([format_smolstr!("{}/{of}", names.namespace(&namespace))]);
    }
    let destinations = route.get("route").and_then(Value::as_array).into_iter().flatten();
    let hosts = destinations.filter_map(|to| to.get("destination")?.get("host")?.as_str());
    hosts.map(|host| names.host(host)).collect()
}

/// The class of paths that a match is for, and its other conditions.
fn requests(one: &Value) -> (Text, String) {
    let uri = one.get("uri").and_then(Value::as_object).and_then(|uri| uri.iter().next());
    let path = match uri {
        None => Text::new_static("*"),
        Some((how, value)) => {
            let value = value.as_str().unwrap_or_default();
            match how.as_str() {
                "exact" => value.into(),
                "prefix" if value == "/" => Text::new_static("*"),
                "prefix" => format_smolstr!("{value}*"),
                _ => format_smolstr!("{how} {value}"),
            }
        }
    };
    let others = one.as_object().into_iter().flatten().filter(|(key, _)| *key != "uri");
    (path, others.map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", "))
}

fn differences(of: &Routes, other: &Routes, kind: Kind, names: &Names<'_>, out: &mut Changes<'_>) {
    for (way, (paths, file)) in of {
        let wider = |path: &Text| {
            other.iter().any(|(known, (paths, _))| {
                (&known.host, &known.gateway, &known.target) == (&way.host, &way.gateway, &way.target)
                    && (known.condition.is_empty() || known.condition == way.condition)
                    && paths.iter().any(|wide| within(path, wide))
            })
        };
        let new: Vec<&Text> = paths.iter().filter(|path| !wider(path)).collect();
        if new.is_empty() {
            continue;
        }
        let leads = if kind == Kind::Exposed { "newly leads" } else { "no longer leads" };
        let condition = if way.condition.is_empty() { String::new() } else { format!(" where {}", way.condition) };
        let what = shown(&new).map_or(String::new(), |paths| format!("{paths} "));
        let text = format!("{what}{leads} to `{}` by gateway `{}`{condition}", way.target, way.gateway);
        let cause = (kind == Kind::Exposed).then(|| cause(way, &new, names)).flatten();
        out.add_because(kind, way.host.clone(), file, text, cause);
    }
}

/// Classes of paths as `expose` has them; nothing: every path.
fn shown(paths: &[&Text]) -> Option<String> {
    if paths.iter().any(|path| *path == "*") {
        return None;
    }
    let below = |path: &str| paths.iter().any(|other| other.strip_suffix("/*") == Some(path));
    let shown = paths.iter().filter_map(|path| match path.strip_suffix("/*") {
        Some(top) if paths.iter().any(|other| *other == top) => None,
        _ if below(path) => Some(format!("`{path}/**`")),
        _ => Some(format!("`{path}`")),
    });
    Some(shown.collect::<Vec<_>>().join(", "))
}

/// The line that exposes it.
fn cause(way: &Way, paths: &[&Text], names: &Names<'_>) -> Option<Span> {
    let services = names.mesh.namespaces.iter().flat_map(|namespace| {
        namespace.services.iter().map(move |service| (format_smolstr!("{}/{}", namespace.name, service.name), service))
    });
    let (_, service) = services.into_iter().find(|(name, _)| *name == way.target)?;
    let says = |pattern: &PathPattern| match pattern {
        PathPattern::All => paths.iter().any(|path| *path == "*"),
        PathPattern::Exact(path) | PathPattern::Below(path) => {
            paths.iter().any(|class| *class == path || class.strip_suffix("/*") == Some(path.as_str()))
        }
    };
    let mut exposures = service.exposures.iter().filter(|exposure| exposure.host == way.host);
    exposures.find(|exposure| says(&exposure.path)).map(|exposure| exposure.span)
}

/// Hosts by port, with what it speaks and whether it only sends clients to HTTPS.
fn servers(object: Option<&Object<'_>>) -> BTreeMap<(String, String, Text), bool> {
    let mut out = BTreeMap::new();
    let list = object.map(|object| object.at(&["servers"])).and_then(Value::as_array);
    for server in list.into_iter().flatten() {
        let port = |key: &str| server.get("port").and_then(|port| port.get(key)).and_then(scalar).unwrap_or_default();
        let redirects = server.get("tls").and_then(|tls| tls.get("httpsRedirect")).and_then(Value::as_bool);
        for host in server.get("hosts").map(texts).unwrap_or_default() {
            out.insert((port("number"), port("protocol"), host), redirects.unwrap_or(false));
        }
    }
    out
}

fn listeners(key: &Key, pair: &Pair<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    let (before, after) = (servers(pair.before.as_ref()), servers(pair.after.as_ref()));
    let subject = gateway_name(&key.name, &key.namespace, names);
    for (of, other, kind) in [(&after, &before, Kind::Exposed), (&before, &after, Kind::Unexposed)] {
        let mut by_port: BTreeMap<(&String, &String), Vec<&str>> = BTreeMap::new();
        for ((port, protocol, host), _) in of.iter().filter(|(server, _)| !other.contains_key(*server)) {
            by_port.entry((port, protocol)).or_default().push(host);
        }
        let listens = if kind == Kind::Exposed { "newly listens" } else { "no longer listens" };
        for ((port, protocol), hosts) in by_port {
            let text = format!("{listens} on port {port} ({protocol}) for {}", hosts.join(", "));
            out.add(kind, subject.clone(), pair.path(), text);
        }
    }
    let mut stops: Vec<&String> = before
        .iter()
        .filter(|(server, redirects)| **redirects && after.get(*server) == Some(&false))
        .map(|((port, ..), _)| port)
        .collect();
    stops.dedup();
    for port in stops {
        let text = format!("port {port} no longer sends clients to HTTPS");
        out.add(Kind::ProtectionRemoved, subject.clone(), pair.path(), text);
    }
}
