//! mTLS: no port goes from refusing it to demanding it, or back, without a commit that accepts both, and none demands
//! it that was not seen to accept it.
//!
//! The mode of a port follows from two objects, the workload's and the namespace's, of which the cluster may have any
//! versions. So the modes that all their combinations give are looked at, port by port.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::access::identifies;
use super::modes::{Callers, Mode, Modes, NO_POLICY, Versions, is_safe, outcomes};
use super::objects::{Decision, Decisions, Key, Kind, Object, Objects, Version, may_overlap, of_kind};
use super::plaintext::{Plaintext, sends_less, sends_more};
use crate::bundle::Bundle;
use crate::source::Text;

/// The policies of a namespace that differ.
#[derive(Default)]
struct Namespace<'o> {
    /// The one for all its workloads.
    own: Option<(&'o Key, &'o Object)>,
    workloads: Vec<Workload<'o>>,
    /// DestinationRules that differ.
    rules: Vec<(&'o Key, &'o Object)>,
    /// Folders of services that may still get plaintext where none will be sent.
    with_plaintext: BTreeSet<&'o str>,
    /// Folders of services that may still need to know who calls, where nobody will be known.
    by_identity: BTreeSet<&'o str>,
}

/// The policy of a workload.
struct Workload<'o> {
    key: &'o Key,
    object: &'o Object,
    /// Versions that may be live, also of a policy for the same pods that this one follows.
    live: Vec<Option<Modes>>,
    tip: Option<Modes>,
    desired: Option<Modes>,
    /// What it stays for, though it is no longer declared.
    successor: Option<&'o Key>,
    callers: Callers,
}

/// What becomes of a policy, and the modes that it then states.
#[derive(Debug, Clone)]
enum Choice<M> {
    Declared(M),
    Between(M),
    Published(M),
}

impl<M> Choice<M> {
    fn modes(&self) -> &M {
        match self {
            Self::Declared(modes) | Self::Between(modes) | Self::Published(modes) => modes,
        }
    }
}

/// Decides about PeerAuthentications, and finds which DestinationRules have to wait for them.
pub(super) fn decide<'o>(objects: &'o Objects, desired: &Bundle, out: &mut Decisions<'o>) -> Plaintext<'o> {
    let mut namespaces: BTreeMap<&Text, Namespace<'o>> = BTreeMap::new();
    let mut policies: BTreeMap<&Text, Vec<(&'o Key, &'o Object)>> = BTreeMap::new();
    for (key, object) in of_kind(objects, Kind::PeerAuthentication) {
        let namespace = namespaces.entry(&key.namespace).or_default();
        if object.live.iter().flatten().chain(&object.desired).any(|version| selector(version).is_some()) {
            policies.entry(&key.namespace).or_default().push((key, object));
        } else if namespace.own.is_none() {
            namespace.own = Some((key, object));
        }
    }
    for (key, object) in of_kind(objects, Kind::DestinationRule) {
        if let Some(namespace) = namespaces.get_mut(&key.namespace) {
            namespace.with_plaintext.extend(folder(object).filter(|_| sends_less(object)));
            namespace.rules.push((key, object));
        }
    }
    for (key, object) in of_kind(objects, Kind::AuthorizationPolicy) {
        if let Some(namespace) = namespaces.get_mut(&key.namespace) {
            namespace.by_identity.extend(folder(object).filter(|_| identifies(object)));
        }
    }
    let mut plaintext = Plaintext::default();
    for (name, mut namespace) in namespaces {
        let policies = policies.remove(name).unwrap_or_default();
        namespace.workloads = policies
            .iter()
            .map(|(key, object)| Workload::of(key, object, &policies, namespace.callers(folder(object))))
            .collect();
        namespace.decide(name, desired, out, &mut plaintext);
    }
    plaintext
}

fn selector(version: &Version) -> Option<&Value> {
    version.at("/spec/selector/matchLabels")
}

/// The folder of an object, the service's: also of one that is neither declared nor published any more, and may be live.
fn folder(object: &Object) -> Option<&str> {
    object.desired.iter().chain(object.live.iter().rev().flatten()).next().map(Version::folder)
}

impl<'o> Namespace<'o> {
    /// The callers of a service, by its folder, or of any.
    fn callers(&self, folder: Option<&str>) -> Callers {
        let any = |folders: &BTreeSet<&str>| match folder {
            Some(folder) => folders.contains(folder),
            None => !folders.is_empty(),
        };
        Callers { with_plaintext: any(&self.with_plaintext), by_identity: any(&self.by_identity) }
    }

