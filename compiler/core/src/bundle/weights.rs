//! Weights of a published file, from its held form and the recorded state: the function by which a promote, a
//! verification and a rendering agree.

use serde_json::Value;

use crate::model::release::subset_name;

/// Whether `text` is `held` with `weight` percent moved from the stable version to the canary, and nothing else.
///
/// The error is a text that is no YAML.
pub fn are_those_of(text: &str, held: &str, stable: &str, canary: &str, weight: u32) -> Result<bool, String> {
    let read = |text: &str| -> Result<Value, String> {
        yaml_serde::from_str(text).map_err(|error| format!("cannot be read as YAML: {error}"))
    };
    let (found, mut expected) = (read(text)?, read(held)?);
    set(&mut expected, &subset_name(stable), &subset_name(canary), weight);
    Ok(found == expected)
}

/// An object that carries weights, as far as a live one must be like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    /// Its namespace in the cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Destination and weight of each entry of each route, in order.
    pub shares: Vec<Value>,
}

/// The routes of a VirtualService; nothing for an object of another kind.
///
/// The error is a text that is no YAML.
pub fn routes(text: &str) -> Result<Option<Routes>, String> {
    let object: Value = yaml_serde::from_str(text).map_err(|error| format!("cannot be read as YAML: {error}"))?;
    let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    if word("/kind") != "VirtualService" {
        return Ok(None);
    }
    let (namespace, name) = (word("/metadata/namespace"), word("/metadata/name"));
    Ok(Some(Routes { namespace, name, shares: shares(&object) }))
}

/// Destination and weight of each entry of each route of an object, in order. A single entry without a weight takes
/// all (istio 1.31, networking/v1/virtual_service.proto, HTTPRouteDestination.weight).
pub fn shares(object: &Value) -> Vec<Value> {
    let mut list = Vec::new();
    for protocol in ["http", "tls", "tcp"] {
        let rules = object.pointer(&format!("/spec/{protocol}")).and_then(Value::as_array);
        for entry in rules.into_iter().flatten().filter_map(|rule| rule.get("route")?.as_array()) {
            for destination in entry {
                let weight = destination.get("weight").cloned();
                let weight = weight.unwrap_or_else(|| if entry.len() == 1 { 100.into() } else { 0.into() });
                list.push(serde_json::json!([destination.get("destination"), weight]));
            }
        }
    }
    list
}

/// Moves `weight` percent in every route of an object that has both versions.
fn set(value: &mut Value, stable: &str, canary: &str, weight: u32) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if let (true, Value::Array(list)) = (key == "route", &mut *value) {
                    for entry in list {
                        let Some(subset) = entry.pointer("/destination/subset").and_then(Value::as_str) else {
                            continue;
                        };
                        let share = match subset {
                            subset if subset == stable => 100 - weight.min(100),
                            subset if subset == canary => weight,
                            _ => continue,
                        };
                        if let Some(stated) = entry.get_mut("weight") {
                            *stated = share.into();
                        }
                    }
                } else {
                    set(value, stable, canary, weight);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| set(value, stable, canary, weight)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(v1: u32, v2: u32, timeout: &str) -> String {
        format!(
            "spec:\n  http:\n  - route:\n    - destination:\n        host: a\n        subset: v1\n      weight: {v1}\n    \
             - destination:\n        host: a\n        subset: v2-0\n      weight: {v2}\n    timeout: {timeout}\n"
        )
    }

    #[test]
    fn shares_are_compared_without_the_rest_of_an_object() {
        let object = |v1, v2, timeout| {
            format!("kind: VirtualService\nmetadata:\n  name: a\n  namespace: n\n{}", route(v1, v2, timeout))
        };
        let of = |text: &str| routes(text).unwrap().unwrap();
        assert_eq!((of(&object(100, 0, "1s")).name, of(&object(100, 0, "1s")).namespace), ("a".into(), "n".into()));
        assert_eq!(of(&object(100, 0, "1s")), of(&object(100, 0, "2s")));
        assert_ne!(of(&object(100, 0, "1s")).shares, of(&object(95, 5, "1s")).shares);
        assert_eq!(routes("kind: DestinationRule\n"), Ok(None));
        assert!(routes("\t").is_err());
    }

    #[test]
    fn only_the_recorded_weights_are_right() {
        let held = route(100, 0, "1s");
        let are = |text: &str, weight| are_those_of(text, &held, "v1", "V2.0", weight);
        assert_eq!(are(&held, 0), Ok(true));
        assert_eq!(are(&route(95, 5, "1s"), 5), Ok(true));
        assert_eq!(are(&route(95, 5, "1s"), 20), Ok(false));
        assert_eq!(are(&route(95, 5, "2s"), 5), Ok(false));
        assert!(are("\t", 5).is_err());
    }
}
