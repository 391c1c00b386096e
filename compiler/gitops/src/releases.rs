//! States, plans and prepared rollbacks of releases, as a commit has them. They go with the files that carry weights: a
//! commit in which such a file has to wait keeps what the tip says of its service.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use meshc_core::state;
use meshc_core::transition::Step;

use crate::commit::Changes;
use crate::error::{Error, Result};
use crate::folder::{Commit, id_of};
use crate::next::{Rendering, Subject, set};

/// Adds what changes of all releases.
pub(crate) fn changes(
    tip: &Commit<'_>,
    subject: &Subject,
    rendering: &Rendering,
    step: &Step,
    changes: &mut Changes<'static>,
) -> Result<()> {
    prepared(tip, subject, rendering, step, changes)?;
    for (path, text) in &rendering.states {
        let waits = match Service::of_file(&subject.folder, path).filter(|_| first(tip, path)) {
            Some(service) => service.all_weights_wait(rendering, step, &subject.folder),
            None => waits(path, text, rendering, step, &subject.folder),
        };
        if !waits {
            set(tip, changes, path.clone(), text.clone())?;
        }
    }
    for (path, text) in &rendering.plans {
        let Some(service) = Service::of_file(&subject.folder, path) else { continue };
        let waits = if first(tip, path) {
            service.all_weights_wait(rendering, step, &subject.folder)
        } else {
            service.weights_wait(rendering, step, &subject.folder)
        };
        if !waits {
            set(tip, changes, path.clone(), text.clone())?;
        }
    }
    ended(tip, subject, rendering, step, changes)
}

/// Whether nothing is recorded there yet: a release begins with the first of its routes, for a gateway's may be there
/// before the mesh's.
fn first(tip: &Commit<'_>, path: &str) -> bool {
    tip.entry(path).is_ok_and(|entry| entry.is_none())
}

/// A record goes with the routes whose weights it tells. One without a release any more goes with the last file of it:
/// the old subset.
fn waits(path: &str, text: &str, rendering: &Rendering, step: &Step, folder: &str) -> bool {
    let Some(service) = Service::of_file(folder, path) else { return false };
    let ends = state::parse(text).is_ok_and(|record| record.canary.is_none());
    service.weights_wait(rendering, step, folder) || (ends && service.any_waits(step, folder))
}

/// The prepared rollbacks: each weight-bearing file as it is under a hold.
fn prepared(
    tip: &Commit<'_>,
    subject: &Subject,
    rendering: &Rendering,
    step: &Step,
    changes: &mut Changes<'static>,
) -> Result<()> {
    let name = &subject.folder;
    let prepared = tip.files_below(&format!("rollback/{name}"))?;
    let mut kept = BTreeSet::new();
    for (path, held) in &rendering.bundle.held {
        let Some(service) = Service::owning(name, path) else { continue };
        let folder = service.rollback(name);
        let file = format!("{folder}/files/{path}");
        match step.instead.get(path) {
            // The route of the tip stays for now, and with it its prepared form, where it has one.
            Some(Some(_)) => {
                kept.insert(file);
                kept.insert(format!("{folder}/summary"));
                continue;
            }
            Some(None) => continue,
            None => {
                if prepared.get(&file).copied() != Some(id_of(held)) {
                    changes.insert(file.clone(), Some(Cow::Owned(held.clone())));
                }
                kept.insert(file);
            }
        }
        let shares = rendering.releases.get(&(service.namespace.into(), service.name.into()));
        set(tip, changes, format!("{folder}/summary"), format!("{}\n", shares.map_or("", String::as_str)))?;
        kept.insert(format!("{folder}/summary"));
    }
    // While anything of the service waits, the old version is still there to go back to. A file that is gone is not: to
    // put it back would make one that nobody lists.
    let stays = |file: &String| {
        let service = Service::of_rollback(name, file)?;
        let path = file.strip_prefix(&format!("{}/files/", service.rollback(name)))?;
        (service.any_waits(step, name) && step.text(&rendering.bundle, path).is_some()).then(|| service.rollback(name))
    };
    for file in prepared.keys() {
        if let Some(folder) = stays(file) {
            kept.insert(file.clone());
            kept.insert(format!("{folder}/summary"));
        }
    }
    changes.extend(prepared.into_keys().filter(|file| !kept.contains(file)).map(|file| (file, None)));
    Ok(())
}

