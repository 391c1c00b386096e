//! The difference of a file as text.

use similar::{ChangeTag, TextDiff};

use super::FileChange;

/// How many lines come and go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// Lines of the new text that the published one has not.
    pub added: usize,
    /// Lines of the published text that the new one has not.
    pub removed: usize,
}

/// Lines that stand around a difference.
const CONTEXT: usize = 3;

/// The unified diff of a file, as `git diff` has it without its first lines: three lines around each difference,
/// `/dev/null` for a file that is not there.
pub fn unified(change: &FileChange) -> String {
    let name = |side: &str, text: &Option<String>| match text {
        Some(_) => format!("{side}/{}", change.path),
        None => "/dev/null".to_owned(),
    };
    let (old, new) = texts(change);
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&name("a", &change.before), &name("b", &change.after))
        .to_string()
}

/// How many lines of a file come and go.
pub fn lines(change: &FileChange) -> Lines {
    let (old, new) = texts(change);
    let mut lines = Lines::default();
    for line in TextDiff::from_lines(old, new).iter_all_changes() {
        match line.tag() {
            ChangeTag::Insert => lines.added += 1,
            ChangeTag::Delete => lines.removed += 1,
            ChangeTag::Equal => {}
        }
    }
    lines
}

fn texts(change: &FileChange) -> (&str, &str) {
    (change.before.as_deref().unwrap_or(""), change.after.as_deref().unwrap_or(""))
}
