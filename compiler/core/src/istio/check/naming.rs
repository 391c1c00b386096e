//! Names that are put together: whether Kubernetes accepts them, and whether two resources get one.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashSet, HashSetExt};

use super::super::exposure::Hosts;
use super::super::resource::{ENVOY_FILTER, Kind, VIRTUAL_SERVICE};
use super::super::{names, rate_limit};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::traffic::LimitKey;
use crate::model::{Mesh, Namespace, Service};
use crate::source::{Span, Text};

/// Longest name of an object whose name is a DNS subdomain (kubernetes 1.36,
/// staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go).
const LONGEST: usize = 253;

/// Where each name is taken, by kind and namespace. Looked up, never walked.
type Taken = HashMap<(&'static str, Text, Text), Span>;

pub(super) fn check(mesh: &Mesh, hosts: &Hosts<'_>, out: &mut Diagnostics) {
    let mut taken = Taken::default();
    for namespace in &mesh.namespaces {
        for service in &namespace.services {
            of_service(mesh, namespace, service, &mut taken, out);
        }
    }
    for (host, by_gateway) in hosts {
        let Some((gateway, entries)) = by_gateway.iter().next() else { continue };
        if let (Some(home), Some(first)) = (mesh.gateways.get(*gateway), entries.first()) {
            take(VIRTUAL_SERVICE, &home.namespace, names::dns_safe(host), first.exposure.span, &mut taken, out);
        }
    }
}

fn of_service(mesh: &Mesh, namespace: &Namespace, service: &Service, taken: &mut Taken, out: &mut Diagnostics) {
    for host in &service.hosts {
        take(VIRTUAL_SERVICE, &namespace.rendered, host.name.clone(), service.span, taken, out);
    }
    let per = |key| service.ports.iter().find_map(|port| rate_limit::find(service, port, key));
    if let Some(limit) = per(LimitKey::Total).or_else(|| per(LimitKey::Caller)) {
        take(ENVOY_FILTER, &namespace.rendered, service.name.clone(), limit.span, taken, out);
    }
    let further: HashSet<&Text> = match service.exposures.is_empty() {
        true => HashSet::new(),
        false => service.hosts.iter().map(|host| &host.name).filter(|name| **name != service.name).collect(),
    };
    for exposure in service.exposures.iter().filter(|_| !further.is_empty()) {
        let host = names::dns_safe(&exposure.host);
        if further.contains(&host) {
            let message = format!("the routes of Service `{host}` and of the exposed host would be one file");
            let fault = Diagnostic::new(Code::OutputCollision, exposure.span, message);
            out.add(fault.help("rename the Service, or expose a full name"));
        }
    }
    let mut delegates: Vec<(Text, Span)> =
        service.exposures.iter().map(|e| (names::delegate(service, &e.host, e.port, e.port_number), e.span)).collect();
    delegates.sort();
    delegates.dedup_by(|a, b| a.0 == b.0);
    for (name, span) in delegates {
        take(VIRTUAL_SERVICE, &namespace.rendered, name, span, taken, out);
    }
    if per(LimitKey::ClientIp).is_none() {
        return;
    }
    // The first exposure at each gateway.
    let mut used: BTreeMap<usize, Span> = BTreeMap::new();
    for exposure in &service.exposures {
        used.entry(exposure.gateway).or_insert(exposure.span);
    }
    for (index, span) in used {
        if let Some(gateway) = mesh.gateways.get(index) {
            let name = names::at_gateway(mesh, namespace, service, index);
            take(ENVOY_FILTER, &gateway.namespace, name, span, taken, out);
        }
    }
}

fn take(kind: Kind, namespace: &Text, name: Text, span: Span, taken: &mut Taken, out: &mut Diagnostics) {
    if name.len() > LONGEST {
        let message = format!("`{name}` is too long for a {}: Kubernetes accepts {LONGEST} letters", kind.kind);
        out.add(Diagnostic::new(Code::InvalidName, span, message).help("use a shorter host"));
    }
    let key = (kind.kind, namespace.clone(), name);
    if let Some(first) = taken.get(&key) {
        let message = format!("two resources would be the {} `{}/{}`", kind.kind, key.1, key.2);
        out.add(
            Diagnostic::new(Code::OutputCollision, span, message)
                .related(*first, "the first one comes from here")
                .help("rename the service or the host"),
        );
    } else {
        taken.insert(key, span);
    }
}
