//! Routes from outside. For each exposed host a root VirtualService without weights in the gateway's namespace says
//! whose path is whose; it delegates to a VirtualService of each service, in the service's own namespace and folder,
//! which has the weights. A release touches its own delegate only.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::names;
use super::path::{Paths, UriMatch};
use super::resource::{self, Marks, Place, VIRTUAL_SERVICE};
use super::route::{self, Delegate, Destinations, HttpMatch, HttpRoute, Scope, VirtualService, Weights};
use super::virtual_service::weighted;
use crate::bundle::Sink;
use crate::model::{Exposure, Mesh, Namespace, Service};

/// Writes a service's part of the routes of each host that it is exposed on.
pub(super) fn put_delegates(mesh: &Mesh, namespace: &Namespace, service: &Service, sink: &mut impl Sink) {
    let mut exposures: Vec<&Exposure> = service.exposures.iter().collect();
    exposures.sort_by_key(|exposure| (&exposure.host, exposure.port));
    for group in exposures.chunk_by(|a, b| (&a.host, a.port) == (&b.host, b.port)) {
        let Some(first) = group.first() else { continue };
        let Some(port) = service.ports.get(first.port) else { continue };
        let mut paths: Vec<Paths<'_>> = group.iter().map(|exposure| Paths::from(&exposure.path)).collect();
        paths.sort_unstable_by_key(|paths| paths.specificity());
        paths.dedup();
        let fqdn = names::fqdn(&service.name, namespace, &mesh.target);
        let routes = |weights| {
            let to = Destinations::new(&fqdn, first.port_number, service.routing.as_ref(), weights);
            let mut out = VirtualService::default();
            route::add_routes(&mut out.http, &port.traffic, to, Scope::Delegated(&paths), None);
            out
        };
        let name = names::delegate(service, &first.host, first.port, first.port_number);
        // The file carries what the name has behind the service's.
        let file = name.strip_prefix(service.name.as_str()).and_then(|rest| rest.strip_prefix('-')).unwrap_or(&name);
        let place = Place {
            namespace: namespace.rendered.clone(),
            path: names::service_file(VIRTUAL_SERVICE, namespace, service, Some(file)),
            name,
            span: first.span,
        };
        let held = weighted(service).then(|| routes(Weights::Held));
        resource::put(sink, VIRTUAL_SERVICE, place, Marks::default(), Some(routes(Weights::Live)), held);
    }
}

/// A path of an exposed host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) paths: Paths<'a>,
    pub(super) namespace: &'a Namespace,
    pub(super) service: &'a Service,
    pub(super) exposure: &'a Exposure,
}

impl<'a> Entry<'a> {
    /// What the route of the path is, whatever the gateway.
    pub(super) fn target(&self) -> (Paths<'a>, &'a str, &'a str, u16) {
        (self.paths, &self.namespace.name, &self.service.name, self.exposure.port_number)
    }
}

/// An exposed host with its paths at each gateway, most specific first.
pub(super) type Hosts<'a> = BTreeMap<&'a str, BTreeMap<usize, Vec<Entry<'a>>>>;

/// Every exposed host of the mesh.
pub(super) fn hosts(mesh: &Mesh) -> Hosts<'_> {
    let mut hosts: Hosts<'_> = BTreeMap::new();
    for namespace in &mesh.namespaces {
        for service in &namespace.services {
            for exposure in &service.exposures {
                let entry = Entry { paths: Paths::from(&exposure.path), namespace, service, exposure };
                hosts.entry(&exposure.host).or_default().entry(exposure.gateway).or_default().push(entry);
            }
        }
    }
    for entries in hosts.values_mut().flat_map(BTreeMap::values_mut) {
        entries.sort_by_key(|entry| (entry.paths.specificity(), entry.target().1, entry.target().2, entry.target().3));
    }
    hosts
}

/// Writes the root VirtualService of each exposed host.
pub(super) fn put_roots(mesh: &Mesh, hosts: &Hosts<'_>, sink: &mut impl Sink) {
    for (host, by_gateway) in hosts {
        let Some((home, entries)) = by_gateway.iter().next() else { continue };
        let (Some(home), Some(first)) = (mesh.gateways.get(*home), entries.first()) else { continue };
        let exact: BTreeSet<&str> = entries
            .iter()
            .filter_map(|entry| if let Paths::Exact(path) = entry.paths { Some(path) } else { None })
            .collect();
        let spec = VirtualService {
            gateways: by_gateway
                .keys()
                .filter_map(|gateway| mesh.gateways.get(*gateway))
                .map(|gateway| names::gateway_reference(gateway, &home.namespace))
                .collect(),
            hosts: Some([host]),
            http: entries.iter().map(|entry| root_route(entry, &exact)).collect(),
            tcp: Vec::new(),
        };
        let name = names::dns_safe(host);
        let place = Place {
            namespace: home.namespace.clone(),
            path: names::namespace_file(&home.folder, VIRTUAL_SERVICE.file_of(&name)),
            name,
            span: first.exposure.span,
        };
        resource::put(sink, VIRTUAL_SERVICE, place, Marks::default(), Some(spec), None);
    }
}

fn root_route<'a>(entry: &Entry<'a>, exact: &BTreeSet<&str>) -> HttpRoute<'a> {
    let Entry { paths, namespace, service, exposure } = *entry;
    // `/p` of `/p/**` goes to whoever claims exactly `/p`, whose route comes first.
    let below = matches!(paths, Paths::Below(_));
    let matches = paths
        .conditions()
        .filter(|uri| !matches!(uri, UriMatch::Exact(path) if below && exact.contains(path)))
        .filter_map(|uri| HttpMatch::new(uri, None, None))
        .collect();
    HttpRoute {
        delegate: Some(Delegate {
            name: names::delegate(service, &exposure.host, exposure.port, exposure.port_number),
            namespace: &namespace.rendered,
        }),
        matches,
        name: Cow::Borrowed(&service.name),
        retries: None,
        route: None,
        timeout: None,
    }
}
