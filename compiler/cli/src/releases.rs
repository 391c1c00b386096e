//! Which release a person means: the one that they name, or the only one that there is. Nothing is ever guessed.

use meshc_gitops::Oid;
use meshc_gitops::folder::Commit;
use meshc_gitops::remote::Remote;
use meshc_gitops::rollback::{self, Name, Standing, meant};
use meshc_gitops::status::{self, Status};

use crate::failure::Failure;
use crate::publishing::deployed::{Deployed, Environment, Place};

/// A branch of a deploy repository, opened, with what its tip says.
pub(crate) struct Opened<'p> {
    pub(crate) deployed: &'p Deployed,
    pub(crate) remote: Remote,
    /// Nothing where nothing was published.
    pub(crate) tip: Option<Oid>,
    pub(crate) environments: Vec<Environment>,
}

/// A release of an environment.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    /// Which of the opened branches has it.
    pub(crate) at: usize,
    pub(crate) environment: Environment,
    pub(crate) name: Name,
    pub(crate) standing: Standing,
}

/// The releases that were chosen: of one environment.
pub(crate) struct Chosen {
    pub(crate) at: usize,
    pub(crate) environment: Environment,
    pub(crate) names: Vec<Name>,
}

/// Opens all branches of a place.
pub(crate) fn open(place: &Place) -> Result<Vec<Opened<'_>>, Failure> {
    place.deployed.iter().map(|deployed| open_one(place, deployed)).collect()
}

/// Opens one of the branches of a place.
pub(crate) fn open_one<'p>(place: &Place, deployed: &'p Deployed) -> Result<Opened<'p>, Failure> {
    let mut remote = place.open(deployed)?;
    let tip = remote.tip().map_err(|error| match Failure::from(error) {
        Failure::Unreachable(text) if place.deployed.len() > 1 => {
            Failure::Unreachable(format!("{text}\nwith `--env ENV` only that environment's server is asked"))
        }
        failure => failure,
    })?;
    let environments = match tip {
        Some(_) => deployed.environments(&Commit::new(remote.store().repository(), tip)?)?,
        None => Vec::new(),
    };
    Ok(Opened { deployed, remote, tip, environments })
}

/// The releases whose rollback is prepared.
pub(crate) fn prepared(opened: &[Opened<'_>]) -> Result<Vec<Release>, Failure> {
    each(opened, |commit, folder| {
        Ok(rollback::prepared(commit, folder)?.into_iter().map(|prepared| (prepared.name, prepared.standing)).collect())
    })
}

/// The releases that are held.
pub(crate) fn held(opened: &[Opened<'_>]) -> Result<Vec<Release>, Failure> {
    each(opened, |commit, folder| {
        Ok(rollback::held(commit, folder)?.into_iter().map(|name| (name, Standing::Held)).collect())
    })
}

fn each(
    opened: &[Opened<'_>],
    list: impl Fn(&Commit<'_>, &str) -> Result<Vec<(Name, Standing)>, Failure>,
) -> Result<Vec<Release>, Failure> {
    let mut releases = Vec::new();
    for (at, Opened { remote, tip, environments, .. }) in opened.iter().enumerate() {
        let commit = Commit::new(remote.store().repository(), *tip)?;
        for environment in environments {
            for (name, standing) in list(&commit, &environment.folder)? {
                releases.push(Release { at, environment: environment.clone(), name, standing });
            }
        }
    }
    Ok(releases)
}

/// Chooses from `list`: what is named, or the only one that may be meant, or with `all` those of one environment.
/// `verb` is "roll back".
pub(crate) fn choose(
    opened: &[Opened<'_>],
    list: Vec<Release>,
    named: Option<&str>,
    all: bool,
    verb: &str,
) -> Result<Option<Chosen>, Failure> {
    let mut list = match named {
        Some(said) => list.into_iter().filter(|release| release.name.is(said)).collect(),
        None => meant(list, |release: &Release| release.standing),
    };
    let Some(first) = list.first().cloned() else { return Ok(None) };
    let one_environment = list.iter().all(|release| release.environment.folder == first.environment.folder);
    if list.len() > 1 && !(all && one_environment) {
        let lines: Vec<String> = list.iter().map(|release| format!("  {}", line(opened, release))).collect();
        let what = if all { "releases of several environments" } else { "several releases" };
        return Err(Failure::Usage(format!(
            "there are {what}, and nothing was changed; say which to {verb}:\n{}\nname one as NAMESPACE/SERVICE, with \
             `--env ENV` where several environments have it; `--all` takes all of one environment",
            lines.join("\n")
        )));
    }
    list.sort_by(|a, b| a.name.cmp(&b.name));
    let names = list.into_iter().map(|release| release.name).collect();
    Ok(Some(Chosen { at: first.at, environment: first.environment, names }))
}

/// One release in a list: "prod shop/web: v1 95 %, v2 5 %".
fn line(opened: &[Opened<'_>], release: &Release) -> String {
    let Release { at, environment, name, standing } = release;
    let status = opened.get(*at).and_then(|opened| {
        let commit = Commit::new(opened.remote.store().repository(), opened.tip).ok()?;
        status::of(&commit, &environment.folder).ok()
    });
    let known = status.as_ref().and_then(|Status { releases, .. }| releases.iter().find(|known| known.name == *name));
    let shares = match known.map(|known| &known.record) {
        Some(Ok(Some(record))) => record.describe(),
        Some(Err(_)) => "its state cannot be read".to_owned(),
        Some(Ok(None)) | None => "no state is recorded".to_owned(),
    };
    let hold = known.and_then(|known| known.hold.as_ref()).and_then(|hold| hold.by.as_deref());
    let standing = match standing {
        Standing::Running => String::new(),
        Standing::Held => format!(", held by {}", hold.unwrap_or("somebody")),
        Standing::Waiting => ", not begun".to_owned(),
    };
    format!("{} {name}: {shares}{standing}", environment.name)
}

/// Why nothing was found.
pub(crate) fn nothing(opened: &[Opened<'_>], named: Option<&str>, what: &str) -> Failure {
    let published: Vec<&str> =
        opened.iter().flat_map(|opened| &opened.environments).map(|environment| environment.name.as_str()).collect();
    if published.is_empty() {
        let places: Vec<String> = opened.iter().map(|opened| opened.deployed.describe()).collect();
        let asked: Vec<&str> =
            opened.iter().flat_map(|opened| opened.deployed.asked()).map(|asked| asked.name.as_str()).collect();
        let of = if asked.is_empty() { String::new() } else { format!(" of `{}`", asked.join("`, `")) };
        return Failure::Refused(format!("nothing{of} is published on {}", places.join(", ")));
    }
    let environments = published.join("`, `");
    Failure::Refused(match named {
        Some(named) => format!("`{named}` {what} in `{environments}`"),
        None => format!("no service {what} in `{environments}`"),
    })
}
