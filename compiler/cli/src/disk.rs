//! The project on the disk.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use meshc_core::world::{ReadError, World};

use crate::failure::{Failure, reason};

/// A project's folder. Paths that it gets are relative to that folder.
#[derive(Debug)]
pub(crate) struct Disk {
    /// Without links, so that `..` means the parent.
    folder: PathBuf,
    /// Something could not be read for a reason that is not the project's.
    failed: AtomicBool,
}

impl Disk {
    /// Opens a folder. A folder that is not there is a failure of its own: there is no project to say it about.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let real = folder.canonicalize().map_err(|error| Failure::file("read", folder, &error))?;
        if !real.is_dir() {
            return Err(Failure::File(format!("cannot read `{}`: it is not a folder", folder.display())));
        }
        Ok(Self { folder: real, failed: AtomicBool::new(false) })
    }

    /// Whether the operating system refused to read something. Files that are not there do not count.
    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// The real path of `path`, which must lie in the real folder `boundary`.
    fn locate(&self, path: &str, boundary: &str) -> Result<PathBuf, ReadError> {
        let refuse = |error: &std::io::Error| self.refuse(error);
        let real = self.folder.join(path).canonicalize().map_err(|error| refuse(&error))?;
        let boundary = self.folder.join(boundary).canonicalize().map_err(|error| refuse(&error))?;
        if real.starts_with(&boundary) { Ok(real) } else { Err(ReadError::Outside) }
    }

    fn refuse(&self, error: &std::io::Error) -> ReadError {
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => ReadError::NotFound,
            _ => {
                self.failed.store(true, Ordering::Relaxed);
                ReadError::Other(reason(error))
            }
        }
    }
}

impl World for Disk {
    fn read(&self, path: &str, boundary: &str) -> Result<String, ReadError> {
        let real = self.locate(path, boundary)?;
        // A pipe would be waited for, and a device never ends.
        if !real.is_file() {
            return Err(ReadError::Other("it is not a file".to_owned()));
        }
        let bytes = std::fs::read(&real).map_err(|error| self.refuse(&error))?;
        String::from_utf8(bytes).map_err(|_| ReadError::NotText)
    }

    fn mesh_files(&self) -> Result<Vec<String>, ReadError> {
        let files = mesh_files_below(&self.folder).map_err(|(path, error)| {
            let shown = path.strip_prefix(&self.folder).unwrap_or(&path).display().to_string();
            match self.refuse(&error) {
                ReadError::Other(reason) if !shown.is_empty() => ReadError::Other(format!("`{shown}`: {reason}")),
                other => other,
            }
        })?;
        let mut paths = files.iter().map(|path| self.written(path)).collect::<Result<Vec<String>, ReadError>>()?;
        paths.sort();
        Ok(paths)
    }

    fn list(&self, folder: &str, boundary: &str) -> Result<Vec<String>, ReadError> {
        let real = self.locate(if folder.is_empty() { "." } else { folder }, boundary)?;
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&real).map_err(|error| self.refuse(&error))? {
            let entry = entry.map_err(|error| self.refuse(&error))?;
            let name = entry.file_name();
            // Links to files count: `read` looks where they lead.
            if is_hidden(&name) || !entry.path().is_file() {
                continue;
            }
            let name = name.to_str().ok_or_else(|| not_text(&name))?;
            paths.push(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") });
        }
        paths.sort();
        Ok(paths)
    }
}

impl Disk {
    /// A path below the folder as the core writes it.
    fn written(&self, path: &Path) -> Result<String, ReadError> {
        let inside = path.strip_prefix(&self.folder).unwrap_or(path);
        let parts: Option<Vec<&str>> = inside.iter().map(OsStr::to_str).collect();
        parts.map(|parts| parts.join("/")).ok_or_else(|| not_text(inside.as_os_str()))
    }
}

fn not_text(name: &OsStr) -> ReadError {
    ReadError::Other(format!("the name of `{}` is not UTF-8", name.to_string_lossy()))
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The `.mesh` files in a folder and below, sorted by their paths. Hidden files and folders and links are left out.
/// The error names what could not be read.
pub(crate) fn mesh_files_below(folder: &Path) -> Result<Vec<PathBuf>, (PathBuf, std::io::Error)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| (folder.clone(), error))?;
        for entry in entries {
            let entry = entry.map_err(|error| (folder.clone(), error))?;
            if is_hidden(&entry.file_name()) {
                continue;
            }
            // The entry's own type: that of a link is "link", so that a link is neither read nor walked.
            let kind = entry.file_type().map_err(|error| (entry.path(), error))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.path().extension() == Some(OsStr::new("mesh")) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[&str]) -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join("project").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        let disk = Disk::open(&folder.path().join("project")).unwrap();
        (folder, disk)
    }

    #[test]
    fn mesh_files_are_found_below_and_sorted() {
        let (_folder, disk) = project(&["b/a.mesh", "c.mesh", "a.mesh", ".git/x.mesh", "b/.hidden.mesh", "b/notes.md"]);
        assert_eq!(disk.mesh_files(), Ok(vec!["a.mesh".to_owned(), "b/a.mesh".to_owned(), "c.mesh".to_owned()]));
        assert_eq!(disk.list("b", "."), Ok(vec!["b/a.mesh".to_owned(), "b/notes.md".to_owned()]));
        assert_eq!(disk.list("", "."), Ok(vec!["a.mesh".to_owned(), "c.mesh".to_owned()]));
    }

    #[test]
    fn what_is_not_there_or_not_text_is_told_apart() {
        let (folder, disk) = project(&["a.mesh"]);
        std::fs::write(folder.path().join("project/b.mesh"), [0xff, 0xfe]).unwrap();
        assert_eq!(disk.read("a.mesh", "."), Ok("a.mesh".to_owned()));
        assert_eq!(disk.read("missing.mesh", "."), Err(ReadError::NotFound));
        assert_eq!(disk.read("a.mesh/below", "."), Err(ReadError::NotFound));
        assert_eq!(disk.read("b.mesh", "."), Err(ReadError::NotText));
        assert!(!disk.failed(), "all of these are the project's own faults");
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_lead_out_of_the_boundary() {
        let (folder, disk) = project(&["inside.yaml", "below/a.yaml"]);
        std::fs::write(folder.path().join("secret.yaml"), "secret").unwrap();
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, folder.path().join("project").join(name)).unwrap();
        };
        link("../secret.yaml", "out.yaml");
        link("inside.yaml", "in.yaml");
        link("..", "up");
        link("../secret.yaml", "link.mesh");
        assert_eq!(disk.read("out.yaml", "."), Err(ReadError::Outside));
        assert_eq!(disk.read("up/secret.yaml", "."), Err(ReadError::Outside));
        assert_eq!(disk.list("up", "."), Err(ReadError::Outside));
        assert_eq!(disk.read("out.yaml", ".."), Ok("secret".to_owned()));
        assert_eq!(disk.read("in.yaml", "."), Ok("inside.yaml".to_owned()));
        assert_eq!(disk.read("../secret.yaml", ".."), Ok("secret".to_owned()));
        assert_eq!(disk.mesh_files(), Ok(Vec::new()), "links are not walked");
    }
}
