//! A bare repository, and questions to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::git::Git;
use super::process;

/// A bare repository. Clones of this value are the same repository, which is gone with the last of them.
#[derive(Debug, Clone)]
pub struct Remote {
    git: Git,
    path: PathBuf,
    root: Option<Arc<TempDir>>,
}

/// A commit, as `git log` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub oid: String,
    /// The ids of its parents.
    pub parents: Vec<String>,
    /// The first line of its message.
    pub subject: String,
    /// Its message.
    pub message: String,
    /// The trailers of its message, in their order.
    pub trailers: Vec<(String, String)>,
}

impl Commit {
    /// The value of a trailer, if it has one of this name.
    pub fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Default for Remote {
    fn default() -> Self {
        Self::new()
    }
}

impl Remote {
    /// An empty repository `deploy.git` in a temporary folder of its own, whose HEAD is `main`.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// The same with further options of `git init`.
    pub fn with(options: &[&str]) -> Self {
        let root = tempfile::tempdir().expect("there is room for temporary files");
        let remote = Self { git: Git::new(), path: root.path().join("deploy.git"), root: Some(Arc::new(root)) };
        let init = [&["init", "--quiet", "--bare", "--initial-branch=main"], options, &["deploy.git"]].concat();
        remote.git.ok(remote.root(), &init);
        // What partial clones ask for.
        remote.git.ok(&remote.path, &["config", "uploadpack.allowFilter", "true"]);
        remote.git.ok(&remote.path, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
        remote
    }

    /// A repository that somebody else has made, to ask questions to.
    pub fn at(path: &Path) -> Self {
        Self { git: Git::new(), path: path.to_owned(), root: None }
    }

    /// The `git` that it is asked with.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same as text, which `git` takes for an address.
    pub fn url(&self) -> &str {
        self.path.to_str().expect("temporary folders have names in UTF-8")
    }

    /// The folder it is in: what a server is to serve.
    pub fn root(&self) -> &Path {
        self.root.as_ref().map_or(&self.path, |root| root.path())
    }

    /// The commit that a branch points at.
    pub fn tip(&self, branch: &str) -> Option<String> {
        let run = self.git.run(&self.path, &["rev-parse", "--quiet", "--verify", &format!("refs/heads/{branch}")]);
        (run.code == Some(0)).then(|| run.stdout.trim_end().to_owned())
    }

    /// All references and where they point.
    pub fn references(&self) -> BTreeMap<String, String> {
        let shown = self.git.ok(&self.path, &["for-each-ref", "--format=%(refname) %(objectname)"]);
        let pair = |line: &str| line.split_once(' ').map(|(name, oid)| (name.to_owned(), oid.to_owned()));
        shown.lines().filter_map(pair).collect()
    }

    /// The ids of all files of a revision, by path; none where the revision does not exist.
    pub fn tree(&self, revision: &str) -> BTreeMap<String, String> {
        let run = self.git.run(&self.path, &["ls-tree", "-r", "-z", "--full-tree", revision]);
        let entry = |entry: &str| {
            let (about, path) = entry.split_once('\t').expect("`ls-tree` puts a tab before the path");
            (path.to_owned(), about.rsplit(' ').next().unwrap_or_default().to_owned())
        };
        run.stdout.split_terminator('\0').map(entry).collect()
    }

    /// All files of a revision, by path.
    pub fn files(&self, revision: &str) -> BTreeMap<String, Vec<u8>> {
        let tree = self.tree(revision);
        let asked: String = tree.values().map(|oid| format!("{oid}\n")).collect();
        let answer = self.git.filter(&self.path, &["cat-file", "--batch"], asked.as_bytes());
        let mut rest = answer.as_slice();
        let mut files = BTreeMap::new();
        for path in tree.into_keys() {
            let end = rest.iter().position(|byte| *byte == b'\n').expect("each object has a first line");
            let head = str::from_utf8(&rest[..end]).expect("which is ASCII");
            let length: usize = head.rsplit(' ').next().and_then(|size| size.parse().ok()).expect("and ends in a size");
            files.insert(path, rest[end + 1..end + 1 + length].to_owned());
            rest = &rest[end + 1 + length + 1..];
        }
        files
    }

    /// A file of a revision, which must have it.
    #[track_caller]
    pub fn text(&self, revision: &str, path: &str) -> String {
        let bytes = self.git.filter(&self.path, &["cat-file", "blob", &format!("{revision}:{path}")], b"");
        String::from_utf8(bytes).expect("it is text")
    }

    /// Writes all files of a revision below a folder.
    pub fn export(&self, revision: &str, folder: &Path) {
        for (path, bytes) in self.files(revision) {
            let path = folder.join(path);
            let parent = path.parent().expect("a file is in a folder");
            std::fs::create_dir_all(parent).expect("a temporary folder can be written to");
            std::fs::write(path, bytes).expect("a temporary folder can be written to");
        }
    }

    /// The commits of a branch, newest first; none where the branch does not exist.
    pub fn log(&self, branch: &str) -> Vec<Commit> {
        if self.tip(branch).is_none() {
            return Vec::new();
        }
        let format = "--format=%H%x00%P%x00%s%x00%B%x00%(trailers:only,unfold)%x00";
        let shown = self.git.ok(&self.path, &["log", "-z", "--topo-order", format, &format!("refs/heads/{branch}")]);
        let fields: Vec<&str> = shown.split('\0').collect();
        let commit = |fields: &[&str]| {
            let [oid, parents, subject, message, trailers, ..] = fields else {
                panic!("a commit has five fields: {fields:?}");
            };
            let trailer = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
            Commit {
                oid: (*oid).to_owned(),
                parents: parents.split_whitespace().map(str::to_owned).collect(),
                subject: (*subject).to_owned(),
                message: (*message).to_owned(),
                trailers: trailers.lines().filter_map(trailer).collect(),
            }
        };
        // `-z` ends each commit with one more NUL.
        fields.chunks(6).filter(|fields| fields.len() > 1).map(commit).collect()
    }

    /// Whether each commit of a branch has at most one parent.
    pub fn is_linear(&self, branch: &str) -> bool {
        self.log(branch).iter().all(|commit| commit.parents.len() <= 1)
    }

    /// Fails unless every object is whole, is where it must be, and is well-formed. Objects that nothing points at are
    /// what races leave.
    #[track_caller]
    pub fn fsck(&self) {
        self.git.ok(&self.path, &["fsck", "--full", "--strict", "--no-dangling"]);
    }

    /// Commits files on top of a branch, as somebody else would, and gives the commit's id. The branch may be new.
    #[track_caller]
    pub fn commit(&self, branch: &str, message: &str, files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let index = folder.path().join("index");
        let git = |args: &[&str]| {
            let mut command = self.git.command(&self.path, args);
            command.env("GIT_INDEX_FILE", &index);
            let run = process::run(&mut command, Duration::from_secs(60)).ended(0);
            run.stdout.trim_end().to_owned()
        };
        let tip = self.tip(branch);
        if let Some(tip) = &tip {
            git(&["read-tree", tip]);
        }
        for (path, text) in files {
            let blob = self.git.filter(&self.path, &["hash-object", "-w", "--stdin"], text.as_bytes());
            let blob = String::from_utf8_lossy(&blob).trim_end().to_owned();
            git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
        }
        let tree = git(&["write-tree"]);
        let parent: Vec<&str> = tip.iter().flat_map(|tip| ["-p", tip]).collect();
        let commit = git(&[&["commit-tree", &tree, "-m", message], parent.as_slice()].concat());
        let old = tip.unwrap_or_default();
        git(&["update-ref", &format!("refs/heads/{branch}"), &commit, &old]);
        commit
    }

    /// A clone of this repository from an address of it, in a temporary folder.
    #[track_caller]
    pub fn clone_from(&self, url: &str) -> TempDir {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        self.git.ok(folder.path(), &["clone", "--quiet", url, "."]);
        folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_is_found_again() {
        let remote = Remote::new();
        assert_eq!((remote.tip("main"), remote.tree("main"), remote.log("main")), (None, BTreeMap::new(), Vec::new()));
        let first = remote.commit("main", "first", &[("a/b.txt", "one\n"), ("c d.txt", "")]);
        let message = "second\n\nBecause.\n\nMesh-Environment: prod\nMesh-Reason: a: b";
        let second = remote.commit("main", message, &[("a/b.txt", "two\n")]);
        assert_eq!(remote.tip("main"), Some(second.clone()));
        assert_eq!(remote.text("main", "a/b.txt"), "two\n");
        let files = BTreeMap::from([("a/b.txt".to_owned(), b"two\n".to_vec()), ("c d.txt".to_owned(), Vec::new())]);
        assert_eq!(remote.files("main"), files);
        assert!(remote.tree("main").keys().eq(files.keys()));
        let [newest, oldest] = &remote.log("main")[..] else { panic!("two commits") };
        assert_eq!((&newest.oid, &newest.parents), (&second, &vec![first.clone()]));
        assert_eq!((newest.subject.as_str(), newest.trailer("Mesh-Reason")), ("second", Some("a: b")));
        assert_eq!((&oldest.oid, oldest.parents.len(), oldest.trailers.len()), (&first, 0, 0));
        let folder = tempfile::tempdir().unwrap();
        remote.export("main", folder.path());
        assert_eq!(std::fs::read_to_string(folder.path().join("a/b.txt")).unwrap(), "two\n");
        assert_eq!(remote.references(), BTreeMap::from([("refs/heads/main".to_owned(), second)]));
    }

    #[test]
    fn merges_are_not_linear() {
        let remote = Remote::new();
        remote.commit("main", "first", &[("a.txt", "one\n")]);
        remote.git().ok(remote.path(), &["branch", "side", "main"]);
        remote.commit("main", "second", &[("a.txt", "two\n")]);
        remote.commit("side", "third", &[("b.txt", "three\n")]);
        assert!(remote.is_linear("main"));
        let clone = remote.clone_from(remote.url());
        remote.git().ok(clone.path(), &["merge", "--quiet", "--no-edit", "origin/side"]);
        remote.git().ok(clone.path(), &["push", "--quiet", "origin", "HEAD:main"]);
        assert!(!remote.is_linear("main"));
    }

    #[test]
    #[should_panic(expected = "git fsck")]
    fn a_damaged_repository_is_found_out() {
        let remote = Remote::new();
        remote.commit("main", "first", &[("a.txt", "one\n")]);
        remote.fsck();
        let blob = &remote.tree("main")["a.txt"];
        let (folder, rest) = blob.split_at(2);
        let object = remote.path().join("objects").join(folder).join(rest);
        std::fs::remove_file(object).unwrap();
        remote.fsck();
    }
}
