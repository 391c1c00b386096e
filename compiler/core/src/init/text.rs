//! Lines of the draft in the form that people write: two spaces, comments in one column.

/// Column of the comments behind statements.
const COMMENTS: usize = 43;

/// Widest line.
const WIDTH: usize = 120;

/// A text that grows line by line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: String,
    indent: usize,
}

impl Lines {
    /// A statement.
    pub(super) fn line(&mut self, statement: &str) {
        if !statement.is_empty() {
            self.text.push_str(&"  ".repeat(self.indent));
            self.text.push_str(statement);
        }
        self.text.push('\n');
    }

    /// A statement with a comment behind it; above it where both do not fit into a line.
    pub(super) fn noted(&mut self, statement: &str, comment: &str) {
        let column = self.indent * 2 + statement.chars().count();
        let gap = COMMENTS.saturating_sub(column).max(1);
        if column + gap + 2 + comment.chars().count() > WIDTH {
            self.comment(comment);
            self.line(statement);
        } else {
            self.line(&format!("{statement}{}# {}", " ".repeat(gap), plain(comment)));
        }
    }

    /// A comment on lines of its own, wrapped.
    pub(super) fn comment(&mut self, comment: &str) {
        let width = WIDTH - 2 - self.indent * 2;
        let comment = plain(comment);
        let mut line = String::new();
        for word in comment.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                self.line(&format!("# {line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(format!("# {line}").trim_end());
    }

    /// Lines of text that a person uncomments or reads as they stand.
    pub(super) fn commented(&mut self, lines: &[&str]) {
        lines.iter().for_each(|line| self.line(&format!("# {line}")));
    }

    /// `HEAD {`.
    pub(super) fn open(&mut self, head: &str) {
        self.line(&format!("{head} {{"));
        self.indent += 1;
    }

    /// `}`.
    pub(super) fn close(&mut self) {
        self.indent = self.indent.saturating_sub(1);
        self.line("}");
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A comment stays one, whatever characters a manifest brings in.
fn plain(comment: &str) -> String {
    comment.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A quoted word.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
