//! Everything that the target refuses or cannot express. Ranges that a type or the language already guarantees are
//! checked again where a wrong value would be refused only in the cluster, or worse, would mean something else there.

mod access;
mod entry;
mod limits;
mod naming;
mod release;
mod traffic;

use rayon::prelude::*;

use super::exposure;
use super::feature::Feature;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Mesh, Service};
use crate::source::Span;

/// See [`super::check`].
pub(super) fn check(mesh: &Mesh, out: &mut Diagnostics) {
    let services: Vec<&Service> = mesh.namespaces.iter().flat_map(|namespace| &namespace.services).collect();
    let parts: Vec<Diagnostics> = services
        .par_chunks(256)
        .map(|chunk| {
            let mut found = Diagnostics::default();
            for service in chunk {
                access::check(mesh, service, &mut found);
                traffic::check(mesh, service, &mut found);
                release::check(service, &mut found);
                limits::check(mesh, service, &mut found);
            }
            found
        })
        .collect();
    parts.into_iter().for_each(|found| out.append(found));
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
