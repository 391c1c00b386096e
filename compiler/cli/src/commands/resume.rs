//! `meshc resume`.

use clap::Args;
use meshc_core::lower::declaration::NotifyEvent;
use meshc_gitops::resume;
use meshc_gitops::rollback::{Order, Outcome, PATIENCE};
use serde::Serialize;

use super::Session;
use super::rollback::{failure, list};
use crate::args::Format;
use crate::failure::Failure;
use crate::notify::{Happened, Notifier};
use crate::output::{BOLD, GREEN, PLAIN};
use crate::progress::Progress;
use crate::publishing::deployed::{Place, PlaceArgs, short};
use crate::releases;
use crate::report::json::{SCHEMA, to_text};

/// End a hold: the release starts again, with no request on the new version
///
/// Makes one commit that deletes the hold and sets the recorded weight to 0. The gates ask for fresh evidence; the next
/// `meshc promote` opens the first stage.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Choose the service, where several are held
    #[arg(value_name = "[NAMESPACE/]SERVICE")]
    service: Option<String>,
    /// Resume all that is held in one environment
    #[arg(long, conflicts_with = "service")]
    all: bool,
    /// Say why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Resumes.
pub(crate) fn run(session: &Session, args: &ResumeArgs) -> Result<(), Failure> {
    let place = Place::find(session, &args.place)?;
    let mut opened = releases::open(&place)?;
    let held = releases::held(&opened)?;
    let named = args.service.as_deref();
    let Some(chosen) = releases::choose(&opened, held, named, args.all, "resume")? else {
        return Err(releases::nothing(&opened, named, "is held"));
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
    let outcome = resume::resume(&mut at.remote, &order).map_err(|refusal| failure(at, &chosen, refusal, "resume"))?;
    drop(progress);
    let environment = &chosen.environment.name;
    let names = list(&chosen.names);
    let (result, commit) = match outcome {
        Outcome::Done { commit, .. } => ("resumed", commit),
        Outcome::Already { tip, .. } => ("not-held", tip),
    };
    if result == "resumed" {
        let notifier = Notifier::new(session);
        for name in &chosen.names {
            let commit = Some(commit.to_string());
            let happened = Happened { name: Some(name), commit, reason: Some(&args.reason), ..Happened::default() };
            notifier.tell(&chosen.environment, NotifyEvent::Resumed, &happened);
        }
    }
    if session.format != Format::Human {
        let services = chosen.names.iter().map(|name| (name.namespace.as_str(), name.service.as_str()));
        let services = services.map(|(namespace, service)| ServiceDocument { namespace, service }).collect();
        let folder = &chosen.environment.folder;
        let commit = commit.to_string();
        return session.output.result(&to_text(&Document {
            schema: SCHEMA,
            result,
            environment,
            folder,
            commit,
            services,
        }));
    }
    session.output.success(&match result {
        "resumed" => format!(
            "{BOLD}{environment}{PLAIN} {GREEN}resumed{PLAIN}: {names} in {} on {}\n  the release starts again at 0 %; the \
             next promote opens its first stage\n",
            short(commit),
            at.deployed.describe()
        ),
        _ => format!("{BOLD}{environment}{PLAIN}: {names} is not held any more\n"),
    })
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    result: &'static str,
    environment: &'a str,
    folder: &'a str,
    commit: String,
    services: Vec<ServiceDocument<'a>>,
}

#[derive(Serialize)]
struct ServiceDocument<'a> {
    namespace: &'a str,
    service: &'a str,
}
