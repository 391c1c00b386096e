//! Why a command ends, and the exit code that says so. `docs/exit-codes.md` is the promise; this is its only
//! implementation.

use std::path::Path;

/// The project has errors, or what was asked does not hold.
const PROJECT: u8 = 1;
/// The command was used wrongly. clap's own code for it is the same.
pub(crate) const USAGE: u8 = 2;
/// A file could not be read or written.
const FILE: u8 = 3;
/// A server took the request and refused it.
const REJECTED: u8 = 4;
/// A server could not be reached, or others were faster every time: the same command may succeed later.
const UNREACHABLE: u8 = 5;
/// It is committed, and was not seen in the cluster in the time given.
const NOT_LIVE: u8 = 6;

/// Why a command ends with a code other than 0.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What is wrong was shown already; nothing is left to say.
    Reported,
    /// The same, and the reason was a file that could not be read.
    ReportedFile,
    /// What was asked does not hold, with the sentence that says why.
    Refused(String),
    /// The command was used wrongly, with the sentence that says how to use it.
    Usage(String),
    /// A file could not be read or written, with the sentence that names it.
    File(String),
    /// There is something to do, and `--detailed-exitcode` asks for a code of its own.
    Changes,
    /// A server refused, with its own words.
    Rejected(String),
    /// A server could not be reached in time.
    Unreachable(String),
    /// It is committed, and was not seen in the cluster in the time given.
    NotLive(String),
}

impl From<meshc_gitops::Error> for Failure {
    fn from(error: meshc_gitops::Error) -> Self {
        use meshc_gitops::Error;
        let text = error.to_string();
        match error {
            Error::Refused(_) => Failure::Refused(text),
            Error::Rejected { .. } => Failure::Rejected(text),
            Error::Unreachable(_) | Error::LostRaces { .. } => Failure::Unreachable(text),
            Error::Local(_) => Failure::File(text),
        }
    }
}

impl Failure {
    /// A file that could not be read, written or created: `verb` is "read".
    pub(crate) fn file(verb: &str, path: &Path, error: &std::io::Error) -> Self {
        Failure::File(format!("cannot {verb} `{}`: {}", path.display(), reason(error)))
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Failure::Reported | Failure::Refused(_) => PROJECT,
            Failure::Usage(_) => USAGE,
            // terraform's code for it; who asks for it knows that it is not an error.
            Failure::Changes => USAGE,
            Failure::ReportedFile | Failure::File(_) => FILE,
            Failure::Rejected(_) => REJECTED,
            Failure::Unreachable(_) => UNREACHABLE,
            Failure::NotLive(_) => NOT_LIVE,
        }
    }

    /// What is still to be said.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Failure::Reported | Failure::ReportedFile | Failure::Changes => None,
            Failure::Refused(text)
            | Failure::Usage(text)
            | Failure::File(text)
            | Failure::Rejected(text)
            | Failure::Unreachable(text)
            | Failure::NotLive(text) => Some(text),
        }
    }
}

/// The operating system's words, in lower case and without its number: "permission denied".
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
