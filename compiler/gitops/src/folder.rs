//! What a commit of the deploy repository holds of one environment: the files that its locks list, states, holds and
//! prepared rollbacks.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};
use meshc_core::bundle::lock::{LOCK_FILE, Lock};
use meshc_core::published::{Id, Tree};
use meshc_core::source::Text;

use crate::error::{Error, Result};

/// The root tree of a commit, or nothing before the first one.
pub struct Commit<'r> {
    repository: &'r Repository,
    tree: Option<git2::Tree<'r>>,
    id: Option<Oid>,
    /// Folders that were looked into, by path: libgit2 keeps no large ones, and would read all that lead to a file again
    /// for each file of them.
    folders: RefCell<HashMap<String, Option<git2::Tree<'r>>>>,
}

/// One environment's folder at a commit.
#[derive(Debug, Default)]
pub struct Folder {
    /// Ids of the files that are owned: those that locks list and that are there, and the locks.
    pub ids: BTreeMap<String, Id>,
    /// Files that nobody owns, by path.
    pub foreign: BTreeMap<String, Id>,
    /// Digests that locks give, by path from the root.
    pub digests: BTreeMap<String, Text>,
}

impl<'r> Commit<'r> {
    /// A commit, or the state before the first one.
    pub fn new(repository: &'r Repository, id: Option<Oid>) -> Result<Self> {
        let tree = id.map(|id| repository.find_commit(id).and_then(|commit| commit.tree())).transpose()?;
        Ok(Self { repository, tree, id, folders: RefCell::default() })
    }

    /// Its id.
    pub fn id(&self) -> Option<Oid> {
        self.id
    }

    /// Its root tree.
    pub fn tree(&self) -> Option<&git2::Tree<'r>> {
        self.tree.as_ref()
    }

    /// The id of what is at a path: equal ids, equal content.
    pub fn entry(&self, path: &str) -> Result<Option<(Oid, Option<ObjectType>)>> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let tree = self.tree_of(folder)?;
        Ok(tree.as_ref().and_then(|tree| tree.get_name(name)).map(|entry| (entry.id(), entry.kind())))
    }

    /// The tree of a folder; nothing where there is none.
    fn tree_of(&self, folder: &str) -> Result<Option<git2::Tree<'r>>> {
        if folder.is_empty() {
            return Ok(self.tree.clone());
        }
        if let Some(known) = self.folders.borrow().get(folder) {
            return Ok(known.clone());
        }
        let tree = match self.entry(folder)? {
            Some((id, Some(ObjectType::Tree))) => Some(self.repository.find_tree(id)?),
            Some(_) | None => None,
        };
        self.folders.borrow_mut().insert(folder.to_owned(), tree.clone());
        Ok(tree)
    }

    /// Whether a file has this very text: told by its id, without reading it.
    pub(crate) fn has(&self, path: &str, text: &str) -> Result<bool> {
        let entry = self.entry(path)?;
        Ok(entry.is_some_and(|(id, kind)| kind == Some(ObjectType::Blob) && to_id(id) == id_of(text)))
    }

    /// The text of a file; nothing where there is none.
    pub fn text(&self, path: &str) -> Result<Option<String>> {
        match self.entry(path)? {
            Some((id, Some(ObjectType::Blob))) => blob(self.repository, path, id).map(Some).map_err(Error::Refused),
            Some(_) => Err(Error::Refused(format!("`{path}` of the deploy repository is not a file"))),
            None => Ok(None),
        }
    }

    /// The text of an object, whatever bytes it has: for people.
    pub fn lossy(&self, id: Oid) -> Result<String> {
        Ok(String::from_utf8_lossy(self.repository.find_blob(id)?.content()).into_owned())
    }

    /// The names of what is in a folder, sorted.
    pub fn names(&self, folder: &str) -> Result<Vec<String>> {
        let Some(tree) = self.tree_of(folder)? else { return Ok(Vec::new()) };
        Ok(tree.iter().filter_map(|entry| entry.name().map(str::to_owned).ok()).collect())
    }

    /// Ids of all files below a folder.
    pub fn files_below(&self, folder: &str) -> Result<BTreeMap<String, Id>> {
        let mut files = BTreeMap::new();
        let Some(tree) = self.tree_of(folder)? else { return Ok(files) };
        tree.walk(TreeWalkMode::PreOrder, |parent, entry| {
            if let (Some(ObjectType::Blob), Ok(name)) = (entry.kind(), entry.name()) {
                files.insert(format!("{folder}/{parent}{name}"), to_id(entry.id()));
            }
            TreeWalkResult::Ok
        })?;
        Ok(files)
    }

    /// What the folder of an environment holds. A lock that cannot be read is an error: without it nothing is known
    /// about what is owned.
    pub fn folder(&self, name: &str) -> Result<Folder> {
        let mut folder = Folder::default();
        let mut files = self.files_below(name)?;
        let locks: Vec<String> = files
            .keys()
            .filter(|path| path.rsplit('/').next() == Some(LOCK_FILE) && path.matches('/').count() <= 2)
            .cloned()
            .collect();
        for path in locks {
            let Some(text) = self.text(&path)? else { continue };
            let lock = Lock::parse(&text).map_err(|problem| {
                Error::Refused(format!(
                    "`{path}` of the deploy repository cannot be used: {problem}; restore it from an earlier commit"
                ))
            })?;
            let prefix = path.strip_suffix(LOCK_FILE).unwrap_or(&path);
            for (file, digest) in lock.files {
                let file = format!("{prefix}{file}");
                if let Some(id) = files.remove(&file) {
                    folder.ids.insert(file.clone(), id);
                }
                folder.digests.insert(file, digest);
            }
            if let Some(id) = files.remove(&path) {
                folder.ids.insert(path, id);
            }
        }
        folder.foreign = files;
        Ok(folder)
    }

    /// The owned files of a folder as the pure core reads them.
    pub fn published(&self, folder: &Folder) -> Tree<'r> {
        let repository = self.repository;
        Tree::new(folder.ids.clone(), move |path, id| {
            let id = Oid::from_bytes(id).map_err(|error| error.message().to_owned())?;
            blob(repository, path, id).map(Cow::Owned)
        })
    }
}

/// The id of a text, as git computes it.
pub fn id_of(text: &str) -> Id {
    // Hashing memory does not fail.
    Oid::hash_object(ObjectType::Blob, text.as_bytes()).map(to_id).unwrap_or_default()
}

fn to_id(oid: Oid) -> Id {
    let mut id = Id::default();
    for (to, from) in id.iter_mut().zip(oid.as_bytes()) {
        *to = *from;
    }
    id
}

fn blob(repository: &Repository, path: &str, id: Oid) -> std::result::Result<String, String> {
    let unreadable = |why: &str| format!("`{path}` of the deploy repository cannot be read: {why}");
    let blob = repository.find_blob(id).map_err(|error| unreadable(error.message()))?;
    std::str::from_utf8(blob.content()).map(str::to_owned).map_err(|_| unreadable("it is not UTF-8"))
}
