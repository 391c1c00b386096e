//! Judges what was measured: each gate, what callers saw, whether there are enough requests, and whether the weight
//! is live.

use meshc_core::state::Record;

use crate::evidence::{Evidence, Verdict};
use crate::measure::{GateReading, Measured, Reading, since};
use crate::plan::{Gate, Metric, Plan, Relative};

/// Everything that a decision on a weight above 0 rests on.
pub fn all(record: &Record, plan: &Plan, measured: &Measured) -> Vec<Evidence> {
    let mut evidence = vec![requests(plan, measured), share(record, plan, measured)];
    for (gate, reading) in plan.gates.iter().zip(&measured.gates) {
        evidence.push(self::gate(record, plan, gate, reading, measured));
        if gate.metric == Metric::ErrorRate {
            let limit = limit(plan, gate, reading, record.weight);
            evidence.extend(limit.ok().map(|limit| callers(record, plan, limit, measured)));
        }
    }
    evidence
}

/// Whether the stage has seen enough requests. None at all is no data: a canary whose only pod is broken is as silent
/// as one that nobody calls.
fn requests(plan: &Plan, measured: &Measured) -> Evidence {
    let required = f64::from(plan.require);
    let (verdict, note) = match &measured.canary {
        Ok(count) if *count >= required => (Verdict::Passes, String::new()),
        Ok(count) if *count > 0.0 => (Verdict::TooFew, String::new()),
        Ok(_) => (Verdict::NoData, "no request arrived".to_owned()),
        Err(why) => (Verdict::NoData, why.clone()),
    };
    Evidence {
        name: "requests".to_owned(),
        query: crate::query::with_window(&plan.traffic.canary, measured.window.unsigned_abs()),
        value: measured.canary.clone().ok(),
        threshold: Some(required),
        samples: None,
        verdict,
        note,
    }
}

/// Whether the weight is live: the canary gets about the share that was published. Callers count, because weights steer
/// callers; where none of them reports, arrivals do. Half of the way from the stage before is taken for live, with room
/// for chance.
fn share(record: &Record, plan: &Plan, measured: &Measured) -> Evidence {
    let count = |reading: &Reading| reading.as_ref().copied().unwrap_or(0.0).max(0.0);
    let (sent, sent_stable) = (count(&measured.sent_canary), count(&measured.sent_stable));
    let (canary, all) = if sent + sent_stable > 0.0 {
        (sent, sent + sent_stable)
    } else {
        (count(&measured.canary), count(&measured.canary) + count(&measured.stable))
    };
    let weight = f64::from(record.weight) / 100.0;
    let before = plan.stages.iter().rev().find(|stage| stage.weight < record.weight).map_or(0, |stage| stage.weight);
    let half = f64::midpoint(f64::from(before) / 100.0, weight);
    let mut evidence = Evidence {
        name: "share of requests".to_owned(),
        query: String::new(),
        value: None,
        threshold: Some(half),
        samples: Some(all),
        verdict: Verdict::NoData,
        note: "no request arrived".to_owned(),
    };
    if all > 0.0 {
        let found = canary / all;
        evidence.value = Some(found);
        let chance = 3.0 * (weight * (1.0 - weight) / all).sqrt();
        evidence.note.clear();
        evidence.verdict = Verdict::Passes;
        if found + chance < half {
            evidence.verdict = Verdict::Uncertain;
            evidence.note = format!("its weight of {} % is not live: is the last commit applied?", record.weight);
        }
    }
    evidence
}

/// The limit of a gate, counted from the stable version where the plan says so.
fn limit(plan: &Plan, gate: &Gate, reading: &GateReading, weight: u32) -> Result<f64, Verdict> {
    if gate.relative == Relative::No {
        return Ok(gate.limit);
    }
    // At 100 % nobody calls the stable version.
    if weight >= 100 {
        return Err(Verdict::NotJudged);
    }
    let Some(Ok(baseline)) = reading.baseline else { return Err(Verdict::NoData) };
    let limit = match gate.relative {
        Relative::No | Relative::Above => baseline + gate.limit,
        Relative::Of => baseline * gate.limit,
    };
    // A share of no failures at all would be none: one failure among the required requests is always allowed.
    Ok(if gate.metric == Metric::ErrorRate { limit.max(1.0 / f64::from(plan.require)) } else { limit })
}

fn gate(record: &Record, plan: &Plan, gate: &Gate, reading: &GateReading, measured: &Measured) -> Evidence {
    let last = reading.looks.last().cloned().unwrap_or_else(|| Err("no data".to_owned()));
    let samples = measured.canary.as_ref().copied().unwrap_or(0.0);
    let mut evidence = Evidence {
        name: gate.name.clone(),
        query: reading.query.clone(),
        value: last.as_ref().ok().copied(),
        threshold: None,
        samples: (gate.metric != Metric::Query).then_some(samples),
        verdict: Verdict::NoData,
        note: String::new(),
    };
    let limit = match limit(plan, gate, reading, record.weight) {
        Ok(limit) => limit,
        Err(verdict) => {
            evidence.verdict = verdict;
            evidence.note = match verdict {
                Verdict::NotJudged => "nobody calls the stable version at 100 %".to_owned(),
                _ => format!(
                    "the stable version: {}",
                    match &reading.baseline {
                        Some(Err(why)) => why.as_str(),
                        _ => "no data",
                    }
                ),
            };
            return evidence;
        }
    };
    evidence.threshold = Some(limit);
    let value = match last {
        Ok(value) => value,
        Err(why) => {
            evidence.note = why;
            return evidence;
        }
    };
    let failed = measured.failed.as_ref().ok().copied();
    evidence.verdict = match (gate.metric, failed) {
        (Metric::ErrorRate, Some(failed)) => errors(plan, limit, failed, samples, ended(record, plan, measured)),
        (Metric::ErrorRate, None) => Verdict::NoData,
        (Metric::Latency, _) if samples < f64::from(plan.require) => Verdict::TooFew,
        (Metric::Latency | Metric::Query, _) => {
            if value > limit {
                Verdict::Fails
            } else {
                Verdict::Passes
            }
        }
    };
    if evidence.verdict == Verdict::Fails && plan.failures > 1 {
        let failing = reading.looks.iter().filter(|look| look.as_ref().is_ok_and(|value| *value > limit)).count();
        if reading.looks.len() < plan.failures as usize || failing < reading.looks.len() {
            evidence.verdict = Verdict::Failing;
            evidence.note = format!("{failing} of {} looks in a row", plan.failures);
        }
    } else if evidence.verdict == Verdict::Failing {
        evidence.note = "not surely, and its stage lasts".to_owned();
    }
    evidence
}