    fn decide(&self, name: &'o str, bundle: &Bundle, out: &mut Decisions<'o>, plaintext: &mut Plaintext<'o>) {
        let mode = |version: &Option<Version>| version.as_ref().and_then(|version| Modes::of(version).workload);
        let (live, tip, desired) = match self.own {
            Some((_, object)) => {
                let live: Vec<Option<Mode>> = object.live.iter().map(mode).collect();
                (live, object.live.last().and_then(mode), mode(&object.desired))
            }
            None => {
                let same = self.unchanged(name, bundle);
                (vec![same], same, same)
            }
        };
        let mut options = vec![Choice::Declared(desired)];
        if self.own.is_some_and(|(_, object)| object.desired.is_some() || object.tip().is_some()) {
            options.push(Choice::Between(Some(Mode::Permissive)));
        }
        // With the published version of all nothing changes, which is always safe.
        options.push(Choice::Published(tip));
        let callers = self.callers(None);
        let chosen = options.into_iter().find_map(|option| {
            let own = Versions { live: &live, tip, next: *option.modes() };
            let (before, added) = outcomes(NO_POLICY, own, None);
            let fits = is_safe(&before, &added, Mode::effective(None, desired, None), callers);
            let choices: Option<Vec<Choice<Option<Modes>>>> =
                self.workloads.iter().map(|workload| workload.choose(own, desired)).collect();
            choices.filter(|_| fits).map(|choices| (option, choices))
        });
        let Some((option, choices)) = chosen else { return };
        if let Some((key, object)) = self.own {
            let waits = "it waits for the modes of workloads that differ";
            out.extend(
                decision(object, &option, waits, |mode| Modes { workload: *mode, ..Modes::default() })
                    .map(|decision| (key, decision)),
            );
        }
        for (workload, choice) in self.workloads.iter().zip(&choices) {
            let waits = "it waits for the mode of its namespace";
            let stays = workload.successor.map(|other| Decision::Kept {
                why: format!("it stays until `{}`, which is for the same pods, is live", other.name),
            });
            let made = decision(workload.object, choice, waits, |modes| modes.clone().unwrap_or_default());
            out.extend(made.or(stays).map(|decision| (workload.key, decision)));
        }
        let own = Versions { live: &live, tip, next: *option.modes() };
        if may_be_other(NO_POLICY, own, None, Mode::effective(None, desired, None), Mode::Disable) {
            plaintext.namespaces.insert(name);
        }
        for (workload, choice) in self.workloads.iter().zip(&choices) {
            if workload.may_be_other(choice.modes().as_ref(), own, desired, Mode::Disable) {
                plaintext.services.extend(folder(workload.object));
            }
        }
        for (key, rule) in self.rules.iter().filter(|(_, rule)| sends_more(rule)) {
            let mine =
                self.workloads.iter().zip(&choices).find(|(workload, _)| folder(workload.object) == folder(rule));
            let refused = match mine {
                Some((workload, choice)) => workload.may_be_other(choice.modes().as_ref(), own, desired, Mode::Strict),
                None => may_be_other(NO_POLICY, own, None, Mode::effective(None, desired, None), Mode::Strict),
            };
            if refused {
                plaintext.waiting.insert(key);
            }
        }
    }

    /// The mode of a namespace whose own policy is the same in all states.
    fn unchanged(&self, name: &str, bundle: &Bundle) -> Option<Mode> {
        self.workloads.iter().find_map(|workload| {
            let (folder, _) = folder(workload.object)?.rsplit_once('/')?;
            let text = bundle.files.get(&format!("{folder}/{}.yaml", Kind::PeerAuthentication.stem()))?;
            let value: Value = yaml_serde::from_str(text).ok()?;
            let here = value.pointer("/metadata/namespace").and_then(Value::as_str) == Some(name);
            Modes::of_object(&value).workload.filter(|_| here)
        })
    }
}

impl<'o> Workload<'o> {
    fn of(key: &'o Key, object: &'o Object, all: &[(&'o Key, &'o Object)], callers: Callers) -> Self {
        let others = || all.iter().filter(|(other, _)| *other != key);
        let mut live: Vec<Option<Modes>> = object.live.iter().map(|version| version.as_ref().map(Modes::of)).collect();
        let tip = live.last().cloned().flatten();
        let mut successor = None;
        match (&object.desired, object.tip()) {
            // Of two policies for the same pods the older counts: its modes are those that these pods come from.
            (Some(next), _) => {
                let before = others().filter(|(_, other)| other.desired.is_none());
                let before = before.flat_map(|(_, other)| other.live.iter().flatten());
                let same = before.filter(|version| may_overlap(selector(version), selector(next)));
                live.extend(same.map(|version| Some(Modes::of(version))));
            }
            (None, Some(tip)) => {
                let follows = |(_, other): &&(&Key, &Object)| {
                    let next = other.desired.as_ref();
                    next.is_some_and(|next| may_overlap(selector(tip), selector(next)))
                        && !other.live.iter().all(Option::is_some)
                };
                successor = others().find(follows).map(|(other, _)| *other);
            }
            (None, None) => {}
        }
        let desired = match successor {
            Some(_) => tip.clone(),
            None => object.desired.as_ref().map(Modes::of),
        };
        Self { key, object, live, tip, desired, successor, callers }
    }

