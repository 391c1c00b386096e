//! `meshc doctor`: what would make a publish or a rollback fail tonight.
//!
//! Each file looks at one thing and returns findings. Those about a cluster decide on JSON that was fetched before, so
//! that each decision is tested without one.

mod argo_cd;
mod cluster;
mod finding;
mod flux;
mod ignored;
mod machine;
mod repository;
mod rollouts;
mod window;

use clap::Args;
use meshc_core::bootstrap::repository::Repository;
use meshc_core::check::environment::Facts;
use meshc_core::source::Text;
use meshc_core::state::State;
use meshc_gitops::commit::Identity;
use meshc_gitops::program::Git;
use meshc_gitops::remote::{Location, without_password};

use super::Session;
use crate::args::Format;
use crate::failure::Failure;
use crate::pipeline;
use crate::publishing::Publishing;
use crate::publishing::sources::Sources;
use crate::publishing::target::{Target, TargetArgs};
use crate::report::plural;
use finding::{Examination, Finding};

/// Say what would make a publish or a rollback fail tonight
///
/// Looks at git on this machine, at the deploy repository of each environment, and, where `kubectl` has a context, at the
/// sync engine. Nothing is changed anywhere: the push is a dry run. Ends with code 1 where something would fail.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Choose an environment; may be given several times [default: all]
    #[arg(short, long = "env", value_name = "ENV")]
    environments: Vec<String>,
    /// Look at the cluster of this context of kubectl [default: the current one]
    #[arg(long, value_name = "CONTEXT", conflicts_with = "no_cluster")]
    context: Option<String>,
    /// Look at no cluster
    #[arg(long)]
    no_cluster: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// What an environment publishes, as far as a cluster can be compared with it.
#[derive(Debug)]
struct Published {
    /// The deploy repository.
    repository: Repository,
    branch: String,
    /// The environment's folder in it.
    folder: String,
    /// Folders of namespaces, by logical name.
    namespaces: Vec<String>,
    /// Namespace and name of each VirtualService, in the cluster.
    virtual_services: Vec<(String, String)>,
    /// The environment, for commands that are printed.
    environment: String,
}

/// Looks, prints, and fails where something would.
pub(crate) fn run(session: &Session, args: &DoctorArgs) -> Result<(), Failure> {
    if session.format == Format::Sarif {
        return Err(Failure::Usage("what `doctor` finds has no place in a file: use `--format json`".to_owned()));
    }
    let sources = Sources::read(&session.folder, args.target.source_branch.as_deref(), args.target.deadline)?;
    let publishing = Publishing::new(session, &sources);
    let environments = pipeline::chosen(&sources.project, &publishing.compilation, &args.environments)?;
    let git = Git::new(&session.folder, args.target.deadline);
    let settings = sources.checkout.as_ref().map(|checkout| checkout.settings()).transpose()?.unwrap_or_default();
    let mut examination = Examination::of(publishing.compilation.mesh_name().cloned());
    examination.add(None, machine::look(&git, &settings));
    let kubectl =
        if args.no_cluster { Err("`--no-cluster`".to_owned()) } else { cluster::find(args.context.as_deref()) };
    if let Err(why) = &kubectl {
        let text = format!("no cluster was looked at: {why}");
        examination.add(None, vec![Finding::not_looked("cluster", text)]);
    }
    let author = Identity::of(&git).ok();
    for environment in &environments {
        let target = Target::of(&publishing, environment, &args.target);
        let mut found = Vec::new();
        let published = published(&publishing, &target, environment, &mut found);
        found.extend(repository::look(&publishing, &target, args, author.as_ref().map(Identity::author)));
        if let (Ok(kubectl), Some(published)) = (&kubectl, &published) {
            let facts = publishing.compilation.facts(environment);
            found.extend(engine(kubectl, &facts, published));
        }
        examination.add(Some(environment.clone()), found);
    }
    let failures = examination.failures();
    match session.format {
        Format::Json => session.output.result(&examination.json())?,
        _ => session.output.result(&examination.text())?,
    }
    if failures > 0 {
        return Err(Failure::Refused(format!("{} tonight", plural(failures, "thing would fail", "things would fail"))));
    }
    Ok(())
}

/// What an environment publishes. Errors of the project are a finding: they keep everything from being published.
fn published(
    publishing: &Publishing<'_>,
    target: &Target,
    environment: &Text,
    found: &mut Vec<Finding>,
) -> Option<Published> {
    let rendered = publishing.compilation.render(environment, &State::default());
    if rendered.bundle.files.is_empty() {
        let fix = format!("`meshc check --env {environment}` says where");
        found.push(Finding::fails("sources", "the project has errors, so that nothing can be published", fix));
    }
    let Location::Url(url) = &target.location else { return None };
    let below = |path: &str| path.strip_prefix(&target.folder)?.strip_prefix('/').map(str::to_owned);
    let files = || rendered.bundle.files.keys().filter_map(|path| below(path));
    let namespace = |path: String| path.strip_suffix("/kustomization.yaml").map(str::to_owned);
    let mut virtual_services = Vec::new();
    for (path, text) in &rendered.bundle.files {
        let file = path.rsplit('/').next().unwrap_or(path);
        if file.starts_with("virtual-service.") {
            let object: serde_json::Value = yaml_serde::from_str(text).unwrap_or_default();
            let of = |pointer| object.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
            virtual_services.push((of("/metadata/namespace"), of("/metadata/name")));
        }
    }
    Some(Published {
        repository: Repository::parse(url),
        branch: target.branch.clone(),
        folder: target.folder.clone(),
        namespaces: files().filter_map(namespace).collect(),
        virtual_services,
        environment: environment.to_string(),
    })
}

/// What the cluster's engine would do with a commit.
fn engine(kubectl: &cluster::Kubectl, facts: &Facts, published: &Published) -> Vec<Finding> {
    use meshc_core::lower::declaration::SyncEngine;
    let mut found = match facts.sync {
        Some(SyncEngine::ArgoCd) => argo_cd::look(kubectl, published),
        Some(SyncEngine::Flux) => flux::look(kubectl, published),
        Some(SyncEngine::None) | None => {
            vec![Finding::not_looked("sync", "no sync engine is declared: somebody applies the files by hand")]
        }
    };
    found.extend(rollouts::look(kubectl, published));
    found
}

/// A URL as it is printed.
fn shown(url: &str) -> String {
    without_password(url)
}
