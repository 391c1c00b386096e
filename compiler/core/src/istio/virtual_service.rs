//! Routes inside the mesh: one VirtualService for each host, because sidecars do not merge several
//! (istio.io, ops/best-practices/traffic-management; IST0109).

use super::names;
use super::resource::{self, Marks, Place, VIRTUAL_SERVICE};
use super::route::{self, Destinations, Scope, TcpMatch, TcpRoute, VirtualService, Weights};
use crate::bundle::Sink;
use crate::model::{Host, Mesh, Namespace, Protocol, Service};

/// Writes the VirtualService of each host of a service that has something to route.
pub(super) fn put(mesh: &Mesh, namespace: &Namespace, service: &Service, sink: &mut impl Sink) {
    for host in &service.hosts {
        let fqdn = names::fqdn(&host.name, namespace, &mesh.target);
        let live = routes(service, host, &fqdn, Weights::Live);
        if live.http.is_empty() && live.tcp.is_empty() {
            continue;
        }
        let held = weighted(service).then(|| routes(service, host, &fqdn, Weights::Held));
        let own = host.name == service.name;
        let place = Place {
            namespace: namespace.rendered.clone(),
            name: host.name.clone(),
            path: names::service_file(VIRTUAL_SERVICE, namespace, service, (!own).then_some(host.name.as_str())),
            span: service.span,
        };
        resource::put(sink, VIRTUAL_SERVICE, place, Marks::default(), Some(live), held);
    }
}

/// Whether routes of the service carry weights, now or under a hold.
pub(super) fn weighted(service: &Service) -> bool {
    service.routing.as_ref().is_some_and(|routing| routing.weights.len() > 1 || routing.held.len() > 1)
}

fn routes<'a>(service: &'a Service, host: &'a Host, fqdn: &'a str, weights: Weights) -> VirtualService<'a> {
    let routing = service.routing.as_ref();
    let ports = || host.ports.iter().filter_map(|(number, port)| Some((*number, service.ports.get(*port)?)));
    let several = host.ports.len() > 1;
    let several_http = ports().filter(|(_, port)| port.protocol.is_http()).count() > 1;
    let mut out = VirtualService { hosts: Some([fqdn]), ..VirtualService::default() };
    for (number, port) in ports() {
        let to = Destinations::new(fqdn, number, routing, weights);
        if port.protocol.is_http() {
            let scope = Scope::Mesh(several.then_some(number));
            route::add_routes(&mut out.http, &port.traffic, to, scope, several_http.then_some(number));
        } else if routing.is_some() && port.protocol == Protocol::Tcp {
            // Istio ignores `tcp` routes on ports that speak TLS (istio 1.31, pilot/pkg/networking/core/tls.go,
            // buildSidecarOutboundTCPFilterChainOpts); `check` refuses releases there.
            let matches = several.then_some([TcpMatch { port: number }]);
            out.tcp.push(TcpRoute { matches, route: to });
        }
    }
    out
}
