//! `meshc publish`.

mod message;
mod report;

use std::time::Duration;

use clap::Args;
use meshc_gitops::commit::Identity;
use meshc_gitops::folder::Commit;
use meshc_gitops::next::Rendering;
use meshc_gitops::program::Git;
use meshc_gitops::publish::{Order, Outcome, publish};
use meshc_gitops::remote::Location;
use meshc_gitops::store;

use super::Session;
use crate::args::Format;
use crate::failure::Failure;
use crate::pipeline;
use crate::progress::Progress;
use crate::publishing::sources::Sources;
use crate::publishing::target::{Target, TargetArgs};
use crate::publishing::{Made, Publishing, turn};
use crate::report::plural;

/// Render the environments and commit them to their deploy repositories
///
/// Each environment gets one commit, made from the tip of its branch, or none where nothing changes. What cannot be done
/// safely in one commit is done in several: run it again when the first is live, or let `--until-done` wait for that.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// Choose an environment; may be given several times [default: all]
    #[arg(short, long = "env", value_name = "ENV")]
    environments: Vec<String>,
    /// Wait for each commit to be live, and go on until nothing is left to publish
    #[arg(long, conflicts_with = "propose")]
    until_done: bool,
    /// Push to a branch of its own, to open a pull request from
    #[arg(long)]
    propose: bool,
    /// Take everything that meshc published out of the environment
    #[arg(long, requires = "environments")]
    uninstall: bool,
    /// Publish sources that are not committed, or differ from their commit
    #[arg(long)]
    allow_dirty: bool,
    /// Publish sources that neither come before nor after the published ones
    #[arg(long)]
    allow_diverged: bool,
    /// Overwrite files of the deploy repository that somebody edited by hand
    #[arg(long)]
    overwrite: bool,
    /// Let services go whose release is under way or held
    #[arg(long)]
    end_releases: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// How long lost races are run again.
const PATIENCE: Duration = Duration::from_secs(300);
/// While a commit is waited for, somebody else may publish the next one.
const MOST_PAUSE: Duration = Duration::from_secs(20);
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// Publishes environments, one after the other.
pub(crate) fn run(session: &Session, args: &PublishArgs) -> Result<(), Failure> {
    let sources = Sources::read(&session.folder, args.target.source_branch.as_deref(), args.target.deadline)?;
    let publishing = Publishing::new(session, &sources);
    publishing.refuse_errors()?;
    let environments = pipeline::chosen(&sources.project, &publishing.compilation, &args.environments)?;
    let targets: Vec<Target> =
        environments.iter().map(|environment| Target::of(&publishing, environment, &args.target)).collect();
    refuse_dirty(&publishing, args, &targets)?;
    let identity = Identity::of(&Git::new(&session.folder, args.target.deadline))?;
    if identity.anonymous {
        session.output.tell("note: git knows no `user.name` and `user.email` here; the commits are made as `meshc`\n");
    }
    let mut done = Vec::new();
    for target in &targets {
        let run = Run { publishing: &publishing, args, target, identity: &identity };
        done.push((target, run.publish()?));
    }
    let made = |outcome: &Outcome| matches!(outcome, Outcome::Published { .. });
    let new = |(target, outcomes): &(&Target, Vec<Outcome>)| {
        target.location == Location::Embedded && outcomes.iter().any(made)
    };
    match session.format {
        Format::Human if done.iter().any(new) => {
            let repository = session.folder.join(store::FOLDER).join("deploy.git");
            session.output.success(&format!("see it: git clone {}\n", repository.display()))
        }
        Format::Human | Format::Markdown | Format::Sarif => Ok(()),
        Format::Json => session.output.result(&report::json(&done)),
    }
}

/// Sources that no commit has can be tried with the embedded repository; a shared one says where each byte is from.
fn refuse_dirty(publishing: &Publishing<'_>, args: &PublishArgs, targets: &[Target]) -> Result<(), Failure> {
    let sources = publishing.sources;
    let free = |target: &Target| target.location == Location::Embedded || target.shared_folder(publishing).is_some();
    if args.allow_dirty || targets.iter().all(free) {
        return Ok(());
    }
    if sources.checkout.is_none() {
        return Err(Failure::Refused(
            "nothing was published: these sources are not in a git repository with a commit, so that nobody could say \
             later what was published; commit them, or publish them all the same with `--allow-dirty`"
                .to_owned(),
        ));
    }
    let Some(first) = sources.changed.first() else { return Ok(()) };
    let more = match sources.changed.len() - 1 {
        0 => String::new(),
        more => format!(" and {}", plural(more, "more file", "more files")),
    };
    Err(Failure::Refused(format!(
        "nothing was published: `{first}`{more} differ from the commit that is checked out; commit them, or publish them \
         all the same with `--allow-dirty`"
    )))
}

