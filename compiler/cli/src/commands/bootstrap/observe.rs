//! `meshc bootstrap promql`, `meshc bootstrap grafana` and `meshc bootstrap k6`.

use clap::Args;
use meshc_core::bootstrap::observe::{What, text};

use super::{Session, compiled, templates};
use crate::failure::Failure;

/// Which environment.
#[derive(Debug, Args)]
pub(super) struct ObserveArgs {
    /// Choose the environment
    #[arg(short, long = "env", value_name = "ENV")]
    environment: String,
}

/// Prints one of them.
pub(super) fn run(session: &Session, args: &ObserveArgs, what: What) -> Result<(), Failure> {
    let outcome = compiled(session, std::slice::from_ref(&args.environment))?;
    let templates = templates(session)?;
    let name = outcome.mesh.as_deref().unwrap_or("mesh");
    for mesh in outcome.renderings.iter().filter_map(|rendering| rendering.mesh.as_ref()) {
        session.output.result(&text(&templates, what, name, mesh).map_err(Failure::Refused)?)?;
    }
    Ok(())
}
