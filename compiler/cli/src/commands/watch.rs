//! `meshc watch`.

mod signal;
mod view;

use std::time::{Duration, Instant};

use clap::Args;
use meshc_gitops::commit::Identity;
use meshc_rollout::decide::Decision;
use meshc_rollout::outcome::Report;

use self::signal::Stop;
use self::view::View;
use super::Session;
use super::promote::turn::{Asking, Promoted, Wish, one_environment, turn};
use crate::failure::Failure;
use crate::notify::Notifier;
use crate::publishing::deployed::{Environment, Place, PlaceArgs};
use crate::publishing::target::duration;
use crate::releases::{self, Opened};

/// Promote again and again, and show how far the releases are
///
/// Each turn is one `meshc promote`: the same decisions, and at most one commit for each environment. A server that cannot
/// be reached is asked again at the next turn. Ctrl-c stops it between two turns. On a terminal the releases are shown as
/// they stand; elsewhere there is a line for whatever changes, and with `--format json` a line for each turn.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Choose services [default: all that are being released]
    #[arg(value_name = "[NAMESPACE/]SERVICE")]
    services: Vec<String>,
    /// Stop when every release is finished or held
    #[arg(long)]
    until_done: bool,
    /// Look at least this often; earlier where a stage ends earlier
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1m")]
    interval: Duration,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Two turns are at least this far apart, unless `--interval` is shorter.
const SHORTEST: Duration = Duration::from_secs(5);

/// What came of one turn.
#[derive(Default)]
struct Turn {
    promoted: Vec<Promoted>,
    /// What could not be done, each with its environment or place.
    failures: Vec<Failure>,
    /// Nothing is published there.
    nothing: Option<Failure>,
}

/// Promotes until it is stopped or done.
pub(crate) fn run(session: &Session, args: &WatchArgs) -> Result<(), Failure> {
    if args.interval.is_zero() {
        return Err(Failure::Usage("`--interval` must be longer than 0s".to_owned()));
    }
    let place = Place::find(session, &args.place)?;
    let identity = place.identity()?;
    let stop = Stop::on_signals()?;
    let mut view = View::new(session);
    let mut notifier = Notifier::new(session);
    let mut first = true;
    loop {
        let mut turn = Turn::take(args, &place, &identity, &stop, (session, &mut notifier))?;
        if first {
            // What was typed wrongly will not get better; a server that is away will come back.
            if let Some(failure) = turn.nothing.take().filter(|_| turn.failures.is_empty()) {
                return Err(failure);
            }
            let lasting = |failure: &Failure| !matches!(failure, Failure::Unreachable(_));
            if let Some(at) = turn.failures.iter().position(lasting) {
                view.show(&turn)?;
                return Err(turn.failures.swap_remove(at));
            }
        }
        first = false;
        view.show(&turn)?;
        if args.until_done && turn.is_done() && !stop.is_asked() {
            let faults: Vec<String> = turn.promoted.iter().flat_map(Promoted::faults).collect();
            return if faults.is_empty() { Ok(()) } else { Err(Failure::Refused(faults.join("\n"))) };
        }
        let next = Instant::now() + pause(turn.reports(), args.interval);
        loop {
            let left = next.saturating_duration_since(Instant::now());
            view.wait(left);
            if stop.wait(left.min(Duration::from_secs(1))) {
                drop(view);
                return stopped(args.until_done);
            }
            if left.is_zero() {
                break;
            }
        }
    }
}

/// Whoever waits for the end must not take this for it.
fn stopped(until_done: bool) -> Result<(), Failure> {
    if until_done { Err(Failure::Refused("stopped before every release was done".to_owned())) } else { Ok(()) }
}

