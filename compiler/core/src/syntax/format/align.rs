//! Columns. In a run of statements on a line each
//!
//! - the second words stand in one column, unless a keyword is longer than [`LONGEST_KEYWORD`]. `no` belongs to the
//!   keyword: `no allow web`. Statements of a keyword alone (`no retry`) take no part;
//! - a keyword that only a block follows has no second word: the `{` of such statements in a row stand in one column;
//! - third words stand in one column too where statements in a row have the same first and the same third word:
//!   `stage 5% for 2m`, `service web is http-page`;
//! - comments stand in one column, two spaces behind the longest statement that has one.

/// Characters of the longest keyword that others make room for.
const LONGEST_KEYWORD: usize = 20;

/// What one line holds, comments without the spaces before them.
#[derive(Debug)]
pub(super) enum Line<'a> {
    Empty,
    /// A comment alone.
    Comment {
        indent: usize,
        text: &'a str,
    },
    /// Takes part in no alignment.
    Plain {
        indent: usize,
        text: String,
        comment: Option<&'a str>,
    },
    /// A statement that is complete on its line.
    Row(Row<'a>),
}

#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) indent: usize,
    /// With the `,` behind them. At least one.
    pub(super) words: Vec<String>,
    /// From `{` to `}`.
    pub(super) block: Option<String>,
    pub(super) comment: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// Puts a comment behind the line.
    pub(super) fn set_comment(&mut self, text: Option<&'a str>) {
        match self {
            Line::Plain { comment, .. } | Line::Row(Row { comment, .. }) => *comment = text,
            Line::Empty | Line::Comment { .. } => {}
        }
    }
}

/// What stands behind a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    Words,
    Block,
    Nothing,
}

impl Row<'_> {
    /// How many words the keyword has.
    fn keyword(&self) -> usize {
        match self.words.first() {
            Some(first) if first == "no" => 2,
            _ => 1,
        }
    }

    fn keyword_width(&self) -> usize {
        let words = self.words.iter().take(self.keyword());
        words.map(|word| word.chars().count() + 1).sum::<usize>().saturating_sub(1)
    }

    fn follows(&self) -> Follows {
        match (self.words.len() > self.keyword(), &self.block) {
            (true, _) => Follows::Words,
            (false, Some(_)) => Follows::Block,
            (false, None) => Follows::Nothing,
        }
    }

    /// The last word of the keyword and the third word, if the second is no list.
    fn frame(&self) -> Option<(&str, &str)> {
        let keyword = self.words.get(self.keyword() - 1)?;
        self.words.get(self.keyword()).filter(|second| !second.ends_with(','))?;
        let third = self.words.get(self.keyword() + 1)?;
        Some((keyword, third.trim_end_matches(',')))
    }
}

/// The text of lines, each run aligned.
pub(super) fn print(lines: &[Line<'_>]) -> String {
    let mut text = String::new();
    let mut rest = lines;
    while let Some((line, after)) = rest.split_first() {
        let rows: Vec<&Row<'_>> =
            rest.iter().map_while(|line| if let Line::Row(row) = line { Some(row) } else { None }).collect();
        if !rows.is_empty() {
            print_run(&rows, &mut text);
            rest = rest.get(rows.len()..).unwrap_or_default();
            continue;
        }
        match line {
            Line::Empty | Line::Row(_) => {}
            Line::Comment { indent, text: comment } => push_line(&mut text, *indent, comment),
            Line::Plain { indent, text: line, comment } => {
                push_line(&mut text, *indent, line);
                if let Some(comment) = comment {
                    text.push_str("  ");
                    text.push_str(comment);
                }
            }
        }
        text.push('\n');
        rest = after;
    }
    text
}

fn push_line(text: &mut String, indent: usize, line: &str) {
    text.extend(std::iter::repeat_n(' ', indent));
    text.push_str(line);
}

fn print_run(rows: &[&Row<'_>], text: &mut String) {
    let keywords = keyword_columns(rows);
    let seconds = second_columns(rows);
    let lines: Vec<String> = rows
        .iter()
        .zip(keywords.iter().zip(&seconds))
        .map(|(row, (keyword, second))| {
            let mut line = row.words.iter().take(row.keyword()).map(String::as_str).collect::<Vec<_>>().join(" ");
            let mut start = 0;
            for (index, word) in row.words.iter().skip(row.keyword()).enumerate() {
                let column = match index {
                    0 => *keyword,
                    1 => start + second,
                    _ => 0,
                };
                pad(&mut line, column);
                start = line.chars().count();
                line.push_str(word);
            }
            if let Some(block) = &row.block {
                pad(&mut line, if row.follows() == Follows::Block { *keyword } else { 0 });
                line.push_str(block);
            }
            line
        })
        .collect();
    let with_comment = rows.iter().zip(&lines).filter(|(row, _)| row.comment.is_some());
    let comments = with_comment.map(|(_, line)| line.chars().count() + 2).max().unwrap_or(0);
    for (row, line) in rows.iter().zip(lines) {
        push_line(text, row.indent, &line);
        if let Some(comment) = row.comment {
            text.extend(std::iter::repeat_n(' ', comments - line.chars().count()));
            text.push_str(comment);
        }
        text.push('\n');
    }
}

/// At least one space, and as many as lead to the column.
fn pad(line: &mut String, column: usize) {
    let width = line.chars().count();
    line.extend(std::iter::repeat_n(' ', column.saturating_sub(width).max(1)));
}

/// For each row the column of what follows its keyword; 0 where that is not aligned.
fn keyword_columns(rows: &[&Row<'_>]) -> Vec<usize> {
    let mut columns = Vec::with_capacity(rows.len());
    while let Some(rest) = rows.get(columns.len()..).filter(|rest| !rest.is_empty()) {
        let follows = |row: &&&Row<'_>| row.follows() != Follows::Nothing;
        let kind = rest.iter().find(follows).map_or(Follows::Nothing, |row| row.follows());
        let group: Vec<_> =
            rest.iter().take_while(|row| row.follows() == kind || row.follows() == Follows::Nothing).collect();
        let widest = group.iter().filter(|row| row.follows() == kind).map(|row| row.keyword_width()).max().unwrap_or(0);
        let column = if widest <= LONGEST_KEYWORD { widest + 1 } else { 0 };
        columns.extend(std::iter::repeat_n(column, group.len()));
    }
    columns
}

/// For each row the width of its second word with the space behind it; 0 where the third word is not aligned.
fn second_columns(rows: &[&Row<'_>]) -> Vec<usize> {
    let mut columns = Vec::with_capacity(rows.len());
    while let Some((first, rest)) = rows.get(columns.len()..).and_then(|rest| rest.split_first()) {
        let frame = first.frame();
        let same = if frame.is_some() { rest.iter().take_while(|row| row.frame() == frame).count() } else { 0 };
        let group = std::iter::once(first).chain(rest.iter().take(same));
        let second = |row: &&Row<'_>| row.words.get(row.keyword()).map_or(0, |word| word.chars().count() + 1);
        let column = if same == 0 { 0 } else { group.map(second).max().unwrap_or(0) };
        columns.extend(std::iter::repeat_n(column, same + 1));
    }
    columns
}
