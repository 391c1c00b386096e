//! What calls would meet in a cluster, by Istio's semantics (istio/api, networking/v1alpha3 and security/v1beta1).

use std::collections::{BTreeMap, BTreeSet};

use yaml_serde::Value;

use super::cluster::{Commit, Name};
use super::project::{CALLERS, NAMESPACES, PATHS, PORTS, RENAMED, SERVICES};
use crate::authorization::evaluate::{self, Answer, Identity, Request};

const TRUST_DOMAIN: &str = "cluster.local";
const MINOR: u32 = 31;

/// A call: namespace and name of the workload, container port, caller (none: no sidecar), path.
type Call = (String, &'static str, u16, Option<Identity>, &'static str);
/// A container port of a workload.
type Port = (String, &'static str, u16);

/// Judges a cluster after each object.
#[derive(Debug)]
pub(crate) struct Checker {
    /// What was declared since everything that was declared was live: calls that are admitted in all of these, and
    /// hosts that have routes in all of these, must work throughout.
    declared: Vec<Declared>,
    /// Of all of `declared`.
    calls: BTreeSet<Call>,
    hosts: BTreeSet<Name>,
    /// The modes before the last object.
    modes: BTreeMap<Port, String>,
    /// Gateways that the mesh has ever written; others exist without it.
    gateways: BTreeSet<Name>,
    workloads: Vec<(String, &'static str)>,
    callers: Vec<Option<Identity>>,
}

/// What holds where everything is as declared.
#[derive(Debug, Clone)]
struct Declared {
    calls: BTreeSet<Call>,
    /// VirtualServices with hosts of their own, and where they are bound.
    hosts: BTreeMap<Name, BTreeSet<String>>,
}

impl Checker {
    pub(crate) fn new(nothing: &Commit) -> Self {
        let namespaces = NAMESPACES.iter().copied().chain([RENAMED]);
        let workloads =
            namespaces.flat_map(|namespace| SERVICES.map(|service| (namespace.to_owned(), service))).collect();
        let mut callers: Vec<Option<Identity>> =
            CALLERS.iter().map(|caller| Some(Identity::new(TRUST_DOMAIN, NAMESPACES[0], caller))).collect();
        callers.extend([Some(Identity::new(TRUST_DOMAIN, "edge", "gateway")), None]);
        let mut checker = Self {
            declared: Vec::new(),
            calls: BTreeSet::new(),
            hosts: BTreeSet::new(),
            modes: BTreeMap::new(),
            gateways: BTreeSet::new(),
            workloads,
            callers,
        };
        checker.reached(nothing);
        checker
    }

    /// Something else is declared.
    pub(crate) fn declare(&mut self, desired: &Commit) {
        self.gateways.extend(desired.names().into_iter().filter(|(kind, ..)| kind == "Gateway"));
        let objects: BTreeMap<&Name, &Value> = desired.objects().collect();
        let hosts = objects
            .iter()
            .filter(|(name, object)| name.0 == "VirtualService" && !texts(&object["spec"]["hosts"]).is_empty());
        self.declared.push(Declared {
            calls: self.admitted(objects.values().copied()),
            hosts: hosts.map(|(name, object)| ((*name).clone(), texts(&object["spec"]["gateways"]))).collect(),
        });
        let common = |a: BTreeSet<Call>, b: &Declared| a.intersection(&b.calls).cloned().collect();
        self.calls = self.declared.iter().skip(1).fold(self.declared[0].calls.clone(), common);
        let everywhere = |name: &&Name| self.declared.iter().all(|declared| declared.hosts.contains_key(*name));
        self.hosts = self.declared[0].hosts.keys().filter(everywhere).cloned().collect();
    }

    /// Everything that is declared is live.
    pub(crate) fn reached(&mut self, desired: &Commit) {
        self.declared.clear();
        self.declare(desired);
    }

    /// What is wrong now.
    pub(crate) fn check(&mut self, cluster: &BTreeMap<Name, Value>, changed: &Name, calls: &mut usize) -> Vec<String> {
        let mut problems = Vec::new();
        self.routes(cluster, &mut problems);
        if ["AuthorizationPolicy", "PeerAuthentication", "DestinationRule"].contains(&changed.0.as_str()) {
            let admitted = self.admitted(cluster.values());
            *calls += self.calls.len();
            let refused = self.calls.difference(&admitted).map(|call| format!("refused, though declared: {call:?}"));
            problems.extend(refused.take(3));
            self.transport(cluster, &mut problems);
        }
        problems
    }

    /// The calls that are admitted.
    fn admitted<'v>(&self, objects: impl Iterator<Item = &'v Value>) -> BTreeSet<Call> {
        let documents: Vec<Value> = objects.cloned().collect();
        let cluster = evaluate::Cluster::of(&documents, TRUST_DOMAIN, MINOR).expect("policies that are modelled");
        let mut admitted = BTreeSet::new();
        for (namespace, service) in &self.workloads {
            let labels = BTreeMap::from([("app".to_owned(), (*service).to_owned())]);
            let sidecar = cluster.sidecar(namespace, &labels);
            for (_, port) in PORTS {
                for caller in &self.callers {
                    for path in PATHS {
                        let request = Request { identity: caller.as_ref(), port, http: Some(("GET", path)) };
                        if sidecar.answer(&request) == Answer::Admitted {
                            admitted.insert((namespace.clone(), *service, port, caller.clone(), path));
                        }
                    }
                }
            }
        }
        admitted
    }

    /// Requests follow VirtualServices with hosts, delegates that they name, and DestinationRules.
    fn routes(&self, cluster: &BTreeMap<Name, Value>, problems: &mut Vec<String>) {
        let of_kind = |kind: &'static str| cluster.iter().filter(move |(name, _)| name.0 == kind);
        let mut subsets: BTreeSet<(String, String)> = BTreeSet::new();
        for (_, rule) in of_kind("DestinationRule") {
            let host = rule["spec"]["host"].as_str().unwrap_or_default();
            let names = rule["spec"]["subsets"].as_sequence().into_iter().flatten();
            subsets.extend(names.filter_map(|subset| Some((host.to_owned(), subset["name"].as_str()?.to_owned()))));
        }
        for (name, route) in of_kind("VirtualService").filter(|(_, object)| !texts(&object["spec"]["hosts"]).is_empty())
        {
            for gateway in texts(&route["spec"]["gateways"]) {
                let (namespace, gateway) = gateway.split_once('/').unwrap_or((&name.1, &gateway));
                let gateway = ("Gateway".to_owned(), namespace.to_owned(), gateway.to_owned());
                if self.gateways.contains(&gateway) && !cluster.contains_key(&gateway) {
                    problems.push(format!("{name:?} is bound to {gateway:?}, which is not there"));
                }
            }
            let mut parts = vec![route];
            for rule in route["spec"]["http"].as_sequence().into_iter().flatten() {
                let Some(delegate) = rule["delegate"]["name"].as_str() else { continue };
                let namespace = rule["delegate"]["namespace"].as_str().unwrap_or(&name.1);
                let delegate = ("VirtualService".to_owned(), namespace.to_owned(), delegate.to_owned());
                match cluster.get(&delegate) {
                    Some(object) => parts.push(object),
                    None => problems.push(format!("{name:?} names {delegate:?}, which is not there")),
                }
            }
            for part in parts {
                let rules =
                    ["http", "tcp"].into_iter().flat_map(|kind| part["spec"][kind].as_sequence().into_iter().flatten());
                let entries = rules.flat_map(|rule| rule["route"].as_sequence().into_iter().flatten());
                for destination in entries.map(|entry| &entry["destination"]) {
                    let (host, subset) = (&destination["host"], &destination["subset"]);
                    if let (Some(host), Some(subset)) = (host.as_str(), subset.as_str())
                        && !subsets.contains(&(host.to_owned(), subset.to_owned()))
                    {
                        problems.push(format!("{name:?} leads to subset {subset} of {host}, which is not defined"));
                    }
                }
            }
        }
        let lost = self.hosts.iter().filter(|name| !cluster.contains_key(*name));
        problems.extend(lost.map(|name| format!("{name:?} is gone, though declared all the time")));
    }

    /// No port goes from refusing mTLS to demanding it, or back, or demands it unseen; and nobody sends plaintext to one
    /// that demands it.
    fn transport(&mut self, cluster: &BTreeMap<Name, Value>, problems: &mut Vec<String>) {
        let mut now = BTreeMap::new();
        for (namespace, service) in &self.workloads {
            for (_, port) in PORTS {
                now.insert((namespace.clone(), *service, port), mode(cluster, namespace, service, port));
            }
        }
        for (port, mode) in &now {
            let before = self.modes.get(port).map_or("", String::as_str);
            if matches!((before, mode.as_str()), ("" | "DISABLE", "STRICT") | ("STRICT", "DISABLE")) {
                problems.push(format!("{port:?} goes from {before:?} to {mode}"));
            }
        }
        for ((_, namespace, name), rule) in cluster.iter().filter(|((kind, ..), _)| kind == "DestinationRule") {
            for (number, container) in PORTS {
                let policy = &rule["spec"]["trafficPolicy"];
                let mut own = policy["portLevelSettings"].as_sequence().into_iter().flatten();
                let own = own.find(|entry| entry["port"]["number"].as_u64() == Some(number.into()));
                let tls = own.map_or(&policy["tls"], |entry| &entry["tls"]);
                let strict = SERVICES.iter().find(|service| *service == name).is_some_and(|service| {
                    now.get(&(namespace.clone(), *service, container)).is_some_and(|mode| mode == "STRICT")
                });
                if tls["mode"].as_str() == Some("DISABLE") && strict {
                    problems.push(format!("{namespace}/{name} gets plaintext on {number}, and demands mTLS"));
                }
            }
        }
        self.modes = now;
    }
}

/// The mode of a container port; empty where no policy states one.
fn mode(cluster: &BTreeMap<Name, Value>, namespace: &str, service: &str, port: u16) -> String {
    let policies = || {
        cluster
            .iter()
            .filter(|((kind, home, _), _)| kind == "PeerAuthentication" && home == namespace)
            .map(|(_, object)| &object["spec"])
    };
    let own = policies().find(|spec| spec["selector"]["matchLabels"]["app"].as_str() == Some(service));
    let wide = policies().find(|spec| spec["selector"].is_null());
    let of_port = own.and_then(|spec| spec["portLevelMtls"][port.to_string().as_str()]["mode"].as_str());
    let of = |spec: Option<&Value>| spec.and_then(|spec| spec["mtls"]["mode"].as_str().map(str::to_owned));
    of_port.map(str::to_owned).or(of(own)).or(of(wide)).unwrap_or_default()
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_sequence().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
