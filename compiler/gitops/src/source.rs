//! Where the sources stand in git: their commit, whether they differ from it, and what else their branch has by now.
//! The user's checkout is only ever asked, through their own `git`, and nothing in it is written: no index, no
//! reference, no object.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::Oid;

use crate::error::{Error, Result};
use crate::program::Git;
use crate::remote::Location;
use crate::store::{self, FOLDER};

/// Settings of a checkout that another repository's `git` needs to reach the same servers and sign the same way. CI
/// systems store credentials there (actions/checkout: `http.https://github.com/.extraheader`).
const CARRIED: &[&str] =
    &["http.", "https.", "credential.", "url.", "user.", "gpg.", "commit.gpgsign", "ssh.", "protocol."];
/// The same, by whole name.
const CARRIED_NAMES: &[&str] = &["core.sshcommand", "core.askpass", "core.gitproxy"];

/// Our repository of the sources' commits.
const HISTORY: &str = "sources.git";
/// How long another run in the project may use it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A checkout with sources.
#[derive(Debug, Clone)]
pub struct Checkout {
    git: Git,
    /// The folder of the project.
    folder: PathBuf,
    /// Root of the work tree, without links.
    root: PathBuf,
    /// The commit that is checked out.
    pub commit: String,
    /// Its subject, author (`Name <mail>`) and date (RFC 3339).
    pub subject: String,
    /// `Name <mail>`.
    pub author: String,
    /// RFC 3339.
    pub date: String,
    /// The branch that the sources are published from, where one is known.
    pub branch: Option<String>,
    /// URL of the repository that the branch lives in.
    pub url: Option<String>,
}

/// How a commit stands to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// They are one.
    Same,
    /// It comes before the other one.
    Ancestor,
    /// It comes after the other one.
    Descendant,
    /// Neither: a force push, another branch.
    Diverged,
    /// The other one is nowhere to be found.
    Unknown,
}

impl Checkout {
    /// The checkout that `folder` lies in; nothing outside of git and before the first commit. `branch` is what the
    /// user names as the sources' branch; without it, it is what the checked-out branch follows.
    pub fn open(folder: &Path, branch: Option<&str>, deadline: Duration) -> Result<Option<Self>> {
        let git = Git::new(folder, deadline);
        let Some(root) = git.ask(&["rev-parse", "--show-toplevel"])? else { return Ok(None) };
        let Some([commit, author, date, subject]) = describe(&git, "HEAD")? else { return Ok(None) };
        let root = PathBuf::from(root);
        let root = root.canonicalize().unwrap_or(root);
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        let mut checkout = Self { git, folder, root, commit, subject, author, date, branch: None, url: None };
        checkout.find_branch(branch)?;
        Ok(Some(checkout))
    }

    /// The same sources at another commit, which the repository in `store` has.
    pub fn standing_at(&self, commit: Oid, store: &Path) -> Result<Self> {
        let there = self.git.clone().in_folder(store);
        let Some([commit, author, date, subject]) = describe(&there, &commit.to_string())? else {
            return Err(Error::Local(format!("`{commit}` cannot be read")));
        };
        Ok(Self { commit, author, date, subject, ..self.clone() })
    }

    fn find_branch(&mut self, named: Option<&str>) -> Result<()> {
        let mut remote = "origin".to_owned();
        let mut branch = named.map(str::to_owned);
        if let Some(current) = self.git.ask(&["symbolic-ref", "--quiet", "HEAD"])? {
            let format = "--format=%(upstream:remotename)%00%(upstream:remoteref)";
            let upstream = self.git.ask(&["for-each-ref", format, &current])?.unwrap_or_default();
            if let Some((name, reference)) = upstream.split_once('\0')
                && !name.is_empty()
            {
                remote = name.to_owned();
                branch = branch.or_else(|| reference.strip_prefix("refs/heads/").map(str::to_owned));
            }
            branch = branch.or_else(|| current.strip_prefix("refs/heads/").map(str::to_owned));
        }
        self.branch = branch;
        self.url = self.git.ask(&["remote", "get-url", "--", &remote])?;
        Ok(())
    }

