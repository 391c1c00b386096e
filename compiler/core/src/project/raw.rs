//! Raw files: Kubernetes objects of kinds that the language does not know, passed through.

use serde_json::Value;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, SourceMap, Span};
use crate::yaml;

/// The objects of a file of one or more YAML documents; empty ones are passed over.
///
/// Errors: [`Code::InvalidFile`] for text that is no YAML, or a document that is no Kubernetes object.
pub fn objects(sources: &SourceMap, file: FileId) -> Result<Vec<Value>, Box<Diagnostic>> {
    let text = &sources.file(file).text;
    let mut list = Vec::new();
    for (offset, document) in yaml::documents(text) {
        let value: Value = yaml_serde::from_str(document).map_err(|error| {
            let at = offset + error.location().map_or(0, |location| location.index());
            let message = format!("this is not YAML: {error}");
            let diagnostic = Diagnostic::new(Code::InvalidFile, Span::new(file, at, at), message);
            Box::new(diagnostic.help("a raw file holds plain Kubernetes objects"))
        })?;
        if value.is_null() {
            continue;
        }
        let has = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        if !(has("/apiVersion") && has("/kind") && has("/metadata/name")) {
            let message = "a raw file holds Kubernetes objects, with `apiVersion`, `kind` and `metadata.name`";
            let span = Span::new(file, offset, offset + document.lines().next().map_or(0, str::len));
            return Err(Box::new(Diagnostic::new(Code::InvalidFile, span, message)));
        }
        list.push(value);
    }
    Ok(list)
}
