//! AuthorizationPolicy and PeerAuthentication as they are read. Read leniently: what a plan does not model is kept as a condition, which it says when it changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::names::{self, Labels};
use super::read::{Object, texts};
use crate::source::Text;

/// The namespace whose policies hold for all (istio 1.31, meshConfig.rootNamespace by default).
pub(super) const ROOT: &str = "istio-system";

/// The policies of one side, by what they select first: a namespace has thousands of them.
#[derive(Debug, Default)]
pub(super) struct Side {
    authorization: Index<Policy>,
    peers: Index<Peer>,
}

/// Key and value.
type Label = (Text, Text);

#[derive(Debug)]
struct Index<T> {
    /// By namespace and the first label of the selector; without a label for those of the whole namespace.
    by_label: BTreeMap<(Text, Option<Label>), Vec<T>>,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self { by_label: BTreeMap::new() }
    }
}

/// What an object selects.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) namespace: Text,
    /// Empty: the whole namespace.
    pub(super) selector: Labels,
    pub(super) path: String,
}

impl Scope {
    fn of(object: &Object<'_>) -> Self {
        Self {
            namespace: object.key.namespace.clone(),
            selector: names::selector(object),
            path: object.path.to_owned(),
        }
    }

    fn selects(&self, labels: &Labels) -> bool {
        self.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl<T> Index<T> {
    fn add(&mut self, scope: &Scope, item: T) {
        let first = scope.selector.iter().next().map(|(key, value)| (key.clone(), value.clone()));
        self.by_label.entry((scope.namespace.clone(), first)).or_default().push(item);
    }

    /// Those of a namespace that may select pods with these labels.
    fn candidates<'s>(&'s self, namespace: &'s str, labels: &'s Labels) -> impl Iterator<Item = &'s T> {
        let keys = labels.iter().map(|(key, value)| Some((key.clone(), value.clone()))).chain([None]);
        keys.filter_map(move |key| self.by_label.get(&(Text::new(namespace), key))).flatten()
    }
}

/// What an AuthorizationPolicy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Allow,
    Deny,
    /// `AUDIT` decides nothing; `CUSTOM` asks somebody else, which a plan cannot.
    Other,
}

/// An AuthorizationPolicy.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) scope: Scope,
    pub(super) action: Action,
    pub(super) dry_run: bool,
    pub(super) rules: Vec<Rule>,
    /// Conditions that a plan does not evaluate, each as it is written. Such a rule is taken to admit whom it may admit,
    /// and to refuse nobody.
    pub(super) conditions: Vec<String>,
    /// For gateways and waypoints, which are no callees here.
    pub(super) targets: bool,
}

/// One of `from` and one of `to`; absent: any.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub(super) from: Option<Vec<Source>>,
    pub(super) to: Option<Vec<To>>,
    /// Has conditions beside those that are read.
    pub(super) conditional: bool,
}

/// Values, of which one must match, and such as must not.
#[derive(Debug, Default)]
pub(super) struct Field {
    pub(super) any: Option<Vec<Text>>,
    pub(super) not: Vec<Text>,
}

impl Field {
    fn read(value: &Value, key: &str, not: &str) -> Self {
        Self { any: value.get(key).map(texts), not: value.get(not).map(texts).unwrap_or_default() }
    }

    /// Whether a value fits, where `is` says whether it matches a pattern.
    pub(super) fn holds(&self, is: impl Fn(&str) -> bool) -> bool {
        self.any.as_ref().is_none_or(|any| any.iter().any(|pattern| is(pattern)))
            && !self.not.iter().any(|pattern| is(pattern))
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.any.iter().flatten().chain(&self.not).map(Text::as_str)
    }

    fn is_stated(&self) -> bool {
        self.any.is_some() || !self.not.is_empty()
    }
}

/// Who calls. Every field that is there must match.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) principals: Field,
    pub(super) namespaces: Field,
    pub(super) accounts: Field,
}

