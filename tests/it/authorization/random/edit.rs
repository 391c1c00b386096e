//! A random mesh, and the same with random edits.

use meshc_core::diagnostic::Severity;
use meshc_tests::dice::Dice;

use super::plan::{MODES, Plan};
use super::text;
use crate::support::project::{Compiled, Texts};

/// Two versions of a mesh.
pub(crate) struct Edited {
    pub(crate) before: Compiled,
    pub(crate) after: Compiled,
    /// As istiod has it.
    pub(crate) trust_domain: String,
}

/// A mesh and an edit of it, or another mesh altogether; nothing where the edit makes no sense.
pub(crate) fn edited(seed: u64) -> Option<Edited> {
    let dice = &mut Dice::new(seed ^ 0x5eed);
    let before = Plan::new(seed);
    let mut after = Plan::new(if dice.once_in(6) { seed + 1 } else { seed });
    for _ in 0..1 + dice.below(3) {
        edit(&mut after, dice);
    }
    let trust_domain = after.trust_domain.clone();
    Some(Edited { before: compiled(&before)?, after: compiled(&after)?, trust_domain })
}

fn edit(plan: &mut Plan, dice: &mut Dice) {
    let mode = *dice.pick(&MODES);
    let index = dice.below(plan.services.len());
    match dice.below(9) {
        0 => plan.dry_run = !plan.dry_run,
        1 => plan.mode = mode,
        2 => plan.minor = *dice.pick(&[24, 31]),
        3 => plan.services[index].mode = Some(mode),
        4 => {
            let namespace = dice.below(plan.modes.len());
            plan.modes[namespace] = Some(MODES[dice.below(3)]);
        }
        5 => drop(plan.services[index].exposed.pop()),
        6 => {
            // The lines of another service that has the same ports, mostly.
            let lines = plan.services[dice.below(plan.services.len())].lines.clone();
            plan.services[index].lines = lines;
        }
        _ => {
            let lines = &mut plan.services[index].lines;
            if !lines.is_empty() {
                let line = dice.below(lines.len());
                if dice.once_in(2) {
                    lines[line].operations.pop();
                } else {
                    lines.remove(line);
                }
            }
        }
    }
}

fn compiled(plan: &Plan) -> Option<Compiled> {
    let mut texts = Texts::default();
    for (path, text) in text::files(plan) {
        texts = texts.with(&path, text);
    }
    let compiled = texts.compile();
    let fine = !compiled.found.iter().any(|found| found.severity == Severity::Error);
    fine.then_some(compiled)
}
