//! One turn in one environment: what `meshc promote` does once and `meshc watch` again and again.

use std::time::Duration;

use clap::Args;
use meshc_gitops::commit::Identity;
use meshc_gitops::remote::Remote;
use meshc_rollout::outcome::Outcome;
use meshc_rollout::plan::Server;
use meshc_rollout::prometheus::Prometheus;
use meshc_rollout::promote::{Connected, Order, promote};

use crate::commands::Session;
use crate::failure::Failure;
use crate::notify::Notifier;
use crate::progress::Progress;
use crate::publishing::deployed::Environment;
use crate::publishing::target::duration;

/// How Prometheus is asked.
#[derive(Debug, Args)]
pub(in crate::commands) struct Asking {
    /// Ask this Prometheus instead of the declared one
    #[arg(long, value_name = "URL")]
    prometheus: Option<String>,
    /// Give up on a question that is not answered in this time
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    query_deadline: Duration,
}

/// What a turn is to do.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct Wish<'w> {
    /// The services; empty: all that are being released.
    pub(in crate::commands) services: &'w [String],
    pub(in crate::commands) approve: bool,
    pub(in crate::commands) together: bool,
    pub(in crate::commands) dry_run: bool,
    pub(in crate::commands) asking: &'w Asking,
}

/// What came of one environment.
pub(in crate::commands) struct Promoted {
    pub(in crate::commands) environment: Environment,
    pub(in crate::commands) outcome: Outcome,
}

/// How long lost races are run again.
const PATIENCE: Duration = Duration::from_secs(120);

/// Decides about the releases of one environment, and commits what follows.
pub(in crate::commands) fn turn(
    session: &Session,
    remote: &mut Remote,
    environment: &Environment,
    wish: &Wish<'_>,
    identity: &Identity,
    notifier: &mut Notifier<'_>,
) -> Result<Promoted, meshc_gitops::Error> {
    let asking = wish.asking;
    let connect = |server: &Server| -> Connected {
        Ok(Box::new(Prometheus::new(server, &session.folder, asking.query_deadline)?))
    };
    let progress = Progress::new(session.output);
    let say = |text: &str| progress.say(&format!("{}: {text}", environment.name));
    let order = Order {
        folder: &environment.folder,
        services: wish.services,
        approve: wish.approve,
        together: wish.together,
        dry_run: wish.dry_run,
        identity,
        patience: PATIENCE,
        now: meshc_gitops::publish::now(),
        prometheus: asking.prometheus.as_deref(),
        connect: &connect,
        progress: &say,
    };
    let came = promote(remote, &order);
    drop(progress);
    if !wish.dry_run {
        let words = came.as_ref().map_err(ToString::to_string);
        notifier.turn(environment, words.as_ref().copied().map_err(String::as_str));
    }
    let outcome = came?;
    Ok(Promoted { environment: environment.clone(), outcome })
}

/// Whether services that are named may be in one environment only. The error says how to name it.
pub(in crate::commands) fn one_environment(known: &[Environment], services: &[String]) -> Result<(), Failure> {
    if known.len() < 2 || services.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = known.iter().map(|environment| environment.name.as_str()).collect();
    Err(Failure::Usage(format!("say in which environment, with `--env`: {}", names.join(", "))))
}

impl Promoted {
    /// Releases that could not be decided about or taken back: "prod shop/web: why".
    pub(in crate::commands) fn faults(&self) -> impl Iterator<Item = String> {
        self.outcome.faults.iter().map(|(name, why)| format!("{} {name}: {why}", self.environment.name))
    }
}
