//! The two streams. Results go to standard output, everything that is said about them to standard error.

use std::io::{ErrorKind, Write};

use anstream::{AutoStream, ColorChoice};

use crate::failure::{Failure, reason};

/// Starts bold text. Streams without colour drop it.
pub(crate) const BOLD: &str = "\x1b[1m";
/// Starts green text.
pub(crate) const GREEN: &str = "\x1b[32m";
/// Starts red text.
pub(crate) const RED: &str = "\x1b[31m";
/// Starts cyan text.
pub(crate) const CYAN: &str = "\x1b[36m";
/// Starts bold red text.
pub(crate) const BOLD_RED: &str = "\x1b[1m\x1b[91m";
/// Ends any of them.
pub(crate) const PLAIN: &str = "\x1b[0m";

/// Where a command writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    quiet: bool,
}

impl Output {
    /// The process's own streams. `color` holds for both.
    pub(crate) fn new(quiet: bool, color: ColorChoice) -> Self {
        color.write_global();
        Self { quiet }
    }

    /// Whether nothing is to be said where all is well.
    pub(crate) const fn is_quiet(self) -> bool {
        self.quiet
    }

    /// Writes a result to standard output. A reader that has seen enough, as `head` has, is no failure.
    pub(crate) fn result(self, text: &str) -> Result<(), Failure> {
        let mut stream = AutoStream::auto(std::io::stdout().lock());
        match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::File(format!("cannot write to the standard output: {}", reason(&error))))
            }
            _ => Ok(()),
        }
    }

    /// Says what was done, unless `--quiet` asks for nothing where all is well.
    pub(crate) fn success(self, text: &str) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { self.result(text) }
    }

    /// Writes to standard error. There is nobody left to tell where that fails.
    pub(crate) fn tell(self, text: &str) {
        let mut stream = AutoStream::auto(std::io::stderr().lock());
        let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    }
}
