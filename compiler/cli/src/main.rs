//! The `meshc` command: reads a project from the disk, hands it to the core, and shows or writes what comes back.
//!
//! Everything that decides something about a mesh is in the core. Here are the disk ([`disk`], [`folder`]), the
//! terminal ([`output`], [`report`]) and one file for each command ([`commands`]).

mod args;
mod commands;
mod disk;
mod failure;
mod figures;
mod folder;
mod live;
mod notify;
mod output;
mod paths;
mod pipeline;
mod program;
mod progress;
mod publishing;
mod releases;
mod replace;
mod report;
mod time;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: meshc_allocator::MiMalloc = meshc_allocator::MiMalloc;

fn main() -> ExitCode {
    meshc_allocator::keep_freed_memory();
    match args::Cli::try_parse() {
        Ok(cli) => commands::run(cli),
        Err(error) => {
            // Help and usage errors; a closed pipe changes nothing about either.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::USAGE))
        }
    }
}