/// What is called. Every field that is there must match.
#[derive(Debug, Default)]
pub(super) struct To {
    pub(super) ports: Field,
    pub(super) methods: Field,
    pub(super) paths: Field,
}

impl To {
    /// Whether it speaks of requests, which a port of bytes does not have.
    pub(super) fn has_http(&self) -> bool {
        self.methods.is_stated() || self.paths.is_stated()
    }
}

const SOURCE: [&str; 6] =
    ["principals", "notPrincipals", "namespaces", "notNamespaces", "serviceAccounts", "notServiceAccounts"];
const OPERATION: [&str; 6] = ["ports", "notPorts", "methods", "notMethods", "paths", "notPaths"];

impl Policy {
    pub(super) fn read(object: &Object<'_>) -> Self {
        let spec = object.spec();
        let mut conditions = Vec::new();
        let rules = list(spec.get("rules")).map(|rule| Rule::read(rule, &mut conditions)).collect();
        let action = match spec.get("action").and_then(Value::as_str) {
            None | Some("ALLOW") => Action::Allow,
            Some("DENY") => Action::Deny,
            Some(other) => {
                if other != "AUDIT" {
                    conditions.push(format!("action: {other}"));
                }
                Action::Other
            }
        };
        let targets = spec.get("targetRefs").or_else(|| spec.get("targetRef"));
        conditions.extend(targets.map(ToString::to_string));
        conditions.sort();
        Self {
            scope: Scope::of(object),
            action,
            dry_run: object.annotation("istio.io/dry-run") == Some("true"),
            rules,
            conditions,
            targets: targets.is_some(),
        }
    }

    /// Whether it decides anything about calls to pods.
    pub(super) fn is_enforced(&self) -> bool {
        !self.dry_run && !self.targets && self.action != Action::Other
    }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

impl Rule {
    fn read(value: &Value, conditions: &mut Vec<String>) -> Self {
        let known = conditions.len();
        let mut unread = |value: &Value, read: &[&str]| {
            let others = value.as_object().into_iter().flatten().filter(|(key, _)| !read.contains(&key.as_str()));
            conditions.extend(others.map(|(key, value)| format!("{key}: {value}")));
        };
        unread(value, &["from", "to"]);
        let source = |entry: &Value| {
            let source = entry.get("source").unwrap_or(&Value::Null);
            Source {
                principals: Field::read(source, SOURCE[0], SOURCE[1]),
                namespaces: Field::read(source, SOURCE[2], SOURCE[3]),
                accounts: Field::read(source, SOURCE[4], SOURCE[5]),
            }
        };
        let to = |entry: &Value| {
            let operation = entry.get("operation").unwrap_or(&Value::Null);
            To {
                ports: Field::read(operation, OPERATION[0], OPERATION[1]),
                methods: Field::read(operation, OPERATION[2], OPERATION[3]),
                paths: Field::read(operation, OPERATION[4], OPERATION[5]),
            }
        };
        for entry in list(value.get("from")) {
            unread(entry.get("source").unwrap_or(&Value::Null), &SOURCE);
        }
        for entry in list(value.get("to")) {
            unread(entry.get("operation").unwrap_or(&Value::Null), &OPERATION);
        }
        let from: Option<Vec<Source>> = value.get("from").map(|from| list(Some(from)).map(source).collect());
        let mut to: Option<Vec<To>> = value.get("to").map(|to_list| list(Some(to_list)).map(to).collect());
        // `/a/{*}` and `/a/{**}` are templates (istio/api, security/v1beta1/authorization_policy.proto).
        for to in to.iter_mut().flatten() {
            let template = |path: &Text| path.contains("{*}") || path.contains("{**}");
            let templates: Vec<&str> = to.paths.patterns().filter(|path| template(&Text::new(path))).collect();
            if !templates.is_empty() {
                conditions.push(format!("paths: {}", templates.join(", ")));
                to.paths = Field::default();
            }
        }
        Self { from, to, conditional: conditions.len() > known }
    }
}

/// Modes of mTLS; the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Disable,
    Permissive,
    Strict,
}

