//! The calls of an environment, for a script that makes them: what each account may call, port by port.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::access::{Grant, Operation, Peer};
use crate::model::{Authorization, Mesh, PathPattern, Port, Service};

/// A method with which a path without declared methods is called.
const READS: &str = "GET";
/// What every gRPC call is (grpc, doc/PROTOCOL-HTTP2.md).
const CALLS: &str = "POST";

/// Everything that the script goes through.
#[derive(Debug, Serialize)]
pub(super) struct Calls {
    /// Accounts that some service lets in, as `namespace/name` in the cluster, sorted.
    accounts: Vec<String>,
    /// Whether callers that nobody allowed are refused.
    refuses: bool,
    /// Ports that speak HTTP, by service and port.
    targets: Vec<Target>,
    /// Ports whose requests no such script can make: `shop/db:5432`.
    others: Vec<String>,
}

/// A port of a service.
#[derive(Debug, Serialize)]
struct Target {
    /// `shop/cart:7070`, with the names of the cluster.
    name: String,
    url: String,
    /// What each account may call; an account that is missing may call nothing.
    accounts: BTreeMap<String, Allowed>,
    /// What everybody may call; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    anyone: Option<Allowed>,
}

/// What somebody may call.
#[derive(Debug, Default, Serialize)]
struct Allowed {
    /// Everything, whatever the operations say.
    all: bool,
    /// Method and path.
    operations: BTreeSet<(String, String)>,
}

impl Allowed {
    fn add(&mut self, grant: &Grant) {
        self.all |= grant.operations.is_empty();
        for operation in &grant.operations {
            match operation {
                Operation::Rpc(path) => self.insert(CALLS, path),
                Operation::Http(methods, path) => {
                    let path = match path {
                        PathPattern::All => "/",
                        PathPattern::Exact(path) | PathPattern::Below(path) => path,
                    };
                    if methods.is_empty() {
                        self.insert(READS, path);
                    }
                    methods.iter().for_each(|method| self.insert(method, path));
                }
            }
        }
    }

    fn insert(&mut self, method: &str, path: &str) {
        self.operations.insert((method.to_owned(), path.to_owned()));
    }
}

/// The calls of an environment. Ports that no Kubernetes Service has cannot be dialled by name and are left out.
pub(super) fn of(mesh: &Mesh) -> Calls {
    let (mut targets, mut others, mut accounts) = (Vec::new(), Vec::new(), BTreeSet::new());
    for namespace in &mesh.namespaces {
        for service in &namespace.services {
            let Some(host) = service.hosts.iter().find(|host| host.name == service.name) else { continue };
            for (number, port) in &host.ports {
                let Some(port) = service.ports.get(*port) else { continue };
                let name = format!("{}/{}:{number}", namespace.rendered, service.name);
                if !port.protocol.is_http() {
                    others.push(name);
                    continue;
                }
                let url = format!("http://{}.{}.svc.cluster.local:{number}", service.name, namespace.rendered);
                let target = target(name, url, service, port);
                accounts.extend(target.accounts.keys().cloned());
                targets.push(target);
            }
        }
    }
    let refuses = mesh.authorization == Authorization::DenyByDefault;
    Calls { accounts: accounts.into_iter().collect(), refuses, targets, others }
}

fn target(name: String, url: String, service: &Service, port: &Port) -> Target {
    let mut target = Target { name, url, accounts: BTreeMap::new(), anyone: None };
    for grant in service.grants.iter().filter(|grant| grant.ports.contains(&port.container)) {
        match &grant.peer {
            Peer::Anyone => target.anyone.get_or_insert_default().add(grant),
            Peer::Account(namespace, account) => {
                target.accounts.entry(format!("{namespace}/{account}")).or_default().add(grant);
            }
        }
    }
    target
}
