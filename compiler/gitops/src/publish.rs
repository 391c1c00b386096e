//! Publishing: one safe commit, or none. A lost race is answered by computing again from the new tip: never by a
//! rebase, a merge or force, which would carry text over a decision that somebody else made meanwhile.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use git2::Oid;
use meshc_core::transition::Waiting;

use crate::commit::{self, Identity};
use crate::error::{Error, Result};
use crate::folder::Commit;
use crate::next::{self, Next, Rendering, Subject};
use crate::record::{self, Record};
use crate::remote::{Location, Pushed, Remote};
use crate::source::{Checkout, Relation};

/// How often a lost race is run again.
const MOST_ATTEMPTS: u32 = 400;

/// What is needed beside the subject.
pub struct Order<'o> {
    /// What, and from where.
    pub subject: Subject,
    /// The checkout of the sources, where they are in git.
    pub checkout: Option<&'o Checkout>,
    /// Publish sources that neither come before nor after the recorded ones.
    pub allow_diverged: bool,
    /// Push to a branch of its own, to open a pull request from.
    pub propose: bool,
    /// Who commits.
    pub identity: Identity,
    /// The deadline for running the race again.
    pub patience: Duration,
    /// Told when something takes its time.
    pub progress: &'o dyn Fn(&str),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The branch points to a new commit.
    Published {
        /// The commit.
        commit: String,
        /// Files that it changes.
        files: usize,
        /// How many times it was tried.
        attempts: u32,
        /// What a further commit has to wait for; empty: all is published.
        waiting: Vec<Waiting>,
        /// Why these sources are not the newest any more. Their own job may have looked before this commit arrived, and
        /// have found nothing to change.
        overtaken: Option<String>,
    },
    /// A branch for a pull request has the commit.
    Proposed {
        /// The branch.
        branch: String,
        /// The commit.
        commit: String,
        /// Files that it changes.
        files: usize,
        /// What a further commit has to wait for.
        waiting: Vec<Waiting>,
    },
    /// What is published is what is declared, as far as it can be now.
    Unchanged {
        /// What a further commit waits for; empty: all is published.
        waiting: Vec<Waiting>,
        /// When the tip was made, in seconds since 1970.
        tip: Option<i64>,
    },
    /// Newer sources are published, or about to be. There is nothing to do.
    Superseded {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// What a further commit has to wait for.
    pub fn waiting(&self) -> &[Waiting] {
        match self {
            Outcome::Published { waiting, .. }
            | Outcome::Proposed { waiting, .. }
            | Outcome::Unchanged { waiting, .. } => waiting,
            Outcome::Superseded { .. } => &[],
        }
    }
}

