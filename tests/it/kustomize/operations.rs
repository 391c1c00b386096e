//! Operations and selectors one by one: patches do what kustomize does with them, and refuse what it guesses.

use std::collections::BTreeMap;
use std::path::Path;

use meshc_core::bundle::assemble::Assembly;
use meshc_core::bundle::{Bundle, FilePath, Head, Sink};
use meshc_core::diagnostic::Diagnostics;
use meshc_core::patch::{self, Patches};
use meshc_core::source::{FileId, SourceMap, Span};
use serde_json::{Value, json};

use super::Objects;
use crate::support::kubectl::kubectl;

/// Resources of two namespaces, without patches.
fn resources() -> Vec<Value> {
    let route = |namespace: &str, name: &str| {
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {"team": if name == "cart" { "a" } else { "b" }},
                "annotations": {"example.com/note": "1:30"},
            },
            "spec": {
                "hosts": [name, format!("{name}.example.com")],
                "http": [
                    {"name": "default", "route": [{"destination": {"host": name, "subset": "v1"}, "weight": 95}]},
                    {"name": "on", "timeout": "3s"},
                ],
            },
        })
    };
    let rule = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"host": "cart", "subsets": [{"name": "v1", "labels": {"version": "1.10"}}]},
    });
    vec![route("shop", "cart"), route("shop", "front"), route("pay", "cart"), rule]
}

fn text<'a>(object: &'a Value, at: &str) -> &'a str {
    object.pointer(at).and_then(Value::as_str).unwrap_or("")
}

fn bundle(patches: &Patches, out: &mut Diagnostics) -> Bundle {
    let mut assembly = Assembly::new("prod", patches);
    let mut part = assembly.part();
    for object in resources() {
        let (kind, namespace, name) =
            (text(&object, "/kind"), text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
        let head = Head {
            api_version: text(&object, "/apiVersion").into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
            path: FilePath {
                namespace: namespace.into(),
                service: name.into(),
                file: format!("{}.yaml", kind.to_lowercase()).into(),
            },
            span: Span::new(FileId(0), 0, 0),
        };
        part.put(head, &object, None);
    }
    assembly.add(part, out);
    assembly.finish(out)
}

fn write(files: &BTreeMap<String, String>, folder: &Path) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
}

/// Objects of a stream of YAML documents, by kind, namespace and name.
fn objects(yaml: &str) -> Objects {
    let documents = yaml.split("\n---\n").map(|document| yaml_serde::from_str::<Value>(document).expect("YAML"));
    let id =
        |o: &Value| format!("{}/{}/{}", text(o, "/kind"), text(o, "/metadata/namespace"), text(o, "/metadata/name"));
    documents.map(|object| (id(&object), object)).collect()
}

/// The resources of a bundle, without what lists them.
fn own(bundle: &Bundle) -> Objects {
    let listing = |path: &str| path.ends_with("/kustomization.yaml") || path.ends_with(".json");
    bundle.files.iter().filter(|(path, _)| !listing(path)).flat_map(|(_, text)| objects(text)).collect()
}

/// What becomes of the resources under a patch file: with kustomize, and here. Nothing where it is refused.
fn patched(patch_file: &str) -> (Option<Objects>, Option<Objects>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files = bundle(&Patches::default(), &mut Diagnostics::default()).files;
    files.insert("kustomization.yaml".into(), format!("resources: [prod]\npatches:\n{patch_file}"));
    write(&files, folder.path());
    let kustomize = kubectl(&["kustomize", "."], folder.path()).ok();

    let mut sources = SourceMap::default();
    let file = sources.add("patches.yaml", patch_file);
    let (mut patches, mut out) = (Patches::default(), Diagnostics::default());
    patch::read(&sources, file, Span::new(file, 0, 0), &mut |_| None, &mut patches, &mut out);
    let own_bundle = bundle(&patches, &mut out);
    let here = (!out.has_errors()).then(|| own(&own_bundle));
    (kustomize.map(|yaml| objects(&yaml)), here)
}

fn entry(target: &str, operations: &[&str]) -> String {
    let operations: String = operations.iter().map(|operation| format!("    - {operation}\n")).collect();
    format!("- target: {{{target}}}\n  patch: |\n{operations}")
}

