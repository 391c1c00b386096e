//! The compiled plan of a release, `state/FOLDER/NAMESPACE/SERVICE.plan.json`: everything that a decision needs beside
//! the state and the measurements, so that promoting compiles nothing.

use std::collections::BTreeMap;

use meshc_core::bundle::Bundle;
use meshc_core::bundle::weights::{self, Place};
use meshc_core::check::environment::Facts;
use meshc_core::model::release::{self, Canary};
use meshc_core::model::traffic::Millis;
use meshc_core::model::{Namespace, Service};
use serde::{Deserialize, Serialize};

use crate::query::{Queries, Reporter, Subject};

/// The schema that is written and read.
const SCHEMA: u32 = 1;

/// A compiled plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Version of this shape: 1.
    pub schema: u32,
    /// The version that takes what the canary does not.
    pub stable: String,
    /// The version being released.
    pub canary: String,
    /// Rising, the last one 100 %.
    pub stages: Vec<Stage>,
    /// What aborts the release.
    pub gates: Vec<Gate>,
    /// Requests that a stage must have seen before it can be passed.
    pub require: u32,
    /// What an empty answer means.
    pub no_data: NoData,
    /// How many looks in a row must fail before the release is aborted.
    pub failures: u32,
    /// Percent of confidence with which an error rate is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u32>,
    /// How long the old version stays after the last stage.
    pub keep_seconds: i64,
    /// How long a commit may take to be live: the clock of a stage starts behind it.
    pub settle_seconds: i64,
    /// Times in which nothing advances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freezes: Vec<Freeze>,
    /// How requests are counted.
    pub traffic: Traffic,
    /// Where it is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Server>,
    /// The numbers that a promote changes, by file.
    pub places: BTreeMap<String, Vec<Place>>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stage {
    /// Percent of the requests.
    pub weight: u32,
    /// At least this long.
    pub seconds: i64,
    /// What a person has to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<Manual>,
}

/// What a person has to do before a stage is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manual {
    /// Agree, when all else is satisfied.
    Approve,
    /// Go on.
    Pause,
}

/// What aborts a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gate {
    /// As the language spells it: `error-rate`, `latency p99`.
    pub name: String,
    /// What is measured.
    pub metric: Metric,
    /// The question about the new version.
    pub query: String,
    /// The same about the stable version, where the limit is counted from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// Above this the gate fails: a ratio, milliseconds, or a number of the user's query.
    pub limit: f64,
    /// What the limit is counted from.
    #[serde(default)]
    pub relative: Relative,
}

/// What a gate measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Share of failed requests.
    ErrorRate,
    /// A quantile of the answer times, in milliseconds.
    Latency,
    /// The user's own.
    Query,
}

/// What a limit is counted from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relative {
    /// Zero.
    #[default]
    No,
    /// The stable version's value and this much more.
    Above,
    /// This many times the stable version's value.
    Of,
}

/// What an empty answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoData {
    /// Stay.
    Hold,
    /// Back to stable.
    Rollback,
}

/// A time in which nothing advances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Freeze {
    /// Every week: minutes since Monday 00:00 UTC.
    Weekly {
        /// From this minute on.
        from: u32,
        /// Until this one; in the next week where it is not behind `from`.
        to: u32,
    },
    /// Once: seconds since 1970.
    Once {
        /// From this second on.
        from: i64,
        /// Until this one.
        to: i64,
    },
}

/// Counts of requests in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Traffic {
    /// Arrived at the canary.
    pub canary: String,
    /// Arrived at the stable version.
    pub stable: String,
    /// Of those that arrived at the canary, failed.
    pub failed: String,
    /// Sent by callers, whatever became of it.
    pub sent: String,
    /// Sent to the canary, as callers saw it.
    pub sent_canary: String,
    /// Sent to the stable version, as callers saw it.
    pub sent_stable: String,
    /// Of those sent to the canary, failed.
    pub sent_failed: String,
    /// Failed at callers and assigned to no version.
    pub lost: String,
}

/// A Prometheus. Files are named, never their content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its URL.
    pub url: String,
    /// `bearer-token-file` and the like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// Where the plan of a service is.
