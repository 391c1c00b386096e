//! A plan as one JSON object. The shape is a promise: `docs/formats.md` describes it, and fields are only added.

use meshc_core::plan::access::{Access, Callee, Identity, Operation, What};
use meshc_core::plan::pattern::Matching;
use meshc_core::plan::{Change, FileChange, Lines, Risk, lines, unified};
use serde::Serialize;
use serde_json::{Value, json};

use super::{EnvironmentPlan, PlanReport, fate, risk_name};
use crate::report::json::{Place, SCHEMA, to_text};

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    mesh: &'a str,
    environments: Vec<EnvironmentDocument<'a>>,
}

#[derive(Serialize)]
struct EnvironmentDocument<'a> {
    name: &'a str,
    folder: &'a str,
    changed: bool,
    weakens: usize,
    behaviour: usize,
    safe: usize,
    step: Option<StepDocument>,
    waiting: Vec<WaitingDocument<'a>>,
    note: Option<&'a str>,
    changes: Vec<ChangeDocument<'a>>,
    files: Vec<FileDocument<'a>>,
}

#[derive(Serialize)]
struct StepDocument {
    number: usize,
    of: usize,
}

#[derive(Serialize)]
struct WaitingDocument<'a> {
    path: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct ChangeDocument<'a> {
    kind: &'static str,
    risk: &'static str,
    subject: &'a str,
    text: &'a str,
    path: &'a str,
    cause: Option<Place>,
    access: Vec<Value>,
}

#[derive(Serialize)]
struct FileDocument<'a> {
    path: &'a str,
    change: &'static str,
    added: usize,
    removed: usize,
    diff: String,
}

/// The object, indented, with a line break at its end.
pub(crate) fn json(report: &PlanReport<'_>) -> String {
    to_text(&Document {
        schema: SCHEMA,
        mesh: report.mesh,
        environments: report.environments.iter().map(|one| environment(report, one)).collect(),
    })
}

fn environment<'a>(report: &PlanReport<'_>, environment: &'a EnvironmentPlan) -> EnvironmentDocument<'a> {
    let EnvironmentPlan { name, folder, plan, step, waiting, note } = environment;
    EnvironmentDocument {
        name,
        folder,
        changed: !plan.is_empty(),
        weakens: plan.count(Risk::Weakens),
        behaviour: plan.count(Risk::Behaviour),
        safe: plan.count(Risk::Safe),
        step: step.map(|(number, of)| StepDocument { number, of }),
        waiting: waiting.iter().map(|(path, why)| WaitingDocument { path, why }).collect(),
        note: note.as_deref(),
        changes: plan.changes.iter().map(|one| change(report, one)).collect(),
        files: plan.files.iter().map(file).collect(),
    }
}

fn change<'a>(report: &PlanReport<'_>, change: &'a Change) -> ChangeDocument<'a> {
    ChangeDocument {
        kind: change.kind.name(),
        risk: risk_name(change.risk()),
        subject: &change.subject,
        text: &change.text,
        path: &change.path,
        cause: change.cause.map(|span| Place::of(report.sources, &report.paths, span)),
        access: change.access.iter().map(access).collect(),
    }
}

fn file(file: &FileChange) -> FileDocument<'_> {
    let Lines { added, removed } = lines(file);
    FileDocument { path: &file.path, change: fate(file), added, removed, diff: unified(file) }
}

fn access(access: &Access) -> Value {
    let identity = |identity: &Identity| {
        let Identity { domain, namespace, account } = identity;
        json!({ "trust_domain": domain, "namespace": namespace, "account": account })
    };
    let caller = &access.caller;
    let callee = match &access.callee {
        Callee::Pods { namespace, labels } => {
            let labels: serde_json::Map<String, Value> =
                labels.iter().map(|(key, value)| (key.to_string(), json!(value))).collect();
            json!({ "namespace": namespace, "labels": labels })
        }
        Callee::Others { namespace } => json!({ "namespace": namespace, "labels": null }),
    };
    json!({
        "caller": {
            "unidentified": caller.unidentified,
            "identity": caller.identity.as_ref().map(identity),
            "except": caller.except.iter().map(identity).collect::<Vec<_>>(),
        },
        "callee": callee,
        "operations": access.operations.iter().map(operation).collect::<Vec<_>>(),
    })
}

fn operation(operation: &Operation) -> Value {
    let matching = |Matching { pattern, except }: &Matching| json!({ "pattern": pattern, "except": except });
    let port = matching(&operation.port);
    match &operation.what {
        What::Everything => json!({ "port": port, "what": "everything" }),
        What::Connections => json!({ "port": port, "what": "connections" }),
        What::Requests { method, paths } => json!({
            "port": port,
            "what": "requests",
            "method": matching(method),
            "paths": paths.iter().map(matching).collect::<Vec<_>>(),
        }),
    }
}
