//! Plans of small projects in every form, against texts that were read and accepted: `testdata/plan/CASE` has the
//! project as `before.mesh` and `after.mesh`, with a recorded state as `before.json` and a hold as `before.hold` where it
//! has them, and what is said as `human.txt` and `comment.md`. `UPDATE_EXPECT=1` writes what came out.

mod budget;
mod machines;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use meshc_core::compile::{Compilation, Rendered};
use meshc_core::diagnostic::Diagnostics;
use meshc_core::plan::compare;
use meshc_core::project;
use meshc_core::published::{Tree, id_of};
use meshc_core::source::SourceMap;
use meshc_core::state::State;
use meshc_core::world::MemoryWorld;

use super::human::human;
use super::markdown::markdown;
use super::{EnvironmentPlan, PlanReport};
use crate::paths::Paths;

/// Every environment of a project in one file, rendered. `state` gives the texts of a recorded release, by ending.
fn render(text: &str, state: &dyn Fn(&str) -> Option<String>) -> (Vec<Rendered>, SourceMap) {
    let mut found = Diagnostics::default();
    let world = MemoryWorld { files: BTreeMap::from([("shop.mesh".to_owned(), text.to_owned())]) };
    let project = project::load(&world, &mut found);
    let compilation = Compilation::new(&project, &mut found);
    let mut rendered = Vec::new();
    for environment in compilation.environments() {
        let versioned = compilation.versioned();
        let names = versioned.iter().map(|(namespace, service)| (namespace, service));
        let read = |path: &str| Ok(state(path.rsplit('.').next().unwrap_or_default()));
        let mut one = compilation.render(&environment, &State::read(&environment, names, read));
        found.append(std::mem::take(&mut one.diagnostics));
        rendered.push(one);
    }
    let errors: Vec<String> = found.iter().map(|found| found.message.clone()).collect();
    assert!(!found.has_errors(), "{errors:#?}\n{text}");
    (rendered, project.sources)
}

/// The plans of a case, by environment.
fn plans(case: &Path) -> (Vec<EnvironmentPlan>, SourceMap) {
    plans_to(case, &read(case, "after.mesh"))
}

/// The plans from what a case has to other sources.
fn plans_to(case: &Path, after: &str) -> (Vec<EnvironmentPlan>, SourceMap) {
    let state = |side: &str, ending: &str| std::fs::read_to_string(case.join(format!("{side}.{ending}"))).ok();
    let (old, _) = render(&read(case, "before.mesh"), &|ending| state("before", ending));
    let (new, sources) = render(after, &|ending| state("after", ending));
    let plan = |new: &Rendered| {
        let empty = BTreeMap::new();
        let old = old.iter().find(|old| old.folder == new.folder).map_or(&empty, |old| &old.bundle.files);
        let trees = (Tree::in_memory(old, id_of), Tree::in_memory(&new.bundle.files, id_of));
        let mesh = new.mesh.as_ref().expect("a mesh");
        let plan = compare(&trees.0, &trees.1, mesh, &new.bundle.causes).expect("texts in memory");
        EnvironmentPlan {
            name: mesh.environment.clone(),
            folder: new.folder.clone(),
            plan,
            ..EnvironmentPlan::default()
        }
    };
    (new.iter().map(plan).collect(), sources)
}

fn report(environments: Vec<EnvironmentPlan>, sources: &SourceMap) -> PlanReport<'_> {
    PlanReport { mesh: "shop", sources, paths: Paths::default(), environments }
}

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/plan/testdata").join(name)
}

fn read(case: &Path, file: &str) -> String {
    std::fs::read_to_string(case.join(file)).unwrap_or_default()
}

/// Compares with an accepted text, or writes it.
fn expect(case: &Path, file: &str, actual: &str) {
    let expected = read(case, file);
    if expected == actual {
        return;
    }
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    // Somebody has to read what changed.
    let update = is_set("UPDATE_EXPECT") && !is_set("CI");
    assert!(update, "{}: expected\n{expected}\nand now\n{actual}", case.join(file).display());
    std::fs::write(case.join(file), actual).expect("a file that can be written");
}

#[test]
fn what_is_said_is_what_was_accepted() {
    for name in ["access", "release", "hold", "first-publish", "uninstall", "gateway"] {
        let case = case(name);
        let (mut environments, sources) = plans(&case);
        if name == "first-publish" {
            let first = &mut environments[0];
            first.step = Some((1, 2));
            first.waiting = vec![(
                "prod/shop/authorization-policy.yaml".to_owned(),
                "the lists of who may call must be live before everybody else is refused".to_owned(),
            )];
            first.note = Some("same source, new compiler: 0.1.0 -> 0.2.0".to_owned());
        }
        let report = report(environments, &sources);
        let text = anstream::adapter::strip_str(&human(&report, true)).to_string();
        expect(&case, "human.txt", &text);
        expect(&case, "comment.md", &markdown(&report));
    }
}

#[test]
fn colours_end_where_they_begin_and_a_diff_can_be_left_out() {
    let case = case("access");
    let (environments, sources) = plans(&case);
    let report = report(environments, &sources);
    let (with, without) = (human(&report, true), human(&report, false));
    assert!(with.contains("\u{1b}[32m+") && !without.contains("@@"));
    assert!(without.lines().all(|line| with.contains(line)));
    for line in with.lines().filter(|line| line.contains('\u{1b}')) {
        assert!(line.matches('\u{1b}').count() >= 2 && line.contains("\u{1b}[0m"), "{line:?}");
    }
}
