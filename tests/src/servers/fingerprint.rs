//! Everything that a person may have left in a checkout, to compare before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::git::Git;
use super::process;

/// A checkout as it is: every file of the work tree, and every file that `git` keeps about it except the objects: HEAD,
/// references and their logs, the index, configuration, stash, FETCH_HEAD, grafts of shallow clones, merges and rebases
/// under way, locks, hooks; and what `git status` and `git stash` say of it.
///
/// The project's own `.meshc` folder is left out if a `.gitignore` in it says `*`. Objects may be added to a repository,
/// and none may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    files: BTreeMap<PathBuf, Vec<u8>>,
    said: BTreeMap<String, String>,
    objects: BTreeSet<String>,
}

impl Fingerprint {
    /// Of a checkout, or of a folder that is none, by any path in it. Looking changes nothing, not even the index.
    pub fn of(path: &Path) -> Self {
        let git = Git::new();
        let ask = |args: &[&str]| {
            let mut command = git.command(path, args);
            command.env("GIT_OPTIONAL_LOCKS", "0");
            process::run(&mut command, Duration::from_secs(60))
        };
        let folder = |args: &[&str]| {
            let run = ask(&[&["rev-parse", "--path-format=absolute"], args].concat());
            (run.code == Some(0)).then(|| PathBuf::from(run.stdout.trim_end()))
        };
        let top = folder(&["--show-toplevel"]).unwrap_or_else(|| path.to_owned());
        let mut files = BTreeMap::new();
        collect(&top, &mut files);
        let mut found = Self { files, said: BTreeMap::new(), objects: BTreeSet::new() };
        let Some(own) = folder(&["--git-dir"]) else { return found };
        collect(&own, &mut found.files);
        if let Some(common) = folder(&["--git-common-dir"]) {
            collect(&common, &mut found.files);
        }
        for args in [&["status", "--porcelain=v2", "--branch", "--untracked-files=all"][..], &["stash", "list"]] {
            let run = ask(args);
            found.said.insert(args.join(" "), format!("{}{}", run.stdout, run.stderr));
        }
        let objects = ask(&["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"]);
        found.objects = objects.stdout.lines().map(str::to_owned).collect();
        found
    }

    /// What is not as it was, one line for each difference; empty if all is.
    pub fn changes_to(&self, later: &Self) -> String {
        let mut out = String::new();
        let paths: BTreeSet<&PathBuf> = self.files.keys().chain(later.files.keys()).collect();
        for path in paths {
            let what = match (self.files.get(path), later.files.get(path)) {
                (Some(before), Some(after)) if before == after => continue,
                (Some(_), Some(_)) => "changed",
                (Some(_), None) => "gone",
                (None, _) => "new",
            };
            let _ = writeln!(out, "{what}: {}", path.display());
        }
        for (command, before) in &self.said {
            let after = later.said.get(command).map_or("", String::as_str);
            if before != after {
                let _ = writeln!(out, "`git {command}` said\n{before}and says\n{after}");
            }
        }
        let lost = self.objects.difference(&later.objects).count();
        if lost > 0 {
            let _ = writeln!(out, "{lost} objects are lost");
        }
        out
    }

    /// Fails unless a checkout is as it was.
    #[track_caller]
    pub fn assert_still(&self, path: &Path) {
        let changes = self.changes_to(&Self::of(path));
        assert!(changes.is_empty(), "{} is not as it was:\n{changes}", path.display());
    }
}

