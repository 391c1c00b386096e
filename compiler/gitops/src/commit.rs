//! Makes a commit from a tip and what changes in it: straight from the tip's tree, without index, work tree or branch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid, Repository, Signature, Time};

use crate::error::{Error, Result};
use crate::pack;
use crate::program::Git;

/// From this many new files on, objects go into one pack: 30,000 loose ones took five times as long.
const PACK_FROM: usize = 100;

/// What a commit changes: text by path from the root, or nothing where the file goes.
pub type Changes<'t> = BTreeMap<String, Option<std::borrow::Cow<'t, str>>>;

/// Files that get the content of an object that the repository has, by path from the root.
pub type Blobs = BTreeMap<String, Oid>;

/// Who makes a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `Name <mail> SECONDS ZONE`.
    author: String,
    committer: String,
    /// Nobody is configured: the tool's own name is used.
    pub anonymous: bool,
    /// Commits are signed (`commit.gpgsign`).
    pub signs: bool,
}

impl Identity {
    /// What `git` in the user's own checkout would use: environment, configuration and its includes.
    pub fn of(git: &Git) -> Result<Self> {
        let ask = |name| git.ask(&["var", name]);
        let signs = git.ask(&["config", "--type=bool", "commit.gpgsign"])?.as_deref() == Some("true");
        Ok(match (ask("GIT_AUTHOR_IDENT")?, ask("GIT_COMMITTER_IDENT")?) {
            (Some(author), Some(committer)) => Self { author, committer, anonymous: false, signs },
            _ => {
                let git = git
                    .clone()
                    .with_variable("GIT_AUTHOR_NAME", "meshc")
                    .with_variable("GIT_AUTHOR_EMAIL", "meshc@localhost")
                    .with_variable("GIT_COMMITTER_NAME", "meshc")
                    .with_variable("GIT_COMMITTER_EMAIL", "meshc@localhost");
                let ident = |name| git.ask(&["var", name]).map(Option::unwrap_or_default);
                Self {
                    author: ident("GIT_AUTHOR_IDENT")?,
                    committer: ident("GIT_COMMITTER_IDENT")?,
                    anonymous: true,
                    signs,
                }
            }
        })
    }

    /// The same, now: a run may wait, and be run again. A time that the environment fixes stays.
    #[must_use]
    pub fn at_this_time(&self) -> Self {
        let fresh = |ident: &str, variable| match (std::env::var_os(variable), parts(ident)) {
            (None, Ok((name, mail, time))) => {
                let zone = time.split_once(' ').map_or("+0000", |(_, zone)| zone);
                format!("{name} <{mail}> {} {zone}", crate::publish::now())
            }
            _ => ident.to_owned(),
        };
        let author = fresh(&self.author, "GIT_AUTHOR_DATE");
        let committer = fresh(&self.committer, "GIT_COMMITTER_DATE");
        Self { author, committer, ..self.clone() }
    }

    /// `Name <mail>` of the author.
    pub fn author(&self) -> &str {
        self.author.rfind('>').and_then(|end| self.author.get(..=end)).unwrap_or(&self.author)
    }

    /// `SECONDS ZONE` of the committer: seconds since 1970, and the zone as git writes it.
    pub fn time(&self) -> &str {
        self.committer.rsplit_once("> ").map_or("", |(_, time)| time)
    }
}

/// Makes a commit on top of `tip`. Objects are written; no reference moves.
pub fn create(
    repository: &Repository,
    git: &Git,
    tip: Option<Oid>,
    changes: &Changes<'_>,
    message: &str,
    identity: &Identity,
) -> Result<Oid> {
    let written = changes.values().filter(|text| text.is_some()).count();
    if written < PACK_FROM {
        return create_with_blobs(repository, git, tip, changes, &Blobs::new(), message, identity);
    }
    // Objects gather in memory, and are written as one pack with its index.
    let odb = repository.odb()?;
    let mempack = odb.add_new_mempack_backend(1_000)?;
    let made = tree(repository, tip, changes, &Blobs::new())?;
    // Not `mempack.dump`: it writes what commits in memory reach, and the commit is made last, where it can be signed.
    let old = tip.map(|tip| repository.find_commit(tip).map(|commit| commit.tree_id())).transpose()?;
    let mut new = BTreeSet::new();
    gather_new(repository, &mut new, made, old)?;
    pack::write(&odb, &new)?;
    mempack.reset()?;
    // A repository that is opened anew does not have the backend in memory any more.
    let repository = Repository::open_bare(repository.path())?;
    commit_tree(&repository, git, tip, made, message, identity)
}

