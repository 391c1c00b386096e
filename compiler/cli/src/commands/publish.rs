//! `meshc publish`.

use std::time::Duration;

use clap::Args;
use meshc_core::plan;
use meshc_core::published::Tree;
use meshc_core::source::Text;
use meshc_gitops::commit::Identity;
use meshc_gitops::folder::{Commit, id_of};
use meshc_gitops::message::message;
use meshc_gitops::next::{Next, Rendering};
use meshc_gitops::program::Git;
use meshc_gitops::publish::{Order, Outcome, publish};
use meshc_gitops::remote::Location;
use serde::Serialize;

use super::Session;
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{BOLD, GREEN, PLAIN};
use crate::pipeline;
use crate::progress::Progress;
use crate::publishing::sources::Sources;
use crate::publishing::target::{Target, TargetArgs};
use crate::publishing::{Made, Publishing};
use crate::report::json::{SCHEMA, to_text};
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
        let outcomes = run.publish()?;
        if session.format == Format::Human {
            for outcome in &outcomes {
                session.output.success(&run.sentence(outcome))?;
            }
        }
        done.push((target, outcomes));
    }
    match session.format {
        Format::Human => Ok(()),
        Format::Json => session.output.result(&json(&done)),
        Format::Sarif => Ok(()),
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
        let mut outcomes: Vec<Outcome> = Vec::new();
        loop {
            let outcome = self.once()?;
            let waits = !outcome.waiting().is_empty();
            let again = matches!(outcome, Outcome::Unchanged { .. }) && !outcomes.is_empty();
            if !again {
                outcomes.push(outcome);
            }
            if !waits || !self.args.until_done {
                return Ok(outcomes);
            }
            let output = self.publishing.session.output;
            let progress = Progress::new(output);
            // Waiting a little beyond: times of commits are whole seconds.
            let pause = self.target.settle.clamp(Duration::ZERO, Duration::from_secs(10));
            progress.say(&format!("{}: waiting until the commit is live", self.target.environment));
            std::thread::sleep(pause.max(Duration::from_millis(50)));
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
                self.message(next, rendering, made.borrow().as_ref())
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
        let Some(before) = &self.target.after else { return Ok(()) };
        if self.args.uninstall {
            return Ok(());
        }
        let earlier = Target::of(self.publishing, before, &self.args.target);
        let mut remote = earlier.open(self.publishing, &self.args.target)?;
        let tip = remote.tip()?;
        let commit = Commit::new(remote.store().repository(), tip)?;
        let rendering = self.publishing.render(before, &commit, false)?.rendering;
        let folder = commit.folder(&earlier.folder)?;
        let differs = rendering.bundle.files.iter().find(|(path, text)| folder.ids.get(*path) != Some(&id_of(text)));
        let Some((path, _)) = differs else { return Ok(()) };
        Err(Failure::Refused(format!(
            "nothing was published to `{}`: it comes after `{before}`, which does not hold these sources yet (`{path}` \
             differs); publish `{before}` first",
            self.target.environment
        )))
    }

    /// The message of a commit: what it means, and where it is from.
    fn message(&self, next: &Next<'_>, rendering: &Rendering, made: Option<&Made>) -> String {
        let record = rendering.record.clone().unwrap_or_else(|| self.target.subject(self.publishing).record);
        let environment = &self.target.environment;
        let texts = next.step.files(&rendering.bundle);
        let texts = texts.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        let after = Tree::in_memory(&texts, id_of);
        let changes = made
            .and_then(|made| plan::compare(&next.before, &after, &made.mesh, &rendering.bundle.causes).ok())
            .map(|plan| plan.changes)
            .unwrap_or_default();
        let mut body: Vec<String> = changes
            .iter()
            .take(MOST_LINES)
            .map(|change| format!("- {}: {}", change.subject, change.text.replace('`', "")))
            .collect();
        if let Some(more) = changes.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
            body.push(format!("- and {more} more"));
        }
        if !next.step.is_last() {
            body.push(format!("{} wait for this commit to be live.", plural(next.step.waiting.len(), "file", "files")));
        }
        let from = match &record.commit {
            Some(commit) => commit.chars().take(10).collect::<String>(),
            None => "uncommitted sources".to_owned(),
        };
        let what = if self.args.uninstall { "uninstall" } else { "publish" };
        let subject = format!(
            "{what}({environment}): {} from {from}, {}",
            record.mesh,
            plural(next.changes.len(), "file", "files")
        );
        let mut trailers = vec![("Mesh-Operation", what.to_owned()), ("Mesh-Env", environment.to_string())];
        if let (Some(commit), Some(checkout)) = (record.commit, self.publishing.sources.clean_checkout()) {
            trailers.push(("Mesh-Source", commit.clone()));
            // Argo CD shows the commit that these name (argo-cd 3.6, docs/user-guide/source-hydrator.md).
            trailers.push(("Argocd-reference-commit-sha", commit));
            trailers.push(("Argocd-reference-commit-author", checkout.author.clone()));
            trailers.push(("Argocd-reference-commit-subject", checkout.subject.clone()));
            trailers.push(("Argocd-reference-commit-date", checkout.date.clone()));
            if let Some(url) = checkout.url.as_deref().filter(|url| url.starts_with("https://") && !url.contains('@')) {
                trailers.push(("Argocd-reference-commit-repourl", url.to_owned()));
            }
        }
        trailers.push(("Mesh-Inputs", record.inputs.to_string()));
        trailers.push(("Mesh-Compiler", record.compiler));
        message(&subject, &body, &trailers)
    }

    /// What came of it, for people.
    fn sentence(&self, outcome: &Outcome) -> String {
        let environment = &self.target.environment;
        let place = format!("`{}` of {}", self.target.branch, self.target.location);
        let waits = |waiting: &[meshc_core::transition::Waiting]| match waiting.first() {
            None => String::new(),
            Some(first) => format!(
                "  {} in a further commit, when this one is live (in {}):\n  {}: {}\n  run it again then, or let \
                 `--until-done` wait\n",
                if waiting.len() == 1 {
                    "1 file follows".to_owned()
                } else {
                    format!("{} files follow", waiting.len())
                },
                seconds(self.target.settle),
                first.path,
                first.why
            ),
        };
        match outcome {
            Outcome::Published { commit, files, attempts, waiting } => {
                let tries = if *attempts > 1 { format!(", at the {attempts}th attempt") } else { String::new() };
                let clone = match &self.target.location {
                    Location::Embedded => format!(
                        "  see it: git clone {}\n",
                        self.publishing.session.folder.join(meshc_gitops::store::FOLDER).join("deploy.git").display()
                    ),
                    Location::Url(_) => String::new(),
                };
                format!(
                    "{BOLD}{environment}{PLAIN} {GREEN}published{PLAIN}: {} in {} on {place}{tries}\n{}{clone}",
                    plural(*files, "file", "files"),
                    short(commit),
                    waits(waiting)
                )
            }
            Outcome::Proposed { branch, commit, files, waiting } => format!(
                "{BOLD}{environment}{PLAIN} {GREEN}proposed{PLAIN}: {} in {} on the branch `{branch}` of {}\n  open a pull \
                 request from it to `{}`; when others publish before it is merged, close it and propose again\n{}",
                plural(*files, "file", "files"),
                short(commit),
                self.target.location,
                self.target.branch,
                waits(waiting)
            ),
            Outcome::Unchanged { waiting } if waiting.is_empty() => {
                format!("{BOLD}{environment}{PLAIN} is published: nothing to change on {place}\n")
            }
            Outcome::Unchanged { waiting } => {
                format!("{BOLD}{environment}{PLAIN}: nothing to change yet on {place}\n{}", waits(waiting))
            }
            Outcome::Superseded { why } => format!("{BOLD}{environment}{PLAIN}: nothing to do, {why}\n"),
        }
    }
}

