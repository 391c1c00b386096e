//! How the lines of a text are indented: a hint at what was meant where braces do not tell. Indentation means nothing
//! in correct text, so nothing here is asked about a declaration whose braces are balanced ([`Layout::balanced`]).

use super::place::Declaration;
use super::token::{Kind, Token};

/// The lines of a text that begin a statement or close a block: none that is empty, holds only a comment or goes on
/// behind a `,`.
#[derive(Debug)]
pub(crate) struct Layout {
    lines: Vec<Line>,
}

/// What the indentation says about the block that a line opens and does not close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guide {
    /// Nothing: the block is not indented.
    None,
    /// The `}` that begins this line closes it.
    Until(usize),
    /// No `}` stands below its head: it ends before the first line that is indented no deeper than its head.
    Overdue,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    /// Index of the first token.
    token: usize,
    /// Offset of the first token.
    start: u32,
    /// Spaces and tabs before it.
    column: u32,
    begins: Begins,
    /// Blocks that it opens, less those that it closes, up to the next line.
    depth: i32,
    /// The lowest that `depth` was in between.
    lowest: i32,
    /// The last of its tokens is a `{`.
    ends_open: bool,
    guide: Guide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    Declaration,
    Statement,
    Close,
}

impl Layout {
    /// Reads the lines.
    pub(crate) fn new(text: &str, tokens: &[Token]) -> Self {
        let mut layout = Layout { lines: lines(text, tokens) };
        layout.guide();
        layout
    }

    /// The line that begins at this offset.
    pub(crate) fn line(&self, start: u32) -> Option<usize> {
        self.lines.binary_search_by_key(&start, |line| line.start).ok()
    }

    /// Where a line begins.
    pub(crate) fn start(&self, line: usize) -> u32 {
        self.lines.get(line).map_or(0, |line| line.start)
    }

    /// How far a line is indented, in spaces and tabs.
    pub(crate) fn column(&self, line: usize) -> u32 {
        self.lines.get(line).map_or(0, |line| line.column)
    }

    /// What is known about the block that a line opens.
    pub(crate) fn block(&self, line: usize) -> Guide {
        self.lines.get(line).map_or(Guide::None, |line| line.guide)
    }

    /// If the braces of the declaration that begins this line are balanced, the token behind it: from its keyword to
    /// the next declaration that is indented no deeper, or to a `}` that is indented less.
    pub(crate) fn balanced(&self, line: usize) -> Option<usize> {
        let column = self.column(line);
        let mut depth = 0;
        for (index, next) in self.lines.iter().enumerate().skip(line) {
            let ends = match next.begins {
                Begins::Declaration => next.column <= column && index > line,
                Begins::Close => next.column < column,
                Begins::Statement => false,
            };
            if ends {
                return (depth == 0).then_some(next.token);
            }
            if depth + next.lowest < 0 {
                return None;
            }
            depth += next.depth;
        }
        (depth == 0).then_some(usize::MAX)
    }

    /// Pairs each line that opens a block with the `}` in its column.
    fn guide(&mut self) {
        let mut open: Vec<(u32, usize)> = Vec::new();
        for index in 0..self.lines.len() {
            let Some(line) = self.lines.get(index).copied() else { return };
            while open.last().is_some_and(|(column, _)| match line.begins {
                Begins::Declaration => line.column <= *column,
                Begins::Statement | Begins::Close => line.column < *column,
            }) {
                open.pop();
            }
            if line.begins == Begins::Close {
                if open.last().is_some_and(|(column, _)| *column == line.column)
                    && let Some((_, opener)) = open.pop()
                    && let Some(opener) = self.lines.get_mut(opener)
                {
                    opener.guide = Guide::Until(index);
                }
            } else if line.depth > 0 && self.is_indented(index, line) {
                open.push((line.column, index));
                if let Some(line) = self.lines.get_mut(index) {
                    line.guide = Guide::Overdue;
                }
            }
        }
    }

    /// Whether what stands in a line's block is indented. A block that begins on the line should have ended there.
    fn is_indented(&self, index: usize, line: Line) -> bool {
        match self.lines.get(index + 1) {
            Some(next) if line.ends_open => {
                next.column > line.column || next.begins == Begins::Close && next.column == line.column
            }
            _ => true,
        }
    }
}

fn lines(text: &str, tokens: &[Token]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut line_start = 0;
    let mut fresh = true;
    let mut continues = false;
    let mut previous = Kind::Newline;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Newline => {
                // An empty line ends a list, whatever the comma says.
                continues &= previous != Kind::Newline;
                line_start = token.end;
                fresh = true;
            }
            kind if kind.is_comment() => {}
            Kind::Semicolon if fresh => continues = false,
            kind => {
                let declares = kind == Kind::Word && Declaration::of(token.text(text)).is_some();
                if fresh && (!continues || declares) {
                    lines.push(Line {
                        token: index,
                        start: token.start,
                        column: token.start - line_start,
                        begins: match kind {
                            Kind::Close => Begins::Close,
                            _ if declares => Begins::Declaration,
                            _ => Begins::Statement,
                        },
                        depth: 0,
                        lowest: 0,
                        ends_open: false,
                        guide: Guide::None,
                    });
                }
                if let Some(line) = lines.last_mut() {
                    line.depth += match kind {
                        Kind::Open => 1,
                        Kind::Close => -1,
                        Kind::Unterminated => token.swallowed(text),
                        _ => 0,
                    };
                    line.lowest = line.lowest.min(line.depth);
                    line.ends_open = kind == Kind::Open;
                }
                continues = kind == Kind::Comma;
                fresh = false;
            }
        }
        previous = token.kind;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::parse::tests::tokens_of;
    use super::*;

    fn guides(text: &str) -> Vec<Guide> {
        let layout = Layout::new(text, &tokens_of(text));
        (0..layout.lines.len()).map(|line| layout.block(line)).collect()
    }

    #[test]
    fn a_brace_closes_the_block_in_whose_column_it_stands() {
        assert_eq!(
            guides("a {\n  b {\n    c\n}\n"),
            [Guide::Until(3), Guide::Overdue, Guide::None, Guide::None],
            "`b` is not closed"
        );
        assert_eq!(guides("a {\nb\n}\n"), [Guide::None; 3], "not indented");
        assert_eq!(guides("service a {\n  b\nservice c { d }\n")[0], Guide::Overdue);
    }

    #[test]
    fn a_block_on_one_line_ends_there() {
        assert_eq!(guides("a { b\nc\n"), [Guide::Overdue, Guide::None]);
        assert_eq!(guides("a { b }\nc\n"), [Guide::None; 2]);
    }

    #[test]
    fn lists_and_comments_begin_no_line() {
        assert_eq!(guides("a b,\n# x\nc\n\n# y\nd,\n\ne").len(), 3);
    }

    #[test]
    fn balance_of_a_declaration() {
        let text = "service a {\nx }\nservice b {\n  x\n  }\n}\nservice c\n";
        let layout = Layout::new(text, &tokens_of(text));
        let balanced = |text_at: &str| {
            let line = layout.line(text.find(text_at).expect("in the text") as u32).expect("begins a line");
            layout.balanced(line).is_some()
        };
        assert!(balanced("service a"));
        assert!(!balanced("service b"));
        assert!(balanced("service c"));
    }
}
