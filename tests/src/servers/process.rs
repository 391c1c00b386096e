//! Programs that a test starts: with an end to every wait, and without one left behind.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What a program gave.
#[derive(Debug)]
pub struct Run {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Run {
    /// The run, if it ended with this code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "after {:?}\n{}\n{}", self.took, self.stdout, self.stderr);
        self
    }
}

/// A program that runs in a process group of its own, together with what it starts. Dropped, the whole group is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    started: Instant,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    ended: bool,
}

impl Running {
    /// Starts a program; it reads nothing unless the command says so.
    pub fn start(command: &mut Command) -> Self {
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        Self { child, started: Instant::now(), stdout, stderr, ended: false }
    }

    /// Waits for its end, which must come before the limit.
    #[track_caller]
    pub fn finish(mut self, limit: Duration) -> Run {
        let Some(status) = self.wait(limit) else {
            self.kill_group();
            let (stdout, stderr) = self.output();
            panic!("still running after {limit:?}:\n{stdout}\n{stderr}");
        };
        let took = self.started.elapsed();
        self.ended = true;
        let (stdout, stderr) = self.output();
        Run { code: status.code(), stdout, stderr, took }
    }

    /// Kills the program alone (SIGKILL). What it started lives on, as when an operator kills a process by its id.
    pub fn kill(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Kills the program and all that it started (SIGKILL), as when a machine loses its power.
    pub fn kill_group(&mut self) {
        kill_group(self.child.id());
        let _ = self.child.wait();
        self.ended = true;
    }

    /// How it ended, once it has; none while it runs when the limit is over.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait().expect("a child of this process can be waited for") {
                Some(status) => return Some(status),
                None if Instant::now() >= deadline => return None,
                None => thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// What it wrote so far. What it started may hold the pipes open for longer than it lives: that is not waited for.
    fn output(&self) -> (String, String) {
        let text = |from: &Receiver<Vec<u8>>| {
            let bytes = from.recv_timeout(Duration::from_secs(5)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        (text(&self.stdout), text(&self.stderr))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.kill_group();
        }
    }
}

/// Runs a program to its end, which must come before the limit.
#[track_caller]
pub fn run(command: &mut Command, limit: Duration) -> Run {
    Running::start(command).finish(limit)
}

fn collect(from: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is what there is to show.
        let _ = from.map(|mut from| from.read_to_end(&mut bytes));
        let _ = sender.send(bytes);
    });
    receiver
}

/// Kills a process group by the id of its first process. Through the shell: the standard library has no such call.
fn kill_group(leader: u32) {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -KILL \"-$0\"", &leader.to_string()]);
    // It fails where nobody is left in the group.
    let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// The process groups that a server runs for its clients now, by the ids of their first processes.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups(Arc<Mutex<BTreeSet<u32>>>);

impl Groups {
    /// Starts a program in a group of its own, hands it over, and waits for its end.
    pub(super) fn run<T>(&self, command: &mut Command, with: impl FnOnce(&mut Child) -> T) -> io::Result<T> {
        let mut child = command.process_group(0).spawn()?;
        self.0.lock().expect("no holder panics").insert(child.id());
        let out = with(&mut child);
        let ended = child.wait();
        self.0.lock().expect("no holder panics").remove(&child.id());
        ended.map(|_| out)
    }

    /// Kills them all.
    pub(super) fn kill(&self) {
        for leader in self.0.lock().expect("no holder panics").iter() {
            kill_group(*leader);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    fn appears(path: &std::path::Path, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if path.exists() {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    #[test]
    fn a_run_has_what_was_written_and_the_code() {
        let run = run(&mut shell("echo out; echo err >&2; exit 3"), LONG).ended(3);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("out\n", "err\n"));
    }

    #[test]
    #[should_panic(expected = "still running")]
    fn what_does_not_end_is_killed_and_told() {
        run(&mut shell("echo begun; sleep 60"), Duration::from_millis(100));
    }

    #[test]
    fn killing_the_program_alone_leaves_what_it_started_and_killing_the_group_does_not() {
        let folder = tempfile::tempdir().unwrap();
        for (name, whole) in [("alone", false), ("group", true)] {
            let begun = folder.path().join(format!("{name}-begun"));
            let done = folder.path().join(format!("{name}-done"));
            let script = format!("sh -c 'touch {}; sleep 0.4; touch {}'; true", begun.display(), done.display());
            let mut running = Running::start(&mut shell(&script));
            assert!(appears(&begun, LONG));
            if whole {
                running.kill_group();
            } else {
                running.kill();
            }
            assert_eq!(appears(&done, if whole { Duration::from_millis(800) } else { LONG }), !whole, "{name}");
        }
    }
}
