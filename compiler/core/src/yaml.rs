//! YAML with places: a tree in which every value knows where it stands, so that a finding about a manifest points at
//! its line. Reads structure only; what a value means is the reader's affair. Comes in as text of one file, goes out
//! as [`Node`]s. Values are never rewritten: a number stays the characters that were written.
//!
//! Deserialising into structures was not enough: it says where a fault is, and not where a good value stands.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::source::{FileId, Span};

/// How deep lists and mappings may nest, what aliases stand for included. Kubernetes objects stay far below; the
/// limit bounds the recursion of everything that walks or drops a tree.
const DEEPEST: usize = 100;

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node<'t> {
    value: Value<'t>,
    /// The value's first line: of a list or mapping from its first entry on. Empty where nothing is written.
    pub(crate) span: Span,
    /// The line on which it starts, counted within its document.
    line: usize,
}

/// What stands there, aliases followed.
#[derive(Debug)]
pub(crate) enum Value<'t> {
    /// A scalar with its quotes and escapes resolved.
    Scalar(Cow<'t, str>, Style),
    /// A sequence.
    List(Vec<Node<'t>>),
    /// A mapping, in the order of the text. No key stands twice.
    Map(Vec<(Node<'t>, Node<'t>)>),
    /// An anchored value, or an alias of it.
    Shared(Rc<Node<'t>>),
}

/// Whether a scalar is text by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes: text, or a number, boolean or null by its characters.
    Plain,
    /// Quoted, a block scalar, or tagged `!!str`: always text.
    Text,
}

/// What a plain scalar is to readers of Kubernetes manifests where it is not simply text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotText {
    /// Nothing, `~` or `null`.
    Null,
    /// `true`, `off`, `y`, …
    Boolean,
    /// `80`, `0x1F`, `1.10`, `1e3`, …
    Number,
}

/// Why a document is no YAML, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The place.
    pub(crate) span: Span,
    /// What is wrong there.
    pub(crate) message: String,
    /// The other end: the first of two equal keys.
    pub(crate) first: Option<Span>,
}

/// The documents of a stream with their byte offsets, empty and comment-only ones left out. Splitting before parsing
/// keeps one broken document from hiding the others; `---` at the start of a line ends every scalar (YAML 1.2.2,
/// section 9.1.2), so that it is never part of a value.
pub(crate) fn documents(text: &str) -> Vec<(usize, &str)> {
    let mut starts = vec![0];
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let marker =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n']));
        if marker && offset > 0 {
            starts.push(offset);
        }
        offset += line.len();
    }
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    let slices = starts.iter().copied().zip(ends).filter_map(|(start, end)| Some((start, text.get(start..end)?)));
    slices.filter(|(_, document)| !is_empty(document)).collect()
}

/// Whether nothing but comments, markers and `%` directives stands in a document.
fn is_empty(document: &str) -> bool {
    document.lines().all(|line| {
        let line = line.strip_prefix("---").unwrap_or(line);
        let line = line.strip_prefix("...").unwrap_or(line).trim();
        line.is_empty() || line.starts_with('#') || line.starts_with('%')
    })
}

/// The roots of one of [`documents`]: one, or several where `...` separates them.
pub(crate) fn parse(file: FileId, offset: usize, document: &str) -> Result<Vec<Node<'_>>, Fault> {
    let places = Places { file, offset, document, bytes: byte_offsets(document) };
    let mut builder = Builder { places, anchors: BTreeMap::new(), open: Vec::new(), roots: Vec::new() };
    for event in Parser::new_from_str(document) {
        let (event, span) = event.map_err(|error| builder.places.fault(error.marker().index(), error.info()))?;
        builder.event(event, span)?;
    }
    Ok(builder.roots)
}

/// Byte offset of every character; nothing where all are one byte long. The parser counts characters.
fn byte_offsets(text: &str) -> Option<Vec<usize>> {
    (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect())
}

/// Turns the parser's positions into spans.
struct Places<'t> {
    file: FileId,
    offset: usize,
    document: &'t str,
    bytes: Option<Vec<usize>>,
}