impl Mode {
    /// Nothing for `UNSET` and what is no mode.
    fn read(value: Option<&Value>) -> Option<Self> {
        match value?.get("mode")?.as_str()? {
            "DISABLE" => Some(Mode::Disable),
            "PERMISSIVE" => Some(Mode::Permissive),
            "STRICT" => Some(Mode::Strict),
            _ => None,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Mode::Disable => "DISABLE",
            Mode::Permissive => "PERMISSIVE",
            Mode::Strict => "STRICT",
        }
    }
}

/// A PeerAuthentication.
#[derive(Debug)]
pub(super) struct Peer {
    scope: Scope,
    mode: Option<Mode>,
    ports: BTreeMap<Text, Option<Mode>>,
}

impl Peer {
    pub(super) fn read(object: &Object<'_>) -> Self {
        let ports = object.at(&["portLevelMtls"]).as_object().into_iter().flatten();
        Self {
            scope: Scope::of(object),
            mode: Mode::read(object.spec().get("mtls")),
            ports: ports.map(|(port, mtls)| (Text::new(port), Mode::read(Some(mtls)))).collect(),
        }
    }
}

impl Side {
    pub(super) fn add(&mut self, object: &Object<'_>) {
        if object.key.is("AuthorizationPolicy") {
            let policy = Policy::read(object);
            self.authorization.add(&policy.scope.clone(), policy);
        } else if object.key.is("PeerAuthentication") {
            let peer = Peer::read(object);
            self.peers.add(&peer.scope.clone(), peer);
        }
    }

    /// Policies that are enforced on pods with these labels.
    pub(super) fn enforced<'s>(&'s self, namespace: &'s str, labels: &'s Labels) -> Vec<&'s Policy> {
        let root = (namespace != ROOT).then(|| self.authorization.candidates(ROOT, labels));
        let all = self.authorization.candidates(namespace, labels).chain(root.into_iter().flatten());
        all.filter(|policy| policy.is_enforced() && policy.scope.selects(labels)).collect()
    }

    /// A file whose object selects exactly this.
    pub(super) fn path_of(&self, namespace: &str, selector: &Labels) -> Option<String> {
        let here = |scope: &&Scope| scope.namespace == namespace && scope.selector == *selector;
        let policies = self.authorization.candidates(namespace, selector).map(|policy| &policy.scope);
        let peers = self.peers.candidates(namespace, selector).map(|peer| &peer.scope);
        policies.chain(peers).find(here).map(|scope| scope.path.clone())
    }

    /// Where policies about mTLS name a port of pods with these labels.
    pub(super) fn ports(&self, namespace: &str, labels: &Labels) -> BTreeSet<Text> {
        self.own(namespace, labels).into_iter().flat_map(|peer| peer.ports.keys().cloned()).collect()
    }

    fn own<'s>(&'s self, namespace: &'s str, labels: &'s Labels) -> Vec<&'s Peer> {
        let all = self.peers.candidates(namespace, labels);
        all.filter(|peer| !peer.scope.selector.is_empty() && peer.scope.selects(labels)).collect()
    }

    fn wide(&self, namespace: &str) -> Option<Mode> {
        let all = self.peers.by_label.get(&(Text::new(namespace), None)).into_iter().flatten();
        // Of several the oldest counts, and files have no age: the weakest is what must be expected.
        all.filter_map(|peer| peer.mode).min()
    }

    /// The mode of a port: of the port, the pods, the namespace, the mesh; permissive where nobody says
    /// (istio/api, security/v1beta1/peer_authentication.proto).
    pub(super) fn mode(&self, namespace: &str, labels: &Labels, port: Option<&str>) -> Mode {
        let wider = self.wide(namespace).or_else(|| self.wide(ROOT)).unwrap_or(Mode::Permissive);
        let own = self.own(namespace, labels).into_iter().map(|peer| {
            let of_port = port.and_then(|port| peer.ports.get(port)).copied().flatten();
            of_port.or(peer.mode).unwrap_or(wider)
        });
        own.min().unwrap_or(wider)
    }
}
