//! All tuples, before and after, against the statements of a plan.

use std::collections::{BTreeMap, BTreeSet};

use meshc_core::compile::Rendered;
use meshc_core::model::Mesh;
use meshc_core::plan::access::{Access, Callee};
use meshc_core::plan::{Kind, Plan, compare};
use meshc_core::published::{Tree, id_of};
use yaml_serde::Value;

use crate::authorization::agreement::documents;
use crate::authorization::evaluate::{Answer, Cluster, Identity, Request};
use crate::authorization::policy::Labels;

/// Files of one side.
pub(super) type Files = BTreeMap<String, String>;

/// What is compared.
pub(super) struct Case<'c> {
    pub(super) before: &'c Files,
    pub(super) after: &'c Files,
    /// Meshes of both sides, of which the last is that of `after`.
    pub(super) meshes: Vec<&'c Mesh>,
    pub(super) rendered: &'c Rendered,
    /// As istiod has it.
    pub(super) trust_domain: &'c str,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) asked: usize,
    pub(super) changed: usize,
    /// What the plan says and does not say, up to ten.
    pub(super) wrong: Vec<String>,
}

/// The documents that decide who may call.
pub(super) fn policies(files: &Files) -> Vec<Value> {
    let decides = |path: &String| path.contains("authorization-policy") || path.contains("peer-authentication");
    documents(files.iter().filter(|(path, _)| decides(path)).map(|(_, text)| text))
}

/// A workload that is called.
struct Called {
    namespace: String,
    labels: Labels,
    /// A service has it; else nobody.
    declared: bool,
    ports: Vec<(u16, Speaks)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Http,
    Bytes,
    Either,
}

/// Every word below some keys of documents.
fn words(value: &Value, keys: &[&str], out: &mut BTreeSet<String>) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                if key.as_str().is_some_and(|key| keys.contains(&key)) {
                    let list = value.as_sequence().into_iter().flatten();
                    out.extend(list.filter_map(|word| word.as_str().map(str::to_owned)));
                }
                words(value, keys, out);
            }
        }
        Value::Sequence(list) => list.iter().for_each(|value| words(value, keys, out)),
        _ => {}
    }
}

