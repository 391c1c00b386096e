//! `meshc promote`.

pub(super) mod report;
pub(super) mod turn;

use clap::Args;

use self::turn::{Asking, Promoted, Wish, one_environment, turn};
use super::Session;
use crate::args::Format;
use crate::failure::Failure;
use crate::notify::Notifier;
use crate::publishing::deployed::{Environment, Place, PlaceArgs};
use crate::releases;
use crate::report::json::to_text;

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
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Promotes.
pub(crate) fn run(session: &Session, args: &PromoteArgs) -> Result<(), Failure> {
    let place = Place::find(session, &args.place)?;
    let mut notifier = Notifier::new(session);
    let mut opened = releases::open(&place).inspect_err(|failure| {
        if let Some(why) = failure.message().filter(|_| !args.dry_run) {
            notifier.place(&place, why);
        }
    })?;
    let known: Vec<Environment> = opened.iter().flat_map(|opened| opened.environments.clone()).collect();
    if known.is_empty() {
        return Err(releases::nothing(&opened, None, "is published"));
    }
    one_environment(&known, &args.services)?;
    let identity = place.identity()?;
    let wish = Wish {
        services: &args.services,
        approve: args.approve,
        together: args.together,
        dry_run: args.dry_run,
        asking: &args.asking,
    };
    let mut done = Vec::new();
    for opened in &mut opened {
        for environment in &opened.environments {
            let promoted = turn(session, &mut opened.remote, environment, &wish, &identity, &mut notifier)?;
            if session.format == Format::Human {
                session.output.success(&report::human(environment, &promoted.outcome, args.dry_run))?;
            }
            done.push(promoted);
        }
    }
    if session.format != Format::Human {
        session.output.result(&report::json(&done, |document| to_text(document)))?;
    }
    let faults: Vec<String> = done.iter().flat_map(Promoted::faults).collect();
    if faults.is_empty() { Ok(()) } else { Err(Failure::Refused(faults.join("\n"))) }
}
