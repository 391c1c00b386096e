//! `meshc check`.

use clap::Args;
use meshc_core::diagnostic::Severity;

use super::Session;
use crate::args::{Format, Selection};
use crate::failure::Failure;
use crate::output::{BOLD, GREEN, PLAIN};
use crate::pipeline::{self, Goal};
use crate::report::{self, Report, plural};

/// Check every environment, and write nothing
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// End with exit code 1 where there are warnings
    #[arg(long)]
    deny_warnings: bool,
}

/// Checks, and prints what was found: for people to standard error, for machines to standard output.
pub(crate) fn run(session: &Session, args: &CheckArgs) -> Result<(), Failure> {
    let outcome = pipeline::compile(&session.folder, &args.selection, Goal::Check)?;
    let report = Report::new(session, &outcome);
    match session.format {
        Format::Human | Format::Markdown => session.output.tell(&report::human::text(&report)),
        Format::Json => session.output.result(&report::json::text(&report))?,
        Format::Sarif => session.output.result(&report::sarif::text(&report))?,
    }
    if outcome.has_errors() {
        return Err(outcome.failure());
    }
    let warnings = outcome.count(Severity::Warning);
    if args.deny_warnings && warnings > 0 {
        let text = format!("{} denied by `--deny-warnings`", plural(warnings, "warning is", "warnings are"));
        return Err(Failure::Refused(text));
    }
    if session.format == Format::Human {
        let verdict = if warnings > 0 { "has no errors" } else { "is fine" };
        session.output.success(&format!(
            "{BOLD}{}{PLAIN} {GREEN}{verdict}{PLAIN}: {}, {} ({})\n",
            report.mesh.map_or("the mesh", |name| name.as_str()),
            plural(outcome.services, "service", "services"),
            plural(outcome.environments.len(), "environment", "environments"),
            report.environments.join(", "),
        ))?;
    }
    Ok(())
}