pub fn path(folder: &str, namespace: &str, service: &str) -> String {
    format!("state/{folder}/{namespace}/{service}.plan.json")
}

/// Compiles the plan of a service, which asks `queries`; nothing where no release runs, or none that
/// carries weights.
///
/// The error is a query that cannot be rendered, or a file that is no YAML.
pub fn compile(
    folder: &str,
    namespace: &Namespace,
    service: &Service,
    facts: &Facts,
    bundle: &Bundle,
    queries: &Queries,
) -> Result<Option<Plan>, String> {
    let Some(routing) = &service.routing else { return Ok(None) };
    let (Some(canary), Some(next), Some(stable)) = (&routing.plan, &routing.next, routing.subsets.first()) else {
        return Ok(None);
    };
    let below = format!("{folder}/{}/{}/", namespace.name, service.name);
    let mut places = BTreeMap::new();
    for (path, held) in bundle.held.iter().filter(|(path, _)| path.starts_with(&below)) {
        let found = weights::places(held, &stable.version, next).map_err(|why| format!("`{path}` {why}"))?;
        if !found.is_empty() {
            places.insert(path.clone(), found);
        }
    }
    if places.is_empty() {
        return Ok(None);
    }
    let subject = Subject {
        queries,
        namespace: namespace.rendered.to_string(),
        service: service.name.to_string(),
        hosts: service.hosts.iter().map(|host| host.name.to_string()).collect(),
        grpc: service.ports.iter().any(|port| port.protocol.is_grpc()),
        stable: stable.version.to_string(),
        canary: next.to_string(),
    };
    plan(canary, &subject, facts, places).map(Some)
}

fn plan(
    canary: &Canary,
    subject: &Subject<'_>,
    facts: &Facts,
    places: BTreeMap<String, Vec<Place>>,
) -> Result<Plan, String> {
    use Reporter::{Destination, Source};
    let seconds = |Millis(millis): Millis| i64::try_from(millis.div_ceil(1_000)).unwrap_or(i64::MAX);
    let (new, old) = (&subject.canary, &subject.stable);
    let stage = |stage: &release::Stage| Stage {
        weight: stage.weight,
        seconds: stage.duration.map_or(0, seconds),
        manual: match stage.manual {
            release::Manual::No => None,
            release::Manual::Approve => Some(Manual::Approve),
            release::Manual::Pause => Some(Manual::Pause),
        },
    };
    Ok(Plan {
        schema: SCHEMA,
        stable: old.clone(),
        canary: new.clone(),
        stages: canary.stages.iter().map(stage).collect(),
        gates: canary.gates.iter().map(|gate| self::gate(gate, subject)).collect::<Result<_, String>>()?,
        require: canary.require,
        no_data: match canary.no_data {
            release::NoData::Hold => NoData::Hold,
            release::NoData::Rollback => NoData::Rollback,
        },
        failures: canary.failures,
        confidence: canary.confidence,
        keep_seconds: seconds(canary.keep),
        settle_seconds: seconds(facts.settle()),
        freezes: facts
            .freezes
            .iter()
            .map(|freeze| match *freeze {
                release::Freeze::Weekly(from, to) => Freeze::Weekly { from, to },
                release::Freeze::Once(from, to) => Freeze::Once { from, to },
            })
            .collect(),
        traffic: Traffic {
            canary: subject.requests(Destination, new)?,
            stable: subject.requests(Destination, old)?,
            failed: subject.failures(Destination, new)?,
            sent: subject.requests(Source, "")?,
            sent_canary: subject.requests(Source, new)?,
            sent_stable: subject.requests(Source, old)?,
            sent_failed: subject.failures(Source, new)?,
            lost: subject.lost()?,
        },
        prometheus: facts.prometheus.as_ref().map(|declared| Server {
            url: declared.url.to_string(),
            options: declared.options.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        }),
        places,
    })
}

