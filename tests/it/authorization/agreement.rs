//! Asks two oracles the same questions: the evaluator on the rendered policies, and what is declared.

use std::collections::BTreeSet;

use yaml_serde::Value;

use super::declared::{Declared, Paths, Speaks, What, Who, Workload};
use super::evaluate::{Cluster, Identity, Request};
use super::policy::Labels;

/// What is asked about a mesh: every caller, every workload, every port, every method and path.
#[derive(Debug, Default)]
pub(super) struct Questions {
    pub(super) callers: Vec<Option<Identity>>,
    pub(super) ports: BTreeSet<u16>,
    pub(super) methods: Vec<&'static str>,
    pub(super) paths: BTreeSet<String>,
    pub(super) rpcs: BTreeSet<String>,
    /// Every method and path on ports that are not declared too, where one of each kind usually does.
    pub(super) everywhere: bool,
}

impl Questions {
    /// All that a declaration gives reason to ask, and what is next to it: `further` accounts by namespace, and every
    /// account in some namespaces that it is not in.
    pub(super) fn about(declared: &Declared, trust_domain: &str, further: &[(&str, &str)]) -> Self {
        let mut out = Self { methods: vec!["GET", "POST", "DELETE"], ..Self::default() };
        let mut namespaces: BTreeSet<&str> = declared.namespaces.iter().map(|(name, _)| name.as_str()).collect();
        let mut accounts: BTreeSet<&str> = BTreeSet::new();
        let mut pairs: BTreeSet<(&str, &str)> = BTreeSet::new();
        let ports = declared.workloads.iter().flat_map(|workload| &workload.ports);
        for allow in ports.clone().flat_map(|port| &port.allows) {
            if let Who::Account(namespace, account) = &allow.who {
                namespaces.insert(namespace);
                accounts.insert(account);
                pairs.insert((namespace, account));
            }
            match &allow.what {
                What::Everything => {}
                What::Rpc(path) => {
                    let service = path.rsplit_once('/').map_or("", |(service, _)| service);
                    out.rpcs.extend([path.clone(), format!("{path}s"), format!("{service}/Foreign")]);
                }
                What::Http(_, paths) => {
                    let (Paths::Exactly(path) | Paths::AndBelow(path)) = paths;
                    out.paths.extend(["", "/", "/x", "/x/y", "x"].map(|end| format!("{path}{end}")));
                    out.paths.extend(path.rsplit_once('/').map(|(above, _)| above.to_owned()));
                }
            }
        }
        out.paths.extend(["/", "/foreign"].map(str::to_owned));
        out.paths.remove("");
        out.rpcs.extend(["/foreign", "/foreign.Service/Call", "/grpc.health.v1.Health/Check"].map(str::to_owned));
        out.ports = ports.map(|port| port.container).collect();
        out.ports.insert(9);
        for (namespace, account) in further {
            namespaces.insert(namespace);
            accounts.insert(account);
            pairs.insert((namespace, account));
        }
        // Each account in namespaces that are not its own, in turn.
        let others = || namespaces.iter().copied().cycle();
        for (index, account) in accounts.iter().enumerate() {
            pairs.extend(others().skip(index).take(3).map(|namespace| (namespace, *account)));
        }
        out.callers.push(None);
        out.callers
            .extend(pairs.iter().map(|(namespace, account)| Some(Identity::new(trust_domain, namespace, account))));
        out
    }

    /// Every question on which the two disagree, up to `most`, and how many were asked.
    pub(super) fn ask(&self, cluster: &Cluster, declared: &Declared, most: usize) -> (Vec<String>, usize) {
        let mut found = Vec::new();
        let mut asked = 0;
        let mut places: Vec<(Option<&Workload>, &str, Labels)> = Vec::new();
        for workload in &declared.workloads {
            // Pods carry more labels than those that select them.
            let mut labels = workload.labels.clone();
            labels.insert("pod-template-hash".to_owned(), "5d4f8".to_owned());
            places.push((Some(workload), &workload.namespace, labels));
        }
        let undeclared = |key: &str| Labels::from([(key.to_owned(), "nobody-declared-this".to_owned())]);
        places.extend(declared.namespaces.iter().map(|(name, _)| (None, name.as_str(), undeclared("app"))));
        places.push((None, "not-of-the-mesh", undeclared("app")));
        for (workload, namespace, labels) in &places {
            let sidecar = cluster.sidecar(namespace, labels);
            for port in &self.ports {
                let known = workload.and_then(|workload| workload.ports.iter().find(|known| known.container == *port));
                let methods = || self.methods.iter().copied();
                let http = self.paths.iter().flat_map(|path| methods().map(|method| Some((method, &path[..]))));
                let rpcs = self.rpcs.iter().map(|path| Some(("POST", &path[..])));
                let requests: Vec<Option<(&str, &str)>> = match known.map(|known| known.speaks) {
                    Some(Speaks::Bytes) => vec![None],
                    Some(Speaks::Http) => http.collect(),
                    Some(Speaks::Grpc) => rpcs.collect(),
                    None if self.everywhere => http.chain(rpcs).chain([None]).collect(),
                    // Nobody says what it speaks, and nobody may call it.
                    None => {
                        let rpc = self.rpcs.first().map(|path| Some(("POST", &path[..])));
                        [None, Some(("GET", "/"))].into_iter().chain(rpc).collect()
                    }
                };
                for http in requests {
                    for identity in &self.callers {
                        let request = Request { identity: identity.as_ref(), port: *port, http };
                        asked += 1;
                        let (theirs, ours) =
                            (sidecar.answer(&request), declared.answer(*workload, namespace, &request));
                        if theirs != ours {
                            let place = format!("{namespace} {labels:?}");
                            found.push(format!("rendered {theirs:?}, declared {ours:?}: {request:?} to {place}"));
                            if found.len() >= most {
                                return (found, asked);
                            }
                        }
                    }
                }
            }
        }
        (found, asked)
    }
}

