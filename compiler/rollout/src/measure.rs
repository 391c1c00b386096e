//! Measures one service: asks the questions of its plan at one time of the server.

use meshc_core::state::Record;

use crate::plan::{Plan, Traffic};
use crate::query::with_window;

/// An answer: one finite number, or why there is none.
pub type Reading = Result<f64, String>;

/// Whom the questions are put to. A test answers them itself.
pub trait Source {
    /// The server's clock, in seconds since 1970.
    fn now(&self) -> Result<i64, String>;
    /// One number at a time.
    fn at(&self, query: &str, time: i64) -> Reading;
    /// Numbers at several times, one each `step` seconds, oldest first, the last one at `end`.
    fn range(&self, query: &str, end: i64, step: i64, count: u32) -> Vec<Reading>;
}

/// What was measured about one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The server's clock.
    pub now: i64,
    /// How far back it was looked, in seconds; 0 where there is nothing to look at yet.
    pub window: i64,
    /// Arrived at the canary.
    pub canary: Reading,
    /// Arrived at the stable version.
    pub stable: Reading,
    /// Of those that arrived at the canary, failed.
    pub failed: Reading,
    /// Sent by callers, whatever became of it.
    pub sent: Reading,
    /// Sent to the canary, as callers saw it.
    pub sent_canary: Reading,
    /// Sent to the stable version, as callers saw it.
    pub sent_stable: Reading,
    /// Of those sent to the canary, failed.
    pub sent_failed: Reading,
    /// Failed at callers and assigned to no version.
    pub lost: Reading,
    /// One for each gate of the plan.
    pub gates: Vec<GateReading>,
}

/// What was measured for a gate.
#[derive(Debug, Clone, PartialEq)]
pub struct GateReading {
    /// The query as it was asked.
    pub query: String,
    /// The last looks, oldest first; as many as the stage has had time for.
    pub looks: Vec<Reading>,
    /// The stable version's value.
    pub baseline: Option<Reading>,
}

/// Measurements, or why there are none.
#[derive(Debug, Clone, PartialEq)]
pub enum Measurements {
    /// These.
    Taken(Box<Measured>),
    /// The server could not be asked.
    Unreachable {
        /// Why.
        why: String,
        /// The clock of this machine.
        now: i64,
    },
}

/// Seconds between two looks of a gate. Scrapes are 15 s to 60 s apart nearly everywhere; looks that are nearer to each
/// other would be the same look.
pub const LOOK_SECONDS: i64 = 60;

/// When the weight of a state was decided, in seconds since 1970.
pub fn since(record: &Record) -> Option<i64> {
    record.since.as_ref().and_then(serde_json::Value::as_i64)
}

/// How many seconds of a stage can be looked at: since its weight is live, or, before that, since it was decided, which
/// is enough to see a failure and never a success.
pub fn window(record: &Record, plan: &Plan, now: i64) -> i64 {
    let Some(since) = since(record) else { return 0 };
    let live = since.saturating_add(plan.settle_seconds);
    (now - if now > live { live } else { since }).max(0)
}

/// Asks all questions of a plan. `now` is the clock of this machine, for a server that cannot be asked.
pub fn measure(source: &dyn Source, record: &Record, plan: &Plan, now: i64) -> Measurements {
    let time = match source.now() {
        Ok(time) => time,
        Err(why) => return Measurements::Unreachable { why, now },
    };
    let window = window(record, plan, time);
    let seconds = u64::try_from(window).unwrap_or(0);
    let ask = |query: &str| {
        if seconds == 0 {
            Err("the stage has just begun".to_owned())
        } else {
            source.at(&with_window(query, seconds), time)
        }
    };
    // As many looks as fit into the stage, each with a window of one length that lies in the stage.
    let fit = u32::try_from(window / LOOK_SECONDS).unwrap_or(u32::MAX).max(1);
    let looks = plan.failures.min(fit);
    let shorter = u64::try_from(window - i64::from(looks - 1) * LOOK_SECONDS).unwrap_or(0);
    let gates = plan.gates.iter().map(|gate| {
        let query = with_window(&gate.query, shorter);
        let looks = match (shorter, looks) {
            (0, _) => vec![Err("the stage has just begun".to_owned())],
            (_, 1) => vec![source.at(&query, time)],
            _ => source.range(&query, time, LOOK_SECONDS, looks),
        };
        let baseline = gate.baseline.as_deref().map(&ask);
        GateReading { query, looks, baseline }
    });
    let gates = gates.collect();
    let Traffic { canary, stable, failed, sent, sent_canary, sent_stable, sent_failed, lost } = &plan.traffic;
    Measurements::Taken(Box::new(Measured {
        now: time,
        window,
        canary: ask(canary),
        stable: ask(stable),
        failed: ask(failed),
        sent: ask(sent),
        sent_canary: ask(sent_canary),
        sent_stable: ask(sent_stable),
        sent_failed: ask(sent_failed),
        lost: ask(lost),
        gates,
    }))
}
