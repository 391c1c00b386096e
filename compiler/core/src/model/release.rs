//! Versions of a service and the shares of traffic that they get.

use crate::source::{Spanned, Text};

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// The versions that the DestinationRule defines, stable first. Never empty.
    pub subsets: Vec<Subset>,
    /// What routes name: indices into `subsets` with whole percents that sum to 100. One entry has no weight.
    pub weights: Vec<(usize, u32)>,
    /// The weights as they are under a hold: everything on stable. The lock digests this form, so that neither a
    /// promote nor a rollback touches a lock (design section 4).
    pub held: Vec<(usize, u32)>,
    /// The declared new version, where this environment may begin or goes on with its release.
    pub next: Option<Text>,
    /// A release is declared or under way, so that people want to hear of the shares.
    pub release: bool,
    /// The recorded or declared versions and weight, for messages: "v1 95 %, v2 5 % (held)".
    pub summary: String,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subset {
    /// DNS-1123 label made of the version.
    pub name: Text,
    /// Value of the pods' `version` label.
    pub version: Text,
}

/// `version v1` or `version v1 -> v2`, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionDecl {
    /// What runs.
    pub stable: Spanned<Text>,
    /// What is being released.
    pub next: Option<Spanned<Text>>,
}

/// A DNS-1123 label made of a version, which may hold capitals, `.` and `_`: the name of its subset.
pub fn subset_name(version: &str) -> Text {
    let name: String =
        version.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    name.into()
}