/// Removes what is left of releases that the sources do not have any more.
fn ended(
    tip: &Commit<'_>,
    subject: &Subject,
    rendering: &Rendering,
    step: &Step,
    changes: &mut Changes<'static>,
) -> Result<()> {
    let name = &subject.folder;
    for path in tip.files_below(&format!("state/{name}"))?.keys() {
        let Some(service) = Service::of_file(name, path) else { continue };
        let is_plan = path.ends_with(PLAN);
        let known = rendering.releases.contains_key(&(service.namespace.into(), service.name.into()));
        if known {
            // A plan without a release that it could be for: a promote has nothing to do there. A release that goes on
            // without a word in the sources keeps the plan that it has.
            let goes_on = || service.goes_on(tip, rendering, name);
            let planned = rendering.plans.contains_key(path) || service.weights_wait(rendering, step, name);
            if is_plan && !planned && !goes_on()? {
                changes.insert(path.clone(), None);
            }
            continue;
        }
        let running =
            path.ends_with(".hold") || (!is_plan && tip.text(path)?.is_some_and(|text| weight(&text) != Some(0)));
        if running && !subject.end_releases {
            let Service { namespace, name: service } = service;
            return Err(Error::Refused(format!(
                "nothing was published: `{namespace}/{service}` has a release under way or a hold (`{path}`), and the \
                 sources no longer have it with a version; bring it back, or end the release with `--end-releases`"
            )));
        }
        if step.is_last() || is_plan {
            changes.insert(path.clone(), None);
        }
    }
    Ok(())
}

/// How the file of a plan ends, behind the service's name.
const PLAN: &str = ".plan.json";

/// A service, as paths name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Service<'p> {
    namespace: &'p str,
    name: &'p str,
}

impl<'p> Service<'p> {
    /// Whose file `state/FOLDER/NS/FILE` is.
    fn of_file(folder: &str, path: &'p str) -> Option<Self> {
        let (namespace, file) =
            path.strip_prefix("state/")?.strip_prefix(folder)?.strip_prefix('/')?.split_once('/')?;
        let name = [PLAN, ".json", ".hold"].into_iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file);
        Some(Self { namespace, name })
    }

    /// Whose file `FOLDER/NS/SVC/FILE` is.
    fn owning(folder: &str, path: &'p str) -> Option<Self> {
        let (namespace, rest) = path.strip_prefix(folder)?.strip_prefix('/')?.split_once('/')?;
        let (name, _) = rest.split_once('/')?;
        Some(Self { namespace, name })
    }

    /// Whose file `rollback/FOLDER/NS.SVC/…` is.
    fn of_rollback(folder: &str, path: &'p str) -> Option<Self> {
        let rest = path.strip_prefix("rollback/")?.strip_prefix(folder)?.strip_prefix('/')?;
        let (namespace, name) = rest.split_once('/')?.0.split_once('.')?;
        Some(Self { namespace, name })
    }

    fn rollback(self, folder: &str) -> String {
        format!("rollback/{folder}/{}.{}", self.namespace, self.name)
    }

    /// Whether a release is recorded, and stays as it is.
    fn goes_on(self, tip: &Commit<'_>, rendering: &Rendering, folder: &str) -> Result<bool> {
        let path = format!("state/{folder}/{}/{}.json", self.namespace, self.name);
        let recorded = if rendering.states.contains_key(&path) { None } else { tip.text(&path)? };
        Ok(recorded.is_some_and(|text| state::parse(&text).is_ok_and(|record| record.canary.is_some())))
    }

    /// Whether a file that carries weights has to wait.
    fn weights_wait(self, rendering: &Rendering, step: &Step, folder: &str) -> bool {
        self.below(&step.instead, folder).any(|path| rendering.bundle.held.contains_key(path))
    }

    /// Whether every file that carries weights has to wait.
    fn all_weights_wait(self, rendering: &Rendering, step: &Step, folder: &str) -> bool {
        self.below(&rendering.bundle.held, folder).all(|path| step.instead.contains_key(path))
    }

    /// Whether any file has to wait.
    fn any_waits(self, step: &Step, folder: &str) -> bool {
        self.below(&step.instead, folder).next().is_some()
    }

    /// The paths in the service's own folder.
    fn below<'f, T>(self, files: &'f BTreeMap<String, T>, folder: &str) -> impl Iterator<Item = &'f String> {
        let prefix = format!("{folder}/{}/{}/", self.namespace, self.name);
        let from = files.range(prefix.clone()..).map(|(path, _)| path);
        from.take_while(move |path| path.starts_with(&prefix))
    }
}

/// The percentage that a recorded canary has.
fn weight(text: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(value.get("weight").and_then(serde_json::Value::as_u64).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_belongs_to_its_service() {
        let web = Some(Service { namespace: "shop", name: "web" });
        for file in ["web.json", "web.plan.json", "web.hold"] {
            assert_eq!(Service::of_file("prod", &format!("state/prod/shop/{file}")), web, "{file}");
        }
        assert_eq!(Service::owning("prod", "prod/shop/web/virtual-service.yaml"), web);
        assert_eq!(Service::owning("prod", "prod/shop/kustomization.yaml"), None);
        assert_eq!(Service::of_rollback("prod", "rollback/prod/shop.web/files/prod/x.yaml"), web);
        assert_eq!(Service::of_file("prod", "state/prod/source.json"), None);
        assert_eq!(Service::of_file("prod", "state/prod2/shop/web.json"), None);
    }
}
