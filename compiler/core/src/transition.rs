//! From what is published to what is declared, in commits of which each is safe by itself.
//!
//! Controllers apply the objects of a commit in any order, and skip commits. Until a commit is known to be live, every
//! mixture of objects of the commits since the last one that was live can be what the cluster has. [`next`] computes
//! the state that comes as close to the declared one as is safe against all of these mixtures. It keeps no queue: it
//! is a function of what may be live and of what is declared, so that the sources may change between two steps.
//!
//! | file | decides about |
//! |---|---|
//! | `objects` | nothing: reads what differs |
//! | `routes` | VirtualService, DestinationRule, Gateway |
//! | `access`, `rules` | AuthorizationPolicy |
//! | `transport`, `modes`, `plaintext` | PeerAuthentication, and plaintext in a DestinationRule |
//! | `commit`, `folders` | nothing: puts objects into files, and lists these |
//!
//! `docs/steps.md` has the rules with what was measured. Every rule has this shape: what others depend on comes first
//! and goes last. So each object either is as declared, stays as published, or is something between the two that
//! serves both sides.

mod access;
mod commit;
mod folders;
mod modes;
mod objects;
mod plaintext;
mod routes;
mod rules;
#[cfg(test)]
mod tests;
mod transport;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::bundle::Bundle;
use crate::published::{Id, Tree, id_of};

/// What one commit holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Where the commit differs from what is declared: the text that stands at a path for now, or nothing where the
    /// declared file must not be there yet. Kustomizations and locks that list such files are among them, and those of
    /// folders in which nothing is declared any more: these stay for good.
    pub instead: BTreeMap<String, Option<String>>,
    /// Why, for people: one entry for each file that has to wait, sorted by path. Empty: everything that is declared
    /// is there, nothing else is applied, and no further step follows.
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
    /// Whether the commit brings everything to what is declared. Folders without resources may be left beside it.
    pub fn is_last(&self) -> bool {
        self.waiting.is_empty()
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
/// Reads only published files that are not the same in all states. One that cannot be understood, because somebody has
/// edited it, provides nothing and is replaced by what is declared.
///
/// The error is a published file that cannot be read, with its path.
pub fn next(live: &[Tree<'_>], desired: &Bundle, tree: &Tree<'_>) -> Result<Step, String> {
    let Some(tip) = live.last() else { return next(&[Tree::empty()], desired, tree) };
    let changed = objects::changed(live, tree);
    let objects = objects::read(&changed, live, desired, tree)?;
    let mut decisions = objects::Decisions::new();
    let plaintext = transport::decide(&objects, desired, &mut decisions);
    routes::decide(&objects, &plaintext, &mut decisions);
    access::decide(&objects, &plaintext, &mut decisions);
    let mut step = Step::default();
    let origins = commit::place(&objects, &decisions, tip, desired, &mut step)?;
    folders::list(live, tip, desired, &origins, &mut step)?;
    Ok(step)
}

/// More steps than any change takes: a limit for what a published file of unforeseen content could cause.
const MOST_STEPS: usize = 8;

/// All steps from what is published to what is declared, if each is live before the next and nothing else changes.
/// The last one [is the last](Step::is_last), and if nothing is to be published it is the only one.
///
/// The error is a published file that cannot be read, with its path.
pub fn steps(tip: &Tree<'_>, desired: &Bundle, tree: &Tree<'_>) -> Result<Vec<Step>, String> {
    let mut steps = vec![next(&[view(tip)], desired, tree)?];
    let mut ids = tip.ids().clone();
    // Texts that are neither published nor declared, by path.
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    while let Some(step) = steps.last().filter(|step| !step.is_last()) {
        if steps.len() >= MOST_STEPS {
            break;
        }
        let (before, made) = (ids, texts);
        ids = tree.ids().clone();
        texts = BTreeMap::new();
        for (path, instead) in &step.instead {
            let Some(text) = instead else {
                ids.remove(path);
                continue;
            };
            // An id of another kind is as good: it only has to differ from those of other texts.
            let same = before.get(path).filter(|_| {
                made.get(path).map_or_else(
                    || tip.text(path).is_ok_and(|published| published.as_deref() == Some(text)),
                    |made| made == text,
                )
            });
            ids.insert(path.clone(), same.copied().unwrap_or_else(|| id_of(text)));
            texts.insert(path.clone(), text.clone());
        }
        let read = |path: &str, _: &Id| {
            let text = texts.get(path).or_else(|| desired.files.get(path));
            text.map(|text| Cow::Borrowed(text.as_str())).ok_or_else(|| format!("`{path}` is not there"))
        };
        let following = next(&[Tree::new(ids.clone(), read)], desired, tree)?;
        steps.push(following);
    }
    Ok(steps)
}

/// The same tree once more.
fn view<'t>(tree: &'t Tree<'_>) -> Tree<'t> {
    Tree::new(tree.ids().clone(), |path, _| tree.text(path)?.ok_or_else(|| format!("`{path}` is not there")))
}
