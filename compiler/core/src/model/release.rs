//! Versions of a service and the shares of traffic that they get.

use super::traffic::Millis;
use crate::source::{Span, Spanned, Text};
use crate::state::Record;

/// Where requests go.
#[derive(Debug, Clone, PartialEq)]
pub struct Routing {
    /// The versions that the DestinationRule defines, stable first. Never empty.
    pub subsets: Vec<Subset>,
    /// What routes name: indices into `subsets` with whole percents that sum to 100. One entry has no weight.
    pub weights: Vec<(usize, u32)>,
    /// The weights as they are under a hold: everything on stable. The lock digests this form, so that neither a
    /// promote nor a rollback touches a lock (design section 4).
    pub held: Vec<(usize, u32)>,
    /// The new version: the declared one, where this environment may begin or goes on with its release, or the one of a
    /// release that it keeps while the sources are ahead.
    pub next: Option<Text>,
    /// A release is declared or under way, so that people want to hear of the shares.
    pub release: bool,
    /// How the release goes; absent where none runs or begins.
    pub plan: Option<Canary>,
    /// What the record of the release is to say once this routing is published, where that is not what it says.
    pub record: Option<Record>,
    /// The recorded or declared versions and weight, for messages: "v1 95 %, v2 5 % (held)".
    pub summary: String,
}

impl Routing {
    /// The shares under a hold, for people: "v1 100 %, v2 0 %". They are the same in all stages of a release.
    pub fn at_hold(&self) -> String {
        let share = |(index, weight): &(usize, u32)| {
            self.subsets.get(*index).map(|subset| format!("{} {weight} %", subset.version))
        };
        self.held.iter().filter_map(share).collect::<Vec<_>>().join(", ")
    }
}

/// How a release goes: the checked `canary`. Names no versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Canary {
    /// Rising, the last one 100 %. Never empty.
    pub stages: Vec<Stage>,
    /// What aborts the release. Never empty.
    pub gates: Vec<Gate>,
    /// Requests that a stage must have seen before it can be passed.
    pub require: u32,
    /// What an empty answer means.
    pub no_data: NoData,
    /// How many looks in a row must fail before the release is aborted.
    pub failures: u32,
    /// How long the old version stays reachable after the last stage.
    pub keep: Millis,
    /// Percent of confidence with which an error rate is judged; absent: the measured value itself.
    pub confidence: Option<u32>,
}

/// How long the old version stays where nothing is stated.
pub const KEEP: Millis = Millis(24 * 3_600_000);

/// `stage 5% for 2m approve`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// The statement.
    pub span: Span,
    /// Share of the canary.
    pub weight: u32,
    /// At least this long.
    pub duration: Option<Millis>,
    /// What a person has to do with it.
    pub manual: Manual,
}

/// What a person has to do before a stage is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manual {
    /// Nothing.
    No,
    /// `approve`: agree, when time, samples and gates are satisfied.
    Approve,
    /// `pause`: go on, at any time while no gate fails.
    Pause,
}

/// `abort when METRIC > THRESHOLD`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// What is measured.
    pub metric: Metric,
    /// Above this the canary is aborted.
    pub threshold: Threshold,
    /// What the threshold is counted from.
    pub relative: Relative,
}

/// What a gate measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Share of failed requests.
    ErrorRate,
    /// Quantile of the latency, in percent: 99 for `p99`, 99.9 as 999 with one decimal place is not offered.
    Latency(u32),
    /// The user's own PromQL.
    Query(Text),
}

impl Metric {
    /// As the language spells it.
    pub fn name(&self) -> String {
        match self {
            Metric::ErrorRate => "error-rate".to_owned(),
            Metric::Latency(quantile) => format!("latency p{quantile}"),
            Metric::Query(query) => format!("query \"{query}\""),
        }
    }
}

/// The limit of a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// Percent.
    Percent(f64),
    /// A latency.
    Duration(Millis),
    /// A number in the unit of the user's query.
    Number(f64),
}

/// What a threshold is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relative {
    /// Zero.
    No,
    /// `above stable`: the stable version's value and this much more.
    Above,
    /// `of stable`: this share of the stable version's value, in percent.
    Of,
}

/// What happens when there is no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoData {
    /// Stay at the stage.
    Hold,
    /// Back to stable.
    Rollback,
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

/// A time in which no release advances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freeze {
    /// Every week: minutes since Monday 00:00 UTC, from and to. Ends in the next week where `to` is not behind `from`.
    Weekly(u32, u32),
    /// Once: seconds since 1970, from and to.
    Once(i64, i64),
}
