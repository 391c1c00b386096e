//! A branch of the deploy repository on its server, and the two things that are done with it: learn what it points to,
//! and move it forward by one commit.

use std::path::Path;
use std::time::Duration;

use git2::Oid;

use crate::answer::{unreachable, words};
use crate::error::{Error, Result};
pub use crate::location::{Location, without_password};
use crate::program::Git;
use crate::store::{self, Store};

/// The reference of our copy that follows the branch.
const TIP: &str = "refs/meshc/tip";

/// How many commits the first deepening fetches, and how many times as many each further one.
const FIRST_DEEPER: u32 = 8;

/// How a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The branch points to the commit.
    Done,
    /// The branch moved meanwhile: compute again from its new tip.
    Lost,
}

/// A branch of a deploy repository, with our store of its objects.
pub struct Remote {
    location: Location,
    branch: String,
    store: Store,
    /// Settings of the user's checkout, such as credentials of a CI job.
    settings: Vec<(String, String)>,
    deadline: Duration,
    /// How many commits the next deepening fetches.
    deeper: u32,
    /// The user's pre-push hooks run, as they do by hand.
    hooks: bool,
    /// The branch is known to point to a commit that the store has not got.
    moved: std::cell::Cell<bool>,
}

impl Remote {
    /// Opens the store of a repository, for the project in `project`. `deadline` bounds each exchange with a server.
    pub fn open(
        location: Location,
        branch: &str,
        project: &Path,
        settings: &[(String, String)],
        deadline: Duration,
    ) -> Result<Self> {
        let patience = deadline.max(Duration::from_secs(60));
        let store = match &location {
            Location::Embedded => Store::embedded(project, patience)?,
            Location::Url(url) => Store::copy_of(project, url, patience)?,
        };
        Ok(Self::of(store, location, branch, settings, deadline))
    }

    /// Opens a repository for a rollback: it waits for nobody who publishes from the same folder, and no pre-push hook
    /// of the user runs.
    pub fn open_urgent(
        location: Location,
        branch: &str,
        project: &Path,
        settings: &[(String, String)],
        deadline: Duration,
    ) -> Result<Self> {
        let store = match &location {
            Location::Embedded => Store::embedded_at_once(project)?,
            Location::Url(url) => Store::copy_at_once(project, url, deadline.max(Duration::from_secs(60)))?,
        };
        Ok(Self { hooks: false, ..Self::of(store, location, branch, settings, deadline) })
    }

