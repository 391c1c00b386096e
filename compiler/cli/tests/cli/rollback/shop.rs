//! A shop with two releases under way, published to a server of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use meshc_tests::servers::process::{Run, run};
use meshc_tests::servers::remote::Remote;
use tempfile::TempDir;

use crate::promote::Prometheus;

/// The file of `web` that has weights.
pub(crate) const VIRTUAL_SERVICE: &str = "prod/shop/web/virtual-service.yaml";

const MESH: &str = "\
mesh shop { namespace shop; mtls strict; authorization deny-by-default }

service web {
  port 80 -> 8080 http
  version v1 -> v2
  allow anyone
  timeout 1s
  canary { stage 5% for 2m; stage 20% for 2m; stage 100% for 1h; abort when error-rate > 1%; require 200 requests; on no-data hold }
}

service api {
  port 80 -> 8080 http
  version v1 -> v2
  allow web
  canary { stage 5% for 2m; stage 20% for 2m; stage 100% for 1h; abort when error-rate > 1%; require 200 requests; on no-data hold }
}

service prices { port 8080 http; allow web }

environment prod {
  target istio 1.31
  prometheus \"http://127.0.0.1:9\"
  deploy { repository \"SERVER\"; branch main }
}
";

/// When weights were decided, in seconds since 1970.
const SINCE: i64 = 1_767_582_000;

pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A project, and the server that it is published to.
pub(crate) struct Shop {
    pub(crate) server: Remote,
    folder: TempDir,
}

/// A clone of the deploy repository.
pub(crate) struct Clone<'s> {
    shop: &'s Shop,
    path: PathBuf,
    _folder: TempDir,
}

impl Shop {
    /// Nothing is published.
    pub(crate) fn new() -> Self {
        let shop = Self { server: Remote::new(), folder: tempfile::tempdir().unwrap() };
        shop.write_project(shop.project(), shop.server.url());
        shop
    }

    /// Published, with no request on the new versions.
    pub(crate) fn published() -> Self {
        let shop = Self::new();
        shop.meshc(&["publish", "--allow-dirty", "--settle", "0s", "--until-done"]).ended(0);
        shop
    }

    pub(crate) fn write_project(&self, folder: &Path, url: &str) {
        std::fs::write(folder.join("shop.mesh"), MESH.replace("SERVER", url)).unwrap();
    }

    pub(crate) fn project(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces a text of the project's file, which must be there.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        edit(self.project(), from, to);
    }

    /// `meshc` in the project.
    #[track_caller]
    pub(crate) fn meshc(&self, args: &[&str]) -> Run {
        run(&mut self.meshc_in(self.project(), args), LIMIT)
    }

    pub(crate) fn meshc_in(&self, folder: &Path, args: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_meshc"), folder, args)
    }

    /// A command with the `git` of a person, at no fixed time.
    pub(crate) fn command(&self, program: &str, folder: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        self.server.git().isolate(&mut command);
        command.args(args).current_dir(folder);
        command
    }

    #[track_caller]
    pub(crate) fn shell(&self, folder: &Path, text: &str) -> Run {
        run(&mut self.command("sh", folder, &["-c", text]), LIMIT)
    }

    /// A server on which everything is well, long after what [`Shop::promoted`] says.
    pub(crate) fn prometheus() -> Prometheus {
        let prometheus = Prometheus::start();
        prometheus.time.store(SINCE + 3_600, Ordering::SeqCst);
        prometheus
    }

    /// Whether files, states and holds of the tip agree.
    #[track_caller]
    pub(crate) fn verify(&self) {
        self.meshc(&["verify"]).ended(0);
    }

    /// What a promote does: weights in the state and in the file, in one commit.
    pub(crate) fn promoted(&self, service: &str, weight: u32) -> String {
        let path = format!("prod/shop/{service}/virtual-service.yaml");
        let text = self.server.text("main", &path);
        let mut shares = [100 - weight, weight].into_iter().cycle();
        let lines = text.lines().map(|line| match line.trim_start().strip_prefix("weight: ") {
            Some(number) => line.replace(number, &shares.next().unwrap().to_string()),
            None => line.to_owned(),
        });
        let text: String = lines.map(|line| line + "\n").collect();
        let decision = format!("{{\n    \"verdict\": \"advance\",\n    \"samples\": {}\n  }}", 1000 + weight);
        let state = format!(
            "{{\n  \"schema\": 1,\n  \"stable\": \"v1\",\n  \"canary\": \"v2\",\n  \"weight\": {weight},\n  \"since\": \
             {SINCE},\n  \"decision\": {decision}\n}}\n"
        );
        let files = [(path.as_str(), text.as_str()), (&format!("state/prod/shop/{service}.json"), &state)];
        let message = format!("promote(prod): shop/{service} to {weight} %\n\nMesh-Operation: promote");
        self.server.commit("main", &message, &files)
    }

    /// The weights of a service's routes.
    pub(crate) fn weights(&self, revision: &str, service: &str) -> Vec<u32> {
        let text = self.server.text(revision, &format!("prod/shop/{service}/virtual-service.yaml"));
        text.lines().filter_map(|line| line.trim().strip_prefix("weight: ")?.parse().ok()).collect()
    }

    pub(crate) fn clone(&self) -> Clone<'_> {
        self.clone_with(&[])
    }

    /// A clone with further options of `git clone`, which is given the server as a URL so that they count.
    pub(crate) fn clone_with(&self, options: &[&str]) -> Clone<'_> {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", self.server.url());
        let args = [&["clone", "--quiet"], options, &[&url, "clone"]].concat();
        self.server.git().ok(folder.path(), &args);
        Clone { shop: self, path: folder.path().join("clone"), _folder: folder }
    }
}

impl Clone<'_> {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.shop.server.git().ok(&self.path, args)
    }

    #[track_caller]
    pub(crate) fn make(&self, args: &[&str]) -> Run {
        run(&mut self.shop.command("make", &self.path, args), LIMIT)
    }

    #[track_caller]
    pub(crate) fn meshc(&self, args: &[&str]) -> Run {
        run(&mut self.shop.meshc_in(&self.path, args), LIMIT)
    }

    /// The script, by a shell that is given with its arguments.
    #[track_caller]
    pub(crate) fn script(&self, shell: &[&str], args: &[&str]) -> Run {
        let text = self.shop.server.text("main", "rollback.sh");
        let file = self._folder.path().join("rollback.sh");
        std::fs::write(&file, text).unwrap();
        let (program, options) = shell.split_first().unwrap();
        let args = [options, &[file.to_str().unwrap()], args].concat();
        run(&mut self.shop.command(program, &self.path, &args), LIMIT)
    }
}

/// Replaces a text of the file of the project in a folder.
pub(crate) fn edit(folder: &Path, from: &str, to: &str) {
    let file = folder.join("shop.mesh");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(file, text.replace(from, to)).unwrap();
}
