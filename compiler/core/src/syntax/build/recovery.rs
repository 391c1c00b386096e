//! How reading goes on behind a fault. What is known, most reliable first:
//!
//! 1. The braces of most declarations are balanced, and those are read by their braces alone (`Layout::balanced`).
//! 2. No declaration stands in the block of a setting, service, preset, caller or gateway (`Place::admits`).
//! 3. Most texts are indented as they are meant ([`Guide`]).

use super::super::layout::Guide;
use super::super::place::Declaration;
use super::super::token::{Kind, Token};
use super::super::tree::{Block, Statement, Word};
use super::{Builder, DEEPEST, message};
use crate::source::Span;

impl Builder<'_> {
    /// A statement begins a line: blocks end before it that it cannot stand in.
    pub(super) fn begin_line(&mut self, token: Token) {
        let text = token.text(self.text);
        let declaration = if token.kind == Kind::Word { Declaration::of(text) } else { None };
        let calm = self.at < self.calm;
        let Some(layout) = self.layout.as_ref().filter(|_| !calm) else {
            // Its braces are balanced, so it was written there on purpose.
            if let (Some(declaration), Some(frame)) = (declaration, self.frames.last())
                && !frame.place.admits(declaration, self.head_opens(self.at))
            {
                let fault = message::misplaced(token.span(self.id), text, &frame.words, frame.open);
                self.faults.push(fault.breaking(token.start).breaking(frame.open.start));
            }
            return;
        };
        let line = layout.line(token.start);
        let balanced = line.filter(|_| declaration.is_some()).and_then(|line| layout.balanced(line));
        let column = line.map(|line| layout.column(line));
        let overdue = self
            .frames
            .iter()
            .position(|frame| frame.guide == Guide::Overdue && column.is_some_and(|column| column <= frame.column));
        let mut stay = overdue.unwrap_or(self.frames.len());
        if let Some(declaration) = declaration {
            let has_block = self.head_opens(self.at);
            let open = self.frames.get(..stay).unwrap_or_default();
            stay = open.iter().rposition(|frame| frame.place.admits(declaration, has_block)).map_or(0, |at| at + 1);
        }
        if stay < self.frames.len() {
            self.close_missing(stay, token.span(self.id), &format!("`{text}` begins here, behind the block"));
        }
        self.calm = balanced.unwrap_or(self.calm);
    }

    /// Whether this `}` closes the innermost block. If not, it was dealt with.
    pub(super) fn may_close(&mut self, token: Token) -> bool {
        let span = token.span(self.id);
        let Some(layout) = self.layout.as_ref().filter(|_| self.at >= self.calm) else {
            if self.frames.is_empty() {
                self.faults.push(message::never_opened(span, self.fresh));
            }
            return !self.frames.is_empty();
        };
        let Some(line) = layout.line(token.start) else {
            // Behind other words: it closes what was opened on this line, unless the indentation knows better.
            let open = self.frames.last();
            let closes = open.is_some_and(|frame| frame.open.start >= self.line || !self.is_ahead(frame.guide, token));
            if !closes {
                let head = self.head_on_line();
                self.unopened(span, head, true);
            }
            return closes;
        };
        let column = layout.column(line);
        if let Some(at) = self.frames.iter().rposition(|frame| frame.guide == Guide::Until(line)) {
            if at + 1 < self.frames.len() {
                self.close_missing(at + 1, span, "this `}` closes the block around it");
            }
            return true;
        }
        while let Some(frame) = self.frames.last() {
            let unopened = match frame.guide {
                Guide::None => false,
                Guide::Until(_) => self.is_ahead(frame.guide, token),
                Guide::Overdue if column < frame.column && self.frames.len() > 1 => {
                    self.close_missing(self.frames.len() - 1, span, "this `}` closes the block around it");
                    continue;
                }
                Guide::Overdue => column > frame.column && self.headless_by_column(column, token).is_some(),
            };
            if !unopened {
                return true;
            }
            break;
        }
        let head = self.headless_by_column(column, token).or_else(|| self.headless_by_keyword(token));
        self.unopened(span, head, false);
        false
    }

    /// Whether a block is closed by a `}` that comes behind this one.
    fn is_ahead(&self, guide: Guide, token: Token) -> bool {
        let start = |line| self.layout.as_ref().map_or(0, |layout| layout.start(line));
        matches!(guide, Guide::Until(line) if start(line) > token.start)
    }

    /// A `}` that closes nothing: either the `{` behind `head` is missing, or the `}` is too many.
    fn unopened(&mut self, close: Span, head: Option<usize>, on_line: bool) {
        if let Some(head) = head {
            self.insert_open(head, close, on_line);
        } else {
            let from = self.base().max(self.searched);
            let on_top = self.frames.is_empty();
            // Settings of something whose head is not to be found: nothing else should be said about them.
            for statement in self.done.iter_mut().skip(from).filter(|_| on_top) {
                statement.broken |= Declaration::of(statement.keyword()).is_none();
            }
            let last = self.done.last().map(|statement| statement.span.start).filter(|start| *start >= self.line);
            self.faults.push(message::never_opened(close, self.fresh).breaking(last.unwrap_or(close.start)));
        }
        self.searched = self.done.len();
    }

    /// Makes what follows the statement at `head` its block. `on_line`: what follows begins on the line of the head,
    /// so that the head ends where heads of declarations end.
    fn insert_open(&mut self, head: usize, close: Span, on_line: bool) {
        let rest: Vec<Statement> = self.done.drain(head + 1..).collect();
        let Some(mut statement) = self.done.pop() else { return };
        let mut statements = Vec::new();
        let length = head_length(&statement.words);
        if on_line && length < statement.words.len() {
            let mut words = statement.words.split_off(length);
            if let Some(first) = words.first_mut() {
                first.comma_before = false;
                let span = first.span.to(statement.span);
                statements.push(Statement {
                    words,
                    block: statement.block.take(),
                    docs: Vec::new(),
                    span,
                    broken: true,
                });
            }
        }
        statements.extend(rest);
        let head = statement.head();
        self.faults.push(message::missing_open(&statement.words, head, close).breaking(head.start));
        statement.span = head.to(close);
        statement.block = Some(Block { statements, open: head.after(), close: Some(close) });
        self.done.push(statement);
        self.closed = Some(close);
    }

    /// The declaration on this line whose `{` is missing.
    fn head_on_line(&self) -> Option<usize> {
        let mut found = None;
        for (index, statement) in self.done.iter().enumerate().skip(self.base().max(self.searched)).rev() {
            if statement.span.start < self.line {
                break;
            }
            if has_head(statement)
                && (statement.block.is_none() || head_length(&statement.words) < statement.words.len())
            {
                found = Some(index);
            }
        }
        found
    }

    /// The statement in the column of a `}`, without a block, with all that follows it indented deeper.
    fn headless_by_column(&self, column: u32, close: Token) -> Option<usize> {
        let layout = self.layout.as_ref()?;
        let mut next = close.start;
        for (index, statement) in self.done.iter().enumerate().skip(self.base().max(self.searched)).rev() {
            let Some(line) = layout.line(statement.span.start) else { continue };
            if layout.column(line) <= column {
                let has_body = index + 1 < self.done.len() || has_head(statement);
                let found = layout.column(line) == column
                    && statement.block.is_none()
                    && has_body
                    && self.adjacent(statement.span.end, next);
                return found.then_some(index);
            }
            next = statement.span.start;
        }
        None
    }

    /// The declaration without a block that everything behind it may stand in. For text that is not indented.
    fn headless_by_keyword(&self, close: Token) -> Option<usize> {
        let mut inside: Vec<Declaration> = Vec::new();
        let mut next = close.start;
        for (index, statement) in self.done.iter().enumerate().skip(self.base().max(self.searched)).rev() {
            if let Some(declaration) = Declaration::of(statement.keyword()) {
                let place = self.place().within(statement.keyword());
                if has_head(statement)
                    && statement.block.is_none()
                    && inside.iter().all(|inner| place.admits(*inner, true))
                    && self.adjacent(statement.span.end, next)
                {
                    return Some(index);
                }
                if !inside.contains(&declaration) {
                    inside.push(declaration);
                }
            }
            next = statement.span.start;
        }
        None
    }

    /// Whether no empty line stands between two offsets: a head and its block are written together.
    fn adjacent(&self, from: u32, to: u32) -> bool {
        let between = self.text.get(from as usize..to as usize).unwrap_or("");
        let lines = between.split('\n').count();
        !between.split('\n').enumerate().any(|(line, text)| line > 0 && line + 1 < lines && text.trim().is_empty())
    }

    /// Ends the blocks from `from` on, whose `}` are missing.
    pub(super) fn close_missing(&mut self, from: usize, noticed: Span, why: &str) {
        self.end_statement();
        let edits = self.closing_edits(from);
        let open = self.frames.get(from..).unwrap_or_default();
        if let Some((innermost, others)) = open.split_last() {
            let others_open = others.iter().rev().map(|frame| frame.open);
            let reported = (innermost.words.as_slice(), innermost.open);
            let mut fault = message::missing_close(reported, others_open, (noticed, why), edits);
            for frame in open {
                fault = fault.breaking(frame.words.first().map_or(frame.open, |word| word.span).start);
            }
            self.faults.push(fault);
        }
        while self.frames.len() > from {
            self.end_block(None);
        }
        self.closed = None;
    }

    /// Where the `}` of the blocks from `from` on should stand: on the line of the `{` if all of the block does, else
    /// on a line of its own behind the last statement, in the column of its head.
    fn closing_edits(&self, from: usize) -> Vec<(Span, String)> {
        let before = self.tokens.get(..self.at).unwrap_or_default();
        let last = before.iter().rposition(|token| token.kind != Kind::Newline && !token.kind.is_comment());
        let Some((index, last)) = last.and_then(|index| Some((index, before.get(index)?))) else { return Vec::new() };
        let comment = before.get(index + 1).filter(|token| token.kind.is_comment());
        let line_end = comment.map_or(last.end, |comment| comment.end);
        let mut edits: Vec<(Span, String)> = Vec::new();
        for frame in self.frames.get(from..).unwrap_or_default().iter().rev() {
            let inside = self.text.get(frame.open.start as usize..last.end as usize).unwrap_or("");
            let (at, text) = match inside.contains('\n') {
                false => (last.end, " }".to_owned()),
                true => (line_end, format!("\n{}}}", self.indent(frame.line))),
            };
            match edits.last_mut().filter(|(place, _)| place.start == at) {
                Some((_, edit)) => edit.push_str(&text),
                None => edits.push((Span { file: self.id, start: at, end: at }, text)),
            }
        }
        edits
    }

    /// Blocks are nested too deep: this one is left out.
    pub(super) fn skip_block(&mut self, open: Span) {
        let at = self.words.first().map_or(open, |word| word.span).start;
        self.faults.push(message::too_deep(open, DEEPEST).breaking(at));
        self.end_statement();
        let mut depth = 1;
        while depth > 0
            && let Some(next) = self.tokens.get(self.at + 1)
        {
            match next.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                Kind::Newline => self.line = next.end,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// What indentation says about the block of the statement that was read.
    pub(super) fn guide(&self) -> (Guide, u32) {
        let (Some(layout), Some(first)) = (&self.layout, self.words.first()) else { return (Guide::None, 0) };
        match layout.line(first.span.start) {
            Some(line) if self.at >= self.calm => (layout.block(line), layout.column(line)),
            _ => (Guide::None, 0),
        }
    }

    /// The spaces at the beginning of a line.
    pub(super) fn indent(&self, line: u32) -> &str {
        let line = self.text.get(line as usize..).unwrap_or("");
        line.find(|character| character != ' ' && character != '\t').and_then(|end| line.get(..end)).unwrap_or("")
    }
}

/// Whether a statement is the head of a declaration that has a block. `namespace shop as shop-dev` has none.
fn has_head(statement: &Statement) -> bool {
    match Declaration::of(statement.keyword()) {
        Some(Declaration::Namespace) => statement.words.get(2).is_none_or(|word| word.quoted || word.text != "as"),
        Some(Declaration::Use) | None => false,
        Some(_) => true,
    }
}

/// How many words the head of a declaration has: `service NAME`, or `service NAME is A, B`.
fn head_length(words: &[Word]) -> usize {
    match words.get(2) {
        Some(is) if is.text == "is" && !is.quoted => {
            let list = words.get(4..).unwrap_or_default().iter().take_while(|word| word.comma_before);
            (4 + list.count()).min(words.len())
        }
        _ => words.len().min(2),
    }
}
