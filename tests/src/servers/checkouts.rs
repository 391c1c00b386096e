//! Checkouts of a project's sources, in every state in which a person or a job may leave one.

mod build;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::git::Git;
use super::remote::Remote;

/// A state of a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Just cloned.
    Clean,
    /// A file that is no source of the project is changed, one is deleted, one is new.
    Dirty,
    /// The same, staged.
    Staged,
    /// Staged, then changed again, with something in the stash.
    StagedAndDirty,
    /// At no branch.
    Detached,
    /// Stopped at a conflict of a rebase onto `origin/main`.
    MidRebase,
    /// Stopped at a conflict of a merge.
    MidMerge,
    /// Stopped at a conflict of a cherry-pick.
    MidCherryPick,
    /// A second work tree of a clone, on a branch of its own.
    LinkedWorktree,
    /// A work tree of a bare clone.
    BareWithWorktree,
    /// A clone of the last commit alone.
    Shallow,
    /// A clone that lacks files until they are asked for.
    Blobless,
    /// A clone that lacks folders and files until they are asked for.
    Treeless,
    /// Another process holds the index.
    IndexLocked,
    /// An index in two files.
    SplitIndex,
    /// An index that lacks what is not checked out. The project is in a folder of the repository.
    SparseIndex,
    /// Objects with ids of SHA-256.
    Sha256,
    /// References in tables, which needs git 2.45.
    Reftable,
    /// The project is two folders below the top of the repository.
    Subdirectory,
    /// A repository that was never pushed anywhere.
    NoRemote,
    /// A repository without a commit.
    Unborn,
    /// No repository at all.
    OutsideGit,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Clean,
        Self::Dirty,
        Self::Staged,
        Self::StagedAndDirty,
        Self::Detached,
        Self::MidRebase,
        Self::MidMerge,
        Self::MidCherryPick,
        Self::LinkedWorktree,
        Self::BareWithWorktree,
        Self::Shallow,
        Self::Blobless,
        Self::Treeless,
        Self::IndexLocked,
        Self::SplitIndex,
        Self::SparseIndex,
        Self::Sha256,
        Self::Reftable,
        Self::Subdirectory,
        Self::NoRemote,
        Self::Unborn,
        Self::OutsideGit,
    ];
}

/// A checkout, with the repository it was cloned from. The files of the project are those of its branch `main`, in
/// every state; conflicts and edits are in `notes.txt` and its neighbours, which are no sources.
#[derive(Debug)]
pub struct Checkout {
    folder: TempDir,
    project: PathBuf,
    origin: Remote,
}

impl Checkout {
    /// Makes one with these files of a project. None where the installed `git` cannot.
    pub fn of(state: State, files: &[(&str, &str)]) -> Option<Self> {
        build::checkout(state, files)
    }

    /// The folder of the project.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// Where it was cloned from, and can push to; in some states it has not been told.
    pub fn origin(&self) -> &Remote {
        &self.origin
    }

    /// The `git` that made it.
    pub fn git(&self) -> &Git {
        self.origin.git()
    }

    /// The temporary folder that all of it is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const FILES: [(&str, &str); 2] = [("shop.mesh", "mesh shop {}\n"), ("kubernetes/shop.yaml", "kind: List\n")];

    fn checkout(state: State) -> Checkout {
        Checkout::of(state, &FILES).unwrap()
    }

    fn ask(checkout: &Checkout, args: &[&str]) -> String {
        checkout.git().ok(checkout.project(), args)
    }

    #[test]
    fn all_states_are_listed_once() {
        assert_eq!(State::ALL.iter().collect::<BTreeSet<_>>().len(), State::ALL.len());
        assert!(State::ALL.is_sorted());
    }

    #[test]
    fn every_checkout_has_the_files_of_the_project() {
        for state in State::ALL {
            let Some(checkout) = Checkout::of(state, &FILES) else {
                let version = git_version();
                assert!(state == State::Reftable && version < [2, 45], "{state:?} with git {version:?}");
                continue;
            };
            for (path, text) in FILES {
                assert_eq!(std::fs::read_to_string(checkout.project().join(path)).unwrap(), text, "{state:?}");
            }
            let inside = checkout.git().run(checkout.project(), &["rev-parse", "--is-inside-work-tree"]);
            assert_eq!(inside.stdout == "true\n", state != State::OutsideGit, "{state:?}");
            let commits = checkout.git().run(checkout.project(), &["rev-parse", "--verify", "HEAD"]);
            let none = [State::Unborn, State::OutsideGit].contains(&state);
            assert_eq!(commits.code == Some(0), !none, "{state:?}");
        }
    }

