//! kustomize takes what is written for what was meant, and applies patches as we do: the unpatched rendering, patched
//! by `kubectl kustomize`, holds the same objects as the one that was patched while rendering.

mod generated;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::support::kubectl::kubectl;
use super::support::project::{Compiled, Texts, examples};
use super::support::{assert_none, expect};

/// Objects by kind, namespace and name.
type Objects = BTreeMap<String, Value>;

/// The objects of a text of several documents.
fn objects<'t>(texts: impl IntoIterator<Item = &'t str>) -> Objects {
    let mut objects = Objects::new();
    for text in texts {
        for document in yaml_serde::Deserializer::from_str(text) {
            let mut value = Value::deserialize(document).expect("YAML");
            // kustomize leaves away what a patch has emptied, which the API server takes for the same.
            let metadata = value.get_mut("metadata").and_then(Value::as_object_mut);
            metadata.expect("an object").retain(|_, value| *value != json!({}));
            let part = |pointer| value.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
            let id =
                [part("/apiVersion"), part("/kind"), part("/metadata/namespace"), part("/metadata/name")].join(" ");
            assert!(objects.insert(id.clone(), value).is_none(), "{id} twice");
        }
    }
    objects
}

/// What an environment consists of, as its files say.
fn ours(compiled: &Compiled, environment: &str) -> Objects {
    let files = &compiled.rendered[environment].bundle.files;
    let resources = files.iter().filter(|(path, _)| path.ends_with(".yaml") && !path.ends_with("/kustomization.yaml"));
    objects(resources.map(|(_, text)| text.as_str()))
}

/// Writes texts below a folder.
fn write<'t>(folder: &Path, texts: impl IntoIterator<Item = (&'t String, &'t String)>) {
    for (path, text) in texts {
        let file = folder.join(path);
        std::fs::create_dir_all(file.parent().expect("a file in a folder")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }
}

fn build(folder: &Path) -> Result<Objects, String> {
    kubectl(&["kustomize", "."], folder).map(|printed| objects([printed.as_str()]))
}

/// A diff of two sets of objects; nothing where they are the same.
fn difference(what: &str, kustomize: &Objects, ours: &Objects) -> Option<String> {
    let text = |objects: &Objects| serde_json::to_string_pretty(objects).expect("objects are JSON");
    (kustomize != ours).then(|| expect::diff(what.as_ref(), &text(kustomize), &text(ours)))
}

#[test]
fn kustomize_builds_every_environment_of_every_example() {
    let mut problems = Vec::new();
    for example in examples() {
        let compiled = Texts::example(&example).compile();
        let folder = tempfile::tempdir().expect("a temporary folder");
        write(folder.path(), &compiled.files());
        for environment in compiled.rendered.keys() {
            let what = format!("{example}, {environment}");
            match build(&folder.path().join(environment)) {
                Ok(built) => {
                    assert!(!built.is_empty());
                    problems.extend(difference(&what, &built, &ours(&compiled, environment)));
                }
                Err(why) => problems.push(format!("{what}: {why}")),
            }
        }
    }
    assert_none(&problems);
}

/// The files that `patch` lines of a text name, and the text without these lines.
fn without_patches(text: &str) -> (Vec<String>, String) {
    let is_patch = |line: &&str| line.trim_start().starts_with("patch ");
    let files = text.lines().filter(is_patch).map(|line| line.split('"').nth(1).expect("a path in quotes").to_owned());
    let rest: String = text.lines().filter(|line| !is_patch(line)).flat_map(|line| [line, "\n"]).collect();
    (files.collect(), rest)
}

#[test]
fn kustomize_patches_the_examples_as_we_do() {
    let (mut problems, mut tried) = (Vec::new(), 0);
    for example in examples() {
        let patched = Texts::example(&example);
        for (path, text) in patched.mesh_files() {
            let (files, text) = without_patches(text);
            if files.is_empty() {
                continue;
            }
            let environment = path.rsplit('/').next().and_then(|file| file.strip_suffix(".mesh")).expect("ENV.mesh");
            let unpatched = patched.clone().with(path, text).compile();
            assert_none(&unpatched.lines());
            let folder = tempfile::tempdir().expect("a temporary folder");
            write(folder.path(), &unpatched.files());
            let mut entries = Vec::new();
            for file in files {
                let text = &patched.0[file.strip_prefix("../").expect("a file beside `environments`")];
                let value: Value = yaml_serde::from_str(text).expect("a patch file");
                entries.extend(value["patches"].as_array().expect("entries").clone());
            }
            let built = overlay(folder.path(), environment, &entries).unwrap_or_else(|why| panic!("{example}: {why}"));
            assert_ne!(built, ours(&unpatched, environment), "{example}: nothing is patched");
            problems.extend(difference(&example, &built, &ours(&patched.compile(), environment)));
            tried += entries.len();
        }
    }
    assert!(tried >= 3, "{tried} entries were tried");
    assert_none(&problems);
}

/// What `kubectl kustomize` makes of an environment below `folder` and these entries of `patches:`.
fn overlay(folder: &Path, environment: &str, entries: &[Value]) -> Result<Objects, String> {
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [format!("../{environment}")],
        "patches": entries,
    });
    let text = meshc_core::bundle::yaml::to_yaml(&kustomization).expect("a kustomization is plain data");
    write(folder, [(&"overlay/kustomization.yaml".to_owned(), &text)]);
    build(&folder.join("overlay"))
}