/// Whether the time of the stage is over.
fn ended(record: &Record, plan: &Plan, measured: &Measured) -> bool {
    let seconds = plan.stage(record.weight).map_or(0, |stage| stage.seconds);
    since(record).is_some_and(|since| measured.now >= since.saturating_add(plan.settle_seconds).saturating_add(seconds))
}

/// How sure a failure must be before a stage ends, in percent, where the plan says nothing.
const EARLY_CONFIDENCE: u32 = 95;

/// Judges an error ratio. At the end of its stage the value decides, or with a `confidence` its bound. Before, a failure
/// must be sure: every look is a chance to be unlucky, and a stage is looked at many times. With fewer requests than the
/// stage needs it must also be one whatever the missing requests are: three of the first ten are more than 1 % of two
/// hundred.
fn errors(plan: &Plan, limit: f64, failed: f64, samples: f64, ended: bool) -> Verdict {
    let required = f64::from(plan.require);
    if samples <= 0.0 {
        return Verdict::NoData;
    }
    let ratio = (failed / samples).clamp(0.0, 1.0);
    let (low, high) = interval(ratio, samples, plan.confidence.unwrap_or(EARLY_CONFIDENCE));
    let surely = low > limit;
    if samples < required {
        return if surely && failed > limit * required { Verdict::Fails } else { Verdict::TooFew };
    }
    match (plan.confidence, ratio > limit) {
        _ if surely => Verdict::Fails,
        (None, true) if ended => Verdict::Fails,
        (None, true) => Verdict::Failing,
        (None, false) => Verdict::Passes,
        (Some(_), _) if high <= limit => Verdict::Passes,
        (Some(_), _) => Verdict::Uncertain,
    }
}

/// Wilson's score interval (E. B. Wilson, 1927), one-sided at each end with this confidence in percent.
pub fn interval(ratio: f64, samples: f64, confidence: u32) -> (f64, f64) {
    let z = quantile(f64::from(confidence) / 100.0);
    let square = z * z;
    let middle = ratio + square / (2.0 * samples);
    let spread = z * (ratio * (1.0 - ratio) / samples + square / (4.0 * samples * samples)).sqrt();
    let scale = 1.0 + square / samples;
    (((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0))
}

/// Quantile of the normal distribution for a probability from 0.5 to 0.999, by bisection of its distribution function
/// (Abramowitz and Stegun, 26.2.17: off by less than 1e-7).
fn quantile(probability: f64) -> f64 {
    let below = |x: f64| {
        let t = 1.0 / (1.0 + 0.231_641_9 * x);
        let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
        let sum = series.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
        1.0 - sum * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
    };
    let (mut low, mut high) = (0.0, 6.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if below(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// What callers saw: failures of the canary, with those that never reached it. A proxy that finds no healthy pod
/// answers itself and knows no version then; such failures count as the canary's as far as the canary lacks requests
/// of its share, with room for chance. (Istio 1.31: `destination_version` is `unknown` in a local reply.)
fn callers(record: &Record, plan: &Plan, limit: f64, measured: &Measured) -> Evidence {
    let count = |reading: &Reading| reading.as_ref().copied().unwrap_or(0.0).max(0.0);
    let expected = count(&measured.sent) * f64::from(record.weight) / 100.0;
    let seen = count(&measured.sent_canary).max(count(&measured.canary));
    let missing = (expected - seen - 3.0 * expected.sqrt()).max(0.0);
    let lost = count(&measured.lost).min(missing);
    let samples = count(&measured.sent_canary) + lost;
    let failed = count(&measured.sent_failed) + lost;
    // They abort a release and let none go on: the requests that a stage needs are those that arrive.
    let verdict = match errors(plan, limit, failed, samples, ended(record, plan, measured)) {
        Verdict::Passes => Verdict::Passes,
        Verdict::Fails => Verdict::Fails,
        Verdict::Failing => Verdict::Failing,
        _ => Verdict::NotJudged,
    };
    Evidence {
        name: "error-rate at callers".to_owned(),
        query: crate::query::with_window(&plan.traffic.lost, measured.window.unsigned_abs()),
        value: (samples > 0.0).then(|| failed / samples),
        threshold: Some(limit),
        samples: Some(samples),
        verdict,
        note: if lost > 0.0 { format!("{} never reached it", lost.round()) } else { String::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // With z = 1.6449: 0 of 100 is at most 2.6 %, 10 of 100 is 6.1 % to 16.0 %.
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-3, "{a} {b}");
        near(quantile(0.5), 0.0);
        near(quantile(0.95), 1.6449);
        near(quantile(0.99), 2.3263);
        let (low, high) = interval(0.0, 100.0, 95);
        near(low, 0.0);
        near(high, 0.02634);
        let (low, high) = interval(0.1, 100.0, 95);
        near(low, 0.06072);
        near(high, 0.16036);
    }
}
