//! What `plan`, `publish` and `verify` share: the sources with their place in git, the repository that an environment
//! is published to, and its rendering against what is published there. [`deployed`] is for those who work with what is
//! published, and compile nothing.

pub(crate) mod deployed;
pub(crate) mod sources;
pub(crate) mod target;
pub(crate) mod turn;

use meshc_core::compile::Compilation;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::source::Text;
use meshc_gitops::folder::Commit;
use meshc_gitops::publish;
use meshc_rollout::query::Queries;
use meshc_rollout::render::Attempt;
pub(crate) use meshc_rollout::render::Made;

use crate::commands::Session;
use crate::commands::bootstrap::templates;
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

    /// Renders an environment against what a commit records about its releases. Errors are shown, and warnings where
    /// `shows` says so.
    pub(crate) fn render(&self, environment: &Text, commit: &Commit<'_>, shows: bool) -> Result<Made, Failure> {
        let attempt = Attempt::new(&self.compilation, &self.versioned, environment, commit, self.now)?;
        let failed = self.found.has_errors() || attempt.diagnostics().has_errors();
        if shows || failed {
            self.show(attempt.diagnostics().clone(), std::slice::from_ref(environment));
        }
        if failed {
            return Err(Failure::Reported);
        }
        attempt.make(&Queries::new(&templates(self.session)?))?.ok_or(Failure::Reported)
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
