//! `meshc why`.

use clap::Args;
use meshc_core::state;
use meshc_gitops::folder::Commit;
use meshc_gitops::history::{self, History, Step};
use meshc_gitops::rollback::{Name, Standing};
use meshc_gitops::status::{self, Hold};
use serde::Serialize;
use serde_json::Value;

use super::Session;
use super::rollback::{HoldDocument, held};
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{BOLD, PLAIN, RED};
use crate::publishing::deployed::{Place, PlaceArgs, short};
use crate::releases::{self, Release};
use crate::report::json::{SCHEMA, to_text};
use crate::time::shown;

/// Show how a release came to where it is: each step with its evidence
///
/// Reads the history of the deploy repository alone. History that is not here yet is fetched.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// Choose the service
    #[arg(value_name = "[NAMESPACE/]SERVICE")]
    service: String,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Shows the steps of one release in each environment that has it.
pub(crate) fn run(session: &Session, args: &WhyArgs) -> Result<(), Failure> {
    let place = Place::find(session, &args.place)?;
    let mut opened = releases::open(&place)?;
    let mut known = Vec::new();
    for (at, opened) in opened.iter().enumerate() {
        let commit = Commit::new(opened.remote.store().repository(), opened.tip)?;
        for environment in &opened.environments {
            for release in status::of(&commit, &environment.folder)?.releases {
                let (environment, standing) = (environment.clone(), release.standing.unwrap_or(Standing::Waiting));
                known.push(Release { at, environment, name: release.name, standing });
            }
        }
    }
    known.retain(|release| release.name.is(&args.service));
    // A release that is over is in no folder any more; its full name still finds it in the history.
    if let (true, Some((namespace, service))) = (known.is_empty(), args.service.split_once('/')) {
        for (at, opened) in opened.iter().enumerate() {
            for environment in opened.environments.clone() {
                let name = Name { namespace: namespace.to_owned(), service: service.to_owned() };
                known.push(Release { at, environment, name, standing: Standing::Waiting });
            }
        }
    }
    let mut found = Vec::new();
    for release in known {
        let Some(at) = opened.get_mut(release.at) else { continue };
        let Some(tip) = at.tip else { continue };
        let history = history::of(&mut at.remote, tip, &release.environment.folder, &release.name)?;
        if !history.steps.is_empty() {
            found.push((release, history));
        }
    }
    if found.is_empty() {
        let what = "was never released (a release that is over is found by NAMESPACE/SERVICE)";
        return Err(releases::nothing(&opened, Some(&args.service), what));
    }
    if session.format != Format::Human {
        return session.output.result(&json(&found));
    }
    let text: String = found.iter().map(|(release, history)| human(release, history)).collect();
    session.output.result(&text)
}

fn human(release: &Release, history: &History) -> String {
    let mut text = format!("{BOLD}{} {}{PLAIN}\n", release.environment.name, release.name);
    if let Some(why) = &history.cut {
        text.push_str(&format!("  {RED}what came before could not be fetched{PLAIN}: {why}\n"));
    }
    for step in &history.steps {
        text.push_str(&format!("  {} {}  {}\n", shown(step.seconds), short(step.commit), step.subject));
        text.push_str(&format!("    {}\n    by {}\n", what(step), step.author));
        if let Some(decision) = decision(step) {
            lines(&decision, "    ", &mut text);
        }
    }
    text
}

/// What a step did: "v1 100 %, v2 0 % -> v1 95 %, v2 5 %".
fn what(step: &Step) -> String {
    let shares = |text: &Option<String>| match text.as_deref().map(state::parse) {
        None => "no release".to_owned(),
        Some(Ok(record)) if record.finished => format!("{}, finished", record.describe()),
        Some(Ok(record)) => record.describe(),
        Some(Err(why)) => format!("a state that {why}"),
    };
    let (before, after) = (shares(&step.before), shares(&step.after));
    let mut parts = Vec::new();
    if before != after {
        parts.push(format!("{before} -> {after}"));
    }
    match (&step.hold, step.held_before) {
        (Some(text), false) => parts.push(held(&Hold::parse(text))),
        (None, true) => parts.push("the hold ended".to_owned()),
        _ => {}
    }
    if parts.is_empty() {
        parts.push(format!("{after}, decided again"));
    }
    parts.join("; ")
}

