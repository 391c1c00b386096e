//! The canonical way to write a file.
//!
//! - Two spaces for each block. One statement on a line, one space between words, `, ` behind a word in a list.
//! - A block that was written on one line stays on one line if that has at most [`WIDTH`] characters:
//!   `retry 2 { per-try 600ms; on reset }`. A block without anything in it is `{}`.
//! - A line break behind a `,` stays; the next line is indented by four more than its statement.
//! - Several empty lines become one; none stands at the beginning or the end of a block or file.
//! - Comments stay where they are: above a statement in its column, or two spaces behind it.
//! - Within a run of statements on a line each, without an empty line, a comment line or a longer statement between
//!   them, columns are aligned (`format/align.rs`).
//! - Words stay as written, quotes and escapes included. One newline ends the file.
//!
//! Formatting changes no word, no block, no comment and no attachment of a `##` comment, and formatting twice changes
//! nothing more.

mod align;

use super::parse;
use super::tree::{Block, File, Statement};
use crate::source::Span;
use align::{Line, Row};

/// The longest line, in characters, that a block on one line may make. Alignment and comments do not count.
const WIDTH: usize = 100;

const INDENT: usize = 2;
const CONTINUATION: usize = 4;

/// The canonical text of a file; `None` if it has any syntax error, because then its words may not be what was meant.
/// `file` is what [`parse`](fn@parse) made of `text`.
pub fn format(file: &File, text: &str) -> Option<String> {
    // A fault that breaks no statement is not to be seen in the tree.
    if !parse(file.id, text).1.is_empty() {
        return None;
    }
    let mut writer = Writer { text, comments: &file.comments, position: 0, first: true, lines: Vec::new() };
    writer.statements(&file.statements, 0, text.len());
    Some(align::print(&writer.lines))
}

struct Writer<'a> {
    text: &'a str,
    /// Those that are not written yet.
    comments: &'a [Span],
    /// Up to here the text is written.
    position: usize,
    /// Nothing of the block is written yet.
    first: bool,
    lines: Vec<Line<'a>>,
}

impl<'a> Writer<'a> {
    /// The statements of a block that ends at the byte `end`, and every comment before that.
    fn statements(&mut self, statements: &'a [Statement], indent: usize, end: usize) {
        for statement in statements {
            self.comments_before(statement.span.start as usize, indent);
            self.empty_line_before(statement.span.start as usize);
            self.statement(statement, indent);
            self.position = statement.span.end as usize;
            self.first = false;
            let comment = self.comment_behind(statement.span.end as usize);
            if let Some(line) = self.lines.last_mut() {
                line.set_comment(comment);
            }
        }
        self.comments_before(end, indent);
    }

    fn statement(&mut self, statement: &'a Statement, indent: usize) {
        let mut words: Vec<String> = Vec::with_capacity(statement.words.len());
        let mut continued = false;
        let mut end = statement.span.start as usize;
        for word in &statement.words {
            let (start, written) = (word.span.start as usize, self.written(word.span));
            if word.comma_before
                && let Some(before) = words.last_mut()
            {
                before.push(',');
            }
            if word.comma_before && self.between(end, start).contains('\n') {
                let line = std::mem::take(&mut words).join(" ");
                self.continued_line(line, if continued { indent + CONTINUATION } else { indent }, end);
                self.comments_before(start, indent + CONTINUATION);
                continued = true;
            }
            words.push(written.to_owned());
            end = word.span.end as usize;
        }
        let own = if continued { indent + CONTINUATION } else { indent };
        let Some(block) = &statement.block else {
            self.push_row(words, None, own, continued);
            return;
        };
        let width = own + words.iter().map(|word| word.chars().count() + 1).sum::<usize>();
        match self.on_one_line(block).filter(|inner| inner == "{}" || width + inner.chars().count() <= WIDTH) {
            Some(inner) => self.push_row(words, Some(inner), own, continued),
            None => self.block(words.join(" "), block, indent, own),
        }
    }

