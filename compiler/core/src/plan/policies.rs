//! Which policies have to be read to say what a change means: those that differ, and those that hold together with them.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{self, Labels, Names};
use super::policy::{ROOT, Side};
use super::read::{Diff, Object};
use crate::published::Tree;
use crate::source::Text;

/// Policies of both sides.
#[derive(Debug, Default)]
pub(super) struct Policies {
    pub(super) before: Side,
    pub(super) after: Side,
    /// Namespaces of the cluster in which policies differ, and of which pods.
    pub(super) touched: BTreeMap<Text, Touched>,
}

/// Which pods of a namespace have a policy that differs.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// All of them.
    pub(super) all: bool,
    /// Those that these labels select.
    pub(super) selectors: BTreeSet<Labels>,
}

impl Policies {
    /// Reads the policies that differ, and those that hold together with them.
    pub(super) fn read(
        before: &Tree<'_>,
        after: &Tree<'_>,
        diff: &Diff<'_>,
        names: &Names<'_>,
    ) -> Result<Self, String> {
        let mut out = Self::default();
        for kind in ["AuthorizationPolicy", "PeerAuthentication"] {
            for (_, pair) in diff.of_kind(kind) {
                for (object, side) in [(&pair.before, &mut out.before), (&pair.after, &mut out.after)] {
                    let Some(object) = object else { continue };
                    side.add(object);
                    let touched = out.touched.entry(object.key.namespace.clone()).or_default();
                    let selector = names::selector(object);
                    touched.all |= selector.is_empty();
                    touched.selectors.insert(selector);
                }
            }
        }
        if out.touched.is_empty() {
            return Ok(out);
        }
        // What root policies select, they select everywhere.
        if let Some(root) = out.touched.get(ROOT) {
            let (all, selectors) = (root.all, root.selectors.clone());
            let mesh = names.mesh.namespaces.iter().map(|namespace| namespace.rendered.clone());
            for namespace in mesh.collect::<Vec<_>>() {
                let touched = out.touched.entry(namespace).or_default();
                touched.all |= all;
                touched.selectors.extend(selectors.iter().cloned());
            }
        }
        for path in out.paths(after, names) {
            // A file that differs was read with the difference.
            if before.id(&path) != after.id(&path) {
                continue;
            }
            let Some(text) = after.text(&path)? else { continue };
            if let Some(object) = Object::read(&path, &text) {
                out.before.add(&object);
                out.after.add(&object);
            }
        }
        Ok(out)
    }

    /// Files with policies that may hold together with those that differ.
    fn paths(&self, tree: &Tree<'_>, names: &Names<'_>) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        let mut add = |folder: &str, deep: bool| {
            let below = tree.ids().range(folder.to_owned()..).take_while(|(path, _)| path.starts_with(folder));
            out.extend(
                below
                    .filter(|(path, _)| {
                        let rest = path.get(folder.len()..).unwrap_or_default();
                        let file = rest.rsplit('/').next().unwrap_or_default();
                        (deep || !rest.contains('/'))
                            && (file.starts_with("authorization-policy") || file.starts_with("peer-authentication"))
                    })
                    .map(|(path, _)| path.clone()),
            );
        };
        add(&names.folder_of(ROOT), false);
        for (namespace, touched) in &self.touched {
            add(&names.folder_of(namespace), touched.all);
            if touched.all {
                continue;
            }
            for (home, service) in names.services_in(namespace) {
                if touched.selectors.iter().any(|selector| compatible(selector, &service.selector)) {
                    add(&names.service_folder(home, service), true);
                }
            }
        }
        out
    }
}

/// Whether pods can have both: no label has two values.
fn compatible(selector: &Labels, labels: &[(Text, Text)]) -> bool {
    labels.iter().all(|(key, value)| selector.get(key).is_none_or(|other| other == value))
}
