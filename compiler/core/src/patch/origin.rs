//! Where a text within a file stands in it. The operations of a patch are mostly a block (`patch: |`) of the file
//! that holds the patch, and a fault in them is shown at their own line of that file.

use crate::source::{FileId, Span};

/// Maps places of a text to places of the file that holds it.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// The text is the whole file.
    Whole,
    /// The text is a literal block: each of its lines starts at these bytes of the text and of the file.
    Block(Vec<(u32, u32)>),
    /// The text is quoted or folded, so that only the value as a whole has a place.
    Within(Span),
}

impl Origin {
    /// The origin of `value`, which the file's text has at `span` as a scalar.
    pub(super) fn of_scalar(file_text: &str, span: Span, value: &str) -> Self {
        Self::block(file_text, span, value).unwrap_or(Origin::Within(span))
    }

    /// Finds the lines of a literal block. The parser marks a block at its header or at its text, so the line of the
    /// header is looked for from there; whatever does not fit line by line is no literal block.
    fn block(file_text: &str, span: Span, value: &str) -> Option<Self> {
        let start = usize::try_from(span.start).ok()?;
        let line_of = |at: usize| file_text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let mut line = line_of(start);
        if !has_header(file_text.get(line..)?) {
            line = line_of(line.checked_sub(1)?);
            if !has_header(file_text.get(line..)?) {
                return None;
            }
        }
        let mut lines = file_text.get(line..)?.split_inclusive('\n');
        let mut outer = line + lines.next()?.len();
        let written = lines.clone().find(|line| !line.trim().is_empty())?.trim_end_matches('\n');
        let first = value.split('\n').find(|line| !line.trim().is_empty())?;
        let indent = written.len().checked_sub(first.len())?;
        let (mut inner, mut pieces) = (0, Vec::new());
        for text in value.split_inclusive('\n') {
            let written = lines.next()?;
            let content = written.get(indent..).unwrap_or("\n");
            if content.trim_end_matches('\n') != text.trim_end_matches('\n') {
                return None;
            }
            pieces.push((u32::try_from(inner).ok()?, u32::try_from(outer + indent.min(written.len())).ok()?));
            inner += text.len();
            outer += written.len();
        }
        Some(Origin::Block(pieces))
    }

    /// The place in the file of a place in the text.
    pub(super) fn map(&self, span: Span) -> Span {
        match self {
            Origin::Whole => span,
            Origin::Within(whole) => *whole,
            Origin::Block(pieces) => {
                let place = |at: u32| {
                    let line = pieces.partition_point(|(inner, _)| *inner <= at).saturating_sub(1);
                    pieces.get(line).map_or(at, |(inner, outer)| at - inner + outer)
                };
                Span { file: span.file, start: place(span.start), end: place(span.end) }
            }
        }
    }

    /// The place of the text as a whole.
    pub(super) fn start(&self, file: FileId) -> Span {
        match self {
            Origin::Within(whole) => *whole,
            Origin::Whole | Origin::Block(_) => self.map(Span::new(file, 0, 0)),
        }
    }

    /// Whether the text can be replaced in the file line by line.
    pub(super) fn is_block(&self) -> bool {
        matches!(self, Origin::Block(_))
    }
}

/// Whether a line ends with the header of a literal block: `|`, `|-`, `|2+`, and perhaps a comment.
fn has_header(text: &str) -> bool {
    let line = text.split('\n').next().unwrap_or("");
    let line = line.split(" #").next().unwrap_or("").trim_end();
    let header = line.trim_end_matches(['+', '-']).trim_end_matches(|c: char| c.is_ascii_digit());
    header.trim_end_matches(['+', '-']).ends_with('|')
}
