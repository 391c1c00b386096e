//! `meshc plan`.

use clap::Args;
use meshc_core::bundle::lock::LOCK_FILE;
use meshc_core::cause;
use meshc_core::plan;
use meshc_core::published::Tree;
use meshc_core::source::Text;
use meshc_core::transition;
use meshc_gitops::folder::{Commit, id_of};
use meshc_gitops::next::{self, Rendering};
use meshc_gitops::publish;

use super::Session;
use crate::args::Format;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::pipeline;
use crate::progress::Progress;
use crate::publishing::sources::Sources;
use crate::publishing::target::{Target, TargetArgs};
use crate::publishing::{Publishing, turn};
use crate::report::plan::{EnvironmentPlan, PlanReport, human, json, markdown, sarif};
use crate::report::plural;

/// Say what publishing would change: meaning first, then the difference
///
/// Compares what is published with what the sources declare. Changes are ordered by risk, each with the line that
/// causes it. Nothing is published.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Choose an environment; may be given several times [default: all]
    #[arg(short, long = "env", value_name = "ENV")]
    environments: Vec<String>,
    /// End with exit code 2 where anything would change, and with 0 where nothing would, as terraform does
    #[arg(long)]
    detailed_exitcode: bool,
    /// Leave out the difference of the files
    #[arg(long)]
    no_diff: bool,
    /// Plan to take everything that meshc published out of the environment
    #[arg(long, requires = "environments")]
    uninstall: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// Plans, and prints the plan in the form that was asked for. Findings go to the standard error.
pub(crate) fn run(session: &Session, args: &PlanArgs) -> Result<(), Failure> {
    let sources = Sources::read(&session.folder, args.target.source_branch.as_deref(), args.target.deadline)?;
    let publishing = Publishing::new(session, &sources);
    publishing.refuse_errors()?;
    let mut environments = Vec::new();
    for environment in pipeline::chosen(&sources.project, &publishing.compilation, &args.environments)? {
        environments.push(plan(&publishing, &environment, args)?);
    }
    let report = PlanReport {
        mesh: publishing.compilation.mesh_name().map(Text::as_str).unwrap_or_default(),
        sources: &sources.project.sources,
        paths: Paths::new(&session.folder),
        environments,
    };
    session.output.result(&match session.format {
        Format::Human => human::human(&report, !args.no_diff),
        Format::Markdown => markdown::markdown(&report),
        Format::Json => json::json(&report),
        Format::Sarif => sarif::sarif(&report),
    })?;
    let changes = report.environments.iter().any(|environment| !environment.plan.is_empty());
    if args.detailed_exitcode && changes { Err(Failure::Changes) } else { Ok(()) }
}

fn plan(publishing: &Publishing<'_>, environment: &Text, args: &PlanArgs) -> Result<EnvironmentPlan, Failure> {
    let progress = Progress::new(publishing.session.output);
    progress.say(&format!("{environment}: reading what is published"));
    let target = Target::of(publishing, environment, &args.target);
    let mut notes = Vec::new();
    if let Some(why) = turn::missed(publishing, &target, &args.target)? {
        notes.push(why);
    }
    let mut remote = target.open(publishing, &args.target)?;
    let tip = remote.tip()?;
    let commit = Commit::new(remote.store().repository(), tip)?;
    let mut subject = target.subject(publishing);
    subject.tells_only = true;
    subject.end_releases = true;
    let recorded = publish::recorded(&commit, &subject)?;
    progress.say(&format!("{environment}: rendering"));
    let mut made = publishing.render(environment, &commit, true)?;
    if args.uninstall {
        made.rendering = Rendering::default();
    }
    let next = next::next(&commit, &[], &subject, &made.rendering)?;
    let bundle = &made.rendering.bundle;
    let desired = Tree::in_memory(&bundle.files, id_of);
    let steps = transition::steps(&next.before, bundle, &desired).map_err(Failure::Refused)?;
    let texts = steps.last().map(|last| last.files(bundle)).unwrap_or_default();
    let texts = texts.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let after = Tree::in_memory(&texts, id_of);
    let mut plan = plan::compare(&next.before, &after, &made.mesh, &bundle.causes).map_err(Failure::Refused)?;
    cause::refine(&publishing.compilation, environment, &mut plan);
    // A lock differs wherever one of its files does, and says nothing that these do not.
    if plan.files.iter().any(|file| !is_lock(&file.path)) {
        plan.files.retain(|file| !is_lock(&file.path));
    }
    let drift = next::drift(&commit, &subject, &next.folder, &next.changes)?;
    if let Some(first) = drift.first() {
        notes.push(format!(
            "{} edited by hand (`{}` {}), and publishing refuses to overwrite that",
            plural(drift.len(), "published file was", "published files were"),
            first.path,
            first.why
        ));
    }
    let stands =
        |(path, text): &(&String, &String)| next.folder.foreign.get(*path).is_some_and(|there| *there != id_of(text));
    if let Some((path, _)) = bundle.files.iter().find(stands) {
        notes.push(format!(
            "`{path}` was not written by meshc and stands in the way, and publishing never overwrites that"
        ));
    }
    if let Some(record) = recorded.filter(|record| record.inputs == subject.record.inputs)
        && (record.compiler != subject.record.compiler || record.library != subject.record.library)
        && !plan.is_empty()
    {
        let (old, new) = (&record.compiler, &subject.record.compiler);
        notes.push(format!("same source, new compiler ({old} -> {new}): the compiler causes these changes"));
    }
    let waiting = steps.first().map(|step| step.waiting.as_slice()).unwrap_or_default();
    Ok(EnvironmentPlan {
        name: environment.clone(),
        folder: target.folder.as_str().into(),
        plan,
        step: (steps.len() > 1).then_some((1, steps.len())),
        waiting: waiting.iter().map(|waiting| (waiting.path.clone(), waiting.why.clone())).collect(),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    })
}

fn is_lock(path: &str) -> bool {
    path.rsplit('/').next() == Some(LOCK_FILE)
}
