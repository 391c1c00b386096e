//! `mesh.lock.json`: the files of a folder that the tool owns, with their digests. Each namespace has one, and the
//! environment's folder one for what belongs to no namespace, so that no file grows with the mesh.
//!
//! ```json
//! {
//!   "files": {
//!     "kustomization.yaml": "sha256:…"
//!   },
//!   "schema": 1
//! }
//! ```
//!
//! A lock is read from a repository that others can write to, and what it lists may be deleted: paths that leave
//! its folder are refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::is_digest;
use crate::source::Text;

/// Its name, in every folder that has one.
pub const LOCK_FILE: &str = "mesh.lock.json";
/// The schema that is written, and the newest that is read.
const SCHEMA: u64 = 1;

/// What a lock holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Digest by path relative to the lock's folder, `/`-separated. Of a file that carries weights of a release it is
    /// the digest of the held form, so that neither a promote nor a rollback touches a lock.
    pub files: BTreeMap<String, Text>,
    /// Always 1.
    schema: u64,
}

impl Lock {
    /// A lock of these files.
    pub fn new(files: BTreeMap<String, Text>) -> Self {
        Self { files, schema: SCHEMA }
    }

    /// As it is written: sorted, indented, with a newline at the end.
    pub fn to_text(&self) -> String {
        // Maps with string keys and numbers always become JSON.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a lock. The error says what is wrong with it, without the file's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        match value.get("schema").and_then(Value::as_u64) {
            Some(SCHEMA) => {}
            Some(other) => {
                return Err(format!(
                    "it has schema {other}, and this meshc knows schema {SCHEMA}: a newer one wrote it"
                ));
            }
            None => return Err("it has no `schema`".to_owned()),
        }
        let lock: Self = serde_json::from_value(value).map_err(|error| format!("it is not a lock: {error}"))?;
        for (path, digest) in &lock.files {
            if !stays_within(path) {
                return Err(format!("`{path}` is not a path of the lock's own folder"));
            }
            if !is_digest(digest) {
                return Err(format!("`{digest}`, of `{path}`, is not a digest"));
            }
        }
        Ok(lock)
    }
}

/// Whether a relative path names something in or below its folder, on every system: no `..`, no drive, no
/// backslash, and nothing that starts with a dot, as nothing of ours does and `.git` must never be reached.
pub fn stays_within(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(is_file_name)
}

/// Whether a text is safe as one part of a path.
pub fn is_file_name(part: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii() && !byte.is_ascii_control() && !matches!(byte, b'/' | b'\\' | b':');
    let other = || !part.contains(['/', '\\', ':']) && !part.contains(char::is_control);
    !part.is_empty() && !part.starts_with('.') && (part.bytes().all(fits) || other())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::digest::digest;

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let lock = Lock::new(BTreeMap::from([
            ("frontend/virtual-service.yaml".to_owned(), digest(b"b")),
            ("authorization-policy.yaml".to_owned(), digest(b"a")),
        ]));
        let text = lock.to_text();
        assert_eq!(
            text,
            format!(
                "{{\n  \"files\": {{\n    \"authorization-policy.yaml\": \"{}\",\n    \"frontend/virtual-service.yaml\": \
                 \"{}\"\n  }},\n  \"schema\": 1\n}}\n",
                digest(b"a"),
                digest(b"b")
            )
        );
        assert_eq!(Lock::parse(&text), Ok(lock));
    }

    #[test]
    fn broken_locks_say_what_is_wrong() {
        let error = |text: &str| Lock::parse(text).unwrap_err();
        assert!(error("").contains("not JSON"));
        assert!(error("<<<<<<< HEAD\n{}").contains("not JSON"));
        assert!(error("{\"files\": {}}").contains("no `schema`"));
        assert!(error("[]").contains("no `schema`"));
        assert!(error("{\"schema\": 2, \"folders\": {}}").contains("schema 2"));
        assert!(error("{\"schema\": 1}").contains("missing field"));
        assert!(error("{\"schema\": 1, \"files\": {}, \"more\": 1}").contains("unknown field"));
        assert!(error("{\"schema\": 1, \"files\": {\"a\": \"md5:1\"}}").contains("not a digest"));
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        for path in
            ["../x", "a/../../x", "/etc/passwd", "a//b", "", ".", "./a", "a/.git/config", "C:/x", "a\\..\\x", "a\0b"]
        {
            let lock = Lock::new(BTreeMap::from([(path.to_owned(), digest(b""))]));
            assert!(Lock::parse(&lock.to_text()).unwrap_err().contains("own folder"), "{path}");
        }
    }
}
