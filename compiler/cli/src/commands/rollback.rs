//! `meshc rollback`.

use std::time::{Duration, Instant};

use clap::Args;
use meshc_core::bundle::weights;
use meshc_core::lower::declaration::NotifyEvent;
use meshc_gitops::Oid;
use meshc_gitops::folder::Commit;
use meshc_gitops::remote::Location;
use meshc_gitops::rollback::{self, Name, Order, Outcome, PATIENCE, Refusal};
use meshc_gitops::status::Hold;
use meshc_gitops::{Error, publish};
use serde::Serialize;

use super::Session;
use crate::args::Format;
use crate::failure::Failure;
use crate::figures::{self, Figures};
use crate::live::Watch;
use crate::notify::{Happened, Notifier};
use crate::output::{BOLD, GREEN, PLAIN};
use crate::progress::Progress;
use crate::publishing::deployed::{Place, PlaceArgs, short};
use crate::publishing::target::duration;
use crate::releases::{self, Chosen, Opened};
use crate::report::json::{SCHEMA, to_text};
use crate::time::shown;

/// Send all requests back to the old version, and keep them there
///
/// Makes one commit on top of the deploy branch, from files that were published for this, and a hold: nothing goes to the
/// new version again until `meshc resume`. Needs no `.mesh` file. With one release under way no argument is needed.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Choose the service, where several are being released
    #[arg(value_name = "[NAMESPACE/]SERVICE")]
    service: Option<String>,
    /// Roll back all releases of one environment
    #[arg(long, conflicts_with = "service")]
    all: bool,
    /// Say why; whoever finds the hold reads it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Wait until the cluster has the weights, at most this long [default: 5m]
    #[arg(long, value_name = "DURATION", value_parser = duration, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "5m")]
    wait: Option<Duration>,
    /// Use this context of kubectl with `--wait`
    #[arg(long, value_name = "NAME", requires = "wait")]
    context: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Rolls back.
pub(crate) fn run(session: &Session, args: &RollbackArgs) -> Result<(), Failure> {
    let started = Instant::now();
    let place = Place::find(session, &args.place)?;
    let mut opened = releases::open(&place).map_err(by_hand)?;
    let list = releases::prepared(&opened)?;
    let named = args.service.as_deref();
    let Some(chosen) = releases::choose(&opened, list, named, args.all, "roll back")? else {
        let what = "has no rollback: nothing is being released, or the release is over and the old version is not kept \
                    any more (to go back then, change `version` in the `.mesh` file)";
        return Err(releases::nothing(&opened, named, what));
    };
    let identity = place.identity()?;
    let Some(at) = opened.get_mut(chosen.at) else { return Ok(()) };
    let progress = Progress::new(session.output);
    let order = Order {
        folder: &chosen.environment.folder,
        names: &chosen.names,
        reason: &args.reason,
        identity: &identity,
        patience: PATIENCE,
        progress: &|text| progress.say(text),
    };
    let outcome =
        rollback::hold(&mut at.remote, &order).map_err(|refusal| failure(at, &chosen, refusal, "rollback"))?;
    let mut figures = Figures { at: publish::now(), push: started.elapsed().as_secs_f64(), ..Figures::default() };
    let commit = match outcome {
        Outcome::Done { commit, .. } => commit,
        Outcome::Already { tip, .. } => tip,
    };
    let done = Done { at, chosen: &chosen, outcome: &outcome };
    if session.format == Format::Human {
        session.output.success(&done.sentence(&figures))?;
    }
    let mut missing = None;
    if let Some(limit) = args.wait {
        let progress = Progress::new(session.output);
        let say = |text: &str| progress.say(text);
        missing = wait(at, &chosen, args, commit, (started, limit), &mut figures, &say)?;
    }
    if matches!(outcome, Outcome::Done { .. }) {
        figures::keep(&place.root, &chosen.environment.folder, figures);
    }
    let done = Done { at, chosen: &chosen, outcome: &outcome };
    match session.format {
        Format::Human if args.wait.is_some() && missing.is_none() => {
            session.output.success(&format!("  {GREEN}live{PLAIN}: {}\n", figures.describe()))?;
        }
        Format::Human | Format::Markdown => {}
        Format::Json | Format::Sarif => session.output.result(&done.json(&figures))?,
    }
    if matches!(outcome, Outcome::Done { .. }) {
        let notifier = Notifier::new(session);
        for name in &chosen.names {
            let commit = Some(commit.to_string());
            let happened = Happened { name: Some(name), commit, reason: Some(&args.reason), ..Happened::default() };
            notifier.tell(&chosen.environment, NotifyEvent::RolledBack, &happened);
        }
    }
    match missing {
        None => Ok(()),
        Some(why) => Err(Failure::NotLive(format!(
            "the rollback is committed as {}, and {} after {} s: {why}\nwhat git says can be applied by hand \
             without harm: kubectl apply -k {} in a checkout of the deploy branch",
            short(commit),
            // The cluster may have the weights from elsewhere; the engine could still put others there.
            match figures.live {
                Some(_) => "its weights are live, and the sync engine has not said that it applied it",
                None => "was not live",
            },
            started.elapsed().as_secs(),
            chosen.environment.folder
        ))),
    }
}

