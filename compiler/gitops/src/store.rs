//! Bare repositories of our own on this disk: the embedded deploy repository, and copies of remote ones. Everything
//! that libgit2 does happens here, so that no unusual repository of the user (sha256, reftable, partial, owned by
//! somebody else) is ever opened by it, and no checkout of theirs is touched.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use git2::{Oid, Repository, RepositoryInitOptions};
use meshc_core::bundle::digest::digest;

use crate::error::{Error, Result};
use crate::folder::Commit;
use crate::program::{Finished, Git};

/// The folder of the project that holds our repositories. It ignores itself.
pub const FOLDER: &str = ".meshc";

/// A bare repository. Whoever publishes has it locked against other processes that do.
pub struct Store {
    path: PathBuf,
    repository: Repository,
    /// Commits whose parents were not fetched.
    boundary: BTreeSet<Oid>,
    _lock: Option<File>,
}

impl Store {
    /// The embedded deploy repository of the project in `project`, which is made where there is none.
    pub fn embedded(project: &Path, patience: Duration) -> Result<Self> {
        Self::open(project, "deploy.git", patience)
    }

    /// The embedded deploy repository, not locked: for what may not wait for a publish. Branches still move from what
    /// was read only, and objects are written whole.
    pub fn embedded_at_once(project: &Path) -> Result<Self> {
        let path = folder(project)?.join("deploy.git");
        outlast_locks(&path);
        let repository = open_or_make(&path)?;
        Ok(Self { boundary: boundary(&path), path, repository, _lock: None })
    }

    /// The copy of a remote repository, which is made where there is none.
    pub fn copy_of(project: &Path, url: &str, patience: Duration) -> Result<Self> {
        Self::open(project, &format!("copy-{}.git", short_digest(url)), patience)
    }

    /// A copy of a remote repository for what may not wait for a publish: the usual one, or where somebody works with
    /// that, one of its own.
    pub fn copy_at_once(project: &Path, url: &str, patience: Duration) -> Result<Self> {
        match Self::copy_of(project, url, Duration::ZERO) {
            Err(Error::Refused(_)) => Self::open(project, &format!("urgent-{}.git", short_digest(url)), patience),
            opened => opened,
        }
    }

    fn open(project: &Path, name: &str, patience: Duration) -> Result<Self> {
        let lock = lock(project, name, patience)?;
        let path = project.join(FOLDER).join(name);
        outlast_locks(&path);
        let repository = open_or_make(&path)?;
        Ok(Self { boundary: boundary(&path), path, repository, _lock: Some(lock) })
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Opens the repository anew: libgit2 keeps what it once read of shallow boundaries and packs.
    pub fn reopen(&mut self) -> Result<()> {
        self.repository = Repository::open_bare(&self.path)?;
        self.boundary = boundary(&self.path);
        Ok(())
    }

    /// The parents of a commit, as far as they were fetched. libgit2 1.9.7 does not know the boundary of a repository
    /// that is opened as a bare one (src/libgit2/repository.c, git_repository_open_bare loads no grafts).
    pub fn parents(&self, commit: &git2::Commit<'_>) -> Vec<Oid> {
        if self.ends_at(commit.id()) { Vec::new() } else { commit.parent_ids().collect() }
    }

    /// Whether the history was fetched only as far as this commit.
    pub fn ends_at(&self, commit: Oid) -> bool {
        self.boundary.contains(&commit)
    }

    /// Whether there is more of the history than was fetched.
    pub fn is_shallow(&self) -> bool {
        !self.boundary.is_empty()
    }

    /// What a branch of this repository points to.
    pub fn branch(&self, branch: &str) -> Result<Option<Oid>> {
        self.reference(&format!("refs/heads/{branch}"))
    }

    /// What a reference points to.
    pub fn reference(&self, name: &str) -> Result<Option<Oid>> {
        match self.repository.refname_to_id(name) {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a branch from `expected` to `new`; false where somebody moved it before.
    pub fn move_branch(&self, branch: &str, expected: Option<Oid>, new: Oid) -> Result<bool> {
        let name = format!("refs/heads/{branch}");
        let started = Instant::now();
        loop {
            let moved = match expected {
                Some(expected) => self.repository.reference_matching(&name, new, true, expected, "meshc"),
                None => self.repository.reference(&name, new, false, "meshc"),
            };
            return match moved {
                Ok(_) => Ok(true),
                Err(error) => match error.code() {
                    git2::ErrorCode::Modified | git2::ErrorCode::Exists | git2::ErrorCode::NotFound => Ok(false),
                    // A `git push` into this repository holds the reference for some milliseconds.
                    git2::ErrorCode::Locked if started.elapsed() < Duration::from_secs(5) => {
                        std::thread::sleep(Duration::from_millis(10));
                        continue;
                    }
                    _ => Err(error.into()),
                },
            };
        }
    }
}

/// Outlasts locks that a killed process left in a repository of ours. Whoever pushes there with `git` holds one for
/// milliseconds, and a `git` that outlived a killed run of ours holds one until it ends; one that is ten seconds old has
/// no owner.
pub(crate) fn outlast_locks(repository: &Path) {
    const LONGEST: Duration = Duration::from_secs(10);
    let started = Instant::now();
    let is_stale = |lock: &PathBuf| {
        let modified = std::fs::metadata(lock).and_then(|data| data.modified());
        // A clock that was set back makes a lock look as if it were of the future.
        started.elapsed() > LONGEST || modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LONGEST))
    };
    loop {
        let (stale, held): (Vec<PathBuf>, Vec<PathBuf>) = locks(repository).into_iter().partition(is_stale);
        for lock in stale {
            let _ = std::fs::remove_file(lock);
        }
        if held.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs `git fetch` in a repository of ours, again where another `git` was in the way that outlived a killed run.
pub(crate) fn fetch(git: &Git, repository: &Path, arguments: &[&str]) -> Result<Finished> {
    const MOST: usize = 5;
    let mut finished = git.run(arguments, b"")?;
    for _ in 1..MOST {
        if finished.succeeded() || !finished.stderr.lines().any(is_in_the_way) {
            break;
        }
        outlast_locks(repository);
        finished = git.run(arguments, b"")?;
    }
    Ok(finished)
}

/// Whether a line of `git` says that another one works in the same repository (git 2.39: shallow.c, lockfile.c,
/// refs/files-backend.c, config.c).
fn is_in_the_way(line: &str) -> bool {
    ["shallow file has changed since we read it", ".lock': File exists", "cannot lock ref", "could not lock config"]
        .iter()
        .any(|words| line.contains(words))
}

/// Locks of references, of the configuration and of the shallow boundary that are held now.
fn locks(repository: &Path) -> Vec<PathBuf> {
    let mut folders = vec![repository.join("refs")];
    let single = ["packed-refs.lock", "shallow.lock", "HEAD.lock", "config.lock"].map(|name| repository.join(name));
    let mut locks: Vec<PathBuf> = single.into_iter().filter(|lock| lock.exists()).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(_) if path.extension().is_some_and(|extension| extension == "lock") => locks.push(path),
                _ => {}
            }
        }
    }
    locks
}

