//! Strategic-merge patches: what they would be as JSON patches. They are not applied, as their meaning depends on
//! schemas of the cluster's version (which list is merged by which key), and for Istio's kinds kustomize has none.

use serde_json::{Map, Value, json};

use super::located::{Located, Node};
use crate::bundle::yaml::to_yaml;

/// A JSON patch that does what a strategic-merge patch says.
#[derive(Debug, Default)]
pub(super) struct Conversion {
    /// An entry of `patches:`, as YAML without the dash.
    pub(super) entry: String,
    /// What the reader should know of it.
    pub(super) notes: Vec<&'static str>,
}

const LISTS: &str = "a list is written whole: what the patch leaves out of it is gone, as it is with kustomize for every \
                     kind that it has no schema of, Istio's among them";
const DIRECTIVES: &str = "directives such as `$patch` have no equivalent and are left out";
const PARENTS: &str =
    "`add` needs what stands above its path to be there; where it is not, write the upper part as one value";

/// Converts a patch; nothing where it changes nothing. `target` is that of the entry, where it has one: then the
/// patch's own name and kind do not matter, as in kustomize.
pub(super) fn convert(patch: &Located, target: Option<&Located>) -> Option<Conversion> {
    let mut conversion = Conversion::default();
    let mut operations = Vec::new();
    for entry in patch.as_map()? {
        let path = match entry.key.as_str() {
            "apiVersion" | "kind" => continue,
            key => format!("/{}", escape(key)),
        };
        leaves(&path, &entry.key, &entry.value, &mut operations, &mut conversion.notes);
    }
    if operations.is_empty() {
        return None;
    }
    if operations.iter().any(|op| op.get("path").and_then(Value::as_str).is_some_and(|p| p.matches('/').count() > 2)) {
        note(&mut conversion.notes, PARENTS);
    }
    let target = target.map_or_else(|| target_of(patch), Located::to_value);
    let (target, operations) = (to_yaml(&target).ok()?, to_yaml(&operations).ok()?);
    conversion.entry = format!("target:\n{}patch: |\n{}", indent(&target, 2), indent(&operations, 2));
    Some(conversion)
}

/// The resource that a patch names. Without its version, which the environment's target decides.
fn target_of(patch: &Located) -> Value {
    let text = |value: Option<&Located>| value.and_then(Located::as_str).map(str::to_owned);
    let metadata = patch.get("metadata");
    let api_version = text(patch.get("apiVersion")).unwrap_or_default();
    let group = api_version.split_once('/').map(|(group, _)| group.to_owned());
    let fields = [
        ("group", group),
        ("kind", text(patch.get("kind"))),
        ("name", text(metadata.and_then(|metadata| metadata.get("name")))),
        ("namespace", text(metadata.and_then(|metadata| metadata.get("namespace")))),
    ];
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?)))).collect::<Map<_, _>>().into()
}

fn leaves(path: &str, key: &str, value: &Located, operations: &mut Vec<Value>, notes: &mut Vec<&'static str>) {
    if key.starts_with('$') {
        note(notes, DIRECTIVES);
        return;
    }
    match &value.node {
        Node::Map(entries) => {
            for entry in entries {
                if path == "/metadata" && matches!(entry.key.as_str(), "name" | "namespace") {
                    continue;
                }
                leaves(&format!("{path}/{}", escape(&entry.key)), &entry.key, &entry.value, operations, notes);
            }
        }
        Node::Null => operations.push(json!({"op": "remove", "path": path})),
        Node::List(_) | Node::Bool(_) | Node::Number(_) | Node::String(_) => {
            if matches!(value.node, Node::List(_)) {
                note(notes, LISTS);
            }
            operations.push(json!({"op": "add", "path": path, "value": value.to_value()}));
        }
    }
}

fn note(notes: &mut Vec<&'static str>, text: &'static str) {
    if !notes.contains(&text) {
        notes.push(text);
    }
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// `text` with every line moved to the right.
pub(super) fn indent(text: &str, by: usize) -> String {
    let space = " ".repeat(by);
    text.split_inclusive('\n')
        .map(|line| if line == "\n" { line.to_owned() } else { format!("{space}{line}") })
        .collect()
}

/// Entries as items of a list, each after a dash.
pub(super) fn as_items(entries: &[String]) -> String {
    entries.iter().map(|entry| indent(entry, 2).replacen("  ", "- ", 1)).collect()
}
