//! How each state comes about.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Checkout, State};
use crate::servers::git::Git;
use crate::servers::remote::Remote;

/// Where the project is in a repository that holds more than it.
const SUBDIRECTORY: &str = "platform/shop/";

/// See [`Checkout::of`].
pub(super) fn checkout(state: State, files: &[(&str, &str)]) -> Option<Checkout> {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let options = match state {
        State::Sha256 => &["--object-format=sha256"][..],
        _ => &[],
    };
    let origin = Remote::with(options);
    let prefix = match state {
        State::Subdirectory | State::SparseIndex => SUBDIRECTORY,
        _ => "",
    };
    seed(&origin, prefix, files);
    let build = Build { git: origin.git(), folder: folder.path(), url: format!("file://{}", origin.url()), files };
    let top = build.top(state)?;
    for name in ["notes.txt", "shop.mesh"] {
        // A time that the index does not know: whoever refreshes the index, writes it.
        if let Ok(file) = std::fs::File::options().append(true).open(top.join(name)) {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
            file.set_modified(time).expect("the file is ours");
        }
    }
    let project = top.join(prefix);
    Some(Checkout { folder, project, origin })
}

/// Two commits on `main`, and a branch `other` that conflicts with the second one.
fn seed(origin: &Remote, prefix: &str, files: &[(&str, &str)]) {
    let files: Vec<(String, &str)> = files.iter().map(|(path, text)| (format!("{prefix}{path}"), *text)).collect();
    let mut all: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    all.extend([("notes.txt", "first\n"), ("LICENSE", "none\n"), ("elsewhere/deep/file.txt", "x\n")]);
    origin.commit("main", "Write the shop down", &all);
    origin.git().ok(origin.path(), &["branch", "other", "main"]);
    origin.commit("other", "Take other notes", &[("notes.txt", "other\n")]);
    origin.commit("main", "Take notes", &[("notes.txt", "second\n")]);
}

struct Build<'a> {
    git: &'a Git,
    folder: &'a Path,
    url: String,
    files: &'a [(&'a str, &'a str)],
}

impl Build<'_> {
    /// The top of a checkout in this state.
    fn top(&self, state: State) -> Option<PathBuf> {
        let top = match state {
            State::Shallow => self.clone(&["--depth=1"]),
            State::Blobless => self.clone(&["--filter=blob:none"]),
            State::Treeless => self.clone(&["--filter=tree:0"]),
            State::Reftable => return self.reftable(),
            State::BareWithWorktree => return Some(self.bare()),
            State::Unborn | State::OutsideGit => return Some(self.uncommitted(state)),
            _ => self.clone(&[]),
        };
        let git = |args: &[&str]| drop(self.git.ok(&top, args));
        match state {
            State::Dirty => edit(&top, "edited"),
            State::Staged => {
                edit(&top, "edited");
                git(&["add", "--all"]);
            }
            State::StagedAndDirty => {
                write(&top, "notes.txt", "put aside\n");
                git(&["stash", "--quiet"]);
                edit(&top, "edited");
                git(&["add", "--all"]);
                write(&top, "notes.txt", "edited again\n");
                write(&top, "new.txt", "edited again\n");
            }
            State::Detached => git(&["checkout", "--quiet", "--detach"]),
            State::MidRebase => {
                git(&["checkout", "--quiet", "-b", "mine", "origin/other"]);
                self.stops(&top, &["rebase", "origin/main"]);
            }
            State::MidMerge => self.stops(&top, &["merge", "origin/other"]),
            State::MidCherryPick => self.stops(&top, &["cherry-pick", "origin/other"]),
            State::LinkedWorktree => {
                let linked = self.folder.join("linked");
                git(&["worktree", "add", "--quiet", "-b", "side", "../linked", "origin/main"]);
                return Some(linked);
            }
            State::IndexLocked => write(&top, ".git/index.lock", ""),
            State::SplitIndex => git(&["update-index", "--split-index"]),
            State::SparseIndex => {
                git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
                git(&["sparse-checkout", "set", SUBDIRECTORY]);
            }
            State::NoRemote => git(&["remote", "remove", "origin"]),
            _ => {}
        }
        Some(top)
    }

    fn clone(&self, options: &[&str]) -> PathBuf {
        self.git.ok(self.folder, &[&["clone", "--quiet"], options, &[&self.url, "checkout"]].concat());
        self.folder.join("checkout")
    }

    /// A command that must stop at a conflict.
    fn stops(&self, top: &Path, args: &[&str]) {
        self.git.run(top, args).ended(1);
    }

    fn reftable(&self) -> Option<PathBuf> {
        let init = self.git.run(self.folder, &["init", "--quiet", "--ref-format=reftable", "checkout"]);
        if init.code != Some(0) {
            return None;
        }
        let top = self.folder.join("checkout");
        self.git.ok(&top, &["remote", "add", "origin", &self.url]);
        self.git.ok(&top, &["fetch", "--quiet", "origin"]);
        self.git.ok(&top, &["checkout", "--quiet", "main"]);
        Some(top)
    }

    fn bare(&self) -> PathBuf {
        self.git.ok(self.folder, &["clone", "--quiet", "--bare", &self.url, "repository.git"]);
        let repository = self.folder.join("repository.git");
        self.git.ok(&repository, &["worktree", "add", "--quiet", "../checkout", "main"]);
        self.folder.join("checkout")
    }

    fn uncommitted(&self, state: State) -> PathBuf {
        let top = self.folder.join("checkout");
        for (path, text) in self.files {
            write(&top, path, text);
        }
        if state == State::Unborn {
            self.git.ok(&top, &["init", "--quiet"]);
            self.git.ok(&top, &["add", "."]);
            write(&top, "notes.txt", "not staged\n");
        }
        top
    }
}

fn edit(top: &Path, text: &str) {
    write(top, "notes.txt", &format!("{text}\n"));
    write(top, "new.txt", &format!("{text}\n"));
    std::fs::remove_file(top.join("LICENSE")).expect("it was checked out");
}

fn write(top: &Path, path: &str, text: &str) {
    let path = top.join(path);
    std::fs::create_dir_all(path.parent().expect("a file is in a folder"))
        .expect("a temporary folder can be written to");
    std::fs::write(path, text).expect("a temporary folder can be written to");
}
