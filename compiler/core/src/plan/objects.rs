//! Objects as a whole: those that are deleted, those of kinds that nothing here reads, and differences without meaning.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Names;
use super::read::{Diff, Key, Object};
use super::{Changes, Kind};
use crate::source::Text;

/// Kinds that other parts of a plan read.
const READ: [&str; 7] = [
    "AuthorizationPolicy",
    "PeerAuthentication",
    "VirtualService",
    "DestinationRule",
    "Gateway",
    "EnvoyFilter",
    "Namespace",
];
/// Of these, the kinds that are read as a whole: what is not told of them changes nothing.
const WHOLE: [&str; 2] = ["AuthorizationPolicy", "PeerAuthentication"];

/// Says what is deleted, what cannot be read, and what is left. Comes last, because it is quiet about files of which
/// anything was said, and about policies of `told` subjects.
pub(super) fn tell(diff: &Diff<'_>, names: &Names<'_>, told: &BTreeSet<Text>, out: &mut Changes<'_>) {
    let said: BTreeSet<String> = out.list.iter().map(|change| change.path.clone()).collect();
    let mut deleted: BTreeMap<Text, (Vec<String>, &str)> = BTreeMap::new();
    let mut quiet: BTreeMap<(Text, &str), (Vec<String>, &str)> = BTreeMap::new();
    for (key, pair) in &diff.pairs {
        let (path, subject) = (pair.path(), names.subject(pair.path()));
        let known = READ.contains(&key.kind.as_str());
        match (&pair.before, &pair.after) {
            (Some(before), None) if keeps(before) => {
                let text =
                    format!("{} `{}` stays in the cluster: it is marked so that nothing prunes it", key.kind, key.name);
                out.add(Kind::Other, subject, path, text);
            }
            (Some(_), None) => deleted.entry(subject).or_insert((Vec::new(), path)).0.push(shown(key)),
            (before, Some(after)) => {
                let how = if before.is_some() { "changes" } else { "is new" };
                let same = before.as_ref().is_some_and(|before| before.spec() == after.spec());
                let moved = before.as_ref().is_some_and(|before| before.value == after.value);
                if moved {
                    quiet.entry((subject, "in another file")).or_insert((Vec::new(), path)).0.push(shown(key));
                } else if !known {
                    out.add(Kind::Unread, subject, path, format!("{} `{}` {how}: see the diff", key.kind, key.name));
                } else if said.contains(path) || (WHOLE.contains(&key.kind.as_str()) && told.contains(&subject)) {
                } else if key.kind == "VirtualService" && before.is_none() && after.at(&["hosts"]).is_null() {
                    // What a gateway delegates to: the gateway's own route is told.
                } else if same {
                    quiet.entry((subject, "other metadata")).or_insert((Vec::new(), path)).0.push(shown(key));
                } else if before.is_none() {
                    quiet.entry((subject, "new")).or_insert((Vec::new(), path)).0.push(shown(key));
                } else if WHOLE.contains(&key.kind.as_str()) {
                    quiet.entry((subject, "written differently")).or_insert((Vec::new(), path)).0.push(shown(key));
                } else {
                    out.add(Kind::Unread, subject, path, format!("{} `{}` {how}: see the diff", key.kind, key.name));
                }
            }
            (None, None) => {}
        }
    }
    for (subject, (objects, path)) in deleted {
        let are = if objects.len() == 1 { "is" } else { "are" };
        out.add(Kind::Pruned, subject, path, format!("{} {are} deleted", joined(&objects)));
    }
    for ((subject, what), (objects, path)) in quiet {
        let text = match what {
            "new" => format!("new, and changes no call: {}", joined(&objects)),
            "written differently" => format!("written differently, and admits the same callers: {}", joined(&objects)),
            what => format!("{what}, and nothing else: {}", joined(&objects)),
        };
        out.add(Kind::Other, subject, path, text);
    }
    for path in &diff.unreadable {
        let text = "a text of this file is no object, so that its meaning cannot be told: see the diff".to_owned();
        out.add(Kind::Unread, names.subject(path), path, text);
    }
}

/// Whether marks keep Argo CD and Flux from deleting it with its file.
fn keeps(object: &Object<'_>) -> bool {
    object.annotation("argocd.argoproj.io/sync-options").is_some_and(|value| value.contains("Prune=false"))
        || object.annotation("kustomize.toolkit.fluxcd.io/prune") == Some("disabled")
}

fn shown(key: &Key) -> String {
    format!("{} `{}`", key.kind, key.name)
}

/// "a, b and c".
fn joined(texts: &[String]) -> String {
    match texts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => texts.concat(),
    }
}