/// All below a folder: modes and bytes of files, targets of symbolic links, and folders, which may be empty.
fn collect(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("the file exists");
        if kind.is_symlink() {
            let target = std::fs::read_link(&path).expect("it is a link");
            into.insert(path, target.into_os_string().into_encoded_bytes());
        } else if kind.is_dir() {
            let left_out = name == ".meshc"
                && std::fs::read_to_string(path.join(".gitignore"))
                    .is_ok_and(|text| text.lines().any(|line| line == "*"));
            // The objects of a repository, not a folder of that name in somebody's project.
            let objects = name == "objects" && folder.join("HEAD").exists();
            if !left_out && !objects {
                collect(&path, into);
                into.insert(path, Vec::new());
            }
        } else {
            let mode = entry.metadata().expect("the file exists").permissions().mode();
            let bytes = std::fs::read(&path).expect("the file can be read");
            into.insert(path, [&mode.to_be_bytes(), bytes.as_slice()].concat());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkouts::{Checkout, State};
    use super::*;

    fn files() -> [(&'static str, &'static str); 2] {
        [("shop.mesh", "mesh shop {}\n"), ("kubernetes/shop.yaml", "kind: List\n")]
    }

    #[test]
    fn looking_changes_nothing() {
        for state in State::ALL {
            let Some(checkout) = Checkout::of(state, &files()) else { continue };
            let before = Fingerprint::of(checkout.project());
            assert_eq!(before.changes_to(&Fingerprint::of(checkout.project())), "", "{state:?}");
        }
    }

    /// What a command does to a clean checkout.
    fn changes(act: impl Fn(&Checkout)) -> String {
        let checkout = Checkout::of(State::Clean, &files()).unwrap();
        let before = Fingerprint::of(checkout.project());
        act(&checkout);
        before.changes_to(&Fingerprint::of(checkout.project()))
    }

    #[test]
    fn whatever_git_does_is_seen() {
        for (args, seen) in [
            (&["status"][..], "changed: .*/.git/index"),
            (&["fetch", "origin"], "new: .*/.git/FETCH_HEAD"),
            (&["fetch", "origin", "main:refs/meshc/main"], "new: .*/.git/refs/meshc/main"),
            (&["commit", "--allow-empty", "-m", "x"], "changed: .*/.git/refs/heads/main"),
            (&["branch", "side"], "new: .*/.git/refs/heads/side"),
            (&["checkout", "--detach"], "changed: .*/.git/HEAD"),
            (&["config", "a.b", "c"], "changed: .*/.git/config"),
            (&["rm", "-q", "shop.mesh"], "gone: .*/shop.mesh"),
            (&["gc", "--prune=now"], "gone: .*/.git/refs/heads/main"),
            (&["update-index", "--assume-unchanged", "shop.mesh"], "changed: .*/.git/index"),
        ] {
            let changes = changes(|checkout| drop(checkout.git().ok(checkout.project(), args)));
            let (what, path) = seen.split_once(".*").unwrap();
            let line = |line: &str| line.starts_with(what) && line.ends_with(path);
            assert!(changes.lines().any(line), "git {args:?}: expected {seen}, found\n{changes}");
        }
    }

    #[test]
    fn whatever_happens_to_files_is_seen() {
        let write = |path: &str, text: &str, checkout: &Checkout| {
            let path = checkout.project().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let mode = |checkout: &Checkout| {
            let file = checkout.project().join("shop.mesh");
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        assert!(changes(|checkout| write("shop.mesh", "mesh other {}\n", checkout)).contains("shop.mesh"));
        assert!(changes(|checkout| write("new.txt", "", checkout)).contains("new: "));
        assert!(changes(|checkout| write("objects/new.txt", "", checkout)).contains("new: "));
        assert!(changes(|checkout| write(".git/index.lock", "", checkout)).contains("new: "));
        assert!(changes(mode).contains("changed: "));
        // The one folder that may be added, and only if `git` does not see it.
        assert!(changes(|checkout| write(".meshc/deploy.git/HEAD", "ref: x\n", checkout)).contains("new: "));
        let ignored = |checkout: &Checkout| {
            write(".meshc/.gitignore", "*\n", checkout);
            write(".meshc/deploy.git/HEAD", "ref: x\n", checkout);
        };
        assert_eq!(changes(ignored), "");
    }

    #[test]
    fn lost_objects_are_seen() {
        let changes = changes(|checkout| {
            let objects = checkout.project().join(".git/objects");
            std::fs::remove_dir_all(&objects).unwrap();
            std::fs::create_dir(&objects).unwrap();
        });
        assert!(changes.contains("objects are lost"), "{changes}");
    }

    #[test]
    fn a_folder_outside_of_git_is_its_files() {
        let checkout = Checkout::of(State::OutsideGit, &files()).unwrap();
        let before = Fingerprint::of(checkout.project());
        before.assert_still(checkout.project());
        std::fs::remove_file(checkout.project().join("shop.mesh")).unwrap();
        assert!(before.changes_to(&Fingerprint::of(checkout.project())).starts_with("gone: "));
    }
}
