//! The user's `git`, apart from the configuration and the environment of whoever runs the tests.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::process::{self, Run};

/// How long one command of `git` may take before the test fails.
const LIMIT: Duration = Duration::from_secs(60);

/// What a person has set up before they use `git`, and no more.
const CONFIG: &str = "\
[user]
	name = Ada Tester
	email = ada@shop.example
[init]
	defaultBranch = main
[gc]
	auto = 0
[maintenance]
	auto = false
[protocol \"file\"]
	allow = always
[advice]
	detachedHead = false
";

/// `git` with a home of its own, which is gone with the last clone of this value.
#[derive(Debug, Clone)]
pub struct Git {
    home: Arc<tempfile::TempDir>,
}

impl Default for Git {
    fn default() -> Self {
        Self::new()
    }
}

impl Git {
    /// A new home with a name and an address in its configuration.
    pub fn new() -> Self {
        let home = tempfile::tempdir().expect("there is room for temporary files");
        std::fs::write(home.path().join("gitconfig"), CONFIG).expect("a temporary folder can be written to");
        Self { home: Arc::new(home) }
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Sets a key of the user's own configuration.
    pub fn configure(&self, key: &str, value: &str) {
        self.ok(self.home(), &["config", "--global", key, value]);
    }

    /// Gives a command this home, and of the environment of the tests nothing but the PATH.
    pub fn isolate(&self, command: &mut Command) {
        command.env_clear().stdin(Stdio::null());
        command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        command.env("HOME", self.home()).env("LC_ALL", "C").env("TZ", "UTC");
        command.env("GIT_CONFIG_GLOBAL", self.home().join("gitconfig")).env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_EDITOR", "true");
    }

    /// A command of `git` in a folder, at a fixed time.
    pub fn command(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        self.isolate(&mut command);
        command.args(args).current_dir(folder);
        command.env("GIT_AUTHOR_DATE", "2026-01-05T03:00:00Z").env("GIT_COMMITTER_DATE", "2026-01-05T03:00:00Z");
        command
    }

    /// Runs a command of `git` to its end.
    #[track_caller]
    pub fn run(&self, folder: &Path, args: &[&str]) -> Run {
        process::run(&mut self.command(folder, args), LIMIT)
    }

    /// What a command prints that must succeed, without the last line's end.
    #[track_caller]
    pub fn ok(&self, folder: &Path, args: &[&str]) -> String {
        let run = self.run(folder, args);
        assert_eq!(run.code, Some(0), "git {}\n{}\n{}", args.join(" "), run.stdout, run.stderr);
        run.stdout.trim_end_matches('\n').to_owned()
    }

    /// What a command prints, byte by byte, that reads `input` and must succeed.
    #[track_caller]
    pub fn filter(&self, folder: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = self.command(folder, args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("`git` is on the PATH");
        let mut stdin = child.stdin.take().expect("it was asked for");
        let output = thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().expect("a child of this process can be waited for")
        });
        assert!(output.status.success(), "git {}\n{}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_know_the_configuration_of_their_home_alone() {
        let git = Git::new();
        let shown = git.ok(git.home(), &["config", "--list", "--show-origin"]);
        let home = git.home().to_str().unwrap();
        assert!(shown.lines().all(|line| line.starts_with(&format!("file:{home}/"))), "{shown}");
        git.configure("user.name", "Grace Tester");
        assert_eq!(
            git.ok(git.home(), &["var", "GIT_AUTHOR_IDENT"]),
            "Grace Tester <ada@shop.example> 1767582000 +0000"
        );
    }

    #[test]
    fn what_a_filter_reads_may_be_larger_than_a_pipe() {
        let git = Git::new();
        let bytes: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
        let oid = git.filter(git.home(), &["hash-object", "--stdin"], &bytes);
        assert_eq!(oid.len(), 41);
    }
}
