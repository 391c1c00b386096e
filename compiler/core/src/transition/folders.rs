//! What lists the files of a commit: kustomizations and locks, where they differ from the declared ones.
//!
//! A folder of a namespace is never removed: an application of Argo CD or Flux on a path that is gone reports an error
//! and prunes nothing. It keeps a kustomization without resources, which kustomize builds to nothing (kubectl 1.32,
//! tried), and which the environment's does not list.

use std::collections::{BTreeMap, BTreeSet};

use super::Step;
use super::commit::Origins;
use crate::bundle::Bundle;
use crate::bundle::assemble::{KUSTOMIZATION_FILE, kustomization};
use crate::bundle::digest::digest;
use crate::bundle::lock::{LOCK_FILE, Lock};
use crate::published::Tree;
use crate::source::Text;

/// Lists what the commit holds.
struct Lister<'a, 'r> {
    tip: &'a Tree<'r>,
    desired: &'a Bundle,
    origins: &'a Origins,
    /// Published locks by folder; none where one cannot be used.
    locks: BTreeMap<String, Option<Lock>>,
}

/// Adds kustomizations and locks to a step whose other files are complete.
pub(super) fn list(
    live: &[Tree<'_>],
    tip: &Tree<'_>,
    desired: &Bundle,
    origins: &Origins,
    step: &mut Step,
) -> Result<(), String> {
    let first = |path: Option<&String>| Some(path?.split_once('/')?.0.to_owned());
    let published = live.iter().rev().find_map(|state| first(state.ids().keys().next()));
    let Some(root) = first(desired.files.keys().next()).or(published) else { return Ok(()) };
    let declared = namespaces(&root, &desired.files);
    let mut all: BTreeSet<String> = live.iter().flat_map(|state| namespaces(&root, state.ids())).collect();
    all.extend(declared.iter().cloned());
    let touched: BTreeSet<String> = step.instead.keys().map(|path| folder_of(path).to_owned()).collect();
    let mut lister = Lister { tip, desired, origins, locks: BTreeMap::new() };
    let mut listed = BTreeSet::new();
    for namespace in &all {
        let folder = format!("{root}/{namespace}");
        if declared.contains(namespace) && !touched.contains(&folder) {
            listed.insert(namespace.clone());
            continue;
        }
        let files = files(&folder, desired, step);
        if !files.is_empty() {
            listed.insert(namespace.clone());
        }
        lister.write(&folder, files, &BTreeSet::new(), step)?;
    }
    if listed != declared || touched.contains(&root) || !desired.files.contains_key(&format!("{root}/{LOCK_FILE}")) {
        let files = files(&root, desired, step).into_iter().filter(|path| !path.contains('/')).collect();
        lister.write(&root, files, &listed, step)?;
    }
    Ok(())
}

/// The folders below `root` that have files in folders of their own, found without walking over all paths.
fn namespaces<V>(root: &str, paths: &BTreeMap<String, V>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut from = format!("{root}/");
    while let Some(rest) = paths.range(from.clone()..).next().and_then(|(path, _)| path.strip_prefix(root)) {
        let Some(rest) = rest.strip_prefix('/') else { break };
        match rest.split_once('/') {
            // `0` is what follows `/` in the order of bytes.
            Some((namespace, _)) => {
                from = format!("{root}/{namespace}0");
                found.insert(namespace.to_owned());
            }
            None => from = format!("{root}/{rest}\0"),
        }
    }
    found
}

/// The folder whose kustomization lists a file: the namespace's, or the environment's.
fn folder_of(path: &str) -> &str {
    let mut slashes = path.match_indices('/').map(|(at, _)| at);
    let (first, second) = (slashes.next(), slashes.next());
    path.get(..second.or(first).unwrap_or_default()).unwrap_or_default()
}

/// The commit's files in and below a folder, relative to it, without what lists them.
fn files(folder: &str, desired: &Bundle, step: &Step) -> BTreeSet<String> {
    let prefix = format!("{folder}/");
    let below = |path: &&String| path.starts_with(&prefix);
    let declared = desired.files.range(prefix.clone()..).map(|(path, _)| path).take_while(below);
    let declared = declared.filter(|path| !step.instead.contains_key(*path));
    let instead = step.instead.range(prefix.clone()..).take_while(|(path, _)| below(path));
    let instead = instead.filter(|(_, text)| text.is_some()).map(|(path, _)| path);
    declared
        .chain(instead)
        .filter_map(|path| path.strip_prefix(&prefix))
        .filter(|path| ![KUSTOMIZATION_FILE, LOCK_FILE].contains(path))
        .map(str::to_owned)
        .collect()
}

impl Lister<'_, '_> {
    fn write(
        &mut self,
        folder: &str,
        files: BTreeSet<String>,
        namespaces: &BTreeSet<String>,
        step: &mut Step,
    ) -> Result<(), String> {
        let mut resources: Vec<&str> = files.iter().chain(namespaces).map(String::as_str).collect();
        resources.sort_unstable();
        let text = kustomization(resources);
        let (list, lock) = (format!("{folder}/{KUSTOMIZATION_FILE}"), format!("{folder}/{LOCK_FILE}"));
        let declared = self.desired.files.get(&lock).and_then(|text| Lock::parse(text).ok()).unwrap_or_default();
        let mut digests: BTreeMap<String, Text> = BTreeMap::new();
        for file in files {
            let path = format!("{folder}/{file}");
            let digest = match step.instead.get(&path) {
                Some(instead) => self.published(&path, instead.as_deref().unwrap_or_default())?,
                None => declared.files.get(&file).cloned().unwrap_or_default(),
            };
            digests.insert(file, digest);
        }
        digests.insert(KUSTOMIZATION_FILE.to_owned(), digest(text.as_bytes()));
        for (path, text) in [(list, text), (lock, Lock::new(digests).to_text())] {
            if self.desired.files.get(&path) != Some(&text) {
                step.instead.insert(path, Some(text));
            }
        }
        Ok(())
    }

    /// The digest of a text that is not the declared one. A file that stays keeps the digest that its lock has: of the
    /// held form, if it carries weights of a release.
    fn published(&mut self, path: &str, text: &str) -> Result<Text, String> {
        if let Some(origin) = self.origins.get(path) {
            let folder = folder_of(origin);
            if !self.locks.contains_key(folder) {
                let lock = self.tip.text(&format!("{folder}/{LOCK_FILE}"))?;
                self.locks.insert(folder.to_owned(), lock.and_then(|text| Lock::parse(&text).ok()));
            }
            let lock = self.locks.get(folder).and_then(Option::as_ref);
            let file = origin.strip_prefix(folder).and_then(|file| file.strip_prefix('/')).unwrap_or_default();
            if let Some(digest) = lock.and_then(|lock| lock.files.get(file)) {
                return Ok(digest.clone());
            }
        }
        Ok(digest(text.as_bytes()))
    }
}