/// Watches the cluster; gives what was still missing at the end.
fn wait(
    at: &mut Opened<'_>,
    chosen: &Chosen,
    args: &RollbackArgs,
    commit: Oid,
    (started, limit): (Instant, Duration),
    figures: &mut Figures,
    say: &dyn Fn(&str),
) -> Result<Option<String>, Failure> {
    let folder = &chosen.environment.folder;
    let mut routes = Vec::new();
    {
        let tree = Commit::new(at.remote.store().repository(), Some(commit))?;
        for prepared in rollback::prepared(&tree, folder)?.iter().filter(|known| chosen.names.contains(&known.name)) {
            for path in prepared.files().keys() {
                let text = tree.text(path)?.unwrap_or_default();
                // What is no YAML cannot be compared; it is in the commit all the same.
                routes.extend(weights::routes(&text).ok().flatten());
            }
        }
    }
    let url = match &at.deployed.location {
        Location::Embedded => None,
        Location::Url(url) => Some(url.as_str()),
    };
    let (context, sync) = (args.context.as_deref(), chosen.environment.sync);
    let mut paths: Vec<String> = chosen.names.iter().map(|name| format!("{folder}/{}", name.namespace)).collect();
    paths.push(folder.clone());
    let watch = Watch { context, sync, paths, url, commit, routes, started, limit };
    let (seen, missing) = watch.wait(&mut at.remote, say)?;
    (figures.sync, figures.live) = (seen.sync, seen.live);
    Ok(missing)
}

/// Without the server, the cluster can still be told; git has to follow.
fn by_hand(failure: Failure) -> Failure {
    let Failure::Unreachable(text) = failure else { return failure };
    Failure::Unreachable(format!(
        "{text}\nuntil the server is there, the files of a release can be applied from any clone: kubectl apply -R -f \
         rollback/FOLDER/NAMESPACE.SERVICE/files; roll back in git as soon as it is, or the sync engine may undo it"
    ))
}

/// Why nothing was pushed. What a server refuses can still go through a pull request.
pub(super) fn failure(at: &Opened<'_>, chosen: &Chosen, refusal: Refusal, operation: &str) -> Failure {
    let (Error::Rejected { .. }, Some(commit), Location::Url(url)) =
        (&refusal.error, refusal.commit, &at.deployed.location)
    else {
        return refusal.error.into();
    };
    let url = meshc_gitops::remote::without_password(url);
    let branch = format!("meshc/{operation}-{}-{}", chosen.environment.folder, short(commit));
    Failure::Rejected(format!(
        "{}\npush it to a branch of its own, and open a pull request from there:\n  git -C {} push {} {commit}:refs/heads/\
         {branch}",
        refusal.error,
        quoted(&at.remote.store().path().display().to_string()),
        quoted(&url),
    ))
}

