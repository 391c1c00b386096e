//! Running other programs than git with a deadline: none of them may make `meshc` wait for ever.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::reason;

/// How often a running program is looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// What a program gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    /// It ended with code 0.
    pub(crate) succeeded: bool,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it said.
    pub(crate) stderr: String,
}

impl Ran {
    /// What it said last, on one line: most programs end with the reason.
    pub(crate) fn reason(&self) -> String {
        let said = self.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut lines: Vec<&str> = said.collect();
        // git ends with general advice where a remote has refused.
        let advice =
            |line: &&str| line.starts_with("Please make sure") || line.starts_with("and the repository exists");
        lines.retain(|line| !advice(line));
        let start = lines.len().saturating_sub(3);
        let said = lines.get(start..).unwrap_or_default().join("; ");
        if said.is_empty() { "it gave no reason".to_owned() } else { said }
    }
}

/// Why a program gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no such program.
    Missing,
    /// It did not end in time, and was stopped.
    TimedOut(Duration),
    /// It cannot be started; the operating system's words.
    Other(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Missing => f.write_str("it is not installed"),
            Trouble::TimedOut(limit) => write!(f, "it did not answer within {} s", limit.as_secs()),
            Trouble::Other(reason) => write!(f, "it cannot be run: {reason}"),
        }
    }
}

/// Runs a program without input, to its end or to the deadline.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Ran, Trouble> {
    let other = |error: std::io::Error| Trouble::Other(reason(&error));
    // Files, not pipes: what a program has started may keep a pipe open after it.
    let mut stdout = tempfile::tempfile().map_err(other)?;
    let mut stderr = tempfile::tempfile().map_err(other)?;
    command.stdin(Stdio::null());
    command.stdout(stdout.try_clone().map_err(other)?);
    command.stderr(stderr.try_clone().map_err(other)?);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Trouble::Missing,
        _ => other(error),
    })?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait().map_err(other)? {
            Some(status) => break status,
            None if start.elapsed() >= limit => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Trouble::TimedOut(limit));
            }
            None => std::thread::sleep(PAUSE),
        }
    };
    let text = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).map_err(other)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Ran { succeeded: status.success(), stdout: text(&mut stdout)?, stderr: text(&mut stderr)? })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Result<Ran, Trouble> {
        run(Command::new("sh").args(["-c", script]), limit)
    }

    #[test]
    fn a_program_is_run_to_its_end() {
        let ran = sh("echo out; echo a >&2; echo b >&2; exit 3", Duration::from_secs(10)).unwrap();
        assert_eq!((ran.succeeded, ran.stdout.as_str(), ran.reason().as_str()), (false, "out\n", "a; b"));
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        let start = Instant::now();
        let limit = Duration::from_millis(100);
        // A child that keeps the streams open must not be waited for either.
        assert_eq!(sh("sleep 20 & sleep 20", limit), Err(Trouble::TimedOut(limit)));
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_program_that_is_not_there_is_told_apart() {
        let missing = run(&mut Command::new("no-such-program-here"), Duration::from_secs(1));
        assert_eq!(missing, Err(Trouble::Missing));
    }
}
