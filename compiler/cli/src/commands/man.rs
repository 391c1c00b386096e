//! `meshc man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_mangen::Man;

use super::Session;
use crate::args::Cli;
use crate::failure::Failure;
use crate::replace::stage;

/// Print the manual page, or write those of all commands
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) out: Option<PathBuf>,
}

/// Prints or writes them.
pub(crate) fn run(session: &Session, args: &ManArgs) -> Result<(), Failure> {
    let mut command = Cli::command();
    // Global options appear on every command's page, as they do in its help.
    command.build();
    let Some(folder) = &args.out else {
        return session.output.result(&page(command)?);
    };
    std::fs::create_dir_all(folder).map_err(|error| Failure::file("create", folder, &error))?;
    let mut commands = vec![command];
    let mut written = 0;
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands().cloned());
        let name = Man::new(command.clone()).get_filename();
        stage(&folder.join(name), &page(command)?)?.commit()?;
        written += 1;
    }
    session.output.success(&format!("{written} pages in {}\n", folder.display()))
}

fn page(command: clap::Command) -> Result<String, Failure> {
    let mut text = Vec::new();
    Man::new(command).render(&mut text).map_err(|error| Failure::File(format!("cannot make the page: {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