/// Gathers a tree, and all in it that another tree has not got at the same place.
fn gather_new(repository: &Repository, gathered: &mut BTreeSet<Oid>, new: Oid, old: Option<Oid>) -> Result<()> {
    gathered.insert(new);
    let old = old.map(|old| repository.find_tree(old)).transpose()?;
    for entry in &repository.find_tree(new)? {
        let before = old.as_ref().and_then(|old| old.get_name_bytes(entry.name_bytes()));
        let before = before.map(|before| (before.id(), before.kind()));
        if before.is_some_and(|(id, _)| id == entry.id()) {
            continue;
        }
        if entry.kind() == Some(git2::ObjectType::Tree) {
            let below = before.filter(|(_, kind)| *kind == Some(git2::ObjectType::Tree)).map(|(id, _)| id);
            gather_new(repository, gathered, entry.id(), below)?;
        } else {
            gathered.insert(entry.id());
        }
    }
    Ok(())
}

/// The same, with files that get the content of objects that are there: nothing of them is read.
pub fn create_with_blobs(
    repository: &Repository,
    git: &Git,
    tip: Option<Oid>,
    changes: &Changes<'_>,
    blobs: &Blobs,
    message: &str,
    identity: &Identity,
) -> Result<Oid> {
    let made = tree(repository, tip, changes, blobs)?;
    commit_tree(repository, git, tip, made, message, identity)
}

/// The tip's tree with the changes. Modes and entries of others stay as they are.
fn tree(repository: &Repository, tip: Option<Oid>, changes: &Changes<'_>, blobs: &Blobs) -> Result<Oid> {
    let base = match tip {
        Some(tip) => repository.find_commit(tip)?.tree()?,
        None => repository.find_tree(repository.treebuilder(None)?.write()?)?,
    };
    let mut update = TreeUpdateBuilder::new();
    for (path, text) in changes {
        match text {
            Some(text) => {
                // Exactly these bytes: `blob` runs no filter of `.gitattributes`.
                let id = repository.blob(text.as_bytes())?;
                let mode = if path == "rollback.sh" { FileMode::BlobExecutable } else { FileMode::Blob };
                update.upsert(path.as_str(), id, mode);
            }
            None if base.get_path(Path::new(path)).is_ok() => {
                update.remove(path.as_str());
            }
            None => {}
        }
    }
    for (path, id) in blobs {
        update.upsert(path.as_str(), *id, FileMode::Blob);
    }
    Ok(update.create_updated(repository, &base)?)
}

fn commit_tree(
    repository: &Repository,
    git: &Git,
    tip: Option<Oid>,
    tree: Oid,
    message: &str,
    identity: &Identity,
) -> Result<Oid> {
    if identity.signs {
        return signed(repository, git, tip, tree, message, identity);
    }
    let author = signature(&identity.author)?;
    let committer = signature(&identity.committer)?;
    let parents: Vec<git2::Commit<'_>> = tip.map(|tip| repository.find_commit(tip)).transpose()?.into_iter().collect();
    let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
    Ok(repository.commit(None, &author, &committer, message, &repository.find_tree(tree)?, &parents)?)
}

