//! What `plan`, `publish` and `verify` share: the sources with their place in git, the repository that an environment
//! is published to, and its rendering against what is published there. [`deployed`] is for those who work with what is
//! published, and compile nothing.

pub(crate) mod deployed;
pub(crate) mod sources;
pub(crate) mod target;
pub(crate) mod turn;

use meshc_core::bundle::lock::LOCK_FILE;
use meshc_core::check::environment::Facts;
use meshc_core::compile::Compilation;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::model::Mesh;
use meshc_core::source::Text;
use meshc_core::state::{Record, State};
use meshc_core::transition::Waiting;
use meshc_gitops::folder::Commit;
use meshc_gitops::next::Rendering;
use meshc_gitops::publish;
use meshc_rollout::plan;

use crate::commands::Session;
use crate::failure::Failure;
use crate::report::Report;
use sources::Sources;

/// A compiled project that is about to be published.
pub(crate) struct Publishing<'p> {
    pub(crate) session: &'p Session,
    pub(crate) sources: &'p Sources,
    pub(crate) compilation: Compilation<'p>,
    /// What reading and resolving found, which holds for every environment.
    found: Diagnostics,
    /// Services whose state is read.
    versioned: Vec<(Text, Text)>,
    /// The clock by which old versions are kept; nothing: they are kept.
    now: Option<i64>,
}

/// One environment, rendered against the state at a commit.
pub(crate) struct Made {
    pub(crate) rendering: Rendering,
    pub(crate) mesh: Mesh,
}

impl<'p> Publishing<'p> {
    /// Resolves the sources. Their errors are shown when an environment is rendered.
    pub(crate) fn new(session: &'p Session, sources: &'p Sources) -> Self {
        let mut found = sources.found.clone();
        let compilation = Compilation::new(&sources.project, &mut found);
        let versioned = compilation.versioned();
        Self { session, sources, compilation, found, versioned, now: Some(publish::now()) }
    }

    /// The same without a clock: what is published is judged by what is recorded, not by what is due.
    pub(crate) fn without_clock(self) -> Self {
        Self { now: None, ..self }
    }

    /// Shows what was found where nothing of an environment can be rendered, so that there is no environment to do it
    /// for.
    pub(crate) fn refuse_errors(&self) -> Result<(), Failure> {
        if !self.found.has_errors() {
            return Ok(());
        }
        self.show(Diagnostics::default(), &[]);
        Err(Failure::Reported)
    }

    /// Renders an environment against what a commit records about its releases. A release that is declared and not
    /// recorded begins: the new version is there, without a request. Errors are shown, and warnings where `shows` says
    /// so.
    pub(crate) fn render(&self, environment: &Text, commit: &Commit<'_>, shows: bool) -> Result<Made, Failure> {
        let folder = self.folder(environment);
        let names = self.versioned.iter().map(|(namespace, service)| (namespace, service));
        let mut state = State::read(&folder, names, |path| commit.text(path).map_err(|error| error.to_string()));
        for name in &self.versioned {
            if let (Some(recorded), Some(now)) = (state.services.get_mut(name), self.now) {
                recorded.at(now);
            }
        }
        let mut rendered = self.compilation.render(environment, &state);
        let mut rendering = Rendering::default();
        if let Some(mesh) = &rendered.mesh {
            for (namespace, service, begun) in beginning(mesh, &state) {
                if commit.entry(&format!("rollback/{folder}/{namespace}.{service}"))?.is_some() {
                    return Err(Failure::Refused(format!(
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
            rendered = self.compilation.render(environment, &state);
        }
        let failed = self.found.has_errors() || rendered.diagnostics.has_errors();
        if shows || failed {
            self.show(rendered.diagnostics, std::slice::from_ref(environment));
        }
        let Some(mesh) = rendered.mesh.filter(|_| !failed) else { return Err(Failure::Reported) };
        rendering.bundle = rendered.bundle;
        self.add_releases(&mesh, &rendered.facts, &folder, &mut rendering)?;
        rendering.follows = self.following(environment, &mesh, &mut state, &rendering);
        rendering.releases =
            rendered.releases.into_iter().map(|(namespace, service, shares)| ((namespace, service), shares)).collect();
        for namespace in &mesh.namespaces {
            for service in namespace.services.iter().filter(|service| service.routing.is_some()) {
                rendering.releases.entry((namespace.name.clone(), service.name.clone())).or_default();
            }
        }
        Ok(Made { rendering, mesh })
    }

    /// Adds the records of releases that begin, give way or end, and the plans of those that run.
    fn add_releases(&self, mesh: &Mesh, facts: &Facts, folder: &str, into: &mut Rendering) -> Result<(), Failure> {
        for namespace in &mesh.namespaces {
            for service in &namespace.services {
                let (of, name) = (&namespace.name, &service.name);
                if let Some(record) = service.routing.as_ref().and_then(|routing| routing.record.as_ref()) {
                    into.states.insert(format!("state/{folder}/{of}/{name}.json"), record.to_text());
                }
                let compiled = plan::compile(folder, namespace, service, facts, &into.bundle).map_err(|why| {
                    Failure::Refused(format!(
                        "nothing was published: the release of `{of}/{name}` cannot be measured: {why}"
                    ))
                })?;
                if let Some(plan) = compiled {
                    into.plans.insert(plan::path(folder, of, name), plan.to_text());
                }
            }
        }
        Ok(())
    }

    /// What is rendered otherwise when the new records are published: a release that gives way to another one goes back
    /// first.
    fn following(&self, environment: &Text, mesh: &Mesh, state: &mut State, rendering: &Rendering) -> Vec<Waiting> {
        let mut changed = false;
        for namespace in &mesh.namespaces {
            for service in &namespace.services {
                let Some(record) = service.routing.as_ref().and_then(|routing| routing.record.clone()) else {
                    continue;
                };
                let name = (namespace.name.clone(), service.name.clone());
                state.services.entry(name).or_default().record = Some(record);
                changed = true;
            }
        }
        if !changed {
            return Vec::new();
        }
        let then = self.compilation.render(environment, state).bundle.files;
        let differs = |path: &&String| then.get(*path) != rendering.bundle.files.get(*path);
        let paths = then.keys().filter(differs).filter(|path| !path.ends_with(LOCK_FILE));
        let why = "all that the version before had must be back, and live, before the next step of its release";
        paths.map(|path| Waiting { path: path.clone(), why: why.to_owned() }).collect()
    }

    /// The folder of an environment in its deploy repository.
    pub(crate) fn folder(&self, environment: &Text) -> Text {
        let facts = self.compilation.facts(environment);
        facts.deploy.and_then(|deploy| deploy.folder).unwrap_or_else(|| environment.clone())
    }

    fn show(&self, of_environment: Diagnostics, environments: &[Text]) {
        let mut found = self.found.clone();
        if let [environment] = environments {
            found.append_environment(environment, of_environment);
        }
        let findings = found.into_sorted(environments);
        let report = Report {
            findings: &findings,
            sources: &self.sources.project.sources,
            paths: crate::paths::Paths::new(&self.session.folder),
            mesh: self.compilation.mesh_name(),
            environments,
        };
        self.session.output.tell(&report.text(self.session.format));
    }
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
