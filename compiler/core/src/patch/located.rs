//! Values of a patch file with their places. What a plain scalar means is decided here, more strictly than by any
//! one reader: kustomize reads the file with one library and the patch in it with another, which take `on`, `017` or
//! `1_000` for different things, so that whoever writes one of those must say what is meant.

use serde_json::{Map, Number, Value};

use super::origin::Origin;
use crate::bundle::yaml::{differs_between_readers, to_yaml};
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Span};
use crate::yaml::{self, Style};

/// Where something is written: a scalar, or the first line of anything larger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) span: Span,
    quoted: bool,
    /// The span covers exactly this; otherwise the quoted text that holds it.
    exact: bool,
}

impl Place {
    /// Adds to a finding the advice to write `text` here, where only this would be replaced.
    pub(super) fn suggest(self, diagnostic: Diagnostic, text: &str) -> Diagnostic {
        match self.rewrite(text) {
            Some((span, written)) => diagnostic.suggest(format!("write `{text}`"), span, written),
            None => diagnostic,
        }
    }

    /// The span and what to write there for it to be `text`, in quotes where it is now.
    pub(super) fn rewrite(self, text: &str) -> Option<(Span, String)> {
        let written =
            if self.quoted { Value::from(text).to_string() } else { to_yaml(text).ok()?.trim_end().to_owned() };
        self.exact.then_some((self.span, written))
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Located {
    pub(super) at: Place,
    pub(super) node: Node,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Located>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: Place,
    pub(super) value: Located,
}

/// Why a text cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) span: Span,
    pub(super) message: String,
    /// The other end: the first of two equal keys.
    pub(super) first: Option<Span>,
}

impl Located {
    pub(super) fn span(&self) -> Span {
        self.at.span
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Node::String(text) = &self.node { Some(text) } else { None }
    }

    pub(super) fn as_map(&self) -> Option<&[Entry]> {
        if let Node::Map(entries) = &self.node { Some(entries) } else { None }
    }

    /// The entry of a key, if this is a map that has it.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().find(|entry| entry.key == key)
    }

    /// The value of a key, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Located> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value without places.
    pub(super) fn to_value(&self) -> Value {
        match &self.node {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Number(value) => Value::Number(value.clone()),
            Node::String(value) => Value::String(value.clone()),
            Node::List(list) => list.iter().map(Located::to_value).collect(),
            Node::Map(map) => map.iter().map(|e| (e.key.clone(), e.value.to_value())).collect::<Map<_, _>>().into(),
        }
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.node {
            Node::Null => "nothing",
            Node::Bool(_) => "a truth value",
            Node::Number(_) => "a number",
            Node::String(_) => "a text",
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
        }
    }
}

/// The documents of a text, YAML or JSON, that stands in `file` as `origin` says.
pub(super) fn documents(file: FileId, text: &str, origin: &Origin) -> Result<Vec<Located>, Unreadable> {
    let mut found = Vec::new();
    for (offset, document) in yaml::documents(text) {
        let roots = yaml::parse(file, offset, document).map_err(|fault| Unreadable {
            span: origin.map(fault.span),
            message: fault.message,
            first: fault.first.map(|first| origin.map(first)),
        })?;
        for root in &roots {
            found.push(located(root, origin)?);
        }
    }
    Ok(found)
}

fn place(node: &yaml::Node<'_>, origin: &Origin) -> Place {
    let quoted = matches!(node.value(), yaml::Value::Scalar(_, Style::Text));
    Place { span: origin.map(node.span), quoted, exact: !matches!(origin, Origin::Within(_)) }
}

fn located(node: &yaml::Node<'_>, origin: &Origin) -> Result<Located, Unreadable> {
    let at = place(node, origin);
    let span = at.span;
    let node = match node.value() {
        yaml::Value::Scalar(text, Style::Text) => Node::String(text.to_string()),
        yaml::Value::Scalar(text, Style::Plain) => {
            plain(text).map_err(|message| Unreadable { span, message, first: None })?
        }
        yaml::Value::List(list) => Node::List(list.iter().map(|node| located(node, origin)).collect::<Result<_, _>>()?),
        yaml::Value::Map(map) => Node::Map(map.iter().map(|pair| entry(pair, origin)).collect::<Result<_, _>>()?),
        // `value` follows aliases, so that none arrives.
        yaml::Value::Shared(node) => return located(node, origin),
    };
    Ok(Located { at, node })
}

