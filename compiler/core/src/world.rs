//! How the core reaches texts: through three methods, none of which writes. The command line implements them on
//! the disk, tests in memory, an editor over its unsaved buffers.

use std::collections::BTreeMap;

/// Reads texts. Paths are relative to the project's folder, `/`-separated and normalised (no `.` parts, `..` only
/// at the front, and only where `mesh { root … }` names a higher boundary). An implementation refuses paths that a
/// link leads out of that boundary.
pub trait World: Sync {
    /// The text of one file. `boundary` is the folder that the real path must lie in: `.` or a run of `..`.
    fn read(&self, path: &str, boundary: &str) -> Result<String, ReadError>;

    /// The `.mesh` files of the project's folder and below, sorted. Hidden folders and links are left out.
    fn mesh_files(&self) -> Result<Vec<String>, ReadError>;

    /// The paths of the files in `folder` (not below it), sorted.
    fn list(&self, folder: &str, boundary: &str) -> Result<Vec<String>, ReadError>;
}

/// Why a text could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// There is no such file or folder.
    NotFound,
    /// A link leads out of the boundary.
    Outside,
    /// It is not UTF-8.
    NotText,
    /// The operating system's words.
    Other(String),
}

/// Texts in memory, for tests and for editors.
#[derive(Debug, Clone, Default)]
pub struct MemoryWorld {
    /// Text by normalised path.
    pub files: BTreeMap<String, String>,
}

impl World for MemoryWorld {
    fn read(&self, path: &str, _boundary: &str) -> Result<String, ReadError> {
        self.files.get(path).cloned().ok_or(ReadError::NotFound)
    }

    fn mesh_files(&self) -> Result<Vec<String>, ReadError> {
        let inside = |path: &&String| path.ends_with(".mesh") && !path.starts_with("../");
        Ok(self.files.keys().filter(inside).cloned().collect())
    }

    fn list(&self, folder: &str, _boundary: &str) -> Result<Vec<String>, ReadError> {
        let within = |path: &&String| path.rsplit_once('/').map_or("", |(parent, _)| parent) == folder;
        let files: Vec<String> = self.files.keys().filter(within).cloned().collect();
        if files.is_empty() { Err(ReadError::NotFound) } else { Ok(files) }
    }
}