    /// Settings that other runs of `git` take over from this checkout.
    pub fn settings(&self) -> Result<Vec<(String, String)>> {
        settings(&self.git)
    }

    /// Which of these files, relative to the project's folder, are not what the commit has: changed, staged, not
    /// tracked, ignored.
    pub fn changed(&self, files: &[String]) -> Result<Vec<String>> {
        let mut boundary = self.folder.clone();
        let ups = files.iter().map(|file| file.split('/').take_while(|part| *part == "..").count()).max().unwrap_or(0);
        for _ in 0..ups {
            boundary.pop();
        }
        let Ok(below) = boundary.strip_prefix(&self.root) else {
            return Ok(files.iter().filter(|file| file.starts_with("../")).cloned().collect());
        };
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let at_root = Git::clone(&self.git).in_folder(&self.root);
        let list = |arguments: &[&str]| -> Result<BTreeSet<String>> {
            let mut arguments: Vec<&std::ffi::OsStr> = arguments.iter().map(std::ffi::OsStr::new).collect();
            arguments.extend([std::ffi::OsStr::new("--"), below.as_os_str()]);
            let finished = at_root.run(&arguments, b"")?;
            if !finished.succeeded() {
                return Err(Error::Local(format!("`git` cannot read this checkout: {}", finished.stderr)));
            }
            let text = String::from_utf8_lossy(&finished.stdout).into_owned();
            Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
        };
        let tracked = list(&["ls-files", "-z", "--full-name"])?;
        // Refreshes in memory what only looks changed by its times.
        let status = list(&["status", "--porcelain", "-z", "--no-renames", "--untracked-files=no"])?;
        let changed: BTreeSet<&str> = status.iter().filter_map(|line| line.get(3..)).collect();
        let at = |file: &String| {
            let path = self.folder.join(file);
            let path = path.canonicalize().unwrap_or(path);
            path.strip_prefix(&self.root).map(|path| path.to_string_lossy().into_owned()).ok()
        };
        let differs = |file: &&String| match at(file) {
            Some(path) => !tracked.contains(&path) || changed.contains(path.as_str()),
            None => true,
        };
        Ok(files.iter().filter(differs).cloned().collect())
    }

    /// The project's folder within the checkout, where the sources' own branch is the one that is published to.
    pub fn shares_branch(&self, location: &Location, branch: &str) -> Option<String> {
        let Location::Url(url) = location else { return None };
        let path = Path::new(url).canonicalize().ok();
        let here = [Some(self.root.clone()), self.root.join(".git").canonicalize().ok()];
        let same = self.url.as_deref() == Some(url.as_str()) || (path.is_some() && here.contains(&path));
        let within = self.folder.strip_prefix(&self.root).ok()?;
        let parts: Option<Vec<&str>> = within.iter().map(|part| part.to_str()).collect();
        parts.map(|parts| parts.join("/")).filter(|_| same && self.branch.as_deref() == Some(branch))
    }

    /// What the sources' branch points to on its server now; nothing where no server has it.
    pub fn branch_tip(&self) -> Result<Option<String>> {
        let (Some(url), Some(branch)) = (&self.url, &self.branch) else { return Ok(None) };
        let name = format!("refs/heads/{branch}");
        let finished = self.git.run(&["ls-remote", "--refs", "--", url, &name], b"")?;
        if !finished.succeeded() {
            return Err(Error::Unreachable(format!(
                "`git` could not ask `{}` for `{branch}`, which tells whether these sources are still the newest: {}",
                crate::remote::without_password(url),
                finished.stderr
            )));
        }
        let line = finished.text();
        Ok(line.split_once('\t').map(|(id, _)| id.to_owned()))
    }

