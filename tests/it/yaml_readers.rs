//! Does every reader of Kubernetes take what is written for what was meant? `kubectl` holds two of them, which
//! disagree on YAML 1.1: `kustomize` (go-yaml v3) and the reader of `-f` (sigs.k8s.io/yaml).

use meshc_core::bundle::yaml::to_yaml;
use serde_json::{Map, Value, json};

use super::support::kubectl::kubectl;

/// Strings that some reader takes for something else when they stand without quotes, and strings that stay plain.
const STRINGS: &str = include_str!("yaml_readers/strings.json");

/// kustomize refuses these however they are spelled, also as JSON: within, it reads raw JSON as YAML, where control
/// characters and what is no character may not stand unescaped (kustomize 5.5 of kubectl 1.32, tried).
fn kustomize_can_hold(text: &str) -> bool {
    !text.contains(|c| matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'))
}

/// A ConfigMap with each string as a value, as a key, and as the value of an annotation; `<<` is no key, as kustomize
/// drops it however it is spelled.
fn config_map(wanted: impl Fn(&str) -> bool) -> Value {
    let mut strings: Vec<String> = serde_json::from_str(STRINGS).expect("strings.json is a list of strings");
    strings.retain(|text| wanted(text));
    assert!(strings.len() > 100);
    let values = strings.iter().enumerate().map(|(i, text)| (format!("value-{i}"), json!(text)));
    let keys = strings
        .iter()
        .enumerate()
        .filter(|(_, text)| *text != "<<")
        .map(|(i, text)| (text.clone(), json!(format!("key-{i}"))));
    let annotations = strings.iter().enumerate().map(|(i, text)| (format!("example.com/a{i}"), json!(text)));
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "strings", "annotations": annotations.collect::<Map<_, _>>()},
        "data": values.chain(keys).collect::<Map<_, _>>(),
    })
}

/// Compares entry by entry, so that a failure shows the string that was misread and not all of them.
fn assert_same(read: &Value, meant: &Value) {
    for map in ["/data", "/metadata/annotations"] {
        let entries = |object: &Value| object.pointer(map).and_then(Value::as_object).cloned().unwrap_or_default();
        let (read, meant) = (entries(read), entries(meant));
        let differing: Vec<_> = meant.iter().filter(|(key, value)| read.get(*key) != Some(value)).collect();
        assert!(differing.is_empty(), "{map}: lost {differing:?}");
    }
    assert_eq!(read, meant);
}

fn folder_with(object: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": ["config-map.yaml"],
    });
    for (name, value) in [("config-map.yaml", object), ("kustomization.yaml", &kustomization)] {
        std::fs::write(folder.path().join(name), to_yaml(value).expect("strings can be written")).expect("a file");
    }
    folder
}

#[test]
fn kustomize_reads_the_strings_that_were_meant() {
    let object = config_map(kustomize_can_hold);
    let printed = kubectl(&["kustomize", "."], folder_with(&object).path()).expect("kustomize takes it");
    let read: Value = yaml_serde::from_str(&printed).expect("kustomize prints YAML");
    assert_same(&read, &object);
}

#[test]
fn kubectl_reads_the_strings_that_were_meant() {
    let object = config_map(|_| true);
    let arguments = ["label", "--local", "-f", "config-map.yaml", "-o", "json", "added-by=the-test"];
    let printed = kubectl(&arguments, folder_with(&object).path()).expect("kubectl takes it");
    let mut read: Value = serde_json::from_str(&printed).expect("kubectl prints JSON");
    let metadata = read["metadata"].as_object_mut().expect("metadata");
    assert_eq!(metadata.remove("labels"), Some(json!({"added-by": "the-test"})));
    assert_same(&read, &object);
}
