//! Words in quotes.

use super::super::token::{Kind, Token};
use super::{Builder, message};
use crate::source::{Span, Text};

impl Builder<'_> {
    /// What is between the quotes, escapes resolved: `\"`, `\\` and `\n`. Other escapes are faults and stay as written.
    pub(super) fn unquote(&mut self, written: &str, token: Token) -> Text {
        let inner = written.strip_prefix('"').unwrap_or(written);
        let inner = match token.kind {
            Kind::Quoted => inner.strip_suffix('"').unwrap_or(inner),
            _ => inner.trim_end(),
        };
        if !inner.contains('\\') {
            return Text::new(inner);
        }
        let mut text = String::with_capacity(inner.len());
        let mut characters = inner.char_indices();
        while let Some((at, character)) = characters.next() {
            if character != '\\' {
                text.push(character);
                continue;
            }
            match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                other => {
                    text.push('\\');
                    text.extend(other.map(|(_, escaped)| escaped));
                    // One byte for the quote before `inner`.
                    let start = token.start as usize + 1 + at;
                    let end = start + 1 + other.map_or(0, |(_, escaped)| escaped.len_utf8());
                    let span = Span::new(self.id, start, end);
                    let escape = self.text.get(span.range()).unwrap_or("");
                    self.faults.push(message::unknown_escape(span, escape).breaking(span.start));
                }
            }
        }
        Text::from(text)
    }

    /// The braces that an unterminated quote took with it are meant as braces: `{ folder "prod }` ends its block, and
    /// `is "page {` begins one.
    pub(super) fn follow_swallowed_braces(&mut self, token: Token) {
        let mut depth = token.swallowed(self.text);
        while depth < 0 && self.frames.last().is_some_and(|frame| frame.open.start >= self.line) {
            self.end_statement();
            self.end_block(None);
            depth += 1;
        }
        let written = token.text(self.text).trim_end();
        if depth > 0
            && let Some(quote) = written.strip_suffix('{')
        {
            let start = token.start as usize;
            if let Some(word) = self.words.last_mut() {
                word.span = Span::new(self.id, start, start + quote.trim_end().len());
                word.text = Text::new(word.text.strip_suffix('{').unwrap_or(&word.text).trim_end());
            }
            let brace = (start + quote.len()) as u32;
            self.open(Token { kind: Kind::Open, start: brace, end: brace + 1 });
        }
    }
}
