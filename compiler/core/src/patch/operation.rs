//! The operations of a JSON patch (RFC 6902): how they are written.

use json_patch::jsonptr::PointerBuf;
use json_patch::{
    AddOperation, CopyOperation, MoveOperation, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation,
};
use serde_json::Value;

use super::located::{Located, Node, Place};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;
use crate::suggest;

/// One operation with its places.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) what: PatchOperation,
    /// The value of `op`.
    pub(super) name_at: Place,
    /// The value of `path`.
    pub(super) path_at: Place,
}

const KEYS: [&str; 4] = ["op", "path", "value", "from"];
const NAMES: [&str; 6] = ["add", "remove", "replace", "move", "copy", "test"];

impl Operation {
    /// Reads an operation; what is wrong with it goes to `out`. A `value` or `from` that the operation has no use for
    /// is let through, as RFC 6902 (section 4) demands.
    pub(super) fn read(item: &Located, out: &mut Diagnostics) -> Option<Self> {
        let invalid = |span, message: String| Diagnostic::new(Code::InvalidPatch, span, message);
        let Some(entries) = item.as_map() else {
            let message = format!("an operation is a mapping with `op` and `path`, and this is {}", item.kind());
            out.add(invalid(item.span(), message));
            return None;
        };
        for entry in entries.iter().filter(|entry| !KEYS.contains(&entry.key.as_str())) {
            out.add(super::read::unknown_key(entry, "an operation", &KEYS));
        }
        let name = required(item, "op", out)?;
        let Some(text) = name.as_str().filter(|text| NAMES.contains(text)) else {
            let written = name.as_str().unwrap_or(name.kind());
            let message = format!("`{written}` is no operation: {} are", suggest::list(NAMES, NAMES.len()));
            let diagnostic = invalid(name.span(), message);
            out.add(match suggest::nearest(written, NAMES) {
                Some(near) => name.at.suggest(diagnostic, near),
                None => diagnostic,
            });
            return None;
        };
        let written_path = required(item, "path", out)?;
        let path = pointer(written_path, text == "test", out)?;
        let mut from = || pointer(required(item, "from", out)?, false, out);
        let what = match text {
            "remove" => PatchOperation::Remove(RemoveOperation { path }),
            "move" => PatchOperation::Move(MoveOperation { from: from()?, path }),
            "copy" => PatchOperation::Copy(CopyOperation { from: from()?, path }),
            "test" => PatchOperation::Test(TestOperation { path, value: required(item, "value", out)?.to_value() }),
            "add" => PatchOperation::Add(AddOperation { path, value: given_value(item, out)? }),
            _ => PatchOperation::Replace(ReplaceOperation { path, value: given_value(item, out)? }),
        };
        Some(Self { what, name_at: name.at, path_at: written_path.at })
    }

    /// The word of `op`.
    pub(super) fn name(&self) -> &'static str {
        match &self.what {
            PatchOperation::Add(_) => "add",
            PatchOperation::Remove(_) => "remove",
            PatchOperation::Replace(_) => "replace",
            PatchOperation::Move(_) => "move",
            PatchOperation::Copy(_) => "copy",
            PatchOperation::Test(_) => "test",
        }
    }
}

/// The value of a key that must be there.
fn required<'a>(item: &'a Located, key: &str, out: &mut Diagnostics) -> Option<&'a Located> {
    let value = item.get(key);
    if value.is_none() {
        let message = format!("this operation has no `{key}`");
        let diagnostic = Diagnostic::new(Code::InvalidPatch, item.span(), message);
        out.add(match key {
            "value" => {
                diagnostic.help("state `value`; what a field is to have no longer is taken away by `op: remove`")
            }
            _ => diagnostic.help(format!("state `{key}`")),
        });
    }
    value
}

/// The value that `add` and `replace` write.
fn given_value(item: &Located, out: &mut Diagnostics) -> Option<Value> {
    let value = required(item, "value", out)?;
    if let Some(span) = null(value) {
        let message = "a patch cannot write `null`: the API server drops it, so the resource would differ for ever";
        out.add(
            Diagnostic::new(Code::InvalidPatch, span, message)
                .help("leave the field out, or take it away by `op: remove`"),
        );
        return None;
    }
    Some(value.to_value())
}

/// The place of the first `null` in a value.
fn null(value: &Located) -> Option<Span> {
    match &value.node {
        Node::Null => Some(value.span()),
        Node::List(list) => list.iter().find_map(null),
        Node::Map(map) => map.iter().find_map(|entry| null(&entry.value).map(|_| entry.key_at.span)),
        Node::Bool(_) | Node::Number(_) | Node::String(_) => None,
    }
}

/// A JSON pointer (RFC 6901). Only `test` may point at the whole resource, which nothing else may replace or remove.
fn pointer(written: &Located, may_be_whole: bool, out: &mut Diagnostics) -> Option<PointerBuf> {
    let invalid = |message: String| Diagnostic::new(Code::InvalidPatch, written.span(), message);
    let Some(text) = written.as_str() else {
        out.add(invalid(format!("a path is a text such as `/spec/hosts/0`, and this is {}", written.kind())));
        return None;
    };
    if text.is_empty() && !may_be_whole {
        out.add(invalid("an empty path means the whole resource, which a patch cannot replace or remove".to_owned()));
        return None;
    }
    if !text.is_empty() && !text.starts_with('/') {
        let dotted = text.contains('.') && !text.contains('/');
        let slashed = if dotted { text.replace(['.', '['], "/").replace(']', "") } else { text.to_owned() };
        let path = format!("/{slashed}");
        out.add(written.at.suggest(invalid(format!("a path starts with `/`, and `{text}` does not")), &path));
        return None;
    }
    match PointerBuf::parse(text) {
        Ok(pointer) => Some(pointer),
        Err(_) => {
            let help = "in a path `~0` stands for `~` and `~1` for `/`";
            out.add(invalid(format!("`{text}` has a `~` that is neither `~0` nor `~1`")).help(help));
            None
        }
    }
}
