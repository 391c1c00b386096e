//! How often the presets of the standard library are wrong, on traffic of which every request fails with one chance,
//! independently of the others. `docs/rollouts.md` has the table; this is where it comes from.

use meshc_core::source::Text;
use meshc_core::state::Record;
use meshc_rollout::decide::{Decision, Situation, decide};
use meshc_rollout::measure::{GateReading, Measured, Measurements, since, window};
use meshc_rollout::plan::{Gate, Manual, Metric, NoData, Plan, Relative, Stage, Traffic};

/// What is simulated of a preset: stages as weight and seconds, limit of the error rate, requests.
struct Preset {
    name: &'static str,
    stages: &'static [(u32, i64)],
    limit: f64,
    require: u32,
}

/// As `stdlib/canary.mesh` has them; a test compares.
const PRESETS: [Preset; 2] = [
    Preset {
        name: "cautious",
        stages: &[(5, 120), (20, 120), (50, 600), (80, 600), (100, 3_600)],
        limit: 0.01,
        require: 200,
    },
    Preset { name: "fast", stages: &[(10, 180), (50, 300), (100, 600)], limit: 0.02, require: 100 },
];

/// Requests of the whole service in a second.
const RATE: f64 = 50.0;
/// Seconds between two runs of `meshc promote`.
const EVERY: i64 = 60;
/// Releases for each row.
const RELEASES: u32 = 400;
/// Chances of failure, as multiples of the limit.
const CHANCES: [f64; 7] = [0.0, 0.25, 0.5, 0.8, 1.1, 1.5, 2.0];

