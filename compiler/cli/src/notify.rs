//! Tells those whom an environment names with `notify` what became of a release. It changes no decision and no exit
//! code: what cannot be told is a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshc_core::lower::declaration::{NotifyEvent, NotifyTarget};
use meshc_gitops::publish::now;
use meshc_gitops::rollback::Name;
use meshc_rollout::decide::Decision;
use meshc_rollout::notify;
use meshc_rollout::outcome::Outcome;
use serde::Serialize;

use crate::commands::Session;
use crate::output::{PLAIN, RED};
use crate::publishing::deployed::{Environment, Place};
use crate::report::json::{SCHEMA, to_line};

/// Nobody waits longer for one of those who are told.
const DEADLINE: Duration = Duration::from_secs(5);

/// What happened, as `docs/formats.md` describes it.
#[derive(Debug, Serialize)]
struct Document<'e> {
    schema: u32,
    event: &'static str,
    environment: &'e str,
    /// Seconds since 1970.
    at: i64,
    namespace: Option<&'e str>,
    service: Option<&'e str>,
    canary: Option<&'e str>,
    from: Option<u32>,
    to: Option<u32>,
    commit: Option<String>,
    reason: Option<&'e str>,
    /// All of it in one sentence.
    text: String,
}

/// One thing that happened.
#[derive(Debug, Default)]
pub(crate) struct Happened<'e> {
    pub(crate) name: Option<&'e Name>,
    pub(crate) canary: Option<&'e str>,
    /// Weights before and after, in percent.
    pub(crate) weights: Option<(u32, u32)>,
    pub(crate) commit: Option<String>,
    pub(crate) reason: Option<&'e str>,
}

/// Tells what happens, and each failure once for as long as it lasts.
pub(crate) struct Notifier<'s> {
    session: &'s Session,
    /// What failed in the last turn, by environment.
    failing: BTreeMap<String, BTreeSet<String>>,
}

impl<'s> Notifier<'s> {
    pub(crate) fn new(session: &'s Session) -> Self {
        Self { session, failing: BTreeMap::new() }
    }

    /// Tells what came of a turn. The error is why there was none.
    pub(crate) fn turn(&mut self, environment: &Environment, came: Result<&Outcome, &str>) {
        let mut failing = BTreeSet::new();
        match came {
            Ok(outcome) => {
                for report in outcome.reports.iter().filter(|report| !report.dropped) {
                    let (event, to, reason) = match &report.decided.decision {
                        Decision::Advance { to } => (NotifyEvent::Promoted, *to, None),
                        Decision::Abort { why } => (NotifyEvent::Aborted, 0, Some(why.as_str())),
                        Decision::Finish { .. } => (NotifyEvent::Finished, report.weight, None),
                        Decision::Wait { .. } | Decision::Approve { .. } => continue,
                    };
                    let Some((commit, _)) = outcome.commit else { continue };
                    let happened = Happened {
                        name: Some(&report.name),
                        canary: Some(&report.canary),
                        weights: Some((report.weight, to)),
                        commit: Some(commit.to_string()),
                        reason,
                    };
                    self.tell(environment, event, &happened);
                }
                for (name, why) in &outcome.faults {
                    let key = format!("{name}: {why}");
                    if !self.failed_before(environment, &key) {
                        let happened = Happened { name: Some(name), reason: Some(why), ..Happened::default() };
                        self.tell(environment, NotifyEvent::Failed, &happened);
                    }
                    failing.insert(key);
                }
            }
            Err(why) => {
                if !self.failed_before(environment, why) {
                    let happened = Happened { reason: Some(why), ..Happened::default() };
                    self.tell(environment, NotifyEvent::Failed, &happened);
                }
                failing.insert(why.to_owned());
            }
        }
        self.failing.insert(environment.name.clone(), failing);
    }

    /// Tells all environments of a place that it cannot be worked with.
    pub(crate) fn place(&mut self, place: &Place, why: &str) {
        for environment in place.deployed.iter().flat_map(|deployed| deployed.asked()) {
            self.turn(environment, Err(why));
        }
    }

    fn failed_before(&self, environment: &Environment, key: &str) -> bool {
        self.failing.get(&environment.name).is_some_and(|failing| failing.contains(key))
    }

    /// Tells one thing to all who want to know of it.
    pub(crate) fn tell(&self, environment: &Environment, event: NotifyEvent, happened: &Happened<'_>) {
        let wanted: Vec<_> = environment.notify.iter().filter(|notify| notify.events.contains(&event)).collect();
        if wanted.is_empty() {
            return;
        }
        let Happened { name, canary, weights, commit, reason } = happened;
        let body = to_line(&Document {
            schema: SCHEMA,
            event: event.name(),
            environment: &environment.name,
            at: now(),
            namespace: name.map(|name| name.namespace.as_str()),
            service: name.map(|name| name.service.as_str()),
            canary: *canary,
            from: weights.map(|(from, _)| from),
            to: weights.map(|(_, to)| to),
            commit: commit.clone(),
            reason: *reason,
            text: sentence(environment, event, happened),
        });
        for notify in wanted {
            let told = match &notify.target {
                NotifyTarget::WebhookFile(file) => {
                    notify::webhook(&self.session.folder.join(file.as_str()), body.trim_end(), DEADLINE)
                }
                NotifyTarget::Command(words) => {
                    let words: Vec<&str> = words.iter().map(|word| word.as_str()).collect();
                    notify::command(&words, &self.session.folder, &body, DEADLINE)
                }
            };
            if let Err(why) = told {
                let event = event.name();
                self.session.output.tell(&format!("{RED}warning{PLAIN}: nobody was told of `{event}`: {why}\n"));
            }
        }
    }
}

/// "prod shop/web aborted: v2 5 % -> 0 %: error-rate is 0.03, above 0.01".
fn sentence(environment: &Environment, event: NotifyEvent, happened: &Happened<'_>) -> String {
    let mut text = environment.name.clone();
    if let Some(name) = happened.name {
        text.push_str(&format!(" {name}"));
    }
    text.push_str(&format!(" {}", event.name()));
    if let (Some(canary), Some((from, to))) = (happened.canary, happened.weights) {
        text.push_str(&format!(": {canary} {from} % -> {to} %"));
    }
    if let Some(reason) = happened.reason.filter(|reason| !reason.is_empty()) {
        text.push_str(&format!(": {reason}"));
    }
    text
}
