//! Puts a converted entry in the place of the one that was written.

use super::strategic::{as_items, indent};
use crate::source::{SourceMap, Span};

/// The text of an entry in block style whose first key stands at `first`, without the dash; and whether there is a
/// dash. Nothing for flow style, which has no lines of its own.
pub(super) fn entry(file_text: &str, first: Span) -> Option<(Span, bool)> {
    let start = first.range().start;
    let before = file_text.get(..start)?.rsplit('\n').next()?;
    let (column, dash) = (before.len(), before.trim_end().ends_with('-'));
    if !before.trim_matches([' ', '-']).is_empty() || file_text.get(start..)?.starts_with('{') {
        return None;
    }
    let mut end = start;
    let mut at = start;
    for (number, line) in file_text.get(start..)?.split_inclusive('\n').enumerate() {
        let inside = number == 0 || line.len() - line.trim_start_matches(' ').len() >= column;
        if !inside && !line.trim().is_empty() {
            break;
        }
        at += line.len();
        if !line.trim().is_empty() {
            end = at;
        }
    }
    let text = file_text.get(start..end)?;
    Some((Span::new(first.file, start, start + text.trim_end_matches('\n').len()), dash))
}

/// What to write there: entries as items of the list that the old one stood in, at its column, or one entry alone.
pub(super) fn text(sources: &SourceMap, span: Span, entries: &[String], is_item: bool) -> Option<String> {
    let start = span.range().start;
    let column = sources.file(span.file).text.get(..start)?.rsplit('\n').next()?.len();
    let text = match (entries, is_item) {
        ([entry], false) => indent(entry, column),
        (_, true) if column >= 2 => indent(&as_items(entries), column - 2).get(2..)?.to_owned(),
        // The whole of a file.
        (_, true) => return Some(as_items(entries)),
        _ => return None,
    };
    // The first line stands where the old one stood: behind its spaces and dash.
    Some(text.trim_start_matches(' ').trim_end_matches('\n').to_owned())
        .map(|text| text.trim_start_matches("- ").to_owned())
}
