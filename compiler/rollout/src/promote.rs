//! Promoting: one commit for all releases that are due, or none. The decision holds only for the state, plan and hold
//! that it was made from: where one of them changed meanwhile, it is dropped, and the next run decides anew.

mod together;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use git2::Oid;
use meshc_core::bundle::weights;
use meshc_core::state::{self, Record};
use meshc_gitops::commit::{Blobs, Changes, Identity, create_with_blobs};
use meshc_gitops::folder::Commit;
use meshc_gitops::remote::{Pushed, Remote};
use meshc_gitops::rollback::{self, Name};
use meshc_gitops::status::{self, Hold};
use meshc_gitops::{Error, Result};

use crate::decide::{Decision, Situation, decide};
use crate::measure::{Measurements, Source, measure};
use crate::message;
use crate::outcome::{Outcome, Report};
use crate::plan::{self, Plan, Server};

/// A server that can be asked, or why not.
pub type Connected = std::result::Result<Box<dyn Source>, String>;

/// What is needed to promote.
pub struct Order<'o> {
    /// The folder of the environment.
    pub folder: &'o str,
    /// The services; empty: all that have a release.
    pub services: &'o [String],
    /// A person approves the next step of these services.
    pub approve: bool,
    /// All of these services go on, or none does.
    pub together: bool,
    /// Decide, and commit nothing.
    pub dry_run: bool,
    /// Who commits, and when.
    pub identity: &'o Identity,
    /// For how long lost races are run again.
    pub patience: Duration,
    /// The clock of this machine, for a server that cannot be asked.
    pub now: i64,
    /// The URL to ask instead of the declared one.
    pub prometheus: Option<&'o str>,
    /// Opens a server.
    pub connect: &'o dyn Fn(&Server) -> Connected,
    /// Told when something takes its time.
    pub progress: &'o dyn Fn(&str),
}

/// What a decision was made from, as the tip has it: it holds as long as this does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ground {
    state: Option<Oid>,
    plan: Option<Oid>,
    hold: Option<Oid>,
}

/// The server that is asked: the declared one, under another address where one was given.
fn asked(declared: Option<&Server>, instead: Option<&str>) -> Option<Server> {
    let Some(url) = instead else { return declared.cloned() };
    let options = declared.map(|server| server.options.clone()).unwrap_or_default();
    Some(Server { url: url.to_owned(), options })
}

/// A release that is looked at.
struct Candidate {
    name: Name,
    ground: Ground,
    record: Record,
    plan: Plan,
    report: Report,
}

/// Decides about all services, commits and pushes. A lost race is answered by putting the same decisions on the new
/// tip, where they still hold there.
pub fn promote(remote: &mut Remote, order: &Order<'_>) -> Result<Outcome> {
    let started = Instant::now();
    (order.progress)(&format!("reading {} of {}", remote.branch(), remote.location()));
    let (mut candidates, found) = candidates(remote, order)?;
    let measured = Instant::now();
    if order.together {
        if let Some((name, why)) = found.first() {
            return Err(Error::Refused(format!("nothing was promoted: {name}: {why}")));
        }
        together::decide(&mut candidates);
    }
    for attempt in 1_u32.. {
        let Some(tip) = remote.tip()? else { return Err(nothing(remote, order)) };
        let git = remote.git();
        let repository = remote.store().repository();
        let at = Commit::new(repository, Some(tip))?;
        let stopped = at.entry(&stop(order.folder))?.is_some();
        for candidate in &mut candidates {
            let forward =
                matches!(candidate.report.decided.decision, Decision::Advance { .. } | Decision::Finish { .. });
            candidate.report.dropped =
                candidate.ground != ground(&at, order.folder, &candidate.name)? || (forward && stopped);
        }
        if order.together && candidates.iter().any(|candidate| candidate.report.dropped) {
            candidates.iter_mut().for_each(|candidate| candidate.report.dropped = true);
        }
        let mut faults = found.clone();
        let late = i64::try_from(measured.elapsed().as_secs()).unwrap_or(i64::MAX);
        let (changes, blobs) = changes(&at, order, &mut candidates, late, &mut faults)?;
        let reports = || candidates.iter().map(|candidate| candidate.report.clone()).collect();
        if order.dry_run || (changes.is_empty() && blobs.is_empty()) {
            return Ok(Outcome { reports: reports(), faults, commit: None });
        }
        let acting: Vec<&Report> = candidates.iter().map(|candidate| &candidate.report).filter(|r| acts(r)).collect();
        let text = message::of(order.folder, &acting);
        let new = create_with_blobs(repository, &git, Some(tip), &changes, &blobs, &text, order.identity)?;
        (order.progress)(&format!("pushing to {}", remote.location()));
        match remote.push(Some(tip), new)? {
            Pushed::Done => return Ok(Outcome { reports: reports(), faults, commit: Some((new, attempt)) }),
            Pushed::Lost if started.elapsed() > order.patience => {
                return Err(Error::LostRaces { attempts: attempt, during: started.elapsed() });
            }
            Pushed::Lost => std::thread::sleep(Duration::from_millis(fastrand::u64(20..120))),
        }
    }
    Err(Error::LostRaces { attempts: u32::MAX, during: started.elapsed() })
}

