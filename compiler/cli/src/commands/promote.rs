//! `meshc promote`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use meshc_gitops::Oid;
use meshc_rollout::decide::Decision;
use meshc_rollout::plan::Server;
use meshc_rollout::prometheus::Prometheus;
use meshc_rollout::promote::{Connected, Order, Outcome, Report, promote};
use serde::Serialize;

use super::Session;
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{BOLD, GREEN, PLAIN, RED};
use crate::progress::Progress;
use crate::publishing::deployed::{Environment, Place, PlaceArgs, short};
use crate::publishing::target::duration;
use crate::releases;
use crate::report::json::{SCHEMA, to_text};

/// Move releases on, or back, on evidence
///
/// Measures every release of an environment, or those that are named, and makes at most one commit: for stages that have
/// passed, for releases that fail, for those that are finished. Where all have to wait, it makes none. It reads what is
/// published and Prometheus, and no `.mesh` file but the declaration of where that is.
#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    /// Choose services [default: all that are being released]
    #[arg(value_name = "[NAMESPACE/]SERVICE")]
    services: Vec<String>,
    /// Agree to the next stage of these services, where their plan asks for that
    #[arg(long, requires = "services")]
    approve: bool,
    /// Let these services go on together, or not at all
    #[arg(long, requires = "services")]
    together: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask this Prometheus instead of the declared one
    #[arg(long, value_name = "URL")]
    prometheus: Option<String>,
    /// Give up on a question that is not answered in this time
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    query_deadline: Duration,
    #[command(flatten)]
    place: PlaceArgs,
}

/// How long lost races are run again.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of one environment.
struct Promoted {
    environment: Environment,
    outcome: Outcome,
}

/// Promotes.
pub(crate) fn run(session: &Session, args: &PromoteArgs) -> Result<(), Failure> {
    let place = Place::find(session, &args.place)?;
    let mut opened = releases::open(&place)?;
    let known: Vec<(usize, Environment)> = opened
        .iter()
        .enumerate()
        .flat_map(|(at, opened)| opened.environments.iter().map(move |environment| (at, environment.clone())))
        .collect();
    if known.is_empty() {
        return Err(releases::nothing(&opened, None, "is published"));
    }
    if known.len() > 1 && !args.services.is_empty() {
        let names: Vec<&str> = known.iter().map(|(_, environment)| environment.name.as_str()).collect();
        return Err(Failure::Usage(format!("say in which environment, with `--env`: {}", names.join(", "))));
    }
    let identity = place.identity()?;
    let folder: PathBuf = session.folder.clone();
    let connect = |server: &Server| -> Connected {
        let declared = args.prometheus.as_ref().map(|url| Server { url: url.clone(), ..server.clone() });
        let server = declared.as_ref().unwrap_or(server);
        Ok(Box::new(Prometheus::new(server, &folder, args.query_deadline)?))
    };
    let mut done = Vec::new();
    for (at, environment) in known {
        let Some(opened) = opened.get_mut(at) else { continue };
        let progress = Progress::new(session.output);
        let say = |text: &str| progress.say(&format!("{}: {text}", environment.name));
        let order = Order {
            folder: &environment.folder,
            services: &args.services,
            approve: args.approve,
            together: args.together,
            dry_run: args.dry_run,
            identity: &identity,
            patience: PATIENCE,
            now: meshc_gitops::publish::now(),
            connect: &connect,
            progress: &say,
        };
        let outcome = promote(&mut opened.remote, &order)?;
        drop(progress);
        if session.format == Format::Human {
            session.output.success(&human(&environment, &outcome, args.dry_run))?;
        }
        done.push(Promoted { environment, outcome });
    }
    if session.format != Format::Human {
        session.output.result(&json(&done))?;
    }
    let faults = done.iter().flat_map(|Promoted { environment, outcome }| {
        outcome.faults.iter().map(move |(name, why)| format!("{} {name}: {why}", environment.name))
    });
    let faults: Vec<String> = faults.collect();
    if faults.is_empty() { Ok(()) } else { Err(Failure::Refused(faults.join("\n"))) }
}

