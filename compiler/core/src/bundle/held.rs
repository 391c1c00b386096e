//! What a patch may not do to a release: leave requests on the new version while it is held. The held form of a file
//! is what a rollback publishes, without asking anybody.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::code::Code;
use crate::patch::Refusal;

/// A share of requests in percent, and where it stands.
struct Share<'a> {
    /// Host and subset; no subset is every version of the host.
    destination: (&'a str, Option<&'a str>),
    percent: f64,
    path: String,
}

/// Refuses what a patch has made of the held form `before`, if it now sends requests to a subset that had none there,
/// or to a host of subsets without naming one.
pub(super) fn refuse(before: &Value, after: &Value) -> Option<Refusal> {
    let mut most: BTreeMap<(&str, Option<&str>), f64> = BTreeMap::new();
    for share in shares(before) {
        let known = most.entry(share.destination).or_default();
        *known = known.max(share.percent);
    }
    let has_subsets = |host: &str| most.keys().any(|(known, subset)| *known == host && subset.is_some());
    let wrong = shares(after).into_iter().filter(|share| share.percent > 0.0).find(|share| {
        match (share.destination, most.get(&share.destination)) {
            (_, Some(percent)) => *percent == 0.0,
            ((host, None), None) => has_subsets(host),
            ((_, Some(_)), None) => false,
        }
    })?;
    let (percent, path) = (wrong.percent, &wrong.path);
    let why = match wrong.destination {
        (_, Some(subset)) => format!("it leaves {percent} % of the requests on subset `{subset}` (`{path}`)"),
        (host, None) => format!("it sends requests to every version of `{host}` (`{path}`)"),
    };
    let mut refusal = Refusal::new(Code::PatchFailed, why);
    refusal.help =
        Some("weights belong to the release, so that a rollback takes all of them back: leave them out".to_owned());
    Some(refusal)
}

/// The shares that routes and mirrors of a resource name. What they are where nothing is stated is Istio's rule
/// (istio 1.31, pilot/pkg/networking/core/route/route.go): all for an only destination, none beside others, and all
/// for a mirror.
fn shares(object: &Value) -> Vec<Share<'_>> {
    let mut found = Vec::new();
    walk(object, &mut String::new(), &mut found);
    found
}

fn walk<'a>(value: &'a Value, path: &mut String, found: &mut Vec<Share<'a>>) {
    let length = path.len();
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                path.push('/');
                path.push_str(key);
                match value {
                    Value::Array(list) if matches!(key.as_str(), "route" | "mirrors") => {
                        let default = if key == "mirrors" || list.len() == 1 { 100.0 } else { 0.0 };
                        let entries = list.iter().enumerate().filter_map(|(index, entry)| {
                            let destination = entry.get("destination")?;
                            let stated = entry.get("weight").or_else(|| entry.pointer("/percentage/value"));
                            share(destination, stated, default, format!("{path}/{index}"))
                        });
                        found.extend(entries);
                    }
                    _ if key == "mirror" => {
                        found.extend(share(
                            value,
                            map.get("mirrorPercentage").and_then(|p| p.get("value")),
                            100.0,
                            path.clone(),
                        ));
                    }
                    _ => {}
                }
                walk(value, path, found);
                path.truncate(length);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                path.push('/');
                path.push_str(&index.to_string());
                walk(value, path, found);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn share<'a>(destination: &'a Value, stated: Option<&Value>, default: f64, path: String) -> Option<Share<'a>> {
    let host = destination.get("host")?.as_str()?;
    let subset = destination.get("subset").and_then(Value::as_str);
    let percent = stated.and_then(Value::as_f64).unwrap_or(default);
    Some(Share { destination: (host, subset), percent, path })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn route(entries: Value) -> Value {
        json!({"spec": {"http": [{"route": entries}]}})
    }

    fn to(subset: &str, weight: u32) -> Value {
        json!({"destination": {"host": "a", "subset": subset}, "weight": weight})
    }

    fn why(before: &Value, after: &Value) -> String {
        refuse(before, after).map(|refusal| refusal.why).unwrap_or_default()
    }

    #[test]
    fn weights_left_on_a_held_version_are_refused() {
        let held = route(json!([to("v1", 100), to("v2", 0)]));
        for good in [
            route(json!([to("v1", 100), to("v2", 0)])),
            route(json!([to("v1", 100)])),
            route(json!([to("v1", 95), to("v2", 0), {"destination": {"host": "other"}, "weight": 5}])),
            json!({"spec": {"http": [{"route": [to("v1", 1)], "timeout": "1s"}], "tls": []}}),
        ] {
            assert_eq!(why(&held, &good), "", "{good}");
        }
        for (bad, expected) in [
            (
                route(json!([to("v1", 95), to("v2", 5)])),
                "leaves 5 % of the requests on subset `v2` (`/spec/http/0/route/1`)",
            ),
            (
                route(json!([{"destination": {"host": "a", "subset": "v2"}}])),
                "leaves 100 % of the requests on subset `v2`",
            ),
            (route(json!([{"destination": {"host": "a"}}])), "every version of `a` (`/spec/http/0/route/0`)"),
            (json!({"spec": {"http": [{"route": [to("v1", 1)]}, {"route": [to("v2", 1)]}]}}), "`/spec/http/1/route/0`"),
            (
                json!({"spec": {"http": [{"route": [to("v1", 1)], "mirror": {"host": "a", "subset": "v2"}}]}}),
                "leaves 100 %",
            ),
            (
                json!({"spec": {"http": [{"mirrors": [{"destination": {"host": "a", "subset": "v2"}, "percentage": {"value": 0.5}}]}]}}),
                "leaves 0.5 % of the requests on subset `v2` (`/spec/http/0/mirrors/0`)",
            ),
        ] {
            assert!(why(&held, &bad).contains(expected), "{bad}: {}", why(&held, &bad));
        }
    }

    #[test]
    fn a_mirror_that_is_off_under_a_hold_stays_off() {
        let mirror = |value: f64| {
            json!({"http": [{
                "route": [to("v1", 100)], "mirror": {"host": "a", "subset": "v2"}, "mirrorPercentage": {"value": value},
            }]})
        };
        assert_eq!(why(&mirror(0.0), &mirror(0.0)), "");
        assert!(why(&mirror(0.0), &mirror(10.0)).contains("leaves 10 %"));
    }

    #[test]
    fn hosts_without_subsets_are_not_releases() {
        let plain = route(json!([{"destination": {"host": "a"}}]));
        assert_eq!(why(&plain, &plain), "");
    }
}