/// Publishes. `render` gives what the sources declare against the state at a commit; `describe` gives the commit
/// message.
pub fn publish<E: From<Error>>(
    remote: &mut Remote,
    order: &Order<'_>,
    mut render: impl FnMut(&Commit<'_>) -> std::result::Result<Rendering, E>,
    mut describe: impl FnMut(&Next<'_>, &Rendering) -> String,
) -> std::result::Result<Outcome, E> {
    let started = Instant::now();
    let subject = &order.subject;
    let mut checked: Option<Option<String>> = None;
    for attempt in 1..=MOST_ATTEMPTS {
        let began = Instant::now();
        (order.progress)(&format!("reading {} of {}", remote.branch(), remote.location()));
        let tip = remote.tip()?;
        let live = next::possibly_live(remote, tip, &subject.folder, subject.settle, now())?;
        let repository = git2::Repository::open_bare(remote.store().path()).map_err(Error::from)?;
        let at = Commit::new(&repository, tip)?;
        let recorded = recorded(&at, subject)?;
        let commit = recorded.as_ref().and_then(|record| record.commit.clone());
        if checked.as_ref() != Some(&commit) {
            if let Some(outcome) = check_source(remote.location(), order, commit.as_deref())? {
                return Ok(outcome);
            }
            checked = Some(commit);
        }
        (order.progress)("rendering");
        let rendering = render(&at)?;
        let live = live.into_iter().map(|id| Commit::new(&repository, id)).collect::<Result<Vec<_>>>()?;
        let next = next::next(&at, &live, subject, &rendering)?;
        let waiting = next.step.waiting.clone();
        if next.changes.is_empty() {
            let tip = tip.map(|tip| repository.find_commit(tip).map(|commit| commit.time().seconds())).transpose();
            return Ok(Outcome::Unchanged { waiting, tip: tip.map_err(Error::from)? });
        }
        let message = describe(&next, &rendering);
        (order.progress)(&format!("writing {} files", next.changes.len()));
        let git = remote.git();
        let new = commit::create(&repository, &git, tip, &next.changes, &message, &order.identity.at_this_time())?;
        let files = next.changes.len();
        if order.propose {
            let branch = format!("meshc/{}-{}", subject.folder, short(new));
            remote.push_aside(&branch, new)?;
            return Ok(Outcome::Proposed { branch, commit: new.to_string(), files, waiting });
        }
        // Newer sources may have come while these were rendered, and may have found nothing to change.
        if let Some(why) = superseded_by_branch(remote.location(), order)? {
            return Ok(Outcome::Superseded { why });
        }
        (order.progress)(&format!("pushing to {}", remote.location()));
        match remote.push(tip, new)? {
            Pushed::Done => {
                // What is pushed is pushed: a server of sources that does not answer now makes no error of it.
                let overtaken = superseded_by_branch(remote.location(), order).ok().flatten();
                let commit = new.to_string();
                return Ok(Outcome::Published { commit, files, attempts: attempt, waiting, overtaken });
            }
            Pushed::Lost if started.elapsed() > order.patience => {
                return Err(Error::LostRaces { attempts: attempt, during: started.elapsed() }.into());
            }
            Pushed::Lost => std::thread::sleep(pause(attempt, began.elapsed())),
        }
    }
    Err(Error::LostRaces { attempts: MOST_ATTEMPTS, during: started.elapsed() }.into())
}

/// How long to let others go first after a lost race. The first loss is to somebody who is done; each further one tells
/// of a crowd, in which attempts that run at once only slow each other down: the more of them, and the longer they
/// take, the fewer should run.
fn pause(attempt: u32, took: Duration) -> Duration {
    let longest = (took * attempt.saturating_sub(1).min(8)).clamp(Duration::from_millis(20), Duration::from_secs(10));
    longest.mul_f64(fastrand::f64())
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

fn short(id: Oid) -> String {
    id.to_string().chars().take(10).collect()
}

/// What the folder was rendered from, checked against who wants to write there.
pub fn recorded(commit: &Commit<'_>, subject: &Subject) -> Result<Option<Record>> {
    let path = record::path(&subject.folder);
    let Some(text) = commit.text(&path)? else { return Ok(None) };
    let record = Record::parse(&path, &text)?;
    record.check_compiler(&subject.record.compiler)?;
    if record.mesh != subject.record.mesh {
        return Err(Error::Refused(format!(
            "the folder `{}` belongs to the mesh `{}`, and this is `{}`: give this one another with `deploy {{ folder \
             … }}`",
            subject.folder, record.mesh, subject.record.mesh
        )));
    }
    Ok(Some(record))
}

/// The source only moves forward.
fn check_source(location: &Location, order: &Order<'_>, recorded: Option<&str>) -> Result<Option<Outcome>> {
    if let Some(why) = superseded_by_branch(location, order)? {
        return Ok(Some(Outcome::Superseded { why }));
    }
    let Some(checkout) = order.checkout.filter(|_| order.subject.record.commit.is_some()) else { return Ok(None) };
    let Some(recorded) = recorded else { return Ok(None) };
    let name = |id: &str| id.chars().take(10).collect::<String>();
    let why = match checkout.relation(recorded)? {
        Relation::Same | Relation::Descendant => return Ok(None),
        Relation::Ancestor => {
            let why = format!("{} is published already, which comes after {}", name(recorded), name(&checkout.commit));
            return Ok(Some(Outcome::Superseded { why }));
        }
        Relation::Diverged => "neither comes before nor after it: the branch was forced, or this is another branch",
        Relation::Unknown => "cannot be compared with it: that commit is nowhere to be found",
    };
    if order.allow_diverged {
        return Ok(None);
    }
    Err(Error::Refused(format!(
        "nothing was published: `{}` holds commit {} of the sources, and {} {why}; publish it all the same with \
         `--allow-diverged`",
        order.subject.folder,
        name(recorded),
        name(&checkout.commit),
    )))
}

/// How the branch of a source commit has left it behind, if it has. Not asked for the embedded repository, which works
/// without a network.
fn superseded_by_branch(location: &Location, order: &Order<'_>) -> Result<Option<String>> {
    let Some(checkout) = order.checkout.filter(|_| order.subject.record.commit.is_some()) else { return Ok(None) };
    if *location == Location::Embedded {
        return Ok(None);
    }
    let Some(tip) = checkout.branch_tip()? else { return Ok(None) };
    if checkout.relation(&tip)? != Relation::Ancestor {
        return Ok(None);
    }
    let name = |id: &str| id.chars().take(10).collect::<String>();
    let branch = checkout.branch.as_deref().unwrap_or_default();
    Ok(Some(format!("`{branch}` has moved on to {}, past {}", name(&tip), name(&checkout.commit))))
}
