//! `meshc completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Session;
use crate::args::Cli;
use crate::failure::Failure;

/// Print completions for a shell
///
/// For example: meshc completions bash > ~/.local/share/bash-completion/completions/meshc
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints them.
pub(crate) fn run(session: &Session, args: &CompletionsArgs) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "meshc", &mut text);
    session.output.result(&String::from_utf8_lossy(&text))
}