fn gate(gate: &release::Gate, subject: &Subject<'_>) -> Result<Gate, String> {
    let question = |version: &str| match &gate.metric {
        release::Metric::ErrorRate => subject.error_ratio(version),
        release::Metric::Latency(percent) => subject.latency(version, *percent),
        release::Metric::Query(query) => subject.own(query),
    };
    let relative = match gate.relative {
        release::Relative::No => Relative::No,
        release::Relative::Above => Relative::Above,
        release::Relative::Of => Relative::Of,
    };
    let (name, metric) = match &gate.metric {
        release::Metric::ErrorRate => ("error-rate".to_owned(), Metric::ErrorRate),
        release::Metric::Latency(percent) => (format!("latency p{percent}"), Metric::Latency),
        release::Metric::Query(_) => ("query".to_owned(), Metric::Query),
    };
    Ok(Gate {
        name,
        metric,
        query: question(&subject.canary)?,
        baseline: (relative != Relative::No).then(|| question(&subject.stable)).transpose()?,
        limit: match gate.threshold {
            release::Threshold::Percent(percent) => percent / 100.0,
            #[expect(clippy::cast_precision_loss, reason = "a latency of 2^53 ms is not measured")]
            release::Threshold::Duration(Millis(millis)) => millis as f64,
            release::Threshold::Number(number) => number,
        },
        relative,
    })
}

impl Plan {
    /// As it is written.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a plan. The error says what is wrong, to be read behind the file's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plan: Plan = serde_json::from_str(text).map_err(|error| format!("is not a plan: {error}"))?;
        if plan.schema != SCHEMA {
            return Err(format!("has schema {}, and this program reads schema {SCHEMA}", plan.schema));
        }
        if plan.stages.last().is_none_or(|last| last.weight != 100) || plan.gates.is_empty() || plan.require == 0 {
            return Err("has no gate, no required requests, or no last stage of 100 %".to_owned());
        }
        Ok(plan)
    }

    /// The stage that a weight belongs to: the last one that is not above it. After an edit of the stages there may be
    /// none of this very weight.
    pub fn stage(&self, weight: u32) -> Option<&Stage> {
        self.stages.iter().rev().find(|stage| stage.weight <= weight).or(self.stages.first())
    }

    /// The next stage: the first with a higher weight.
    pub fn next(&self, weight: u32) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.weight > weight)
    }
}

/// Until when a freeze that holds at `now` lasts, in seconds since 1970; nothing where none holds.
pub fn frozen_until(freezes: &[Freeze], now: i64) -> Option<i64> {
    /// Minutes of a week.
    const WEEK: i64 = 7 * 24 * 60;
    // 1970-01-01 was a Thursday, three days behind Monday.
    let minute = (now.div_euclid(60) + 3 * 24 * 60).rem_euclid(WEEK);
    let until = |freeze: &Freeze| match *freeze {
        Freeze::Once { from, to } => (from <= now && now < to).then_some(to),
        Freeze::Weekly { from, to } => {
            let (from, to) = (i64::from(from), i64::from(to));
            let length = (to - from - 1).rem_euclid(WEEK) + 1;
            let into = (minute - from).rem_euclid(WEEK);
            (into < length).then(|| (now.div_euclid(60) + length - into) * 60)
        }
    };
    freezes.iter().filter_map(until).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-27 is a Friday.
    const FRIDAY_NOON: i64 = 1_795_780_800;

    #[test]
    fn a_weekly_freeze_goes_over_the_end_of_the_week() {
        let freeze = [Freeze::Weekly { from: 4 * 1440 + 16 * 60, to: 8 * 60 }];
        let monday = FRIDAY_NOON + (2 * 24 + 20) * 3600;
        assert_eq!(frozen_until(&freeze, FRIDAY_NOON), None);
        assert_eq!(frozen_until(&freeze, FRIDAY_NOON + 4 * 3600 - 1), None);
        assert_eq!(frozen_until(&freeze, FRIDAY_NOON + 4 * 3600), Some(monday));
        assert_eq!(frozen_until(&freeze, monday - 1), Some(monday));
        assert_eq!(frozen_until(&freeze, monday), None);
    }

    #[test]
    fn a_freeze_of_dates_ends_behind_its_last_day() {
        let freeze = [Freeze::Once { from: 100, to: 200 }];
        assert_eq!([99, 100, 199, 200].map(|now| frozen_until(&freeze, now)), [None, Some(200), Some(200), None]);
    }
}
