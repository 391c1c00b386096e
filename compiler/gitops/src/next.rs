//! The next commit of an environment: what its tip holds, what its sources declare, and the safe state in between.
//! Both `plan` and `publish` compute it; only `publish` makes the commit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use git2::Oid;
use meshc_core::bundle::Bundle;
use meshc_core::published::Tree;
use meshc_core::source::Text;
use meshc_core::transition::{self, Step, Waiting};

use crate::commit::Changes;
use crate::error::{Error, Result};
use crate::folder::{Commit, Folder, id_of};
use crate::record::{self, Record};
use crate::releases;
use crate::remote::Remote;
use crate::script;
use crate::verify;

/// What the sources declare, rendered against the state that a tip records.
#[derive(Debug, Default)]
pub struct Rendering {
    /// The files of the environment.
    pub bundle: Bundle,
    /// Records of releases that begin, give way or end, by path.
    pub states: BTreeMap<String, String>,
    /// Compiled plans of releases, by path.
    pub plans: BTreeMap<String, String>,
    /// What follows when this is live, because the records of releases change with it.
    pub follows: Vec<Waiting>,
    /// Services that state a version, by logical namespace and name, with their shares under a hold, which a promote does
    /// not change: "v1 100 %, v2 0 %".
    pub releases: BTreeMap<(Text, Text), String>,
    /// What `source.json` is to say, where the sources were read from the tip; else it is the subject's.
    pub record: Option<Record>,
}

/// What is published, and from where.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The folder in the deploy repository.
    pub folder: String,
    /// What `source.json` is to say. `unfinished` is set here.
    pub record: Record,
    /// `hydrator.metadata`, by which GitOps Promoter and Argo CD show the source commit (argo-cd 3.6,
    /// docs/user-guide/source-hydrator.md).
    pub metadata: Option<String>,
    /// How long a commit may take to be live.
    pub settle: Duration,
    /// Overwrite files that were edited by hand.
    pub overwrite: bool,
    /// Go on where a publish would refuse: a plan tells of it.
    pub tells_only: bool,
    /// End releases that run or are held, where their service goes.
    pub end_releases: bool,
    /// The branch that is published to, which the script for rollbacks names.
    pub branch: String,
}

/// The next commit.
pub struct Next<'r> {
    /// What the tip holds.
    pub folder: Folder,
    /// Texts of what the tip holds.
    pub before: Tree<'r>,
    /// The safe state.
    pub step: Step,
    /// What changes, from the root of the repository; empty: there is nothing to commit.
    pub changes: Changes<'static>,
    /// Commits that may be live beside the tip.
    pub unsettled: usize,
    /// Files of somebody else that stand where the script for rollbacks would.
    pub not_written: Vec<&'static str>,
}

/// The commits that the cluster may have, oldest first, the tip last: a commit may be live until one that came after
/// it has been published for `settle`. Nothing (`None`) is the state before the first commit.
pub fn possibly_live(
    remote: &mut Remote,
    tip: Option<Oid>,
    folder: &str,
    settle: Duration,
    now: i64,
) -> Result<Vec<Option<Oid>>> {
    let settle = i64::try_from(settle.as_secs()).unwrap_or(i64::MAX);
    loop {
        let repository = remote.store().repository();
        let mut live = vec![tip];
        let mut seen = BTreeSet::new();
        let mut at = tip;
        let mut cut = false;
        while let Some(id) = at {
            let commit = repository.find_commit(id)?;
            let tree = commit.tree()?.get_name(folder).map(|entry| entry.id());
            let new = seen.insert(tree);
            if new && Some(id) != tip {
                live.push(Some(id));
            }
            if settle == 0 || commit.time().seconds().saturating_add(settle) <= now {
                break;
            }
            at = remote.store().parents(&commit).first().copied();
            if at.is_none() {
                cut = remote.store().ends_at(id);
                if !cut && seen.insert(None) {
                    live.push(None);
                }
            }
        }
        // The history was fetched only as far as this.
        if cut && remote.deepen()? {
            continue;
        }
        live.reverse();
        return Ok(live);
    }
}

