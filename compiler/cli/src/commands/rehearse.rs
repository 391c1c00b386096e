//! `meshc rehearse`.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use meshc_gitops::folder::Commit;
use meshc_gitops::program::Git;
use meshc_gitops::remote::{Location, Remote};
use meshc_gitops::rollback::{self, Name, Order, Outcome, PATIENCE};
use meshc_gitops::verify;
use meshc_gitops::{Oid, rehearse};
use serde::Serialize;

use super::Session;
use super::rollback::failure;
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{BOLD, GREEN, PLAIN};
use crate::publishing::deployed::{Environment, Place, PlaceArgs, short};
use crate::releases::{self, Chosen, Opened};
use crate::report::json::{SCHEMA, to_text};

/// Prove that a rollback applies now, and how long it takes
///
/// Rolls every release back in a scratch clone of the deploy branch, and checks the result. Nothing is pushed; with
/// `--push`, a commit that changes nothing is.
#[derive(Debug, Args)]
pub(crate) struct RehearseArgs {
    /// Choose the service [default: all that are being released]
    #[arg(value_name = "[NAMESPACE/]SERVICE")]
    service: Option<String>,
    /// Push a commit that changes nothing: proves the permission to push, the signature and the webhook
    #[arg(long)]
    push: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// One release, rolled back where nobody sees it.
struct Rehearsed {
    environment: Environment,
    name: Name,
    seconds: f64,
    diff: String,
}

/// Rehearses, and ends with code 1 where a rollback would not do.
pub(crate) fn run(session: &Session, args: &RehearseArgs) -> Result<(), Failure> {
    let place = Place::find(session, &args.place)?;
    let mut opened = releases::open(&place)?;
    let named = args.service.as_deref();
    let mut list = releases::prepared(&opened)?;
    list.retain(|release| named.is_none_or(|said| release.name.is(said)));
    if let (true, Some(_)) = (list.is_empty(), named) {
        return Err(releases::nothing(&opened, named, "has no rollback"));
    }
    if opened.iter().all(|opened| opened.environments.is_empty()) {
        return Err(releases::nothing(&opened, None, ""));
    }
    let mut rehearsed = Vec::new();
    for release in list {
        let Some(at) = opened.get(release.at) else { continue };
        rehearsed.push(one(&place, at, &release.environment, &release.name, args.place.deadline)?);
    }
    if session.format == Format::Human {
        for Rehearsed { environment, name, seconds, diff } in &rehearsed {
            session.output.success(&format!(
                "{BOLD}{}{PLAIN} {name} {GREEN}can be rolled back{PLAIN}: {seconds:.2} s without the network; it changes\n{diff}",
                environment.name
            ))?;
        }
        if rehearsed.is_empty() {
            session.output.success("nothing is being released: there is nothing to roll back\n")?;
        }
    }
    let mut pushed = Vec::new();
    if args.push {
        for at in opened.iter_mut().filter(|at| !at.environments.is_empty()) {
            pushed.push(push(session, &place, at)?);
        }
    }
    match session.format {
        Format::Human | Format::Markdown => Ok(()),
        Format::Json | Format::Sarif => session.output.result(&json(&rehearsed, &pushed)),
    }
}

/// Rolls one release back in a scratch clone, as it would be done on the server, and checks the result.
fn one(
    place: &Place,
    at: &Opened<'_>,
    environment: &Environment,
    name: &Name,
    deadline: Duration,
) -> Result<Rehearsed, Failure> {
    let scratch = tempfile::tempdir().map_err(|error| Failure::file("create", &std::env::temp_dir(), &error))?;
    let Some(tip) = at.tip else { return Err(releases::nothing(std::slice::from_ref(at), None, "")) };
    let server = rehearse::scratch_server(at.remote.store(), tip, &at.deployed.branch, scratch.path(), deadline)?;
    let location = Location::Url(server.to_string_lossy().into_owned());
    let mut remote =
        Remote::open_urgent(location, &at.deployed.branch, &scratch.path().join("project"), &[], deadline)?;
    // The scratch clone is there already when it counts.
    remote.tip()?;
    let identity = place.identity()?;
    let names = [name.clone()];
    let order = Order {
        folder: &environment.folder,
        names: &names,
        reason: "rehearsal",
        identity: &identity,
        patience: PATIENCE,
        progress: &|_| {},
    };
    let started = Instant::now();
    let outcome = rollback::hold(&mut remote, &order).map_err(|refusal| Failure::from(refusal.error))?;
    let seconds = started.elapsed().as_secs_f64();
    let commit = match outcome {
        Outcome::Done { commit, .. } => commit,
        Outcome::Already { tip, .. } => tip,
    };
    check(&remote, commit, environment, name)?;
    let diff = difference(remote.store().path(), tip, commit, deadline)?;
    Ok(Rehearsed { environment: environment.clone(), name: name.clone(), seconds, diff })
}

/// The files of the service must be what a hold means.
fn check(remote: &Remote, commit: Oid, environment: &Environment, name: &Name) -> Result<(), Failure> {
    let tree = Commit::new(remote.store().repository(), Some(commit))?;
    let below = format!("{}/{}/{}/", environment.folder, name.namespace, name.service);
    let drift = verify::all(&tree, &environment.folder)?;
    let wrong: Vec<String> = drift
        .iter()
        .filter(|drift| drift.path.starts_with(&below))
        .map(|drift| format!("  {} {}", drift.path, drift.why))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "a rollback of `{name}` in `{}` applies, and what it leaves is not what meshc wrote:\n{}\npublish again, or find out \
         who edited it",
        environment.name,
        wrong.join("\n")
    )))
}

