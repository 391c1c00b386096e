//! The first `.mesh` files of a project, drafted from the manifests that a team already has. A draft states what the
//! manifests say, marks as `guess` what was read from addresses, and asks, behind a `?`, for what nobody can read
//! anywhere: timeouts, what may be repeated, owners, the gateway, the version of Istio. It refuses no call that it
//! knows of.

mod calls;
mod environments;
mod page;
mod parties;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostics;
use crate::inventory::Inventory;
use crate::inventory::index::Index;
use crate::source::Text;

/// What to draft.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the mesh, of its file, and of the namespace of objects whose manifest states none.
    pub name: Text,
}

/// Files that do not exist yet, and what to tell whoever asked for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// Text by path, relative to the project's folder: `NAME.mesh` and one file for each environment.
    pub files: BTreeMap<String, String>,
    /// What was left out, assumed or found odd; one sentence each.
    pub notes: Vec<String>,
}

/// Drafts a project from an inventory as it was read (namespaces as the manifests state them). `manifests` are the
/// files that it was read from, relative to the project's folder; files of one folder are named by one pattern. The
/// same input gives the same text.
pub fn draft(inventory: &Inventory, manifests: &[String], options: &Options) -> Draft {
    let name = Text::from(parties::label(&options.name).unwrap_or_else(|| "mesh".to_owned()));
    let mut inventory = inventory.clone();
    let mut notes = Vec::new();
    // An object with and one without the namespace are duplicates, which whoever reads the draft's inventory reports.
    inventory.in_namespace(&default_namespace(&inventory, &name), &mut Diagnostics::default());
    let index = Index::new(&inventory);
    let parties = parties::parties(&inventory, &index, &mut notes);
    let calls = calls::calls(&inventory, &parties, &mut notes);
    let mut files = BTreeMap::new();
    files.insert(format!("{name}.mesh"), page::page(&name, manifests, &parties, &calls, &mut notes));
    for (environment, text) in environments::environments(&parties) {
        files.insert(format!("environments/{environment}.mesh"), text);
    }
    let mut told = BTreeSet::new();
    notes.retain(|note| told.insert(note.clone()));
    Draft { files, notes }
}

/// The namespace of objects without one: that of all others where they agree, else the mesh's name.
fn default_namespace(inventory: &Inventory, name: &Text) -> Text {
    let services = inventory.services.keys().map(|(namespace, _)| namespace);
    let workloads = inventory.workloads.keys().map(|(namespace, ..)| namespace);
    let stated: BTreeSet<&Text> = services.chain(workloads).filter(|one| !one.is_empty()).collect();
    match (stated.first(), stated.len()) {
        (Some(only), 1) => (*only).clone(),
        _ => name.clone(),
    }
}

#[cfg(test)]
mod tests;
