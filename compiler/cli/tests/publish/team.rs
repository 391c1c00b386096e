//! A team with a mesh: the repository of its sources, the one it deploys from, and jobs that publish.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use meshc_tests::servers::git::Git;
use meshc_tests::servers::process::{self, Run};
use meshc_tests::servers::remote::Remote;
use tempfile::TempDir;

/// No run takes longer, even on a machine that has much else to do.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// A mesh with this name, whose service `web` has this timeout: what differs from one commit of the sources to the next.
/// Its folder in a deploy repository has the mesh's name.
pub(crate) fn mesh(name: &str, timeout: u32) -> String {
    format!(
        "\
mesh {name} {{
  namespace     {name}
  mtls          strict
  authorization deny-by-default
}}

service web {{
  port    80 -> 8080 http
  allow   anyone
  timeout {timeout}s
}}

service prices {{
  port  8080 http
  allow web
}}

environment prod {{
  target istio 1.31
  deploy {{ folder {name} }}
}}
"
    )
}

/// `meshc` in a project.
pub(crate) fn meshc(git: &Git, project: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshc"));
    git.isolate(&mut command);
    command.current_dir(project).args(args);
    command
}

/// The arguments of a publish to a repository that waits for nothing.
pub(crate) fn publish_to<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["publish", "--repository", url, "--until-done", "--settle", "0s"], more].concat()
}

/// Publishes to a repository until nothing is left to do.
#[track_caller]
pub(crate) fn publish(git: &Git, project: &Path, url: &str, more: &[&str]) -> Run {
    process::run(&mut meshc(git, project, &publish_to(url, more)), LIMIT)
}

/// What `meshc render` writes for a project.
#[track_caller]
pub(crate) fn render(git: &Git, project: &Path) -> BTreeMap<String, Vec<u8>> {
    render_with(git, project, &[])
}

/// The same with more arguments.
#[track_caller]
pub(crate) fn render_with(git: &Git, project: &Path, more: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let out = tempfile::tempdir().unwrap();
    let args = [&["render", "--out", out.path().to_str().unwrap()], more].concat();
    process::run(&mut meshc(git, project, &args), LIMIT).ended(0);
    let mut files = BTreeMap::new();
    let mut folders = vec![out.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(out.path()).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// What is published in a folder of a deploy repository, without what says where it is from.
pub(crate) fn published(deploy: &Remote, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = deploy.files("main");
    let about = ["hydrator.metadata", ".gitattributes"].map(|name| format!("{folder}/{name}"));
    files.retain(|path, _| path.starts_with(&format!("{folder}/")) && !about.contains(path));
    files
}

/// A team whose mesh is published, at its first commit.
pub(crate) struct Team {
    /// The repository of the sources.
    pub(crate) sources: Remote,
    /// The repository that the cluster follows.
    pub(crate) deploy: Remote,
}

impl Team {
    /// A team that has published nothing.
    pub(crate) fn unpublished() -> Self {
        let team = Self { sources: Remote::new(), deploy: Remote::new() };
        team.push("Begin", 5);
        team
    }

    /// A team that has published its first commit, whose timeout is 5 s.
    pub(crate) fn new() -> Self {
        let team = Self::unpublished();
        let job = team.job("main");
        team.publish(&job, &[]).ended(0);
        team
    }

    /// Commits another timeout to the branch of the sources, and gives the commit's id.
    pub(crate) fn push(&self, message: &str, timeout: u32) -> String {
        self.sources.commit("main", message, &[("shop.mesh", &mesh("shop", timeout))])
    }

    /// The checkout of a job that was started for a revision of the branch `main`.
    pub(crate) fn job(&self, revision: &str) -> TempDir {
        let checkout = self.sources.clone_from(self.sources.url());
        self.git().ok(checkout.path(), &["reset", "--quiet", "--hard", revision]);
        checkout
    }

    pub(crate) fn git(&self) -> &Git {
        self.sources.git()
    }

    /// Publishes what a job has checked out, through the path of the deploy repository.
    #[track_caller]
    pub(crate) fn publish(&self, job: &TempDir, more: &[&str]) -> Run {
        publish(self.git(), job.path(), self.deploy.url(), more)
    }

    /// The timeout that is published, in seconds.
    #[track_caller]
    pub(crate) fn timeout(&self) -> u32 {
        let text = self.deploy.text("main", "shop/shop/web/virtual-service.yaml");
        let value = text.lines().find_map(|line| line.trim().strip_prefix("timeout: ")).expect("it has a timeout");
        value.trim_matches('"').trim_end_matches('s').parse().expect("in seconds")
    }

    /// Fails unless what is published is what a checkout renders to, in a history without forks.
    #[track_caller]
    pub(crate) fn assert_published(&self, job: &TempDir) {
        assert_eq!(differences(&published(&self.deploy, "shop"), &render(self.git(), job.path())), "");
        assert!(self.deploy.is_linear("main"));
        self.deploy.fsck();
    }

    /// How many commits the deploy branch has.
    pub(crate) fn commits(&self) -> usize {
        self.deploy.log("main").len()
    }
}

/// What one has and the other has not, or has otherwise; empty if they are the same.
pub(crate) fn differences(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) -> String {
    let paths = one.keys().chain(other.keys()).filter(|path| one.get(*path) != other.get(*path));
    let mut lines: Vec<String> = paths
        .map(|path| match (one.get(path), other.get(path)) {
            (Some(_), Some(_)) => format!("differs: {path}\n"),
            (Some(_), None) => format!("only published: {path}\n"),
            _ => format!("only rendered: {path}\n"),
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines.concat()
}
