//! Where an environment is published: what it declares, and what the command line says instead.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use meshc_core::model::traffic::Millis;
use meshc_core::source::{SourceMap, Spanned, Text};
use meshc_gitops::next::Subject;
use meshc_gitops::remote::{Location, Remote};

use super::Publishing;
use crate::failure::Failure;

/// Where to publish, instead of what the environments declare.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where to publish")]
pub(crate) struct TargetArgs {
    /// Use this deploy repository instead of the declared one; `embedded` is the one in .meshc
    #[arg(long, value_name = "URL")]
    pub(crate) repository: Option<String>,
    /// Use this branch instead of the declared one
    #[arg(long, value_name = "BRANCH")]
    pub(crate) branch: Option<String>,
    /// Name the branch that the sources belong to; needed where none is checked out
    #[arg(long, value_name = "BRANCH")]
    pub(crate) source_branch: Option<String>,
    /// Take a commit for live after this time, instead of the declared `settle`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) settle: Option<Duration>,
    /// Give up on a server that does not answer in this time
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub(crate) deadline: Duration,
}

/// Where one environment is published.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) environment: Text,
    pub(crate) location: Location,
    pub(crate) branch: String,
    pub(crate) folder: String,
    pub(crate) settle: Duration,
    pub(crate) after: Option<Text>,
}

impl Target {
    /// What an environment declares, and the command line says instead.
    pub(crate) fn of(publishing: &Publishing<'_>, environment: &Text, args: &TargetArgs) -> Self {
        let facts = publishing.compilation.facts(environment);
        let deploy = facts.deploy.clone().unwrap_or_default();
        let sources = &publishing.sources.project.sources;
        let project = &publishing.session.folder;
        let location = location(args.repository.as_deref(), deploy.repository.as_ref(), sources, project);
        let branch = args.branch.clone().or_else(|| deploy.branch.as_ref().map(Text::to_string));
        let Millis(settle) = facts.settle();
        Self {
            environment: environment.clone(),
            location,
            branch: branch.unwrap_or_else(|| "main".to_owned()),
            folder: deploy.folder.as_ref().unwrap_or(environment).to_string(),
            settle: args.settle.unwrap_or(Duration::from_millis(settle)),
            after: facts.after,
        }
    }

    /// Opens its repository.
    pub(crate) fn open(&self, publishing: &Publishing<'_>, args: &TargetArgs) -> Result<Remote, Failure> {
        let settings = match &publishing.sources.checkout {
            Some(checkout) => checkout.settings()?,
            None => Vec::new(),
        };
        let project = &publishing.session.folder;
        Ok(Remote::open(self.location.clone(), &self.branch, project, &settings, args.deadline)?)
    }

    /// The project's folder in the deploy repository, where its sources live on the very branch that is published to:
    /// they are then read from its tip.
    pub(crate) fn shared_folder(&self, publishing: &Publishing<'_>) -> Option<String> {
        publishing.sources.checkout.as_ref()?.shares_branch(&self.location, &self.branch)
    }

    /// What is published there.
    pub(crate) fn subject(&self, publishing: &Publishing<'_>) -> Subject {
        let mesh = publishing.compilation.mesh_name().map(Text::as_str).unwrap_or_default();
        Subject {
            folder: self.folder.clone(),
            record: publishing.sources.record(mesh, &self.environment),
            metadata: publishing.sources.metadata(),
            settle: self.settle,
            overwrite: false,
            tells_only: false,
            end_releases: false,
            branch: self.branch.clone(),
        }
    }
}

/// The repository that is typed, else the one that is stated: relative to the file that states it.
pub(crate) fn location(
    typed: Option<&str>,
    stated: Option<&Spanned<Text>>,
    sources: &SourceMap,
    project: &Path,
) -> Location {
    match (typed, stated) {
        (Some("embedded"), _) | (None, None) => Location::Embedded,
        (Some(text), _) => Location::parse(text, project),
        (None, Some(stated)) => {
            let file = sources.file(stated.span.file).path.as_str();
            let folder = Path::new(file).parent().map_or_else(PathBuf::new, Path::to_path_buf);
            Location::parse(&stated.value, &project.join(folder))
        }
    }
}

/// A duration as the language spells it, and `0s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0s" {
        return Ok(Duration::ZERO);
    }
    meshc_core::lower::duration(text).map(|Millis(millis)| Duration::from_millis(millis))
}
