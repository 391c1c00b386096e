//! The sources: what was read, and where it stands in git.

use std::path::Path;
use std::time::Duration;

use meshc_core::bundle::digest::digest;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::project::{self, Project};
use meshc_core::source::Text;
use meshc_core::stdlib;
use meshc_core::world::World;
use meshc_gitops::Oid;
use meshc_gitops::record::Record;
use meshc_gitops::source::Checkout;
use meshc_gitops::world::CommitWorld;

use crate::disk::Disk;
use crate::failure::Failure;

/// A project that was read.
pub(crate) struct Sources {
    pub(crate) project: Project,
    /// What reading found.
    pub(crate) found: Diagnostics,
    /// The checkout that it lies in.
    pub(crate) checkout: Option<Checkout>,
    /// Files that are not what the checked-out commit has.
    pub(crate) changed: Vec<String>,
    inputs: Text,
    library: Text,
}

impl Sources {
    /// Reads the project in `folder`. `branch` is the branch that its sources are published from.
    pub(crate) fn read(folder: &Path, branch: Option<&str>, deadline: Duration) -> Result<Self, Failure> {
        let checkout = Checkout::open(folder, branch, deadline)?;
        let disk = Disk::open(folder)?;
        let mut sources = Self::load(&disk, checkout);
        let paths: Vec<String> = sources.files().map(|(path, _)| path.to_owned()).collect();
        if let Some(checkout) = &sources.checkout {
            sources.changed = checkout.changed(&paths)?;
        }
        Ok(sources)
    }

    /// Reads the project in `folder` of a commit of the branch that is published to: its sources are those of that
    /// commit, whatever lies on the disk.
    pub(crate) fn at(store: &Path, commit: Oid, folder: &str, checkout: Option<&Checkout>) -> Result<Self, Failure> {
        let world = CommitWorld::open(store, commit, folder)?;
        let checkout = checkout.map(|checkout| checkout.standing_at(commit, store)).transpose()?;
        Ok(Self::load(&world, checkout))
    }

    fn load(world: &dyn World, checkout: Option<Checkout>) -> Self {
        let mut found = Diagnostics::default();
        let project = project::load(world, &mut found);
        let library = of_texts(stdlib::PAGES.iter().copied());
        let mut sources = Self { project, found, checkout, changed: Vec::new(), inputs: Text::default(), library };
        sources.inputs = of_texts(sources.files());
        sources
    }

    /// Paths and texts that were read, without the standard library.
    fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.project.sources.iter().map(|(_, file)| (file.path.as_str(), file.text.as_str()));
        files.filter(|(path, _)| !path.starts_with('<'))
    }

    /// The checkout, where the sources are exactly what its commit has.
    pub(crate) fn clean_checkout(&self) -> Option<&Checkout> {
        self.checkout.as_ref().filter(|_| self.changed.is_empty())
    }

    /// What `source.json` is to say.
    pub(crate) fn record(&self, mesh: &str, environment: &str) -> Record {
        let checkout = self.clean_checkout();
        Record {
            branch: checkout.and_then(|checkout| checkout.branch.clone()),
            commit: checkout.map(|checkout| checkout.commit.clone()),
            compiler: meshc_core::compile::VERSION.to_owned(),
            environment: environment.to_owned(),
            inputs: self.inputs.clone(),
            library: self.library.clone(),
            mesh: mesh.to_owned(),
            schema: 0,
            unfinished: false,
        }
        .stamped()
    }

    /// `hydrator.metadata`; nothing outside of git.
    pub(crate) fn metadata(&self) -> Option<String> {
        let checkout = self.clean_checkout()?;
        let mut text = serde_json::to_string_pretty(&serde_json::json!({
            "repoURL": checkout.url.as_deref().unwrap_or_default(),
            "drySha": checkout.commit,
            "author": checkout.author,
            "date": checkout.date,
            "subject": checkout.subject,
        }))
        .unwrap_or_default();
        text.push('\n');
        Some(text)
    }
}

/// One digest of texts with their names, in any order.
fn of_texts<'t>(texts: impl Iterator<Item = (&'t str, &'t str)>) -> Text {
    let mut lines: Vec<String> = texts.map(|(name, text)| format!("{} {name}\n", digest(text.as_bytes()))).collect();
    lines.sort();
    digest(lines.concat().as_bytes())
}
