//! Puts converted entries in the place of the one that was written.

use super::strategic::{as_items, indent};
use crate::source::Span;

/// Where an entry is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Written {
    /// It is the whole of its file.
    File,
    /// It has lines of its own, its keys at this column; the column of its dash, where it is one of a list.
    Block {
        /// From the first key to the end of the last line.
        span: Span,
        keys: usize,
        dash: Option<usize>,
    },
}

/// How the entry whose first key stands at `first` is written; nothing for flow style, which has no lines of its own.
pub(super) fn written(file_text: &str, first: Span) -> Option<Written> {
    let start = first.range().start;
    let before = file_text.get(..start)?.rsplit('\n').next()?;
    if !before.trim_matches([' ', '-']).is_empty() || file_text.get(start..)?.starts_with('{') {
        return None;
    }
    let keys = before.len();
    let (mut at, mut end) = (start, start);
    for (number, line) in file_text.get(start..)?.split_inclusive('\n').enumerate() {
        let blank = line.trim().is_empty();
        if number > 0 && !blank && line.len() - line.trim_start_matches(' ').len() < keys {
            break;
        }
        at += line.len();
        if !blank {
            end = at;
        }
    }
    let length = file_text.get(start..end)?.trim_end_matches('\n').len();
    Some(Written::Block { span: Span::new(first.file, start, start + length), keys, dash: before.rfind('-') })
}

/// What to write instead, and where, so that it reads as `entries`; nothing where there is no room for several.
pub(super) fn with(place: Written, whole_file: Span, entries: &[String]) -> Option<(Span, String)> {
    let (span, keys, dash) = match place {
        Written::File => return Some((whole_file, as_items(entries))),
        Written::Block { dash: None, .. } if entries.len() > 1 => return None,
        Written::Block { span, keys, dash } => (span, keys, dash.unwrap_or(0)),
    };
    let between = format!("\n{}-{}", " ".repeat(dash), " ".repeat(keys.saturating_sub(dash + 1)));
    let lines = |entry: &String| indent(entry, keys).trim_matches([' ', '\n']).to_owned();
    Some((span, entries.iter().map(lines).collect::<Vec<_>>().join(&between)))
}
