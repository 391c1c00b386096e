//! The objects whose versions depend on each other, read from the files that differ somewhere between what may be live
//! and what is declared.
//!
//! Everything else needs no reading. A rule binds two objects. Where both are the same in all states there is nothing
//! to decide; where one of them is, it fits the declared version of the other (the rendering is consistent in itself)
//! and the published ones (they were published by these rules), so that only objects that differ hold each other back.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use crate::bundle::Bundle;
use crate::published::{Id, Tree};
use crate::source::Text;

/// The kinds that rules bind. Others are free at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    VirtualService,
    DestinationRule,
    Gateway,
    AuthorizationPolicy,
    PeerAuthentication,
}

impl Kind {
    /// What a file's name says that it holds.
    fn of_path(path: &str) -> Option<Self> {
        let file = path.rsplit('/').next()?;
        Some(match file.split('.').next()? {
            "virtual-service" => Self::VirtualService,
            "destination-rule" => Self::DestinationRule,
            "gateway" => Self::Gateway,
            "authorization-policy" => Self::AuthorizationPolicy,
            "peer-authentication" => Self::PeerAuthentication,
            _ => return None,
        })
    }

    fn of_object(api_version: &str, kind: &str) -> Option<Self> {
        Some(match (api_version.split_once('/')?.0, kind) {
            ("networking.istio.io", "VirtualService") => Self::VirtualService,
            ("networking.istio.io", "DestinationRule") => Self::DestinationRule,
            ("networking.istio.io", "Gateway") => Self::Gateway,
            ("security.istio.io", "AuthorizationPolicy") => Self::AuthorizationPolicy,
            ("security.istio.io", "PeerAuthentication") => Self::PeerAuthentication,
            _ => return None,
        })
    }

    /// The name of its files, without `.yaml`.
    pub(super) fn stem(self) -> &'static str {
        match self {
            Self::VirtualService => "virtual-service",
            Self::DestinationRule => "destination-rule",
            Self::Gateway => "gateway",
            Self::AuthorizationPolicy => "authorization-policy",
            Self::PeerAuthentication => "peer-authentication",
        }
    }
}

/// Names an object of the cluster, whatever file it stands in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) namespace: Text,
    pub(super) name: Text,
}

/// An object as one state has it.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) path: String,
    pub(super) value: Arc<Value>,
}

impl Version {
    /// A part of the object by its JSON pointer.
    pub(super) fn at(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer)
    }

    /// The folder of its file: for an object of a service, the service's.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// An object that differs somewhere, in all states.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// In each state that may be live, oldest first.
    pub(super) live: Vec<Option<Version>>,
    pub(super) desired: Option<Version>,
}

impl Object {
    /// As published.
    pub(super) fn tip(&self) -> Option<&Version> {
        self.live.last().and_then(Option::as_ref)
    }
}

/// All that differ, by key.
pub(super) type Objects = BTreeMap<Key, Object>;

/// What is decided about an object in the next commit. Without a decision it is as declared.
#[derive(Debug)]
pub(super) enum Decision {
    /// As published; absent where it is not published.
    Kept { why: String },
    /// Neither: something between the two.
    Made { value: Value, why: String },
}

/// Decisions by object.
pub(super) type Decisions<'o> = BTreeMap<&'o Key, Decision>;

/// An object of a text, with what names it.
type Parsed = (Key, Arc<Value>);

