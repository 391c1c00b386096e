//! Workflows: check, plan and rehearse on a pull request, publish and promote on the main branch and on a schedule. And the hook that checks
//! before a commit.

use serde::Serialize;

use super::measured;
use super::repository::{Repository, Transport};
use crate::check::environment::Facts;
use crate::compile::VERSION;
use crate::model::target::IstioVersion;
use crate::template::Templates;

/// Who runs the workflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The mesh.
    pub mesh: &'a str,
    /// The project's folder from the root of the source repository, `/`-separated; `.` for the root.
    pub project: &'a str,
    /// The branch that is published from.
    pub branch: &'a str,
    /// Where the sources are, if that is known.
    pub source: Option<Repository>,
    /// In order, each behind the one that it comes `after`.
    pub environments: Vec<Environment<'a>>,
}

/// One environment.
#[derive(Debug, Clone)]
pub struct Environment<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its folder in the deploy repository.
    pub folder: &'a str,
    /// What it says about publishing.
    pub facts: &'a Facts,
    /// The version of Istio that it is rendered for.
    pub istio: IstioVersion,
}

#[derive(Serialize)]
struct Values<'a> {
    mesh: &'a str,
    project: &'a str,
    branch: &'a str,
    /// Of the compiler that writes, which is the oldest that may publish afterwards.
    version: &'static str,
    /// All environments, for the analysis.
    analyzed: Vec<Analyzed<'a>>,
    /// Those that a workflow can publish.
    published: Vec<Published<'a>>,
    /// Scheme, host and port of deploy repositories that are reached with a token.
    token_origins: Vec<String>,
    /// A deploy repository is reached by ssh.
    ssh: bool,
    /// Sources and deploy folders lie in one repository.
    same_repository: bool,
}

#[derive(Serialize)]
struct Analyzed<'a> {
    name: &'a str,
    istio: String,
}

#[derive(Serialize)]
struct Published<'a> {
    name: &'a str,
    folder: &'a str,
    /// The environment whose job comes before, where there is one.
    after: Option<&'a str>,
    /// It declares a Prometheus, so that its releases can be measured.
    promotes: bool,
    /// Secret files that its Prometheus takes.
    secrets: Vec<measured::File>,
}

/// The files of a host, by their paths from the root of the source repository. The error is a sentence.
pub fn files(templates: &Templates, host: Host, request: &Request<'_>) -> Result<Vec<(&'static str, String)>, String> {
    let values = values(request)?;
    let wanted: &[(&str, &str)] = match host {
        Host::GitHub => &[
            ("github-check.yaml", ".github/workflows/mesh-check.yaml"),
            ("github-publish.yaml", ".github/workflows/mesh-publish.yaml"),
        ],
        Host::GitLab => &[("gitlab.yaml", ".gitlab/mesh.yaml")],
    };
    let render = |(template, path): &(&str, &'static str)| {
        let text = templates.render(template, &values).map_err(|error| error.to_string())?;
        Ok((*path, text))
    };
    wanted.iter().map(render).collect()
}

fn values<'a>(request: &'a Request<'a>) -> Result<Values<'a>, String> {
    let mut values = Values {
        mesh: request.mesh,
        project: request.project,
        branch: request.branch,
        version: VERSION,
        analyzed: Vec::new(),
        published: Vec::new(),
        token_origins: Vec::new(),
        ssh: false,
        same_repository: false,
    };
    for environment in &request.environments {
        values.analyzed.push(Analyzed { name: environment.name, istio: environment.istio.to_string() });
        let deploy = environment.facts.deploy.as_ref();
        let Some(stated) = deploy.and_then(|deploy| deploy.repository.as_ref()) else { continue };
        let repository = Repository::parse(&stated.value);
        match repository.transport {
            Transport::Local => continue,
            Transport::Ssh => values.ssh = true,
            Transport::Http if values.token_origins.contains(&repository.origin) => {}
            Transport::Http => values.token_origins.push(repository.origin.clone()),
        }
        values.same_repository |= request.source.as_ref().is_some_and(|source| source.is_same(&repository));
        let after = environment.facts.after.as_deref();
        let published = |name: &str| values.published.iter().any(|one: &Published<'_>| one.name == name);
        let after = after.filter(|name| published(name));
        let mut secrets = measured::files(environment.name, environment.facts);
        secrets.retain(|file| file.secret);
        values.published.push(Published {
            name: environment.name,
            folder: environment.folder,
            after,
            promotes: environment.facts.prometheus.is_some(),
            secrets,
        });
    }
    if values.published.is_empty() {
        return Err("no environment states a deploy repository that a workflow can reach: write \
                    `deploy { repository \"URL\" }` in each that is to be published"
            .to_owned());
    }
    Ok(values)
}

#[derive(Serialize)]
struct HookValues<'a> {
    project: &'a str,
}

/// The hook that git runs before a commit, as a POSIX script.
pub fn hook(templates: &Templates, project: &str) -> Result<String, String> {
    templates.render("pre-commit.sh", &HookValues { project }).map_err(|error| error.to_string())
}

/// The entry for a `.pre-commit-config.yaml` of the pre-commit framework.
pub fn pre_commit_entry(templates: &Templates, project: &str) -> Result<String, String> {
    templates.render("pre-commit-config.yaml", &HookValues { project }).map_err(|error| error.to_string())
}
