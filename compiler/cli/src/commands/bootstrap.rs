//! `meshc bootstrap`: files that other tools need once.

mod ci;
mod codeowners;
mod cron_job;
mod hook;
mod observe;
mod place;
mod sync;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use meshc_core::bootstrap::observe::What as Observed;
use meshc_core::template::Templates;

use super::Session;
use crate::args::Selection;
use crate::disk::Disk;
use crate::failure::Failure;
use crate::pipeline::{self, Goal, Outcome};
use crate::report::Report;

/// Write what Argo CD, Flux, CI and git need to work with the mesh
///
/// Each text is made from a template, which the project replaces by a file of the same name in its folder `templates`.
/// A file that is there and differs is never overwritten without `--force`.
#[derive(Debug, Args)]
pub(crate) struct BootstrapArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Sync(sync::SyncArgs),
    Ci(ci::CiArgs),
    CronJob(cron_job::CronJobArgs),
    Hook(hook::HookArgs),
    Codeowners(codeowners::CodeownersArgs),
    /// Print recording rules for Prometheus: requests, failures, latency and shares by version, and mutual TLS
    Promql(observe::ObserveArgs),
    /// Print a dashboard for Grafana, which reads what the rules of `promql` record
    Grafana(observe::ObserveArgs),
    /// Print a script for k6 that calls what a caller may call and what it may not, and says where the mesh differs
    K6(observe::ObserveArgs),
}

/// What becomes of a file that is there.
#[derive(Debug, Clone, Copy, Args)]
struct Overwrite {
    /// Overwrite files that differ
    #[arg(long)]
    force: bool,
}

/// Where files go that have a place in the source repository.
#[derive(Debug, Clone, Copy, Args)]
struct Writing {
    #[command(flatten)]
    overwrite: Overwrite,
    /// Print the text, and write nothing
    #[arg(long, conflicts_with = "force")]
    print: bool,
}

impl BootstrapArgs {
    /// The paths that were typed.
    pub(super) fn paths(&mut self) -> Vec<&mut PathBuf> {
        match &mut self.what {
            What::Sync(args) => args.out.iter_mut().collect(),
            What::Codeowners(args) => args.out.iter_mut().collect(),
            What::Ci(_) | What::CronJob(_) | What::Promql(_) | What::Grafana(_) | What::K6(_) | What::Hook(_) => {
                Vec::new()
            }
        }
    }
}

/// Writes or prints.
pub(crate) fn run(session: &Session, args: &BootstrapArgs) -> Result<(), Failure> {
    match &args.what {
        What::Sync(args) => sync::run(session, args),
        What::Ci(args) => ci::run(session, args),
        What::CronJob(args) => cron_job::run(session, args),
        What::Promql(args) => observe::run(session, args, Observed::Rules),
        What::Grafana(args) => observe::run(session, args, Observed::Dashboard),
        What::K6(args) => observe::run(session, args, Observed::Calls),
        What::Hook(args) => hook::run(session, args),
        What::Codeowners(args) => codeowners::run(session, args),
    }
}

/// The project without errors, which are shown.
fn compiled(session: &Session, environments: &[String]) -> Result<Outcome, Failure> {
    let selection = Selection { environments: environments.to_vec(), state: None };
    let outcome = pipeline::compile(&session.folder, &selection, Goal::Render)?;
    if outcome.has_errors() {
        session.output.tell(&Report::new(session, &outcome).text(session.format));
        return Err(outcome.failure());
    }
    Ok(outcome)
}

/// The program's templates, and in their place the project's.
pub(crate) fn templates(session: &Session) -> Result<Templates, Failure> {
    Templates::load(&Disk::open(&session.folder)?).map_err(|error| Failure::Refused(error.to_string()))
}
