//! What must hold for every decision, whatever was measured.

use meshc_core::source::Text;
use proptest::prelude::*;

use super::*;
use crate::measure::{GateReading, Reading};
use crate::plan::{Freeze, Gate, Metric, Relative, Stage, Traffic};

fn plan() -> Plan {
    let query = || "q".to_owned();
    let stage = |weight, seconds| Stage { weight, seconds, manual: None };
    let gate = |name: &str, metric, limit| Gate {
        name: name.to_owned(),
        metric,
        query: query(),
        baseline: None,
        limit,
        relative: Relative::No,
    };
    Plan {
        schema: 1,
        stable: "v1".to_owned(),
        canary: "v2".to_owned(),
        stages: vec![stage(5, 120), stage(20, 120), stage(100, 600)],
        gates: vec![gate("error-rate", Metric::ErrorRate, 0.01), gate("latency p99", Metric::Latency, 500.0)],
        require: 200,
        no_data: NoData::Hold,
        failures: 1,
        confidence: None,
        keep_seconds: 86_400,
        settle_seconds: 60,
        freezes: Vec::new(),
        traffic: Traffic {
            canary: query(),
            stable: query(),
            failed: query(),
            sent: query(),
            sent_canary: query(),
            sent_stable: query(),
            sent_failed: query(),
            lost: query(),
        },
        prometheus: None,
        places: std::collections::BTreeMap::new(),
    }
}

fn record(weight: u32, since: i64) -> Record {
    let begun = Record::begin(Text::new("v1"), Text::new("v2"));
    Record { weight, since: (weight > 0).then(|| since.into()), ..begun }
}

/// `requests` of the canary, of which `failed` failed, at a weight that is live.
fn measured(now: i64, weight: u32, requests: f64, failed: f64, latency: f64) -> Measured {
    let all = requests * 100.0 / f64::from(weight.max(1));
    let look = |value| GateReading { query: "q".to_owned(), looks: vec![value], baseline: None };
    Measured {
        now,
        window: 120,
        canary: Ok(requests),
        stable: Ok(all - requests),
        failed: Ok(failed),
        sent: Ok(all),
        sent_canary: Ok(requests),
        sent_stable: Ok(all - requests),
        sent_failed: Ok(failed),
        lost: Ok(0.0),
        gates: vec![look(Ok(failed / requests)), look(Ok(latency))],
    }
}

fn decided(record: &Record, plan: &Plan, measured: Measured) -> Decision {
    let measurements = Measurements::Taken(Box::new(measured));
    let situation =
        Situation { record, plan, held: false, environment_held: false, approved: false, measurements: &measurements };
    decide(&situation).decision
}

/// Behind the end of every stage.
const LATE: i64 = 10_000;

#[test]
fn a_healthy_release_goes_stage_by_stage() {
    let plan = plan();
    let at = |weight| decided(&record(weight, 1_000), &plan, measured(LATE, weight, 300.0, 1.0, 40.0));
    assert_eq!(at(0), Decision::Advance { to: 5 });
    assert_eq!(at(5), Decision::Advance { to: 20 });
    // The weight is the position: stages may have been edited since.
    assert_eq!(at(7), Decision::Advance { to: 20 });
    assert_eq!(at(20), Decision::Advance { to: 100 });
    assert_eq!(at(100), Decision::Finish { kept_until: LATE + 86_400 });
}

#[test]
fn a_stage_lasts_from_when_its_weight_is_live() {
    let plan = plan();
    let at = |now| decided(&record(5, 1_000), &plan, measured(now, 5, 300.0, 0.0, 40.0));
    assert!(matches!(at(1_060), Decision::Wait { until: Some(1_061), .. }), "{:?}", at(1_060));
    assert!(matches!(at(1_179), Decision::Wait { until: Some(1_180), .. }), "{:?}", at(1_179));
    assert_eq!(at(1_180), Decision::Advance { to: 20 });
}

#[test]
fn what_fails_is_aborted_at_once() {
    let plan = plan();
    let at =
        |now, requests, failed, latency| decided(&record(5, 1_000), &plan, measured(now, 5, requests, failed, latency));
    for aborted in [
        at(LATE, 300.0, 4.0, 40.0),
        at(LATE, 300.0, 0.0, 501.0),
        // Before the weight is sure to be live, and before the samples are there: three of ten are more than 1 % of
        // two hundred.
        at(1_010, 10.0, 3.0, 40.0),
    ] {
        assert!(matches!(aborted, Decision::Abort { .. }), "{aborted:?}");
    }
    // One unlucky call decides nothing.
    assert!(matches!(at(LATE, 10.0, 1.0, 40.0), Decision::Wait { .. }));
    assert!(matches!(at(LATE, 199.0, 0.0, 9_000.0), Decision::Wait { .. }));
}

