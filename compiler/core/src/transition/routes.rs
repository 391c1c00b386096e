//! Routes and what they lead to: subsets, delegates, Gateways.
//!
//! What is led to goes forward at once, and keeps what a route that may be live still names; a route goes forward when
//! everything that it newly names is in every state that may be live. A delegate that no route of a host names leads
//! nobody anywhere: it may come with its subsets and go with them, and the route of the host waits for both.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::objects::{Decision, Decisions, Key, Kind, Object, Objects, Version, of_kind, texts};
use super::plaintext::Plaintext;

/// What a VirtualService names.
#[derive(Debug, Default)]
struct Names<'v> {
    hosts: BTreeSet<&'v str>,
    /// Host and subset.
    subsets: BTreeSet<(&'v str, &'v str)>,
    delegates: BTreeSet<Key>,
    gateways: BTreeSet<Key>,
}

/// A VirtualService in all states.
struct Route<'o> {
    live: Vec<Option<Names<'o>>>,
    desired: Option<Names<'o>>,
}

/// What a DestinationRule defines.
struct Definition<'v> {
    host: &'v str,
    /// Entries of `subsets` by name.
    subsets: BTreeMap<&'v str, &'v Value>,
}

/// A DestinationRule in all states.
struct Rule<'o> {
    object: &'o Object,
    live: Vec<Option<Definition<'o>>>,
    desired: Option<Definition<'o>>,
}

impl<'v> Names<'v> {
    fn of(key: &Key, version: &'v Version) -> Self {
        let mut names =
            Self { hosts: texts(version.at("/spec/hosts")).collect(), gateways: BTreeSet::new(), ..Self::default() };
        names.gateways = texts(version.at("/spec/gateways"))
            .filter(|name| *name != "mesh")
            .map(|name| {
                let (namespace, name) = name.split_once('/').unwrap_or((&key.namespace, name));
                Key { kind: Kind::Gateway, namespace: namespace.into(), name: name.into() }
            })
            .collect();
        if let Some(spec) = version.at("/spec") {
            names.walk(key, spec);
        }
        names
    }

