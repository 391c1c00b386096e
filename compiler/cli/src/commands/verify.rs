//! `meshc verify`.

use std::path::{Path, PathBuf};

use clap::Args;
use meshc_core::source::Text;
use meshc_gitops::folder::{Commit, id_of};
use meshc_gitops::store::Borrowed;
use meshc_gitops::verify::{self, Drift};
use meshc_gitops::{publish, record};
use serde::Serialize;

use super::Session;
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{BOLD, GREEN, PLAIN, RED};
use crate::pipeline;
use crate::publishing::Publishing;
use crate::publishing::sources::Sources;
use crate::publishing::target::{Target, TargetArgs};
use crate::report::json::{SCHEMA, to_text};
use crate::report::plural;

/// Check that what is published is what was computed
///
/// Compares every file with its lock, weights of releases with state and hold, and, where the sources are those that
/// were published, the files with what they render to. Exit code 1 where something differs.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Choose an environment; may be given several times [default: all]
    #[arg(short, long = "env", value_name = "ENV", conflicts_with = "deploy")]
    environments: Vec<String>,
    /// Check a checkout of a deploy repository, without any sources: what its own pull requests need
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) deploy: Option<PathBuf>,
    /// Check this commit of it
    #[arg(long, value_name = "REVISION", requires = "deploy", default_value = "HEAD")]
    revision: String,
    #[command(flatten)]
    target: TargetArgs,
}

/// What one folder has.
struct Verified {
    folder: String,
    commit: Option<String>,
    drift: Vec<Drift>,
}

/// Verifies, and ends with code 1 where anything differs.
pub(crate) fn run(session: &Session, args: &VerifyArgs) -> Result<(), Failure> {
    let verified = match &args.deploy {
        Some(folder) => checkout(folder, args)?,
        None => environments(session, args)?,
    };
    match session.format {
        Format::Human | Format::Markdown => session.output.success(&human(&verified))?,
        Format::Json | Format::Sarif => session.output.result(&json(&verified))?,
    }
    match verified.iter().map(|verified| verified.drift.len()).sum::<usize>() {
        0 => Ok(()),
        count => Err(Failure::Refused(format!("{} not what meshc wrote", plural(count, "file is", "files are")))),
    }
}

/// All environments of a deploy repository.
fn checkout(folder: &Path, args: &VerifyArgs) -> Result<Vec<Verified>, Failure> {
    let scratch = tempfile::tempdir().map_err(|error| Failure::file("create", &std::env::temp_dir(), &error))?;
    let borrowed = Borrowed::open(folder, &args.revision, scratch.path(), args.target.deadline)?;
    let commit = borrowed.commit()?;
    let mut verified = Vec::new();
    for name in commit.names("state")? {
        if commit.entry(&record::path(&name))?.is_some() {
            verified.push(of_folder(&commit, &name)?);
        }
    }
    if verified.is_empty() {
        let (folder, revision) = (folder.display(), &args.revision);
        return Err(Failure::Refused(format!(
            "`{folder}` has nothing that meshc published at `{revision}`: there is no `state/FOLDER/source.json`"
        )));
    }
    Ok(verified)
}

fn of_folder(commit: &Commit<'_>, name: &str) -> Result<Verified, Failure> {
    let drift = verify::all(commit, name)?;
    Ok(Verified { folder: name.to_owned(), commit: commit.id().map(|id| id.to_string()), drift })
}

/// The environments of a project, against their deploy repositories and the sources.
fn environments(session: &Session, args: &VerifyArgs) -> Result<Vec<Verified>, Failure> {
    let sources = Sources::read(&session.folder, args.target.source_branch.as_deref(), args.target.deadline)?;
    let publishing = Publishing::new(session, &sources).without_clock();
    publishing.refuse_errors()?;
    let mut verified = Vec::new();
    for environment in pipeline::chosen(&sources.project, &publishing.compilation, &args.environments)? {
        verified.push(of_environment(&publishing, &environment, args)?);
    }
    Ok(verified)
}

fn of_environment(publishing: &Publishing<'_>, environment: &Text, args: &VerifyArgs) -> Result<Verified, Failure> {
    let target = Target::of(publishing, environment, &args.target);
    let mut remote = target.open(publishing, &args.target)?;
    let tip = remote.tip()?;
    let commit = Commit::new(remote.store().repository(), tip)?;
    let subject = target.subject(publishing);
    let Some(record) = publish::recorded(&commit, &subject)? else {
        return Err(Failure::Refused(format!(
            "nothing of `{environment}` is published on `{}` of {}",
            target.branch, target.location
        )));
    };
    let mut verified = of_folder(&commit, &target.folder)?;
    let same = record.inputs == subject.record.inputs
        && record.library == subject.record.library
        && record.compiler == subject.record.compiler;
    if same && !record.unfinished {
        let rendering = publishing.render(environment, &commit, false)?.rendering;
        let folder = commit.folder(&target.folder)?;
        for (path, text) in &rendering.bundle.files {
            let known = verified.drift.iter().any(|drift| drift.path == *path);
            if !known && folder.ids.get(path) != Some(&id_of(text)) {
                let why = "differs from what these sources render to".to_owned();
                verified.drift.push(Drift { path: path.clone(), why });
            }
        }
        verified.drift.sort();
    } else if session_is_human(publishing) {
        let why =
            if record.unfinished { "a further commit is to follow" } else { "these are not the published sources" };
        publishing
            .session
            .output
            .tell(&format!("note: {environment}: files are compared with their locks only: {why}\n"));
    }
    Ok(verified)
}

fn session_is_human(publishing: &Publishing<'_>) -> bool {
    publishing.session.format == Format::Human
}

fn human(verified: &[Verified]) -> String {
    let mut text = String::new();
    for Verified { folder, commit, drift } in verified {
        let commit: String = commit.iter().flat_map(|commit| commit.chars().take(10)).collect();
        if drift.is_empty() {
            text.push_str(&format!("{BOLD}{folder}{PLAIN} {GREEN}is as meshc wrote it{PLAIN} in {commit}\n"));
        } else {
            text.push_str(&format!("{BOLD}{folder}{PLAIN} {RED}differs{PLAIN} in {commit}:\n"));
            for Drift { path, why } in drift {
                text.push_str(&format!("  {path} {why}\n"));
            }
        }
    }
    text
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    folders: Vec<FolderDocument<'a>>,
}

#[derive(Serialize)]
struct FolderDocument<'a> {
    folder: &'a str,
    commit: Option<&'a str>,
    drift: Vec<DriftDocument<'a>>,
}

#[derive(Serialize)]
struct DriftDocument<'a> {
    path: &'a str,
    why: &'a str,
}

fn json(verified: &[Verified]) -> String {
    let folders = verified.iter().map(|verified| FolderDocument {
        folder: &verified.folder,
        commit: verified.commit.as_deref(),
        drift: verified.drift.iter().map(|drift| DriftDocument { path: &drift.path, why: &drift.why }).collect(),
    });
    to_text(&Document { schema: SCHEMA, folders: folders.collect() })
}
