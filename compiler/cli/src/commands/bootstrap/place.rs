//! Where the files go, and what becomes of those that are there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meshc_gitops::program::Git;

use super::{Overwrite, Session};
use crate::failure::Failure;
use crate::output::{GREEN, PLAIN};
use crate::paths::typed;
use crate::replace::stage;

/// Questions to the local repository are answered at once.
const LIMIT: Duration = Duration::from_secs(10);

/// A file that is to be there.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// A program.
    pub(super) executable: bool,
}

/// Writes all of the files, or none.
pub(super) fn write(session: &Session, files: &[File], overwrite: Overwrite) -> Result<(), Failure> {
    let mut wanted: Vec<&File> = Vec::new();
    let mut told = String::new();
    for file in files {
        match std::fs::read(&file.path) {
            Ok(text) if text == file.text.as_bytes() => {
                told.push_str(&format!("unchanged {}\n", file.path.display()));
            }
            Ok(_) if !overwrite.force => {
                return Err(Failure::Refused(format!(
                    "nothing was written: `{}` is there and differs; overwrite it with `--force`, or move it away",
                    file.path.display()
                )));
            }
            Ok(_) => wanted.push(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => wanted.push(file),
            Err(error) => return Err(Failure::file("read", &file.path, &error)),
        }
    }
    let mut staged = Vec::new();
    for file in &wanted {
        if let Some(parent) = file.path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| Failure::file("create", parent, &error))?;
        }
        staged.push(stage(&file.path, &file.text)?);
    }
    for (file, staged) in wanted.iter().zip(staged) {
        staged.commit()?;
        if file.executable {
            make_executable(&file.path).map_err(|error| Failure::file("write", &file.path, &error))?;
        }
        told.push_str(&format!("{GREEN}wrote{PLAIN} {}\n", file.path.display()));
    }
    session.output.success(&told)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path)?.permissions().mode();
    // Whoever may read it may run it.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode | (mode & 0o444) >> 2))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// The source repository that the project is in.
pub(super) struct Source {
    /// Its work tree, as a path from the current folder.
    pub(super) root: PathBuf,
    /// The project's folder below it, `/`-separated; `.` for the root.
    pub(super) project: String,
    /// The project's folder without links.
    folder: PathBuf,
    /// The work tree without links.
    real_root: PathBuf,
}

impl Source {
    /// Finds it. The failure says that there is none.
    pub(super) fn find(session: &Session) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::file("read", &session.folder, &error);
        let folder = session.folder.canonicalize().map_err(failed)?;
        let real_root = folder.ancestors().find(|folder| folder.join(".git").exists());
        let Some(real_root) = real_root.map(Path::to_path_buf) else {
            return Err(Failure::Refused(format!(
                "`{}` is in no git repository: its place is at the root of one; print it with `--print`",
                session.folder.display()
            )));
        };
        let project = written(&folder, &real_root)?;
        // As the person would type it: up from the project's folder.
        let depth = folder.strip_prefix(&real_root).map_or(0, |below| below.components().count());
        let up = PathBuf::from_iter(std::iter::repeat_n("..", depth));
        let root = if depth == 0 { session.folder.clone() } else { typed(&session.folder, &up) };
        Ok(Self { root, project, folder, real_root })
    }

    /// The path of a project's file, which the core names relative to the project's folder, below the root.
    pub(super) fn below_root(&self, path: &str) -> Option<String> {
        let real = self.folder.join(path).canonicalize().ok()?;
        written(&real, &self.real_root).ok()
    }

    /// What git answers to a question about the repository; nothing where it does not know.
    pub(super) fn ask(&self, args: &[&str]) -> Option<String> {
        Git::new(&self.folder, LIMIT).ask(args).ok()?.filter(|answer| !answer.is_empty())
    }

    /// The path of a file below the root.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        if self.root.as_os_str().is_empty() || self.root == Path::new(".") {
            PathBuf::from(path)
        } else {
            self.root.join(path)
        }
    }
}

/// `path` below `root`, `/`-separated.
fn written(path: &Path, root: &Path) -> Result<String, Failure> {
    let refuse = || Failure::Refused(format!("`{}` cannot be named from `{}`", path.display(), root.display()));
    let below = path.strip_prefix(root).map_err(|_| refuse())?;
    let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
    let joined = parts.ok_or_else(refuse)?.join("/");
    Ok(if joined.is_empty() { ".".to_owned() } else { joined })
}
