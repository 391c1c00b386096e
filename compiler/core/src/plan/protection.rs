//! Policies that are gone, that are no longer enforced, or that newly are.

use super::names::{self, Names};
use super::policies::Policies;
use super::policy::{Action, Policy};
use super::read::{Diff, Key, Pair};
use super::{Changes, Kind};

/// Kinds beside Istio's policies that keep somebody out.
const PROTECTING: [&str; 2] = ["RequestAuthentication", "NetworkPolicy"];

/// Says which policies are gone or only watch, which conditions change, and where sidecars come and go.
pub(super) fn tell(policies: &Policies, diff: &Diff<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    for (key, pair) in diff.of_kind("AuthorizationPolicy") {
        policy(policies, key, pair, names, out);
    }
    for (key, pair) in diff.pairs.iter().filter(|(key, _)| PROTECTING.contains(&key.kind.as_str())) {
        if pair.after.is_none() {
            let text = format!("{} `{}` is gone", key.kind, key.name);
            out.add(Kind::ProtectionRemoved, names.subject(pair.path()), pair.path(), text);
        }
    }
    for (key, pair) in diff.pairs.iter().filter(|(key, _)| key.kind == "Namespace" && key.group.is_empty()) {
        injection(key, pair, names, out);
    }
}

fn policy(policies: &Policies, key: &Key, pair: &Pair<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    let (before, after) = (pair.before.as_ref().map(Policy::read), pair.after.as_ref().map(Policy::read));
    let (path, subject) = (pair.path(), names.subject(pair.path()));
    let name = &key.name;
    let enforced = |policy: &Option<Policy>| policy.as_ref().is_some_and(Policy::is_enforced);
    match (enforced(&before), enforced(&after)) {
        (true, false) => {
            let Some(old) = &before else { return };
            // Without one list of another policy that admits, everybody is admitted.
            let scope = &old.scope;
            let others = policies.after.enforced(&scope.namespace, &scope.selector);
            let closed = others.iter().any(|policy| policy.action == Action::Allow);
            if old.action == Action::Deny || !closed {
                let why = match &after {
                    Some(new) if new.dry_run => "only watches now (dry run): it refuses nobody",
                    Some(_) => "no longer decides who may call",
                    None => "is gone",
                };
                out.add(Kind::ProtectionRemoved, subject.clone(), path, format!("policy `{name}` {why}"));
            }
        }
        (false, true) => {
            let wide = after.as_ref().is_some_and(|new| new.scope.selector.is_empty());
            if before.is_some() {
                out.add(Kind::Strengthened, subject.clone(), path, format!("policy `{name}` is enforced now"));
            } else if wide {
                let text = format!("policy `{name}` is new: it holds for every pod of the namespace");
                out.add(Kind::Strengthened, subject.clone(), path, text);
            }
        }
        (true, true) | (false, false) => {}
    }
    let conditions = |policy: &Option<Policy>| policy.as_ref().map(|policy| policy.conditions.clone());
    let (old, new) = (conditions(&before).unwrap_or_default(), conditions(&after).unwrap_or_default());
    if old != new {
        let shown = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join("; ") };
        let text = format!("conditions of policy `{name}` change: {} -> {}", shown(&old), shown(&new));
        out.add(Kind::Condition, subject, path, text);
    }
}

/// Without a sidecar nothing that is told here holds for a pod.
fn injection(key: &Key, pair: &Pair<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    let revision = |pair: &Option<super::read::Object<'_>>| {
        let labels = names::labels(pair.as_ref()?.value.get("metadata")?.get("labels")?);
        match labels.get("istio-injection").map(|value| value.as_str()) {
            Some("enabled") => Some("default".to_owned()),
            _ => labels.get("istio.io/rev").map(ToString::to_string),
        }
    };
    let (old, new) = (revision(&pair.before), revision(&pair.after));
    let subject = names.namespace(&key.name);
    let (kind, text) = match (old, new) {
        // A deleted file leaves the namespace as it is.
        (Some(_), None) if pair.after.is_some() => {
            (Kind::ProtectionRemoved, "pods that start from now on get no sidecar".to_owned())
        }
        (None, Some(new)) => {
            (Kind::Strengthened, format!("pods that start from now on get a sidecar (revision {new})"))
        }
        (Some(old), Some(new)) if old != new => {
            (Kind::Traffic, format!("pods that start from now on get sidecars of another revision: {old} -> {new}"))
        }
        _ => return,
    };
    out.add(kind, subject, pair.path(), text);
}