/// `git` itself signs: it knows gpg, ssh, x509 and their programs and settings.
fn signed(
    repository: &Repository,
    git: &Git,
    tip: Option<Oid>,
    tree: Oid,
    message: &str,
    identity: &Identity,
) -> Result<Oid> {
    let (tree, tip) = (tree.to_string(), tip.map(|tip| tip.to_string()));
    let mut arguments = vec!["commit-tree", "-S", tree.as_str()];
    if let Some(tip) = &tip {
        arguments.extend(["-p", tip.as_str()]);
    }
    let mut git = git.clone().in_folder(repository.path());
    for (who, names) in [
        (&identity.author, ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE"]),
        (&identity.committer, ["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE"]),
    ] {
        let (name, mail, time) = parts(who)?;
        for (variable, value) in names.into_iter().zip([name, mail, time]) {
            git = git.with_variable(variable, value);
        }
    }
    let finished = git.run(&arguments, message.as_bytes())?;
    let id = finished.text();
    match Oid::from_str(id.trim()) {
        Ok(id) if finished.succeeded() => Ok(id),
        _ => Err(Error::Refused(format!(
            "the commit could not be signed, and `commit.gpgsign` asks for it: {}",
            finished.stderr
        ))),
    }
}

/// Name, mail and `SECONDS ZONE` of what `git var` prints.
fn parts(ident: &str) -> Result<(&str, &str, &str)> {
    let wrong = || Error::Local(format!("`git var` printed no identity: `{ident}`"));
    let (name, rest) = ident.rsplit_once(" <").ok_or_else(wrong)?;
    let (mail, time) = rest.split_once("> ").ok_or_else(wrong)?;
    Ok((name, mail, time))
}

fn signature(ident: &str) -> Result<Signature<'static>> {
    let (name, mail, time) = parts(ident)?;
    let wrong = || Error::Local(format!("`git var` printed no time: `{ident}`"));
    let (seconds, zone) = time.split_once(' ').ok_or_else(wrong)?;
    let zone: i32 = zone.parse().map_err(|_| wrong())?;
    let minutes = zone / 100 * 60 + zone % 100;
    let time = Time::new(seconds.parse().map_err(|_| wrong())?, minutes);
    Ok(Signature::new(name, mail, &time)?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn many_files_go_into_one_pack_that_lacks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::new(folder.path(), Duration::from_secs(20));
        let mut identity = Identity { signs: false, ..Identity::of(&git).unwrap() };
        identity.anonymous = false;
        Repository::init_bare(folder.path()).unwrap();
        let mut tip = None;
        for round in 0..2 {
            let file = |n: usize| (format!("prod/team-{}/{n}.yaml", n / 100), Some(format!("{n} {round}\n").into()));
            let changes: Changes<'_> = (0..PACK_FROM + 100 * round).map(file).collect();
            let repository = Repository::open_bare(folder.path()).unwrap();
            tip = Some(create(&repository, &git, tip, &changes, "m\n", &identity).unwrap());
            let repository = Repository::open_bare(folder.path()).unwrap();
            repository.reference("refs/heads/main", tip.unwrap(), true, "").unwrap();
            let tree = repository.find_commit(tip.unwrap()).unwrap().tree().unwrap();
            for (path, text) in &changes {
                let blob = repository.find_blob(tree.get_path(Path::new(path)).unwrap().id()).unwrap();
                assert_eq!(blob.content(), text.as_deref().unwrap().as_bytes(), "{path}");
            }
        }
        let fsck = git.run(&["fsck", "--full", "--strict"], b"").unwrap();
        assert!(fsck.succeeded() && !fsck.stderr.contains("missing"), "{}", fsck.stderr);
        let counted = git.ask(&["count-objects", "-v"]).unwrap().unwrap();
        assert!(
            counted.contains("packs: 2") && counted.contains("count: 2\n"),
            "two packs, and two commits: {counted}"
        );
    }

    #[test]
    fn identities_are_read_with_their_zone() {
        let signature = signature("Ann Example <ann@example.com> 1700000000 -0330").unwrap();
        assert_eq!(signature.name().ok(), Some("Ann Example"));
        assert_eq!(signature.email().ok(), Some("ann@example.com"));
        assert_eq!((signature.when().seconds(), signature.when().offset_minutes()), (1_700_000_000, -210));
        assert!(super::signature("nobody").is_err());
    }
}
