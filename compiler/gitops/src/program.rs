//! The user's own `git`, with a deadline. It does what touches the network or the user's checkout: their credentials,
//! ssh configuration, proxies and unusual repositories work as they do by hand. libgit2 knows neither
//! `http.extraHeader` nor `GIT_ASKPASS` nor partial clones, and waits for a silent server for ever (libgit2 1.9.7).

use std::ffi::OsStr;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Variables that a git hook sets for its own repository. A `git` that is started from there must not inherit them:
/// it would work on another repository than the one it is given (git 2.39, Documentation/githooks.txt).
const OF_HOOKS: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
];

/// Runs `git` in one folder.
#[derive(Debug, Clone)]
pub struct Git {
    folder: PathBuf,
    deadline: Duration,
    settings: Vec<(String, String)>,
    variables: Vec<(&'static str, String)>,
}

/// How a run of `git` ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The exit code; nothing where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it said.
    pub stderr: String,
}

impl Finished {
    /// Whether it ended well.
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// The standard output as text, without the last newline.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.stdout);
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }
}

impl Git {
    /// `git` in `folder`, ended after `deadline`.
    pub fn new(folder: &Path, deadline: Duration) -> Self {
        Self { folder: folder.to_path_buf(), deadline, settings: Vec::new(), variables: Vec::new() }
    }

    /// The same, in another folder.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.folder = folder.to_path_buf();
        self
    }

    /// Adds settings of git's configuration. They travel in the environment, where other users of the machine cannot
    /// read them, as they could on the command line.
    #[must_use]
    pub fn with_settings(mut self, settings: &[(String, String)]) -> Self {
        self.settings.extend_from_slice(settings);
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn with_variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs `git` to its end, with `input` on its standard input. An exit code other than 0 is no error here.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A], input: &[u8]) -> Result<Finished> {
        let mut command = self.command(arguments);
        let started = Instant::now();
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if self.folder.is_dir() => {
                Error::Local("there is no `git` on the PATH; install it".to_owned())
            }
            _ => Error::Local(format!("`git` cannot be started in `{}`: {error}", self.folder.display())),
        })?;
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        if let Some(mut stdin) = child.stdin.take() {
            let input = input.to_vec();
            // A `git` that ends without reading closes the pipe; what it says about that is what counts.
            std::thread::spawn(move || stdin.write_all(&input));
        }
        let left = || self.deadline.saturating_sub(started.elapsed());
        let ended = [&stdout, &stderr].map(|stream| stream.as_ref().map(|stream| stream.recv_timeout(left())));
        let mut texts = Vec::new();
        for text in ended {
            match text {
                Some(Ok(text)) => texts.push(text),
                Some(Err(RecvTimeoutError::Timeout)) => {
                    end(&mut child);
                    return Err(self.too_late(arguments));
                }
                Some(Err(RecvTimeoutError::Disconnected)) | None => texts.push(Vec::new()),
            }
        }
        let code = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status.code(),
                Ok(None) if left().is_zero() => {
                    end(&mut child);
                    return Err(self.too_late(arguments));
                }
                // Its streams are closed: it is about to end.
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => return Err(Error::Local(format!("`git` cannot be waited for: {error}"))),
            }
        };
        let stderr = texts.pop().unwrap_or_default();
        let stdout = texts.pop().unwrap_or_default();
        Ok(Finished { code, stdout, stderr: String::from_utf8_lossy(&stderr).trim_end().to_owned() })
    }

    /// Runs `git` and gives what it printed, or nothing where it ended with a code other than 0.
    pub fn ask(&self, arguments: &[&str]) -> Result<Option<String>> {
        let finished = self.run(arguments, b"")?;
        Ok(finished.succeeded().then(|| finished.text()))
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.folder).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in OF_HOOKS {
            command.env_remove(name);
        }
        // Reading a checkout must not refresh its index on the disk.
        command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
        if !std::io::stdin().is_terminal() {
            // Nobody is there to be asked, and a question would be waited for until the deadline.
            command.env("GIT_TERMINAL_PROMPT", "0");
        }
        // What the environment already passes this way stays.
        let first: usize = std::env::var("GIT_CONFIG_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
        for (index, (key, value)) in (first..).zip(&self.settings) {
            command.env(format!("GIT_CONFIG_KEY_{index}"), key).env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command.env("GIT_CONFIG_COUNT", (first + self.settings.len()).to_string());
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        own_group(&mut command);
        command
    }

    fn too_late<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Error {
        let verb = arguments.iter().map(|a| a.as_ref().to_string_lossy()).find(|a| !a.starts_with('-'));
        Error::Unreachable(format!(
            "`git {}` did not end within {} s and was stopped: the server does not answer, or something waits for a \
             password",
            verb.unwrap_or_default(),
            self.deadline.as_secs()
        ))
    }
}

/// Reads a stream to its end on a thread of its own: a full pipe would stop the program that writes it.
fn collect(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = send.send(bytes);
    });
    receive
}

/// Without a terminal, the program and what it starts (ssh, a remote helper) form a group that can be ended as a
/// whole. With one they stay in the terminal's own group: a program outside of it may not ask for a password.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    if !std::io::stdin().is_terminal() {
        command.process_group(0);
    }
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

#[cfg(unix)]
fn end(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        if std::io::stdin().is_terminal() {
            // git ends what it started when it is asked to end.
            let _ = kill_process(pid, Signal::TERM);
            std::thread::sleep(Duration::from_millis(200));
        } else {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(not(unix))]
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_codes_and_texts() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::new(folder.path(), Duration::from_secs(20));
        assert!(git.run(&["version"], b"").unwrap().text().starts_with("git version"));
        assert_eq!(git.ask(&["rev-parse", "--verify", "-q", "HEAD"]).unwrap(), None);
        assert_eq!(
            git.ask(&["hash-object", "--stdin"]).unwrap().as_deref(),
            Some("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
        );
    }

    #[test]
    fn settings_travel_in_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let settings = [("user.name".to_owned(), "A $(b) \"c\"".to_owned())];
        let git = Git::new(folder.path(), Duration::from_secs(20)).with_settings(&settings);
        assert_eq!(git.ask(&["config", "user.name"]).unwrap().as_deref(), Some("A $(b) \"c\""));
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::new(folder.path(), Duration::from_millis(300));
        let started = Instant::now();
        let error = git.run(&["-c", "alias.wait=!sleep 30", "wait"], b"").unwrap_err();
        assert!(matches!(&error, Error::Unreachable(text) if text.contains("did not end within")), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