/// Computes the next commit on top of `tip`. `live` are the commits of [`possibly_live`].
pub fn next<'r>(tip: &Commit<'r>, live: &[Commit<'r>], subject: &Subject, rendering: &Rendering) -> Result<Next<'r>> {
    let folder = tip.folder(&subject.folder)?;
    let before = tip.published(&folder);
    let mut trees = Vec::new();
    for commit in live {
        trees.push(if commit.id() == tip.id() {
            tip.published(&folder)
        } else {
            commit.published(&commit.folder(&subject.folder)?)
        });
    }
    if trees.is_empty() {
        trees.push(tip.published(&folder));
    }
    let desired = Tree::in_memory(&rendering.bundle.files, id_of);
    let mut step = transition::next(&trees, &rendering.bundle, &desired).map_err(Error::Refused)?;
    step.waiting.extend(rendering.follows.iter().cloned());
    let mut changes = files(&folder, subject, &rendering.bundle, &desired, &step)?;
    if !subject.overwrite && !subject.tells_only {
        refuse_drift(tip, subject, &folder, &changes)?;
    }
    releases::changes(tip, subject, rendering, &step, &mut changes)?;
    let mut not_written = Vec::new();
    // Without them nobody could roll back, so that they are worth a commit of their own; after an uninstall, nothing is
    // left to roll back.
    if !rendering.bundle.files.is_empty() {
        let (scripts, foreign) = script::changes(tip, &subject.branch)?;
        changes.extend(scripts);
        not_written = foreign;
    }
    if !changes.is_empty() {
        let record =
            Record { unfinished: !step.is_last(), ..rendering.record.as_ref().unwrap_or(&subject.record).clone() };
        set(tip, &mut changes, record::path(&subject.folder), record.to_text())?;
        if let Some(metadata) = &subject.metadata {
            set(tip, &mut changes, format!("{}/hydrator.metadata", subject.folder), metadata.clone())?;
        }
        set(tip, &mut changes, format!("{}/.gitattributes", subject.folder), ATTRIBUTES.to_owned())?;
    }
    Ok(Next { folder, before, step, changes, unsettled: live.len().saturating_sub(1), not_written })
}

/// Digests in locks are of exactly these bytes: no checkout may translate line ends. The files are not marked as
/// generated: GitHub would hide their differences from reviewers.
const ATTRIBUTES: &str = "# Written by meshc: locks hold digests of exact bytes.\n* -text\n";

pub(crate) fn set(tip: &Commit<'_>, changes: &mut Changes<'static>, path: String, text: String) -> Result<()> {
    if !tip.has(&path, &text)? {
        changes.insert(path, Some(Cow::Owned(text)));
    }
    Ok(())
}

/// Files of the environment that differ.
fn files(
    folder: &Folder,
    subject: &Subject,
    bundle: &Bundle,
    desired: &Tree<'_>,
    step: &Step,
) -> Result<Changes<'static>> {
    let mut changes = Changes::new();
    let mut foreign = Vec::new();
    let wanted = step.files(bundle);
    for (path, text) in &wanted {
        let id = if step.instead.contains_key(*path) { Some(id_of(text)) } else { desired.id(path).copied() };
        if folder.ids.get(*path).copied() == id {
            continue;
        }
        match folder.foreign.get(*path) {
            Some(there) if Some(*there) == id || subject.tells_only => {}
            Some(_) => foreign.push((*path).to_owned()),
            None => {}
        }
        if folder.foreign.get(*path).copied() != id {
            changes.insert((*path).to_owned(), Some(Cow::Owned((*text).to_owned())));
        }
    }
    if !foreign.is_empty() {
        return Err(Error::Refused(format!(
            "nothing was published: files that meshc did not write stand in the way: `{}`; move them",
            foreign.join("`, `")
        )));
    }
    for path in folder.ids.keys().filter(|path| !wanted.contains_key(path.as_str())) {
        changes.insert(path.clone(), None);
    }
    Ok(changes)
}

/// Files that are about to change and are not what their locks say.
pub fn drift(
    tip: &Commit<'_>,
    subject: &Subject,
    folder: &Folder,
    changes: &Changes<'_>,
) -> Result<Vec<verify::Drift>> {
    let paths = changes.keys().filter(|path| folder.ids.contains_key(*path)).map(String::as_str);
    let mut drift = verify::drift(tip, &subject.folder, folder, paths)?;
    for path in changes.keys().filter(|path| folder.digests.contains_key(*path) && !folder.ids.contains_key(*path)) {
        drift.push(verify::Drift { path: path.clone(), why: "was deleted".to_owned() });
    }
    Ok(drift)
}

/// A file that is about to change must be what its lock says: otherwise somebody's edit would be lost.
fn refuse_drift(tip: &Commit<'_>, subject: &Subject, folder: &Folder, changes: &Changes<'_>) -> Result<()> {
    let drift = drift(tip, subject, folder, changes)?;
    if drift.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = drift.iter().map(|drift| format!("  `{}` {}", drift.path, drift.why)).collect();
    Err(Error::Refused(format!(
        "nothing was published: files of the deploy repository were changed by somebody else:\n{}\nput what they say \
         into the `.mesh` files, or overwrite them with `--overwrite`",
        list.join("\n")
    )))
}
