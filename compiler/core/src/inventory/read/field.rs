//! Fields of manifests by their types. A wrong type is reported at its place and reads as if nothing stood there.

use std::collections::BTreeMap;

use super::Reader;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Text};
use crate::yaml::{Node, NotText, Value};

impl Reader<'_> {
    /// A mapping below `key`.
    pub(super) fn section<'n, 't>(&mut self, node: &'n Node<'t>, key: &str) -> Option<&'n Node<'t>> {
        let (section, _) = node.get(key)?;
        self.is_section(section, key).then_some(section)
    }

    /// Whether `node`, which stands below `key`, is a mapping; reported if not.
    pub(super) fn is_section(&mut self, node: &Node<'_>, key: &str) -> bool {
        let mapping = matches!(node.value(), Value::Map(_));
        if !mapping {
            self.wrong(node.span, &format!("`{key}` must hold fields, `name: value`"));
        }
        mapping
    }

    /// A sequence below `key`; empty where nothing is stated.
    pub(super) fn list<'n, 't>(&mut self, node: &'n Node<'t>, key: &str) -> &'n [Node<'t>] {
        let Some((list, place)) = node.get(key) else { return &[] };
        if let Value::List(items) = list.value() {
            items
        } else {
            self.wrong(place, &format!("`{key}` must be a list"));
            &[]
        }
    }

    /// Text below `key`.
    pub(super) fn text(&mut self, node: &Node<'_>, key: &str) -> Option<Text> {
        let (value, place) = node.get(key)?;
        self.as_text(value, place, key).map(Text::from)
    }

    /// The text of a node, which stands below `key`. A number or boolean in the place of text is reported: the API
    /// server refuses it, or, worse, readers of YAML 1.1 and 1.2 see different text.
    pub(super) fn as_text<'n>(&mut self, value: &'n Node<'_>, place: Span, key: &str) -> Option<&'n str> {
        let Some(text) = value.scalar() else {
            self.wrong(place, &format!("`{key}` must be text"));
            return None;
        };
        let kind = match value.not_text() {
            None => return Some(text),
            Some(NotText::Null) => return None,
            Some(NotText::Boolean) => "boolean",
            Some(NotText::Number) => "number",
        };
        let message = format!("`{key}` must be text, found a {kind}");
        self.out.add(
            Diagnostic::new(Code::InvalidFile, place, message)
                .help("put the value in quotes: Kubernetes takes only text here"),
        );
        // Read as what was meant, so that nothing else is reported in consequence.
        Some(text)
    }

    /// A map of texts below `key`: labels or a selector.
    pub(super) fn labels(&mut self, node: &Node<'_>, key: &str) -> BTreeMap<Text, Text> {
        let Some(section) = self.section(node, key) else { return BTreeMap::new() };
        let mut labels = BTreeMap::new();
        for name in section.keys() {
            if let Some(value) = self.text(section, name) {
                labels.insert(Text::from(name), value);
            }
        }
        labels
    }

    /// A port's number below `key`.
    pub(super) fn port(&mut self, node: &Node<'_>, key: &str) -> Option<u16> {
        let (value, place) = node.get(key)?;
        let number = value.scalar().filter(|_| value.not_text().is_some()).and_then(|text| text.parse::<u16>().ok());
        if number.is_none_or(|number| number == 0) {
            let found = value.scalar().map(|text| format!(", found `{text}`")).unwrap_or_default();
            let quoted = value.not_text().is_none() && value.scalar().is_some_and(|text| text.parse::<u16>().is_ok());
            let found = if quoted { format!("{found} in quotes") } else { found };
            self.wrong(place, &format!("`{key}` must be a number from 1 to 65535{found}"));
            return None;
        }
        number
    }

    /// A count below `key`.
    pub(super) fn count(&mut self, node: &Node<'_>, key: &str) -> Option<u32> {
        let (value, place) = node.get(key)?;
        let number = value.scalar().filter(|_| value.not_text().is_some()).and_then(|text| text.parse().ok());
        if number.is_none() {
            self.wrong(place, &format!("`{key}` must be a whole number"));
        }
        number
    }
}
