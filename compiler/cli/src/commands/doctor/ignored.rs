//! Argo CD's `ignoreDifferences`, as far as it hides the weights of routes: then a rollback is published, and never
//! applied. People copy these lines from the documentation of Argo Rollouts, where another controller owns the weights.

use serde_json::Value;

/// Where a weight is in a VirtualService. Numbers stand for any index.
const WEIGHT: [&str; 6] = ["spec", "http", "0", "route", "0", "weight"];
/// Controllers that write weights themselves.
const WRITERS: [&str; 2] = ["rollouts-controller", "flagger"];

/// The expression of an entry that hides weights; nothing where none does. Whether the entry is about VirtualServices is
/// the caller's question.
pub(super) fn hides_weights(entry: &Value) -> Option<String> {
    let texts = |field: &str| {
        let list = entry.get(field).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<String>>()
    };
    let pointer = texts("jsonPointers").into_iter().find(|text| pointer_covers(text));
    let expression = || texts("jqPathExpressions").into_iter().find(|text| expression_covers(text));
    let manager = || texts("managedFieldsManagers").into_iter().find(|name| WRITERS.contains(&name.as_str()));
    pointer.or_else(expression).or_else(manager)
}

/// Whether an entry of an Application is about VirtualServices.
pub(super) fn is_about_routes(entry: &Value) -> bool {
    let is = |field: &str, wanted: &str| {
        entry.get(field).and_then(Value::as_str).is_some_and(|value| value == wanted || value == "*")
    };
    is("kind", "VirtualService") && is("group", "networking.istio.io")
}

/// A JSON pointer to a weight, or to what holds one.
fn pointer_covers(pointer: &str) -> bool {
    let parts: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let same = |(part, wanted): (&&str, &&str)| part == wanted || (*wanted == "0" && number(part));
    !pointer.trim_matches('/').is_empty() && parts.len() <= WEIGHT.len() && parts.iter().zip(&WEIGHT).all(same)
}

/// A path of jq to weights, or to what holds them. What is written in another way and names `weight` counts too.
fn expression_covers(expression: &str) -> bool {
    let mut path = String::new();
    let mut depth = 0_u32;
    for c in expression.chars().filter(|c| !c.is_whitespace() && *c != '?') {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if depth == 0 => path.push(c),
            _ => {}
        }
    }
    let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    let wanted: Vec<&str> = WEIGHT.into_iter().filter(|part| *part != "0").collect();
    let holds = !parts.is_empty() && parts.len() <= wanted.len() && parts.iter().zip(&wanted).all(|(a, b)| a == b);
    holds || expression.contains("weight")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn weights_are_hidden_in_several_ways() {
        for pointer in ["/spec/http/0/route/1/weight", "/spec/http", "/spec", "/spec/http/0"] {
            assert_eq!(hides_weights(&json!({"jsonPointers": [pointer]})).as_deref(), Some(pointer));
        }
        for path in [".spec.http[].route[].weight", ".spec.http[]?.route", ".spec", ".spec.http[0].route[ 1 ].weight"] {
            assert_eq!(hides_weights(&json!({"jqPathExpressions": [path]})).as_deref(), Some(path));
        }
        let any = r#".spec.http[] | select(.name == "a") | .route[].weight"#;
        assert!(hides_weights(&json!({"jqPathExpressions": [any]})).is_some());
        assert!(hides_weights(&json!({"managedFieldsManagers": ["kubectl", "rollouts-controller"]})).is_some());
    }

    #[test]
    fn other_fields_may_be_ignored() {
        for entry in [
            json!({"jsonPointers": ["/spec/hosts", "/metadata/annotations", "/status", "/spec/http/0/timeout"]}),
            json!({"jqPathExpressions": [".metadata.annotations", ".spec.hosts[]", ".spec.http[].timeout"]}),
            json!({"managedFieldsManagers": ["kube-controller-manager"]}),
            json!({}),
        ] {
            assert_eq!(hides_weights(&entry), None, "{entry}");
        }
    }

    #[test]
    fn only_virtual_services_have_weights() {
        let about = |group: &str, kind: &str| is_about_routes(&json!({"group": group, "kind": kind}));
        assert!(about("networking.istio.io", "VirtualService") && about("*", "*"));
        assert!(!about("networking.istio.io", "DestinationRule") && !about("apps", "VirtualService"));
    }
}
