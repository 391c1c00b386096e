//! A whole mesh, from its first publish to its end, unattended.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use meshc_tests::servers::git::Git;
use meshc_tests::servers::process::{self, Run};
use meshc_tests::servers::remote::Remote;
use tempfile::TempDir;

use crate::team::{LIMIT, differences, meshc, published, render_with};

const ENVIRONMENTS: [&str; 3] = ["dev", "prod", "staging"];

/// Online Boutique in a folder of its own, with the environments that it shares with others.
struct Boutique {
    git: Git,
    folder: TempDir,
}

impl Boutique {
    fn new() -> Self {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let boutique = Self { git: Git::new(), folder: tempfile::tempdir().unwrap() };
        for part in ["examples/online-boutique", "environments"] {
            copy(&top.join(part), &boutique.folder.path().join(part));
        }
        boutique
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("examples/online-boutique")
    }

    #[track_caller]
    fn publish(&self, more: &[&str]) -> Run {
        let args = [&["publish", "--repository", "embedded", "--until-done", "--settle", "0s"], more].concat();
        process::run(&mut meshc(&self.git, &self.project(), &args), LIMIT).ended(0)
    }

    /// Fails unless an environment's folder is what the sources render to, with the releases that are recorded.
    #[track_caller]
    fn assert_published(&self, environment: &str) {
        let (deploy, state) = (self.deploy(), tempfile::tempdir().unwrap());
        deploy.export("main", state.path());
        let state = state.path().to_str().unwrap();
        let rendered = render_with(&self.git, &self.project(), &["--env", environment, "--state", state]);
        assert_eq!(differences(&published(&deploy, environment), &rendered), "");
    }

    fn deploy(&self) -> Remote {
        Remote::at(&self.project().join(".meshc/deploy.git"))
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if entry.file_name() != ".meshc" {
                copy(&entry.path(), &to);
            }
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// How many resources kustomize builds from a folder.
#[track_caller]
fn kustomize(folder: &Path) -> usize {
    let mut command = Command::new("kubectl");
    command.arg("kustomize").arg(folder).stdin(Stdio::null());
    let run = process::run(&mut command, LIMIT).ended(0);
    run.stdout.lines().filter(|line| line.starts_with("kind: ")).count()
}

#[test]
fn it_is_published_in_steps_that_kustomize_builds() {
    let boutique = Boutique::new();
    boutique.publish(&[]);
    let deploy = boutique.deploy();
    for environment in ENVIRONMENTS {
        boutique.assert_published(environment);
    }
    assert!(deploy.is_linear("main"));
    deploy.fsck();
    let history = deploy.log("main");
    for commit in &history {
        let folder = tempfile::tempdir().unwrap();
        deploy.export(&commit.oid, folder.path());
        for environment in ENVIRONMENTS {
            let root = folder.path().join(environment);
            if root.exists() {
                let resources = kustomize(&root);
                assert!(resources > 0, "{environment} of {}", commit.subject);
                let files = deploy.tree(&commit.oid);
                let written = files.keys().filter(|path| {
                    path.starts_with(&format!("{environment}/"))
                        && path.ends_with(".yaml")
                        && !path.ends_with("kustomization.yaml")
                });
                assert_eq!(resources, written.count(), "{environment} of {}", commit.subject);
            }
        }
    }
    // Nothing is left to do.
    boutique.publish(&[]);
    assert_eq!(deploy.log("main").len(), history.len());
}

#[test]
fn it_is_uninstalled_and_published_again() {
    let boutique = Boutique::new();
    boutique.publish(&[]);
    let deploy = boutique.deploy();
    let others = |deploy: &Remote| [published(deploy, "dev"), published(deploy, "staging")];
    let before = others(&deploy);
    boutique.publish(&["--uninstall", "--env", "prod"]);
    let folder = tempfile::tempdir().unwrap();
    deploy.export("main", folder.path());
    assert_eq!(kustomize(&folder.path().join("prod")), 0);
    let left: Vec<String> = deploy.tree("main").into_keys().filter(|path| path.contains("prod/")).collect();
    let kept = |path: &str| {
        ["kustomization.yaml", "mesh.lock.json", ".gitattributes", "source.json"]
            .iter()
            .any(|name| path.ends_with(name))
    };
    assert!(left.iter().all(|path| kept(path)), "{left:?}");
    assert_eq!(others(&deploy), before, "other environments are not touched");
    let commits = deploy.log("main").len();
    boutique.publish(&["--uninstall", "--env", "prod"]);
    assert_eq!(deploy.log("main").len(), commits, "once is enough");
    boutique.publish(&[]);
    boutique.assert_published("prod");
    deploy.fsck();
}
