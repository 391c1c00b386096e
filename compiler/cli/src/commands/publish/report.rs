//! What came of publishing, for people and for machines.

use std::time::Duration;

use meshc_core::source::Text;
use meshc_core::transition::Waiting;
use meshc_gitops::publish::{Outcome, now};
use serde::Serialize;

use super::message::short;
use crate::output::{BOLD, GREEN, PLAIN, RED};
use crate::publishing::target::Target;
use crate::report::json::{SCHEMA, to_text};
use crate::report::plural;

/// What came of it, for people. `goes_on` is whether this run makes the further commits.
pub(super) fn sentence(target: &Target, outcome: &Outcome, goes_on: bool) -> String {
    let environment = &target.environment;
    let place = format!("`{}` of {}", target.branch, target.location);
    match outcome {
        Outcome::Published { commit, files, attempts, waiting, overtaken } => {
            let tries = if *attempts > 1 { format!(", at attempt {attempts}") } else { String::new() };
            let overtaken = overtaken.as_ref().map_or(String::new(), |why| {
                format!(
                    "  {RED}{why}{PLAIN}, while this was pushed: see that the newer sources are published, for their own job \
                     may have found nothing to change before\n"
                )
            });
            format!(
                "{BOLD}{environment}{PLAIN} {GREEN}published{PLAIN}: {} in {} on {place}{tries}\n{overtaken}{}",
                plural(*files, "file", "files"),
                short(commit),
                follows(waiting, target.settle, goes_on)
            )
        }
        Outcome::Proposed { branch, commit, files, waiting } => format!(
            "{BOLD}{environment}{PLAIN} {GREEN}proposed{PLAIN}: {} in {} on the branch `{branch}` of {}\n  open a pull \
             request from it to `{}`; when others publish before it is merged, close it and propose again\n{}",
            plural(*files, "file", "files"),
            short(commit),
            target.location,
            target.branch,
            follows(waiting, target.settle, goes_on)
        ),
        Outcome::Unchanged { waiting, .. } if waiting.is_empty() => {
            format!("{BOLD}{environment}{PLAIN} is published: nothing to change on {place}\n")
        }
        Outcome::Unchanged { waiting, .. } => format!(
            "{BOLD}{environment}{PLAIN}: nothing to change yet on {place}\n{}",
            follows(waiting, left(target, outcome), goes_on)
        ),
        Outcome::Superseded { why } => format!("{BOLD}{environment}{PLAIN}: nothing to do, {why}\n"),
    }
}

/// How long it is until the tip is taken for live.
pub(super) fn left(target: &Target, outcome: &Outcome) -> Duration {
    match outcome {
        Outcome::Unchanged { tip: Some(tip), .. } => {
            let passed = now().saturating_sub(*tip);
            target.settle.saturating_sub(Duration::from_secs(u64::try_from(passed).unwrap_or(0)))
        }
        _ => target.settle,
    }
}

fn follows(waiting: &[Waiting], left: Duration, goes_on: bool) -> String {
    let Some(first) = waiting.first() else { return String::new() };
    let files =
        if waiting.len() == 1 { "1 file follows".to_owned() } else { format!("{} files follow", waiting.len()) };
    let advice = if goes_on { "" } else { "  run it again then, or let `--until-done` wait\n" };
    format!(
        "  {files} in a further commit, when this one is live ({} s from now):\n  {}: {}\n{advice}",
        left.as_secs(),
        first.path,
        first.why
    )
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    environments: Vec<EnvironmentDocument<'a>>,
}

#[derive(Serialize)]
struct EnvironmentDocument<'a> {
    name: &'a Text,
    repository: String,
    branch: &'a str,
    folder: &'a str,
    outcomes: Vec<OutcomeDocument<'a>>,
}

#[derive(Serialize, Default)]
struct OutcomeDocument<'a> {
    result: &'static str,
    commit: Option<&'a str>,
    proposal: Option<&'a str>,
    files: usize,
    attempts: u32,
    waiting: Vec<WaitingDocument<'a>>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct WaitingDocument<'a> {
    path: &'a str,
    why: &'a str,
}

/// What came of it, as `docs/formats.md` describes it.
pub(super) fn json(done: &[(&Target, Vec<Outcome>)]) -> String {
    let environments = done.iter().map(|(target, outcomes)| EnvironmentDocument {
        name: &target.environment,
        repository: target.location.name(),
        branch: &target.branch,
        folder: &target.folder,
        outcomes: outcomes.iter().map(outcome_document).collect(),
    });
    to_text(&Document { schema: SCHEMA, environments: environments.collect() })
}

fn outcome_document(outcome: &Outcome) -> OutcomeDocument<'_> {
    let waiting = outcome.waiting().iter().map(|waiting| WaitingDocument { path: &waiting.path, why: &waiting.why });
    let document = OutcomeDocument { waiting: waiting.collect(), ..OutcomeDocument::default() };
    match outcome {
        Outcome::Published { commit, files, attempts, overtaken, .. } => OutcomeDocument {
            result: "published",
            reason: overtaken.as_deref(),
            commit: Some(commit),
            files: *files,
            attempts: *attempts,
            ..document
        },
        Outcome::Proposed { branch, commit, files, .. } => OutcomeDocument {
            result: "proposed",
            commit: Some(commit),
            proposal: Some(branch),
            files: *files,
            ..document
        },
        Outcome::Unchanged { .. } => OutcomeDocument { result: "unchanged", ..document },
        Outcome::Superseded { why } => OutcomeDocument { result: "superseded", reason: Some(why), ..document },
    }
}