#[test]
fn patches_do_what_kustomize_does() {
    let everything = "kind: VirtualService";
    for (target, operations) in [
        (everything, &["{op: add, path: /spec/gateways, value: [mesh, \"on\"]}"][..]),
        (everything, &["{op: add, path: /spec/hosts/-, value: x}", "{op: add, path: /spec/hosts/0, value: z}"]),
        (everything, &["{op: replace, path: /spec/http/0/route/0/weight, value: 5.0}"]),
        (
            everything,
            &["{op: add, path: /spec/http/0/fault, value: {delay: {percentage: {value: 0.1}, fixedDelay: 5s}}}"],
        ),
        (
            everything,
            &["{op: remove, path: /spec/http/1}", "{op: remove, path: /metadata/annotations/example.com~1note}"],
        ),
        (everything, &["{op: move, from: /spec/http/1, path: /spec/http/0}"]),
        (everything, &["{op: copy, from: /spec/http/0/route, path: /spec/http/1/route}"]),
        (
            everything,
            &[
                "{op: test, path: /spec/http/0/route/0/weight, value: 95}",
                "{op: add, path: /spec/a~1b~0c, value: \"\"}",
            ],
        ),
        (everything, &["{op: test, path: /spec/tls, value: null}", "{op: add, path: /spec/hosts, value: []}"]),
        (everything, &["{op: add, path: /metadata/labels/version, value: \"1.10\"}"]),
        ("kind: .*Service, name: cart|front, namespace: shop", &["{op: add, path: /spec/x, value: 1}"]),
        ("kind: Virtual.*, name: ca, namespace: sh.*", &["{op: add, path: /spec/x, value: 1}"]),
        ("group: networking.istio.io, version: v1, name: cart", &["{op: add, path: /spec/x, value: {z: {}}}"]),
        ("labelSelector: team=a", &["{op: add, path: /spec/x, value: 1}"]),
        ("labelSelector: \"team in (a, b), team!=b\"", &["{op: add, path: /spec/x, value: 1}"]),
        ("labelSelector: \"!team\"", &["{op: add, path: /spec/x, value: 1}"]),
        ("kind: VirtualService, annotationSelector: \"example.com/note\"", &["{op: add, path: /spec/x, value: 1}"]),
    ] {
        let file = entry(target, operations);
        let (kustomize, here) = patched(&file);
        let kustomize = kustomize.unwrap_or_else(|| panic!("kustomize refuses:\n{file}"));
        match here {
            Some(here) => assert_eq!(here, kustomize, "{file}"),
            // What finds nothing is an error here, and nothing at all to kustomize.
            None => assert_eq!(kustomize, own(&bundle(&Patches::default(), &mut Diagnostics::default())), "{file}"),
        }
    }
}

#[test]
fn what_kustomize_refuses_is_refused() {
    for operation in [
        "{op: remove, path: /spec/missing}",
        "{op: remove, path: /spec/http/7}",
        "{op: add, path: /spec/x/y, value: 1}",
        "{op: add, path: /spec/hosts/9, value: x}",
        "{op: add, path: /spec/hosts/0/x, value: x}",
        "{op: replace, path: /spec/hosts/-, value: x}",
        "{op: replace, path: /spec/x/y, value: x}",
        "{op: move, from: /spec/x, path: /spec/y}",
        "{op: test, path: /spec/hosts, value: [cart]}",
        "{op: test, path: /spec/x, value: 1}",
        "{op: test, path: /spec/x/y, value: null}",
        "{op: add, path: \"\", value: {}}",
        "{op: rename, path: /spec}",
        "{op: add, value: 1}",
    ] {
        let (kustomize, here) = patched(&entry("kind: VirtualService", &[operation]));
        assert_eq!((kustomize, here), (None, None), "{operation}");
    }
}

#[test]
fn what_kustomize_guesses_is_refused() {
    for operation in [
        "{op: replace, path: /spec/missing, value: 1}",
        "{op: copy, from: /spec/missing, path: /spec/x}",
        "{op: remove, path: /spec/hosts/-1}",
        "{op: replace, path: /spec/hosts/01, value: x}",
        "{op: add, path: spec/x, value: 1}",
        "{op: add, path: /spec/x}",
        "{op: add, path: /spec/x, value: null}",
        "{op: add, path: /spec/x, value: on}",
        "{op: add, path: /spec/x, value: 017}",
        "{op: add, path: /spec/x, value: {y: 1}}",
    ] {
        let (kustomize, here) = patched(&entry("kind: VirtualService", &[operation]));
        assert!(kustomize.is_some(), "kustomize refuses this by now: {operation}");
        assert_eq!(here, None, "{operation}");
    }
}
