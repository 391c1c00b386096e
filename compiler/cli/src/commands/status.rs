//! `meshc status`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use meshc_core::state;
use meshc_gitops::folder::Commit;
use meshc_gitops::history;
use meshc_gitops::publish::now;
use meshc_gitops::record::{self, Record};
use meshc_gitops::rollback::Standing;
use meshc_gitops::status::{self, Release, Status};
use serde::Serialize;

use super::Session;
use super::rollback::{HoldDocument, held};
use crate::args::Format;
use crate::failure::Failure;
use crate::figures::{self, Figures, TARGET};
use crate::output::{BOLD, PLAIN, RED};
use crate::publishing::deployed::{Environment, Place, PlaceArgs, short};
use crate::releases::{self, Opened};
use crate::report::json::{SCHEMA, to_text};
use crate::time::shown;

/// Show what is published, how far releases are, and what is held
///
/// Reads the deploy repository alone: no cluster, no Prometheus, and no `.mesh` file but the environments' declarations.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

/// How long a commit may take to be live, where nobody says how long: what Argo CD needs.
const LONGEST_SETTLE: Duration = Duration::from_secs(240);

/// For how many seconds a further commit may be late: the generated workflows publish every five minutes, and hosts start
/// scheduled jobs late.
const PATIENCE: i64 = 15 * 60;

/// One environment.
struct Shown<'s> {
    environment: &'s Environment,
    opened: &'s Opened<'s>,
    /// When the tip was made, in seconds since 1970.
    at: Option<i64>,
    /// Nothing where nothing of it is published.
    status: Option<Status>,
    /// When a further commit can be made, in seconds since 1970; nothing where none is to follow.
    due: Option<i64>,
    figures: Option<Figures>,
}

/// Shows the status.
pub(crate) fn run(session: &Session, args: &StatusArgs) -> Result<(), Failure> {
    let place = Place::find(session, &args.place)?;
    let opened = releases::open(&place)?;
    let kept = figures::read(&place.root);
    let mut list = Vec::new();
    for opened in &opened {
        list.extend(of_branch(opened, &kept)?);
    }
    if list.is_empty() {
        return Err(releases::nothing(&opened, None, ""));
    }
    if session.format != Format::Human {
        return session.output.result(&json(&list));
    }
    let text: String = list.iter().map(human).collect();
    session.output.result(&text)
}

fn of_branch<'s>(opened: &'s Opened<'s>, kept: &BTreeMap<String, Figures>) -> Result<Vec<Shown<'s>>, Failure> {
    let repository = opened.remote.store().repository();
    let commit = Commit::new(repository, opened.tip)?;
    let at = opened.tip.map(|tip| status::time(repository, tip)).transpose()?;
    let mut list = Vec::new();
    for environment in &opened.environments {
        let status = status::of(&commit, &environment.folder)?;
        let due = due(opened, environment, &status)?;
        let figures = kept.get(&environment.folder).copied();
        list.push(Shown { environment, opened, at, status: Some(status), due, figures });
    }
    let missing = opened.deployed.asked().filter(|asked| opened.environments.iter().all(|e| e.folder != asked.folder));
    list.extend(missing.map(|environment| Shown { environment, opened, at, status: None, due: None, figures: None }));
    Ok(list)
}

fn human(shown_one: &Shown<'_>) -> String {
    let Shown { environment, opened, at, status, due, figures } = shown_one;
    let place = opened.deployed.describe();
    let Some(status) = status else {
        return format!("{BOLD}{}{PLAIN}: nothing is published on {place}\n", environment.name);
    };
    let tip = opened.tip.map(short).unwrap_or_default();
    let since = at.map(|at| format!(", {}", shown(at))).unwrap_or_default();
    let mut text = format!("{BOLD}{}{PLAIN} on {place}, at {tip}{since}\n", environment.name);
    match &status.record {
        Ok(Some(record)) => text.push_str(&source(record, *due)),
        Ok(None) => text.push_str(&format!(
            "  {RED}from where it was rendered is not known{PLAIN}: `state/{}/source.json` is missing\n",
            status.folder
        )),
        Err(why) => text.push_str(&format!("  {RED}{why}{PLAIN}\n")),
    }
    if let Some(why) = &status.stopped {
        let why = why.trim().replace('\n', "; ");
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        text.push_str(&format!("  {RED}every promote is stopped{PLAIN} by `state/{}/HOLD`{why}\n", status.folder));
    }
    for release in &status.releases {
        text.push_str(&of_release(release));
    }
    if let Some(figures) = figures {
        let slow = figures.longest() > TARGET;
        let (color, more) = if slow { (RED, " (more than 30 s: see docs/rollback.md)") } else { ("", "") };
        text.push_str(&format!(
            "  last rollback from here, {}: {color}{}{more}{PLAIN}\n",
            shown(figures.at),
            figures.describe()
        ));
    }
    text
}

/// When the next commit can be made: when the last one of a publish is live.
fn due(opened: &Opened<'_>, environment: &Environment, status: &Status) -> Result<Option<i64>, Failure> {
    let unfinished = matches!(&status.record, Ok(Some(record)) if record.unfinished);
    let Some(tip) = opened.tip.filter(|_| unfinished) else { return Ok(None) };
    let written = history::written(&opened.remote, tip, &record::path(&environment.folder))?;
    let settle = environment.settle.unwrap_or(LONGEST_SETTLE);
    Ok(Some(written.saturating_add(i64::try_from(settle.as_secs()).unwrap_or(i64::MAX))))
}

/// Whether a commit that could be made at `due` should have been made by now.
fn is_overdue(due: i64) -> bool {
    due.saturating_add(PATIENCE) < now()
}

