//! A plan as SARIF 2.1.0, so that code scanning shows each change at the `.mesh` line that causes it.

use std::collections::BTreeMap;

use meshc_core::compile::VERSION;
use meshc_core::plan::{Change, Kind, Risk};
use meshc_core::source::{FileId, Span, Text};
use serde_json::{Value, json};

use super::PlanReport;
use crate::report::json::to_text;
use crate::report::sarif::{counted, region, uri};

/// Name of our fingerprint; its number grows when the same change gets another value.
const FINGERPRINT: &str = "meshcPlan/v1";
/// Results that GitHub keeps of one run (docs.github.com, "SARIF results exceed one or more limits"); the riskiest come
/// first. More than 25,000 it refuses as a whole.
const MOST_RESULTS: usize = 5_000;

/// What makes changes of several environments one: kind, subject, text and cause.
type Same<'c> = (Kind, &'c Text, &'c str, Option<Span>);

/// The log, indented, with a line break at its end.
pub(crate) fn sarif(report: &PlanReport<'_>) -> String {
    // A change that several environments have is one result. Kinds sort by risk.
    let mut same: BTreeMap<Same<'_>, (&Change, Vec<&Text>)> = BTreeMap::new();
    for environment in &report.environments {
        for change in &environment.plan.changes {
            let key = (change.kind, &change.subject, change.text.as_str(), change.cause);
            same.entry(key).or_insert((change, Vec::new())).1.push(&environment.name);
        }
    }
    let same: Vec<(&Change, Vec<&Text>)> = same.into_values().collect();
    let rules: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| same.iter().any(|(change, _)| change.kind == *kind)).collect();
    let mut seen = BTreeMap::new();
    let results: Vec<Value> = same
        .iter()
        .take(MOST_RESULTS)
        .map(|(change, environments)| result(report, change, environments, &rules, &mut seen))
        .collect();
    to_text(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "meshc plan",
                "semanticVersion": VERSION,
                "rules": rules.iter().map(|kind| rule(*kind)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

const fn level(risk: Risk) -> &'static str {
    match risk {
        Risk::Weakens => "error",
        Risk::Behaviour => "warning",
        Risk::Safe => "note",
    }
}

fn rule(kind: Kind) -> Value {
    json!({
        "id": kind.name(),
        "shortDescription": { "text": kind.summary() },
        "defaultConfiguration": { "level": level(kind.risk()) },
    })
}

fn result(
    report: &PlanReport<'_>,
    change: &Change,
    environments: &[&Text],
    rules: &[Kind],
    seen: &mut BTreeMap<String, u32>,
) -> Value {
    let names: Vec<&str> = environments.iter().map(|name| name.as_str()).collect();
    let message = format!("{}: {} (in {})", change.subject, change.text, names.join(", "));
    let whole = format!("{}\n{}\n{}", change.kind.name(), change.subject, change.text);
    json!({
        "ruleId": change.kind.name(),
        "ruleIndex": rules.iter().position(|kind| *kind == change.kind).unwrap_or_default(),
        "level": level(change.risk()),
        "message": { "text": message },
        "locations": [location(report, change.cause)],
        "partialFingerprints": { FINGERPRINT: counted(&whole, seen) },
        "properties": { "environments": names, "path": change.path },
    })
}

/// The line that causes it. Code scanning refuses results without a place: a cause that is gone is shown at the first
/// line of the project.
fn location(report: &PlanReport<'_>, cause: Option<Span>) -> Value {
    let first = || report.sources.iter().find(|(_, file)| file.path.ends_with(".mesh")).map(|(id, _)| id);
    let span = cause.or_else(|| first().map(|id: FileId| Span::new(id, 0, 0)));
    let Some(span) = span else { return json!({}) };
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(report.sources, &report.paths, span.file) },
            "region": region(report.sources, span),
        },
    })
}