/// How many changes a message names.
const MOST_LINES: usize = 40;

fn short(commit: &str) -> String {
    commit.chars().take(10).collect()
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    environments: Vec<EnvironmentDocument<'a>>,
}

#[derive(Serialize)]
struct EnvironmentDocument<'a> {
    name: &'a Text,
    repository: String,
    branch: &'a str,
    folder: &'a str,
    outcomes: Vec<OutcomeDocument<'a>>,
}

#[derive(Serialize, Default)]
struct OutcomeDocument<'a> {
    result: &'static str,
    commit: Option<&'a str>,
    proposal: Option<&'a str>,
    files: usize,
    attempts: u32,
    waiting: Vec<WaitingDocument<'a>>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct WaitingDocument<'a> {
    path: &'a str,
    why: &'a str,
}

/// What came of it, as `docs/formats.md` describes it.
fn json(done: &[(&Target, Vec<Outcome>)]) -> String {
    let environments = done.iter().map(|(target, outcomes)| EnvironmentDocument {
        name: &target.environment,
        repository: match &target.location {
            Location::Embedded => "embedded".to_owned(),
            Location::Url(url) => meshc_gitops::remote::without_password(url),
        },
        branch: &target.branch,
        folder: &target.folder,
        outcomes: outcomes.iter().map(outcome_document).collect(),
    });
    to_text(&Document { schema: SCHEMA, environments: environments.collect() })
}

fn outcome_document(outcome: &Outcome) -> OutcomeDocument<'_> {
    let waiting = outcome.waiting().iter().map(|waiting| WaitingDocument { path: &waiting.path, why: &waiting.why });
    let document = OutcomeDocument { waiting: waiting.collect(), ..OutcomeDocument::default() };
    match outcome {
        Outcome::Published { commit, files, attempts, .. } => OutcomeDocument {
            result: "published",
            commit: Some(commit),
            files: *files,
            attempts: *attempts,
            ..document
        },
        Outcome::Proposed { branch, commit, files, .. } => OutcomeDocument {
            result: "proposed",
            commit: Some(commit),
            proposal: Some(branch),
            files: *files,
            ..document
        },
        Outcome::Unchanged { .. } => OutcomeDocument { result: "unchanged", ..document },
        Outcome::Superseded { why } => OutcomeDocument { result: "superseded", reason: Some(why), ..document },
    }
}