/// The decision that a step recorded, where it recorded a new one.
fn decision(step: &Step) -> Option<Value> {
    let of = |text: &Option<String>| state::parse(text.as_deref()?).ok()?.decision;
    let after = of(&step.after)?;
    (of(&step.before).as_ref() != Some(&after)).then_some(after)
}

/// A decision with its evidence, whatever fields it has: one line for each value.
fn lines(value: &Value, indent: &str, text: &mut String) {
    let leaf = |value: &Value| match value {
        Value::String(word) => word.replace('\n', " "),
        other => other.to_string(),
    };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::Object(_) | Value::Array(_) => {
                        text.push_str(&format!("{indent}{key}:\n"));
                        lines(value, &format!("{indent}  "), text);
                    }
                    value => text.push_str(&format!("{indent}{key}: {}\n", leaf(value))),
                }
            }
        }
        Value::Array(list) => {
            for value in list {
                let mut entry = String::new();
                lines(value, &format!("{indent}  "), &mut entry);
                let from = entry.len() - entry.trim_start().len();
                text.push_str(&format!("{indent}- {}", entry.get(from..).unwrap_or_default()));
            }
        }
        value => text.push_str(&format!("{indent}{}\n", leaf(value))),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    releases: Vec<ReleaseDocument<'a>>,
}

#[derive(Serialize)]
struct ReleaseDocument<'a> {
    environment: &'a str,
    folder: &'a str,
    namespace: &'a str,
    service: &'a str,
    cut: Option<&'a str>,
    steps: Vec<StepDocument<'a>>,
}

#[derive(Serialize)]
struct StepDocument<'a> {
    commit: String,
    at: i64,
    author: &'a str,
    subject: &'a str,
    operation: Option<&'a str>,
    before: Option<u32>,
    after: Option<u32>,
    hold: Option<HoldDocument>,
    decision: Option<Value>,
}

/// The steps, as `docs/formats.md` describes them.
fn json(found: &[(Release, History)]) -> String {
    let weight = |text: &Option<String>| state::parse(text.as_deref()?).ok().map(|record| record.weight);
    let step = |step| {
        let Step { commit, seconds, author, subject, operation, before, after, hold, .. }: &Step = step;
        StepDocument {
            commit: commit.to_string(),
            at: *seconds,
            author,
            subject,
            operation: operation.as_deref(),
            before: weight(before),
            after: weight(after),
            hold: hold.as_deref().map(|text| HoldDocument::of(&Hold::parse(text))),
            decision: decision(step),
        }
    };
    let releases = found.iter().map(|(release, history)| ReleaseDocument {
        environment: &release.environment.name,
        folder: &release.environment.folder,
        namespace: &release.name.namespace,
        service: &release.name.service,
        cut: history.cut.as_deref(),
        steps: history.steps.iter().map(step).collect(),
    });
    to_text(&Document { schema: SCHEMA, releases: releases.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_shown_whatever_its_shape() {
        let decision: Value = serde_json::from_str(
            r#"{"verdict": "advance", "gates": [{"query": "a\nb", "value": 0.5}, {"query": "c", "value": null}], "at": 7}"#,
        )
        .unwrap();
        let mut text = String::new();
        lines(&decision, "  ", &mut text);
        for line in ["  verdict: advance\n", "  gates:\n", "    - query: a b\n", "      value: 0.5\n", "  at: 7\n"] {
            assert!(text.contains(line), "{text}");
        }
    }
}
