//! `meshc bootstrap codeowners`.

use std::path::PathBuf;

use clap::Args;
use meshc_core::bootstrap::owners;
use meshc_core::model::Mesh;

use super::place::{File, Source, write};
use super::{Session, Writing, compiled, templates};
use crate::failure::Failure;

/// The file's name, at the root of a repository: GitHub and GitLab both look there.
const FILE: &str = "CODEOWNERS";

/// Write CODEOWNERS from the owners of services
///
/// For the source repository: each file that declares services, with their owners. For the deploy repository: each
/// service's folder with its owner, and states and rollbacks with the release managers.
#[derive(Debug, Args)]
pub(super) struct CodeownersArgs {
    /// For the deploy repository; printed unless `--out` names a checkout of it
    #[arg(long, requires = "release_managers")]
    deploy: bool,
    /// Who decides about states and rollbacks; may be given several times
    #[arg(long, value_name = "@TEAM", requires = "deploy", value_parser = team)]
    release_managers: Vec<String>,
    /// Write DIR/CODEOWNERS [default: at the root of the source repository]
    #[arg(short, long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    writing: Writing,
}

/// `@team`, as `owner` has it.
fn team(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '@' | '/' | '-' | '_' | '.');
    match text.strip_prefix('@') {
        Some(rest) if !rest.is_empty() && text.chars().all(plain) => Ok(text.to_owned()),
        _ => Err("expected a team such as `@shop/release`".to_owned()),
    }
}

/// Writes or prints it.
pub(super) fn run(session: &Session, args: &CodeownersArgs) -> Result<(), Failure> {
    let outcome = compiled(session, &[])?;
    let templates = templates(session)?;
    let meshes: Vec<(&str, &Mesh)> = outcome
        .renderings
        .iter()
        .filter_map(|rendering| Some((rendering.folder.as_str(), rendering.mesh.as_ref()?)))
        .collect();
    let (text, root) = if args.deploy {
        (owners::of_deploy(&templates, &meshes, &args.release_managers), None)
    } else {
        let source = Source::find(session)?;
        let file_of = |span: meshc_core::source::Span| {
            let path = outcome.project.sources.file(span.file).path.as_str();
            if path.starts_with('<') { None } else { source.below_root(path) }
        };
        let meshes: Vec<&Mesh> = meshes.iter().map(|(_, mesh)| *mesh).collect();
        (owners::of_sources(&templates, &meshes, file_of), Some(source.place(FILE)))
    };
    let text = text.map_err(Failure::Refused)?;
    let place = args.out.as_ref().map(|folder| folder.join(FILE)).or(root);
    match place.filter(|_| !args.writing.print) {
        Some(path) => write(session, &[File { path, text, executable: false }], args.writing.overwrite),
        None => session.output.result(&text),
    }
}
