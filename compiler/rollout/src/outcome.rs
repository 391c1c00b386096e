//! What came of a promote: for each release what was decided, and the commit.

use git2::Oid;
use meshc_gitops::rollback::Name;
use meshc_gitops::status::Hold;

use crate::decide::{Decided, Decision};

/// What was decided about one service.
#[derive(Debug, Clone)]
pub struct Report {
    /// The service.
    pub name: Name,
    /// "v1 95 %, v2 5 %", before.
    pub before: String,
    /// The new version.
    pub canary: String,
    /// Its weight before.
    pub weight: u32,
    /// The weights of its stages, in percent, rising.
    pub stages: Vec<u32>,
    /// The hold that was there before.
    pub hold: Option<Hold>,
    /// It was finished before.
    pub finished: bool,
    /// The decision with its evidence.
    pub decided: Decided,
    /// The decision was dropped: state, plan or hold changed while it was made.
    pub dropped: bool,
}

impl Report {
    /// Whether a promote has nothing more to do for this release, now that this was done: it is held or finished.
    pub const fn is_over(&self) -> bool {
        let ends = matches!(self.decided.decision, Decision::Abort { .. } | Decision::Finish { .. });
        self.hold.is_some() || self.finished || (ends && !self.dropped)
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was decided, by service.
    pub reports: Vec<Report>,
    /// Releases that cannot be decided about or taken back, and why. They stop no other release.
    pub faults: Vec<(Name, String)>,
    /// The commit, where there is one, and how many times it was tried.
    pub commit: Option<(Oid, u32)>,
}
