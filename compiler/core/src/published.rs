//! What the deploy repository holds of one environment, as the pure core sees it: texts by path, which are read only
//! where they are asked for. A repository of 30,000 files is compared by ids; almost none of them is read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::bundle::digest::digest;

/// Identifies a text: equal exactly where texts are. In a repository it is git's id of the blob; all trees that are
/// compared with each other use one kind of id.
pub type Id = [u8; 20];

/// Reads the text with an id, at a path that messages name.
type Read<'r> = Box<dyn Fn(&str, &Id) -> Result<Cow<'r, str>, String> + 'r>;

/// The files that meshc owns in the folder of one environment, at one commit: those that its locks list, and the
/// locks. Paths are relative to the root of the repository: `prod/boutique/…`.
pub struct Tree<'r> {
    ids: BTreeMap<String, Id>,
    read: Read<'r>,
}

impl<'r> Tree<'r> {
    /// A tree of these files.
    pub fn new(ids: BTreeMap<String, Id>, read: impl Fn(&str, &Id) -> Result<Cow<'r, str>, String> + 'r) -> Self {
        Self { ids, read: Box::new(read) }
    }

    /// Texts in memory. `id` gives the ids that the other trees have.
    pub fn in_memory(texts: &'r BTreeMap<String, String>, id: impl Fn(&str) -> Id) -> Self {
        let ids = texts.iter().map(|(path, text)| (path.clone(), id(text))).collect();
        Self::new(ids, |path, _| {
            texts.get(path).map(|text| Cow::Borrowed(text.as_str())).ok_or_else(|| format!("`{path}` is not there"))
        })
    }

    /// Nothing: before the first publish, or after an uninstall.
    pub fn empty() -> Self {
        Self::new(BTreeMap::new(), |path, _| Err(format!("`{path}` is not there")))
    }

    /// Ids by path, sorted.
    pub fn ids(&self) -> &BTreeMap<String, Id> {
        &self.ids
    }

    /// The id of a file.
    pub fn id(&self, path: &str) -> Option<&Id> {
        self.ids.get(path)
    }

    /// The text of a file; nothing where there is none. An error is a repository that cannot be read.
    pub fn text(&self, path: &str) -> Result<Option<Cow<'r, str>>, String> {
        self.ids.get(path).map(|id| (self.read)(path, id)).transpose()
    }
}

impl std::fmt::Debug for Tree<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.ids.keys()).finish()
    }
}

/// An id for trees that are not in a repository: the first 20 bytes of the SHA-256, as digits of it.
pub fn id_of(text: &str) -> Id {
    let digest = digest(text.as_bytes());
    let mut id = [0; 20];
    let digits = digest.as_bytes().split_at("sha256:".len()).1;
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |digit: &u8| if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
        *byte = pair.iter().fold(0, |value, digit| value << 4 | nibble(digit));
    }
    id
}
