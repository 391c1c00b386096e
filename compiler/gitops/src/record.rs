//! `state/FOLDER/source.json`: what an environment's folder was rendered from. It changes only together with other
//! bytes, so that a publish that changes nothing makes no commit.

use meshc_core::source::Text;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The schema that is written, and the newest that is read.
const SCHEMA: u64 = 1;

/// What a folder was rendered from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Branch of the sources; nothing outside of git.
    pub branch: Option<String>,
    /// Commit of the sources; nothing outside of git, and where they differed from their commit.
    pub commit: Option<String>,
    /// Version of the compiler.
    pub compiler: String,
    /// The environment's name.
    pub environment: String,
    /// Digest of all texts that were read, without the standard library.
    pub inputs: Text,
    /// Digest of the standard library.
    pub library: Text,
    /// The mesh's name: two meshes that share a repository have different folders.
    pub mesh: String,
    /// Always 1.
    pub schema: u64,
    /// The commit is not yet what the sources declare: further ones follow.
    pub unfinished: bool,
}

/// Where the record of a folder is.
pub fn path(folder: &str) -> String {
    format!("state/{folder}/source.json")
}

impl Record {
    /// A record of this schema.
    #[must_use]
    pub fn stamped(mut self) -> Self {
        self.schema = SCHEMA;
        self
    }

    /// As it is written.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a record; `path` is named where it cannot be read.
    pub fn parse(path: &str, text: &str) -> Result<Self> {
        let wrong = |why: String| {
            Error::Refused(format!(
                "`{path}` of the deploy repository cannot be used: {why}; restore it from an earlier commit"
            ))
        };
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| wrong(format!("it is not JSON ({error})")))?;
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            Some(SCHEMA) => {}
            Some(other) => return Err(wrong(format!("it has schema {other}, which a newer meshc wrote"))),
            None => return Err(wrong("it has no `schema`".to_owned())),
        }
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
    }

    /// Refuses an older compiler than the recorded one: what it renders could undo what the newer one knows.
    pub fn check_compiler(&self, current: &str) -> Result<()> {
        let parts =
            |text: &str| -> Vec<u64> { text.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0)).collect() };
        if parts(&self.compiler) > parts(current) {
            return Err(Error::Refused(format!(
                "`{}` was published by meshc {}, and this is {current}: install that version or a newer one",
                self.environment, self.compiler
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(compiler: &str) -> Record {
        Record {
            branch: Some("main".into()),
            commit: Some("a".repeat(40)),
            compiler: compiler.into(),
            environment: "prod".into(),
            inputs: "sha256:1".into(),
            library: "sha256:2".into(),
            mesh: "shop".into(),
            schema: SCHEMA,
            unfinished: false,
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let written = record("0.1.0");
        assert_eq!(Record::parse("x", &written.to_text()), Ok(written));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["", "{}", r#"{"schema": 2}"#, r#"{"schema": 1}"#, "<<<<<<< HEAD"] {
            let error = Record::parse("state/prod/source.json", text).unwrap_err();
            assert!(error.to_string().contains("`state/prod/source.json`"), "{error}");
        }
    }

    #[test]
    fn an_older_compiler_is_refused() {
        assert_eq!(record("0.9.0").check_compiler("0.10.0"), Ok(()));
        assert_eq!(record("0.10.0").check_compiler("0.10.0"), Ok(()));
        assert!(record("0.10.0").check_compiler("0.9.5").is_err());
    }
}
