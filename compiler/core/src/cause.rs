//! The line behind a change. A plan is told from resources, and a resource knows the declaration that causes it; here
//! the setting's own line is found, through the layers that state it: a preset's, the service's, an environment's.

use crate::check::{self, environment::Environment};
use crate::compile::Compilation;
use crate::diagnostic::Diagnostics;
use crate::plan::{Kind, Plan};
use crate::resolve::names::Member;
use crate::source::{Span, Text};

/// Replaces causes that are whole declarations by the lines of the settings that changes are about, where they can be
/// told. Causes that are lines already, such as those of callers, stay.
pub fn refine(compilation: &Compilation<'_>, environment: &Text, plan: &mut Plan) {
    let declarations = &compilation.base.project.declarations;
    let names = &compilation.base.names;
    let (merged, _) = Environment::merge(environment, declarations, names, &mut Diagnostics::default());
    for change in &mut plan.changes {
        let found = match change.subject.split_once('/') {
            Some((namespace, service)) => {
                of_service(compilation, &merged, namespace, service, change.kind, &change.text)
            }
            None if matches!(change.kind, Kind::MtlsWeakened | Kind::Strengthened) => {
                check::default_mtls(&compilation.base, &merged, &change.subject)
                    .filter(|_| change.text.contains("mTLS"))
            }
            None => None,
        };
        change.cause = found.or(change.cause);
    }
}

/// The line of the setting of a service that a change of this kind names.
fn of_service(
    compilation: &Compilation<'_>,
    merged: &Environment<'_>,
    namespace: &str,
    service: &str,
    kind: Kind,
    text: &str,
) -> Option<Span> {
    let base = &compilation.base;
    let (namespace, service) = (Text::from(namespace), Text::from(service));
    let Some(Member::Service(index)) = base.names.members.get(&(namespace.clone(), service)) else { return None };
    let (_, draft) = check::draft(base, merged, &namespace, *index, &mut Diagnostics::default())?;
    let word = match kind {
        Kind::Weights => Some("version"),
        Kind::MtlsWeakened | Kind::Strengthened => Some("mtls"),
        Kind::Traffic | Kind::ProtectionRemoved => None,
        _ => return None,
    };
    // "retry per-try 900ms -> 1s" names `retry.per-try`; the longest name that a text begins with is the one.
    let text = text.strip_prefix("the ").unwrap_or(text);
    let text = text.strip_prefix("newly set: ").unwrap_or(text);
    let named = |path: &str| match word {
        Some(word) => path == word,
        None => text.strip_prefix(path.replace('.', " ").as_str()).is_some_and(|rest| rest.starts_with(' ')),
    };
    let mut best: Option<(usize, Span)> = None;
    for entry in &draft.entries {
        let path = entry.key.field.path();
        if named(&path) && best.is_none_or(|(length, _)| path.len() > length) {
            best = Some((path.len(), entry.span));
        }
    }
    best.map(|(_, span)| span)
}
