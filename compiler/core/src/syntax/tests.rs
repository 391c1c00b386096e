//! What must hold of every text, over real files and their mutations.

mod deletion;
mod formatting;
mod generate;
mod properties;
mod reading;
mod recovery;

use super::parse;
use super::tree::{File, Statement, Word};
use crate::diagnostic::Diagnostic;
use crate::source::FileId;

/// Three projects: the boutique, a company of three teams, the smallest mesh.
pub(crate) const SKETCHES: &[(&str, &str)] = &[
    ("smallest", include_str!("testdata/smallest.mesh")),
    ("boutique", include_str!("testdata/boutique.mesh")),
    ("boutique-dev", include_str!("testdata/boutique-dev.mesh")),
    ("boutique-staging", include_str!("testdata/boutique-staging.mesh")),
    ("boutique-prod", include_str!("testdata/boutique-prod.mesh")),
    ("company", include_str!("testdata/company.mesh")),
    ("company-payments", include_str!("testdata/company-payments.mesh")),
    ("company-payments-prod", include_str!("testdata/company-payments-prod.mesh")),
    ("company-storefront", include_str!("testdata/company-storefront.mesh")),
    ("company-reporting", include_str!("testdata/company-reporting.mesh")),
    ("company-prod", include_str!("testdata/company-prod.mesh")),
];

/// Reads a text as file 0.
pub(crate) fn read(text: &str) -> (File, Vec<Diagnostic>) {
    parse(FileId(0), text)
}

/// The words and blocks of statements on one line, without places: `a b, c { d; e }`. A broken one begins with `!`.
pub(crate) fn form(statements: &[Statement]) -> String {
    statements.iter().map(form_of).collect::<Vec<_>>().join("; ")
}

/// [`form`] of one statement.
pub(crate) fn form_of(statement: &Statement) -> String {
    let words: String = statement.words.iter().map(word_form).collect();
    let mut form = format!("{}{}", if statement.broken { "!" } else { "" }, words.trim_start());
    if let Some(block) = &statement.block {
        form.push_str(&match block.statements.is_empty() {
            true => " {}".to_owned(),
            false => format!(" {{ {} }}", self::form(&block.statements)),
        });
    }
    form
}

fn word_form(word: &Word) -> String {
    let comma = if word.comma_before { "," } else { "" };
    match word.quoted {
        true => format!("{comma} {:?}", word.text),
        false => format!("{comma} {}", word.text),
    }
}

/// The text with a diagnostic's suggestion applied.
pub(crate) fn repaired(text: &str, diagnostic: &Diagnostic) -> Option<String> {
    let mut edits = diagnostic.suggestion.as_ref()?.edits.clone();
    edits.sort();
    let mut text = text.to_owned();
    for (span, edit) in edits.iter().rev() {
        text.replace_range(span.range(), edit);
    }
    Some(text)
}