impl Case<'_> {
    /// The plan of the case.
    pub(super) fn plan(&self) -> Plan {
        let (before, after) = (Tree::in_memory(self.before, id_of), Tree::in_memory(self.after, id_of));
        let mesh = self.meshes.last().expect("a mesh");
        compare(&before, &after, mesh, &self.rendered.bundle.causes).expect("texts in memory")
    }

    /// Asks everything; nothing where the API server would refuse a side.
    pub(super) fn ask(&self) -> Option<Outcome> {
        let (old, new) = (policies(self.before), policies(self.after));
        let cluster = |documents: &[Value]| Cluster::of(documents, self.trust_domain, 31).ok();
        let (before, after) = (cluster(&old)?, cluster(&new)?);
        let plan = self.plan();
        let own = &self.meshes.last()?.target.trust_domain;
        let all: Vec<&Value> = old.iter().chain(&new).collect();
        let callers = self.callers(&all);
        let (methods, paths) = requests(&all);
        let mut out = Outcome::default();
        for called in self.called() {
            let claims: Vec<(Kind, &Access)> = plan
                .changes
                .iter()
                .flat_map(|change| change.access.iter().map(|access| (change.kind, access)))
                .filter(|(_, access)| names(&access.callee, &called))
                .collect();
            let sidecars =
                (before.sidecar(&called.namespace, &called.labels), after.sidecar(&called.namespace, &called.labels));
            for (port, speaks) in &called.ports {
                let requests =
                    paths.iter().flat_map(|path| methods.iter().map(move |method| Some((*method, &path[..]))));
                let requests = requests.filter(|_| *speaks != Speaks::Bytes);
                for http in requests.chain((*speaks != Speaks::Http).then_some(None)) {
                    for caller in &callers {
                        let identity = caller.as_ref().map(|(_, identity)| identity);
                        let request = Request { identity, port: *port, http };
                        let answers = (sidecars.0.answer(&request), sidecars.1.answer(&request));
                        if answers.0 == Answer::Unclear || answers.1 == Answer::Unclear {
                            continue;
                        }
                        let (was, is) = (answers.0 == Answer::Admitted, answers.1 == Answer::Admitted);
                        let who = caller.as_ref().map(|(domain, identity)| {
                            let domain = if domain == self.trust_domain { own.as_str() } else { domain.as_str() };
                            (domain, identity.namespace.as_str(), identity.account.as_str())
                        });
                        let said = |kind: Kind| {
                            let meant = |access: &Access| {
                                access.caller.contains(who)
                                    && access.operations.iter().any(|operation| operation.contains(*port, http))
                            };
                            claims.iter().filter(|(of, access)| *of == kind && meant(access)).count()
                        };
                        let (gained, lost) = (said(Kind::AccessGained), said(Kind::AccessLost));
                        out.asked += 1;
                        out.changed += usize::from(was != is);
                        if (gained, lost) != (usize::from(is && !was), usize::from(was && !is)) && out.wrong.len() < 10
                        {
                            out.wrong.push(format!(
                                "{who:?} to {} {:?} port {port} {http:?}: {was} -> {is}, said {gained} gains, {lost} losses",
                                called.namespace, called.labels
                            ));
                        }
                    }
                }
            }
        }
        Some(out)
    }

    /// Every account that either side names, in its namespace and in another, of the mesh's trust domain and of a
    /// foreign one; and somebody without an identity.
    fn callers(&self, all: &[&Value]) -> Vec<Option<(String, Identity)>> {
        let (mut accounts, mut principals, mut namespaces) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for value in all {
            words(value, &["serviceAccounts", "notServiceAccounts"], &mut accounts);
            words(value, &["principals", "notPrincipals"], &mut principals);
            words(value, &["namespaces", "notNamespaces"], &mut namespaces);
        }
        let mut pairs: BTreeSet<(String, String)> = BTreeSet::from([("nowhere".to_owned(), "nobody".to_owned())]);
        pairs.extend(
            accounts.iter().filter_map(|account| account.split_once('/')).map(|(a, b)| (a.to_owned(), b.to_owned())),
        );
        for principal in &principals {
            let parts = principal.split_once("/ns/").and_then(|(_, rest)| rest.split_once("/sa/"));
            pairs.extend(parts.map(|(namespace, account)| (namespace.to_owned(), account.to_owned())));
        }
        pairs.extend(namespaces.into_iter().map(|namespace| (namespace, "nobody".to_owned())));
        pairs.extend(
            self.meshes.iter().flat_map(|mesh| &mesh.namespaces).map(|n| (n.rendered.to_string(), "nobody".to_owned())),
        );
        // A namesake elsewhere, and what a `.` takes for a namesake.
        let few: Vec<(String, String)> = pairs.iter().take(3).cloned().collect();
        pairs.extend(few.into_iter().map(|(_, account)| ("nowhere".to_owned(), account)));
        let dotted: Vec<_> = pairs.iter().filter(|(_, account)| account.contains('.')).cloned().collect();
        pairs.extend(dotted.into_iter().map(|(namespace, account)| (namespace, account.replace('.', "x"))));
        let mut out = vec![None];
        for domain in [self.trust_domain, "partner.example"] {
            out.extend(
                pairs
                    .iter()
                    .map(|(namespace, account)| Some((domain.to_owned(), Identity::new(domain, namespace, account)))),
            );
        }
        out
    }

    fn called(&self) -> Vec<Called> {
        let mut out: Vec<Called> = Vec::new();
        let mut numbers: BTreeSet<u16> = BTreeSet::from([9]);
        for mesh in self.meshes.iter().rev() {
            let ports =
                mesh.namespaces.iter().flat_map(|namespace| &namespace.services).flat_map(|service| &service.ports);
            numbers.extend(ports.map(|port| port.container));
        }
        // What a port speaks is what the new mesh says.
        for mesh in self.meshes.iter().rev() {
            for namespace in &mesh.namespaces {
                for service in &namespace.services {
                    let mut labels: Labels =
                        service.selector.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
                    labels.insert("pod-template-hash".to_owned(), "5d4f8".to_owned());
                    let known =
                        out.iter().any(|called| called.namespace == namespace.rendered && called.labels == labels);
                    if known {
                        continue;
                    }
                    let is_new = std::ptr::eq(*mesh, *self.meshes.last().expect("a mesh"));
                    let speaks = |number: u16| {
                        let port = service.ports.iter().find(|port| port.container == number).filter(|_| is_new);
                        match port {
                            None => Speaks::Either,
                            Some(port) if port.protocol.is_http() => Speaks::Http,
                            Some(_) => Speaks::Bytes,
                        }
                    };
                    // Its own ports, one that nobody has, and one of somebody else.
                    let own = |number: &u16| speaks(*number) != Speaks::Either || *number == 9;
                    let other = numbers.iter().find(|number| !own(number));
                    let ports = numbers.iter().filter(|number| own(number)).chain(other);
                    let ports = ports.map(|number| (*number, speaks(*number))).collect();
                    out.push(Called { namespace: namespace.rendered.to_string(), labels, declared: true, ports });
                }
            }
        }
        let nobody = || Labels::from([("app".to_owned(), "nobody-declared-this".to_owned())]);
        let mut namespaces: BTreeSet<String> = BTreeSet::from(["not-of-the-mesh".to_owned()]);
        namespaces.extend(out.iter().map(|called| called.namespace.clone()));
        out.extend(namespaces.into_iter().map(|namespace| Called {
            namespace,
            labels: nobody(),
            declared: false,
            ports: vec![(9, Speaks::Either)],
        }));
        out
    }
}

fn names(callee: &Callee, called: &Called) -> bool {
    match callee {
        Callee::Pods { namespace, labels } => {
            *namespace == called.namespace
                && labels.iter().all(|(key, value)| called.labels.get(key.as_str()).is_some_and(|known| known == value))
        }
        Callee::Others { namespace } => {
            !called.declared && namespace.as_ref().map_or("not-of-the-mesh", |namespace| namespace) == called.namespace
        }
    }
}

/// Methods and paths that either side names, and what is next to them.
fn requests(all: &[&Value]) -> (Vec<&'static str>, BTreeSet<String>) {
    let mut named = BTreeSet::new();
    all.iter().for_each(|value| words(value, &["paths", "notPaths"], &mut named));
    let mut paths: BTreeSet<String> = BTreeSet::from(["/".to_owned(), "/foreign".to_owned()]);
    for path in &named {
        match path.strip_suffix('*') {
            Some(prefix) => paths.extend([prefix.to_owned(), format!("{prefix}x")]),
            None => paths.extend([path.clone(), format!("{path}x")]),
        }
    }
    paths.remove("");
    (vec!["GET", "POST", "PUT"], paths)
}
