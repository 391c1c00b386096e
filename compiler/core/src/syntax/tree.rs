//! What the parser returns: statements of words and blocks, spelled as written. The skeleton knows no keywords;
//! lowering gives words their meaning by position.

use crate::source::{FileId, Span, Text};

/// One parsed file. Parsing never fails: what could not be understood is marked broken, and the rest is whole.
#[derive(Debug, Clone)]
pub struct File {
    /// The file.
    pub id: FileId,
    /// The statements outside of every block.
    pub statements: Vec<Statement>,
    /// Every comment (`#` and `##`), in order. For the formatter.
    pub comments: Vec<Span>,
}

/// `word+ block?`, ended by a newline, a `;` or the end of its block. A trailing `,` continues it.
#[derive(Debug, Clone)]
pub struct Statement {
    /// At least one word.
    pub words: Vec<Word>,
    /// The statements between `{` and `}`.
    pub block: Option<Block>,
    /// The `##` lines directly above, `##` included.
    pub docs: Vec<Span>,
    /// From the first word to the last word or the closing brace.
    pub span: Span,
    /// The parser reported a fault within this statement: its parts may be incomplete, so that lowering takes its
    /// name but reports nothing more about it.
    pub broken: bool,
}

/// The part of a statement between `{` and `}`.
#[derive(Debug, Clone)]
pub struct Block {
    /// The statements.
    pub statements: Vec<Statement>,
    /// The `{`.
    pub open: Span,
    /// The `}`; absent where it is missing.
    pub close: Option<Span>,
}

/// A run without space or `{ } , ; " #`, or a quoted text.
#[derive(Debug, Clone)]
pub struct Word {
    /// The text; of a quoted word what is between the quotes, escapes resolved.
    pub text: Text,
    /// As written, quotes included.
    pub span: Span,
    /// It stood in quotes, so that it is never a keyword.
    pub quoted: bool,
    /// A `,` stands before this word.
    pub comma_before: bool,
}

impl Statement {
    /// The first word: what the statement is about.
    pub fn keyword(&self) -> &str {
        self.words.first().map_or("", |word| if word.quoted { "" } else { word.text.as_str() })
    }

    /// The words, without the block.
    pub fn head(&self) -> Span {
        match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => self.span,
        }
    }
}
