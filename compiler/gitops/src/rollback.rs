//! Rolling back: the prepared files and a hold, in one commit on top of the tip. No YAML, state or lock is read, so
//! that none that is broken is in the way.
//!
//! `rollback/FOLDER/NS.SVC/files/PATH` is the file PATH as it is under a hold, published together with it. Putting
//! those blobs into the tip's tree is the whole rollback; `state/FOLDER/NS/SVC.hold` makes it stay: whoever publishes or
//! promotes reads it from the tip that they extend. The script of [`crate::script`] does the same with git alone, and
//! gives the same tree.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use git2::Oid;

use crate::commit::{Blobs, Changes, Identity, create_with_blobs};
use crate::error::{Error, Result};
use crate::folder::Commit;
use crate::message::message;
use crate::remote::{Pushed, Remote};
use crate::status::lossy;

/// For how long lost races are run again, however many others push.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A service in the folder of an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Logical namespace. It has no dot.
    pub namespace: String,
    /// The service.
    pub service: String,
}

impl Name {
    /// Reads the name of a folder below `rollback/FOLDER`: `NS.SVC`.
    fn of_folder(name: &str) -> Option<Self> {
        let (namespace, service) = name.split_once('.')?;
        Some(Self { namespace: namespace.to_owned(), service: service.to_owned() })
    }

    /// Whether a person who says `SERVICE` or `NS/SERVICE` means this one.
    pub fn is(&self, said: &str) -> bool {
        match said.split_once('/') {
            Some((namespace, service)) => self.namespace == namespace && self.service == service,
            None => self.service == said,
        }
    }

    /// Where its state or its hold is: `ending` is `json` or `hold`.
    pub fn state(&self, folder: &str, ending: &str) -> String {
        format!("state/{folder}/{}/{}.{ending}", self.namespace, self.service)
    }

    /// The folder of its prepared rollback.
    pub fn rollback(&self, folder: &str) -> String {
        format!("rollback/{folder}/{}.{}", self.namespace, self.service)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.service)
    }
}

/// How a release stands, as the ids of its files tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its files are not in their held form: requests go to the new version.
    Running,
    /// A hold exists.
    Held,
    /// Its files are in their held form, without a hold: it has not begun.
    Waiting,
}

/// A release whose rollback is prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The service.
    pub name: Name,
    /// How it stands.
    pub standing: Standing,
    /// Its files as they are under a hold, by path from the root.
    files: Blobs,
    /// Some of them are not what the commit has.
    differs: bool,
}

impl Prepared {
    /// The files that are not in their held form, with the blobs to put there; nothing where all are.
    pub(crate) fn held_files(&self) -> Blobs {
        if self.differs { self.files.clone() } else { Blobs::new() }
    }

    /// The files that carry weights, by path from the root, each with the id of its held form.
    pub fn files(&self) -> &Blobs {
        &self.files
    }
}

/// The releases of a folder whose rollback is prepared, sorted by name.
pub fn prepared(commit: &Commit<'_>, folder: &str) -> Result<Vec<Prepared>> {
    let mut list = Vec::new();
    for entry in commit.names(&format!("rollback/{folder}"))? {
        let Some(name) = Name::of_folder(&entry) else { continue };
        let prefix = format!("{}/files", name.rollback(folder));
        let mut files = Blobs::new();
        let mut differs = false;
        for (path, id) in commit.files_below(&prefix)? {
            let Some(path) = path.strip_prefix(&format!("{prefix}/")) else { continue };
            let id = Oid::from_bytes(&id)?;
            differs |= commit.entry(path)?.is_none_or(|(there, _)| there != id);
            files.insert(path.to_owned(), id);
        }
        let held = commit.entry(&name.state(folder, "hold"))?.is_some();
        let standing = match (held, differs) {
            (true, _) => Standing::Held,
            (false, true) => Standing::Running,
            (false, false) => Standing::Waiting,
        };
        list.push(Prepared { name, standing, files, differs });
    }
    list.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(list)
}

/// The services whose hold exists, prepared or not, sorted by name.
pub fn held(commit: &Commit<'_>, folder: &str) -> Result<Vec<Name>> {
    let mut list = Vec::new();
    for namespace in commit.names(&format!("state/{folder}"))? {
        for file in commit.names(&format!("state/{folder}/{namespace}"))? {
            if let Some(service) = file.strip_suffix(".hold") {
                list.push(Name { namespace: namespace.clone(), service: service.to_owned() });
            }
        }
    }
    list.sort();
    Ok(list)
}

/// The folders of a commit that have prepared rollbacks or holds, sorted.
pub fn folders(commit: &Commit<'_>) -> Result<Vec<String>> {
    let mut list = commit.names("rollback")?;
    list.extend(commit.names("state")?);
    list.sort();
    list.dedup();
    Ok(list)
}

/// Of the releases that a person who names none may mean: those that have requests on the new version or are held. One
/// that is held counts, so that a command that is given twice means the same release twice. Where there is none of
/// these, all that are prepared.
pub fn meant<T>(list: Vec<T>, standing: impl Fn(&T) -> Standing) -> Vec<T> {
    if list.iter().all(|entry| standing(entry) == Standing::Waiting) {
        return list;
    }
    list.into_iter().filter(|entry| standing(entry) != Standing::Waiting).collect()
}

/// The text of a hold: its existence is the hold, the text says who did it, when and why.
pub fn hold_text(identity: &Identity, reason: &str) -> String {
    format!("by: {}\nat: {}\nreason: {}\n", identity.author(), identity.time(), one_line(reason))
}

/// A reason as the hold and the message have it: one line without blanks around it. Only ASCII control characters are
/// replaced, which `tr` of every system can do too.
pub fn one_line(reason: &str) -> String {
    let line: String = reason.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect();
    line.trim_matches(' ').to_owned()
}