/// Locks one of our repositories against other runs in the project, until the lock is dropped. The folder that holds them
/// is made where there is none.
pub(crate) fn lock(project: &Path, name: &str, patience: Duration) -> Result<File> {
    let folder = folder(project)?;
    let path = folder.join(format!("{name}.lock"));
    let lock = File::create(&path).map_err(|error| cannot_write(&path, &error))?;
    wait_for(&lock, &path, patience)?;
    Ok(lock)
}

/// The project's folder of ours, which is made where there is none.
pub fn folder(project: &Path) -> Result<PathBuf> {
    let folder = project.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| cannot_write(&folder, &error))?;
    let ignore = folder.join(".gitignore");
    // A run that was killed may have left an empty one.
    if std::fs::metadata(&ignore).map_or(0, |data| data.len()) == 0 {
        std::fs::write(&ignore, "*\n").map_err(|error| cannot_write(&ignore, &error))?;
    }
    Ok(folder)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::Local(format!("cannot write `{}`: {error}", path.display()))
}

fn boundary(path: &Path) -> BTreeSet<Oid> {
    let text = std::fs::read_to_string(path.join("shallow")).unwrap_or_default();
    text.lines().filter_map(|line| Oid::from_str(line.trim()).ok()).collect()
}

fn short_digest(url: &str) -> String {
    digest(url.as_bytes()).chars().skip("sha256:".len()).take(16).collect()
}

fn open_or_make(path: &Path) -> Result<Repository> {
    if let Ok(repository) = Repository::open_bare(path) {
        return Ok(repository);
    }
    let mut options = RepositoryInitOptions::new();
    // A template of the user's could bring hooks, which are meant for their own repositories.
    options.bare(true).external_template(false).initial_head("main");
    Repository::init_opts(path, &options)
        .map_err(|error| Error::Local(format!("cannot make the repository `{}`: {}", path.display(), error.message())))
}

/// Two runs in one project take turns. The operating system releases the lock of a process that is killed.
fn wait_for(lock: &File, path: &Path, patience: Duration) -> Result<()> {
    let started = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Refused(format!(
                    "another meshc has been working in this project for {} s (it holds `{}`); wait for it or end it",
                    patience.as_secs(),
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => {
                return Err(Error::Local(format!("cannot lock `{}`: {error}", path.display())));
            }
        }
    }
}

/// A commit of somebody else's repository, read through a repository of our own that borrows its objects: nothing is
/// written there, and it may be of a kind that libgit2 does not open.
pub struct Borrowed {
    repository: Repository,
    commit: Oid,
}

impl Borrowed {
    /// Reads `revision` of the repository that `folder` lies in. `scratch` is an empty folder.
    pub fn open(folder: &Path, revision: &str, scratch: &Path, deadline: Duration) -> Result<Self> {
        let git = Git::new(folder, deadline);
        let objects = git
            .ask(&["rev-parse", "--path-format=absolute", "--git-path", "objects"])?
            .ok_or_else(|| Error::Refused(format!("`{}` is not in a git repository", folder.display())))?;
        let name = format!("{revision}^{{commit}}");
        let commit = git.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name])?.ok_or_else(|| {
            Error::Refused(format!("`{revision}` is no commit of the repository in `{}`", folder.display()))
        })?;
        let commit = Oid::from_str(&commit).map_err(|_| {
            Error::Refused(format!("`{}` has object ids that libgit2 1.9 cannot read", folder.display()))
        })?;
        open_or_make(scratch)?;
        let alternates = scratch.join("objects").join("info").join("alternates");
        std::fs::write(&alternates, format!("{objects}\n"))
            .map_err(|error| Error::Local(format!("cannot write `{}`: {error}", alternates.display())))?;
        Ok(Self { repository: Repository::open_bare(scratch)?, commit })
    }

    /// The commit.
    pub fn commit(&self) -> Result<Commit<'_>> {
        Commit::new(&self.repository, Some(self.commit))
    }
}
