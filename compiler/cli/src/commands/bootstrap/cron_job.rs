//! `meshc bootstrap cron-job`.

use clap::Args;
use meshc_core::bootstrap::cron_job::{Request, manifests};

use super::{Session, compiled, templates};
use crate::failure::Failure;

/// Print the manifests of a CronJob that promotes an environment's releases
///
/// For a cluster in which no CI does it: `meshc promote` every minute, from what is published alone. Secrets are named in
/// them, and never made.
#[derive(Debug, Args)]
pub(super) struct CronJobArgs {
    /// Choose the environment
    #[arg(short, long = "env", value_name = "ENV")]
    environment: String,
    /// An image with meshc, git and ssh, with its tag or digest
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// Namespace of the CronJob
    #[arg(long, value_name = "NAMESPACE", default_value = "mesh-promote")]
    namespace: String,
}

/// Prints them.
pub(super) fn run(session: &Session, args: &CronJobArgs) -> Result<(), Failure> {
    let outcome = compiled(session, std::slice::from_ref(&args.environment))?;
    let templates = templates(session)?;
    for rendering in &outcome.renderings {
        let request = Request {
            mesh: outcome.mesh.as_deref().unwrap_or("mesh"),
            environment: &rendering.environment,
            folder: &rendering.folder,
            facts: &rendering.facts,
            namespace: &args.namespace,
            image: &args.image,
        };
        session.output.result(&manifests(&templates, &request).map_err(Failure::Refused)?)?;
    }
    Ok(())
}