fn acts(report: &Report) -> bool {
    !report.dropped && report.decided.decision.acts()
}

/// The file that stops every promote of an environment.
fn stop(folder: &str) -> String {
    format!("state/{folder}/HOLD")
}

fn nothing(remote: &Remote, order: &Order<'_>) -> Error {
    let (branch, location) = (remote.branch(), remote.location());
    Error::Refused(format!("nothing of `{}` is published on `{branch}` of {location}", order.folder))
}

fn ground(commit: &Commit<'_>, folder: &str, name: &Name) -> Result<Ground> {
    let id = |path: String| commit.entry(&path).map(|entry| entry.map(|(id, _)| id));
    Ok(Ground {
        state: id(name.state(folder, "json"))?,
        plan: id(plan::path(folder, &name.namespace, &name.service))?,
        hold: id(name.state(folder, "hold"))?,
    })
}

/// Releases with what was decided, and those that cannot be decided about.
type Found = (Vec<Candidate>, Vec<(Name, String)>);

/// Reads the releases of the tip, measures and decides.
fn candidates(remote: &mut Remote, order: &Order<'_>) -> Result<Found> {
    let Some(tip) = remote.tip()? else { return Err(nothing(remote, order)) };
    let at = Commit::new(remote.store().repository(), Some(tip))?;
    let stopped = at.entry(&stop(order.folder))?.is_some();
    let mut sources: BTreeMap<String, Connected> = BTreeMap::new();
    let (mut candidates, mut faults) = (Vec::new(), Vec::new());
    for name in names(&at, order)? {
        let ground = ground(&at, order.folder, &name)?;
        let held = ground.hold.is_some();
        let hold = match held {
            true => Some(Hold::parse(&status::lossy(&at, &name.state(order.folder, "hold"))?.unwrap_or_default())),
            false => None,
        };
        let path = name.state(order.folder, "json");
        let Some(text) = at.text(&path)? else { continue };
        let record = match state::parse(&text) {
            Ok(record) => record,
            Err(why) => {
                faults.push((name, format!("`{path}` {why}")));
                continue;
            }
        };
        let Some(canary) = record.canary.clone() else { continue };
        let path = plan::path(order.folder, &name.namespace, &name.service);
        let plan = match at.text(&path)?.map(|text| Plan::parse(&text)) {
            Some(Ok(plan)) => plan,
            Some(Err(why)) => {
                faults.push((name, format!("`{path}` {why}; publish again")));
                continue;
            }
            None if record.weight > 0 && !record.finished && !held => {
                faults.push((name, format!("`{canary}` has requests, and `{path}` is missing; publish again")));
                continue;
            }
            // Its routes do not carry the new version yet, or not any more.
            None => continue,
        };
        (order.progress)(&format!("{name}: measuring"));
        let unreachable = |why: String| Measurements::Unreachable { why, now: order.now };
        let measurements = if held || record.finished {
            // A hold or an end decides already.
            unreachable(String::new())
        } else if let Some(server) = asked(plan.prometheus.as_ref(), order.prometheus) {
            match sources.entry(format!("{server:?}")).or_insert_with(|| (order.connect)(&server)) {
                Ok(source) => measure(source.as_ref(), &record, &plan, order.now),
                Err(why) => unreachable(why.clone()),
            }
        } else {
            unreachable("its environment declares no `prometheus`".to_owned())
        };
        let situation = Situation {
            record: &record,
            plan: &plan,
            held,
            environment_held: stopped,
            approved: order.approve && !order.services.is_empty(),
            measurements: &measurements,
        };
        let report = Report {
            name: name.clone(),
            before: record.describe(),
            canary: canary.to_string(),
            weight: record.weight,
            stages: plan.stages.iter().map(|stage| stage.weight).collect(),
            hold,
            finished: record.finished,
            decided: decide(&situation),
            dropped: false,
        };
        candidates.push(Candidate { name, ground, record, plan, report });
    }
    Ok((candidates, faults))
}

