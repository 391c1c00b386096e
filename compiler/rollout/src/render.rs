//! What an environment is to hold: its sources, rendered against what a commit records about its releases, with the
//! records and plans that go with the routes.

use meshc_core::bundle::lock::LOCK_FILE;
use meshc_core::check::environment::Facts;
use meshc_core::compile::{Compilation, Rendered};
use meshc_core::diagnostic::Diagnostics;
use meshc_core::model::Mesh;
use meshc_core::source::Text;
use meshc_core::state::{Record, State};
use meshc_core::transition::Waiting;
use meshc_gitops::folder::Commit;
use meshc_gitops::next::Rendering;
use meshc_gitops::{Error, Result};

use crate::plan;
use crate::query::Queries;

/// An environment, compiled against the releases of a commit. Before it becomes a rendering, somebody has to look at
/// what was found.
pub struct Attempt<'c, 'p> {
    compilation: &'c Compilation<'p>,
    environment: Text,
    folder: Text,
    state: State,
    rendered: Rendered,
    rendering: Rendering,
}

/// One environment, rendered against the state at a commit.
pub struct Made {
    /// What a commit is to hold.
    pub rendering: Rendering,
    /// What it was rendered from.
    pub mesh: Mesh,
}

impl<'c, 'p> Attempt<'c, 'p> {
    /// Compiles an environment. A release that is declared and not recorded begins: the new version is there, without a
    /// request. `versioned` are the services of [`Compilation::versioned`]; `now`, in seconds since 1970, is the clock by
    /// which old versions are kept: without one they are kept.
    ///
    /// The error is a record that should be there and is not.
    pub fn new(
        compilation: &'c Compilation<'p>,
        versioned: &[(Text, Text)],
        environment: &Text,
        commit: &Commit<'_>,
        now: Option<i64>,
    ) -> Result<Self> {
        let folder = folder(compilation, environment);
        let names = versioned.iter().map(|(namespace, service)| (namespace, service));
        let mut state = State::read(&folder, names, |path| commit.text(path).map_err(|error| error.to_string()));
        for name in versioned {
            if let (Some(recorded), Some(now)) = (state.services.get_mut(name), now) {
                recorded.at(now);
            }
        }
        let mut rendered = compilation.render(environment, &state);
        let mut rendering = Rendering::default();
        if let Some(mesh) = &rendered.mesh {
            for (namespace, service, begun) in beginning(mesh, &state) {
                if commit.entry(&format!("rollback/{folder}/{namespace}.{service}"))?.is_some() {
                    return Err(Error::Refused(format!(
                        "nothing was published: `{namespace}/{service}` has a release in `{environment}`, and \
                         `state/{folder}/{namespace}/{service}.json`, which says how far it is, is gone; restore it from an \
                         earlier commit"
                    )));
                }
                rendering.states.insert(format!("state/{folder}/{namespace}/{service}.json"), begun.to_text());
                state.services.entry((namespace, service)).or_default().record = Some(begun);
            }
        }
        if !rendering.states.is_empty() {
            rendered = compilation.render(environment, &state);
        }
        Ok(Self { compilation, environment: environment.clone(), folder, state, rendered, rendering })
    }

    /// What was found in this environment.
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.rendered.diagnostics
    }

    /// The rendering, whose releases ask `queries`; nothing where errors left nothing
    /// to render.
    ///
    /// The error is a plan that cannot be compiled.
    pub fn make(mut self, queries: &Queries) -> Result<Option<Made>> {
        let Some(mesh) = self.rendered.mesh.take().filter(|_| !self.rendered.diagnostics.has_errors()) else {
            return Ok(None);
        };
        let mut rendering = std::mem::take(&mut self.rendering);
        rendering.bundle = std::mem::take(&mut self.rendered.bundle);
        add_releases(&mesh, &self.rendered.facts, &self.folder, queries, &mut rendering)?;
        rendering.follows = self.following(&mesh, &rendering);
        for namespace in &mesh.namespaces {
            for service in &namespace.services {
                let Some(routing) = &service.routing else { continue };
                let name = (namespace.name.clone(), service.name.clone());
                rendering.releases.insert(name, routing.at_hold());
            }
        }
        Ok(Some(Made { rendering, mesh }))
    }

    /// What is rendered otherwise when the new records are published: a release that gives way to another one goes back
    /// first.
    fn following(&mut self, mesh: &Mesh, rendering: &Rendering) -> Vec<Waiting> {
        let mut changed = false;
        for namespace in &mesh.namespaces {
            for service in &namespace.services {
                let Some(record) = service.routing.as_ref().and_then(|routing| routing.record.clone()) else {
                    continue;
                };
                let name = (namespace.name.clone(), service.name.clone());
                self.state.services.entry(name).or_default().record = Some(record);
                changed = true;
            }
        }
        if !changed {
            return Vec::new();
        }
        let then = self.compilation.render(&self.environment, &self.state).bundle.files;
        let differs = |path: &&String| then.get(*path) != rendering.bundle.files.get(*path);
        let paths = then.keys().filter(differs).filter(|path| !path.ends_with(LOCK_FILE));
        let why = "all that the version before had must be back, and live, before the next step of its release";
        paths.map(|path| Waiting { path: path.clone(), why: why.to_owned() }).collect()
    }
}

/// The folder of an environment in its deploy repository.
pub fn folder(compilation: &Compilation<'_>, environment: &Text) -> Text {
    let facts = compilation.facts(environment);
    facts.deploy.and_then(|deploy| deploy.folder).unwrap_or_else(|| environment.clone())
}

/// Adds the records of releases that begin, give way or end, and the plans of those that run.
fn add_releases(mesh: &Mesh, facts: &Facts, folder: &str, queries: &Queries, into: &mut Rendering) -> Result<()> {
    for namespace in &mesh.namespaces {
        for service in &namespace.services {
            let (of, name) = (&namespace.name, &service.name);
            if let Some(record) = service.routing.as_ref().and_then(|routing| routing.record.as_ref()) {
                into.states.insert(format!("state/{folder}/{of}/{name}.json"), record.to_text());
            }
            let compiled = plan::compile(folder, namespace, service, facts, &into.bundle, queries).map_err(|why| {
                Error::Refused(format!("nothing was published: the release of `{of}/{name}` cannot be measured: {why}"))
            })?;
            if let Some(plan) = compiled {
                into.plans.insert(plan::path(folder, of, name), plan.to_text());
            }
        }
    }
    Ok(())
}

/// Releases that are declared and not recorded.
fn beginning(mesh: &Mesh, state: &State) -> Vec<(Text, Text, Record)> {
    let mut list = Vec::new();
    for namespace in &mesh.namespaces {
        for service in &namespace.services {
            let Some(routing) = &service.routing else { continue };
            let (Some(next), Some(stable)) = (&routing.next, routing.subsets.first()) else { continue };
            let recorded = state.services.get(&(namespace.name.clone(), service.name.clone()));
            if recorded.is_none_or(|recorded| recorded.record.is_none() && recorded.fault.is_none()) {
                let record = Record::begin(stable.version.clone(), next.clone());
                list.push((namespace.name.clone(), service.name.clone(), record));
            }
        }
    }
    list
}
