//! Tokens to statements and blocks. One pass with a stack of its own, so that no text is too deep for it.
//!
//! The builder runs twice at most. [`strict`] gives up at the first fault and never looks at how lines are indented;
//! [`recover`] goes over the text again with its [`Layout`] and goes on behind faults (`build/recovery.rs`).

mod message;
mod quoted;
mod recovery;

use super::fault::Fault;
use super::layout::{Guide, Layout};
use super::place::{Declaration, Place};
use super::token::{Kind, Token};
use super::tree::{Block, Statement, Word};
use crate::source::{FileId, Span, Text};

/// Blocks within blocks. Real files have four; the limit keeps whatever walks the tree from running out of stack.
const DEEPEST: usize = 64;

/// The statements of a text without faults; none of a text with any.
pub(crate) fn strict(id: FileId, text: &str, tokens: &[Token]) -> Option<Vec<Statement>> {
    let mut builder = Builder::new(id, text, tokens, None);
    builder.run();
    builder.faults.is_empty().then_some(builder.done)
}

/// The statements of any text, and what is wrong with it in the order in which it was noticed.
pub(crate) fn recover(id: FileId, text: &str, tokens: &[Token]) -> (Vec<Statement>, Vec<Fault>) {
    let mut builder = Builder::new(id, text, tokens, Some(Layout::new(text, tokens)));
    builder.run();
    (builder.done, builder.faults)
}

struct Builder<'a> {
    id: FileId,
    text: &'a str,
    tokens: &'a [Token],
    /// Present where faults are recovered from.
    layout: Option<Layout>,
    /// Index of the token that is read.
    at: usize,
    /// The open blocks, innermost last.
    frames: Vec<Frame>,
    /// The statements that are complete and whose block is not: those of the innermost block last, from its
    /// [`Frame::base`] on. One list for all, because a list for each block would grow from nothing each time.
    done: Vec<Statement>,
    /// The statement that is read.
    words: Vec<Word>,
    docs: Vec<Span>,
    /// The `,` behind its last word.
    comma: Option<Span>,
    /// Where the line begins.
    line: u32,
    /// Where the line of the statement that is read begins.
    head: u32,
    /// Nothing but spaces and `;` stood on the line yet.
    fresh: bool,
    /// The `}` that ended a statement on this line, if nothing followed it yet.
    closed: Option<Span>,
    faults: Vec<Fault>,
    /// Braces are known to be balanced before this token, so that indentation is not asked.
    calm: usize,
    /// Statements before this one in `done` were looked at by the search for a missing `{`.
    searched: usize,
}

/// A block whose `}` did not come yet, and its statement.
struct Frame {
    /// Empty if the `{` stands alone; the block is then dropped.
    words: Vec<Word>,
    docs: Vec<Span>,
    open: Span,
    /// Where the line of the head begins.
    line: u32,
    base: usize,
    place: Place,
    guide: Guide,
    column: u32,
}

impl<'a> Builder<'a> {
    fn new(id: FileId, text: &'a str, tokens: &'a [Token], layout: Option<Layout>) -> Self {
        Self {
            id,
            text,
            tokens,
            layout,
            at: 0,
            frames: Vec::new(),
            done: Vec::new(),
            words: Vec::new(),
            docs: Vec::new(),
            comma: None,
            line: 0,
            head: 0,
            fresh: true,
            closed: None,
            faults: Vec::new(),
            calm: 0,
            searched: 0,
        }
    }

    fn run(&mut self) {
        while let Some(token) = self.tokens.get(self.at).copied() {
            match token.kind {
                Kind::Word | Kind::Quoted | Kind::Unterminated => self.word(token),
                Kind::Comma => self.comma(token),
                Kind::Semicolon => {
                    self.end_statement();
                    self.closed = None;
                }
                Kind::Newline => self.newline(token),
                Kind::Comment if self.fresh => self.docs.clear(),
                Kind::Doc if self.fresh => self.docs.push(token.span(self.id)),
                Kind::Comment | Kind::Doc => {}
                Kind::Open => self.open(token),
                Kind::Close => self.close(token),
            }
            if self.layout.is_none() && !self.faults.is_empty() {
                return;
            }
            self.fresh = match self.tokens.get(self.at).map(|token| token.kind) {
                Some(Kind::Newline) => true,
                // An empty statement is nothing.
                Some(Kind::Semicolon) => self.fresh,
                _ => false,
            };
            self.at += 1;
        }
        self.end_statement();
        if !self.frames.is_empty() {
            let end = Span::new(self.id, self.text.len(), self.text.len());
            self.close_missing(0, end, "the file ends here");
        }
    }

    fn word(&mut self, token: Token) {
        if self.words.is_empty() {
            self.begin_statement(token);
        }
        let span = token.span(self.id);
        let written = token.text(self.text);
        let text = match token.kind {
            Kind::Word => Text::new(written),
            _ => self.unquote(written, token),
        };
        let comma_before = self.comma.take().is_some();
        self.words.push(Word { text, span, quoted: token.kind != Kind::Word, comma_before });
        if token.kind == Kind::Unterminated {
            self.faults.push(message::unterminated(span).breaking(span.start));
            self.follow_swallowed_braces(token);
        }
    }

    fn begin_statement(&mut self, token: Token) {
        self.head = self.line;
        if let Some(close) = self.closed.take() {
            let indent = self.indent(self.line);
            self.faults.push(message::no_line_end(close, token.span(self.id), token.text(self.text), indent));
        } else if self.fresh {
            self.begin_line(token);
        }
    }