fn entry((key, value): &(yaml::Node<'_>, yaml::Node<'_>), origin: &Origin) -> Result<Entry, Unreadable> {
    let key_at = place(key, origin);
    let unreadable = |message: &str| Unreadable { span: key_at.span, message: message.to_owned(), first: None };
    let text = key.scalar().ok_or_else(|| unreadable("a key is not a text"))?;
    // Readers that take `y` for a truth value make the key `true` of it (kubectl 1.32's kustomize, tried).
    if !key_at.quoted && text != "<<" && !matches!(plain(text), Ok(Node::String(_))) {
        return Err(unreadable(&format!("the key `{text}` is not a text to every reader of YAML: quote it")));
    }
    if text == "<<" {
        return Err(unreadable("merge keys (`<<`) are not read in a patch file: write the entries out"));
    }
    Ok(Entry { key: text.to_owned(), key_at, value: located(value, origin)? })
}

/// What a scalar without quotes means to every reader.
fn plain(text: &str) -> Result<Node, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" => Node::Bool(true),
        "false" | "False" | "FALSE" => Node::Bool(false),
        _ => match number(text) {
            Some(number) => Node::Number(number),
            None if differs_between_readers(text) => {
                return Err(format!(
                    "readers of YAML disagree on what `{text}` is: quote it, or write it as JSON has it"
                ));
            }
            None => Node::String(text.to_owned()),
        },
    })
}

/// A number as JSON spells it. A whole one is an integer however it is written, as the API server has it: then `1.0`
/// equals `1` in a `test` too.
fn number(text: &str) -> Option<Number> {
    /// From here on not every whole number is a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number: Number = serde_json::from_str(text).ok()?;
    if let Some(float) = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT)
    {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and smaller than 2^53")]
        return Some(Number::from(float as i64));
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: FileId = FileId(0);

    fn one(text: &str) -> Located {
        documents(FILE, text, &Origin::Whole).unwrap().pop().unwrap()
    }

    #[test]
    fn values_are_those_that_every_reader_takes() {
        let text = "a: [1, -2, 1.0, 0.5, 1e3, true, null, ~, v1, 5s, \"on\", '1_000']\nb: {c: , \"d\": []}\n";
        let expected = json!({
            "a": [1, -2, 1, 0.5, 1000, true, null, null, "v1", "5s", "on", "1_000"],
            "b": {"c": null, "d": []},
        });
        assert_eq!(one(text).to_value(), expected);
    }

    #[test]
    fn values_that_readers_disagree_on_are_refused_at_their_place() {
        for text in ["on", "Yes", "n", "017", "0x1F", "1_000", "1:30", "2001-01-01", ".inf", "0o17", "+1"] {
            let unreadable = documents(FILE, &format!("a:\n  b: {text}\n"), &Origin::Whole).unwrap_err();
            assert_eq!(unreadable.span, Span::new(FILE, 8, 8 + text.len()), "{text}");
            assert!(unreadable.message.contains(&format!("`{text}`")));
        }
    }

    #[test]
    fn texts_that_no_reader_takes_are_refused() {
        for (text, message) in [
            ("a: 1\na: 2\n", "twice"),
            ("a: [", ""),
            ("? [1]\n: 2\n", "key"),
            ("y: 1\n", "key `y`"),
            ("a: {80: 1}\n", "key `80`"),
            ("<<: {a: 1}\n", "merge"),
        ] {
            let unreadable = documents(FILE, text, &Origin::Whole).unwrap_err();
            assert!(unreadable.message.contains(message), "{text}: {}", unreadable.message);
        }
    }

    #[test]
    fn a_text_within_a_file_has_the_places_of_the_file() {
        for header in ["|", "|-", "| # operations", "|1", "|2-"] {
            let file = format!(
                "- target:\n    kind: X\n  patch: {header}\n    - op: add\n\n      path: /ü/x\n  options: {{}}\n"
            );
            let outer = one(&file);
            let Node::List(entries) = &outer.node else { panic!("a list") };
            let patch = entries[0].get("patch").unwrap();
            let origin = Origin::of_scalar(&file, patch.span(), patch.as_str().unwrap());
            assert!(origin.is_block(), "{header}");
            let inner = documents(FILE, patch.as_str().unwrap(), &origin).unwrap().pop().unwrap();
            let Node::List(operations) = &inner.node else { panic!("a list") };
            let path = operations[0].get("path").unwrap();
            assert_eq!(&file[path.span().range()], "/ü/x");
            assert_eq!(&file[operations[0].entry("op").unwrap().key_at.span.range()], "op");
        }
    }

    #[test]
    fn a_quoted_text_has_one_place() {
        let file = "patch: \"- op: add\\n  path: x\"\n";
        let patch = one(file);
        let patch = patch.get("patch").unwrap();
        let origin = Origin::of_scalar(file, patch.span(), patch.as_str().unwrap());
        assert_eq!(origin.map(Span::new(FILE, 3, 4)), patch.span());
        assert_eq!(&file[patch.span().range()], "\"- op: add\\n  path: x\"");
    }
}
