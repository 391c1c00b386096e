//! Weights of a published file, from its held form and the recorded state: the function by which a promote, a
//! verification and a rendering agree.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::assemble::HEADER;
use super::yaml::append_yaml;
use crate::model::release::subset_name;

/// A number of a file that a release changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// JSON pointer (RFC 6901) of the number in the file's object.
    pub pointer: String,
    /// Whose share it is.
    pub share: Share,
}

/// Whose share a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// What the canary leaves.
    Stable,
    /// The weight.
    Canary,
}

/// The places of both versions' weights in a file.
///
/// The error is a text that is no YAML.
pub fn places(text: &str, stable: &str, canary: &str) -> Result<Vec<Place>, String> {
    let mut found = Vec::new();
    find(&read(text)?, &subset_name(stable), &subset_name(canary), &mut String::new(), &mut found);
    Ok(found)
}

/// The file with `weight` percent on the canary, in the form in which meshc writes files.
///
/// The error is a text that is no YAML, or that has no whole number at one of the places.
pub fn moved(text: &str, places: &[Place], weight: u32) -> Result<String, String> {
    let mut value = read(text)?;
    set(&mut value, places, weight)?;
    let mut text = HEADER.to_owned();
    append_yaml(&value, &mut text)?;
    Ok(text)
}

/// Whether `text` is `held` with `weight` percent moved from the stable version to the canary, and nothing else.
///
/// The error is a text that is no YAML.
pub fn are_those_of(text: &str, held: &str, stable: &str, canary: &str, weight: u32) -> Result<bool, String> {
    let (found, mut expected) = (read(text)?, read(held)?);
    set(&mut expected, &places(held, stable, canary)?, weight)?;
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
    let object = read(text)?;
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

fn read(text: &str) -> Result<Value, String> {
    yaml_serde::from_str(text).map_err(|error| format!("cannot be read as YAML: {error}"))
}

fn set(value: &mut Value, places: &[Place], weight: u32) -> Result<(), String> {
    let weight = weight.min(100);
    for Place { pointer, share } in places {
        let number = value.pointer_mut(pointer).filter(|number| number.is_u64());
        let number = number.ok_or_else(|| format!("has no weight at `{pointer}`"))?;
        *number = match share {
            Share::Stable => 100 - weight,
            Share::Canary => weight,
        }
        .into();
    }
    Ok(())
}

/// Every route of an object that has both versions states a weight for each.
fn find(value: &Value, stable: &str, canary: &str, path: &mut String, found: &mut Vec<Place>) {
    let length = path.len();
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                path.push('/');
                path.push_str(&key.replace('~', "~0").replace('/', "~1"));
                match value {
                    Value::Array(list) if key == "route" => {
                        for (index, entry) in list.iter().enumerate() {
                            let subset = entry.pointer("/destination/subset").and_then(Value::as_str);
                            let share = match subset {
                                Some(subset) if subset == stable => Share::Stable,
                                Some(subset) if subset == canary => Share::Canary,
                                _ => continue,
                            };
                            if entry.get("weight").is_some() {
                                found.push(Place { pointer: format!("{path}/{index}/weight"), share });
                            }
                        }
                    }
                    _ => find(value, stable, canary, path, found),
                }
                path.truncate(length);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                path.push('/');
                path.push_str(&index.to_string());
                find(value, stable, canary, path, found);
                path.truncate(length);
            }
        }
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

    #[test]
    fn numbers_are_written_at_their_places() {
        let held = format!("{HEADER}{}", route(100, 0, "1s"));
        let places = places(&held, "v1", "V2.0").unwrap();
        let pointers: Vec<&str> = places.iter().map(|place| place.pointer.as_str()).collect();
        assert_eq!(pointers, ["/spec/http/0/route/0/weight", "/spec/http/0/route/1/weight"]);
        let text = moved(&held, &places, 20).unwrap();
        assert_eq!(text, format!("{HEADER}{}", route(80, 20, "1s")));
        assert_eq!(are_those_of(&text, &held, "v1", "V2.0", 20), Ok(true));
        assert!(moved("spec: {}\n", &places, 20).unwrap_err().contains("/spec/http/0/route/0/weight"));
    }
}
