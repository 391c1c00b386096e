//! What publishing would change, shown to people and to machines. One file for each form, with one function to call;
//! none of them decides anything.

pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod sarif;
#[cfg(test)]
mod tests;

use meshc_core::plan::{Change, FileChange, Lines, Plan, Risk, lines};
use meshc_core::source::{SourceMap, Span, Text};

use super::plural;
use crate::paths::Paths;

/// What is shown.
#[derive(Debug)]
pub(crate) struct PlanReport<'a> {
    /// The name of the mesh.
    pub(crate) mesh: &'a str,
    /// The texts that changes point into.
    pub(crate) sources: &'a SourceMap,
    /// How files of the sources are named.
    pub(crate) paths: Paths,
    /// In the order in which they are shown.
    pub(crate) environments: Vec<EnvironmentPlan>,
}

/// What would change in one environment.
#[derive(Debug, Default)]
pub(crate) struct EnvironmentPlan {
    /// Its name.
    pub(crate) name: Text,
    /// Its folder in the deploy repository.
    pub(crate) folder: Text,
    /// The changes of the next commit. Empty: there is nothing to publish.
    pub(crate) plan: Plan,
    /// Which step the next commit is, from 1, and of how many; nothing: one commit does it all.
    pub(crate) step: Option<(usize, usize)>,
    /// Files that a later step has to bring, with what must be live before.
    pub(crate) waiting: Vec<(String, String)>,
    /// What is to be said apart: "same source, new compiler: 0.1.0 -> 0.2.0", a sentence without a period.
    pub(crate) note: Option<String>,
}

impl EnvironmentPlan {
    /// "2 changes weaken protection, 1 changes behaviour"; what there is none of is not named.
    fn counts(&self) -> String {
        counts(&|risk| self.plan.count(risk))
    }

    /// Lines that come and go in all files.
    fn lines(&self) -> Lines {
        self.plan.files.iter().map(lines).fold(Lines::default(), |sum, one| Lines {
            added: sum.added + one.added,
            removed: sum.removed + one.removed,
        })
    }

    /// "step 1 of 2".
    fn step(&self) -> Option<String> {
        self.step.map(|(number, of)| format!("step {number} of {of}"))
    }

    /// Changes of a risk, in order.
    fn of_risk(&self, risk: Risk) -> impl Iterator<Item = &Change> {
        self.plan.changes.iter().filter(move |change| change.risk() == risk)
    }
}

/// Risks in order, with the heading of their changes.
const RISKS: [(Risk, &str); 3] = [
    (Risk::Weakens, "Weakens protection"),
    (Risk::Behaviour, "Changes behaviour"),
    (Risk::Safe, "Changes nothing about calls"),
];

/// A risk's name for machines.
const fn risk_name(risk: Risk) -> &'static str {
    match risk {
        Risk::Weakens => "weakens",
        Risk::Behaviour => "behaviour",
        Risk::Safe => "safe",
    }
}

/// A file's fate, as `git` letters have it: new, changed or deleted.
const fn fate(file: &FileChange) -> &'static str {
    match (&file.before, &file.after) {
        (None, _) => "added",
        (Some(_), None) => "deleted",
        (Some(_), Some(_)) => "changed",
    }
}

fn counts(of: &dyn Fn(Risk) -> usize) -> String {
    let part = |risk: Risk, one: &str, many: &str| match of(risk) {
        0 => None,
        1 => Some(format!("1 change {one}")),
        count => Some(format!("{count} changes {many}")),
    };
    let parts: Vec<String> = [
        part(Risk::Weakens, "weakens protection", "weaken protection"),
        part(Risk::Behaviour, "of behaviour", "of behaviour"),
        part(Risk::Safe, "without effect on calls", "without effect on calls"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { "no change of any call".to_owned() } else { parts.join(", ") }
}

/// The one line that everybody reads.
fn verdict(report: &PlanReport<'_>) -> String {
    let changed: Vec<&EnvironmentPlan> =
        report.environments.iter().filter(|environment| !environment.plan.is_empty()).collect();
    let names = |list: &[&EnvironmentPlan]| {
        list.iter().map(|environment| environment.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    if changed.is_empty() {
        let all: Vec<&EnvironmentPlan> = report.environments.iter().collect();
        return format!("nothing to change in {}", names(&all));
    }
    let count = counts(&|risk| changed.iter().map(|environment| environment.plan.count(risk)).sum());
    let weakened: Vec<&EnvironmentPlan> =
        changed.iter().copied().filter(|environment| environment.plan.count(Risk::Weakens) > 0).collect();
    let place = match (changed.len(), weakened.len()) {
        (1, _) => format!(" in {}", names(&changed)),
        (_, 0) => format!(" in {}", names(&changed)),
        (all, weakened_in) if all == weakened_in => format!(" in {}", names(&changed)),
        _ => format!(" in {}; protection weakens in {}", names(&changed), names(&weakened)),
    };
    count + &place
}

/// `shop.mesh:12`.
fn cause(report: &PlanReport<'_>, span: Span) -> String {
    let file = report.sources.file(span.file);
    format!("{}:{}", report.paths.show(&file.path), file.line_column(span.start).0)
}

/// "3 files, +12 -4".
fn files(environment: &EnvironmentPlan) -> String {
    let Lines { added, removed } = environment.lines();
    format!("{}, +{added} -{removed}", plural(environment.plan.files.len(), "file", "files"))
}

/// A text in which nothing moves the cursor of a terminal or breaks a line.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}
