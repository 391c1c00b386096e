//! How a release came to where it is, from the history of its state and its hold alone.

use git2::Oid;

use crate::error::{Error, Result};
use crate::folder::Commit;
use crate::remote::Remote;
use crate::rollback::Name;
use crate::status::lossy;

/// One commit that changed the state or the hold of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The commit.
    pub commit: Oid,
    /// When it was made, in seconds since 1970.
    pub seconds: i64,
    /// `Name <mail>`.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
    /// The trailer `Mesh-Operation`: "publish", "promote", "rollback".
    pub operation: Option<String>,
    /// The text of the state before it; nothing where there was none.
    pub before: Option<String>,
    /// The text of the state after it.
    pub after: Option<String>,
    /// A hold existed before it.
    pub held_before: bool,
    /// The text of the hold after it.
    pub hold: Option<String>,
}

/// The steps of a release.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Oldest first.
    pub steps: Vec<Step>,
    /// Why the history could not be read further back than the first step; nothing where it is whole.
    pub cut: Option<String>,
}

/// The steps of the release that the tip has, or where it has none, of the last one before. History that was not
/// fetched yet is fetched.
pub fn of(remote: &mut Remote, tip: Oid, folder: &str, name: &Name) -> Result<History> {
    loop {
        let (mut history, shallow) = walk(remote, tip, folder, name)?;
        if !shallow {
            return Ok(history);
        }
        match remote.deepen() {
            Ok(true) => {}
            Ok(false) => return Ok(history),
            Err(Error::Unreachable(why)) => {
                history.cut = Some(why);
                return Ok(history);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Walks back along first parents. The second part says that it ended where more is to be fetched.
fn walk(remote: &Remote, tip: Oid, folder: &str, name: &Name) -> Result<(History, bool)> {
    let repository = remote.store().repository();
    let paths = [name.state(folder, "json"), name.state(folder, "hold")];
    let ids = |commit: &Commit<'_>| -> Result<[Option<Oid>; 2]> {
        let id = |path: &String| commit.entry(path).map(|entry| entry.map(|(id, _)| id));
        Ok([id(&paths[0])?, id(&paths[1])?])
    };
    let mut history = History::default();
    let mut at = repository.find_commit(tip)?;
    let mut here = ids(&Commit::new(repository, Some(tip))?)?;
    loop {
        if remote.store().ends_at(at.id()) {
            return Ok((history, true));
        }
        let parent = remote.store().parents(&at).first().map(|id| repository.find_commit(*id)).transpose()?;
        let before = Commit::new(repository, parent.as_ref().map(git2::Commit::id))?;
        let there = ids(&before)?;
        if here != there {
            let after = Commit::new(repository, Some(at.id()))?;
            history.steps.insert(
                0,
                Step {
                    commit: at.id(),
                    seconds: at.time().seconds(),
                    author: at.author().to_string(),
                    subject: at.summary().ok().flatten().unwrap_or_default().to_owned(),
                    operation: trailer(&at, "Mesh-Operation"),
                    before: lossy(&before, &paths[0])?,
                    after: lossy(&after, &paths[0])?,
                    held_before: there[1].is_some(),
                    hold: lossy(&after, &paths[1])?,
                },
            );
            // Before this one there was no release.
            if there == [None, None] {
                return Ok((history, false));
            }
        }
        let Some(parent) = parent else { return Ok((history, false)) };
        (at, here) = (parent, there);
    }
}

/// When a file came to be as it is at `tip`, in seconds since 1970, as far as the history was fetched.
pub fn written(remote: &Remote, tip: Oid, path: &str) -> Result<i64> {
    let repository = remote.store().repository();
    let id = |commit: Oid| -> Result<Option<Oid>> {
        Ok(Commit::new(repository, Some(commit))?.entry(path)?.map(|(id, _)| id))
    };
    let (mut at, now) = (repository.find_commit(tip)?, id(tip)?);
    while let Some(parent) = remote.store().parents(&at).first() {
        if id(*parent)? != now {
            break;
        }
        at = repository.find_commit(*parent)?;
    }
    Ok(at.time().seconds())
}

/// The value of a trailer of a commit's message.
fn trailer(commit: &git2::Commit<'_>, name: &str) -> Option<String> {
    let message = commit.message().ok()?;
    let last = message.trim_end().rsplit("\n\n").next()?;
    last.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
}

/// Whether `revision` is `commit` or comes after it. History that was not fetched yet is fetched.
pub fn includes(remote: &mut Remote, revision: &str, commit: Oid) -> Result<bool> {
    let Ok(revision) = Oid::from_str(revision) else { return Ok(false) };
    if revision == commit {
        return Ok(true);
    }
    remote.tip()?;
    loop {
        let repository = remote.store().repository();
        let mut next = vec![revision];
        let mut seen = std::collections::BTreeSet::new();
        let mut cut = false;
        while let Some(id) = next.pop() {
            if id == commit {
                return Ok(true);
            }
            // What the store does not have is older than what was just committed, or another branch.
            let Ok(found) = repository.find_commit(id) else { continue };
            if seen.insert(id) {
                cut |= remote.store().ends_at(id);
                next.extend(remote.store().parents(&found));
            }
        }
        if !cut || !remote.deepen()? {
            return Ok(false);
        }
    }
}
