//! Everything that the target refuses or cannot express. Ranges that a type or the language already guarantees are
//! checked again where a wrong value would be refused only in the cluster, or worse, would mean something else there.

mod access;
mod entry;
mod limits;
mod naming;
mod release;
mod traffic;

use super::exposure;
use super::feature::Feature;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::Mesh;
use crate::source::Span;

/// See [`super::check`].
pub(super) fn check(mesh: &Mesh, out: &mut Diagnostics) {
    for namespace in &mesh.namespaces {
        for service in &namespace.services {
            access::check(mesh, service, out);
            traffic::check(mesh, service, out);
            release::check(service, out);
            limits::check(mesh, service, out);
        }
    }
    let hosts = exposure::hosts(mesh);
    entry::check(mesh, &hosts, out);
    limits::check_shared_hosts(&hosts, out);
    naming::check(mesh, &hosts, out);
}

/// Refuses what the target's version does not have. `what` is a plural or a name with its verb: "limits per caller
/// need".
fn needs(mesh: &Mesh, feature: Feature, span: Span, what: &str, out: &mut Diagnostics) {
    let (target, since) = (mesh.target.istio, feature.since());
    if !feature.in_version(target) {
        let message = format!("{what} Istio {since} or later, and `{}` runs {target}", mesh.environment);
        out.add(
            Diagnostic::new(Code::NeedsNewerIstio, span, message)
                .related(mesh.target.span, "the target is stated here")
                .help(format!("remove it in this environment, or upgrade Istio to {since}")),
        );
    }
}

fn invalid(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::InvalidValue, span, message)
}
