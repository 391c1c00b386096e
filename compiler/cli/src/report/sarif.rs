//! Findings as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format Version 2.1.0"), which code scanning
//! services read.

use std::collections::BTreeMap;

use meshc_core::bundle::digest::digest;
use meshc_core::code::Code;
use meshc_core::compile::VERSION;
use meshc_core::diagnostic::{Diagnostic, Label, Suggestion};
use meshc_core::source::{FileId, SourceMap, Span};
use serde_json::{Value, json};

use super::json::to_text;
use super::{Report, severity_name};
use crate::paths::Paths;

/// Name of our fingerprint; its number grows when the same finding gets another value.
const FINGERPRINT: &str = "meshcFinding/v1";

/// The log, indented, with a line break at its end.
pub(crate) fn text(report: &Report<'_>) -> String {
    let mut rules: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
    rules.sort();
    rules.dedup();
    let mut seen = BTreeMap::new();
    let results: Vec<Value> =
        report.findings.iter().map(|finding| result(report, finding, &rules, &mut seen)).collect();
    to_text(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "meshc",
                "semanticVersion": VERSION,
                "rules": rules.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.name(),
        "shortDescription": { "text": code.summary() },
        "help": { "text": code.page(), "markdown": code.page() },
        "defaultConfiguration": { "level": severity_name(code.severity()) },
    })
}

fn result(report: &Report<'_>, finding: &Diagnostic, rules: &[Code], seen: &mut BTreeMap<String, u32>) -> Value {
    let mut value = json!({
        "ruleId": finding.code.name(),
        "ruleIndex": rules.binary_search(&finding.code).unwrap_or_default(),
        // The names that SARIF has for its levels are ours.
        "level": severity_name(finding.severity),
        "message": { "text": message(finding) },
        "locations": [location(report, &finding.primary, None)],
        "partialFingerprints": { FINGERPRINT: fingerprint(report, finding, seen) },
    });
    if let Some(fields) = value.as_object_mut() {
        if !finding.related.is_empty() {
            let related = finding.related.iter().enumerate().map(|(id, label)| location(report, label, Some(id)));
            fields.insert("relatedLocations".to_owned(), related.collect());
        }
        if let Some(suggestion) = &finding.suggestion {
            fields.insert("fixes".to_owned(), json!([fix(report, suggestion)]));
        }
        let environments =
            if finding.environments.is_empty() { report.environments } else { &finding.environments[..] };
        if !environments.is_empty() {
            fields.insert("properties".to_owned(), json!({ "environments": environments }));
        }
    }
    value
}

/// The whole finding in sentences: most viewers show nothing else.
fn message(finding: &Diagnostic) -> String {
    let mut lines = vec![finding.message.clone()];
    if !finding.environments.is_empty() {
        lines.push(format!("only in: {}", finding.environments.join(", ")));
    }
    lines.extend(finding.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(finding.help.iter().map(|help| format!("help: {help}")));
    lines.join("\n")
}

fn location(report: &Report<'_>, label: &Label, id: Option<usize>) -> Value {
    let mut value = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(report.sources, &report.paths, label.span.file) },
            "region": region(report.sources, label.span),
        },
    });
    if let Some(fields) = value.as_object_mut() {
        if let Some(id) = id {
            fields.insert("id".to_owned(), json!(id));
        }
        if !label.text.is_empty() {
            fields.insert("message".to_owned(), json!({ "text": label.text }));
        }
    }
    value
}

/// The place of a span.
pub(super) fn region(sources: &SourceMap, span: Span) -> Value {
    let file = sources.file(span.file);
    let (start_line, start_column) = file.line_column(span.start);
    let (end_line, end_column) = file.line_column(span.end);
    json!({
        "startLine": start_line,
        "startColumn": start_column,
        "endLine": end_line,
        "endColumn": end_column,
    })
}

fn fix(report: &Report<'_>, suggestion: &Suggestion) -> Value {
    let mut files: Vec<FileId> = suggestion.edits.iter().map(|(span, _)| span.file).collect();
    files.sort();
    files.dedup();
    let changes: Vec<Value> = files
        .into_iter()
        .map(|file| {
            let edits = suggestion.edits.iter().filter(|(span, _)| span.file == file);
            let replacement = |(span, text): &(Span, String)| {
                json!({ "deletedRegion": region(report.sources, *span), "insertedContent": { "text": text } })
            };
            json!({
                "artifactLocation": { "uri": uri(report.sources, &report.paths, file) },
                "replacements": edits.map(replacement).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "description": { "text": suggestion.text }, "artifactChanges": changes })
}

/// A file as a URI reference (RFC 3986). A page of the standard library is no file, and gets a scheme of its own.
pub(super) fn uri(sources: &SourceMap, paths: &Paths, file: FileId) -> String {
    let path = &sources.file(file).path;
    if let Some(page) = path.strip_prefix('<').and_then(|path| path.strip_suffix('>')) {
        return format!("meshc:{}", encoded(page));
    }
    let shown = encoded(&paths.show(path));
    if shown.starts_with('/') { format!("file://{shown}") } else { shown }
}

/// Everything but unreserved characters and `/` as `%XX`.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The same for the same finding, wherever in its file it moves: made of the code, the file within the project, the
/// marked lines and the message, and counted where all of these are equal.
fn fingerprint(report: &Report<'_>, finding: &Diagnostic, seen: &mut BTreeMap<String, u32>) -> String {
    let file = report.sources.file(finding.primary.span.file);
    let line = marked_line(&file.text, finding.primary.span).trim();
    let whole = format!("{}\n{}\n{line}\n{}", finding.code, file.path, finding.message);
    counted(&whole, seen)
}

/// A digest of a text, with how often it was seen behind it.
pub(super) fn counted(whole: &str, seen: &mut BTreeMap<String, u32>) -> String {
    let digest = digest(whole.as_bytes());
    let digest = digest.rsplit(':').next().unwrap_or_default();
    let short = digest.get(..32).unwrap_or(digest).to_owned();
    let count = seen.entry(short.clone()).and_modify(|count| *count += 1).or_insert(1);
    format!("{short}:{count}")
}

fn marked_line(text: &str, span: Span) -> &str {
    let at = (span.start as usize).min(text.len());
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |found| found + 1);
    let end = text.get(at..).and_then(|behind| behind.find('\n')).map_or(text.len(), |found| at + found);
    text.get(start..end).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        assert_eq!(encoded("a b/ü.mesh"), "a%20b/%C3%BC.mesh");
        assert_eq!(encoded("environments/prod.mesh"), "environments/prod.mesh");
    }
}