struct Run<'r> {
    publishing: &'r Publishing<'r>,
    args: &'r PublishArgs,
    target: &'r Target,
    identity: &'r Identity,
}

impl Run<'_> {
    /// Publishes, with `--until-done` as often as it takes.
    fn publish(&self) -> Result<Vec<Outcome>, Failure> {
        self.refuse_before_its_turn()?;
        let session = self.publishing.session;
        let mut outcomes: Vec<Outcome> = Vec::new();
        loop {
            let outcome = self.once()?;
            let goes_on = self.args.until_done && !outcome.waiting().is_empty();
            let pause = report::left(self.target, &outcome).min(MOST_PAUSE);
            // While it waits, nothing new is to be said.
            if outcomes.is_empty() || !matches!(outcome, Outcome::Unchanged { .. }) {
                if session.format == Format::Human {
                    session.output.success(&report::sentence(self.target, &outcome, goes_on))?;
                }
                outcomes.push(outcome);
            }
            if !goes_on {
                return Ok(outcomes);
            }
            let progress = Progress::new(session.output);
            progress.say(&format!("{}: waiting until the commit is live", self.target.environment));
            // Times of commits are whole seconds.
            std::thread::sleep(pause.max(LEAST_PAUSE));
        }
    }

    fn once(&self) -> Result<Outcome, Failure> {
        let Run { publishing, args, target, .. } = self;
        let progress = Progress::new(publishing.session.output);
        let say = |text: &str| progress.say(&format!("{}: {text}", target.environment));
        let mut remote = target.open(publishing, &args.target)?;
        let shared = target.shared_folder(publishing);
        let store = remote.store().path().to_path_buf();
        let mut subject = target.subject(publishing);
        subject.overwrite = args.overwrite;
        subject.end_releases = args.end_releases;
        let order = Order {
            subject,
            checkout: publishing.sources.clean_checkout().filter(|_| shared.is_none()),
            allow_diverged: args.allow_diverged,
            propose: args.propose,
            identity: self.identity.clone(),
            patience: PATIENCE,
            progress: &say,
        };
        let mut shown = false;
        let made: std::cell::RefCell<Option<Made>> = std::cell::RefCell::default();
        publish(
            &mut remote,
            &order,
            |commit: &Commit<'_>| -> Result<Rendering, Failure> {
                let mut new = match (&shared, commit.id()) {
                    (Some(folder), Some(tip)) => {
                        let checkout = publishing.sources.checkout.as_ref();
                        let sources = Sources::at(&store, tip, folder, checkout)?;
                        let publishing = Publishing::new(publishing.session, &sources);
                        let mut new = publishing.render(&target.environment, commit, !shown)?;
                        new.rendering.record = Some(target.subject(&publishing).record);
                        new
                    }
                    _ => publishing.render(&target.environment, commit, !shown)?,
                };
                shown = true;
                let mut rendering = std::mem::take(&mut new.rendering);
                if args.uninstall {
                    rendering = Rendering { record: rendering.record, ..Rendering::default() };
                }
                *made.borrow_mut() = Some(new);
                Ok(rendering)
            },
            |next, rendering| {
                self.tell_foreign(&next.not_written);
                message::of(publishing, target, args.uninstall, next, rendering, made.borrow().as_ref())
            },
        )
    }

    /// Files that stand where the script for rollbacks would.
    fn tell_foreign(&self, files: &[&str]) {
        for file in files {
            self.publishing.session.output.tell(&format!(
                "note: `{file}` in the root of the deploy repository is not of meshc and stays as it is: without meshc, roll \
                 back with {}\n",
                if *file == "Makefile" { "`sh rollback.sh`" } else { "the commands of docs/rollback.md" }
            ));
        }
    }

    /// `after staging`: what is published there must be what these sources render to.
    fn refuse_before_its_turn(&self) -> Result<(), Failure> {
        if self.args.uninstall {
            return Ok(());
        }
        match turn::missed(self.publishing, self.target, &self.args.target)? {
            None => Ok(()),
            Some(why) => {
                Err(Failure::Refused(format!("nothing was published to `{}`: {why}", self.target.environment)))
            }
        }
    }
}
