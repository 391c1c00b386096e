//! A cursor over the words of one statement. Each `take_…` either returns what it promises or reports once and
//! returns `None`, so that lowering reads as the form of the setting does.

use super::value::Refusal;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Text};
use crate::syntax::tree::{Statement, Word};

/// The words of a statement behind its keyword.
pub(crate) struct Args<'a> {
    statement: &'a Statement,
    at: usize,
    /// The word behind the last `,` of a list.
    listed: usize,
    /// How the statement is written, for help: "`timeout 3s`".
    form: &'a str,
    code: Code,
    /// Something was reported about this statement.
    failed: bool,
    silent: bool,
}

impl<'a> Args<'a> {
    /// A cursor behind the first word. Nothing is reported about a statement that the parser marked broken.
    pub(crate) fn new(statement: &'a Statement, form: &'a str, code: Code) -> Self {
        Self { statement, at: 1, form, code, failed: false, listed: 0, silent: statement.broken }
    }

    /// The statement.
    pub(crate) fn statement(&self) -> &'a Statement {
        self.statement
    }

    /// The next word, without taking it.
    pub(crate) fn peek(&self) -> Option<&'a Word> {
        self.statement.words.get(self.at)
    }

    /// The next word, if it is this keyword (unquoted), without a `,` before it.
    pub(crate) fn take_keyword(&mut self, keyword: &str) -> Option<Span> {
        let word = self.peek().filter(|word| !word.quoted && !word.comma_before && word.text == keyword)?;
        self.at += 1;
        Some(word.span)
    }

    /// Whether a `,` stands before the next word, which goes on with a list.
    pub(crate) fn at_comma(&mut self) -> bool {
        let comma = self.peek().is_some_and(|word| word.comma_before);
        if comma {
            self.listed = self.at;
        }
        comma
    }

    /// The next word, whatever it is; reports what was expected where there is none, or a `,` before it outside of a
    /// list.
    pub(crate) fn take(&mut self, expected: &str, out: &mut Diagnostics) -> Option<&'a Word> {
        match self.peek() {
            Some(word) if word.comma_before && self.listed != self.at => {
                self.fail(word.span, format!("expected {expected}, found `,` before `{}`", word.text), out);
                None
            }
            Some(word) => {
                self.at += 1;
                Some(word)
            }
            None => {
                let end = self.statement.head().after();
                self.fail(end, format!("expected {expected} after `{}`", self.last_word()), out);
                None
            }
        }
    }

    /// The next word read by `read`, which returns why it refuses.
    pub(crate) fn take_as<T, E: Into<Refusal>>(
        &mut self,
        expected: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
        out: &mut Diagnostics,
    ) -> Option<T> {
        let word = self.take(expected, out)?;
        match read(&word.text) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.fail(word.span, reason, out);
                None
            }
        }
    }

    /// A list `A, B, C` of one word each; at least one.
    pub(crate) fn take_list(&mut self, expected: &str, out: &mut Diagnostics) -> Option<Vec<&'a Word>> {
        let mut list = vec![self.take(expected, out)?];
        while self.at_comma() {
            list.push(self.take(expected, out)?);
        }
        Some(list)
    }

    /// Reports words and a block that nobody took.
    pub(crate) fn finish(&mut self, block_allowed: bool, out: &mut Diagnostics) {
        if let Some(word) = self.peek() {
            let comma = if word.comma_before { "`,` and " } else { "" };
            self.fail(word.span, format!("found {comma}`{}` where the statement should end", word.text), out);
        } else if let (false, Some(block)) = (block_allowed, &self.statement.block) {
            self.fail(block.open, format!("`{}` has no block", self.statement.keyword()), out);
        }
    }

    /// Reports a fault of this statement, once.
    pub(crate) fn fail(&mut self, span: Span, why: impl Into<Refusal>, out: &mut Diagnostics) {
        if !self.failed && !self.silent {
            let Refusal { message, near } = why.into();
            let mut diagnostic = Diagnostic::new(self.code, span, message);
            if let Some(near) = near {
                diagnostic = diagnostic.suggest(format!("did you mean `{near}`?"), span, near);
            } else if !self.form.is_empty() {
                diagnostic = diagnostic.help(format!("the form is {}", self.form));
            }
            out.add(diagnostic);
        }
        self.failed = true;
    }

    fn last_word(&self) -> &Text {
        static NONE: Text = Text::new_static("");
        self.statement.words.last().map_or(&NONE, |word| &word.text)
    }
}
