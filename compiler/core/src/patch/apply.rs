//! The operations of a JSON patch: what they do to a resource, and why they cannot.
//!
//! RFC 6902 by the `json-patch` crate (5.0), with these differences from kustomize (5.5, evanphx/json-patch v4.13,
//! tried with kubectl 1.32), each an error here where kustomize guesses: `replace` of a missing key adds it there;
//! `copy` of a missing one writes null; an index may be negative or have leading zeros; a path may lack its first `/`.
//! Taken over from kustomize: a `test` for `null` holds where the key is missing. Numbers are compared as numbers.

use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{AddOperation, PatchErrorKind, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::{Value, json};

use super::operation::Operation;
use crate::bundle::yaml::to_yaml;
use crate::code::Code;
use crate::source::Span;
use crate::suggest;

/// Why an operation was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refusal {
    /// What kind of fault it is.
    pub(crate) code: Code,
    /// Lower case, to follow "…: ".
    pub(crate) why: String,
    /// What to do.
    pub(crate) help: Option<String>,
    /// What to write, where, and instead of what.
    pub(crate) edit: Option<(String, Span, String)>,
}

impl Refusal {
    /// A refusal without advice.
    pub(crate) fn new(code: Code, why: impl Into<String>) -> Self {
        Self { code, why: why.into(), help: None, edit: None }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Applies all operations, or none: then it says which one was refused. `guard` looks at the object after each; what it
/// refuses at the end is held against the operation since which it does.
pub(super) fn apply(
    operations: &[Operation],
    object: &mut Value,
    guard: &dyn Fn(&Value) -> Option<Refusal>,
) -> Result<(), Box<(usize, Refusal)>> {
    let mut undo = Undo::default();
    let mut refused: Option<(usize, Refusal)> = None;
    for (index, operation) in operations.iter().enumerate() {
        undo.before(&operation.what, object);
        if let Err(refusal) = one(operation, object) {
            undo.forget_last();
            undo.run(object);
            return Err(Box::new((index, refusal)));
        }
        refused = guard(object).map(|refusal| refused.take().unwrap_or((index, refusal)));
    }
    match refused {
        Some(refused) => {
            undo.run(object);
            Err(Box::new(refused))
        }
        None => Ok(()),
    }
}

/// What takes operations back. Failures are rare, and a copy of each resource before each patch is a third of the work.
#[derive(Default)]
struct Undo(Vec<Step>);

enum Step {
    /// Nothing was changed.
    Nothing,
    /// By an operation.
    Operation(PatchOperation),
    /// By the whole object as it was.
    Whole(Value),
}

impl Undo {
    /// Notes how to take back an operation that is about to be applied.
    fn before(&mut self, what: &PatchOperation, object: &Value) {
        let path = what.path();
        let there = || object.pointer(path.as_str()).cloned();
        let parent = || path.split_back().and_then(|(parent, _)| object.pointer(parent.as_str()));
        let remove = |path: PointerBuf| PatchOperation::Remove(RemoveOperation { path });
        let replace = |value| PatchOperation::Replace(ReplaceOperation { path: path.to_owned(), value });
        self.0.push(match what {
            PatchOperation::Test(_) => Step::Nothing,
            PatchOperation::Move(_) => Step::Whole(object.clone()),
            PatchOperation::Remove(_) => there().map_or(Step::Nothing, |value| {
                Step::Operation(PatchOperation::Add(AddOperation { path: path.to_owned(), value }))
            }),
            PatchOperation::Replace(_) => there().map_or(Step::Nothing, |value| Step::Operation(replace(value))),
            PatchOperation::Add(_) | PatchOperation::Copy(_) => match parent() {
                // An entry is put between others, or at the end by `-`.
                Some(Value::Array(list)) => {
                    let above = path.parent().filter(|_| path.as_str().ends_with("/-"));
                    let at = above.map_or_else(|| path.to_owned(), |above| above.with_trailing_token(list.len()));
                    Step::Operation(remove(at))
                }
                _ => Step::Operation(there().map_or_else(|| remove(path.to_owned()), replace)),
            },
        });
    }

    /// The last operation was refused and has changed nothing, unless it was to move something.
    fn forget_last(&mut self) {
        if !matches!(self.0.last(), Some(Step::Whole(_))) {
            self.0.pop();
        }
    }

    fn run(self, object: &mut Value) {
        for step in self.0.into_iter().rev() {
            match step {
                Step::Nothing => {}
                Step::Whole(before) => *object = before,
                // It takes back what was just done, so it can be done.
                Step::Operation(operation) => drop(json_patch::patch_unsafe(object, &[operation])),
            }
        }
    }
}

fn one(operation: &Operation, object: &mut Value) -> Result<(), Refusal> {
    if let PatchOperation::Test(test) = &operation.what {
        return holds(object, &test.path, &test.value);
    }
    let result = json_patch::patch_unsafe(object, std::slice::from_ref(&operation.what));
    result.map_err(|error| match (&operation.what, error.kind) {
        (PatchOperation::Move(_), PatchErrorKind::CannotMoveInsideItself) => {
            Refusal::new(Code::PatchFailed, "a value cannot be moved into itself")
        }
        (PatchOperation::Move(json_patch::MoveOperation { from, .. }), PatchErrorKind::InvalidFromPointer)
        | (PatchOperation::Copy(json_patch::CopyOperation { from, .. }), PatchErrorKind::InvalidFromPointer) => {
            missing(object, from, false)
        }
        (PatchOperation::Add(add), _) => missing_parent(object, &add.path, Some(&add.value)),
        (PatchOperation::Move(_) | PatchOperation::Copy(_), _) => missing_parent(object, operation.what.path(), None),
        (PatchOperation::Replace(replace), _) => {
            let refusal = missing(object, &replace.path, false);
            let parent = replace.path.split_back().and_then(|(parent, _)| object.pointer(parent.as_str()));
            if !parent.is_some_and(Value::is_object) || refusal.help.is_some() {
                return refusal;
            }
            let edit =
                operation.name_at.rewrite("add").map(|(span, written)| ("write `add`".to_owned(), span, written));
            let help = "`replace` needs a value to replace; `add` writes one, whether or not there is one";
            Refusal { edit, ..refusal.help(help) }
        }
        (PatchOperation::Remove(_) | PatchOperation::Test(_), _) => missing(object, operation.what.path(), false),
    })
}

/// The operation `test`.
fn holds(object: &Value, path: &Pointer, expected: &Value) -> Result<(), Refusal> {
    match object.pointer(path.as_str()) {
        Some(found) if same(found, expected) => Ok(()),
        Some(found) => {
            let why = format!("`{path}` is `{}`, and the patch expects `{}`", brief(found), brief(expected));
            Err(Refusal::new(Code::PatchFailed, why))
        }
        None => {
            let parent = path.split_back().and_then(|(parent, _)| object.pointer(parent.as_str()));
            if expected.is_null() && parent.is_some_and(Value::is_object) {
                return Ok(());
            }
            let mut refusal = missing(object, path, false);
            refusal.why = format!("{}, and the patch expects `{}` there", refusal.why, brief(expected));
            Err(refusal)
        }
    }
}

/// Whether two values are equal, numbers by what they count.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || ((a.is_f64() || b.is_f64()) && a.as_f64().is_some() && a.as_f64() == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// A value as JSON, cut where it is long.
fn brief(value: &Value) -> String {
    const LONGEST: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or("")),
        None => text,
    }
}

