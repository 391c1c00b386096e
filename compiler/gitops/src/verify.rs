//! Whether what is published is what was computed: files against their locks, weights against state and hold. Needs
//! nothing but the deploy repository, so that its own checks can run it on a merge result.

use git2::ObjectType;
use meshc_core::bundle::digest::digest;
use meshc_core::bundle::weights;
use meshc_core::state;

use crate::error::Result;
use crate::folder::{Commit, Folder};

/// A file that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drift {
    /// Its path from the root.
    pub path: String,
    /// What is wrong: "differs from what meshc wrote".
    pub why: String,
}

/// Checks all files of an environment's folder.
pub fn all(commit: &Commit<'_>, name: &str) -> Result<Vec<Drift>> {
    let folder = commit.folder(name)?;
    let mut drift = self::drift(commit, name, &folder, folder.ids.keys().map(String::as_str))?;
    for path in folder.digests.keys().filter(|path| !folder.ids.contains_key(*path)) {
        drift.push(Drift { path: path.clone(), why: "is missing, and its lock lists it".to_owned() });
    }
    for path in folder.foreign.keys().filter(|path| path.ends_with(".yaml")) {
        drift.push(Drift { path: path.clone(), why: "was not written by meshc".to_owned() });
    }
    drift.sort();
    Ok(drift)
}

/// Checks some files. Locks and files that no lock lists are passed over.
pub fn drift<'p>(
    commit: &Commit<'_>,
    name: &str,
    folder: &Folder,
    paths: impl Iterator<Item = &'p str>,
) -> Result<Vec<Drift>> {
    let mut drift = Vec::new();
    for path in paths {
        let Some(expected) = folder.digests.get(path) else { continue };
        let Some(text) = commit.text(path)? else { continue };
        let held = prepared(commit, name, path)?;
        let why = match &held {
            // The lock has the digest of the held form, and the file may be in any stage of its release.
            Some(held) if digest(held.as_bytes()) == *expected => wrong_weights(commit, name, path, &text)?,
            // Its release was over, and was rolled back while the way back was still there.
            Some(held) if text == *held && is_back(commit, name, path)? => None,
            _ if digest(text.as_bytes()) == *expected => None,
            _ => Some("differs from what meshc wrote".to_owned()),
        };
        drift.extend(why.map(|why| Drift { path: path.to_owned(), why }));
    }
    Ok(drift)
}

/// The file as it is under a hold, where one is prepared.
fn prepared(commit: &Commit<'_>, name: &str, path: &str) -> Result<Option<String>> {
    let mut parts = path.split('/').skip(1);
    let (Some(namespace), Some(service)) = (parts.next(), parts.next()) else { return Ok(None) };
    let file = format!("rollback/{name}/{namespace}.{service}/files/{path}");
    match commit.entry(&file)? {
        Some((_, Some(ObjectType::Blob))) => commit.text(&file),
        _ => Ok(None),
    }
}

/// Whether the service whose file it is has a release that is over, and was taken back: it has a hold, or, as a resume
/// leaves it, no request on its new version. A release that is over is finished, or has no plan any more.
fn is_back(commit: &Commit<'_>, name: &str, path: &str) -> Result<bool> {
    let mut parts = path.split('/').skip(1);
    let (Some(namespace), Some(service)) = (parts.next(), parts.next()) else { return Ok(false) };
    let state = format!("state/{name}/{namespace}/{service}");
    let Some(recorded) = commit.text(&format!("{state}.json"))? else { return Ok(false) };
    let Ok(record) = state::parse(&recorded) else { return Ok(false) };
    let over = record.finished || commit.entry(&format!("{state}.plan.json"))?.is_none();
    let back = commit.entry(&format!("{state}.hold"))?.is_some() || (record.canary.is_some() && record.weight == 0);
    Ok(over && back)
}

/// What is wrong with the weights of a file: published weights are a function of plan, state and hold.
fn wrong_weights(commit: &Commit<'_>, name: &str, path: &str, text: &str) -> Result<Option<String>> {
    let Some(held) = prepared(commit, name, path)? else { return Ok(None) };
    let mut parts = path.split('/').skip(1);
    let (Some(namespace), Some(service)) = (parts.next(), parts.next()) else { return Ok(None) };
    let state = format!("state/{name}/{namespace}/{service}");
    if commit.entry(&format!("{state}.hold"))?.is_some() {
        return Ok((text != held).then(|| format!("is not in its held form, and `{state}.hold` exists")));
    }
    let Some(recorded) = commit.text(&format!("{state}.json"))? else {
        return Ok(Some(format!("has weights, and `{state}.json`, which they come from, is missing")));
    };
    let record = match state::parse(&recorded) {
        Ok(record) => record,
        Err(why) => return Ok(Some(format!("has weights, and `{state}.json`, which they come from, {why}"))),
    };
    let canary = record.canary.as_deref().unwrap_or_default();
    Ok(match weights::are_those_of(text, &held, &record.stable, canary, record.weight) {
        Ok(true) => None,
        Ok(false) => Some(format!("does not have the weights of its state ({})", record.describe())),
        Err(why) => Some(why),
    })
}