impl Places<'_> {
    fn byte(&self, character: usize) -> usize {
        let at = match &self.bytes {
            None => character,
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.document.len()),
        };
        at.min(self.document.len())
    }

    /// The first line of what stands between two positions, without space around it.
    fn span(&self, start: usize, end: usize) -> Span {
        let start = self.byte(start);
        let written = self.document.get(start..self.byte(end).max(start)).unwrap_or("");
        let line = written.split('\n').next().unwrap_or("").trim_end();
        Span::new(self.file, self.offset + start, self.offset + start + line.len())
    }

    /// A fault at a position; it marks the rest of the line.
    fn fault(&self, at: usize, message: &str) -> Fault {
        // At the end of the text the fault belongs to the last line that says something.
        let at = self.byte(at).min(self.document.trim_end().len());
        let rest = self.document.get(at..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("").trim_end();
        let span = Span::new(self.file, self.offset + at, self.offset + at + line.len());
        Fault { span, message: message.to_owned(), first: None }
    }
}

/// A list or mapping whose end has not come yet.
struct Open<'t> {
    entries: Entries<'t>,
    start: Marker,
    anchor: usize,
    /// How deep what it holds nests.
    height: usize,
}

enum Entries<'t> {
    List(Vec<Node<'t>>),
    Map(Vec<(Node<'t>, Node<'t>)>, Option<Node<'t>>),
}

/// Builds trees from events without recursion, whatever the nesting.
struct Builder<'t> {
    places: Places<'t>,
    anchors: BTreeMap<usize, (Rc<Node<'t>>, usize)>,
    open: Vec<Open<'t>>,
    roots: Vec<Node<'t>>,
}

impl<'t> Builder<'t> {
    fn event(&mut self, event: Event<'t>, at: saphyr_parser::Span) -> Result<(), Fault> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
            Event::Alias(anchor) => {
                let Some((node, height)) = self.anchors.get(&anchor) else {
                    return Err(self
                        .places
                        .fault(at.start.index(), "an alias stands within the value that it repeats"));
                };
                let (value, height) = (Value::Shared(Rc::clone(node)), *height);
                self.put(value, at.start, at.end, 0, height)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = Value::Scalar(text, style_of(style, tag.as_deref()));
                self.put(value, at.start, at.end, anchor, 0)
            }
            Event::SequenceStart(anchor, _) => self.begin(Entries::List(Vec::new()), at.start, anchor),
            Event::MappingStart(anchor, _) => self.begin(Entries::Map(Vec::new(), None), at.start, anchor),
            Event::SequenceEnd | Event::MappingEnd => self.end(at.end),
        }
    }

    fn begin(&mut self, entries: Entries<'t>, start: Marker, anchor: usize) -> Result<(), Fault> {
        if self.open.len() >= DEEPEST {
            return Err(self.too_deep(start));
        }
        self.open.push(Open { entries, start, anchor, height: 0 });
        Ok(())
    }

    fn too_deep(&self, at: Marker) -> Fault {
        self.places.fault(at.index(), &format!("lists and mappings nest deeper than {DEEPEST}"))
    }

    fn end(&mut self, end: Marker) -> Result<(), Fault> {
        let Some(Open { entries, start, anchor, height }) = self.open.pop() else { return Ok(()) };
        let value = match entries {
            Entries::List(list) => Value::List(list),
            Entries::Map(map, _) => {
                self.distinct(&map)?;
                Value::Map(map)
            }
        };
        self.put(value, start, end, anchor, height + 1)
    }

    /// Takes a finished value to the place where it belongs.
    fn put(&mut self, value: Value<'t>, start: Marker, end: Marker, anchor: usize, height: usize) -> Result<(), Fault> {
        if self.open.len() + height > DEEPEST {
            return Err(self.too_deep(start));
        }
        let (span, line) = (self.places.span(start.index(), end.index()), start.line());
        let mut node = Node { value, span, line };
        if anchor > 0 {
            let shared = Rc::new(node);
            self.anchors.insert(anchor, (Rc::clone(&shared), height));
            node = Node { value: Value::Shared(shared), span, line };
        }
        let Some(open) = self.open.last_mut() else {
            self.roots.push(node);
            return Ok(());
        };
        open.height = open.height.max(height);
        match &mut open.entries {
            Entries::List(list) => list.push(node),
            Entries::Map(map, pending) => match pending.take() {
                None => *pending = Some(node),
                Some(key) => map.push((key, node)),
            },
        }
        Ok(())
    }

    /// A key that stands twice has two values, and readers disagree about which one counts (kustomize refuses).
    fn distinct(&self, map: &[(Node<'t>, Node<'t>)]) -> Result<(), Fault> {
        let mut seen = BTreeSet::new();
        let keys = || map.iter().filter_map(|(key, _)| Some((key.scalar()?, key.span)));
        let Some((twice, _)) = keys().find(|(key, _)| !seen.insert(*key)) else { return Ok(()) };
        let mut places = keys().filter(|(key, _)| *key == twice).map(|(_, span)| span);
        let (first, second) = (places.next(), places.next());
        let span = second.or(first).unwrap_or(Span::new(self.places.file, self.places.offset, self.places.offset));
        Err(Fault { span, message: format!("the key `{twice}` stands twice in one mapping"), first })
    }
}

