//! Findings as one JSON object. The shape is a promise: `docs/formats.md` describes it, and fields are only added.

use meshc_core::diagnostic::{Diagnostic, Label, Severity};
use meshc_core::source::{SourceMap, Span, Text};
use serde::Serialize;

use super::{Report, severity_name};
use crate::paths::Paths;

/// Grows when a field is removed or changes its meaning.
pub(crate) const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    mesh: Option<&'a Text>,
    environments: &'a [Text],
    errors: usize,
    warnings: usize,
    notes: usize,
    diagnostics: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    #[serde(flatten)]
    place: Place,
    label: Option<&'a str>,
    related: Vec<Related<'a>>,
    notes: &'a [String],
    help: Option<&'a str>,
    suggestion: Option<SuggestionDocument<'a>>,
    environments: &'a [Text],
}

/// Lines and columns are counted from 1, columns in characters; the end is the first character behind.
#[derive(Serialize)]
pub(crate) struct Place {
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
struct Related<'a> {
    #[serde(flatten)]
    place: Place,
    label: Option<&'a str>,
}

#[derive(Serialize)]
struct SuggestionDocument<'a> {
    text: &'a str,
    edits: Vec<Edit<'a>>,
}

#[derive(Serialize)]
struct Edit<'a> {
    #[serde(flatten)]
    place: Place,
    replacement: &'a str,
}

/// The object, indented, with a line break at its end.
pub(crate) fn text(report: &Report<'_>) -> String {
    to_text(&Document {
        schema: SCHEMA,
        mesh: report.mesh,
        environments: report.environments,
        errors: report.count(Severity::Error),
        warnings: report.count(Severity::Warning),
        notes: report.count(Severity::Note),
        diagnostics: report.findings.iter().map(|finding| one(report, finding)).collect(),
    })
}

/// A document as it is printed.
pub(crate) fn to_text(document: &impl Serialize) -> String {
    // Structures of texts and numbers always become JSON.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// A document as one line of many.
pub(crate) fn to_line(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string(document).unwrap_or_default();
    text.push('\n');
    text
}

fn one<'a>(report: &Report<'a>, finding: &'a Diagnostic) -> Finding<'a> {
    let edit = |(span, text): &'a (Span, String)| Edit { place: place(report, *span), replacement: text };
    let related = |label: &'a Label| Related {
        place: place(report, label.span),
        label: Some(label.text.as_str()).filter(|text| !text.is_empty()),
    };
    Finding {
        code: finding.code.name(),
        severity: severity_name(finding.severity),
        message: &finding.message,
        place: place(report, finding.primary.span),
        label: Some(finding.primary.text.as_str()).filter(|text| !text.is_empty()),
        related: finding.related.iter().map(related).collect(),
        notes: &finding.notes,
        help: finding.help.as_deref(),
        suggestion: finding.suggestion.as_ref().map(|suggestion| SuggestionDocument {
            text: &suggestion.text,
            edits: suggestion.edits.iter().map(edit).collect(),
        }),
        environments: if finding.environments.is_empty() { report.environments } else { &finding.environments },
    }
}

impl Place {
    /// The place of a span.
    pub(crate) fn of(sources: &SourceMap, paths: &Paths, span: Span) -> Self {
        let file = sources.file(span.file);
        let (line, column) = file.line_column(span.start);
        let (end_line, end_column) = file.line_column(span.end);
        Self { file: paths.show(&file.path), line, column, end_line, end_column }
    }
}

fn place(report: &Report<'_>, span: Span) -> Place {
    Place::of(report.sources, &report.paths, span)
}
