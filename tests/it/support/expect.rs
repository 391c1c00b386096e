//! Comparison with files. `UPDATE_EXPECT=1` writes what came out in place of what was expected, deletes files that
//! nothing writes any more, and leaves the judgement to `git diff` and its reader.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use similar::TextDiff;

/// What to do with a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Report it.
    Compare,
    /// Write it.
    Update,
}

impl Mode {
    /// As the environment variables say. Nobody reads what CI writes, so that it may not.
    pub(crate) fn from_environment() -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self::of(is_set("UPDATE_EXPECT"), is_set("CI"))
    }

    fn of(update: bool, ci: bool) -> Self {
        assert!(!(update && ci), "UPDATE_EXPECT is refused where CI is set: somebody has to read what changed");
        if update { Self::Update } else { Self::Compare }
    }
}

/// Compares the files in and below `folder` with `actual`, by relative path. Returns a diff for each difference, and
/// nothing after an update.
pub(crate) fn compare(folder: &Path, actual: &BTreeMap<String, String>, mode: Mode) -> Vec<String> {
    let mut expected = BTreeMap::new();
    read(folder, folder, &mut expected);
    let mut problems = Vec::new();
    for (path, text) in actual {
        let file = folder.join(path);
        match (expected.remove(path), mode) {
            (Some(old), _) if old == *text => {}
            (old, Mode::Compare) => problems.push(diff(&file, old.as_deref().unwrap_or(""), text)),
            (_, Mode::Update) => {
                std::fs::create_dir_all(file.parent().expect("a file in a folder")).expect("a folder");
                std::fs::write(&file, text).expect("a file");
            }
        }
    }
    for path in expected.keys() {
        let file = folder.join(path);
        match mode {
            Mode::Compare => problems.push(format!("{} is expected, and nothing writes it", shown(&file).display())),
            Mode::Update => remove(&file, folder),
        }
    }
    problems
}

fn read(folder: &Path, root: &Path, into: &mut BTreeMap<String, String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        if path.is_dir() {
            read(&path, root, into);
        } else {
            let relative = path.strip_prefix(root).expect("a path below its root");
            let relative = relative.to_str().expect("a UTF-8 name").replace('\\', "/");
            into.insert(relative, std::fs::read_to_string(&path).expect("a UTF-8 file"));
        }
    }
}

/// Removes a file and the folders that it leaves empty, up to `root` itself.
fn remove(file: &Path, root: &Path) {
    std::fs::remove_file(file).expect("a file that can be removed");
    let folders = file.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
    for folder in folders {
        // It fails where something is left in it, and that is as it should be.
        if std::fs::remove_dir(folder).is_err() {
            break;
        }
    }
}

/// A unified diff from what was expected to what came out.
pub(crate) fn diff(file: &Path, expected: &str, actual: &str) -> String {
    let shown = shown(file).display().to_string();
    let diff = TextDiff::from_lines(expected, actual);
    diff.unified_diff().header(&format!("{shown} (expected)"), &format!("{shown} (now)")).to_string()
}

fn shown(file: &Path) -> PathBuf {
    file.strip_prefix(super::repository("")).unwrap_or(file).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn differences_and_orphans_are_reported_and_then_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (before, after) = (texts(&[("a", "1\n"), ("old/b", "2\n")]), texts(&[("a", "1\n3\n"), ("new/c", "4\n")]));
        assert_eq!(compare(folder.path(), &before, Mode::Update), Vec::<String>::new());
        assert_eq!(compare(folder.path(), &before, Mode::Compare), Vec::<String>::new());
        let problems = compare(folder.path(), &after, Mode::Compare).join("\n");
        for part in ["+3\n", "+4\n", "old/b is expected, and nothing writes it"] {
            assert!(problems.contains(part), "{problems}");
        }
        compare(folder.path(), &after, Mode::Update);
        assert_eq!(compare(folder.path(), &after, Mode::Compare), Vec::<String>::new());
        assert!(!folder.path().join("old").exists());
    }

    #[test]
    #[should_panic(expected = "somebody has to read")]
    fn ci_never_updates() {
        Mode::of(true, true);
    }
}
