//! What is said of patches that failed or found nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use super::apply::Refusal;
use super::target::{Field, Pattern};
use super::{Patch, Patches};
use crate::bundle::Head;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::suggest;

/// A patch that could not be applied to a resource.
#[derive(Debug, Clone)]
pub struct Failure {
    patch: usize,
    operation: usize,
    refusal: Refusal,
    resource: String,
}

impl Failure {
    pub(super) fn new(patch: usize, operation: usize, refusal: Refusal, head: &Head) -> Self {
        Self { patch, operation, refusal, resource: resource(head) }
    }

    /// The same failure, of the resource's held form.
    #[must_use]
    pub(crate) fn held(mut self) -> Self {
        self.resource.push_str(" as it is under a hold");
        self
    }
}

/// A resource in a message.
fn resource(head: &Head) -> String {
    let name =
        if head.namespace.is_empty() { head.name.to_string() } else { format!("{}/{}", head.namespace, head.name) };
    format!("{} `{name}`", head.kind)
}

/// Patches of which it is looked up what they may have meant. Who has more that find nothing has one fault, such as a
/// namespace's name, and looking through all resources for each would take longer than rendering them.
const LOOKED_UP: usize = 100;

impl Patches {
    /// Reports failures, the same one of several resources once, and the patches that found none of `heads`: all
    /// resources of the environment, in a fixed order.
    pub fn report(&self, failures: &[Failure], heads: &[&Head], out: &mut Diagnostics) {
        let mut groups: BTreeMap<(usize, usize, &Refusal), Vec<&str>> = BTreeMap::new();
        for failure in failures {
            groups.entry((failure.patch, failure.operation, &failure.refusal)).or_default().push(&failure.resource);
        }
        for ((patch, operation, refusal), resources) in groups {
            if let Some(patch) = self.list.get(patch) {
                out.add(failed(patch, operation, refusal, &resources));
            }
        }
        let unmatched = self.list.iter().filter(|patch| !patch.matched.load(Ordering::Relaxed));
        for (number, patch) in unmatched.enumerate() {
            out.add(found_nothing(patch, if number < LOOKED_UP { heads } else { &[] }));
        }
    }
}

fn failed(patch: &Patch, index: usize, refusal: &Refusal, resources: &[&str]) -> Diagnostic {
    let of = patch.operations.len();
    let (what, span) = patch.operations.get(index).map_or((String::new(), patch.span), |operation| {
        (format!(" (`{} {}`)", operation.name(), operation.what.path()), operation.path_at.span)
    });
    let first = resources.first().copied().unwrap_or_default();
    let message = format!("operation {} of {of}{what} fails on {first}: {}", index + 1, refusal.why);
    let mut diagnostic = Diagnostic::new(refusal.code, span, message).related(patch.stated_at, "stated here");
    if resources.len() > 1 {
        let others: BTreeSet<&str> = resources.iter().skip(1).copied().collect();
        let shown: Vec<&str> = others.iter().take(5).copied().collect();
        let more = others.len().saturating_sub(shown.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        diagnostic = diagnostic.note(format!("the same on {}{more}", shown.join(", ")));
    }
    if let Some(help) = &refusal.help {
        diagnostic = diagnostic.help(help.clone());
    }
    match &refusal.edit {
        Some((text, span, edit)) => diagnostic.suggest(text.clone(), *span, edit.clone()),
        None => diagnostic,
    }
}

/// How many names a message lists.
const MOST: usize = 5;

fn found_nothing(patch: &Patch, heads: &[&Head]) -> Diagnostic {
    let stated: Vec<String> = Field::ALL
        .into_iter()
        .filter_map(|field| Some(format!("{} `{}`", field.key(), patch.target.field(field)?.text)))
        .collect();
    let has_selector = patch.target.labels.is_some() || patch.target.annotations.is_some();
    let what = match (stated.is_empty(), has_selector) {
        (true, _) => "the selector".to_owned(),
        (false, false) => stated.join(", "),
        (false, true) => format!("{} and the selector", stated.join(", ")),
    };
    let message = format!("no resource of the environment has {what}");
    let diagnostic = Diagnostic::new(Code::PatchMatchesNothing, patch.span, message)
        .related(patch.stated_at, "stated here")
        .note("a target names resources as they are rendered, with the names that the environment gives");

    // Values that would have matched, by the only field that stood in the way.
    let mut near: BTreeMap<Field, BTreeSet<&str>> = BTreeMap::new();
    let mut fits = 0_usize;
    for head in heads {
        let mut misses = patch.target.misses(head);
        match (misses.next(), misses.next()) {
            (Some((field, _)), None) => {
                near.entry(field).or_default().insert(field.of(head));
            }
            (None, _) => fits += 1,
            (Some(_), Some(_)) => {}
        }
    }
    if fits > 0 {
        let verb = if fits == 1 { "resource has" } else { "resources have" };
        return diagnostic.help(format!("{fits} {verb} {}, but the selector does not hold for any", stated.join(", ")));
    }
    let close = |(field, values): (&Field, &BTreeSet<&'_ str>)| {
        let pattern = patch.target.field(*field)?;
        let value = suggest::nearest(&pattern.text, values.iter().copied())?;
        Some((*field, pattern.clone(), value.to_owned()))
    };
    if let Some((field, pattern, value)) = near.iter().find_map(close) {
        return instead(diagnostic, field, &pattern, &value);
    }
    if let Some((field, values)) = near.first_key_value() {
        if let (1, Some(value), Some(pattern)) = (values.len(), values.first(), patch.target.field(*field)) {
            return instead(diagnostic, *field, pattern, value);
        }
        let values = suggest::list(values.iter().copied(), MOST);
        return diagnostic.help(format!("with another {} there would be: {values}", field.key()));
    }
    // More than one field is wrong: say which ones no resource has at all.
    let strangers: Vec<String> = Field::ALL
        .into_iter()
        .filter_map(|field| {
            let pattern = patch.target.field(field)?;
            let values: BTreeSet<&str> = heads.iter().map(|head| field.of(head)).collect();
            if values.is_empty() || values.iter().any(|value| pattern.matches(value)) {
                return None;
            }
            let near = suggest::nearest(&pattern.text, values.iter().copied());
            let known = near.map_or_else(|| suggest::list(values.iter().copied(), MOST), |near| format!("`{near}`"));
            Some(format!("no resource has {} `{}`; there is {known}", field.key(), pattern.text))
        })
        .collect();
    if strangers.is_empty() { diagnostic } else { diagnostic.help(strangers.join("; ")) }
}

fn instead(diagnostic: Diagnostic, field: Field, pattern: &Pattern, value: &str) -> Diagnostic {
    pattern.at.suggest(diagnostic.help(format!("did you mean {} `{value}`?", field.key())), value)
}