/// How long until the next turn: when the first of the releases may go on, within bounds. What fails is to be noticed
/// in between, so that no stage is waited for as a whole.
fn pause<'r>(reports: impl Iterator<Item = &'r Report>, longest: Duration) -> Duration {
    let due = reports.filter_map(|report| match &report.decided.decision {
        Decision::Wait { until: Some(until), .. } if !report.is_over() => {
            Some(Duration::from_secs(u64::try_from(until - report.decided.now).unwrap_or(0)))
        }
        _ => None,
    });
    due.min().unwrap_or(longest).clamp(SHORTEST.min(longest), longest)
}

impl Turn {
    /// One promote of each environment. The error is a wrong use.
    fn take(
        args: &WatchArgs,
        place: &Place,
        identity: &Identity,
        stop: &Stop,
        (session, notifier): (&Session, &mut Notifier<'_>),
    ) -> Result<Self, Failure> {
        let mut taken = Self::default();
        let mut opened: Vec<Opened<'_>> = Vec::new();
        for deployed in &place.deployed {
            match releases::open_one(place, deployed) {
                Ok(one) => opened.push(one),
                Err(failure) => {
                    for environment in deployed.asked() {
                        notifier.turn(environment, Err(failure.message().unwrap_or_default()));
                    }
                    taken.failures.push(failure);
                }
            }
        }
        let known: Vec<Environment> = opened.iter().flat_map(|opened| opened.environments.clone()).collect();
        if known.is_empty() {
            taken.nothing = Some(releases::nothing(&opened, None, "is published")).filter(|_| !opened.is_empty());
            return Ok(taken);
        }
        one_environment(&known, &args.services)?;
        let wish =
            Wish { services: &args.services, approve: false, together: false, dry_run: false, asking: &args.asking };
        for opened in &mut opened {
            for environment in opened.environments.clone() {
                if stop.is_asked() {
                    return Ok(taken);
                }
                match turn(session, &mut opened.remote, &environment, &wish, &identity.at_this_time(), notifier) {
                    Ok(promoted) => taken.promoted.push(promoted),
                    Err(error) => taken.failures.push(error.into()),
                }
            }
        }
        Ok(taken)
    }

    fn reports(&self) -> impl Iterator<Item = &Report> {
        self.promoted.iter().flat_map(|promoted| &promoted.outcome.reports)
    }

    /// Whether all environments were looked at, and nothing is to be done in any.
    fn is_done(&self) -> bool {
        self.failures.is_empty() && self.nothing.is_none() && self.reports().all(Report::is_over)
    }
}

#[cfg(test)]
mod tests {
    use meshc_gitops::rollback::Name;
    use meshc_rollout::decide::Decided;

    use super::*;

    fn waiting(until: Option<i64>) -> Report {
        Report {
            name: Name { namespace: "shop".into(), service: "web".into() },
            before: String::new(),
            canary: "v2".into(),
            weight: 5,
            stages: vec![5, 100],
            hold: None,
            finished: false,
            decided: Decided {
                decision: Decision::Wait { why: String::new(), until },
                now: 1_000,
                evidence: Vec::new(),
            },
            dropped: false,
        }
    }

    #[test]
    fn the_next_turn_is_when_the_first_release_is_due_within_bounds() {
        let seconds = |until: &[Option<i64>], longest: u64| {
            let reports: Vec<Report> = until.iter().copied().map(waiting).collect();
            pause(reports.iter(), Duration::from_secs(longest)).as_secs()
        };
        assert_eq!(seconds(&[], 60), 60);
        assert_eq!(seconds(&[None], 60), 60);
        assert_eq!(seconds(&[Some(1_030), None, Some(1_020)], 60), 20);
        assert_eq!(seconds(&[Some(9_000)], 60), 60);
        assert_eq!(seconds(&[Some(1_001)], 60), 5);
        assert_eq!(seconds(&[Some(900)], 60), 5);
        assert_eq!(seconds(&[Some(1_001)], 2), 2);
    }

    #[test]
    fn what_is_held_is_not_waited_for() {
        let held = Report { hold: Some(meshc_gitops::status::Hold::default()), ..waiting(Some(1_020)) };
        assert_eq!(pause([held].iter(), Duration::from_secs(60)).as_secs(), 60);
    }
}
