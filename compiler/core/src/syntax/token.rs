//! What a text consists of before it has any structure.

use crate::source::{FileId, Span};

/// Kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A run without space or `{ } , ; " #`.
    Word,
    /// `"…"` on one line, quotes included.
    Quoted,
    /// From a `"` that nothing closes to the end of its line.
    Unterminated,
    /// `{`
    Open,
    /// `}`
    Close,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// The end of a line.
    Newline,
    /// `#` to the end of the line.
    Comment,
    /// `##` to the end of the line.
    Doc,
}

impl Kind {
    /// Whether it is a comment of either kind.
    pub(crate) fn is_comment(self) -> bool {
        matches!(self, Kind::Comment | Kind::Doc)
    }

    /// Whether it is one of the kinds that statements' heads are made of.
    pub(crate) fn is_word(self) -> bool {
        matches!(self, Kind::Word | Kind::Quoted | Kind::Unterminated)
    }
}

/// A kind and the bytes `start..end` it covers. Tokens are in the order of the text and leave out spaces only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// First byte.
    pub(crate) start: u32,
    /// One past the last byte.
    pub(crate) end: u32,
}

impl Token {
    /// Where it stands.
    pub(crate) fn span(self, file: FileId) -> Span {
        Span { file, start: self.start, end: self.end }
    }

    /// As written.
    pub(crate) fn text(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }

    /// How many blocks an unterminated quote opens (or closes, below zero) if what it swallowed was meant as braces.
    pub(crate) fn swallowed(self, text: &str) -> i32 {
        self.text(text).bytes().fold(0, |depth, byte| match byte {
            b'{' => depth + 1,
            b'}' => depth - 1,
            _ => depth,
        })
    }
}
