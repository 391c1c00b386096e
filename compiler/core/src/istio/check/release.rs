//! Versions: names, weights, and ports whose connections cannot be steered.

use super::super::virtual_service;
use super::invalid;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::release::Routing;
use crate::model::{Protocol, Service};

pub(super) fn check(service: &Service, out: &mut Diagnostics) {
    let Some(routing) = &service.routing else { return };
    for (index, subset) in routing.subsets.iter().enumerate() {
        if !is_dns_label(&subset.name) {
            let message =
                format!("version `{}` makes the subset name `{}`, which Istio refuses", subset.version, subset.name);
            out.add(invalid(service.span, message).help("use lower case letters, digits and `-`, at most 63"));
        }
        if routing.subsets.iter().take(index).any(|other| other.name == subset.name) {
            let message = format!("two versions of `{}` get the subset name `{}`", service.name, subset.name);
            out.add(Diagnostic::new(Code::VersionsCollide, service.span, message));
        }
    }
    for (name, weights) in [("live", &routing.weights), ("held", &routing.held)] {
        if let Some(fault) = fault_of(routing, weights) {
            out.add(invalid(service.span, format!("the {name} weights of `{}` {fault}", service.name)));
        }
    }
    if virtual_service::weighted(service) {
        for port in service.ports.iter().filter(|port| matches!(port.protocol, Protocol::Https | Protocol::Tls)) {
            let message = format!(
                "a release cannot be steered on port {}, which speaks `{}`",
                port.container,
                port.protocol.name()
            );
            out.add(
                Diagnostic::new(Code::NeedsHttp, port.span, message)
                    .note("connections that the application encrypts reach every version, whatever the weights")
                    .help("let the port speak `http`, `grpc` or `tcp` and leave the encryption to the mesh"),
            );
        }
    }
}

fn fault_of(routing: &Routing, weights: &[(usize, u32)]) -> Option<&'static str> {
    let unknown = |(subset, _): &(usize, u32)| *subset >= routing.subsets.len();
    let twice = |(index, (subset, _)): (usize, &(usize, u32))| weights.iter().take(index).any(|(s, _)| s == subset);
    if weights.is_empty() {
        Some("send requests nowhere")
    } else if weights.iter().any(unknown) {
        Some("name a version that is not defined")
    } else if weights.iter().enumerate().any(twice) {
        Some("name a version twice")
    } else if weights.len() > 1 && weights.iter().map(|(_, weight)| u64::from(*weight)).sum::<u64>() != 100 {
        Some("do not sum to 100")
    } else {
        None
    }
}

/// A DNS-1123 label (istio 1.31, pkg/config/labels/instance.go).
pub(super) fn is_dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.len() <= 63 && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}
