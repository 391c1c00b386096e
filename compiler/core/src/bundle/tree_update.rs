//! What must happen to a folder so that it holds a bundle: pure, from what lies there to a list of steps. The tool
//! owns only the files that locks list; everything else is foreign, and is neither overwritten nor deleted.

use std::collections::{BTreeMap, BTreeSet};

use super::Bundle;
use super::digest::digest;
use super::lock::{LOCK_FILE, Lock};
use crate::source::Text;

/// What lies in the output folder. Paths are relative to the folder that holds all environments, as in
/// [`Bundle::files`], and only those of the bundle's environment are given: the folder of another one is not its.
#[derive(Debug, Clone, Default)]
pub struct Existing {
    /// Digest of each file on disk, by path.
    pub files: BTreeMap<String, Text>,
    /// Text of each file that is named `mesh.lock.json`, by path.
    pub locks: BTreeMap<String, String>,
}

/// The steps. Written in this order: first `write`, then `delete`, so that an interrupted run leaves no reference to
/// a file that is gone. Folders that are empty afterwards are to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeUpdate {
    /// Paths of the bundle whose text differs from what lies there, or that do not exist.
    pub write: Vec<String>,
    /// Paths that a lock lists and the bundle does not have.
    pub delete: Vec<String>,
    /// How many files are already as they should be.
    pub unchanged: usize,
}

/// Why nothing may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeUpdateError {
    /// A lock cannot be read, so that nothing is known about what the tool owns.
    Lock {
        /// The lock.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Files that no lock lists stand where the bundle's must go, and differ from them.
    Foreign {
        /// Their paths, sorted.
        paths: Vec<String>,
    },
}

impl std::fmt::Display for TreeUpdateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TreeUpdateError::Lock { path, problem } => {
                write!(f, "`{path}` cannot be used: {problem}; restore it, or delete the folder it stands in")
            }
            TreeUpdateError::Foreign { paths } => {
                write!(f, "files that meshc did not write stand in the way: `{}`; move them", paths.join("`, `"))
            }
        }
    }
}

impl std::error::Error for TreeUpdateError {}

/// Compares what lies there with `bundle`. After an error nothing may be written: the whole bundle or none of it.
pub fn update(bundle: &Bundle, existing: &Existing) -> Result<TreeUpdate, TreeUpdateError> {
    let owned = owned(&existing.locks)?;
    let mut steps = TreeUpdate::default();
    let mut foreign = Vec::new();
    for (path, text) in &bundle.files {
        match existing.files.get(path) {
            Some(there) if *there == digest(text.as_bytes()) => steps.unchanged += 1,
            Some(_) if !owned.contains(path) => foreign.push(path.clone()),
            Some(_) | None => steps.write.push(path.clone()),
        }
    }
    if !foreign.is_empty() {
        return Err(TreeUpdateError::Foreign { paths: foreign });
    }
    let stale = |path: &&String| !bundle.files.contains_key(*path) && existing.files.contains_key(*path);
    steps.delete = owned.iter().filter(stale).cloned().collect();
    Ok(steps)
}

/// The paths that the tool owns: what the locks list, and the locks themselves.
fn owned(locks: &BTreeMap<String, String>) -> Result<BTreeSet<String>, TreeUpdateError> {
    let mut owned = BTreeSet::new();
    for (path, text) in locks {
        let folder = path.strip_suffix(LOCK_FILE).unwrap_or(path);
        let lock = Lock::parse(text).map_err(|problem| TreeUpdateError::Lock { path: path.clone(), problem })?;
        owned.extend(lock.files.keys().map(|file| format!("{folder}{file}")));
        owned.insert(path.clone());
    }
    Ok(owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(files: &[(&str, &str)]) -> Bundle {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Bundle { files, ..Bundle::default() }
    }

    fn lock(files: &[&str]) -> String {
        Lock::new(files.iter().map(|path| ((*path).to_owned(), digest(b""))).collect()).to_text()
    }

    fn existing(files: &[(&str, &str)]) -> Existing {
        let locks = files.iter().filter(|(path, _)| path.ends_with(LOCK_FILE));
        Existing {
            files: files.iter().map(|(path, text)| ((*path).to_owned(), digest(text.as_bytes()))).collect(),
            locks: locks.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(),
        }
    }

    #[test]
    fn a_first_write_leaves_other_files_alone() {
        let steps = update(&bundle(&[("prod/a.yaml", "a")]), &existing(&[("prod/README.md", "hello")])).unwrap();
        assert_eq!(steps, TreeUpdate { write: vec!["prod/a.yaml".into()], delete: vec![], unchanged: 0 });
    }

    #[test]
    fn only_what_differs_is_written_and_only_what_is_owned_is_deleted() {
        let old = lock(&["a.yaml", "b.yaml", "gone/virtual-service.yaml", "never-written.yaml"]);
        let there = existing(&[
            ("prod/shop/mesh.lock.json", &old),
            ("prod/shop/a.yaml", "a"),
            ("prod/shop/b.yaml", "edited by hand"),
            ("prod/shop/gone/virtual-service.yaml", "x"),
            ("prod/shop/gone/notes.txt", "x"),
        ]);
        let new = bundle(&[("prod/shop/a.yaml", "a"), ("prod/shop/b.yaml", "b"), ("prod/shop/mesh.lock.json", "new")]);
        let steps = update(&new, &there).unwrap();
        assert_eq!(steps.write, ["prod/shop/b.yaml", "prod/shop/mesh.lock.json"]);
        assert_eq!(steps.delete, ["prod/shop/gone/virtual-service.yaml"]);
        assert_eq!(steps.unchanged, 1);
    }

    #[test]
    fn a_namespace_that_is_gone_takes_its_lock_along() {
        let old = lock(&["kustomization.yaml"]);
        let there = existing(&[("prod/old/mesh.lock.json", &old), ("prod/old/kustomization.yaml", "x")]);
        let steps = update(&bundle(&[]), &there).unwrap();
        assert_eq!(steps.delete, ["prod/old/kustomization.yaml", "prod/old/mesh.lock.json"]);
    }

    #[test]
    fn foreign_files_stand_in_the_way_unless_they_are_the_same() {
        let new = bundle(&[("prod/a.yaml", "a"), ("prod/b.yaml", "b"), ("prod/mesh.lock.json", "{}")]);
        let error = update(&new, &existing(&[("prod/a.yaml", "mine"), ("prod/b.yaml", "b")])).unwrap_err();
        assert_eq!(error, TreeUpdateError::Foreign { paths: vec!["prod/a.yaml".into()] });
        assert!(error.to_string().contains("`prod/a.yaml`"));
    }

    #[test]
    fn a_lock_that_cannot_be_read_forbids_everything() {
        let there = existing(&[("prod/shop/mesh.lock.json", "<<<<<<< HEAD")]);
        let error = update(&bundle(&[]), &there).unwrap_err();
        assert!(matches!(&error, TreeUpdateError::Lock { path, .. } if path == "prod/shop/mesh.lock.json"));
    }

    #[test]
    fn a_lock_cannot_reach_out_of_its_folder() {
        let escape = lock(&["../../staging/shop/a.yaml"]);
        let there = existing(&[("prod/shop/mesh.lock.json", &escape), ("staging/shop/a.yaml", "x")]);
        assert!(matches!(update(&bundle(&[]), &there), Err(TreeUpdateError::Lock { .. })));
    }
}