    /// How the checked-out commit stands to another one, which may only be on the server.
    pub fn relation(&self, other: &str) -> Result<Relation> {
        if self.commit == other {
            return Ok(Relation::Same);
        }
        let shallow = self.git.ask(&["rev-parse", "--is-shallow-repository"])?.as_deref() == Some("true");
        if !shallow && self.git.ask(&["cat-file", "-e", &format!("{other}^{{commit}}")])?.is_some() {
            return compare(&self.git, &self.commit, other);
        }
        let (Some(url), Some(branch)) = (&self.url, &self.branch) else { return Ok(Relation::Unknown) };
        // Commits without their trees, in a repository of our own, so that the checkout stays as shallow as it is.
        let history = self.folder.join(FOLDER).join(HISTORY);
        let _alone = store::lock(&self.folder, HISTORY, PATIENCE)?;
        store::outlast_locks(&history);
        let here = Git::clone(&self.git).with_settings(&self.settings()?);
        if !history.join("HEAD").exists() {
            let path = history.to_string_lossy().into_owned();
            let made = here.run(&["init", "--quiet", "--bare", "--template=", "--", &path], b"")?;
            if !made.succeeded() {
                return Err(Error::Local(format!("cannot make `{path}`: {}", made.stderr)));
            }
        }
        // A filter makes its remote one that promises the rest. By its URL, `git` would write that into the configuration,
        // with a password in it, and refuses the name of a path (git 2.39, promisor-remote.c).
        let remote = [("url", url.as_str()), ("promisor", "true"), ("partialclonefilter", "tree:0")];
        let remote = remote.map(|(key, value)| (format!("remote.sources.{key}"), value.to_owned()));
        let there = here.in_folder(&history).with_settings(&remote);
        let refspec = format!("+refs/heads/{branch}:refs/meshc/source");
        let fetch = |more: &[&str]| {
            let mut arguments = vec!["-c", "gc.auto=0", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
            arguments.extend(["--filter=tree:0", "--refmap=", "--", "sources"]);
            arguments.extend(more);
            store::fetch(&there, &history, &arguments)
        };
        let fetched = fetch(&[&refspec])?;
        if !fetched.succeeded() {
            return Err(Error::Unreachable(format!(
                "`git` could not fetch `{branch}` of `{}`: {}",
                crate::remote::without_password(url),
                fetched.stderr
            )));
        }
        // Neither has to be on the branch: another one, or one that was forced away. Servers that give single commits
        // give these too.
        for commit in [self.commit.as_str(), other] {
            if there.ask(&["cat-file", "-e", &format!("{commit}^{{commit}}")])?.is_none() {
                fetch(&[commit])?;
            }
        }
        compare(&there, &self.commit, other)
    }
}

/// Settings of a repository that other runs of `git` take over from there.
pub fn settings(git: &Git) -> Result<Vec<(String, String)>> {
    let finished = git.run(&["config", "--list", "--local", "--includes", "-z"], b"")?;
    let text = String::from_utf8_lossy(&finished.stdout);
    let entries = text.split('\0').filter_map(|entry| entry.split_once('\n'));
    let carried = |key: &str| CARRIED.iter().any(|prefix| key.starts_with(prefix)) || CARRIED_NAMES.contains(&key);
    Ok(entries.filter(|(key, _)| carried(key)).map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// Id, author, date and subject of a commit; nothing where there is none.
fn describe(git: &Git, revision: &str) -> Result<Option<[String; 4]>> {
    let format = "--format=%H%x00%an <%ae>%x00%aI%x00%s";
    let Some(text) = git.ask(&["log", "-1", "--no-show-signature", format, revision, "--"])? else { return Ok(None) };
    let mut parts = text.splitn(4, '\0').map(str::to_owned);
    Ok(Some([(); 4].map(|()| parts.next().unwrap_or_default())))
}

fn compare(git: &Git, commit: &str, other: &str) -> Result<Relation> {
    for known in [commit, other] {
        if git.ask(&["cat-file", "-e", &format!("{known}^{{commit}}")])?.is_none() {
            return Ok(Relation::Unknown);
        }
    }
    let is_ancestor = |a: &str, b: &str| git.ask(&["merge-base", "--is-ancestor", a, b]).map(|answer| answer.is_some());
    if commit == other {
        Ok(Relation::Same)
    } else if is_ancestor(commit, other)? {
        Ok(Relation::Ancestor)
    } else if is_ancestor(other, commit)? {
        Ok(Relation::Descendant)
    } else {
        Ok(Relation::Diverged)
    }
}
