//! `meshc render`.

use std::path::{Path, PathBuf};

use clap::Args;
use meshc_core::bundle::Bundle;
use serde::Serialize;

use super::Session;
use crate::args::{Format, Selection};
use crate::failure::Failure;
use crate::folder::{self, Update};
use crate::output::{BOLD, PLAIN};
use crate::pipeline::{self, Goal, Outcome, Release, Rendering};
use crate::report::json::{SCHEMA, to_text};
use crate::report::{Report, plural};

/// How many releases a summary names before it counts the rest.
const MOST_RELEASES: usize = 12;

/// Check, and write the YAML of every environment
#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Write into this folder; without it, one environment is printed
    ///
    /// All files of all environments are written, or none. Files that meshc wrote earlier and that are no longer
    /// rendered are removed; files that it did not write are neither changed nor removed.
    #[arg(short, long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) out: Option<PathBuf>,
}

/// Renders, and writes or prints. Findings go to standard error in every form: standard output has the YAML, or the
/// summary of what was written.
pub(crate) fn run(session: &Session, args: &RenderArgs) -> Result<(), Failure> {
    let outcome = pipeline::compile(&session.folder, &args.selection, Goal::Render)?;
    let report = Report::new(session, &outcome);
    session.output.tell(&report.text(session.format));
    if outcome.has_errors() {
        return Err(outcome.failure());
    }
    match (&args.out, outcome.renderings.as_slice()) {
        (Some(folder), renderings) => write(session, &outcome, folder, renderings),
        (None, [rendering]) => session.output.result(&documents(&rendering.bundle)),
        (None, _) => Err(Failure::Usage(format!(
            "there are {} environments ({}): write them to a folder with `--out DIR`, or choose one with `--env ENV`",
            outcome.environments.len(),
            outcome.environments.join(", ")
        ))),
    }
}

/// The resources as one stream that `kubectl apply -f -` takes: kustomization files and locks are no resources.
fn documents(bundle: &Bundle) -> String {
    let mut text = String::new();
    for (path, file) in &bundle.files {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.ends_with(".yaml") && name != "kustomization.yaml" {
            text.push_str(&format!("---\n# {path}\n{file}"));
        }
    }
    text
}

fn write(session: &Session, outcome: &Outcome, folder: &Path, renderings: &[Rendering]) -> Result<(), Failure> {
    if let Some((name, one, other)) = pipeline::shared_folder(renderings) {
        return Err(Failure::Refused(format!(
            "nothing was written: the environments `{one}` and `{other}` both go to the folder `{name}`; \
             render each to a folder of its own, with `--env`"
        )));
    }
    let updates = renderings
        .iter()
        .map(|rendering| folder::compare(folder, &rendering.bundle))
        .collect::<Result<Vec<Update<'_>>, Failure>>()?;
    folder::write(folder, &updates)?;
    match session.format {
        Format::Human | Format::Markdown => session.output.success(&summary(outcome, folder, &updates)),
        Format::Json => session.output.result(&json(outcome, folder, &updates)),
        Format::Sarif => Ok(()),
    }
}

fn summary(outcome: &Outcome, folder: &Path, updates: &[Update<'_>]) -> String {
    let name = outcome.mesh.as_deref().unwrap_or("the mesh");
    let mut text = format!("{BOLD}{name}{PLAIN} in {}\n", folder.display());
    let width = outcome.environments.iter().map(|name| name.len()).max().unwrap_or(0);
    for (rendering, update) in outcome.renderings.iter().zip(updates) {
        let steps = &update.steps;
        let counts = [(steps.write.len(), "written"), (steps.unchanged, "unchanged"), (steps.delete.len(), "removed")];
        let counts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        text.push_str(&format!(
            "  {:width$}  {}, {}: {}\n",
            rendering.environment,
            plural(rendering.bundle.resources, "resource", "resources"),
            plural(rendering.bundle.files.len(), "file", "files"),
            counts.join(", "),
        ));
    }
    text.push_str(&releases(&outcome.renderings));
    text
}

/// One line for each release; several only where environments differ.
fn releases(renderings: &[Rendering]) -> String {
    let mut names: Vec<(&str, &str)> = renderings
        .iter()
        .flat_map(|rendering| &rendering.releases)
        .map(|release| (release.namespace.as_str(), release.service.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut text = String::new();
    for name in names.iter().take(MOST_RELEASES) {
        // What the environments have, each with those that have it, in order.
        let mut shares: Vec<(String, Vec<&str>)> = Vec::new();
        for rendering in renderings {
            let Some(described) = find(rendering, *name).map(describe) else { continue };
            match shares.iter_mut().find(|(known, _)| *known == described) {
                Some((_, environments)) => environments.push(&rendering.environment),
                None => shares.push((described, vec![&rendering.environment])),
            }
        }
        for (described, environments) in &shares {
            let everywhere = environments.len() == renderings.len();
            let place = if everywhere { String::new() } else { format!(" in {}", environments.join(", ")) };
            text.push_str(&format!("  {}{place}: {described}\n", name.1));
        }
    }
    match names.len().saturating_sub(MOST_RELEASES) {
        0 => {}
        more => text.push_str(&format!("  and {more} more with versions\n")),
    }
    text
}

fn find<'r>(rendering: &'r Rendering, (namespace, service): (&str, &str)) -> Option<&'r Release> {
    rendering.releases.iter().find(|release| release.namespace == namespace && release.service == service)
}

fn describe(release: &Release) -> String {
    let source = if release.recorded { "" } else { " (no recorded state)" };
    format!("{}{source}", release.shares)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    mesh: Option<&'a str>,
    out: String,
    environments: Vec<EnvironmentDocument<'a>>,
}

#[derive(Serialize)]
struct EnvironmentDocument<'a> {
    name: &'a str,
    resources: usize,
    files: usize,
    written: &'a [String],
    unchanged: usize,
    removed: &'a [String],
    releases: Vec<ReleaseDocument<'a>>,
}

#[derive(Serialize)]
struct ReleaseDocument<'a> {
    namespace: &'a str,
    service: &'a str,
    shares: &'a str,
    recorded: bool,
}

impl<'a> ReleaseDocument<'a> {
    fn of(release: &'a Release) -> Self {
        let Release { namespace, service, shares, recorded } = release;
        Self { namespace, service, shares, recorded: *recorded }
    }
}

/// What was written, as `docs/formats.md` describes it.
fn json(outcome: &Outcome, folder: &Path, updates: &[Update<'_>]) -> String {
    let environments = outcome.renderings.iter().zip(updates).map(|(rendering, update)| EnvironmentDocument {
        name: &rendering.environment,
        resources: rendering.bundle.resources,
        files: rendering.bundle.files.len(),
        written: &update.steps.write,
        unchanged: update.steps.unchanged,
        removed: &update.steps.delete,
        releases: rendering.releases.iter().map(ReleaseDocument::of).collect(),
    });
    to_text(&Document {
        schema: SCHEMA,
        mesh: outcome.mesh.as_deref(),
        out: folder.to_string_lossy().into_owned(),
        environments: environments.collect(),
    })
}
