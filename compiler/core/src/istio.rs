//! The Istio backend, sidecar mode, for Istio 1.24 to 1.31.
//!
//! A [`Mesh`] becomes typed resources, one by one, through a [`Sink`]. Rendering is pure and never fails: what the
//! target cannot express, and what its API server or istiod would refuse, [`check`] has said before with the place
//! in the sources. [`service`] and [`namespace`] may be called in parallel and in any order.
//!
//! | file | resources |
//! |---|---|
//! | `authorization`, `peer_authentication` | who may call, and over which transport |
//! | `destination_rule`, `virtual_service` | versions, pools, ejection; weights, timeouts, retries in the mesh |
//! | `exposure`, `gateway` | routes from outside, by delegation; the Gateway itself |
//! | `rate_limit` | EnvoyFilter |
//! | `feature` | what needs a newer Istio |
//! | `check` | everything that is refused |

mod authorization;
mod check;
mod destination_rule;
mod envoy_filter;
mod exposure;
mod feature;
mod gateway;
mod names;
mod path;
mod peer_authentication;
mod rate_limit;
mod raw;
mod resource;
mod route;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod virtual_service;

use crate::bundle::Sink;
use crate::diagnostic::Diagnostics;
use crate::model::{Injection, Mesh, Namespace, Service};
use crate::source::Text;
use resource::{Marks, NAMESPACE, Place};

/// Finds what the target's version and profile cannot express, and what its API server or istiod would refuse.
/// Without errors here, everything that the other functions write is accepted.
pub fn check(mesh: &Mesh, out: &mut Diagnostics) {
    check::check(mesh, out);
}

/// Writes the resources of one service into its folder, whatever namespace of the cluster they belong to.
pub fn service(mesh: &Mesh, namespace: &Namespace, service: &Service, sink: &mut impl Sink) {
    authorization::put(mesh, namespace, service, sink);
    destination_rule::put(mesh, namespace, service, sink);
    rate_limit::put(mesh, namespace, service, sink);
    peer_authentication::put(namespace, service, sink);
    virtual_service::put(mesh, namespace, service, sink);
    exposure::put_delegates(mesh, namespace, service, sink);
    for raw in &service.raw {
        raw::put(raw, &namespace.name, &service.name, sink);
    }
}

/// Writes what belongs to a namespace as a whole; nothing for a namespace of callers only, which is not ours.
pub fn namespace(mesh: &Mesh, namespace: &Namespace, sink: &mut impl Sink) {
    if let Some(first) = namespace.services.first() {
        authorization::put_default(mesh, namespace, first.span, sink);
        if let Some(injection) = &namespace.injection {
            let place = Place {
                namespace: Text::default(),
                name: namespace.rendered.clone(),
                path: names::namespace_file(&namespace.name, NAMESPACE.file()),
                span: first.span,
            };
            let label = match injection {
                Injection::Enabled => ("istio-injection", "enabled"),
                Injection::Revision(revision) => ("istio.io/rev", revision.as_str()),
            };
            let marks = Marks { annotations: KEEP, label: Some(label) };
            resource::put::<()>(sink, NAMESPACE, place, marks, None, None);
        }
        peer_authentication::put_default(namespace, first.span, sink);
    }
    for raw in &namespace.raw {
        raw::put(raw, &namespace.name, &Text::default(), sink);
    }
}

/// Writes the routes of each exposed host and the Gateway resources, into the gateways' folders.
pub fn gateways(mesh: &Mesh, sink: &mut impl Sink) {
    let hosts = exposure::hosts(mesh);
    gateway::put(mesh, &hosts, sink);
    exposure::put_roots(mesh, &hosts, sink);
}

/// Keeps Argo CD and Flux from deleting a namespace with everything in it when its file goes (argo-cd,
/// docs/user-guide/sync-options.md; fluxcd kustomize-controller, docs/spec/v1/kustomizations.md).
const KEEP: &[(&str, &str)] =
    &[("argocd.argoproj.io/sync-options", "Prune=false"), ("kustomize.toolkit.fluxcd.io/prune", "disabled")];