    fn comma(&mut self, token: Token) {
        let span = token.span(self.id);
        if let Some(last) = self.words.last() {
            if self.comma.is_some() {
                self.faults.push(message::two_commas(span).breaking(last.span.start));
            }
            self.comma = Some(span);
        } else {
            self.closed = None;
            self.faults.push(message::leading_comma(span).breaking(span.start));
        }
    }

    fn newline(&mut self, token: Token) {
        let continuation = if self.comma.is_some() { self.continuation() } else { None };
        if let Some(newline) = continuation {
            // The one before the line on which the statement goes on.
            self.at = newline;
        } else if !self.goes_on_wrongly() {
            self.end_statement();
            self.closed = None;
            if self.fresh {
                self.docs.clear();
            }
        }
        self.line = self.tokens.get(self.at).map_or(token.end, |newline| newline.end);
    }

    /// Whether the next line begins with what belongs on this one: a `,` or a `{`.
    fn goes_on_wrongly(&mut self) -> bool {
        let (Some(first), Some(last), None) = (self.words.first(), self.words.last(), self.comma) else { return false };
        let Some(next) = self.tokens.get(self.at + 1) else { return false };
        let (next, kind) = (next.span(self.id), next.kind);
        let fault = match kind {
            Kind::Comma => message::comma_on_next_line(next, last.span),
            Kind::Open => message::block_on_next_line(next, &self.words, last.span),
            _ => return false,
        };
        self.faults.push(fault.breaking(first.span.start));
        true
    }

    /// If the statement goes on behind a trailing `,`: the newline before the line on which it does. An empty line
    /// ends it, and so does a declaration: that is a comma too many, and should not take the declaration with it.
    fn continuation(&self) -> Option<usize> {
        let mut at = self.at;
        loop {
            let next = self.tokens.get(at + 1)?;
            match next.kind {
                Kind::Comment | Kind::Doc => {
                    self.tokens.get(at + 2)?;
                    at += 2;
                }
                Kind::Newline | Kind::Close => return None,
                Kind::Word if self.begins_declaration(at + 1) => return None,
                _ => return Some(at),
            }
        }
    }

    fn begins_declaration(&self, at: usize) -> bool {
        let Some(keyword) = self.tokens.get(at) else { return false };
        let declaration = Declaration::of(keyword.text(self.text));
        declaration.is_some_and(|declaration| self.place().admits(declaration, self.head_opens(at)))
            && self.tokens.get(at + 1).is_some_and(|next| next.kind.is_word())
    }

    /// Whether a `{` follows on the line of the head that begins with this token.
    fn head_opens(&self, at: usize) -> bool {
        let rest = self.tokens.get(at..).unwrap_or_default();
        let end = rest.iter().find(|token| !token.kind.is_word() && token.kind != Kind::Comma);
        end.is_some_and(|token| token.kind == Kind::Open)
    }

    fn open(&mut self, token: Token) {
        let open = token.span(self.id);
        if self.words.is_empty() {
            self.closed = None;
            self.faults.push(message::block_without_words(open).breaking(open.start));
        }
        self.end_list("before `{`");
        if self.frames.len() >= DEEPEST {
            self.skip_block(open);
            return;
        }
        let (guide, column) = self.guide();
        let keyword = self.words.first().map_or("", |word| if word.quoted { "" } else { word.text.as_str() });
        let place = match self.words.is_empty() {
            true => self.place(),
            false => self.place().within(keyword),
        };
        let line = if self.words.is_empty() { self.line } else { self.head };
        let frame = Frame {
            words: self.words.drain(..).collect(),
            docs: std::mem::take(&mut self.docs),
            open,
            line,
            base: self.done.len(),
            place,
            guide,
            column,
        };
        self.frames.push(frame);
    }

    fn close(&mut self, token: Token) {
        self.end_list("before `}`");
        self.end_statement();
        self.docs.clear();
        if self.may_close(token) {
            self.end_block(Some(token.span(self.id)));
        }
    }

    /// The statement that is read is complete and has no block.
    fn end_statement(&mut self) {
        self.end_list("at the end of the statement");
        let (Some(first), Some(last)) = (self.words.first(), self.words.last()) else { return };
        self.done.push(Statement {
            span: first.span.to(last.span),
            words: self.words.drain(..).collect(),
            block: None,
            docs: std::mem::take(&mut self.docs),
            broken: false,
        });
    }

    /// No word may follow: a `,` that waits for one is a fault.
    fn end_list(&mut self, place: &str) {
        if let (Some(comma), Some(last)) = (self.comma.take(), self.words.last()) {
            self.faults.push(message::trailing_comma(comma, place).breaking(last.span.start));
        }
    }

    /// The innermost block is complete, and its statement with it.
    fn end_block(&mut self, close: Option<Span>) {
        let Some(frame) = self.frames.pop() else { return };
        self.searched = self.searched.min(frame.base);
        self.closed = close;
        let statements: Vec<Statement> = self.done.drain(frame.base..).collect();
        let Some(first) = frame.words.first() else {
            // A block without a head. Its settings belong to nobody; declarations can stand for themselves.
            let declares = |statement: &Statement| Declaration::of(statement.keyword()).is_some();
            self.done.extend(statements.into_iter().filter(declares));
            return;
        };
        let last = close.or_else(|| statements.last().map(|statement| statement.span)).unwrap_or(frame.open);
        self.done.push(Statement {
            span: first.span.to(last),
            words: frame.words,
            block: Some(Block { statements, open: frame.open, close }),
            docs: frame.docs,
            broken: false,
        });
    }

    /// What the innermost block is.
    fn place(&self) -> Place {
        self.frames.last().map_or(Place::File, |frame| frame.place)
    }

    /// Where the statements of the innermost block begin.
    fn base(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.base)
    }
}
