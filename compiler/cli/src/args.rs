//! What can be typed. The doc comments are the help: imperative, without a period.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    bootstrap, check, completions, doctor, explain, fmt, init, man, plan, promote, publish, rehearse, render, resume,
    rollback, status, verify, watch, why,
};

/// Check a service mesh written in .mesh files and render it as plain YAML
#[derive(Debug, Parser)]
#[command(
    name = "meshc",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "`meshc explain CODE` explains what `check` and `render` print.",
    after_long_help = "\
Exit codes:
  0  done; warnings and notes may have been printed
  1  the project has errors, or what was asked does not hold
  2  the command was used wrongly
  3  a file could not be read or written
  4  a server refused what was pushed
  5  a server could not be reached in time, or others were faster every time
  6  it is committed, and was not seen in the cluster in the time given"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Run as if started in this folder, as git and make do
    ///
    /// Other paths that you type are relative to it too. Printed paths stay relative to where you stand.
    #[arg(short = 'C', value_name = "DIR", global = true, default_value = ".", hide_default_value = true)]
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub(crate) project: PathBuf,
    /// Print findings for people or for machines
    #[arg(long, value_name = "FORMAT", global = true, default_value = "human")]
    pub(crate) format: Format,
    /// Use colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub(crate) color: Color,
    /// Print nothing where all is well
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// With the source and carets
    Human,
    /// As a comment for a pull request; of `plan` only
    Markdown,
    /// As one JSON object
    Json,
    /// As SARIF 2.1.0, for code scanning
    Sarif,
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Wherever it is written to
    Always,
    /// Nowhere
    Never,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::InitArgs),
    Check(check::CheckArgs),
    Render(render::RenderArgs),
    Plan(plan::PlanArgs),
    Publish(publish::PublishArgs),
    Verify(verify::VerifyArgs),
    Status(status::StatusArgs),
    Why(why::WhyArgs),
    Promote(promote::PromoteArgs),
    Watch(watch::WatchArgs),
    Rollback(rollback::RollbackArgs),
    Resume(resume::ResumeArgs),
    Rehearse(rehearse::RehearseArgs),
    Fmt(fmt::FmtArgs),
    Explain(explain::ExplainArgs),
    Bootstrap(bootstrap::BootstrapArgs),
    Doctor(doctor::DoctorArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Which environments, and in which state.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Choose an environment; may be given several times [default: all]
    #[arg(short, long = "env", value_name = "ENV")]
    pub(crate) environments: Vec<String>,
    /// Read the state of releases from this deploy checkout
    ///
    /// It is in DIR/state/ENV/NAMESPACE/SERVICE.json. Without it, each release has all weight on its old version.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) state: Option<PathBuf>,
}