/// Documents of rendered files.
pub(crate) fn documents<'t>(texts: impl IntoIterator<Item = &'t String>) -> Vec<Value> {
    let read = |text: &'t String| yaml_serde::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    texts.into_iter().map(read).collect()
}

/// Every document set that differs in one place: a document missing, and under `spec` an entry of a list missing, a key
/// missing, a value changed, an entry added; and the namespace or annotations of a document changed.
pub(crate) fn mutations(documents: &[Value]) -> Vec<(String, Vec<Value>)> {
    let mut out = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let name = document.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
        let what = format!("{} {}", document.get("kind").and_then(Value::as_str).unwrap_or("?"), name.unwrap_or("?"));
        let with = |replaced: Option<Value>| {
            let mut all = documents.to_vec();
            match replaced {
                Some(replaced) => all[index] = replaced,
                None => drop(all.remove(index)),
            }
            all
        };
        out.push((format!("{what}: missing"), with(None)));
        let spec = document.get("spec").cloned().unwrap_or(Value::Null);
        for (how, changed) in changes(&spec, "spec") {
            let mut document = document.clone();
            document["spec"] = changed;
            out.push((format!("{what}: {how}"), with(Some(document))));
        }
        let mut moved = document.clone();
        moved["metadata"]["namespace"] = Value::String("elsewhere".to_owned());
        out.push((format!("{what}: in another namespace"), with(Some(moved))));
    }
    out
}

/// Every value that differs from this one in one place.
fn changes(value: &Value, path: &str) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    match value {
        Value::Sequence(list) => {
            for (index, item) in list.iter().enumerate() {
                let mut without = list.clone();
                without.remove(index);
                out.push((format!("{path}[{index}] missing"), Value::Sequence(without)));
                for (how, changed) in changes(item, &format!("{path}[{index}]")) {
                    let mut with = list.clone();
                    with[index] = changed;
                    out.push((how, Value::Sequence(with)));
                }
            }
            if let Some(more) = more(path) {
                let mut with = list.clone();
                with.push(Value::String(more.to_owned()));
                out.push((format!("{path}: {more} added"), Value::Sequence(with)));
            }
        }
        Value::Mapping(map) => {
            for (key, item) in map {
                let name = key.as_str().unwrap_or("?");
                // Without an action it is ALLOW.
                if item.as_str() != Some("ALLOW") {
                    let mut without = map.clone();
                    without.remove(key);
                    out.push((format!("{path}.{name} missing"), Value::Mapping(without)));
                }
                for (how, changed) in changes(item, &format!("{path}.{name}")) {
                    let mut with = map.clone();
                    with.insert(key.clone(), changed);
                    out.push((how, Value::Mapping(with)));
                }
            }
        }
        Value::String(text) => {
            let other = match text.as_str() {
                "ALLOW" => "DENY",
                "STRICT" => "PERMISSIVE",
                "PERMISSIVE" | "DISABLE" => "STRICT",
                port if port.parse::<u16>().is_ok() => "9",
                _ => "changed",
            };
            out.push((format!("{path}: {text} to {other}"), Value::String(other.to_owned())));
        }
        _ => {}
    }
    out
}

/// What is added to a list that names somebody or something.
fn more(path: &str) -> Option<&'static str> {
    match path.rsplit('.').next() {
        Some("serviceAccounts") => Some("elsewhere/intruder"),
        Some("principals") => Some("cluster.local/ns/elsewhere/sa/intruder"),
        Some("ports") => Some("9"),
        Some("methods") => Some("DELETE"),
        Some("paths") => Some("/foreign"),
        _ => None,
    }
}
