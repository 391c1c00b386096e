//! Why nothing was published.

use std::time::Duration;

/// Why an operation on a repository ended without its result. The text says what was found and what to do; how a
/// process ends because of it is the command line's affair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// What was asked does not hold, and asking again changes nothing.
    Refused(String),
    /// The server took the request and said no: a hook, a protected branch, a missing permission. Its own words are
    /// in it.
    Rejected {
        /// What was to be done.
        what: String,
        /// What the server said, line by line.
        words: String,
    },
    /// The server could not be reached, or did not answer in time.
    Unreachable(String),
    /// Somebody else was faster every time.
    LostRaces {
        /// How often it was tried.
        attempts: u32,
        /// For how long.
        during: Duration,
    },
    /// The disk, or a repository on it, cannot be used.
    Local(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Refused(text) | Error::Unreachable(text) | Error::Local(text) => f.write_str(text),
            Error::Rejected { what, words } if words.is_empty() => {
                write!(f, "the server refused {what}, and did not say why")
            }
            Error::Rejected { what, words } => {
                write!(f, "the server refused {what}; it said:")?;
                words.lines().try_for_each(|line| write!(f, "\n  {line}"))
            }
            Error::LostRaces { attempts, during } => write!(
                f,
                "others pushed to the branch before each of {attempts} attempts in {} s; try again",
                during.as_secs()
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<git2::Error> for Error {
    fn from(error: git2::Error) -> Self {
        Error::Local(format!("a repository on this disk cannot be used: {}", error.message()))
    }
}

/// The result of everything that touches a repository.
pub type Result<T> = std::result::Result<T, Error>;