fn plan(preset: &Preset, confidence: Option<u32>) -> Plan {
    let query = String::new;
    Plan {
        schema: 1,
        stable: "v1".to_owned(),
        canary: "v2".to_owned(),
        stages: preset
            .stages
            .iter()
            .map(|&(weight, seconds)| Stage { weight, seconds, manual: None::<Manual> })
            .collect(),
        gates: vec![Gate {
            name: "error-rate".to_owned(),
            metric: Metric::ErrorRate,
            query: query(),
            baseline: None,
            limit: preset.limit,
            relative: Relative::No,
        }],
        require: preset.require,
        no_data: NoData::Hold,
        failures: 1,
        confidence,
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

/// How many of `count` fail, each with `chance`: the normal approximation where it is good, else one by one.
fn failures(dice: &mut fastrand::Rng, count: u32, chance: f64) -> u32 {
    let mean = f64::from(count) * chance;
    if mean < 30.0 {
        // Gaps between failures are geometric.
        if chance <= 0.0 {
            return 0;
        }
        let (mut at, mut failed) = (0.0_f64, 0);
        loop {
            at += (dice.f64().max(1e-300).ln() / (1.0 - chance).ln()).floor() + 1.0;
            if at > f64::from(count) {
                return failed;
            }
            failed += 1;
        }
    }
    let normal = (-2.0 * dice.f64().max(1e-300).ln()).sqrt() * (std::f64::consts::TAU * dice.f64()).cos();
    (mean + normal * (mean * (1.0 - chance)).sqrt()).round().clamp(0.0, f64::from(count)) as u32
}

/// A release under way.
struct Release {
    record: Record,
    /// Requests and failures of each step of `EVERY` seconds, newest last.
    history: Vec<(f64, f64)>,
}

impl Release {
    fn begin() -> Self {
        Self { record: Record::begin(Text::new("v1"), Text::new("v2")), history: Vec::new() }
    }

    /// `EVERY` seconds of traffic until `now`, and what a promote decides then. A next stage is recorded.
    fn step(&mut self, dice: &mut fastrand::Rng, plan: &Plan, chance: f64, now: i64) -> Decision {
        let share = f64::from(self.record.weight) / 100.0;
        let count = (RATE * share * EVERY as f64).round() as u32;
        self.history.push((f64::from(count), f64::from(failures(dice, count, chance))));
        let window = window(&self.record, plan, now);
        let steps = usize::try_from(window / EVERY).unwrap_or(0).min(self.history.len());
        let seen = &self.history[self.history.len() - steps..];
        let (requests, failed) = seen.iter().fold((0.0, 0.0), |sum, step| (sum.0 + step.0, sum.1 + step.1));
        let of = |number: f64| if requests > 0.0 { Ok(number) } else { Err("no data".to_owned()) };
        let all = if share > 0.0 { requests / share } else { 0.0 };
        let measured = Measured {
            now,
            window,
            canary: of(requests),
            stable: Ok(all - requests),
            failed: of(failed),
            sent: Ok(all),
            sent_canary: of(requests),
            sent_stable: Ok(all - requests),
            sent_failed: of(failed),
            lost: Ok(0.0),
            gates: vec![GateReading { query: String::new(), looks: vec![of(failed / requests)], baseline: None }],
        };
        let measurements = Measurements::Taken(Box::new(measured));
        let situation = Situation {
            record: &self.record,
            plan,
            held: false,
            environment_held: false,
            approved: false,
            measurements: &measurements,
        };
        let decision = decide(&situation).decision;
        if let Decision::Advance { to } = decision {
            self.record = Record { weight: to, since: Some(now.into()), ..self.record.clone() };
            assert_eq!(since(&self.record), Some(now));
        }
        decision
    }
}

/// One release; whether it was finished, or else aborted or left where it was after a day, and the highest weight that
/// it had.
fn release(dice: &mut fastrand::Rng, plan: &Plan, chance: f64) -> (Option<bool>, u32) {
    let mut release = Release::begin();
    let mut now = 0;
    while now < 86_400 {
        now += EVERY;
        match release.step(dice, plan, chance, now) {
            Decision::Finish { .. } => return (Some(true), release.record.weight),
            Decision::Abort { .. } => return (Some(false), release.record.weight),
            Decision::Advance { .. } | Decision::Wait { .. } | Decision::Approve { .. } => {}
        }
    }
    (None, release.record.weight)
}

/// Releases of a day.
const A_DAY: usize = 100;
/// Commits of `publish` for one release: subset, routes; and when the old version is not kept any more, routes to the new
/// one alone, and no subset of the old one. Each release is published by itself, so that none shares them.
const PUBLISHED: usize = 4;

/// Commits of a day, in which releases by one preset begin at random minutes of ten hours: those that promote, and all.
fn commits(preset: &Preset) -> (usize, usize) {
    let (plan, mut dice) = (plan(preset, None), fastrand::Rng::with_seed(11));
    // When each begins, and what it is until it has ended.
    let mut releases: Vec<(i64, Option<Release>)> =
        (0..A_DAY).map(|_| (dice.i64(0..600) * 60, Some(Release::begin()))).collect();
    let mut promoted = 0;
    for minute in 1..1_440 {
        let now = minute * EVERY;
        let mut acts = false;
        for (_, release) in releases.iter_mut().filter(|(begins, _)| *begins < now) {
            let Some(running) = release else { continue };
            let decision = running.step(&mut dice, &plan, preset.limit / 4.0, now);
            acts |= decision.acts();
            if matches!(decision, Decision::Finish { .. } | Decision::Abort { .. }) {
                *release = None;
            }
        }
        // One run makes one commit for all that are due.
        promoted += usize::from(acts);
    }
    assert!(releases.iter().all(|(_, release)| release.is_none()), "all ended within the day");
    (promoted, promoted + PUBLISHED * A_DAY)
}

#[test]
fn a_hundred_releases_make_less_than_a_thousand_commits_a_day() {
    let page = include_str!("../../../../docs/rollouts.md");
    for preset in &PRESETS {
        let (promoted, all) = commits(preset);
        println!("{A_DAY} releases by `{}`: {promoted} commits that promote, {all} in all", preset.name);
        assert!(all < 1_000, "{all}");
        // Logarithms differ in their last bit between systems, and then a release may end in another minute.
        let told = |line: &str| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, promotes, total] = cells[..] else { return false };
            let near = |cell: &str, count: usize| cell.parse::<usize>().is_ok_and(|cell| cell.abs_diff(count) <= 10);
            name == format!("`{}`", preset.name) && near(promotes, promoted) && near(total, all)
        };
        assert!(page.lines().any(told), "put this into docs/rollouts.md:\n| `{}` | {promoted} | {all} |", preset.name);
    }
}