/// The services that were named, or all with a state, sorted.
fn names(commit: &Commit<'_>, order: &Order<'_>) -> Result<Vec<Name>> {
    let folder = format!("state/{}", order.folder);
    let mut found = Vec::new();
    for namespace in commit.names(&folder)? {
        for file in commit.names(&format!("{folder}/{namespace}"))? {
            let Some(service) = file.strip_suffix(".json").filter(|name| !name.ends_with(".plan")) else { continue };
            found.push(Name { namespace: namespace.clone(), service: service.to_owned() });
        }
    }
    for said in order.services {
        let meant = found.iter().filter(|name| name.is(said)).count();
        if meant != 1 {
            let why = if meant == 0 { "has no release" } else { "is in several namespaces; write NAMESPACE/SERVICE" };
            return Err(Error::Refused(format!("nothing was promoted: `{said}` {why} in `{}`", order.folder)));
        }
    }
    found.retain(|name| order.services.is_empty() || order.services.iter().any(|said| name.is(said)));
    found.sort();
    Ok(found)
}

/// What all decisions that still hold change. `late` is how many seconds ago they were made.
fn changes(
    commit: &Commit<'_>,
    order: &Order<'_>,
    candidates: &mut [Candidate],
    late: i64,
    faults: &mut Vec<(Name, String)>,
) -> Result<(Changes<'static>, Blobs)> {
    let (mut texts, mut blobs) = (Changes::new(), Blobs::new());
    let mut stuck = None;
    for candidate in candidates.iter_mut().filter(|candidate| acts(&candidate.report)) {
        match &candidate.report.decided.decision {
            Decision::Advance { to } => match rewritten(commit, order.folder, candidate, *to)? {
                Ok(files) => {
                    texts.extend(files);
                    let record = recorded(candidate, order, *to, late);
                    texts.insert(candidate.name.state(order.folder, "json"), Some(Cow::Owned(record.to_text())));
                }
                Err(why) => {
                    candidate.report.decided.decision = Decision::Wait { why, until: None };
                    stuck = Some(candidate.name.to_string());
                }
            },
            Decision::Finish { .. } => {
                let record = recorded(candidate, order, candidate.record.weight, late);
                texts.insert(candidate.name.state(order.folder, "json"), Some(Cow::Owned(record.to_text())));
            }
            Decision::Abort { why } => {
                let hold = rollback::hold_text(order.identity, why);
                let name = std::slice::from_ref(&candidate.name);
                match rollback::changes(commit, order.folder, name, &hold) {
                    Ok((held, prepared)) => {
                        texts.extend(held);
                        blobs.extend(prepared);
                    }
                    Err(Error::Refused(fault)) => {
                        faults.push((candidate.name.clone(), format!("it fails ({why}), and {fault}")));
                        candidate.report.dropped = true;
                    }
                    Err(error) => return Err(error),
                }
            }
            Decision::Wait { .. } | Decision::Approve { .. } => {}
        }
    }
    if let (Some(name), true) = (stuck, order.together) {
        together::wait_for(&name, candidates);
        return Ok((Changes::new(), Blobs::new()));
    }
    Ok((texts, blobs))
}