/// What holding these services changes in a commit: blobs to be put in by their ids, and the holds that are not there
/// yet, with `text`. Both are empty where they are held and in their held form already.
pub fn changes(commit: &Commit<'_>, folder: &str, names: &[Name], text: &str) -> Result<(Changes<'static>, Blobs)> {
    let known = prepared(commit, folder)?;
    let (mut texts, mut blobs) = (Changes::new(), Blobs::new());
    for name in names {
        let Some(prepared) = known.iter().find(|prepared| prepared.name == *name) else {
            return Err(Error::Refused(nothing_prepared(folder, &name.to_string())));
        };
        blobs.extend(prepared.held_files());
        let hold = name.state(folder, "hold");
        if commit.entry(&hold)?.is_none() {
            texts.insert(hold, Some(Cow::Owned(text.to_owned())));
        }
    }
    Ok((texts, blobs))
}

/// Why a service cannot be rolled back.
pub fn nothing_prepared(folder: &str, name: &str) -> String {
    format!(
        "nothing was rolled back: `{folder}` has no rollback of `{name}`: it is not being released, or its release is over \
         and the old version is not kept any more; to go back then, change `version` in its `.mesh` file"
    )
}

/// What is needed to roll back.
pub struct Order<'o> {
    /// The folder of the environment.
    pub folder: &'o str,
    /// The services.
    pub names: &'o [Name],
    /// Why, in one line or more; may be empty.
    pub reason: &'o str,
    /// Who does it, and when.
    pub identity: &'o Identity,
    /// For how long lost races are run again: [`PATIENCE`].
    pub patience: Duration,
    /// Told when something takes its time.
    pub progress: &'o dyn Fn(&str),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// One new commit.
    Done {
        /// The commit.
        commit: Oid,
        /// How many times it was tried.
        attempts: u32,
    },
    /// The tip has it already.
    Already {
        /// The tip.
        tip: Oid,
        /// The holds that are there, with their texts.
        holds: Vec<(Name, String)>,
    },
}

/// A rollback that the server refused, with the commit that it refused.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// The commit, which the store has: it can be pushed to a branch of its own.
    pub commit: Option<Oid>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, commit: None }
    }
}

impl From<git2::Error> for Refusal {
    fn from(error: git2::Error) -> Self {
        Error::from(error).into()
    }
}

/// Holds services: puts their prepared files and a hold into the tip's tree, commits and pushes. A lost race is answered
/// by computing again from the new tip.
pub fn hold(remote: &mut Remote, order: &Order<'_>) -> std::result::Result<Outcome, Refusal> {
    let text = hold_text(order.identity, order.reason);
    extend(remote, order, |commit| {
        let (texts, blobs) = changes(commit, order.folder, order.names, &text)?;
        if texts.is_empty() && blobs.is_empty() {
            return Ok(None);
        }
        Ok(Some((texts, blobs, said(order, "rollback", "to stable"))))
    })
}

/// The message of a commit: the script writes the same.
pub(crate) fn said(order: &Order<'_>, operation: &str, what: &str) -> String {
    let names: Vec<String> = order.names.iter().map(Name::to_string).collect();
    let reason = one_line(order.reason);
    let body = if reason.is_empty() { "no reason given".to_owned() } else { reason };
    let mut trailers = vec![("Mesh-Operation", operation.to_owned()), ("Mesh-Env", order.folder.to_owned())];
    trailers.extend(names.iter().map(|name| ("Mesh-Service", name.clone())));
    message(&format!("{operation}({}): {} {what}", order.folder, names.join(", ")), &[body], &trailers)
}

/// What a commit changes, and its message; nothing where there is nothing to change.
type Made = Option<(Changes<'static>, Blobs, String)>;

/// Makes one commit on top of the tip, again and again until it is there or nothing is to change.
pub(crate) fn extend(
    remote: &mut Remote,
    order: &Order<'_>,
    make: impl Fn(&Commit<'_>) -> Result<Made>,
) -> std::result::Result<Outcome, Refusal> {
    let started = Instant::now();
    for attempt in 1_u32.. {
        (order.progress)(&format!("reading {} of {}", remote.branch(), remote.location()));
        let Some(tip) = remote.tip()? else {
            let (branch, location) = (remote.branch(), remote.location());
            return Err(Error::Refused(format!("nothing is published on `{branch}` of {location}")).into());
        };
        let git = remote.git();
        let repository = remote.store().repository();
        let at = Commit::new(repository, Some(tip))?;
        let Some((texts, blobs, message)) = make(&at)? else {
            let mut holds = Vec::new();
            for name in order.names {
                let path = name.state(order.folder, "hold");
                holds.extend(lossy(&at, &path)?.map(|text| (name.clone(), text)));
            }
            return Ok(Outcome::Already { tip, holds });
        };
        let commit = create_with_blobs(repository, &git, Some(tip), &texts, &blobs, &message, order.identity)?;
        (order.progress)(&format!("pushing to {}", remote.location()));
        let during = started.elapsed();
        match remote.push(Some(tip), commit) {
            Ok(Pushed::Done) => return Ok(Outcome::Done { commit, attempts: attempt }),
            Ok(Pushed::Lost) if during > order.patience => {
                return Err(Refusal { error: Error::LostRaces { attempts: attempt, during }, commit: Some(commit) });
            }
            // Shorter than a publish waits: who rolls back goes first.
            Ok(Pushed::Lost) => std::thread::sleep(Duration::from_millis(fastrand::u64(2..20))),
            Err(error) => return Err(Refusal { error, commit: Some(commit) }),
        }
    }
    Err(Error::LostRaces { attempts: u32::MAX, during: started.elapsed() }.into())
}
