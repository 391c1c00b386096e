//! Which files differ, and the objects in them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::FileChange;
use crate::bundle::assemble::KUSTOMIZATION_FILE;
use crate::bundle::lock::LOCK_FILE;
use crate::published::Tree;
use crate::source::Text;

/// The files that differ, with their texts, sorted by path.
pub(super) fn changed_files(before: &Tree<'_>, after: &Tree<'_>) -> Result<Vec<FileChange>, String> {
    let mut paths: Vec<&String> = Vec::new();
    // Both are sorted: one walk finds what differs.
    let (mut old, mut new) = (before.ids().iter().peekable(), after.ids().iter().peekable());
    loop {
        let (path, differs, takes_old, takes_new) = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some((path, _)), None) => (*path, true, true, false),
            (None, Some((path, _))) => (*path, true, false, true),
            (Some((a, id)), Some((b, other))) => match a.cmp(b) {
                std::cmp::Ordering::Less => (*a, true, true, false),
                std::cmp::Ordering::Greater => (*b, true, false, true),
                std::cmp::Ordering::Equal => (*a, id != other, true, true),
            },
        };
        if differs {
            paths.push(path);
        }
        if takes_old {
            old.next();
        }
        if takes_new {
            new.next();
        }
    }
    let text = |tree: &Tree<'_>, path: &str| Ok::<_, String>(tree.text(path)?.map(std::borrow::Cow::into_owned));
    let read =
        |path: &String| Ok(FileChange { path: path.clone(), before: text(before, path)?, after: text(after, path)? });
    paths.into_iter().map(read).collect()
}

/// An object of the cluster as a file has it.
#[derive(Debug)]
pub(super) struct Object<'f> {
    pub(super) path: &'f str,
    pub(super) key: Key,
    pub(super) value: Value,
}

/// What an object is, whatever version of its API a file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: Text,
    pub(super) group: Text,
    /// As in the cluster; empty for what has none.
    pub(super) namespace: Text,
    pub(super) name: Text,
}

impl Key {
    /// Whether it is of this kind of Istio's.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind == kind && self.group.ends_with(".istio.io")
    }
}

impl<'f> Object<'f> {
    /// The object in a text; nothing where it is none.
    pub(super) fn read(path: &'f str, text: &str) -> Option<Self> {
        let value: Value = yaml_serde::from_str(text).ok()?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(Text::new);
        let metadata = value.get("metadata");
        let of = |key: &str| text(metadata.and_then(|metadata| metadata.get(key)));
        let version = text(value.get("apiVersion"))?;
        let key = Key {
            kind: text(value.get("kind"))?,
            group: Text::new(version.split_once('/').map_or("", |(group, _)| group)),
            namespace: of("namespace").unwrap_or_default(),
            name: of("name")?,
        };
        Some(Self { path, key, value })
    }

    /// `spec`.
    pub(super) fn spec(&self) -> &Value {
        self.value.get("spec").unwrap_or(&Value::Null)
    }

    /// The value below `spec` at these keys; null where there is none.
    pub(super) fn at(&self, keys: &[&str]) -> &Value {
        keys.iter().fold(self.spec(), |value, key| value.get(key).unwrap_or(&Value::Null))
    }

    /// An annotation.
    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.value.get("metadata")?.get("annotations")?.get(name)?.as_str()
    }
}

/// An object before and after; one of them may not be there.
#[derive(Debug, Default)]
pub(super) struct Pair<'f> {
    pub(super) before: Option<Object<'f>>,
    pub(super) after: Option<Object<'f>>,
}

impl<'f> Pair<'f> {
    /// The file that says it: the new one, else the old one.
    pub(super) fn path(&self) -> &'f str {
        self.after.as_ref().or(self.before.as_ref()).map_or("", |object| object.path)
    }
}

/// The objects in files that differ. An object that only moves to another file is one pair.
#[derive(Debug, Default)]
pub(super) struct Diff<'f> {
    pub(super) pairs: BTreeMap<Key, Pair<'f>>,
    /// Files whose published or new text is no object.
    pub(super) unreadable: Vec<&'f str>,
}

impl<'f> Diff<'f> {
    pub(super) fn new(files: &'f [FileChange]) -> Self {
        let mut diff = Self::default();
        for file in files {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            if name == KUSTOMIZATION_FILE || name == LOCK_FILE {
                continue;
            }
            for (text, is_after) in [(&file.before, false), (&file.after, true)] {
                let Some(text) = text else { continue };
                match Object::read(&file.path, text) {
                    Some(object) => {
                        let pair = diff.pairs.entry(object.key.clone()).or_default();
                        *(if is_after { &mut pair.after } else { &mut pair.before }) = Some(object);
                    }
                    None => diff.unreadable.push(&file.path),
                }
            }
        }
        diff
    }

    /// Pairs of one of Istio's kinds.
    pub(super) fn of_kind<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = (&'s Key, &'s Pair<'f>)> {
        self.pairs.iter().filter(move |(key, _)| key.is(kind))
    }
}

/// The texts of a list; numbers and booleans as they are written.
pub(super) fn texts(value: &Value) -> Vec<Text> {
    value.as_array().into_iter().flatten().filter_map(scalar).map(Text::from).collect()
}

/// A scalar as text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
