//! From decisions about objects to the texts of files.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{Decision, Decisions, Key, Objects};
use super::{Step, Waiting};
use crate::bundle::Bundle;
use crate::bundle::assemble::HEADER;
use crate::bundle::yaml::append_yaml;
use crate::published::Tree;

/// Published files that stay, and where: mostly where they are.
pub(super) type Origins = BTreeMap<String, String>;

/// Puts what is decided into files: a declared object where it is declared, a kept one where it is published, unless
/// a declared object needs that place.
pub(super) fn place(
    objects: &Objects,
    decisions: &Decisions<'_>,
    tip: &Tree<'_>,
    desired: &Bundle,
    step: &mut Step,
) -> Result<Origins, String> {
    let mut origins = Origins::new();
    let decided = || decisions.iter().filter_map(|(key, decision)| Some((*key, objects.get(*key)?, decision)));
    let mut vacant: BTreeSet<&str> = BTreeSet::new();
    for (_, object, decision) in decided() {
        if let (Decision::Kept { .. }, Some(declared)) = (decision, &object.desired) {
            vacant.insert(&declared.path);
            step.instead.insert(declared.path.clone(), None);
        }
    }
    for (key, object, decision) in decided() {
        let declared = object.desired.as_ref().map(|version| version.path.as_str());
        let published = object.tip().map(|version| version.path.as_str());
        let (text, why) = match decision {
            Decision::Kept { why } => (published.map(|path| tip.text(path)).transpose()?.flatten(), why),
            Decision::Made { value, why } => {
                let mut text = HEADER.to_owned();
                append_yaml(value, &mut text).map_err(|error| format!("`{}` cannot be written: {error}", key.name))?;
                (Some(text.into()), why)
            }
        };
        let made = matches!(decision, Decision::Made { .. });
        let home = if made { declared.or(published) } else { published.or(declared) };
        let Some(home) = home else { continue };
        let Some(text) = text else {
            step.waiting.push(Waiting { path: home.to_owned(), why: why.clone() });
            continue;
        };
        let own = made && declared.is_some();
        let free = |path: &str, step: &Step| {
            let declared = desired.files.contains_key(path) && !vacant.contains(path);
            !declared && !step.instead.get(path).is_some_and(Option::is_some)
        };
        let path =
            if own || free(home, step) { home.to_owned() } else { elsewhere(key, home, |path| free(path, step)) };
        if desired.files.get(&path).is_some_and(|declared| *declared == *text) {
            step.instead.remove(&path);
            continue;
        }
        if !made {
            origins.insert(path.clone(), home.to_owned());
        }
        step.waiting.push(Waiting { path: path.clone(), why: why.clone() });
        step.instead.insert(path, Some(text.into_owned()));
    }
    step.waiting.sort_unstable();
    Ok(origins)
}

/// A path in the same folder, of an object whose own is taken.
fn elsewhere(key: &Key, home: &str, free: impl Fn(&str) -> bool) -> String {
    let folder = home.rsplit_once('/').map_or("", |(folder, _)| folder);
    let stem = format!("{folder}/{}.{}.{}", key.kind.stem(), key.namespace, key.name);
    let mut path = format!("{stem}.yaml");
    let mut number = 2;
    while !free(&path) {
        path = format!("{stem}.{number}.yaml");
        number += 1;
    }
    path
}
