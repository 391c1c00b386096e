//! The folder that renderings are written to: what lies there, and how it becomes what it should be. All of it or
//! nothing: everything is compared first, then written beside its place, and only then moved into it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use meshc_core::bundle::Bundle;
use meshc_core::bundle::digest::digest;
use meshc_core::bundle::lock::{LOCK_FILE, stays_within};
use meshc_core::bundle::tree_update::{Existing, TreeUpdate, update};
use meshc_core::source::Text;

use crate::failure::Failure;
use crate::replace::{Staged, stage};

/// Stands for the digest of what is no file, such as a link: equal to that of no text, so that it is in the way.
const NO_FILE: &str = "not a file";

/// A bundle and what must happen so that the folder holds it.
#[derive(Debug)]
pub(crate) struct Update<'b> {
    bundle: &'b Bundle,
    /// What is written and deleted.
    pub(crate) steps: TreeUpdate,
}

/// Compares `folder` with a bundle and writes nothing.
pub(crate) fn compare<'b>(folder: &Path, bundle: &'b Bundle) -> Result<Update<'b>, Failure> {
    let mut existing = Existing::default();
    for name in top_folders(bundle) {
        walk(folder, name, &mut existing)?;
    }
    let steps = update(bundle, &existing)
        .map_err(|error| Failure::Refused(format!("nothing was written to `{}`: {error}", folder.display())))?;
    let mut seen = BTreeSet::new();
    for path in steps.write.iter().chain(&steps.delete) {
        check_parents(folder, path, &mut seen)?;
    }
    Ok(Update { bundle, steps })
}

/// The folders directly below that a bundle goes to: the environment's.
pub(crate) fn top_folders(bundle: &Bundle) -> BTreeSet<&str> {
    bundle.files.keys().filter_map(|path| path.split_once('/').map(|(top, _)| top)).collect()
}

/// Digests of all files below `folder/name`. Hidden entries are nobody's: nothing of ours starts with a dot.
fn walk(folder: &Path, name: &str, existing: &mut Existing) -> Result<(), Failure> {
    let mut folders = vec![name.to_owned()];
    while let Some(path) = folders.pop() {
        let full = folder.join(&path);
        let Ok(kind) = std::fs::symlink_metadata(&full) else { continue };
        if !kind.is_dir() {
            // `check_parents` refuses it, with the name of what is in the way.
            continue;
        }
        let failed = |error| Failure::file("read", &full, &error);
        for entry in std::fs::read_dir(&full).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let path = format!("{path}/{name}");
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let bytes =
                    std::fs::read(entry.path()).map_err(|error| Failure::file("read", &entry.path(), &error))?;
                existing.files.insert(path.clone(), digest(&bytes));
                if name == LOCK_FILE {
                    existing.locks.insert(path, String::from_utf8_lossy(&bytes).into_owned());
                }
            } else {
                existing.files.insert(path, Text::from(NO_FILE));
            }
        }
    }
    Ok(())
}

/// Everything between `folder` and a file must be a real folder: a link there would lead the write elsewhere.
fn check_parents(folder: &Path, path: &str, seen: &mut BTreeSet<String>) -> Result<(), Failure> {
    if !stays_within(path) {
        return Err(Failure::Refused(format!("nothing was written: `{path}` is not a path below the output folder")));
    }
    for (at, _) in path.match_indices('/') {
        let Some(parent) = path.get(..at) else { continue };
        if seen.contains(parent) {
            continue;
        }
        let full = folder.join(parent);
        match std::fs::symlink_metadata(&full) {
            Ok(kind) if kind.is_dir() => {}
            Ok(kind) => {
                let what = if kind.is_symlink() { "a link" } else { "not a folder" };
                let full = full.display();
                return Err(Failure::Refused(format!(
                    "nothing was written: `{full}` is {what}, and a folder is needed there; move it"
                )));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::file("read", &full, &error)),
        }
        seen.insert(parent.to_owned());
    }
    let full = folder.join(path);
    match std::fs::symlink_metadata(&full) {
        Ok(kind) if kind.is_dir() => Err(Failure::Refused(format!(
            "nothing was written: `{}` is a folder, and a file must go there; move it",
            full.display()
        ))),
        _ => Ok(()),
    }
}

/// Carries out updates of `folder`. Until every text lies on the disk no file is touched.
pub(crate) fn write(folder: &Path, updates: &[Update<'_>]) -> Result<(), Failure> {
    let mut made = Made::default();
    let mut staged: BTreeMap<bool, Vec<Staged>> = BTreeMap::new();
    for update in updates {
        for path in &update.steps.write {
            let Some(text) = update.bundle.files.get(path) else { continue };
            let full = folder.join(path);
            made.folders_of(&full)?;
            // Locks last: what an interrupted run leaves behind is then still owned, and the next run finishes it.
            staged.entry(is_lock(path)).or_default().push(stage(&full, text)?);
        }
    }
    made.keep();
    let locks = staged.remove(&true).unwrap_or_default();
    for file in staged.into_values().flatten() {
        file.commit()?;
    }
    let mut stale: Vec<&String> = updates.iter().flat_map(|update| &update.steps.delete).collect();
    stale.sort_by_key(|path| is_lock(path));
    for path in stale {
        let full = folder.join(path);
        std::fs::remove_file(&full).map_err(|error| Failure::file("remove", &full, &error))?;
        remove_empty_parents(folder, path);
    }
    for lock in locks {
        lock.commit()?;
    }
    Ok(())
}

fn is_lock(path: &str) -> bool {
    Path::new(path).file_name() == Some(OsStr::new(LOCK_FILE))
}

fn remove_empty_parents(folder: &Path, path: &str) {
    let parents = path.match_indices('/').rev().filter_map(|(at, _)| path.get(..at));
    for parent in parents {
        // Refused where something is left in it, and then in all above it.
        if std::fs::remove_dir(folder.join(parent)).is_err() {
            return;
        }
    }
}

/// Folders that were made. Dropped without [`Made::keep`], those that are empty go again.
#[derive(Debug, Default)]
struct Made {
    folders: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
}

impl Made {
    /// Makes the folder of a file, and those above it.
    fn folders_of(&mut self, file: &Path) -> Result<(), Failure> {
        let Some(parent) = file.parent() else { return Ok(()) };
        if parent.as_os_str().is_empty() || self.seen.contains(parent) {
            return Ok(());
        }
        let missing: Vec<&Path> = parent.ancestors().take_while(|folder| missing(folder)).collect();
        for folder in missing.into_iter().rev() {
            std::fs::create_dir(folder).map_err(|error| Failure::file("create", folder, &error))?;
            self.folders.push(folder.to_path_buf());
        }
        self.seen.insert(parent.to_path_buf());
        Ok(())
    }

    fn keep(mut self) {
        self.folders.clear();
    }
}

fn missing(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && std::fs::symlink_metadata(folder).is_err()
}

impl Drop for Made {
    fn drop(&mut self) {
        for folder in self.folders.iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
}
