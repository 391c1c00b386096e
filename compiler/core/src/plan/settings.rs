//! Timeouts, retries, pools, ejection, and every other field of routes and traffic policies, with old and new values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::names::Names;
use super::read::{Diff, Object, Pair, scalar};
use super::routes::routes;
use super::{Changes, Kind};
use crate::source::Span;

/// Fields of a route that other parts of a plan tell.
const TOLD: [&str; 8] =
    ["name", "match", "route", "delegate", "mirror", "mirrors", "mirrorPercentage", "mirror_percent"];

/// What fields are called in the sources.
const WORDS: [(&str, &str); 21] = [
    ("timeout", "timeout"),
    ("retries.attempts", "retry attempts"),
    ("retries.perTryTimeout", "retry per-try"),
    ("retries.retryOn", "retry on"),
    ("retries.backoff", "retry backoff"),
    ("connectionPool.http.http1MaxPendingRequests", "connection-pool pending-requests"),
    ("connectionPool.http.http2MaxRequests", "connection-pool requests"),
    ("connectionPool.http.maxRequestsPerConnection", "connection-pool requests-per-connection"),
    ("connectionPool.http.maxRetries", "connection-pool retries"),
    ("connectionPool.http.idleTimeout", "idle-timeout"),
    ("connectionPool.tcp.idleTimeout", "idle-timeout of connections"),
    ("connectionPool.tcp.connectTimeout", "connect-timeout"),
    ("connectionPool.tcp.maxConnections", "connection-pool connections"),
    ("outlierDetection.baseEjectionTime", "outlier-detection ejection"),
    ("outlierDetection.consecutive5xxErrors", "outlier-detection consecutive-5xx"),
    ("outlierDetection.consecutiveGatewayErrors", "outlier-detection consecutive-gateway-errors"),
    ("outlierDetection.interval", "outlier-detection interval"),
    ("outlierDetection.maxEjectionPercent", "outlier-detection max-ejected"),
    ("retryBudget.percent", "retry budget percent"),
    ("retryBudget.minRetryConcurrency", "retry budget minimum"),
    ("loadBalancer.simple", "balancing"),
];

/// Says which settings change.
pub(super) fn tell(diff: &Diff<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    for (_, pair) in diff.of_kind("VirtualService") {
        of_routes(pair, names, out);
    }
    for (_, pair) in diff.of_kind("DestinationRule") {
        let settings = |object: &Option<Object<'_>>| object.as_ref().map(policy).unwrap_or_default();
        let (old, new) = (settings(&pair.before), settings(&pair.after));
        match (&pair.before, &pair.after) {
            (Some(_), Some(_)) => {
                for (field, text) in differences(&old, &new) {
                    let cause = cause(field, pair, names);
                    out.add_because(Kind::Traffic, names.subject(pair.path()), pair.path(), text, cause);
                }
            }
            (None, Some(_)) => first(&new, pair, names, out),
            _ => {}
        }
    }
}

/// Values by field.
type Settings = BTreeMap<String, String>;

/// The fields of a route.
fn route_settings(route: &Value) -> Settings {
    let mut out = Settings::new();
    for (key, value) in route.as_object().into_iter().flatten().filter(|(key, _)| !TOLD.contains(&key.as_str())) {
        flatten(value, key, &mut out);
    }
    out
}

/// The fields of a DestinationRule's policies. `tls` is told apart, as what it means for mTLS.
fn policy(object: &Object<'_>) -> Settings {
    let mut out = Settings::new();
    let mut add = |prefix: &str, policy: &Value| {
        for (key, value) in policy.as_object().into_iter().flatten() {
            match key.as_str() {
                "tls" => {}
                "portLevelSettings" => {
                    for port in value.as_array().into_iter().flatten() {
                        let number = port.get("port").and_then(|port| port.get("number")).and_then(scalar);
                        let prefix = format!("{prefix}port {}: ", number.unwrap_or_default());
                        let fields = port.as_object().into_iter().flatten();
                        for (key, value) in fields.filter(|(key, _)| !["port", "tls"].contains(&key.as_str())) {
                            flatten(value, &format!("{prefix}{key}"), &mut out);
                        }
                    }
                }
                _ => flatten(value, &format!("{prefix}{key}"), &mut out),
            }
        }
    };
    add("", object.at(&["trafficPolicy"]));
    for subset in object.at(&["subsets"]).as_array().into_iter().flatten() {
        let version = super::names::version_of(subset).unwrap_or_default();
        add(&format!("version {version}: "), subset.get("trafficPolicy").unwrap_or(&Value::Null));
    }
    out
}

/// Scalars by path: `connectionPool.tcp.connectTimeout`.
fn flatten(value: &Value, path: &str, out: &mut Settings) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                flatten(value, &format!("{path}.{key}"), out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                flatten(value, &format!("{path}[{index}]"), out);
            }
        }
        value => drop(out.insert(path.to_owned(), scalar(value).unwrap_or_else(|| value.to_string()))),
    }
}

/// A field in the words of the sources.
fn words(path: &str) -> String {
    let (prefix, field) = path.rsplit_once(": ").map_or(("", path), |(prefix, field)| (prefix, field));
    let known = WORDS.iter().find(|(known, _)| *known == field).map_or(field, |(_, words)| words);
    if prefix.is_empty() { known.to_owned() } else { format!("{prefix}: {known}") }
}

