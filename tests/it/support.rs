//! What the tests share: projects from folders and from texts, and comparison with files.

pub(crate) mod expect;
pub(crate) mod kubectl;
pub(crate) mod markdown;
pub(crate) mod project;

use std::path::{Path, PathBuf};

/// A path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("`tests` lies in the repository").join(path)
}

/// The folders in a folder of the repository, sorted by name.
pub(crate) fn folders(path: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository(path)).expect("a folder of the repository");
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry of it").path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The last part of a path.
pub(crate) fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name")
}

/// Fails with everything that was found, not with the first of it.
#[track_caller]
pub(crate) fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems\n\n{}\n", problems.len(), problems.join("\n"));
}