#[test]
fn silence_holds_or_rolls_back_as_declared() {
    let silent = |now| Measured {
        canary: Err("no data".to_owned()),
        gates: vec![GateReading { query: String::new(), looks: vec![Err("NaN".to_owned())], baseline: None }; 2],
        ..measured(now, 5, 1.0, 0.0, 1.0)
    };
    let mut plan = plan();
    assert!(matches!(decided(&record(5, 1_000), &plan, silent(LATE)), Decision::Wait { .. }));
    plan.no_data = NoData::Rollback;
    assert!(matches!(decided(&record(5, 1_000), &plan, silent(1_100)), Decision::Wait { .. }));
    assert!(matches!(decided(&record(5, 1_000), &plan, silent(LATE)), Decision::Abort { .. }));
}

#[test]
fn a_server_that_cannot_be_asked_is_no_success() {
    let measurements = Measurements::Unreachable { why: "refused".to_owned(), now: LATE };
    for weight in [0, 5, 100] {
        let record = record(weight, 1_000);
        let mut plan = plan();
        let mut decide = |no_data| {
            plan.no_data = no_data;
            let situation = Situation {
                record: &record,
                plan: &plan,
                held: false,
                environment_held: false,
                approved: false,
                measurements: &measurements,
            };
            decide(&situation).decision
        };
        assert!(matches!(decide(NoData::Hold), Decision::Wait { .. }));
        let rolled_back = decide(NoData::Rollback);
        assert_eq!(matches!(rolled_back, Decision::Abort { .. }), weight > 0, "{rolled_back:?}");
    }
}

#[test]
fn a_weight_that_is_not_live_waits() {
    // 20 % are published, and callers still send 5 %.
    let stale = Measured { sent_canary: Ok(300.0), sent_stable: Ok(5_700.0), ..measured(LATE, 20, 300.0, 0.0, 40.0) };
    let decision = decided(&record(20, 1_000), &plan(), stale);
    assert!(matches!(&decision, Decision::Wait { why, .. } if why.contains("not live")), "{decision:?}");
}

#[test]
fn failures_that_never_arrive_are_seen_at_the_callers() {
    // Its pods are ejected: nothing arrives, and the callers' proxies answer with errors of no version.
    let ejected = Measured {
        canary: Err("no data".to_owned()),
        failed: Ok(0.0),
        sent: Ok(6_000.0),
        sent_canary: Err("no data".to_owned()),
        sent_stable: Ok(5_700.0),
        sent_failed: Ok(0.0),
        lost: Ok(300.0),
        gates: vec![GateReading { query: String::new(), looks: vec![Err("no data".to_owned())], baseline: None }; 2],
        ..measured(LATE, 5, 300.0, 0.0, 40.0)
    };
    let decision = decided(&record(5, 1_000), &plan(), ejected.clone());
    assert!(matches!(decision, Decision::Abort { .. }), "{decision:?}");
    // Lost requests of the stable version are none of the canary's where that gets its share.
    let noisy = Measured { lost: Ok(300.0), ..measured(LATE, 5, 300.0, 0.0, 40.0) };
    assert_eq!(decided(&record(5, 1_000), &plan(), noisy), Decision::Advance { to: 20 });
}

#[test]
fn several_looks_in_a_row_must_fail() {
    let mut plan = plan();
    plan.failures = 3;
    let looks = |looks: [f64; 3]| {
        let mut measured = measured(LATE, 5, 300.0, 30.0, 40.0);
        measured.sent_failed = Ok(0.0);
        if let Some(gate) = measured.gates.first_mut() {
            gate.looks = looks.map(Ok).to_vec();
        }
        decided(&record(5, 1_000), &plan, measured)
    };
    assert!(matches!(looks([0.1, 0.0, 0.1]), Decision::Wait { .. }));
    assert!(matches!(looks([0.1, 0.1, 0.1]), Decision::Abort { .. }));
}

#[test]
fn a_relative_limit_is_counted_from_the_stable_version() {
    let mut plan = plan();
    let gate = plan.gates.first_mut().unwrap();
    (gate.relative, gate.limit, gate.baseline) = (Relative::Above, 0.01, Some("q".to_owned()));
    let with = |baseline: Option<Reading>, weight| {
        let mut measured = measured(LATE, weight, 1_000.0, 15.0, 40.0);
        measured.gates.first_mut().unwrap().baseline = baseline;
        decided(&record(weight, 1_000), &plan, measured)
    };
    assert_eq!(with(Some(Ok(0.01)), 20), Decision::Advance { to: 100 });
    assert!(matches!(with(Some(Ok(0.0)), 20), Decision::Abort { .. }));
    assert!(matches!(with(Some(Err("no data".to_owned())), 20), Decision::Wait { .. }));
    // Nobody calls the stable version: only the other gates judge.
    assert!(matches!(with(Some(Err("no data".to_owned())), 100), Decision::Finish { .. }));
}