    /// Its ports, and none for those that no version names.
    fn ports(&self) -> BTreeSet<Option<&str>> {
        let named = self.live.iter().flatten().chain(&self.desired).flat_map(|modes| modes.ports.keys());
        named.map(|port| Some(port.as_str())).chain([None]).collect()
    }

    /// The first of these that is safe beside the namespace's choice: as declared, in between, as published.
    fn choose(&self, own: Versions<'_, Option<Mode>>, desired: Option<Mode>) -> Option<Choice<Option<Modes>>> {
        let live: Vec<Option<&Modes>> = self.live.iter().map(Option::as_ref).collect();
        let goal = |port| Mode::effective(self.desired.as_ref(), desired, port);
        let fits = |next: &Option<Modes>| {
            let versions = Versions { live: &live, tip: self.tip.as_ref(), next: next.as_ref() };
            self.ports().into_iter().all(|port| {
                let (before, added) = outcomes(versions, own, port);
                is_safe(&before, &added, goal(port), self.callers)
            })
        };
        if fits(&self.desired) {
            return Some(Choice::Declared(self.desired.clone()));
        }
        if self.object.desired.is_some() || self.object.tip().is_some() {
            let mode = |port| {
                let versions = Versions { live: &live, tip: None, next: None };
                goal(port).or_permissive(&outcomes(versions, own, port).0, self.callers)
            };
            let ports = self.ports().into_iter().flatten().map(|port| (port.to_owned(), mode(Some(port)))).collect();
            let between = Some(Modes { workload: Some(mode(None)), ports });
            if fits(&between) {
                return Some(Choice::Between(between));
            }
        }
        fits(&self.tip).then(|| Choice::Published(self.tip.clone()))
    }

    /// Whether a port may have this mode, and has another one where everything is as declared.
    fn may_be_other(
        &self,
        next: Option<&Modes>,
        own: Versions<'_, Option<Mode>>,
        desired: Option<Mode>,
        mode: Mode,
    ) -> bool {
        let live: Vec<Option<&Modes>> = self.live.iter().map(Option::as_ref).collect();
        let versions = Versions { live: &live, tip: self.tip.as_ref(), next };
        let goal = |port| Mode::effective(self.desired.as_ref(), desired, port);
        self.ports().into_iter().any(|port| may_be_other(versions, own, port, goal(port), mode))
    }
}

/// The same for one port, or those that no policy names.
fn may_be_other(
    workload: Versions<'_, Option<&Modes>>,
    own: Versions<'_, Option<Mode>>,
    port: Option<&str>,
    goal: Mode,
    mode: Mode,
) -> bool {
    let (before, added) = outcomes(workload, own, port);
    goal != mode && (before.contains(&mode) || added.contains(&mode))
}

/// The decision that a choice is. `waits` says why a policy stays as it is published.
fn decision<M>(object: &Object, choice: &Choice<M>, waits: &str, modes: impl Fn(&M) -> Modes) -> Option<Decision> {
    match choice {
        Choice::Declared(_) => None,
        Choice::Published(_) => Some(Decision::Kept { why: waits.to_owned() }),
        Choice::Between(between) => {
            let mut value = (*object.desired.as_ref().or(object.tip())?.value).clone();
            let modes = modes(between);
            let of_workload = modes.workload.unwrap_or(Mode::Permissive);
            let mode = |mode: Mode| json!({"mode": mode.istio_name()});
            let spec = value.get_mut("spec")?.as_object_mut()?;
            spec.insert("mtls".to_owned(), mode(of_workload));
            let differ = modes.ports.into_iter().filter(|(_, own)| own.istio_name() != of_workload.istio_name());
            let ports: serde_json::Map<String, Value> = differ.map(|(port, own)| (port, mode(own))).collect();
            if ports.is_empty() {
                spec.remove("portLevelMtls");
            } else {
                spec.insert("portLevelMtls".to_owned(), Value::Object(ports));
            }
            let why = "PERMISSIVE must be live before mTLS is demanded or switched off".to_owned();
            Some(Decision::Made { value, why })
        }
    }
}
