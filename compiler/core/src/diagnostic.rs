//! What the compiler has to say: one type for errors, warnings and notes, written where the fault is found and
//! rendered elsewhere (terminal, JSON, SARIF). Messages are lower case without a final period, names in backticks;
//! they say what was found and what was expected, and `help` says what to do.

use crate::code::Code;
use crate::source::{Span, Text};

/// How bad it is. Errors forbid output; warnings and notes do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is rendered.
    Error,
    /// Rendered, but probably not what is wanted.
    Warning,
    /// Worth knowing: an assumption, a state that an environment waits for.
    Note,
}

/// A place and what is to be seen there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// Short text shown beside the marked source; may be empty for the primary label.
    pub text: String,
}

/// Text to write instead. Applied as a whole, it removes its diagnostic (a test applies every one).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suggestion {
    /// What the edit does, as an imperative: "write `frontend`".
    pub text: String,
    /// Replacements, none overlapping another.
    pub edits: Vec<(Span, String)>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable name of the kind of fault.
    pub code: Code,
    /// How bad it is: the code's own severity unless raised or lowered where it was found.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where it is wrong.
    pub primary: Label,
    /// The other ends: the preset's line, the inventory's line, the first declaration.
    pub related: Vec<Label>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// Text that repairs it.
    pub suggestion: Option<Suggestion>,
    /// The environments it holds in, sorted; empty for what does not depend on one.
    pub environments: Vec<Text>,
}

impl Diagnostic {
    /// A finding with the code's own severity.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            primary: Label { span, text: String::new() },
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
            suggestion: None,
            environments: Vec::new(),
        }
    }

    /// Text beside the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Another place that belongs to it.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label { span, text: text.into() });
        self
    }

    /// A fact that explains it.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Text that repairs it: `edit` replaces what stands at `span`.
    #[must_use]
    pub fn suggest(mut self, text: impl Into<String>, span: Span, edit: impl Into<String>) -> Self {
        self.suggestion = Some(Suggestion { text: text.into(), edits: vec![(span, edit.into())] });
        self
    }

    /// The order in which findings are shown: by place, then by code.
    fn key(&self) -> (Span, &'static str, &str) {
        (self.primary.span, self.code.name(), &self.message)
    }
}

/// Collects findings. Stages take `&mut Diagnostics` and go on after an error, so that one fault hides no other.
#[derive(Debug, Default, Clone)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds a finding and returns it for completion: `out.push(Code::X, span, "…").help("…")` is written
    /// as `out.add(Diagnostic::new(…).help(…))`.
    pub fn add(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Takes over everything that `other` found.
    pub fn append(&mut self, other: Diagnostics) {
        self.list.extend(other.list);
    }

    /// Takes over what was found while compiling one environment.
    pub fn append_environment(&mut self, environment: &Text, other: Diagnostics) {
        self.list.extend(other.list.into_iter().map(|mut d| {
            d.environments.push(environment.clone());
            d
        }));
    }

    /// Whether anything forbids output.
    pub fn has_errors(&self) -> bool {
        self.has_errors_since(0)
    }

    /// Whether anything that forbids output was added since there were `count` findings.
    pub fn has_errors_since(&self, count: usize) -> bool {
        self.list.iter().skip(count).any(|d| d.severity == Severity::Error)
    }

    /// The findings in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many were found.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Drops what `keep` refuses.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(keep);
    }

    /// Sorted by place; the same finding in several environments becomes one, and names them unless it holds in
    /// all of `environments`.
    #[must_use]
    pub fn into_sorted(mut self, environments: &[Text]) -> Vec<Diagnostic> {
        self.list.sort_by(|a, b| a.key().cmp(&b.key()));
        let mut sorted: Vec<Diagnostic> = Vec::new();
        for mut diagnostic in self.list {
            match sorted.last_mut() {
                Some(last) if last.key() == diagnostic.key() => last.environments.append(&mut diagnostic.environments),
                _ => sorted.push(diagnostic),
            }
        }
        for diagnostic in &mut sorted {
            diagnostic.environments.sort();
            diagnostic.environments.dedup();
            if environments.iter().all(|e| diagnostic.environments.binary_search(e).is_ok()) {
                diagnostic.environments.clear();
            }
        }
        sorted
    }
}
