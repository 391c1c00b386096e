//! What `meshc promote` and `meshc watch` say about a turn.

use meshc_gitops::Oid;
use meshc_rollout::decide::Decision;
use meshc_rollout::outcome::{Outcome, Report};
use serde::Serialize;

use super::turn::Promoted;
use crate::output::{BOLD, GREEN, PLAIN, RED};
use crate::publishing::deployed::{Environment, short};
use crate::report::json::SCHEMA;

/// What came of an environment, for people.
pub(super) fn human(environment: &Environment, outcome: &Outcome, dry: bool) -> String {
    let name = &environment.name;
    let mut text = match &outcome.commit {
        Some((commit, _)) => format!("{BOLD}{name}{PLAIN} {GREEN}promoted{PLAIN} in {}\n", short(*commit)),
        None if outcome.reports.is_empty() && outcome.faults.is_empty() => {
            return format!("{BOLD}{name}{PLAIN}: nothing is being released\n");
        }
        None if dry => format!("{BOLD}{name}{PLAIN} would be:\n"),
        None => format!("{BOLD}{name}{PLAIN}: nothing changes\n"),
    };
    for report in &outcome.reports {
        text.push_str(&format!("  {}: {}\n", report.name, sentence(report)));
        for evidence in &report.decided.evidence {
            text.push_str(&format!("    {evidence}\n"));
        }
    }
    text
}

/// What is done about one release.
pub(in crate::commands) fn sentence(report: &Report) -> String {
    let Report { before, canary, weight, decided, dropped, .. } = report;
    if *dropped {
        return format!("{before}; it changed while it was measured: decide again");
    }
    match &decided.decision {
        Decision::Advance { to } => format!("{GREEN}{canary} {weight} % -> {to} %{PLAIN}"),
        Decision::Wait { why, until: Some(until) } => {
            format!("{before}; {why}, {} s more", (until - decided.now).max(0))
        }
        Decision::Wait { why, until: None } => format!("{before}; {why}"),
        Decision::Abort { why } => format!("{RED}{canary} {weight} % -> 0 %, held{PLAIN}: {why}"),
        Decision::Finish { .. } => {
            format!("{GREEN}{canary} finished{PLAIN}; the next publish after its `keep` takes the old version out")
        }
        Decision::Approve { to: Some(to) } => {
            format!("{before}; ready for {to} %: `meshc promote --approve {}`", report.name)
        }
        Decision::Approve { to: None } => {
            format!("{before}; ready to be finished: `meshc promote --approve {}`", report.name)
        }
    }
}

/// All environments.
#[derive(Serialize)]
pub(in crate::commands) struct Document<'a> {
    schema: u32,
    environments: Vec<EnvironmentDocument<'a>>,
}

#[derive(Serialize)]
struct EnvironmentDocument<'a> {
    name: &'a str,
    folder: &'a str,
    commit: Option<String>,
    attempts: u32,
    services: Vec<ServiceDocument<'a>>,
}

#[derive(Serialize)]
struct ServiceDocument<'a> {
    namespace: &'a str,
    service: &'a str,
    canary: &'a str,
    weight: u32,
    decision: &'static str,
    to: Option<u32>,
    reason: Option<&'a str>,
    until: Option<i64>,
    evidence: &'a [meshc_rollout::evidence::Evidence],
}

/// What came of it, as `docs/formats.md` describes it.
pub(in crate::commands) fn json(done: &[Promoted], to_text: impl Fn(&Document<'_>) -> String) -> String {
    let environments = done.iter().map(|Promoted { environment, outcome }| EnvironmentDocument {
        name: &environment.name,
        folder: &environment.folder,
        commit: outcome.commit.map(|(commit, _): (Oid, u32)| commit.to_string()),
        attempts: outcome.commit.map_or(0, |(_, attempts)| attempts),
        services: outcome.reports.iter().map(document).collect(),
    });
    to_text(&Document { schema: SCHEMA, environments: environments.collect() })
}

fn document(report: &Report) -> ServiceDocument<'_> {
    let (decision, to, reason, until) = match &report.decided.decision {
        _ if report.dropped => ("dropped", None, None, None),
        Decision::Advance { to } => ("advance", Some(*to), None, None),
        Decision::Wait { why, until } => ("wait", None, Some(why.as_str()), *until),
        Decision::Abort { why } => ("abort", Some(0), Some(why.as_str()), None),
        Decision::Finish { kept_until } => ("finish", None, None, Some(*kept_until)),
        Decision::Approve { to } => ("approve", *to, None, None),
    };
    ServiceDocument {
        namespace: &report.name.namespace,
        service: &report.name.service,
        canary: &report.canary,
        weight: report.weight,
        decision,
        to,
        reason,
        until,
        evidence: &report.decided.evidence,
    }
}
