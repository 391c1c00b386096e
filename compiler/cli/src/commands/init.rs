//! `meshc init`.

use clap::Args;

use super::Session;
use crate::failure::Failure;

/// Write a first draft of a project from Kubernetes manifests
#[derive(Debug, Args)]
pub(crate) struct InitArgs {}

/// Writes it.
pub(crate) fn run(_session: &Session, _args: &InitArgs) -> Result<(), Failure> {
    Err(Failure::Usage("not yet".to_owned()))
}