/// "timeout 3s -> 5s".
fn differences<'s>(old: &'s Settings, new: &'s Settings) -> Vec<(&'s str, String)> {
    let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |settings: &Settings, field: &String| settings.get(field).cloned().unwrap_or_else(|| "none".to_owned());
    fields
        .into_iter()
        .filter(|field| old.get(*field) != new.get(*field))
        .map(|field| {
            let text = format!("{} {} -> {}", words(field), value(old, field), value(new, field));
            (field.as_str(), text)
        })
        .collect()
}

/// The line that states a field, where the mesh knows it; else the service's.
fn cause(field: &str, pair: &Pair<'_>, names: &Names<'_>) -> Option<Span> {
    let (_, service) = names.service_of(pair.path())?;
    let mut traffic = service.ports.iter().map(|port| &port.traffic);
    let stated = if field.contains("retryBudget") {
        traffic.find_map(|traffic| traffic.retry.as_ref()?.budget.map(|budget| budget.span))
    } else if field.contains("retries.") {
        traffic.find_map(|traffic| traffic.retry.as_ref().map(|retry| retry.span))
    } else if field.contains("outlierDetection.") {
        traffic.find_map(|traffic| traffic.outlier_detection.map(|ejection| ejection.span))
    } else {
        None
    };
    stated.or(Some(service.span))
}

/// "newly set: connect-timeout 500ms".
fn first(new: &Settings, pair: &Pair<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    if !new.is_empty() {
        let list: Vec<String> = new.iter().map(|(field, value)| format!("{} {value}", words(field))).collect();
        let text = format!("newly set: {}", list.join(", "));
        out.add(Kind::Traffic, names.subject(pair.path()), pair.path(), text);
    }
}

fn of_routes(pair: &Pair<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    let Some(after) = &pair.after else { return };
    let subject = names.subject(pair.path());
    let from_outside = !after.at(&["gateways"]).is_null();
    let Some(before) = &pair.before else {
        let mut all = Settings::new();
        for (_, route) in routes(after) {
            // The first route that says it: the others say the same, or are careful ones.
            route_settings(route).into_iter().for_each(|(field, value)| drop(all.insert(field, value)));
        }
        // What a gateway delegates to is told as what it exposes.
        if !after.at(&["hosts"]).is_null() {
            first(&all, pair, names, out);
        }
        return;
    };
    let old: BTreeMap<String, &Value> = routes(before).into_iter().collect();
    let new = routes(after);
    let mut told: BTreeMap<String, (Option<Span>, Vec<&str>)> = BTreeMap::new();
    let mut both = 0;
    for (name, route) in &new {
        let Some(known) = old.get(name) else {
            // Routes of gateways are told as what they expose.
            if !from_outside {
                let text = format!("route `{name}` is new{}", conditions(route));
                out.add(Kind::Traffic, subject.clone(), pair.path(), text);
            }
            continue;
        };
        both += 1;
        let (was, is) = (route_settings(known), route_settings(route));
        for (field, text) in differences(&was, &is) {
            told.entry(text).or_insert((cause(field, pair, names), Vec::new())).1.push(name);
        }
        let (before, after) = (conditions(known), conditions(route));
        if before != after && !from_outside {
            let shown = |conditions: &str| conditions.strip_prefix(": ").unwrap_or("everything").to_owned();
            let text = format!("route `{name}` is for other requests: {} -> {}", shown(&before), shown(&after));
            out.add(Kind::Traffic, subject.clone(), pair.path(), text);
        }
    }
    for name in old.keys().filter(|name| !from_outside && !new.iter().any(|(known, _)| known == *name)) {
        out.add(Kind::Traffic, subject.clone(), pair.path(), format!("route `{name}` is gone"));
    }
    for (text, (cause, on)) in told {
        let on = if on.len() == both { String::new() } else { format!(" on route `{}`", on.join("`, `")) };
        out.add_because(Kind::Traffic, subject.clone(), pair.path(), text + &on, cause);
    }
}

/// Which requests a route is for: ": POST /cart, POST /cart/checkout"; empty: all.
fn conditions(route: &Value) -> String {
    let list = route.get("match").and_then(Value::as_array).into_iter().flatten();
    let one = |one: &Value| {
        let mut parts: Vec<String> = Vec::new();
        let text = |key: &str| {
            let (how, value) = one.get(key)?.as_object()?.iter().next()?;
            let value = value.as_str()?;
            Some(match how.as_str() {
                "exact" => value.to_owned(),
                "prefix" => format!("{value}*"),
                how => format!("{how} {value}"),
            })
        };
        parts.extend(text("method"));
        parts.extend(text("uri"));
        let mut others = Settings::new();
        let fields = one.as_object().into_iter().flatten();
        for (key, value) in fields.filter(|(key, _)| !["method", "uri"].contains(&key.as_str())) {
            flatten(value, key, &mut others);
        }
        parts.extend(others.into_iter().map(|(field, value)| format!("{field} {value}")));
        parts.join(" ")
    };
    let list: Vec<String> = list.map(one).collect();
    if list.is_empty() { String::new() } else { format!(": {}", list.join(", ")) }
}
