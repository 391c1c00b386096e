//! The decision: a pure function of state, plan, measurements and time. It never takes silence for success.

use meshc_core::state::Record;

use crate::evidence::{Evidence, Verdict, number};
use crate::judge;
use crate::measure::{LOOK_SECONDS, Measured, Measurements, since};
use crate::plan::{Manual, NoData, Plan, frozen_until};

/// What a decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'s> {
    /// How far the release is.
    pub record: &'s Record,
    /// Its plan.
    pub plan: &'s Plan,
    /// A hold of the service exists.
    pub held: bool,
    /// A hold of the whole environment exists: `state/FOLDER/HOLD`.
    pub environment_held: bool,
    /// A person has approved the next step.
    pub approved: bool,
    /// What was measured.
    pub measurements: &'s Measurements,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// The next stage.
    Advance {
        /// Its weight.
        to: u32,
    },
    /// Nothing yet.
    Wait {
        /// Why.
        why: String,
        /// Until when at least, in seconds since 1970, where that is known.
        until: Option<i64>,
    },
    /// Back to stable, and hold.
    Abort {
        /// Why.
        why: String,
    },
    /// The last stage is passed.
    Finish {
        /// Until when the old version is kept, in seconds since 1970.
        kept_until: i64,
    },
    /// A person has to agree to the next stage.
    Approve {
        /// Its weight; nothing where the release would be finished.
        to: Option<u32>,
    },
}

impl Decision {
    /// Whether something is to be committed.
    pub const fn acts(&self) -> bool {
        matches!(self, Decision::Advance { .. } | Decision::Abort { .. } | Decision::Finish { .. })
    }
}

/// A decision with what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// What is to be done.
    pub decision: Decision,
    /// When it was decided, by the server's clock where it could be asked.
    pub now: i64,
    /// Why.
    pub evidence: Vec<Evidence>,
}

/// Decides.
pub fn decide(situation: &Situation<'_>) -> Decided {
    let (now, measured) = match situation.measurements {
        Measurements::Taken(measured) => (measured.now, Ok(measured.as_ref())),
        Measurements::Unreachable { why, now } => (*now, Err(why.as_str())),
    };
    let evidence = match measured {
        Ok(measured) if situation.record.weight > 0 => judge::all(situation.record, situation.plan, measured),
        _ => Vec::new(),
    };
    let decision = decision(situation, now, measured, &evidence);
    Decided { decision, now, evidence }
}

fn wait(why: impl Into<String>) -> Decision {
    Decision::Wait { why: why.into(), until: None }
}

fn decision(situation: &Situation<'_>, now: i64, measured: Result<&Measured, &str>, evidence: &[Evidence]) -> Decision {
    let Situation { record, plan, .. } = *situation;
    if situation.held {
        return wait("it is held; `meshc resume` lifts the hold");
    }
    if record.finished {
        return wait("it is finished; `meshc publish` takes the old version out when its time is over");
    }
    if record.stable != plan.stable || record.canary.as_deref() != Some(plan.canary.as_str()) {
        return wait("its plan is for other versions than its state; `meshc publish` has a further commit to make");
    }
    if record.weight == 0 {
        return match (measured, blocked(situation, now), plan.next(0)) {
            (Err(why), ..) => wait(format!("nothing begins that cannot be measured: {why}")),
            (Ok(_), Some(blocked), _) => blocked,
            (Ok(_), None, Some(first)) => Decision::Advance { to: first.weight },
            (Ok(_), None, None) => wait("its plan has no stage"),
        };
    }
    let Some(since) = since(record) else {
        return wait("its state does not say since when it has this weight; roll it back and resume it");
    };
    let stage = plan.stage(record.weight);
    let manual = stage.and_then(|stage| stage.manual);
    let live = since.saturating_add(plan.settle_seconds);
    let ends = live.saturating_add(stage.map_or(0, |stage| stage.seconds));
    // What fails is taken back at once, whatever the clock says.
    if let Some(failed) = evidence.iter().find(|evidence| evidence.verdict == Verdict::Fails) {
        return Decision::Abort { why: reason(failed) };
    }
    let blind = match measured {
        Err(why) => Some(why.to_owned()),
        Ok(_) => evidence.iter().find(|evidence| evidence.verdict == Verdict::NoData).map(reason),
    };
    // A stage without a duration is looked at for a while, too.
    let silent = now >= ends.max(live.saturating_add(LOOK_SECONDS));
    if let (Some(why), true, NoData::Rollback) = (&blind, silent, plan.no_data) {
        return Decision::Abort { why: format!("no data at the end of its stage: {why}") };
    }
    if now <= live {
        return Decision::Wait { why: "its weight may not be live yet".to_owned(), until: Some(live + 1) };
    }
    // Whoever goes on from a pause vouches for what could not be measured, and for nothing that fails.
    let vouched = situation.approved && manual == Some(Manual::Pause);
    let open = evidence.iter().find(|evidence| match evidence.verdict {
        Verdict::Passes | Verdict::NotJudged | Verdict::Fails => false,
        Verdict::Failing => true,
        Verdict::TooFew | Verdict::NoData | Verdict::Uncertain => !vouched,
    });
    if let (Some(why), false) = (&blind, vouched) {
        return Decision::Wait { why: why.clone(), until: (now < ends).then_some(ends) };
    }
    if now < ends {
        return Decision::Wait { why: format!("its stage of {} % lasts", record.weight), until: Some(ends) };
    }
    if let Some(open) = open {
        return wait(reason(open));
    }
    let next = plan.next(record.weight).map(|stage| stage.weight);
    if manual.is_some() && !situation.approved {
        return Decision::Approve { to: next };
    }
    if let Some(blocked) = blocked(situation, now) {
        return blocked;
    }
    match next {
        Some(to) => Decision::Advance { to },
        None => Decision::Finish { kept_until: now.saturating_add(plan.keep_seconds) },
    }
}

/// What stops every release from going on. Going back is never stopped.
fn blocked(situation: &Situation<'_>, now: i64) -> Option<Decision> {
    if situation.environment_held {
        return Some(wait("the whole environment is held, by the file `HOLD` among its states"));
    }
    let until = frozen_until(&situation.plan.freezes, now)?;
    Some(Decision::Wait { why: "a freeze lasts".to_owned(), until: Some(until) })
}

/// One piece of evidence as a reason: "error-rate 0.031, limit 0.01, 240 requests".
fn reason(evidence: &Evidence) -> String {
    let Evidence { name, value, threshold, samples, verdict, note, .. } = evidence;
    let mut text = name.clone();
    match (verdict, value, threshold) {
        (Verdict::Fails | Verdict::Failing, Some(value), Some(threshold)) => {
            text.push_str(&format!(" is {}, above {}", number(*value), number(*threshold)));
        }
        (Verdict::TooFew, Some(value), Some(threshold)) => {
            text.push_str(&format!(": {} of {}", number(value.round()), number(*threshold)));
        }
        (other, ..) => text.push_str(&format!(": {}", other.words())),
    }
    if let (Some(samples), Verdict::Fails | Verdict::Failing) = (samples, verdict) {
        text.push_str(&format!(", in {} requests", number(samples.round())));
    }
    if !note.is_empty() {
        text.push_str(&format!(" ({note})"));
    }
    text
}

#[cfg(test)]
mod tests;