    fn git_version() -> [u32; 2] {
        let git = Git::new();
        let said = git.ok(git.home(), &["version"]);
        let mut numbers = said.split([' ', '.']).filter_map(|word| word.parse().ok());
        [numbers.next().unwrap(), numbers.next().unwrap()]
    }

    #[test]
    fn edits_are_where_the_state_says() {
        let status = |state| {
            let shown = ask(&checkout(state), &["status", "--porcelain"]);
            shown.lines().map(|line| line.to_owned() + ";").collect::<String>()
        };
        assert_eq!(status(State::Clean), "");
        assert_eq!(status(State::Dirty), " D LICENSE; M notes.txt;?? new.txt;");
        assert_eq!(status(State::Staged), "D  LICENSE;A  new.txt;M  notes.txt;");
        assert_eq!(status(State::StagedAndDirty), "D  LICENSE;AM new.txt;MM notes.txt;");
        assert_eq!(status(State::MidRebase), "UU notes.txt;");
        assert_eq!(status(State::MidMerge), "UU notes.txt;");
        assert_eq!(status(State::MidCherryPick), "UU notes.txt;");
        assert_eq!(ask(&checkout(State::StagedAndDirty), &["stash", "list"]).lines().count(), 1);
    }

    #[test]
    fn heads_are_where_the_state_says() {
        for (state, branch) in [
            (State::Clean, "main"),
            (State::Detached, "HEAD"),
            (State::MidRebase, "HEAD"),
            (State::MidMerge, "main"),
            (State::LinkedWorktree, "side"),
            (State::BareWithWorktree, "main"),
        ] {
            let checkout = checkout(state);
            assert_eq!(ask(&checkout, &["rev-parse", "--abbrev-ref", "HEAD"]), branch, "{state:?}");
            let head = ask(&checkout, &["rev-parse", "HEAD"]);
            assert_eq!(checkout.origin().tip("main"), Some(head), "{state:?}");
        }
    }

    #[test]
    fn repositories_are_what_the_state_says() {
        let git_path = |state, path| {
            let checkout = checkout(state);
            let found = ask(&checkout, &["rev-parse", "--git-path", path]);
            checkout.project().join(found).exists()
        };
        assert!(git_path(State::MidRebase, "rebase-merge"));
        assert!(git_path(State::MidMerge, "MERGE_HEAD"));
        assert!(git_path(State::MidCherryPick, "CHERRY_PICK_HEAD"));
        assert!(git_path(State::Shallow, "shallow"));
        assert!(git_path(State::IndexLocked, "index.lock"));
        assert!(!git_path(State::Clean, "index.lock"));
        for state in [State::LinkedWorktree, State::BareWithWorktree] {
            assert!(checkout(state).project().join(".git").is_file(), "{state:?}");
        }
        let config = |state, key| ask(&checkout(state), &["config", key]);
        assert_eq!(config(State::Sha256, "extensions.objectformat"), "sha256");
        assert_eq!(config(State::Blobless, "remote.origin.partialclonefilter"), "blob:none");
        assert_eq!(config(State::Treeless, "remote.origin.partialclonefilter"), "tree:0");
        assert_eq!(ask(&checkout(State::NoRemote), &["remote"]), "");
        let split = checkout(State::SplitIndex);
        let shared = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("sharedindex.");
        assert!(std::fs::read_dir(split.project().join(".git")).unwrap().any(|entry| shared(entry.unwrap())));
        let sparse = checkout(State::SparseIndex);
        assert!(ask(&sparse, &["ls-files", "--sparse", ":/"]).contains("elsewhere/\n"));
        for (state, prefix) in
            [(State::Clean, ""), (State::Subdirectory, "platform/shop/"), (State::SparseIndex, "platform/shop/")]
        {
            assert_eq!(ask(&checkout(state), &["rev-parse", "--show-prefix"]), prefix, "{state:?}");
        }
    }

    #[test]
    fn partial_clones_lack_what_they_have_not_asked_for() {
        for (state, kind) in [(State::Blobless, "blob"), (State::Treeless, "tree")] {
            let checkout = checkout(state);
            let missing = ask(&checkout, &["rev-list", "--objects", "--all", "--missing=print"]);
            let missing: Vec<&str> = missing.lines().filter_map(|line| line.strip_prefix('?')).collect();
            assert!(!missing.is_empty(), "{state:?}");
            let asked = missing.iter().map(|oid| checkout.git().ok(checkout.origin().path(), &["cat-file", "-t", oid]));
            assert!(asked.into_iter().any(|found| found == kind), "{state:?}");
        }
    }
}