    /// A statement, or the end of one that began on a line before.
    fn push_row(&mut self, mut words: Vec<String>, block: Option<String>, indent: usize, continued: bool) {
        self.lines.push(match continued {
            true => {
                words.extend(block);
                Line::Plain { indent, text: words.join(" "), comment: None }
            }
            false => Line::Row(Row { indent, words, block, comment: None }),
        });
    }

    /// A line of a statement that goes on; its last word ends at the byte `end`.
    fn continued_line(&mut self, text: String, indent: usize, end: usize) {
        let comment = self.comment_behind(end);
        self.lines.push(Line::Plain { indent, text, comment });
        self.position = end;
    }

    fn block(&mut self, head: String, block: &'a Block, indent: usize, own: usize) {
        let comment = self.comment_behind(block.open.end as usize);
        self.lines.push(Line::Plain { indent: own, text: format!("{head} {{"), comment });
        self.first = true;
        let end = block.close.map_or(block.open.end, |close| close.start) as usize;
        self.statements(&block.statements, indent + INDENT, end);
        self.lines.push(Line::Plain { indent, text: "}".to_owned(), comment: None });
    }

    /// A block as it is on one line, if it was written so.
    fn on_one_line(&self, block: &Block) -> Option<String> {
        let close = block.close?;
        let (start, end) = (block.open.end as usize, close.start as usize);
        let has_comment = self.comments.iter().find(|comment| comment.start as usize >= start);
        let has_comment = has_comment.is_some_and(|comment| (comment.start as usize) < end);
        if block.statements.is_empty() && !has_comment {
            return Some("{}".to_owned());
        }
        if self.between(start, end).contains('\n') {
            return None;
        }
        let inner: Option<Vec<String>> =
            block.statements.iter().map(|inner| self.statement_on_one_line(inner)).collect();
        Some(format!("{{ {} }}", inner?.join("; ")))
    }

    fn statement_on_one_line(&self, statement: &Statement) -> Option<String> {
        let mut text = String::new();
        for (index, word) in statement.words.iter().enumerate() {
            text.push_str(match (index, word.comma_before) {
                (0, _) => "",
                (_, true) => ", ",
                (_, false) => " ",
            });
            text.push_str(self.written(word.span));
        }
        if let Some(block) = &statement.block {
            text.push(' ');
            text.push_str(&self.on_one_line(block)?);
        }
        Some(text)
    }

    /// The comments on lines of their own before the byte `end`.
    fn comments_before(&mut self, end: usize, indent: usize) {
        let before = self.comments.iter().take_while(|comment| (comment.start as usize) < end).count();
        for comment in self.take_comments(before) {
            self.empty_line_before(comment.start as usize);
            self.lines.push(Line::Comment { indent, text: self.written(*comment) });
            self.position = comment.end as usize;
            self.first = false;
        }
    }

    /// The comment on the line of the byte `end` if no word or brace stands between.
    fn comment_behind(&mut self, end: usize) -> Option<&'a str> {
        let start = self.comments.first()?.start as usize;
        if !self.between(end, start).chars().all(|character| matches!(character, ' ' | '\t' | ';' | ',')) {
            return None;
        }
        let comment = self.take_comments(1).first()?;
        self.position = comment.end as usize;
        Some(self.written(*comment))
    }

    fn take_comments(&mut self, count: usize) -> &'a [Span] {
        let (taken, left) = self.comments.split_at_checked(count).unwrap_or((self.comments, &[]));
        self.comments = left;
        taken
    }

    /// Keeps one of the empty lines that stand before the byte `next`.
    fn empty_line_before(&mut self, next: usize) {
        let mut lines = self.between(self.position, next).split('\n').skip(1).peekable();
        while let Some(line) = lines.next() {
            let is_last = lines.peek().is_none();
            if !is_last && !self.first && line.trim_matches([' ', '\t', ';']).is_empty() {
                self.lines.push(Line::Empty);
                return;
            }
        }
    }

    fn between(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or("")
    }

    fn written(&self, span: Span) -> &'a str {
        self.between(span.start as usize, span.end as usize).trim_end()
    }
}