/// The record after a step. Its stage begins when it is committed, which may be later than when it was decided.
fn recorded(candidate: &Candidate, order: &Order<'_>, weight: u32, late: i64) -> Record {
    let Report { decided, weight: before, .. } = &candidate.report;
    let (kind, kept_until) = match decided.decision {
        Decision::Finish { kept_until } => ("finish", Some(kept_until)),
        _ => ("advance", None),
    };
    let decision = serde_json::json!({
        "kind": kind,
        "at": decided.now,
        "from": before,
        "to": weight,
        "by": order.identity.author(),
        "approved": order.approve && !order.services.is_empty(),
        "evidence": decided.evidence,
    });
    Record {
        weight,
        since: Some(decided.now.saturating_add(late).into()),
        decision: Some(decision),
        finished: kept_until.is_some(),
        kept_until,
        ..candidate.record.clone()
    }
}

/// The weight-bearing files with another weight. Rehearsed in memory first: the file is what its state says, its
/// rollback is prepared, and the result is what a verification expects. The inner error says what is not so.
fn rewritten(
    commit: &Commit<'_>,
    folder: &str,
    candidate: &Candidate,
    weight: u32,
) -> Result<std::result::Result<Changes<'static>, String>> {
    let Candidate { name, record, plan, .. } = candidate;
    let mut texts = Changes::new();
    let prepared = commit.files_below(&format!("{}/files", name.rollback(folder)))?;
    if prepared.len() != plan.places.len() {
        return Ok(Err("its plan and its prepared rollback are of other files; publish again".to_owned()));
    }
    for (path, places) in &plan.places {
        let held = commit.text(&format!("{}/files/{path}", name.rollback(folder)))?;
        let (Some(text), Some(held)) = (commit.text(path)?, held) else {
            return Ok(Err(format!("`{path}` or its prepared rollback is missing; publish again")));
        };
        let are = |text: &str, weight| weights::are_those_of(text, &held, &plan.stable, &plan.canary, weight);
        match are(&text, record.weight) {
            Ok(true) => {}
            Ok(false) => {
                return Ok(Err(format!(
                    "`{path}` does not have the weights of its state ({}); somebody changed it: see `meshc verify`",
                    record.describe()
                )));
            }
            Err(why) => return Ok(Err(format!("`{path}` {why}"))),
        }
        match weights::moved(&text, places, weight) {
            Ok(new) if are(&new, weight) == Ok(true) => drop(texts.insert(path.clone(), Some(Cow::Owned(new)))),
            Ok(_) => {
                return Ok(Err(format!("the places of weights in its plan are not those of `{path}`; publish again")));
            }
            Err(why) => return Ok(Err(format!("`{path}` {why}; publish again"))),
        }
    }
    Ok(Ok(texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_server_is_asked_with_what_was_declared_for_this_one() {
        let options = BTreeMap::from([("timeout".to_owned(), "3s".to_owned())]);
        let declared = Server { url: "http://one".into(), options: options.clone() };
        let two = |options| Some(Server { url: "http://two".into(), options });
        assert_eq!(asked(Some(&declared), None), Some(declared.clone()));
        assert_eq!(asked(Some(&declared), Some("http://two")), two(options));
        assert_eq!(asked(None, Some("http://two")), two(BTreeMap::new()));
        assert_eq!(asked(None, None), None);
    }
}
