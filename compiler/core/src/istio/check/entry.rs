//! Exposed hosts and Gateway resources.

use super::super::exposure::{Entry, Hosts};
use super::invalid;
use super::release::is_dns_label;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Gateway, Mesh};

pub(super) fn check(mesh: &Mesh, hosts: &Hosts<'_>, out: &mut Diagnostics) {
    for (host, by_gateway) in hosts {
        let mut entries = by_gateway.iter();
        let Some((gateway, first)) = entries.next() else { continue };
        let Some(span) = first.first().map(|entry| entry.exposure.span) else { continue };
        if let Some(fault) = fault_of_host(host) {
            out.add(invalid(span, format!("`{host}` is not a host that Istio accepts: {fault}")));
        }
        let listens = |gateway: &&usize| mesh.gateways.get(**gateway).is_some_and(|gateway| !gateway.listen.is_empty());
        if host != &"*" && !host.contains('.') && by_gateway.keys().any(|gateway| listens(&gateway)) {
            // istio 1.24 to 1.31, pkg/config/validation/validation.go, validateSidecarOrGatewayHostnamePart.
            let message = format!("a Gateway cannot serve `{host}`: Istio wants a host with a dot there");
            out.add(invalid(span, message).help("use a full name, or a Gateway resource that exists"));
        }
        let routes = |list: &[Entry<'_>]| list.iter().map(|entry| format!("{:?}", entry.target())).collect::<Vec<_>>();
        for (other, list) in entries.filter(|(_, list)| routes(list) != routes(first)) {
            let name = |index: usize| mesh.gateways.get(index).map_or("", |gateway| gateway.name.as_str());
            let message = format!(
                "`{host}` has other paths on `{}` than on `{}`, and its routes are written once",
                name(*other),
                name(*gateway)
            );
            let there = list.first().map_or(span, |entry| entry.exposure.span);
            out.add(
                invalid(there, message)
                    .related(span, format!("on `{}`", name(*gateway)))
                    .help("expose the same paths of a host on each gateway, or use another host"),
            );
        }
    }
    for gateway in &mesh.gateways {
        check_gateway(gateway, out);
    }
}

fn check_gateway(gateway: &Gateway, out: &mut Diagnostics) {
    let (namespace, name) = &gateway.resource;
    if !is_dns_label(namespace) || !is_dns_label(name) {
        let message =
            format!("`{namespace}/{name}` is not a Gateway that a route can name: both parts must be DNS labels");
        out.add(Diagnostic::new(Code::InvalidName, gateway.span, message));
    }
    if gateway.selector.is_empty() {
        let message = format!("`{}` selects no pods, and what selects none holds for all", gateway.name);
        out.add(invalid(gateway.span, message).help("state labels with `pods`"));
    }
    if gateway.listener == 0 {
        out.add(invalid(gateway.span, "`listener` must be 1 to 65535"));
    }
    let listens = |port| gateway.listen.iter().any(|listener| listener.port == port && !listener.redirect);
    if !gateway.listen.is_empty() && !listens(gateway.listener) {
        let message = format!("`listener {}` is none of the ports that `{}` serves", gateway.listener, gateway.name);
        out.add(invalid(gateway.span, message).help("name a port of `listen` that does not redirect"));
    }
    for (index, listener) in gateway.listen.iter().enumerate() {
        if listener.port == 0 {
            out.add(invalid(listener.span, "a port must be 1 to 65535"));
        }
        if let Some(first) = gateway.listen.iter().take(index).find(|other| other.port == listener.port) {
            let message = format!("`{}` listens on port {} twice", gateway.name, listener.port);
            out.add(invalid(listener.span, message).related(first.span, "the first time"));
        }
        if listener.https && listener.credential.as_ref().is_none_or(|name| name.is_empty()) {
            let message = format!("`listen {} https` needs the secret with its certificate", listener.port);
            out.add(Diagnostic::new(Code::MissingSetting, listener.span, message).help("add `credential NAME`"));
        }
        if listener.https && listener.redirect {
            let message = format!("`listen {}` speaks HTTPS already and cannot redirect to it", listener.port);
            out.add(invalid(listener.span, message).help("put the redirect on the port that speaks HTTP"));
        }
    }
}

/// Why Istio refuses a host of a gateway's VirtualService (istio 1.31, pkg/config/validation/agent/validation.go,
/// ValidateWildcardDomain and ValidateDNS1123Labels).
fn fault_of_host(host: &str) -> Option<&'static str> {
    if host == "*" {
        return None;
    }
    if host.len() > 255 {
        return Some("it has more than 255 letters");
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    if name.contains('*') {
        return Some("`*` stands for the first label only");
    }
    if !name.split('.').all(is_dns_label) {
        return Some("labels are lower case letters, digits and `-`, at most 63");
    }
    let last = name.rsplit('.').next().unwrap_or("");
    last.bytes().all(|b| b.is_ascii_digit()).then_some("the last label is a number")
}