    fn of(store: Store, location: Location, branch: &str, settings: &[(String, String)], deadline: Duration) -> Self {
        Self {
            location,
            branch: branch.to_owned(),
            store,
            settings: settings.to_vec(),
            deadline,
            deeper: FIRST_DEEPER,
            hooks: true,
            moved: std::cell::Cell::new(false),
        }
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The branch.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The store, which has the tip's objects after [`Remote::tip`].
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// `git` in the store.
    pub fn git(&self) -> Git {
        Git::new(self.store.path(), self.deadline).with_settings(&self.settings)
    }

    /// What the branch points to now, fetched; nothing where the branch or the repository's first commit is not there.
    pub fn tip(&mut self) -> Result<Option<Oid>> {
        let Location::Url(url) = self.location.clone() else { return self.store.branch(&self.branch) };
        if self.moved.take() {
            // The server has just said that there is another tip: it is fetched without asking for it once more.
            return self.fetch(&url, None);
        }
        let Some(tip) = self.advertised(&url)? else { return Ok(None) };
        if self.store.reference(TIP)? == Some(tip) && self.store.repository().find_commit(tip).is_ok() {
            return Ok(Some(tip));
        }
        // Only the first fetch is cut off. To cut again would forget where the last one was, and take commits for whole
        // that are not (git 2.39 prunes `shallow` and then offers them as had).
        let first = self.store.reference(TIP)?.is_none();
        self.fetch(&url, first.then_some("--depth=1"))
    }

    /// Fetches more of the history, eight times as much each time; false where all of it is there.
    pub fn deepen(&mut self) -> Result<bool> {
        let Location::Url(url) = self.location.clone() else { return Ok(false) };
        if !self.store.is_shallow() {
            return Ok(false);
        }
        let deeper = format!("--deepen={}", self.deeper);
        self.deeper = self.deeper.saturating_mul(8);
        self.fetch(&url, Some(&deeper))?;
        Ok(true)
    }

    /// Moves the branch from `expected` to `new`, which is its child (or its first commit).
    pub fn push(&self, expected: Option<Oid>, new: Oid) -> Result<Pushed> {
        let Location::Url(url) = &self.location else {
            return self
                .store
                .move_branch(&self.branch, expected, new)
                .map(|moved| if moved { Pushed::Done } else { Pushed::Lost });
        };
        // No word of the server decides (they differ between servers and versions): the branch itself does.
        for attempt in 0_u32.. {
            let refspec = format!("{new}:refs/heads/{}", self.branch);
            let hooks = if self.hooks { "--verify" } else { "--no-verify" };
            let finished = match self.git().run(&["push", "--porcelain", hooks, "--", url, &refspec], b"") {
                Ok(finished) if finished.succeeded() => return Ok(Pushed::Done),
                Ok(finished) => Ok(finished),
                // It may have arrived all the same.
                Err(error @ Error::Unreachable(_)) => Err(error),
                Err(error) => return Err(error),
            };
            let now = match self.advertised(url) {
                Ok(now) => now,
                Err(error) => return Err(finished.err().unwrap_or(error)),
            };
            if now == Some(new) {
                return Ok(Pushed::Done);
            }
            if now != expected {
                self.moved.set(now.is_some());
                return Ok(Pushed::Lost);
            }
            let finished = finished?;
            let answered = finished.stdout.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"!"));
            // A refusal on an unmoved branch is one; a second try tells it from somebody else's lock that was held.
            match (answered, attempt) {
                (_, 0) => std::thread::sleep(Duration::from_millis(fastrand::u64(20..120))),
                (true, _) => {
                    let what = format!("the push to `{}` of {}", self.branch, self.location);
                    return Err(Error::Rejected { what, words: words(&finished) });
                }
                (false, _) => return Err(unreachable(url, &finished)),
            }
        }
        Ok(Pushed::Lost)
    }

    /// Pushes a commit to a branch of its own, which nobody else writes to.
    pub fn push_aside(&self, branch: &str, commit: Oid) -> Result<()> {
        let Location::Url(url) = &self.location else {
            self.store.move_branch(branch, self.store.branch(branch)?, commit)?;
            return Ok(());
        };
        let refspec = format!("+{commit}:refs/heads/{branch}");
        let finished = self.git().run(&["push", "--porcelain", "--", url, &refspec], b"")?;
        if finished.succeeded() {
            return Ok(());
        }
        let answered = finished.stdout.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"!"));
        Err(if answered {
            Error::Rejected { what: format!("the push to `{branch}` of {}", self.location), words: words(&finished) }
        } else {
            unreachable(url, &finished)
        })
    }

    /// What the server says that the branch points to.
    fn advertised(&self, url: &str) -> Result<Option<Oid>> {
        let name = format!("refs/heads/{}", self.branch);
        let finished = self.git().run(&["ls-remote", "--refs", "--", url, &name], b"")?;
        if !finished.succeeded() {
            return Err(unreachable(url, &finished));
        }
        for line in finished.text().lines() {
            if let Some((id, reference)) = line.split_once('\t')
                && reference == name
            {
                return Oid::from_str(id).map(Some).map_err(|_| {
                    Error::Refused(format!(
                        "`{url}` is a repository with object ids of another length than SHA-1's (it says `{id}`); \
                         libgit2 1.9 cannot write there"
                    ))
                });
            }
        }
        Ok(None)
    }

    fn fetch(&mut self, url: &str, reach: Option<&str>) -> Result<Option<Oid>> {
        let refspec = format!("+refs/heads/{}:{TIP}", self.branch);
        let mut arguments = vec!["-c", "gc.auto=0", "-c", "maintenance.auto=false", "fetch", "--quiet", "--no-tags"];
        arguments.extend(["--no-write-fetch-head", "--refmap=", "--no-recurse-submodules"]);
        arguments.extend(reach);
        arguments.extend(["--", url, &refspec]);
        let finished = store::fetch(&self.git(), self.store.path(), &arguments)?;
        if !finished.succeeded() {
            return Err(unreachable(url, &finished));
        }
        self.store.reopen()?;
        self.store.reference(TIP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds a commit to a branch, as somebody else would.
    fn commit(repository: &git2::Repository, name: &str) -> Oid {
        let git = Git::new(repository.path(), Duration::from_secs(20));
        let tip = repository.refname_to_id("refs/heads/main").ok();
        let changes: crate::commit::Changes<'_> = [(name.to_owned(), Some(name.into()))].into();
        let mut identity = crate::commit::Identity::of(&git).unwrap();
        identity.signs = false;
        let commit = crate::commit::create(repository, &git, tip, &changes, "m\n", &identity).unwrap();
        repository.reference("refs/heads/main", commit, true, "").unwrap();
        commit
    }

    /// How many commits can be reached.
    fn reach(remote: &Remote, tip: Oid) -> usize {
        let mut next = vec![tip];
        let mut count = 0;
        while let Some(id) = next.pop() {
            let found = remote.store().repository().find_commit(id).unwrap();
            next.extend(remote.store().parents(&found));
            count += 1;
        }
        count
    }

    #[test]
    fn history_is_whole_as_far_as_it_was_fetched_whoever_commits_in_between() {
        let folder = tempfile::tempdir().unwrap();
        let server = git2::Repository::init_bare(folder.path().join("server.git")).unwrap();
        for n in 0..20 {
            commit(&server, &n.to_string());
        }
        let location = Location::Url(format!("file://{}", server.path().display()));
        let project = folder.path().join("project");
        let open = || Remote::open(location.clone(), "main", &project, &[], Duration::from_secs(20)).unwrap();
        let mut remote = open();
        let tip = remote.tip().unwrap().unwrap();
        assert_eq!(reach(&remote, tip), 1);
        for round in 0..3 {
            // One of ours on what was fetched, and one of somebody else on that.
            let tip = remote.tip().unwrap();
            let git = remote.git();
            let changes: crate::commit::Changes<'_> = [(format!("ours/{round}"), Some("x".into()))].into();
            let mut identity = crate::commit::Identity::of(&git).unwrap();
            identity.signs = false;
            let repository = remote.store().repository();
            let ours = crate::commit::create(repository, &git, tip, &changes, "m\n", &identity).unwrap();
            assert_eq!(remote.push(tip, ours).unwrap(), Pushed::Done);
            commit(&server, &format!("theirs/{round}"));
            drop(remote);
            remote = open();
        }
        let tip = remote.tip().unwrap().unwrap();
        assert_eq!(reach(&remote, tip), 7);
        while remote.deepen().unwrap() {
            reach(&remote, tip);
        }
        assert_eq!(reach(&remote, tip), 26);
    }
}