    /// Destinations stand in `route`, `mirror` and `mirrors` of three protocols; all have this shape.
    fn walk(&mut self, key: &Key, value: &'v Value) {
        match value {
            Value::Object(map) => {
                let text = |name| map.get(name).and_then(Value::as_str);
                if let (Some(host), Some(subset)) = (text("host"), text("subset")) {
                    self.subsets.insert((host, subset));
                }
                if let Some(delegate) = map.get("delegate")
                    && let Some(name) = delegate.get("name").and_then(Value::as_str)
                {
                    let namespace = delegate.get("namespace").and_then(Value::as_str);
                    self.delegates.insert(Key {
                        kind: Kind::VirtualService,
                        namespace: namespace.map_or_else(|| key.namespace.clone(), Into::into),
                        name: name.into(),
                    });
                }
                map.values().for_each(|value| self.walk(key, value));
            }
            Value::Array(list) => list.iter().for_each(|value| self.walk(key, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

impl Route<'_> {
    fn versions(&self) -> impl Iterator<Item = &Names<'_>> {
        self.live.iter().flatten()
    }

    fn is_live_everywhere(&self) -> bool {
        self.live.iter().all(Option::is_some)
    }
}

impl<'v> Definition<'v> {
    fn of(version: &'v Version) -> Self {
        let list = version.at("/spec/subsets").and_then(Value::as_array).into_iter().flatten();
        Self {
            host: version.at("/spec/host").and_then(Value::as_str).unwrap_or_default(),
            subsets: list.filter_map(|entry| Some((entry.get("name")?.as_str()?, entry))).collect(),
        }
    }
}

/// All routes and rules that differ.
struct Network<'o> {
    routes: BTreeMap<&'o Key, Route<'o>>,
    rules: BTreeMap<&'o Key, Rule<'o>>,
    gateways: BTreeMap<&'o Key, &'o Object>,
    /// Declared rules by host.
    by_host: BTreeMap<&'o str, Vec<&'o Key>>,
    /// Delegates that a route that may be live names.
    named: BTreeSet<Key>,
    /// Declared routes that some state that may be live lacks, by host.
    arriving: BTreeMap<&'o str, Vec<&'o Key>>,
}

/// Decides about VirtualServices, DestinationRules and Gateways.
pub(super) fn decide<'o>(objects: &'o Objects, plaintext: &Plaintext<'_>, out: &mut Decisions<'o>) {
    let network = Network::of(objects);
    for (key, route) in &network.routes {
        if let Some(why) = network.waits(key, route) {
            out.insert(key, Decision::Kept { why });
        }
    }
    let needed = network.needed();
    for (key, rule) in &network.rules {
        let none = BTreeSet::new();
        let of_host = |host| needed.get(host).unwrap_or(&none);
        match (&rule.desired, rule.live.last().and_then(Option::as_ref)) {
            (Some(desired), _) => out.extend(rule.merged(key, desired, of_host(desired.host), plaintext)),
            (None, Some(tip)) => {
                if let Some(subset) = of_host(tip.host).iter().find(|subset| tip.subsets.contains_key(**subset)) {
                    let why = format!("it stays until no route that may be live names its subset `{subset}`");
                    out.insert(key, Decision::Kept { why });
                }
            }
            (None, None) => {}
        }
    }
    let bound: BTreeSet<&Key> =
        network.routes.values().flat_map(Route::versions).flat_map(|names| &names.gateways).collect();
    for (key, gateway) in &network.gateways {
        if gateway.desired.is_none() && gateway.tip().is_some() && bound.contains(key) {
            let why = "it stays until no route that may be live is bound to it".to_owned();
            out.insert(key, Decision::Kept { why });
        }
    }
}

impl<'o> Network<'o> {
    fn of(objects: &'o Objects) -> Self {
        let mut network = Self {
            routes: BTreeMap::new(),
            rules: BTreeMap::new(),
            gateways: of_kind(objects, Kind::Gateway).collect(),
            by_host: BTreeMap::new(),
            named: BTreeSet::new(),
            arriving: BTreeMap::new(),
        };
        for (key, object) in of_kind(objects, Kind::VirtualService) {
            let names = |version: &'o Version| Names::of(key, version);
            let live: Vec<Option<Names<'_>>> = object.live.iter().map(|version| version.as_ref().map(names)).collect();
            network.named.extend(live.iter().flatten().flat_map(|names| names.delegates.iter().cloned()));
            let route = Route { live, desired: object.desired.as_ref().map(names) };
            if !route.is_live_everywhere() {
                for host in route.desired.iter().flat_map(|names| &names.hosts) {
                    network.arriving.entry(host).or_default().push(key);
                }
            }
            network.routes.insert(key, route);
        }
        for (key, object) in of_kind(objects, Kind::DestinationRule) {
            let live = object.live.iter().map(|version| version.as_ref().map(Definition::of)).collect();
            let desired = object.desired.as_ref().map(Definition::of);
            if let Some(desired) = &desired {
                network.by_host.entry(desired.host).or_default().push(key);
            }
            network.rules.insert(key, Rule { object, live, desired });
        }
        network
    }

    /// Whether requests can come to a VirtualService: not to a delegate that no route names. Routes that are the same
    /// in all states are not read; what one of them names is declared, and in every state that may be live.
    fn is_reached(&self, key: &Key, route: &Route<'_>) -> bool {
        let delegate = route.versions().chain(&route.desired).all(|names| names.hosts.is_empty());
        !delegate || self.named.contains(key) || (route.desired.is_some() && route.is_live_everywhere())
    }

    /// Whether every state that may be live defines a subset. One that the declared rule itself does not define, or
    /// that no rule of ours is about, is not waited for: it would be for ever.
    fn is_defined(&self, (host, subset): (&str, &str)) -> bool {
        let rules = self.by_host.get(host).into_iter().flatten().filter_map(|key| self.rules.get(key));
        let mut declaring = rules
            .filter(|rule| rule.desired.as_ref().is_some_and(|desired| desired.subsets.contains_key(subset)))
            .peekable();
        // A rule that changes its host cannot define subsets of both at once.
        let defines = |version: &Option<Definition<'_>>| {
            version.as_ref().is_some_and(|version| version.host != host || version.subsets.contains_key(subset))
        };
        declaring.peek().is_none() || declaring.any(|rule| rule.live.iter().all(defines))
    }

