//! Generated patches: every operation of RFC 6902 on paths that are there and paths that are not, with targets as
//! names and as regular expressions.

use std::cell::Cell;
use std::collections::BTreeSet;

use meshc_core::code::Code;
use meshc_core::diagnostic::{Diagnostic, Severity};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use super::{Objects, difference, ours, overlay, write};
use crate::support::project::Texts;

const SHOP: &str = r#"mesh shop { namespace shop; mtls strict; authorization deny-by-default; injection enabled }

service web {
  port    80 -> 8080 http
  also    web-external
  allow   anyone to GET /pages/**, POST /orders
  timeout 3s
  retry   2 { per-try 900ms; on connect-failure, reset }
  not-idempotent POST /orders
  rate-limit 100/min each proxy
  connection-pool   { connections 10; requests 100 }
  outlier-detection { max-ejected 50% }
}

service api { port 9090 grpc; allow web, worker; connect-timeout 1s }
caller worker

environment local { target istio 1.31 }
"#;

#[derive(Debug, Clone)]
struct Entry {
    /// The object that it is written for; else it may find any or none.
    object: Option<Index>,
    target: Vec<(&'static str, &'static str)>,
    operations: Vec<(&'static str, Index, Index, &'static str, Value)>,
}

fn entry() -> impl Strategy<Value = Entry> {
    let kinds = select(vec![
        "DestinationRule",
        "VirtualService",
        "AuthorizationPolicy",
        "EnvoyFilter",
        "PeerAuthentication",
        "Virtual.*",
        ".*Policy|Destination.*",
        "Namespace",
    ]);
    let names =
        select(vec!["web", "api", "web|api", "w.*", "we", "web.*", ".+", "^api$", "default|deny-by-default", "shop"]);
    let target = (
        proptest::option::weighted(0.9, kinds),
        proptest::option::weighted(0.7, names),
        proptest::option::weighted(0.3, select(vec!["shop", "sh.*"])),
        proptest::option::weighted(0.2, select(vec!["networking.istio.io", ".*istio.io", "security.istio.io"])),
        proptest::option::weighted(0.1, select(vec!["v1", "v1alpha3", "v1.*"])),
        proptest::option::weighted(0.1, Just("app.kubernetes.io/managed-by=meshc")),
    );
    let target = target.prop_map(|(kind, name, namespace, group, version, labels)| {
        let parts = [
            ("kind", kind),
            ("name", name),
            ("namespace", namespace),
            ("group", group),
            ("version", version),
            ("labelSelector", labels),
        ];
        parts.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    });
    let tail = select(vec!["", "", "", "", "/new", "/-", "/0", "/7", "/a~1b", "/m~0n/deeper"]);
    let value =
        select(vec![json!("text"), json!(7), json!(true), json!({"a": {"b": [1, "yes"]}}), json!([]), json!("1_000")]);
    let operation =
        (select(vec!["add", "replace", "remove", "test", "copy", "move"]), any::<Index>(), any::<Index>(), tail, value);
    let object = proptest::option::weighted(0.7, any::<Index>());
    let operations = proptest::collection::vec(operation, 1..4);
    (object, target, operations).prop_map(|(object, target, operations)| Entry { object, target, operations })
}

/// Every pointer into these objects, except to what identifies them.
fn pointers<'o>(objects: impl IntoIterator<Item = &'o Value>) -> Vec<String> {
    fn walk(value: &Value, at: &str, into: &mut BTreeSet<String>) {
        into.insert(at.to_owned());
        match value {
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| walk(value, &format!("{at}/{}", escape(key)), into));
            }
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(i, value)| walk(value, &format!("{at}/{i}"), into))
            }
            _ => {}
        }
    }
    let mut all = BTreeSet::new();
    for object in objects {
        walk(&object["spec"], "/spec", &mut all);
        walk(&object["metadata"]["labels"], "/metadata/labels", &mut all);
    }
    all.into_iter().collect()
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// An entry of `patches:`. Tests look for what is there, half of the time.
fn written(entry: &Entry, objects: &Objects) -> Value {
    let object = entry.object.map(|index| objects.values().nth(index.index(objects.len())).expect("an object"));
    let pointers = object.map_or_else(|| pointers(objects.values()), |object| pointers([object]));
    let found = |path: &str| object.into_iter().chain(objects.values()).find_map(|object| object.pointer(path));
    let operations: Vec<Value> = entry
        .operations
        .iter()
        .map(|(op, path, other, tail, value)| {
            let tail = if object.is_some() && *op != "add" { "" } else { tail };
            let path = pointers[path.index(pointers.len())].clone() + tail;
            let expected = found(&path).filter(|_| object.is_some() || other.index(2) == 0).unwrap_or(value);
            match *op {
                "remove" => json!({"op": op, "path": path}),
                "copy" | "move" => json!({"op": op, "from": pointers[other.index(pointers.len())], "path": path}),
                "test" => json!({"op": op, "path": path, "value": expected}),
                _ => json!({"op": op, "path": path, "value": value}),
            }
        })
        .collect();
    let mut target: Map<String, Value> =
        entry.target.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    if let Some(object) = object {
        target =
            json!({"kind": object["kind"], "name": object["metadata"]["name"]}).as_object().expect("a map").clone();
    }
    json!({"target": target, "patch": Value::from(operations).to_string()})
}

fn lenient_in_kustomize(error: &&Diagnostic) -> bool {
    error.code == Code::PatchFailed && ["(`replace /", "(`copy /"].iter().any(|part| error.message.contains(part))
}

#[test]
fn kustomize_applies_generated_patches_as_we_do() {
    let unpatched = Texts::named([("shop.mesh", SHOP)]).compile();
    assert_eq!(unpatched.lines(), Vec::<String>::new());
    let objects = ours(&unpatched, "local");
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), &unpatched.files());
    let (same, refused, stricter) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let mut runner =
        TestRunner::new(Config { cases: 1500, failure_persistence: None, max_shrink_iters: 60, ..Config::default() });
    let entries = proptest::collection::vec(entry(), 1..3);
    let outcome = runner.run(&entries, |entries| {
        let entries: Vec<Value> = entries.iter().map(|entry| written(entry, &objects)).collect();
        let patch = meshc_core::bundle::yaml::to_yaml(&json!({"patches": entries})).expect("plain data");
        let text = SHOP.replace("target istio 1.31", "target istio 1.31; patch \"patch.yaml\"");
        let patched = Texts::named([("shop.mesh", text.as_str()), ("patch.yaml", patch.as_str())]).compile();
        let errors: Vec<_> = patched.found.iter().filter(|d| d.severity == Severity::Error).collect();
        // kustomize passes over a target that matches nothing; we do not.
        if errors.iter().any(|d| d.code == Code::PatchMatchesNothing) {
            return Ok(());
        }
        match (overlay(folder.path(), "local", &entries), errors.is_empty()) {
            (Ok(built), true) => {
                same.set(same.get() + 1);
                let difference = difference("objects", &built, &ours(&patched, "local"));
                prop_assert!(difference.is_none(), "{patch}\n{}", difference.unwrap_or_default());
            }
            (Err(_), false) => refused.set(refused.get() + 1),
            // kustomize adds what it was to replace where it is missing, and copies what is not there as nothing
            // (kustomize 5.5 of kubectl 1.32, tried); RFC 6902 wants it to be there, and so do we.
            (Ok(_), false) if errors.iter().all(lenient_in_kustomize) => stricter.set(stricter.get() + 1),
            (Ok(_), false) => prop_assert!(false, "kustomize takes it\n{patch}\n{}", patched.lines().join("\n")),
            (Err(why), true) => prop_assert!(false, "kustomize refuses it\n{patch}\n{why}"),
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let (same, refused) = (same.get(), refused.get());
    println!("{same} patched alike, {refused} refused by both, {} refused by us alone", stricter.get());
    assert!(same > 10 && refused > 10, "{same} patched alike, {refused} refused by both");
}