/// Why a path cannot be written to: what is missing, and the operation that adds all of it.
fn missing_parent(object: &Value, path: &Pointer, value: Option<&Value>) -> Refusal {
    let refusal = missing(object, path, true);
    let (Some(value), None) = (value, &refusal.help) else { return refusal };
    // Wraps the value in what is missing above it, as far up as something is there.
    let mut whole = value.clone();
    let mut at = path;
    while let Some((parent, last)) = at.split_back() {
        match object.pointer(parent.as_str()) {
            Some(Value::Object(_)) => break,
            Some(_) => return refusal,
            None => {
                whole = json!({ last.decoded().as_ref(): whole });
                at = parent;
            }
        }
    }
    let operation = to_yaml(&json!([{"op": "add", "path": at.as_str(), "value": whole}]));
    match operation {
        Ok(operation) if at != path => refusal.help(format!("add what is missing above it too:\n{operation}")),
        Ok(_) | Err(_) => refusal,
    }
}

/// Why a path leads nowhere. `adds`: its last part need not exist, and may be the place behind a list's last entry.
fn missing(object: &Value, path: &Pointer, adds: bool) -> Refusal {
    let tokens: Vec<String> = path.tokens().map(|token| token.decoded().into_owned()).collect();
    let failed = |why: String| Refusal::new(Code::PatchFailed, why);
    let (mut current, mut at) = (object, String::new());
    for (depth, token) in tokens.iter().enumerate() {
        let here = if at.is_empty() { "the resource".to_owned() } else { format!("`{at}`") };
        let next = match current {
            Value::Object(map) => match map.get(token) {
                Some(next) => next,
                None => {
                    let keys = || map.keys().map(String::as_str);
                    let rest = tokens.get(depth..).unwrap_or_default().join("/");
                    let only =
                        if map.is_empty() { String::new() } else { format!(", only {}", suggest::list(keys(), 8)) };
                    let refusal = failed(format!("{here} has no `{token}`{only}"));
                    let free_keys = at.ends_with("annotations") || at.ends_with("abels");
                    return if rest != *token && (free_keys || map.contains_key(&rest)) {
                        let escaped = rest.replace('~', "~0").replace('/', "~1");
                        refusal.help(format!("a `/` within a key is written `~1`: `{at}/{escaped}`"))
                    } else if let Some(near) = suggest::nearest(token, keys()) {
                        refusal.help(format!("did you mean `{near}`?"))
                    } else {
                        refusal
                    };
                }
            },
            Value::Array(list) => match token.parse::<usize>() {
                Ok(index) if token.as_str() == index.to_string() => match list.get(index) {
                    Some(next) => next,
                    None => {
                        return failed(format!("{here} has {}, and `{index}` is none of them", entries(list.len())));
                    }
                },
                _ if token == "-" => {
                    let why = format!("`-` is the place behind the last entry of {here}, where nothing stands");
                    return failed(why);
                }
                _ => {
                    let last = depth + 1 == tokens.len() && adds;
                    let end = if last { ", or `-` for the end" } else { "" };
                    return failed(format!(
                        "{here} is a list: `{token}` is no index of it, which is `0`, `1` and so on{end}"
                    ));
                }
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return failed(format!("{here} is `{}`, which has nothing within", brief(current)));
            }
        };
        current = next;
        at = format!("{at}/{}", token.replace('~', "~0").replace('/', "~1"));
    }
    failed(format!("`{path}` cannot be used here"))
}

fn entries(count: usize) -> String {
    match count {
        0 => "no entries".to_owned(),
        1 => "one entry, `0`".to_owned(),
        _ => format!("{count} entries, `0` to `{}`", count - 1),
    }
}
