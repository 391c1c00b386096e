//! Random meshes with random edits.

use super::brute::{Case, Outcome};
use crate::authorization::random::{Edited, edited};

/// How many edits are asked about.
const EDITS: u64 = 24;

#[test]
fn a_plan_names_every_call_whose_answer_changes_in_random_meshes() {
    let (mut cases, mut changed, mut asked) = (0, 0, 0);
    for seed in 0..EDITS {
        let Some(Edited { before, after, trust_domain }) = edited(seed) else { continue };
        let (old, new) = (&before.rendered["prod"], &after.rendered["prod"]);
        let meshes = [old, new].map(|rendered| rendered.mesh.as_ref().expect("a mesh"));
        let case = Case {
            before: &old.bundle.files,
            after: &new.bundle.files,
            meshes: meshes.to_vec(),
            rendered: new,
            trust_domain: &trust_domain,
        };
        let Some(Outcome { asked: all, changed: some, wrong }) = case.ask() else { continue };
        assert!(wrong.is_empty(), "seed {seed}:\n{}\n{:#?}", wrong.join("\n"), case.plan().changes);
        cases += 1;
        changed += usize::from(some > 0);
        asked += all;
    }
    assert!(cases > 12 && changed > 10 && asked > 100_000, "{cases} edits, {changed} with an effect, {asked} asked");
}
