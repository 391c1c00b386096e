//! How long the last rollbacks took, kept in `.meshc`: what a release manager can count on, and what `status` warns of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use meshc_gitops::store;
use serde::{Deserialize, Serialize};

/// Seconds from pressing to the end of each part. A part that nobody watched is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// When it was, in seconds since 1970.
    pub(crate) at: i64,
    /// Until the server had the commit.
    pub(crate) push: f64,
    /// Until the sync engine reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sync: Option<f64>,
    /// Until the cluster had the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) live: Option<f64>,
}

/// What a rollback may take.
pub(crate) const TARGET: f64 = 30.0;

impl Figures {
    /// The longest time that was seen.
    pub(crate) fn longest(&self) -> f64 {
        [Some(self.push), self.sync, self.live].into_iter().flatten().fold(0.0, f64::max)
    }

    /// "0.4 s to push, 6.0 s to sync, 7.5 s to live weights".
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("{:.1} s to push", self.push);
        if let Some(sync) = self.sync {
            text.push_str(&format!(", {sync:.1} s to sync"));
        }
        if let Some(live) = self.live {
            text.push_str(&format!(", {live:.1} s to live weights"));
        }
        text
    }
}

/// The last figures of each environment, by folder. What cannot be read is forgotten: it is only told to people.
pub(crate) fn read(root: &Path) -> BTreeMap<String, Figures> {
    let text = std::fs::read_to_string(path(root)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Keeps the figures of an environment. Where that is not possible, nothing else fails because of it.
pub(crate) fn keep(root: &Path, folder: &str, figures: Figures) {
    let mut all = read(root);
    all.insert(folder.to_owned(), figures);
    if let (Ok(_), Ok(text)) = (store::folder(root), serde_json::to_string_pretty(&all)) {
        let _ = std::fs::write(path(root), text + "\n");
    }
}

fn path(root: &Path) -> PathBuf {
    root.join(store::FOLDER).join("rollbacks.json")
}
