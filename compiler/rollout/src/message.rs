//! What a commit of a promote says.

use meshc_gitops::message::message;

use crate::decide::Decision;
use crate::outcome::Report;

/// The message: what each service does, and on which evidence.
pub(crate) fn of(folder: &str, reports: &[&Report]) -> String {
    let what = |report: &&Report| {
        let Report { name, canary, weight, decided, .. } = *report;
        match &decided.decision {
            Decision::Advance { to } => format!("{name} {canary} {weight} % -> {to} %"),
            Decision::Abort { .. } => format!("{name} {canary} {weight} % -> 0 %, held"),
            _ => format!("{name} {canary} finished"),
        }
    };
    let aborts = reports.iter().all(|report| matches!(report.decided.decision, Decision::Abort { .. }));
    let operation = if aborts { "abort" } else { "promote" };
    let subject = match reports {
        [one] => what(one),
        several => format!("{} releases", several.len()),
    };
    let mut body = Vec::new();
    for report in reports {
        body.push(format!("- {}", what(report)));
        if let Decision::Abort { why } = &report.decided.decision {
            body.push(format!("  because {why}"));
        }
        for evidence in &report.decided.evidence {
            body.push(format!("  {evidence}"));
            if !evidence.query.is_empty() {
                body.push(format!("    {}", evidence.query));
            }
        }
    }
    let mut trailers = vec![("Mesh-Operation", operation.to_owned()), ("Mesh-Env", folder.to_owned())];
    trailers.extend(reports.iter().map(|report| ("Mesh-Service", report.name.to_string())));
    message(&format!("{operation}({}): {subject}", folder), &body, &trailers)
}
