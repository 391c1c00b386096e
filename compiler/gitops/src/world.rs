//! Sources as a commit has them: where they live on the branch that is published to, they are read from the tip that is
//! being extended. Read from the disk, each commit of ours would leave them behind their own branch.

use std::path::Path;
use std::sync::Mutex;

use git2::{FileMode, ObjectType, Oid, Repository, Tree, TreeWalkMode, TreeWalkResult};
use meshc_core::world::{ReadError, World};

use crate::error::Result;

/// The files of one commit, seen from a project's folder in it.
pub struct CommitWorld {
    repository: Mutex<Repository>,
    tree: Oid,
    /// The project's folder from the root, empty for the root.
    folder: String,
}

impl CommitWorld {
    /// The project in `folder` of a commit of the repository at `path`.
    pub fn open(path: &Path, commit: Oid, folder: &str) -> Result<Self> {
        let repository = Repository::open_bare(path)?;
        let tree = repository.find_commit(commit)?.tree_id();
        Ok(Self { repository: Mutex::new(repository), tree, folder: folder.to_owned() })
    }

    /// Runs `look` on the root tree. A thread that panicked with the repository left nothing half done in it.
    fn with<T>(
        &self,
        look: impl FnOnce(&Repository, Tree<'_>) -> std::result::Result<T, ReadError>,
    ) -> std::result::Result<T, ReadError> {
        let repository = self.repository.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let tree = repository.find_tree(self.tree).map_err(|error| other(&error))?;
        look(&repository, tree)
    }

    /// A path from the root, for one from the project's folder. `..` may not lead above the boundary.
    fn locate(&self, path: &str, boundary: &str) -> std::result::Result<String, ReadError> {
        let mut parts: Vec<&str> = self.folder.split('/').filter(|part| !part.is_empty()).collect();
        let ups = boundary.split('/').filter(|part| *part == "..").count();
        let lowest = parts.len().checked_sub(ups).ok_or(ReadError::Outside)?;
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if part != ".." {
                parts.push(part);
            } else if parts.len() > lowest {
                parts.pop();
            } else {
                return Err(ReadError::Outside);
            }
        }
        Ok(parts.join("/"))
    }
}

impl World for CommitWorld {
    fn read(&self, path: &str, boundary: &str) -> std::result::Result<String, ReadError> {
        let path = self.locate(path, boundary)?;
        self.with(|repository, tree| {
            let entry = tree.get_path(Path::new(&path)).map_err(|error| other(&error))?;
            if entry.filemode() == i32::from(FileMode::Link) {
                return Err(ReadError::Other("it is a link, and a commit is read without following them".to_owned()));
            }
            let blob = repository.find_blob(entry.id()).map_err(|_| ReadError::Other("it is not a file".to_owned()))?;
            String::from_utf8(blob.content().to_vec()).map_err(|_| ReadError::NotText)
        })
    }

    fn mesh_files(&self) -> std::result::Result<Vec<String>, ReadError> {
        let folder = self.folder.clone();
        self.with(|repository, tree| {
            let tree = if folder.is_empty() {
                tree
            } else {
                let entry = tree.get_path(Path::new(&folder)).map_err(|error| other(&error))?;
                repository.find_tree(entry.id()).map_err(|error| other(&error))?
            };
            let mut files = Vec::new();
            tree.walk(TreeWalkMode::PreOrder, |parent, entry| {
                let Ok(name) = entry.name() else { return TreeWalkResult::Skip };
                if name.starts_with('.') {
                    return TreeWalkResult::Skip;
                }
                let is_file = entry.kind() == Some(ObjectType::Blob) && entry.filemode() != i32::from(FileMode::Link);
                if is_file && name.ends_with(".mesh") {
                    files.push(format!("{parent}{name}"));
                }
                TreeWalkResult::Ok
            })
            .map_err(|error| other(&error))?;
            files.sort();
            Ok(files)
        })
    }

    fn list(&self, folder: &str, boundary: &str) -> std::result::Result<Vec<String>, ReadError> {
        let at = self.locate(folder, boundary)?;
        self.with(|repository, tree| {
            let tree = if at.is_empty() {
                tree
            } else {
                let entry = tree.get_path(Path::new(&at)).map_err(|error| other(&error))?;
                repository.find_tree(entry.id()).map_err(|_| ReadError::NotFound)?
            };
            let files = tree.iter().filter(|entry| entry.kind() == Some(ObjectType::Blob));
            let names: Vec<String> = files
                .filter_map(|entry| entry.name().map(str::to_owned).ok())
                .filter(|name| !name.starts_with('.'))
                .map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") })
                .collect();
            Ok(names)
        })
    }
}

fn other(error: &git2::Error) -> ReadError {
    match error.code() {
        git2::ErrorCode::NotFound => ReadError::NotFound,
        _ => ReadError::Other(error.message().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::commit::{Changes, Identity, create};
    use crate::program::Git;

    #[test]
    fn a_commit_is_read_like_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let git = Git::new(folder.path(), Duration::from_secs(20));
        let files = [
            ("a/shop/shop.mesh", "mesh"),
            ("a/shop/teams/x.mesh", "x"),
            ("a/shop/.hidden/y.mesh", "y"),
            ("a/shop/k/1.yaml", "one"),
            ("a/shop/k/2.yaml", "two"),
            ("a/common.mesh", "common"),
            ("secret", "s"),
        ];
        let changes: Changes<'_> =
            files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).into()))).collect::<BTreeMap<_, _>>();
        let mut identity = Identity::of(&git).unwrap();
        identity.signs = false;
        let commit = create(&repository, &git, None, &changes, "m\n", &identity).unwrap();
        let world = CommitWorld::open(folder.path(), commit, "a/shop").unwrap();
        assert_eq!(world.mesh_files(), Ok(vec!["shop.mesh".to_owned(), "teams/x.mesh".to_owned()]));
        assert_eq!(world.list("k", "."), Ok(vec!["k/1.yaml".to_owned(), "k/2.yaml".to_owned()]));
        assert_eq!(world.read("k/1.yaml", "."), Ok("one".to_owned()));
        assert_eq!(world.read("../common.mesh", ".."), Ok("common".to_owned()));
        assert_eq!(world.read("../common.mesh", "."), Err(ReadError::Outside));
        assert_eq!(world.read("../../secret", ".."), Err(ReadError::Outside));
        assert_eq!(world.read("nothing", "."), Err(ReadError::NotFound));
    }
}
