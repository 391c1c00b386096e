//! Random meshes, small and crowded: shared accounts, more callers than a source may name, several ports with unequal
//! numbers, namesakes in other namespaces. Each is made as a plan, which is written as `.mesh` files and, apart from
//! that, turned into what it declares.

mod edit;
mod plan;
mod ports;
mod seen;
mod text;

use meshc_core::diagnostic::Severity;

use super::agreement::{Questions, documents, mutations};
use super::evaluate::Cluster;
use crate::support::project::Texts;
use plan::Plan;

pub(crate) use edit::{Edited, edited};

/// How many meshes are asked about.
const MESHES: u64 = 120;

/// Renders a plan and reads its policies.
fn rendered(plan: &Plan) -> Vec<yaml_serde::Value> {
    let mut texts = Texts::default();
    for (path, text) in text::files(plan) {
        texts = texts.with(&path, text);
    }
    let compiled = texts.compile();
    let errors: Vec<String> = compiled
        .found
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .map(|found| compiled.line(found))
        .collect();
    assert!(errors.is_empty(), "seed {}: {errors:#?}\n{:#?}", plan.seed, texts.0);
    documents(compiled.files().iter().filter(|(path, _)| path.ends_with(".yaml")).map(|(_, text)| text))
}

#[test]
fn random_meshes_let_in_whom_they_declare() {
    let mut seen = seen::Seen::default();
    for seed in 0..MESHES {
        let plan = Plan::new(seed);
        seen.note(&plan);
        let cluster =
            Cluster::of(&rendered(&plan), &plan.trust_domain, plan.minor).expect("policies that are accepted");
        let declared = plan.declared();
        let questions = Questions::about(&declared, &plan.trust_domain, &plan.further());
        let (found, asked) = questions.ask(&cluster, &declared, 10);
        let show =
            || text::files(&plan).into_iter().map(|(path, text)| format!("# {path}\n{text}")).collect::<String>();
        assert!(found.is_empty(), "seed {seed}:\n{}\n{}", found.join("\n"), show());
        assert!(asked > 1_000, "seed {seed}: asked {asked} questions only");
    }
    seen.assert_everything();
}

#[test]
fn a_change_in_a_random_mesh_is_mostly_noticed() {
    // Some changes change nothing: what one line allows, another may allow too.
    let (mut noticed, mut all) = (0, 0);
    for seed in 0..8 {
        let plan = Plan::new(seed);
        let declared = plan.declared();
        if declared.dry_run {
            continue;
        }
        let questions = Questions::about(&declared, &plan.trust_domain, &plan.further());
        let decides = |document: &yaml_serde::Value| {
            document.get("apiVersion").and_then(|version| version.as_str()).is_some_and(|v| v.starts_with("security"))
        };
        let documents: Vec<_> = rendered(&plan).into_iter().filter(decides).collect();
        for (_, changed) in mutations(&documents).into_iter().step_by(7) {
            all += 1;
            let cluster = Cluster::of(&changed, &plan.trust_domain, plan.minor);
            noticed += usize::from(cluster.map_or(true, |cluster| !questions.ask(&cluster, &declared, 1).0.is_empty()));
        }
    }
    assert!(all > 100 && noticed * 10 > all * 7, "{noticed} of {all} changes were noticed");
}
