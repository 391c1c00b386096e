//! From faults to what is reported: one for each statement outside of every block, and the statements that are broken.

use super::place::Declaration;
use super::tree::Statement;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// Something that is wrong, and the statements that it makes doubtful.
#[derive(Debug)]
pub(crate) struct Fault {
    diagnostic: Diagnostic,
    /// Offsets in the text: the innermost statement around each is broken, and the declaration around that.
    breaks: Vec<u32>,
}

impl Fault {
    /// A fault that leaves no doubt what is meant.
    pub(crate) fn new(diagnostic: Diagnostic) -> Self {
        Self { diagnostic, breaks: Vec::new() }
    }

    /// The innermost statement around the byte `at` is broken.
    #[must_use]
    pub(crate) fn breaking(mut self, at: u32) -> Self {
        self.breaks.push(at);
        self
    }

    /// The fault goes on to the end of `span`; so does what is suggested to write instead.
    pub(crate) fn widen(&mut self, span: Span) {
        let primary = &mut self.diagnostic.primary.span;
        *primary = primary.to(span);
        for (place, _) in self.diagnostic.suggestion.iter_mut().flat_map(|suggestion| &mut suggestion.edits) {
            *place = place.to(span);
        }
    }
}

/// Marks what is broken, and keeps the first fault of each statement outside of every block: the others are mostly
/// its consequences. In the order of the text.
pub(crate) fn settle(statements: &mut [Statement], faults: Vec<Fault>) -> Vec<Diagnostic> {
    let mut kept: Vec<(usize, Diagnostic)> = Vec::new();
    for fault in faults {
        for at in fault.breaks {
            mark(statements, at);
        }
        let unit = statements.partition_point(|statement| statement.span.start <= fault.diagnostic.primary.span.start);
        kept.push((unit, fault.diagnostic));
    }
    // Stable: the first to be found stays the first of its statement.
    kept.sort_by_key(|(unit, _)| *unit);
    kept.dedup_by_key(|(unit, _)| *unit);
    kept.into_iter().map(|(_, diagnostic)| diagnostic).collect()
}

/// Marks the innermost statement around `at` and the innermost declaration around it.
fn mark(statements: &mut [Statement], at: u32) {
    let Some(statement) = around(statements, at) else { return };
    let declares = Declaration::of(statement.keyword()).is_some_and(Declaration::breaks);
    let inner = statement.block.as_mut().map_or(&mut [][..], |block| &mut block.statements[..]);
    let innermost = around(inner, at).is_none();
    // A declaration within takes the mark for itself: one broken service does not break its environment.
    if innermost || declares && !declaration_within(inner, at) {
        statement.broken = true;
    }
    let inner = statement.block.as_mut().map_or(&mut [][..], |block| &mut block.statements[..]);
    mark(inner, at);
}

fn declaration_within(statements: &mut [Statement], at: u32) -> bool {
    let Some(statement) = around(statements, at) else { return false };
    Declaration::of(statement.keyword()).is_some_and(Declaration::breaks)
        || statement.block.as_mut().is_some_and(|block| declaration_within(&mut block.statements, at))
}

fn around(statements: &mut [Statement], at: u32) -> Option<&mut Statement> {
    let after = statements.partition_point(|statement| statement.span.start <= at);
    statements.get_mut(after.checked_sub(1)?).filter(|statement| at < statement.span.end)
}