#[test]
fn confidence_decides_on_the_bound() {
    let mut plan = plan();
    plan.confidence = Some(95);
    let at = |requests, failed| {
        let mut measured = measured(LATE, 5, requests, failed, 40.0);
        measured.sent_failed = Ok(0.0);
        decided(&record(5, 1_000), &plan, measured)
    };
    assert!(matches!(at(200.0, 0.0), Decision::Wait { .. }), "200 of 200 may still be 1.3 % of failures");
    assert_eq!(at(300.0, 0.0), Decision::Advance { to: 20 });
    assert!(matches!(at(1_000.0, 12.0), Decision::Wait { .. }));
    assert!(matches!(at(1_000.0, 20.0), Decision::Abort { .. }));
}

#[test]
fn people_are_asked_where_the_plan_says_so() {
    let mut plan = plan();
    let manual = |plan: &mut Plan, manual| plan.stages.first_mut().unwrap().manual = Some(manual);
    let decide = |plan: &Plan, approved, measured| {
        let record = record(5, 1_000);
        let measurements = Measurements::Taken(Box::new(measured));
        let situation = Situation {
            record: &record,
            plan,
            held: false,
            environment_held: false,
            approved,
            measurements: &measurements,
        };
        decide(&situation).decision
    };
    let healthy = || measured(LATE, 5, 300.0, 0.0, 40.0);
    let few = || measured(LATE, 5, 3.0, 0.0, 40.0);
    let failing = || measured(LATE, 5, 300.0, 30.0, 40.0);
    manual(&mut plan, Manual::Approve);
    assert_eq!(decide(&plan, false, healthy()), Decision::Approve { to: Some(20) });
    assert_eq!(decide(&plan, true, healthy()), Decision::Advance { to: 20 });
    assert!(matches!(decide(&plan, true, few()), Decision::Wait { .. }));
    manual(&mut plan, Manual::Pause);
    assert!(matches!(decide(&plan, false, few()), Decision::Wait { .. }));
    assert_eq!(decide(&plan, true, few()), Decision::Advance { to: 20 });
    assert!(matches!(decide(&plan, true, failing()), Decision::Abort { .. }));
}

#[derive(Debug, Clone)]
struct Case {
    weight: u32,
    now: i64,
    held: bool,
    environment_held: bool,
    approved: bool,
    frozen: bool,
    finished: bool,
    measured: Measured,
}

fn reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        1 => Just(Err("no data".to_owned())),
        3 => (0.0..5_000.0_f64).prop_map(Ok),
        1 => (0.0..0.05_f64).prop_map(Ok),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let readings = proptest::collection::vec(reading(), 10);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (prop_oneof![Just(0_u32), Just(5), Just(20), Just(100), 1..100_u32], 900..3_000_i64, flags, readings).prop_map(
        |(weight, now, (held, environment_held, approved, frozen, finished), readings)| {
            let take = |index: usize| readings.get(index).cloned().unwrap();
            let gate = |index| GateReading { query: String::new(), looks: vec![take(index)], baseline: None };
            let measured = Measured {
                now,
                window: 100,
                canary: take(0),
                stable: take(1),
                failed: take(2),
                sent: take(3),
                sent_canary: take(4),
                sent_stable: take(5),
                sent_failed: take(6),
                lost: take(7),
                gates: vec![gate(8), gate(9)],
            };
            Case {
                weight,
                now,
                held: held && approved,
                environment_held,
                approved,
                frozen,
                finished: finished && frozen,
                measured,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever goes on has time, samples, and passing gates; it goes to a stage of the plan with a higher weight.
    #[test]
    fn nothing_goes_on_without_evidence(case in case()) {
        let mut plan = plan();
        if case.frozen {
            plan.freezes.push(Freeze::Once { from: 0, to: 1 << 40 });
        }
        let record = Record { finished: case.finished, ..record(case.weight, 1_000) };
        let measurements = Measurements::Taken(Box::new(case.measured.clone()));
        let situation = Situation {
            record: &record,
            plan: &plan,
            held: case.held,
            environment_held: case.environment_held,
            approved: case.approved,
            measurements: &measurements,
        };
        let decided = decide(&situation);
        prop_assert_eq!(&decided, &decide(&situation));
        if case.held || case.finished {
            prop_assert!(!decided.decision.acts());
        }
        let forward = matches!(decided.decision, Decision::Advance { .. } | Decision::Finish { .. });
        if let Decision::Advance { to } = decided.decision {
            prop_assert!(to > case.weight);
            prop_assert!(plan.stages.iter().any(|stage| stage.weight == to));
        }
        if forward {
            prop_assert!(!case.environment_held && !case.frozen);
        }
        if forward && case.weight > 0 {
            let seconds = plan.stage(case.weight).unwrap().seconds;
            prop_assert!(case.now >= 1_000 + plan.settle_seconds + seconds);
            prop_assert!(*case.measured.canary.as_ref().unwrap() >= f64::from(plan.require));
            for (gate, reading) in plan.gates.iter().zip(&case.measured.gates) {
                prop_assert!(reading.looks.first().unwrap().is_ok());
                let good = |evidence: &&Evidence| evidence.name == gate.name;
                prop_assert_eq!(decided.evidence.iter().find(good).unwrap().verdict, Verdict::Passes);
            }
        }
    }
}
