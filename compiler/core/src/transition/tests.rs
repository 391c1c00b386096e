//! Small projects, rendered before and after a change, and what stands in the commits between.

mod access;
mod folders;
mod reading;
mod routes;
mod transport;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Step, next, steps};
use crate::bundle::Bundle;
use crate::compile::Compilation;
use crate::diagnostic::Diagnostics;
use crate::project;
use crate::published::{Tree, id_of};
use crate::state::State;
use crate::world::MemoryWorld;

/// Published texts by path.
type Texts = BTreeMap<String, String>;

/// The beginning of most projects: strict, and closed.
const SHOP: &str = "mesh shop { namespace shop; mtls strict; authorization deny-by-default }\n\
                    environment prod { target istio 1.31 }\n\
                    gateway ingress { pods edge istio=ingressgateway; service-account edge/ingress; \
                    listen 80 http; trusted-proxies 1 }\n";

/// What a project is rendered to.
fn render(text: &str) -> Bundle {
    render_with(&[("shop.mesh", text)])
}

/// The same for several files; those below `state/` are the recorded state.
fn render_with(files: &[(&str, &str)]) -> Bundle {
    let files: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let world = MemoryWorld { files: files.clone() };
    let mut found = Diagnostics::default();
    let project = project::load(&world, &mut found);
    let compilation = Compilation::new(&project, &mut found);
    let versioned = compilation.versioned();
    let names = versioned.iter().map(|(namespace, service)| (namespace, service));
    let state = State::read("prod", names, |path| Ok(files.get(path).cloned()));
    let rendered = compilation.render(&"prod".into(), &state);
    let text = |d: &Diagnostics| format!("{d:?}");
    assert!(!rendered.bundle.files.is_empty(), "{} {}", text(&found), text(&rendered.diagnostics));
    rendered.bundle
}

/// A project that begins as most do.
fn shop(text: &str) -> Bundle {
    render(&format!("{SHOP}{text}"))
}

/// Nothing declared any more.
fn nothing() -> Bundle {
    Bundle::default()
}

/// The step from states that may be live.
fn step(live: &[&Texts], desired: &Bundle) -> Step {
    let live: Vec<Tree<'_>> = live.iter().map(|texts| Tree::in_memory(texts, id_of)).collect();
    next(&live, desired, &Tree::in_memory(&desired.files, id_of)).expect("texts in memory")
}

/// What is published by it.
fn published(step: &Step, desired: &Bundle) -> Texts {
    step.files(desired).into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
}

/// The states from `tip` to what is declared, each live before the next. The last one changes nothing when repeated,
/// and `steps` says the same.
fn walk(tip: &Texts, desired: &Bundle) -> Vec<Texts> {
    let mut states: Vec<Texts> = Vec::new();
    let mut all = Vec::new();
    loop {
        let step = step(&[states.last().unwrap_or(tip)], desired);
        states.push(published(&step, desired));
        all.push(step);
        if all.last().expect("a step").is_last() {
            break;
        }
        assert!(all.len() < 4, "no end: {:#?}", all.iter().map(|step| &step.waiting).collect::<Vec<_>>());
    }
    let last = states.last().expect("a state");
    for (path, text) in &desired.files {
        assert_eq!(last.get(path), Some(text), "{path}");
    }
    let again = step(&[last], desired);
    assert!(again.is_last());
    assert_eq!(published(&again, desired), *last);
    let tree = Tree::in_memory(&desired.files, id_of);
    assert_eq!(steps(&Tree::in_memory(tip, id_of), desired, &tree), Ok(all));
    states
}

/// What lies behind all steps.
fn settled(desired: &Bundle) -> Texts {
    walk(&Texts::new(), desired).pop().expect("a state")
}

/// The object in a file.
fn object(texts: &Texts, path: &str) -> Option<Value> {
    texts.get(path).map(|text| yaml_serde::from_str(text).expect("YAML"))
}

/// A part of the object in a file, as JSON; `null` where there is none.
fn at(texts: &Texts, path: &str, pointer: &str) -> Value {
    object(texts, path).and_then(|object| object.pointer(pointer).cloned()).unwrap_or_default()
}

/// Whether each state has a file: `x` or `-`.
fn presence(states: &[Texts], path: &str) -> String {
    states.iter().map(|state| if state.contains_key(path) { 'x' } else { '-' }).collect()
}
