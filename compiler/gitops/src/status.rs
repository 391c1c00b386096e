//! What a commit says about an environment: from where it was rendered, how far its releases are, what is held. What
//! cannot be read is told, and the rest is there: a person looks at this when something is wrong.

use git2::{ObjectType, Oid};
use meshc_core::state;

use crate::error::Result;
use crate::folder::Commit;
use crate::record::{self, Record};
use crate::rollback::{Name, Standing, held, prepared};

/// An environment's folder.
#[derive(Debug)]
pub struct Status {
    /// The folder.
    pub folder: String,
    /// What it was rendered from; nothing where `source.json` is missing. The error is why it cannot be read.
    pub record: std::result::Result<Option<Record>, String>,
    /// The text of `state/FOLDER/HOLD`, which stops every promote.
    pub stopped: Option<String>,
    /// Releases that are recorded, prepared or held, sorted by name.
    pub releases: Vec<Release>,
}

/// A release.
#[derive(Debug)]
pub struct Release {
    /// The service.
    pub name: Name,
    /// What is recorded; nothing where there is no record. The error is why it cannot be read.
    pub record: std::result::Result<Option<state::Record>, String>,
    /// The hold.
    pub hold: Option<Hold>,
    /// What its files say, where its rollback is prepared.
    pub standing: Option<Standing>,
}

/// A hold, as its text has it. Whatever the text is, the hold is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hold {
    /// `Name <mail>`.
    pub by: Option<String>,
    /// Seconds since 1970.
    pub at: Option<i64>,
    /// As git writes it: `+0200`.
    pub zone: Option<String>,
    /// Why; may be empty.
    pub reason: Option<String>,
}

impl Hold {
    /// Reads what can be read.
    pub fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let at = field("at").unwrap_or_default();
        let (seconds, zone) = at.split_once(' ').unwrap_or((&at, ""));
        Self {
            by: field("by"),
            at: seconds.parse().ok(),
            zone: Some(zone.to_owned()).filter(|zone| !zone.is_empty()),
            reason: field("reason"),
        }
    }
}

/// The status of a folder at a commit.
pub fn of(commit: &Commit<'_>, folder: &str) -> Result<Status> {
    let path = record::path(folder);
    let record = match commit.text(&path) {
        Ok(None) => Ok(None),
        Ok(Some(text)) => Record::parse(&path, &text).map(Some).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let stopped = lossy(commit, &format!("state/{folder}/HOLD"))?;
    let prepared = prepared(commit, folder)?;
    let mut names = held(commit, folder)?;
    names.extend(prepared.iter().map(|prepared| prepared.name.clone()));
    names.extend(recorded(commit, folder)?);
    names.sort();
    names.dedup();
    let mut releases = Vec::new();
    for name in names {
        let record = match commit.text(&name.state(folder, "json")) {
            Ok(None) => Ok(None),
            Ok(Some(text)) => state::parse(&text).map(Some),
            Err(error) => Err(error.to_string()),
        };
        let hold = lossy(commit, &name.state(folder, "hold"))?.map(|text| Hold::parse(&text));
        let standing = prepared.iter().find(|prepared| prepared.name == name).map(|prepared| prepared.standing);
        releases.push(Release { name, record, hold, standing });
    }
    Ok(Status { folder: folder.to_owned(), record, stopped, releases })
}

/// Services with a recorded state.
fn recorded(commit: &Commit<'_>, folder: &str) -> Result<Vec<Name>> {
    let mut list = Vec::new();
    for namespace in commit.names(&format!("state/{folder}"))? {
        for file in commit.names(&format!("state/{folder}/{namespace}"))? {
            // `SERVICE.plan.json` is the plan of SERVICE; names of services have no dot.
            if let Some(service) = file.strip_suffix(".json").filter(|service| !service.contains('.')) {
                list.push(Name { namespace: namespace.clone(), service: service.to_owned() });
            }
        }
    }
    Ok(list)
}

/// The text of a file, whatever bytes it has.
pub fn lossy(commit: &Commit<'_>, path: &str) -> Result<Option<String>> {
    let Some((id, Some(ObjectType::Blob))) = commit.entry(path)? else { return Ok(None) };
    commit.lossy(id).map(Some)
}

/// The time of a commit, in seconds since 1970.
pub fn time(repository: &git2::Repository, commit: Oid) -> Result<i64> {
    Ok(repository.find_commit(commit)?.time().seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_are_read_as_far_as_they_can_be() {
        let hold = Hold::parse("by: Ann <a@b>\nat: 1700000000 +0200\nreason: p99: too high\n");
        assert_eq!(hold.by.as_deref(), Some("Ann <a@b>"));
        assert_eq!((hold.at, hold.zone.as_deref()), (Some(1_700_000_000), Some("+0200")));
        assert_eq!(hold.reason.as_deref(), Some("p99: too high"));
        assert_eq!(Hold::parse(""), Hold::default());
        assert_eq!(Hold::parse("made by hand\nat: noon\nreason: \n"), Hold::default());
    }
}
