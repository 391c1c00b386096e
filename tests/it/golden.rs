//! Golden cases: `tests/golden/CASE` is a project with an environment `oldest` (Istio 1.24), one named `newest`
//! (Istio 1.31), or both; `expected/istio-1.24` and `expected/istio-1.31` hold what is rendered below their folders.

use std::collections::BTreeMap;
use std::path::Path;

use super::support::expect::{self, Mode};
use super::support::project::{Compiled, Texts};
use super::support::{assert_none, folders, name, repository};

/// Environments with the folder of what is expected of them; conformance tests know these targets.
const TARGETS: &[(&str, &str)] = &[("oldest", "istio-1.24"), ("newest", "istio-1.31")];
/// What a reader has in view at once.
const MAX_LINES: usize = 40;

#[test]
fn what_is_rendered_is_what_was_read_and_accepted() {
    let mut problems = Vec::new();
    let mode = Mode::from_environment();
    for folder in folders("tests/golden") {
        if name(&folder) == BOUTIQUE {
            continue;
        }
        let texts = Texts::of_folder(&folder);
        let lines = texts.mesh_files().map(|(_, text)| text.lines().count()).max().unwrap_or_default();
        if lines > MAX_LINES {
            problems.push(format!("{}: {lines} lines; a case has {MAX_LINES} at most", name(&folder)));
        }
        let compiled = texts.compile();
        problems.extend(compiled.lines().into_iter().map(|line| format!("{}: {line}", name(&folder))));
        if let Some(environment) = compiled.rendered.keys().find(|name| !TARGETS.iter().any(|(known, _)| known == name))
        {
            problems.push(format!("{}: `{environment}` is none of {TARGETS:?}", name(&folder)));
        }
        problems.extend(expect::compare(&folder.join("expected"), &by_target(&compiled, TARGETS), mode));
    }
    assert_none(&problems);
}

const BOUTIQUE: &str = "online-boutique";

/// The example's production, with a release of the catalogue at 5 %.
#[test]
fn online_boutique_in_the_middle_of_a_release() {
    let folder = repository("tests/golden").join(BOUTIQUE);
    let mut texts = Texts::example(BOUTIQUE);
    texts.0.extend(Texts::of_folder(&folder).0);
    let compiled = texts.compile();
    assert_none(&compiled.lines());
    let files = by_target(&compiled, &[("prod", "istio-1.31")]);
    assert_none(&expect::compare(&folder.join("expected"), &files, Mode::from_environment()));
}

/// Files by their place in `expected`.
fn by_target(compiled: &Compiled, targets: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for (environment, folder) in targets {
        let Some(rendered) = compiled.rendered.get(*environment) else {
            continue;
        };
        for (path, text) in &rendered.bundle.files {
            let below = path.strip_prefix(&format!("{environment}/")).expect("a path below the environment's folder");
            files.insert(format!("{folder}/{below}"), text.clone());
        }
    }
    files
}

/// A hold changes numbers only, and what it makes of each file is prepared with every rendering.
#[test]
fn a_hold_is_what_was_prepared() {
    for (running, held) in [("release-at-5-percent", "release-held")] {
        let compile = |case| Texts::of_folder(&repository("tests/golden").join(Path::new(case))).compile();
        let (running, held) = (compile(running), compile(held));
        for (environment, rendered) in &running.rendered {
            let mut expected = rendered.bundle.files.clone();
            assert!(!rendered.bundle.held.is_empty());
            expected.extend(rendered.bundle.held.clone());
            assert_ne!(expected, rendered.bundle.files);
            assert_eq!(expected, held.rendered[environment].bundle.files);
        }
    }
}
