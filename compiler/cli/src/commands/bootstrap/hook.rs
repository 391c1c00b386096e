//! `meshc bootstrap hook`.

use std::path::PathBuf;

use clap::Args;
use meshc_core::bootstrap::workflow;

use super::place::{File, Source, write};
use super::{Session, Writing, templates};
use crate::failure::Failure;
use crate::paths::typed;

/// Write the git hook that checks the mesh before each commit
///
/// It checks what is staged, in a folder of its own: formatting, and the whole mesh. It goes where git looks for hooks
/// of this clone (`core.hooksPath` counts), and is not committed.
#[derive(Debug, Args)]
pub(super) struct HookArgs {
    /// Print the entry for a `.pre-commit-config.yaml` instead
    #[arg(long, conflicts_with_all = ["force", "print"])]
    pre_commit: bool,
    #[command(flatten)]
    writing: Writing,
}

/// Writes or prints it.
pub(super) fn run(session: &Session, args: &HookArgs) -> Result<(), Failure> {
    let templates = templates(session)?;
    let source = Source::find(session)?;
    if args.pre_commit {
        let text = workflow::pre_commit_entry(&templates, &source.project).map_err(Failure::Refused)?;
        return session.output.result(&text);
    }
    let text = workflow::hook(&templates, &source.project).map_err(Failure::Refused)?;
    if args.writing.print {
        return session.output.result(&text);
    }
    // Relative to the folder that git was asked in, which is the project's.
    let Some(hooks) = source.ask(&["rev-parse", "--git-path", "hooks"]).map(PathBuf::from) else {
        return Err(Failure::Refused("git does not say where hooks go: is it installed?".to_owned()));
    };
    let hooks = typed(&session.folder, &hooks);
    write(session, &[File { path: hooks.join("pre-commit"), text, executable: true }], args.writing.overwrite)
}