/// Paths of files that are not the same in all states.
pub(super) fn changed<'t>(live: &'t [Tree<'_>], desired: &'t Tree<'_>) -> BTreeSet<&'t str> {
    let mut out = BTreeSet::new();
    for state in live {
        let (mut left, mut right) = (state.ids().iter().peekable(), desired.ids().iter().peekable());
        while let Some(path) = match (left.peek(), right.peek()) {
            (Some((a, _)), Some((b, _))) => Some(a.min(b).as_str()),
            (Some((path, _)), None) | (None, Some((path, _))) => Some(path.as_str()),
            (None, None) => None,
        } {
            let before = left.next_if(|(own, _)| *own == path).map(|(_, id)| id);
            let after = right.next_if(|(own, _)| *own == path).map(|(_, id)| id);
            if before != after {
                out.insert(path);
            }
        }
    }
    out
}

/// Reads the objects in the files of `paths`. A published file that is no such object, edited by hand or torn, provides
/// nothing; an error is one that cannot be read at all.
pub(super) fn read(
    paths: &BTreeSet<&str>,
    live: &[Tree<'_>],
    desired: &Bundle,
    tree: &Tree<'_>,
) -> Result<Objects, String> {
    let of_rules = || paths.iter().copied().filter(|path| Kind::of_path(path).is_some());
    // Each text is parsed once, and one that is declared is not read from the repository.
    let mut texts: BTreeMap<(&str, Id), Option<&Tree<'_>>> = BTreeMap::new();
    for path in of_rules() {
        texts.extend(live.iter().filter_map(|state| Some(((path, *state.id(path)?), Some(state)))));
        texts.extend(tree.id(path).map(|id| ((path, *id), None)));
    }
    let texts: Vec<((&str, Id), Option<&Tree<'_>>)> = texts.into_iter().collect();
    // A repository is read by one thread; what was read is parsed by all.
    let read: Vec<Option<Cow<'_, str>>> = texts
        .iter()
        .map(|((path, _), state)| match state {
            Some(state) => state.text(path),
            None => Ok(desired.files.get(*path).map(|text| Cow::Borrowed(text.as_str()))),
        })
        .collect::<Result<_, String>>()?;
    let parsed: Vec<Option<Parsed>> = read.par_iter().map(|text| parse(text.as_deref()?)).collect();
    let parsed: BTreeMap<(&str, Id), Option<Parsed>> = texts.into_iter().map(|(name, _)| name).zip(parsed).collect();
    let mut objects = Objects::new();
    let version = |path: &str, id: Option<&Id>| {
        let (key, value) = parsed.get(&(path, *id?))?.as_ref()?;
        Some((key.clone(), Version { path: path.to_owned(), value: Arc::clone(value) }))
    };
    for path in of_rules() {
        for (index, state) in live.iter().enumerate() {
            if let Some((key, version)) = version(path, state.id(path)) {
                let object = objects.entry(key).or_default();
                object.live.resize_with(live.len(), || None);
                if let Some(place) = object.live.get_mut(index) {
                    *place = Some(version);
                }
            }
        }
        if let Some((key, version)) = version(path, tree.id(path)) {
            let object = objects.entry(key).or_default();
            object.live.resize_with(live.len(), || None);
            object.desired = Some(version);
        }
    }
    Ok(objects)
}

/// The object of a text, if it is one that rules bind.
fn parse(text: &str) -> Option<Parsed> {
    let value: Value = yaml_serde::from_str(text).ok()?;
    let field = |pointer| value.pointer(pointer).and_then(Value::as_str);
    let kind = Kind::of_object(field("/apiVersion")?, field("/kind")?)?;
    let key = Key {
        kind,
        namespace: field("/metadata/namespace").unwrap_or_default().into(),
        name: field("/metadata/name")?.into(),
    };
    Some((key, Arc::new(value)))
}

/// The objects of one kind.
pub(super) fn of_kind(objects: &Objects, kind: Kind) -> impl Iterator<Item = (&Key, &Object)> {
    objects.iter().filter(move |(key, _)| key.kind == kind)
}

/// The texts of a list.
pub(super) fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Whether two label selectors can mean the same pods: no key with two values. None selects everything.
pub(super) fn may_overlap(a: Option<&Value>, b: Option<&Value>) -> bool {
    let (Some(a), Some(b)) = (a.and_then(Value::as_object), b.and_then(Value::as_object)) else { return true };
    a.iter().all(|(key, value)| b.get(key).is_none_or(|other| other == value))
}
