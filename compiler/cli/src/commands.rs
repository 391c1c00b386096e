//! One file for each command. A command gets the session and its own arguments.

pub(crate) mod bootstrap;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod promote;
pub(crate) mod publish;
pub(crate) mod rehearse;
pub(crate) mod render;
pub(crate) mod resume;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod verify;
pub(crate) mod watch;
pub(crate) mod why;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::ColorChoice;

use crate::args::{Cli, Color, Command, Format};
use crate::failure::Failure;
use crate::output::{BOLD_RED, Output, PLAIN};
use crate::paths::typed;

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Session {
    /// The project's folder, as it was given.
    pub(crate) folder: PathBuf,
    /// How findings are printed.
    pub(crate) format: Format,
    /// Where to write.
    pub(crate) output: Output,
}

impl Command {
    /// Takes the paths that were typed from the folder that `-C` names.
    fn rebase(&mut self, folder: &Path) {
        let paths: Vec<&mut PathBuf> = match self {
            Command::Init(args) => args.manifests.iter_mut().collect(),
            Command::Check(args) => args.selection.state.iter_mut().collect(),
            Command::Render(args) => args.selection.state.iter_mut().chain(&mut args.out).collect(),
            Command::Fmt(args) => args.files.iter_mut().collect(),
            Command::Explain(args) => args.state.iter_mut().collect(),
            Command::Bootstrap(args) => args.paths(),
            Command::Man(args) => args.out.iter_mut().collect(),
            Command::Verify(args) => args.deploy.iter_mut().collect(),
            Command::Completions(_)
            | Command::Doctor(_)
            | Command::Plan(_)
            | Command::Publish(_)
            | Command::Status(_)
            | Command::Why(_)
            | Command::Promote(_)
            | Command::Watch(_)
            | Command::Rollback(_)
            | Command::Resume(_)
            | Command::Rehearse(_) => Vec::new(),
        };
        for path in paths {
            *path = typed(folder, path);
        }
    }
}

/// Runs a command and gives the process's exit code.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let color = match cli.global.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::AlwaysAnsi,
        Color::Never => ColorChoice::Never,
    };
    let output = Output::new(cli.global.quiet, color);
    let session = Session { folder: cli.global.project, format: cli.global.format, output };
    let mut command = cli.command;
    command.rebase(&session.folder);
    let result = match command {
        command if session.format == Format::Markdown && !matches!(command, Command::Plan(_)) => {
            drop(command);
            Err(Failure::Usage(
                "`--format markdown` is a form of `plan` only; use `human`, `json` or `sarif`".to_owned(),
            ))
        }
        Command::Init(args) => init::run(&session, &args),
        Command::Check(args) => check::run(&session, &args),
        Command::Render(args) => render::run(&session, &args),
        Command::Plan(args) => plan::run(&session, &args),
        Command::Publish(args) => publish::run(&session, &args),
        Command::Verify(args) => verify::run(&session, &args),
        Command::Status(args) => status::run(&session, &args),
        Command::Why(args) => why::run(&session, &args),
        Command::Promote(args) => promote::run(&session, &args),
        Command::Watch(args) => watch::run(&session, &args),
        Command::Rehearse(args) => rehearse::run(&session, &args),
        Command::Rollback(args) => rollback::run(&session, &args),
        Command::Resume(args) => resume::run(&session, &args),
        Command::Fmt(args) => fmt::run(&session, &args),
        Command::Explain(args) => explain::run(&session, &args),
        Command::Bootstrap(args) => bootstrap::run(&session, &args),
        Command::Doctor(args) => doctor::run(&session, &args),
        Command::Completions(args) => completions::run(&session, &args),
        Command::Man(args) => man::run(&session, &args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(output, &failure);
            ExitCode::from(failure.code())
        }
    }
}

fn tell(output: Output, failure: &Failure) {
    if let Some(message) = failure.message() {
        output.tell(&format!("{BOLD_RED}error{PLAIN}: {message}\n"));
    }
}