fn style_of(style: ScalarStyle, tag: Option<&Tag>) -> Style {
    let text = tag.map_or(style != ScalarStyle::Plain, |tag| tag.suffix == "str" || tag.suffix.is_empty());
    if text { Style::Text } else { Style::Plain }
}

impl<'t> Node<'t> {
    /// The value, aliases followed.
    pub(crate) fn value(&self) -> &Value<'t> {
        match &self.value {
            // An anchored alias is not YAML, so that one step leads to the value.
            Value::Shared(node) => &node.value,
            value @ (Value::Scalar(..) | Value::List(_) | Value::Map(_)) => value,
        }
    }

    /// The characters of a scalar.
    pub(crate) fn scalar(&self) -> Option<&str> {
        if let Value::Scalar(text, _) = self.value() { Some(text) } else { None }
    }

    /// Whether nothing is stated: no value, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        self.not_text() == Some(NotText::Null)
    }

    /// What a scalar is where it is not text.
    pub(crate) fn not_text(&self) -> Option<NotText> {
        match self.value() {
            Value::Scalar(text, Style::Plain) => not_text(text),
            Value::Scalar(_, Style::Text) | Value::List(_) | Value::Map(_) | Value::Shared(_) => None,
        }
    }

    /// The entries of a mapping, without those of merge keys; none where this is no mapping.
    fn entries(&self) -> &[(Node<'t>, Node<'t>)] {
        if let Value::Map(map) = self.value() { map } else { &[] }
    }

    /// The value of a key, and the place of `key: value`; merge keys (`<<`) are followed. Nothing for a null value
    /// and where this is no mapping.
    pub(crate) fn get(&self, key: &str) -> Option<(&Node<'t>, Span)> {
        let entry = self.entry(key).or_else(|| self.bases().into_iter().find_map(|base| base.entry(key)));
        let (key, value) = entry?;
        let span = if key.line == value.line { key.span.to(value.span) } else { key.span };
        (!value.is_null()).then_some((value, span))
    }

    fn entry(&self, key: &str) -> Option<&(Node<'t>, Node<'t>)> {
        self.entries().iter().find(|(name, _)| name.scalar() == Some(key))
    }

    /// The keys of a mapping with those that `<<` brings in, each once.
    pub(crate) fn keys(&self) -> BTreeSet<&str> {
        let bases = self.bases();
        let nodes = std::iter::once(self).chain(bases);
        nodes.flat_map(|node| node.entries()).filter_map(|(key, _)| key.scalar()).filter(|key| *key != "<<").collect()
    }

    /// The mappings that `<<` brings in, the strongest first, each once however often it is repeated.
    fn bases(&self) -> Vec<&Node<'t>> {
        fn collect<'n, 't>(node: &'n Node<'t>, seen: &mut BTreeSet<*const Value<'t>>, found: &mut Vec<&'n Node<'t>>) {
            let Some((_, merged)) = node.entry("<<") else { return };
            let bases = if let Value::List(list) = merged.value() { list } else { std::slice::from_ref(merged) };
            for base in bases {
                if seen.insert(std::ptr::from_ref(base.value())) {
                    found.push(base);
                    collect(base, seen, found);
                }
            }
        }
        let mut found = Vec::new();
        collect(self, &mut BTreeSet::new(), &mut found);
        found
    }
}

/// What a plain scalar is where readers do not all take it for text: YAML 1.2's core schema, and the words that YAML
/// 1.1 has for booleans, which kubectl (sigs.k8s.io/yaml) reads as such and kustomize (yaml.v3) does not.
fn not_text(text: &str) -> Option<NotText> {
    const BOOLEANS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "y", "n"];
    if text.is_empty() || text == "~" || text.eq_ignore_ascii_case("null") {
        return Some(NotText::Null);
    }
    if BOOLEANS.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Some(NotText::Boolean);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |rest: &str, radix| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix) || c == '_');
    let based = [("0x", 16), ("0o", 8), ("0b", 2)]
        .iter()
        .any(|(prefix, radix)| unsigned.strip_prefix(prefix).is_some_and(|rest| digits(rest, *radix)));
    let special = [".inf", ".nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
    let starts = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let decimal = starts && unsigned.replace('_', "").parse::<f64>().is_ok();
    (based || special || decimal).then_some(NotText::Number)
}

#[cfg(test)]
mod tests;
