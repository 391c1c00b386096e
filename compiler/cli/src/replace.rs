//! Replacing a file as a whole: readers see the old text or the new one, never a part, and a full disk leaves the
//! old one.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::failure::Failure;

/// How the files that are being written are called until they are whole. Hidden, so that no walk takes one for real.
const PREFIX: &str = ".meshc-";

/// A text that lies beside the file whose place it will take. Dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Staged {
    temporary: TempPath,
    path: PathBuf,
}

/// Writes `text` beside `path`, into a folder that exists. A file that is there keeps its permissions.
pub(crate) fn stage(path: &Path, text: &str) -> Result<Staged, Failure> {
    let failed = |error: &std::io::Error| Failure::file("write", path, error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    // As an ordinary new file: what the umask leaves of it. A temporary file would be the owner's alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
    if let Ok(known) = std::fs::symlink_metadata(path) {
        file.as_file().set_permissions(known.permissions()).map_err(|error| failed(&error))?;
    }
    // The path alone, without the open file: there may be more of them than a process may have open.
    Ok(Staged { temporary: file.into_temp_path(), path: path.to_path_buf() })
}

impl Staged {
    /// Takes the place of the file. A link there is replaced, not followed.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        self.temporary.persist(&self.path).map_err(|error| Failure::file("write", &self.path, &error.error))
    }

    /// Becomes a new file, and fails where there is one.
    pub(crate) fn create(self) -> Result<(), Failure> {
        self.temporary.persist_noclobber(&self.path).map_err(|error| Failure::file("create", &self.path, &error.error))
    }
}
