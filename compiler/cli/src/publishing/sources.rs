//! The sources: what was read, and where it stands in git.

use std::path::Path;
use std::time::Duration;

use meshc_core::bundle::digest::digest;
use meshc_core::diagnostic::Diagnostics;
use meshc_core::project::{self, Project};
use meshc_core::source::Text;
use meshc_core::stdlib;
use meshc_gitops::record::Record;
use meshc_gitops::source::Checkout;

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
        let disk = Disk::open(folder)?;
        let mut found = Diagnostics::default();
        let project = project::load(&disk, &mut found);
        let files: Vec<(&str, &str)> = project
            .sources
            .iter()
            .map(|(_, file)| (file.path.as_str(), file.text.as_str()))
            .filter(|(path, _)| !path.starts_with('<'))
            .collect();
        let inputs = of_texts(files.iter().copied());
        let library = of_texts(stdlib::PAGES.iter().copied());
        let checkout = Checkout::open(folder, branch, deadline)?;
        let paths: Vec<String> = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let changed = checkout.as_ref().map(|checkout| checkout.changed(&paths)).transpose()?.unwrap_or_default();
        Ok(Self { project, found, checkout, changed, inputs, library })
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
