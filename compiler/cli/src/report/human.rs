//! Findings for people: the source with carets, both ends of a conflict, what explains it, what to do.

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet, normalize_untrusted_str,
};
use meshc_core::diagnostic::{Diagnostic, Label, Severity, Suggestion};
use meshc_core::source::{FileId, Span};

use super::{Report, plural};
use crate::output::{BOLD, PLAIN};

/// All findings and a line that sums them up; empty where there are none.
pub(crate) fn text(report: &Report<'_>) -> String {
    if report.findings.is_empty() {
        return String::new();
    }
    let renderer = Renderer::styled();
    let mut text = String::new();
    for finding in report.findings {
        text.push_str(&renderer.render(&groups(report, finding)));
        text.push_str("\n\n");
    }
    text.push_str(&summary(report));
    text
}

/// "2 errors, 1 warning in boutique (dev, staging, prod)", and where to read more.
fn summary(report: &Report<'_>) -> String {
    let counts = [
        (report.count(Severity::Error), "error", "errors"),
        (report.count(Severity::Warning), "warning", "warnings"),
        (report.count(Severity::Note), "note", "notes"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| plural(count, one, many))
        .collect();
    let mut text = format!("{BOLD}{}{PLAIN}", counts.join(", "));
    if let Some(mesh) = report.mesh {
        text.push_str(&format!(" in {mesh}"));
        if !report.environments.is_empty() {
            text.push_str(&format!(" ({})", report.environments.join(", ")));
        }
    }
    // The first code that is worth a page: the worst one.
    if let Some(worst) = report.findings.iter().min_by_key(|finding| finding.severity) {
        text.push_str(&format!("; `meshc explain {}` tells more", worst.code));
    }
    text.push('\n');
    text
}

/// One finding.
fn groups<'r>(report: &Report<'r>, finding: &'r Diagnostic) -> Vec<Group<'r>> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.code.name());
    let mut group = Group::with_title(title);
    let primary = finding.primary.span.file;
    let mut files = vec![primary];
    for label in &finding.related {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    for file in files {
        let mut marks: Vec<(&Label, AnnotationKind)> = Vec::new();
        if file == primary {
            marks.push((&finding.primary, AnnotationKind::Primary));
        }
        let related = finding.related.iter().filter(|label| label.span.file == file);
        marks.extend(related.map(|label| (label, AnnotationKind::Context)));
        group = with_source(group, report, file, &marks);
    }
    if !finding.environments.is_empty() {
        let names = finding.environments.join(", ");
        group = group.element(Level::NOTE.with_name("only in").message(names));
    }
    for note in &finding.notes {
        group = group.element(Level::NOTE.message(normalize_untrusted_str(note)));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
    }
    let mut groups = vec![group];
    groups.extend(finding.suggestion.as_ref().map(|suggestion| patches(report, suggestion)));
    groups
}

/// The marked lines of one file, or its name alone where there is nothing to mark.
fn with_source<'r>(
    group: Group<'r>,
    report: &Report<'r>,
    file: FileId,
    marks: &[(&'r Label, AnnotationKind)],
) -> Group<'r> {
    let path = report.paths.show(&report.sources.file(file).path);
    if report.sources.file(file).text.is_empty() {
        return group.element(Origin::path(path));
    }
    let window = Window::around(report, file, marks.iter().map(|(label, _)| label.span));
    let mut snippet = Snippet::source(window.text).path(path).line_start(window.line);
    for (label, kind) in marks {
        let annotation: Annotation<'r> = kind.span(window.range(label.span));
        snippet = snippet.annotation(match label.text.as_str() {
            "" => annotation,
            text => annotation.label(text),
        });
    }
    group.element(snippet)
}

/// What to write instead, as lines that go and lines that come.
fn patches<'r>(report: &Report<'r>, suggestion: &'r Suggestion) -> Group<'r> {
    let mut group = Group::with_title(Level::HELP.secondary_title(normalize_untrusted_str(&suggestion.text)));
    let mut files: Vec<FileId> = suggestion.edits.iter().map(|(span, _)| span.file).collect();
    files.dedup();
    for file in files {
        let edits = || suggestion.edits.iter().filter(|(span, _)| span.file == file);
        let window = Window::around(report, file, edits().map(|(span, _)| *span));
        let path = report.paths.show(&report.sources.file(file).path);
        let patches = edits().map(|(span, text)| Patch::new(window.range(*span), text.as_str()));
        group = group.element(Snippet::source(window.text).path(path).line_start(window.line).patches(patches));
    }
    group
}

/// The lines of a file between the first and the last place that is shown. The renderer looks at everything that it
/// is given, and a file may be long.
struct Window<'s> {
    text: &'s str,
    /// Number of its first line.
    line: usize,
    /// Offset of its first byte.
    start: usize,
}

impl<'s> Window<'s> {
    fn around(report: &Report<'s>, file: FileId, spans: impl Iterator<Item = Span>) -> Self {
        let source = report.sources.file(file);
        let whole = source.text.as_str();
        let (mut first, mut last) = (whole.len(), 0);
        for span in spans {
            first = first.min(span.start as usize);
            last = last.max(span.end as usize);
        }
        // The end of a text is behind its last line break: the last line is what there is to show.
        let end_of_text = whole.trim_end_matches('\n').len();
        let first = first.min(end_of_text);
        let start = whole.get(..first).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let last = last.clamp(first, whole.len());
        let end = whole.get(last..).and_then(|behind| behind.find('\n')).map_or(whole.len(), |at| last + at);
        let (line, _) = source.line_column(u32::try_from(start).unwrap_or(u32::MAX));
        Self { text: whole.get(start..end).unwrap_or(""), line: line as usize, start }
    }

    fn range(&self, span: Span) -> std::ops::Range<usize> {
        let inside = |offset: u32| (offset as usize).saturating_sub(self.start).min(self.text.len());
        inside(span.start)..inside(span.end)
    }
}