fn difference(store: &Path, from: Oid, to: Oid, deadline: Duration) -> Result<String, Failure> {
    let (from, to) = (from.to_string(), to.to_string());
    let arguments = ["diff-tree", "-p", "--no-renames", "--no-color", "--no-ext-diff", from.as_str(), to.as_str()];
    let finished = Git::new(store, deadline).run(&arguments, b"")?;
    Ok(finished.text().lines().map(|line| format!("  {line}\n")).collect())
}

/// What a push of nothing showed.
struct Pushed {
    branch: String,
    commit: Oid,
    seconds: f64,
}

fn push(session: &Session, place: &Place, at: &mut Opened<'_>) -> Result<Pushed, Failure> {
    let identity = place.identity()?;
    let started = Instant::now();
    let outcome = rehearse::push_nothing(&mut at.remote, &identity);
    let environment =
        Environment { name: String::new(), folder: at.deployed.branch.clone(), sync: None, notify: Vec::new() };
    let chosen = Chosen { at: 0, environment, names: Vec::new() };
    let commit = outcome.map_err(|refusal| failure(at, &chosen, refusal, "rehearse"))?;
    let seconds = started.elapsed().as_secs_f64();
    let branch = at.deployed.branch.clone();
    if session.format == Format::Human {
        let signed = if identity.signs { ", and it is signed" } else { "" };
        session.output.success(&format!(
            "{BOLD}{}{PLAIN}: {GREEN}you may push{PLAIN}: {} changes nothing{signed}, {seconds:.1} s\n",
            at.deployed.describe(),
            short(commit)
        ))?;
    }
    Ok(Pushed { branch, commit, seconds })
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    releases: Vec<ReleaseDocument<'a>>,
    pushed: Vec<PushedDocument<'a>>,
}

#[derive(Serialize)]
struct ReleaseDocument<'a> {
    environment: &'a str,
    namespace: &'a str,
    service: &'a str,
    seconds: f64,
    diff: &'a str,
}

#[derive(Serialize)]
struct PushedDocument<'a> {
    branch: &'a str,
    commit: String,
    seconds: f64,
}

/// What was rehearsed, as `docs/formats.md` describes it.
fn json(rehearsed: &[Rehearsed], pushed: &[Pushed]) -> String {
    let releases = rehearsed.iter().map(|one| ReleaseDocument {
        environment: &one.environment.name,
        namespace: &one.name.namespace,
        service: &one.name.service,
        seconds: one.seconds,
        diff: &one.diff,
    });
    let pushed = pushed.iter().map(|one| PushedDocument {
        branch: &one.branch,
        commit: one.commit.to_string(),
        seconds: one.seconds,
    });
    to_text(&Document { schema: SCHEMA, releases: releases.collect(), pushed: pushed.collect() })
}