fn human(environment: &Environment, outcome: &Outcome, dry: bool) -> String {
    let name = &environment.name;
    let mut text = match &outcome.commit {
        Some((commit, _)) => format!("{BOLD}{name}{PLAIN} {GREEN}promoted{PLAIN} in {}\n", short(*commit)),
        None if outcome.reports.is_empty() && outcome.faults.is_empty() => {
            return format!("{BOLD}{name}{PLAIN}: nothing is being released\n");
        }
        None if dry => format!("{BOLD}{name}{PLAIN} would be:\n"),
        None => format!("{BOLD}{name}{PLAIN}: nothing changes\n"),
    };
    for report in &outcome.reports {
        text.push_str(&format!("  {}: {}\n", report.name, sentence(report)));
        for evidence in &report.decided.evidence {
            text.push_str(&format!("    {evidence}\n"));
        }
    }
    text
}

fn sentence(report: &Report) -> String {
    let Report { before, canary, weight, decided, dropped, .. } = report;
    if *dropped {
        return format!("{before}; it changed while it was measured: decide again");
    }
    match &decided.decision {
        Decision::Advance { to } => format!("{GREEN}{canary} {weight} % -> {to} %{PLAIN}"),
        Decision::Wait { why, until: Some(until) } => {
            format!("{before}; {why}, {} s more", (until - decided.now).max(0))
        }
        Decision::Wait { why, until: None } => format!("{before}; {why}"),
        Decision::Abort { why } => format!("{RED}{canary} {weight} % -> 0 %, held{PLAIN}: {why}"),
        Decision::Finish { .. } => {
            format!("{GREEN}{canary} finished{PLAIN}; the next publish after its `keep` takes the old version out")
        }
        Decision::Approve { to: Some(to) } => {
            format!("{before}; ready for {to} %: `meshc promote --approve {}`", report.name)
        }
        Decision::Approve { to: None } => {
            format!("{before}; ready to be finished: `meshc promote --approve {}`", report.name)
        }
    }
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
    commit: Option<String>,
    attempts: u32,
    services: Vec<ServiceDocument<'a>>,
}

#[derive(Serialize)]
struct ServiceDocument<'a> {
    namespace: &'a str,
    service: &'a str,
    canary: &'a str,
    weight: u32,
    decision: &'static str,
    to: Option<u32>,
    reason: Option<&'a str>,
    until: Option<i64>,
    evidence: &'a [meshc_rollout::evidence::Evidence],
}

/// What came of it, as `docs/formats.md` describes it.
fn json(done: &[Promoted]) -> String {
    let environments = done.iter().map(|Promoted { environment, outcome }| EnvironmentDocument {
        name: &environment.name,
        folder: &environment.folder,
        commit: outcome.commit.map(|(commit, _): (Oid, u32)| commit.to_string()),
        attempts: outcome.commit.map_or(0, |(_, attempts)| attempts),
        services: outcome.reports.iter().map(document).collect(),
    });
    to_text(&Document { schema: SCHEMA, environments: environments.collect() })
}

fn document(report: &Report) -> ServiceDocument<'_> {
    let (decision, to, reason, until) = match &report.decided.decision {
        _ if report.dropped => ("dropped", None, None, None),
        Decision::Advance { to } => ("advance", Some(*to), None, None),
        Decision::Wait { why, until } => ("wait", None, Some(why.as_str()), *until),
        Decision::Abort { why } => ("abort", Some(0), Some(why.as_str()), None),
        Decision::Finish { kept_until } => ("finish", None, None, Some(*kept_until)),
        Decision::Approve { to } => ("approve", *to, None, None),
    };
    ServiceDocument {
        namespace: &report.name.namespace,
        service: &report.name.service,
        canary: &report.canary,
        weight: report.weight,
        decision,
        to,
        reason,
        until,
        evidence: &report.decided.evidence,
    }
}