/// A word of the shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@+=".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

struct Done<'d> {
    at: &'d Opened<'d>,
    chosen: &'d Chosen,
    outcome: &'d Outcome,
}

impl Done<'_> {
    fn sentence(&self, figures: &Figures) -> String {
        let environment = &self.chosen.environment.name;
        let names = list(&self.chosen.names);
        match self.outcome {
            Outcome::Done { commit, attempts } => {
                let tries = if *attempts > 1 { format!(", at attempt {attempts}") } else { String::new() };
                format!(
                    "{BOLD}{environment}{PLAIN} {GREEN}rolled back{PLAIN}: {names} in {} on {}, {:.1} s{tries}\n  held until: \
                     meshc resume --env {environment} {}\n",
                    short(*commit),
                    self.at.deployed.describe(),
                    figures.push,
                    self.chosen.names.first().map(Name::to_string).unwrap_or_default(),
                )
            }
            Outcome::Already { tip, holds } => {
                let mut text = format!("{BOLD}{environment}{PLAIN} is rolled back already, in {}:\n", short(*tip));
                for (name, hold) in holds {
                    text.push_str(&format!("  {name} {}\n", held(&Hold::parse(hold))));
                }
                text
            }
        }
    }

    fn json(&self, figures: &Figures) -> String {
        let (result, commit, attempts, holds) = match self.outcome {
            Outcome::Done { commit, attempts } => ("rolled-back", commit, *attempts, &[][..]),
            Outcome::Already { tip, holds } => ("already", tip, 0, holds.as_slice()),
        };
        let services = self.chosen.names.iter().map(|name| ServiceDocument {
            namespace: &name.namespace,
            service: &name.service,
            hold: holds.iter().find(|(held, _)| held == name).map(|(_, text)| HoldDocument::of(&Hold::parse(text))),
        });
        to_text(&Document {
            schema: SCHEMA,
            result,
            environment: &self.chosen.environment.name,
            folder: &self.chosen.environment.folder,
            repository: self.at.deployed.repository(),
            branch: &self.at.deployed.branch,
            commit: commit.to_string(),
            attempts,
            services: services.collect(),
            seconds: SecondsDocument { push: figures.push, sync: figures.sync, live: figures.live },
        })
    }
}

/// "shop/web, shop/api".
pub(super) fn list(names: &[Name]) -> String {
    names.iter().map(Name::to_string).collect::<Vec<_>>().join(", ")
}

/// "held by Ann <ann@example.com> since 2026-11-25 03:02 UTC: errors after the release".
pub(super) fn held(hold: &Hold) -> String {
    let by = hold.by.as_deref().unwrap_or("somebody who did not say who");
    let since = hold.at.map(|at| format!(" since {}", shown(at))).unwrap_or_default();
    format!("held by {by}{since}: {}", hold.reason.as_deref().unwrap_or("no reason given"))
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    result: &'static str,
    environment: &'a str,
    folder: &'a str,
    repository: String,
    branch: &'a str,
    commit: String,
    attempts: u32,
    services: Vec<ServiceDocument<'a>>,
    seconds: SecondsDocument,
}

#[derive(Serialize)]
struct ServiceDocument<'a> {
    namespace: &'a str,
    service: &'a str,
    hold: Option<HoldDocument>,
}

#[derive(Serialize)]
struct SecondsDocument {
    push: f64,
    sync: Option<f64>,
    live: Option<f64>,
}

/// A hold in JSON documents.
#[derive(Serialize)]
pub(super) struct HoldDocument {
    by: Option<String>,
    at: Option<i64>,
    reason: Option<String>,
}

impl HoldDocument {
    pub(super) fn of(hold: &Hold) -> Self {
        Self { by: hold.by.clone(), at: hold.at, reason: hold.reason.clone() }
    }
}
