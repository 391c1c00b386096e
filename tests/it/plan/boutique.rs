//! Online Boutique in every environment, with random edits of its sources and of its rendered policies.

use meshc_core::diagnostic::Severity;
use meshc_tests::dice::Dice;
use yaml_serde::Value;

use super::brute::{Case, Files, Outcome, policies};
use crate::authorization::agreement::mutations;
use crate::support::project::{Compiled, Texts};

/// Trust domains as istiod has them; that of staging is not stated in the sources.
const ENVIRONMENTS: [(&str, &str); 3] =
    [("dev", "cluster.local"), ("staging", "staging.example.com"), ("prod", "prod.example.com")];

/// The shop with one to three lines changed; nothing where that makes no sense.
fn edited(dice: &mut Dice) -> Option<Compiled> {
    let mut texts = Texts::example("online-boutique");
    let text = texts.0.get_mut("boutique.mesh").expect("the shop");
    for _ in 0..1 + dice.below(3) {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let allows: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].trim_start().starts_with("allow ")).collect();
        let at = *dice.pick(&allows);
        match dice.below(8) {
            0 => lines[at] = "  allow none".to_owned(),
            1 => lines[at] = "  allow anyone".to_owned(),
            2 => lines[at].push_str(", adservice"),
            3 => lines[at] = lines[at].replace("frontend", "loadgenerator"),
            4 => lines[at] = lines[at].split(" to ").next().unwrap_or_default().to_owned(),
            5 => lines.insert(at, "  allow emailservice".to_owned()),
            6 => {
                let authorization = lines.iter().position(|line| line.contains("deny-by-default")).unwrap_or(0);
                lines[authorization] = "  authorization dry-run".to_owned();
            }
            _ => {
                let mode = *dice.pick(&["permissive", "disable", "strict"]);
                lines.insert(at, format!("  mtls {mode}"));
            }
        }
        *text = lines.join("\n");
    }
    let compiled = texts.compile();
    let fine = !compiled.found.iter().any(|found| found.severity == Severity::Error);
    fine.then_some(compiled)
}

#[test]
fn a_plan_names_every_call_whose_answer_changes_when_the_sources_do() {
    let shop = Texts::example("online-boutique").compile();
    let (mut cases, mut changed, mut asked) = (0, 0, 0);
    for seed in 0..10 {
        let Some(edited) = edited(&mut Dice::new(seed)) else { continue };
        for (environment, trust_domain) in ENVIRONMENTS {
            let sides = [&shop, &edited].map(|side| &side.rendered[environment]);
            let [old, new] = if seed % 2 == 0 { sides } else { [sides[1], sides[0]] };
            let meshes = [old, new].map(|rendered| rendered.mesh.as_ref().expect("a mesh"));
            let (before, after) = (&old.bundle.files, &new.bundle.files);
            let case = Case { before, after, meshes: meshes.to_vec(), rendered: new, trust_domain };
            let Outcome { asked: all, changed: some, wrong } = case.ask().expect("policies that are accepted");
            assert!(wrong.is_empty(), "{environment}, seed {seed}:\n{}\n{:#?}", wrong.join("\n"), case.plan().changes);
            cases += 1;
            changed += usize::from(some > 0);
            asked += all;
        }
    }
    assert!(cases >= 12 && changed >= 9 && asked > 300_000, "{cases} edits, {changed} with an effect, {asked} asked");
}

/// Files in which the policies are these. What has no file of its own any more is gone.
fn with_policies(files: &Files, rendered: &[Value], changed: &[Value]) -> Files {
    let mut out = files.clone();
    let name = |document: &Value| (document.get("kind").cloned(), document["metadata"].get("name").cloned());
    let paths: Vec<&String> = files
        .keys()
        .filter(|path| path.contains("authorization-policy") || path.contains("peer-authentication"))
        .collect();
    for (document, path) in rendered.iter().zip(paths) {
        match changed.iter().find(|other| name(other) == name(document)) {
            None => drop(out.remove(path)),
            Some(other) if other == document => {}
            Some(other) => drop(out.insert(path.clone(), yaml_serde::to_string(other).expect("YAML"))),
        }
    }
    out
}

#[test]
fn a_plan_names_every_call_whose_answer_changes_when_policies_are_patched() {
    let shop = Texts::example("online-boutique").compile();
    let dice = &mut Dice::new(7);
    let (mut cases, mut changed) = (0, 0);
    for (environment, trust_domain) in ENVIRONMENTS {
        let rendered = &shop.rendered[environment];
        let mesh = rendered.mesh.as_ref().expect("a mesh");
        let files = &rendered.bundle.files;
        let documents = policies(files);
        let all = mutations(&documents);
        for _ in 0..14 {
            let (how, first) = dice.pick(&all);
            let patched = with_policies(files, &documents, first);
            let (_, second) = dice.pick(&all);
            let other = if dice.once_in(3) { with_policies(files, &documents, second) } else { files.clone() };
            let (before, after) = if dice.once_in(2) { (&patched, &other) } else { (&other, &patched) };
            let case = Case { before, after, meshes: vec![mesh], rendered, trust_domain };
            // What the API server would refuse cannot be published.
            let Some(Outcome { changed: some, wrong, .. }) = case.ask() else { continue };
            assert!(wrong.is_empty(), "{environment}: {how}\n{}\n{:#?}", wrong.join("\n"), case.plan().changes);
            cases += 1;
            changed += usize::from(some > 0);
        }
    }
    assert!(cases > 20 && changed > 12, "{cases} patches, {changed} with an effect");
}
