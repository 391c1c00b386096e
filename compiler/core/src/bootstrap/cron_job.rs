//! A CronJob that promotes an environment's releases: for clusters in which no CI does it.

use serde::Serialize;

use super::measured::{self, File};
use super::repository::Transport;
use super::sync::{DEFAULT_BRANCH, reachable};
use super::{LONGEST_OF_CRON_JOB, object_name_within};
use crate::check::environment::Facts;
use crate::template::Templates;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The mesh.
    pub mesh: &'a str,
    /// The environment.
    pub environment: &'a str,
    /// Its folder in the deploy repository.
    pub folder: &'a str,
    /// What the environment says about publishing and measuring.
    pub facts: &'a Facts,
    /// The namespace of the CronJob.
    pub namespace: &'a str,
    /// An image with `meshc`, git and ssh.
    pub image: &'a str,
}

#[derive(Serialize)]
struct Values<'a> {
    mesh: &'a str,
    environment: &'a str,
    folder: &'a str,
    /// Name of the objects.
    name: String,
    namespace: &'a str,
    image: &'a str,
    url: &'a str,
    branch: &'a str,
    /// Whether the repository is reached by ssh.
    ssh: bool,
    /// Scheme, host and port of a repository that is reached with a token.
    origin: &'a str,
    /// What `prometheus` names, each with the place in the container.
    files: Vec<Mounted>,
}

#[derive(Serialize)]
struct Mounted {
    option: String,
    path: String,
}

/// The manifests, as YAML documents. The error is a sentence that says what is missing, or which template is at fault.
pub fn manifests(templates: &Templates, request: &Request<'_>) -> Result<String, String> {
    let environment = request.environment;
    if request.facts.prometheus.is_none() {
        return Err(format!(
            "the environment `{environment}` declares no `prometheus`, and no release goes on unmeasured: write \
             `prometheus \"URL\"`"
        ));
    }
    let deploy = request.facts.deploy.as_ref();
    let stated = deploy.and_then(|deploy| deploy.repository.as_ref()).map(|stated| stated.value.as_str());
    let repository = reachable(environment, stated)?;
    let values = Values {
        mesh: request.mesh,
        environment,
        folder: request.folder,
        name: object_name_within(&[request.mesh, environment, "promote"], LONGEST_OF_CRON_JOB),
        namespace: request.namespace,
        image: request.image,
        url: &repository.url,
        branch: deploy.and_then(|deploy| deploy.branch.as_deref()).unwrap_or(DEFAULT_BRANCH),
        ssh: repository.transport == Transport::Ssh,
        origin: &repository.origin,
        files: measured::files(environment, request.facts).into_iter().map(mounted).collect(),
    };
    templates.render("cron-job.yaml", &values).map_err(|error| error.to_string())
}

/// Relative paths of a plan begin in the folder in which the command runs.
fn mounted(file: File) -> Mounted {
    let path = if file.path.starts_with('/') { file.path } else { format!("/mesh/{}", file.path) };
    Mounted { option: file.option, path }
}
