//! A folder with files in it, and `meshc` run there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mesh that is in order: two services, two environments.
pub(crate) const SHOP: &str = "\
mesh shop {
  namespace     shop
  mtls          strict
  authorization deny-by-default
}

service web {
  port    80 -> 8080 http
  allow   anyone
  timeout 5s
}

service prices {
  port  8080 http
  allow web
}
";

/// The environments of [`SHOP`]; `prod` comes first by its name and last by its line.
pub(crate) const ENVIRONMENTS: &str = "\
environment prod {
  target istio 1.31
  after  staging
  service web { timeout 9s }
}

environment staging { target istio 1.31 }
";

/// A temporary folder.
pub(crate) struct Folder(tempfile::TempDir);

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            folder.write(path, text);
        }
        folder
    }

    /// A folder with the shop in it.
    pub(crate) fn shop() -> Self {
        Self::new(&[("shop.mesh", SHOP), ("environments/all.mesh", ENVIRONMENTS)])
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Replaces a text that must be there.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no `{from}`");
        self.write(path, text.replace(from, to));
    }

    /// Paths of all files below a folder, sorted.
    pub(crate) fn files(&self, below: &str) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.path(below)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(self.path(below)).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        command(self.0.path(), args)
    }

    pub(crate) fn meshc(&self, args: &[&str]) -> Run {
        finish(self.command(args))
    }

    /// With a text as its standard input.
    pub(crate) fn meshc_reading(&self, args: &[&str], input: &str) -> Run {
        self.write(".input", input);
        let mut command = self.command(args);
        command.stdin(std::fs::File::open(self.path(".input")).unwrap());
        finish(command)
    }
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshc"));
    command.args(args).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    /// The run, if it ended with this code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }
}