fn percent(count: u32) -> String {
    format!("{:.1} %", f64::from(count) * 100.0 / f64::from(RELEASES))
}

fn table() -> String {
    let mut text = String::from(
        "| preset | fails with | passed its first stage | finished | aborted | still waiting |\n|---|---|---|---|---|---|\n",
    );
    for preset in &PRESETS {
        for confidence in [None, Some(95)] {
            for multiple in CHANCES {
                let chance = multiple * preset.limit;
                let mut dice = fastrand::Rng::with_seed(7);
                let plan = plan(preset, confidence);
                let (mut passed, mut finished, mut aborted) = (0, 0, 0);
                let first = plan.stages.first().map_or(0, |stage| stage.weight);
                for _ in 0..RELEASES {
                    let (end, highest) = release(&mut dice, &plan, chance);
                    passed += u32::from(highest > first);
                    match end {
                        Some(true) => finished += 1,
                        Some(false) => aborted += 1,
                        None => {}
                    }
                }
                let name = match confidence {
                    Some(percent) => format!("`{}` with `confidence {percent}%`", preset.name),
                    None => format!("`{}`", preset.name),
                };
                let waiting = RELEASES - finished - aborted;
                text.push_str(&format!(
                    "| {name} | {:.2} % of the requests | {} | {} | {} | {} |\n",
                    chance * 100.0,
                    percent(passed),
                    percent(finished),
                    percent(aborted),
                    percent(waiting)
                ));
            }
        }
    }
    text
}

#[test]
fn the_table_of_the_documentation_is_what_a_simulation_gives() {
    let table = table();
    let page = include_str!("../../../../docs/rollouts.md");
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let same = |line: &str| {
        let new = cells(line);
        page.lines().map(cells).any(|old| {
            // Logarithms differ in their last bit between systems, and then a release or two end differently.
            let near = |(old, new): (&String, &String)| {
                let number = |cell: &String| cell.strip_suffix(" %").and_then(|cell| cell.parse::<f64>().ok());
                number(old).zip(number(new)).map_or(old == new, |(old, new)| (old - new).abs() <= 3.0)
            };
            old.len() == new.len() && old.iter().zip(&new).all(near)
        })
    };
    assert!(table.lines().all(same), "put this into docs/rollouts.md:\n{table}");
}

#[test]
fn the_presets_are_those_of_the_standard_library() {
    let text = include_str!("../../../../stdlib/canary.mesh");
    for preset in &PRESETS {
        let (_, block) = text.split_once(&format!("preset {} {{", preset.name)).expect("the preset");
        let block: Vec<&str> = block.split('}').next().unwrap_or_default().split_whitespace().collect();
        let block = block.join(" ");
        let stages: Vec<String> = preset
            .stages
            .iter()
            .map(|(weight, seconds)| match seconds % 3_600 {
                0 => format!("stage {weight}% for {}h", seconds / 3_600),
                _ => format!("stage {weight}% for {}m", seconds / 60),
            })
            .collect();
        assert!(block.contains(&stages.join(" ")), "{block}");
        assert!(block.contains(&format!("abort when error-rate > {}%", preset.limit * 100.0)), "{block}");
        assert!(block.contains(&format!("require {} requests", preset.require)), "{block}");
    }
}