    /// Why a VirtualService cannot be as declared yet.
    fn waits(&self, key: &Key, route: &Route<'_>) -> Option<String> {
        let Some(desired) = &route.desired else { return self.stays(key, route) };
        if self.is_reached(key, route)
            && let Some((host, subset)) = desired.subsets.iter().find(|name| !self.is_defined(**name))
        {
            return Some(format!("subset `{subset}` of `{host}` must be live before a route names it"));
        }
        let missing = |key: &&Key| {
            self.gateways
                .get(key)
                .is_some_and(|gateway| gateway.desired.is_some() && !gateway.live.iter().all(Option::is_some))
        };
        if let Some(gateway) = desired.gateways.iter().find(missing) {
            let Key { namespace, name, .. } = gateway;
            return Some(format!("the Gateway `{namespace}/{name}` must be live before a route is bound to it"));
        }
        let unready = |key: &&Key| {
            self.routes.get(key).is_some_and(|delegate| {
                delegate.desired.is_some()
                    && !(delegate.is_live_everywhere()
                        && delegate.versions().flat_map(|names| &names.subsets).all(|name| self.is_defined(*name)))
            })
        };
        let delegate = desired.delegates.iter().find(unready)?;
        let Key { namespace, name, .. } = delegate;
        Some(format!("the routes `{namespace}/{name}` must be live, with their subsets, before the host names them"))
    }

    /// Why a VirtualService that is no longer declared stays.
    fn stays(&self, key: &Key, route: &Route<'_>) -> Option<String> {
        let tip = route.live.last().and_then(Option::as_ref)?;
        if self.named.contains(key) {
            return Some("they stay until no route that may be live names them".to_owned());
        }
        let other = tip.hosts.iter().filter_map(|host| self.arriving.get(host)).flatten().next()?;
        Some(format!("it stays until `{}/{}`, which takes its host, is live", other.namespace, other.name))
    }

    /// Subsets that routes that may be live name, by host. What the commit's own routes name is declared, or is among
    /// these.
    fn needed(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut needed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (key, route) in &self.routes {
            if self.is_reached(key, route) {
                for (host, subset) in route.versions().flat_map(|names| &names.subsets) {
                    needed.entry(host).or_default().insert(subset);
                }
            }
        }
        needed
    }
}

impl<'o> Rule<'o> {
    /// The declared rule with the subsets that are still needed, if it has to differ.
    fn merged(
        &self,
        key: &'o Key,
        desired: &Definition<'_>,
        needed: &BTreeSet<&str>,
        plaintext: &Plaintext<'_>,
    ) -> Option<(&'o Key, Decision)> {
        let published = |subset: &str| {
            let versions = self.live.iter().rev().flatten().filter(|version| version.host == desired.host);
            versions.filter_map(|version| version.subsets.get(subset)).next().copied()
        };
        let old: Vec<(&str, &Value)> = needed
            .iter()
            .filter(|subset| !desired.subsets.contains_key(**subset))
            .filter_map(|subset| Some((*subset, published(subset)?)))
            .collect();
        let mut value = (*self.object.desired.as_ref()?.value).clone();
        let mut why = Vec::new();
        if let Some((name, _)) = old.first()
            && let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut)
            && let Some(list) = spec.entry("subsets").or_insert_with(|| Value::Array(Vec::new())).as_array_mut()
        {
            list.extend(old.iter().map(|(_, entry)| (*entry).clone()));
            why.push(format!("subset `{name}` stays until no route that may be live names it"));
        }
        if plaintext.take_from(key, self.object, &mut value) {
            why.push("plaintext must be accepted everywhere before it is sent".to_owned());
        }
        (!why.is_empty()).then(|| (key, Decision::Made { value, why: why.join("; ") }))
    }
}
