//! Findings, shown to people and to machines. One file for each form; none of them decides anything.

pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod plan;
pub(crate) mod sarif;

use meshc_core::diagnostic::{Diagnostic, Severity};
use meshc_core::source::{SourceMap, Text};

use crate::args::Format;
use crate::commands::Session;
use crate::paths::Paths;
use crate::pipeline::Outcome;

/// What is shown.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// Sorted, each finding once.
    pub(crate) findings: &'a [Diagnostic],
    /// The texts that they point into.
    pub(crate) sources: &'a SourceMap,
    /// How files are named.
    pub(crate) paths: Paths,
    /// The mesh, where it has a name.
    pub(crate) mesh: Option<&'a Text>,
    /// The environments that were looked at.
    pub(crate) environments: &'a [Text],
}

impl<'a> Report<'a> {
    /// The findings of a compilation.
    pub(crate) fn new(session: &Session, outcome: &'a Outcome) -> Self {
        Self {
            findings: &outcome.findings,
            sources: &outcome.project.sources,
            paths: Paths::new(&session.folder),
            mesh: outcome.mesh.as_ref(),
            environments: &outcome.environments,
        }
    }

    /// The findings in a form, as one text.
    pub(crate) fn text(&self, format: Format) -> String {
        match format {
            Format::Human | Format::Markdown => human::text(self),
            Format::Json => json::text(self),
            Format::Sarif => sarif::text(self),
        }
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// The severity's name, the same in every form.
pub(crate) const fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// "1 error", "2 errors".
pub(crate) fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
