//! How files are named to the person who runs the command: relative to where they stand, so that a terminal can open
//! them, whatever folder `-C` chose.

use std::path::{Component, Path, PathBuf};

/// Turns the core's paths, relative to the project's folder, into paths relative to the current one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paths {
    /// The project's folder as it was given; empty for the current one.
    folder: PathBuf,
    /// `folder/..` is the folder's parent by its letters too: no link is in the way.
    collapse: bool,
}

impl Paths {
    /// Paths below `folder`, as `-C` gave it.
    pub(crate) fn new(folder: &Path) -> Self {
        let real = std::fs::canonicalize(folder).ok();
        let written = std::path::absolute(folder).ok();
        let collapse = real.is_some() && real == written;
        let folder = if folder == Path::new(".") { PathBuf::new() } else { folder.to_path_buf() };
        Self { folder, collapse }
    }

    /// `path` as the person sees it. Texts that are no files, such as `<std/grpc>`, stay as they are.
    pub(crate) fn show(&self, path: &str) -> String {
        if path.starts_with('<') {
            return path.to_owned();
        }
        if path == "." && self.folder.as_os_str().is_empty() {
            return path.to_owned();
        }
        let joined = if path == "." { self.folder.clone() } else { self.folder.join(path) };
        let shown = if self.collapse { collapsed(&joined) } else { joined };
        let text = shown.to_string_lossy();
        if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() }
    }
}

/// A path as it was typed, under `-C folder`: relative to that folder, as git and make have it.
pub(crate) fn typed(folder: &Path, path: &Path) -> PathBuf {
    let here = folder == Path::new(".") || path == Path::new("-");
    if here { path.to_path_buf() } else { collapsed_where_safe(folder, folder.join(path)) }
}

/// Folds `folder/..` away where no link is in the way.
fn collapsed_where_safe(folder: &Path, joined: PathBuf) -> PathBuf {
    let real = std::fs::canonicalize(folder).ok();
    let safe = real.is_some() && real == std::path::absolute(folder).ok();
    if safe { collapsed(&joined) } else { joined }
}

/// Without `.` parts and with `..` at the front only.
fn collapsed(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.last(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_a_prefix() {
        let paths = Paths { folder: "examples/shop".into(), collapse: true };
        assert_eq!(paths.show("shop.mesh"), "examples/shop/shop.mesh");
        assert_eq!(paths.show("../../environments/prod.mesh"), "environments/prod.mesh");
        assert_eq!(paths.show("../../../prod.mesh"), "../prod.mesh");
        assert_eq!(paths.show("."), "examples/shop");
        assert_eq!(paths.show("<std/grpc>"), "<std/grpc>");
    }

    #[test]
    fn a_link_in_the_way_keeps_the_dots() {
        let paths = Paths { folder: "link".into(), collapse: false };
        assert_eq!(paths.show("../prod.mesh"), "link/../prod.mesh");
    }

    #[test]
    fn the_current_folder_is_no_prefix() {
        let paths = Paths::new(Path::new("."));
        assert_eq!(paths.show("shop.mesh"), "shop.mesh");
        assert_eq!(paths.show("."), ".");
    }
}
