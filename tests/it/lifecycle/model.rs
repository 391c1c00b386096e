//! What must hold of releases, whatever is done: told from the files of a commit alone, by what the pages of the
//! documentation say, without the code that writes them.

use std::collections::BTreeMap;

use serde_json::Value;

/// Files by path.
type Files = BTreeMap<String, String>;
/// Percent of the requests by subset; no entry is 0.
type Shares = BTreeMap<String, u64>;

/// How a release stands by its record and its hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) stable: Option<String>,
    pub(super) canary: Option<String>,
    pub(super) weight: u64,
    pub(super) finished: bool,
    pub(super) kept_until: Option<i64>,
    pub(super) held: bool,
}

impl Standing {
    /// What the files of a commit say.
    pub(super) fn of(files: &Files, service: &str) -> Self {
        let state = files.get(&format!("state/prod/front/{service}.json"));
        let state: Value = state.map(|text| serde_json::from_str(text).expect("a state is JSON")).unwrap_or_default();
        let text = |name: &str| state[name].as_str().map(str::to_owned);
        Self {
            stable: text("stable"),
            canary: text("canary"),
            weight: state["weight"].as_u64().unwrap_or(0),
            finished: state["finished"] == true,
            kept_until: state["kept_until"].as_i64(),
            held: files.contains_key(&format!("state/prod/front/{service}.hold")),
        }
    }

    /// Published weights are a function of state and hold.
    fn shares(&self) -> Option<Shares> {
        let stable = self.stable.clone()?;
        let weight = if self.held { 0 } else { self.weight };
        let mut shares = Shares::from([(stable, 100 - weight)]);
        shares.extend(self.canary.clone().map(|canary| (canary, weight)));
        shares.retain(|_, weight| *weight > 0);
        Some(shares)
    }
}

/// Who measures what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    Good,
    Bad,
    Silent,
}

/// What was done to one service.
#[derive(Debug, Clone, Copy)]
pub(super) enum Done {
    Nothing,
    Published,
    /// Published without the service.
    Removed,
    Promoted(Traffic),
    RolledBack,
    Resumed,
}

/// Why a standing must not follow another one by what was done; nothing where it may.
pub(super) fn broken(done: Done, before: &Standing, after: &Standing, now: i64) -> Option<String> {
    let same = before == after;
    let may = match done {
        Done::Nothing => same,
        Done::RolledBack => *after == Standing { held: true, ..before.clone() },
        Done::Resumed if before.held => {
            let versions = (&before.stable, &before.canary) == (&after.stable, &after.canary);
            versions && (after.weight, after.finished, after.held) == (0, false, false)
        }
        Done::Resumed => same,
        // Nobody moves what is held, and a finished release waits for a publish.
        Done::Promoted(_) if before.held || before.finished || before.canary.is_none() => same,
        Done::Promoted(traffic) => {
            let versions = (&before.stable, &before.canary) == (&after.stable, &after.canary);
            let aborted = after.held && before.weight > 0;
            let advanced = !after.held && after.weight > before.weight && !after.finished;
            let finished = after.finished && after.weight == 100 && before.weight == 100 && !after.held;
            let went_on = advanced || finished;
            versions
                && match traffic {
                    Traffic::Good => same || went_on,
                    Traffic::Bad => same || aborted || (before.weight == 0 && advanced),
                    Traffic::Silent => same || (before.weight == 0 && advanced),
                }
        }
        // Its record goes with the last of its files, and never while requests go to a new version or somebody holds it.
        Done::Removed => same || (after.stable.is_none() && before.weight == 0 && !before.held && !after.held),
        Done::Published => {
            let same_release = (&before.stable, &before.canary) == (&after.stable, &after.canary);
            let went_back = after.weight == 0 && !after.finished;
            let due = before.finished && !before.held && before.kept_until.is_some_and(|until| until <= now);
            let taken_over = due && after.stable == before.canary && after.canary.is_none() && after.weight == 0;
            let begun = before.stable.is_none() && after.weight == 0;
            after.held == before.held
                && (same
                    || begun
                    || taken_over
                    || (before.stable == after.stable && went_back)
                    || (same_release && after.weight == before.weight && after.finished == before.finished))
        }
    };
    (!may).then(|| format!("{done:?} at {now}: {before:?} -> {after:?}"))
}

/// What is wrong with the files of a commit.
pub(super) fn problems(files: &Files, service: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let standing = Standing::of(files, service);
    let folder = format!("prod/front/{service}/");
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with(&folder) && is_route(path)) {
        for (number, shares) in routes(text).into_iter().enumerate() {
            let right = standing.shares().map_or(shares.len() == 1, |expected| expected == shares);
            if !right {
                problems.push(format!("{path}: route {number} has {shares:?}, and it stands at {standing:?}"));
            }
        }
        let prepared = files.get(&format!("rollback/prod/front.{service}/files/{path}"));
        let back = prepared.map(|text| routes(text));
        let stable = standing.stable.clone().unwrap_or_default();
        // Whatever goes to a new version can be taken back.
        let has_canary = |shares: &Shares| shares.keys().any(|subset| *subset != stable);
        if standing.canary.is_some() && routes(text).iter().any(has_canary) && back.is_none() {
            problems.push(format!("{path} sends requests to a new version, and has no rollback"));
        }
        if back.iter().flatten().any(has_canary) {
            problems.push(format!("the rollback of {path} leaves requests on the new version"));
        }
    }
    problems
}

fn is_route(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|file| file.starts_with("virtual-service"))
}

/// The shares of each route of a VirtualService.
fn routes(text: &str) -> Vec<Shares> {
    let object: Value = yaml_serde::from_str(text).expect("a VirtualService is YAML");
    let rules = object["spec"]["http"].as_array().into_iter().flatten();
    let routes = rules.filter_map(|rule| rule["route"].as_array());
    let shares = routes.map(|route| {
        let mut shares = Shares::new();
        for entry in route {
            let subset = entry["destination"]["subset"].as_str().unwrap_or_default().to_owned();
            *shares.entry(subset).or_default() += entry["weight"].as_u64().unwrap_or(100);
        }
        shares.retain(|_, weight| *weight > 0);
        shares
    });
    shares.collect()
}
