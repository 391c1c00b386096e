//! A cluster that GitOps applications write to: one for each folder of a namespace, each at a commit of its own.

use std::collections::{BTreeMap, BTreeSet};

use yaml_serde::Value;

use super::Files;

/// Kind, namespace, name.
pub(crate) type Name = (String, String, String);

/// A commit, as controllers see it.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) files: Files,
    /// Objects that the kustomization of each folder lists.
    folders: BTreeMap<String, BTreeMap<Name, Value>>,
}

/// One object of a sync.
#[derive(Debug)]
pub(crate) struct Action {
    folder: String,
    pub(crate) name: Name,
    /// None: it is pruned.
    pub(crate) value: Option<Value>,
}

impl Commit {
    pub(crate) fn new(files: Files) -> Self {
        let mut folders: BTreeMap<String, BTreeMap<Name, Value>> = BTreeMap::new();
        for (path, text) in &files {
            let parts: Vec<&str> = path.split('/').collect();
            let [root, namespace, "kustomization.yaml"] = parts[..] else { continue };
            let folder = format!("{root}/{namespace}");
            let kustomization: Value = yaml_serde::from_str(text).expect("a kustomization");
            let resources = kustomization["resources"].as_sequence().expect("a list");
            let objects = resources.iter().map(|resource| {
                let path = format!("{folder}/{}", resource.as_str().expect("a path"));
                let text = files.get(&path).unwrap_or_else(|| panic!("{path} is listed, and not there"));
                let object: Value = yaml_serde::from_str(text).expect("an object");
                (name(&object), object)
            });
            let count = resources.len();
            let objects: BTreeMap<Name, Value> = objects.collect();
            assert_eq!(objects.len(), count, "{folder} has an object twice");
            folders.insert(folder, objects);
        }
        Self { files, folders }
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = (&Name, &Value)> {
        self.folders.values().flatten()
    }

    /// Folders of namespaces.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &String> {
        self.folders.keys()
    }

    pub(crate) fn names(&self) -> BTreeSet<Name> {
        self.objects().map(|(name, _)| name.clone()).collect()
    }
}

fn name(object: &Value) -> Name {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&object["kind"]), text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]))
}

/// What is applied.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    objects: BTreeMap<Name, Value>,
    /// Whose each object is.
    owners: BTreeMap<Name, String>,
    /// The last commit that each application looked at.
    revisions: BTreeMap<String, usize>,
}

impl Cluster {
    pub(crate) fn objects(&self) -> &BTreeMap<Name, Value> {
        &self.objects
    }

    pub(crate) fn names(&self) -> BTreeSet<Name> {
        self.objects.keys().cloned().collect()
    }

    /// The applications: one for each folder that any commit had.
    pub(crate) fn folders(&self, commits: &[Commit]) -> Vec<String> {
        let all: BTreeSet<&String> = commits.iter().flat_map(|commit| commit.folders.keys()).collect();
        all.into_iter().cloned().collect()
    }

    /// The commit that an application looked at last.
    pub(crate) fn revision(&self, folder: &str) -> usize {
        self.revisions.get(folder).copied().unwrap_or_default()
    }

    /// The newest commit that any application looked at.
    pub(crate) fn newest(&self) -> usize {
        self.revisions.values().copied().max().unwrap_or_default()
    }

    /// What a sync of an application has to do. A folder that a commit lacks is an error there, and nothing is done.
    pub(crate) fn actions(&mut self, folder: &str, revision: usize, commit: &Commit) -> Vec<Action> {
        let Some(wanted) = commit.folders.get(folder) else { return Vec::new() };
        self.revisions.insert(folder.to_owned(), revision);
        let action = |name: &Name, value: Option<&Value>| Action {
            folder: folder.to_owned(),
            name: name.clone(),
            value: value.cloned(),
        };
        let applied = wanted.iter().filter(|(name, value)| self.objects.get(*name) != Some(value));
        let pruned = self.owners.iter().filter(|(name, owner)| *owner == folder && !wanted.contains_key(*name));
        applied
            .map(|(name, value)| action(name, Some(value)))
            .chain(pruned.map(|(name, _)| action(name, None)))
            .collect()
    }

    pub(crate) fn apply(&mut self, action: &Action) {
        match &action.value {
            Some(value) => {
                self.objects.insert(action.name.clone(), value.clone());
                self.owners.insert(action.name.clone(), action.folder.clone());
            }
            None => {
                self.objects.remove(&action.name);
                self.owners.remove(&action.name);
            }
        }
    }
}