fn source(record: &Record, due: Option<i64>) -> String {
    let from = match &record.commit {
        Some(commit) => commit.chars().take(10).collect(),
        None => "sources that no commit has".to_owned(),
    };
    let branch = record.branch.as_ref().map(|branch| format!(" of `{branch}`")).unwrap_or_default();
    let unfinished = match due {
        None => String::new(),
        Some(due) if is_overdue(due) => format!(
            "\n  {RED}overdue{PLAIN}: a further commit could be made since {}: does the job that runs `meshc publish` on a \
             schedule run?",
            shown(due)
        ),
        Some(due) => format!("\n  unfinished: a further commit is to follow, from {} on (`meshc publish`)", shown(due)),
    };
    format!("  `{}` from {from}{branch}, by meshc {}{unfinished}\n", record.mesh, record.compiler)
}

fn of_release(release: &Release) -> String {
    let Release { name, record, hold, standing } = release;
    let shares = match record {
        Ok(Some(record)) if record.finished => format!("{}, finished", record.describe()),
        Ok(Some(record)) => record.describe(),
        Ok(None) => format!("{RED}its state is missing{PLAIN}"),
        Err(why) => format!("{RED}its state {why}{PLAIN}"),
    };
    let since = record.as_ref().ok().and_then(|record| since(record.as_ref()?));
    let since = since.map(|since| format!(", since {since}")).unwrap_or_default();
    let mut text = format!("  {name}: {shares}{since}\n");
    if let Some(hold) = hold {
        text.push_str(&format!("    {RED}{}{PLAIN}\n", held(hold)));
    }
    // Its files and its record can differ where somebody edited one of them: `meshc verify` says more.
    if standing.is_none() && matches!(record, Ok(Some(state::Record { canary: Some(_), .. }))) {
        text.push_str(&format!("    {RED}no rollback is prepared{PLAIN}\n"));
    }
    text
}

/// When the recorded weight was decided.
fn since(record: &state::Record) -> Option<String> {
    let since = record.since.as_ref()?;
    let seconds = since.as_i64().or_else(|| since.as_f64().map(|seconds| seconds as i64));
    let Some(seconds) = seconds else { return since.as_str().map(str::to_owned) };
    let minutes = now().saturating_sub(seconds).max(0) / 60;
    let ago = match minutes {
        0..60 => format!("{minutes} min"),
        60..2880 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} days", minutes / 1440),
    };
    Some(format!("{} ({ago} ago)", shown(seconds)))
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    environments: Vec<EnvironmentDocument<'a>>,
}

#[derive(Serialize)]
struct EnvironmentDocument<'a> {
    name: &'a str,
    folder: &'a str,
    repository: String,
    branch: &'a str,
    commit: Option<String>,
    at: Option<i64>,
    mesh: Option<&'a str>,
    source: Option<&'a str>,
    source_branch: Option<&'a str>,
    compiler: Option<&'a str>,
    unfinished: bool,
    due: Option<i64>,
    overdue: bool,
    problem: Option<&'a str>,
    stopped: Option<&'a str>,
    releases: Vec<ReleaseDocument<'a>>,
    last_rollback: Option<Figures>,
}

#[derive(Serialize)]
struct ReleaseDocument<'a> {
    namespace: &'a str,
    service: &'a str,
    stable: Option<&'a str>,
    canary: Option<&'a str>,
    weight: Option<u32>,
    since: Option<&'a serde_json::Value>,
    finished: bool,
    standing: Option<&'static str>,
    hold: Option<HoldDocument>,
    problem: Option<&'a str>,
}

/// The status, as `docs/formats.md` describes it.
fn json(list: &[Shown<'_>]) -> String {
    let environments = list.iter().filter_map(|shown| {
        let Shown { environment, opened, at, status, due, figures } = shown;
        let status = status.as_ref()?;
        let record = status.record.as_ref().ok().and_then(Option::as_ref);
        Some(EnvironmentDocument {
            name: &environment.name,
            folder: &environment.folder,
            repository: opened.deployed.repository(),
            branch: &opened.deployed.branch,
            commit: opened.tip.map(|tip| tip.to_string()),
            at: *at,
            mesh: record.map(|record| record.mesh.as_str()),
            source: record.and_then(|record| record.commit.as_deref()),
            source_branch: record.and_then(|record| record.branch.as_deref()),
            compiler: record.map(|record| record.compiler.as_str()),
            unfinished: record.is_some_and(|record| record.unfinished),
            due: *due,
            overdue: due.is_some_and(is_overdue),
            problem: status.record.as_ref().err().map(String::as_str),
            stopped: status.stopped.as_deref(),
            releases: status.releases.iter().map(release_document).collect(),
            last_rollback: *figures,
        })
    });
    to_text(&Document { schema: SCHEMA, environments: environments.collect() })
}

fn release_document(release: &Release) -> ReleaseDocument<'_> {
    let record = release.record.as_ref().ok().and_then(Option::as_ref);
    ReleaseDocument {
        namespace: &release.name.namespace,
        service: &release.name.service,
        stable: record.map(|record| record.stable.as_str()),
        canary: record.and_then(|record| record.canary.as_deref()),
        weight: record.map(|record| record.weight),
        since: record.and_then(|record| record.since.as_ref()),
        finished: record.is_some_and(|record| record.finished),
        standing: release.standing.map(|standing| match standing {
            Standing::Running => "running",
            Standing::Held => "held",
            Standing::Waiting => "waiting",
        }),
        hold: release.hold.as_ref().map(HoldDocument::of),
        problem: release.record.as_ref().err().map(String::as_str),
    }
}
