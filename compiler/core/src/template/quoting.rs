//! How values become text. What ends in YAML or in a shell script comes from names, URLs and branches that people
//! choose; a text is printed only by a filter that says where it goes, so that no template can forget to quote.
//!
//! | filter | for | `it's` becomes |
//! |---|---|---|
//! | `yaml` | a value in block style, or an entry of a list | `"it's"` |
//! | `sh` | one word of a shell script | `'it'\''s'` |
//! | `line` | a comment, a sentence, a word that another tool reads | `it's` |
//! | `json` | a value of JSON or JavaScript, of any kind | `"it's"` |

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State};

use crate::bundle::yaml::to_yaml;

/// Adds the filters.
pub(super) fn add_filters(environment: &mut Environment<'_>) {
    environment.add_filter("yaml", |value: Value| quoted(&value, "yaml", yaml));
    environment.add_filter("sh", |value: Value| quoted(&value, "sh", sh));
    environment.add_filter("line", |value: Value| quoted(&value, "line", line));
    environment.add_filter("json", |value: Value| json(&value));
}

/// Prints a value: numbers, truth values, and texts that are quoted already.
pub(super) fn format(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let printable = matches!(value.kind(), ValueKind::Number | ValueKind::Bool) || value.is_safe();
    if !printable {
        let what = if value.kind() == ValueKind::String { "a text" } else { "this value" };
        let message =
            format!("{what} is printed without a filter; write `| yaml`, `| sh`, `| line` or `| json` behind it");
        return Err(fault(message));
    }
    out.write_str(&plain(value)).map_err(|_| Error::new(ErrorKind::WriteFailure, "the result cannot grow"))
}

/// A number, a truth value or a quoted text, as every reader spells it: minijinja 3 says `False`, as Python does.
fn plain(value: &Value) -> String {
    match value.kind() {
        ValueKind::Bool => value.is_true().to_string(),
        _ => value.to_string(),
    }
}

/// A text, number or truth value in the form that `quote` gives it.
fn quoted(value: &Value, filter: &str, quote: fn(&str) -> Result<String, String>) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Number | ValueKind::Bool => Ok(Value::from_safe_string(plain(value))),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            quote(text).map(Value::from_safe_string).map_err(fault)
        }
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        kind => Err(fault(format!("`{filter}` takes a text, a number or a truth value, and this is {kind}"))),
    }
}

fn fault(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// One scalar on one line that every reader of YAML takes for this text.
fn yaml(text: &str) -> Result<String, String> {
    to_yaml(text).map(|text| text.trim_end_matches('\n').to_owned())
}

/// A value as JSON, which is also JavaScript: since 2019 that takes U+2028 and U+2029 in strings (ECMA-262, JSON superset).
fn json(value: &Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let text = serde_json::to_string_pretty(value).map_err(|error| fault(error.to_string()))?;
    Ok(Value::from_safe_string(text))
}

/// One word of a POSIX shell. Characters that would end the line are refused: the script may stand in YAML.
fn sh(text: &str) -> Result<String, String> {
    refuse_controls(text, "a shell script")?;
    let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-' | b':' | b'@' | b'+' | b',');
    if !text.is_empty() && text.bytes().all(bare) {
        return Ok(text.to_owned());
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// The text itself, which may not end the line.
fn line(text: &str) -> Result<String, String> {
    refuse_controls(text, "one line")?;
    Ok(text.to_owned())
}

fn refuse_controls(text: &str, place: &str) -> Result<(), String> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if text.contains(breaks) {
        return Err(format!("{text:?} cannot be written in {place}: it has a control character"));
    }
    Ok(())
}
