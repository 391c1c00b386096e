//! Callers: how many rules and sources the CRD accepts, and paths that a policy would read as patterns.

use super::super::authorization;
use super::super::destination_rule;
use super::invalid;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::access::Operation;
use crate::model::traffic::NotIdempotent;
use crate::model::{Mesh, PathPattern, Service};
use crate::source::Span;

/// Rules of a policy, and entries of `from` in a rule (CRD of istio 1.31; webhooks of all versions).
const MOST: usize = 512;

pub(super) fn check(mesh: &Mesh, service: &Service, out: &mut Diagnostics) {
    // No more rules than grants, and no more sources than that: mostly there is nothing to count.
    let few = service.grants.len() <= MOST;
    let rules = if few { Vec::new() } else { authorization::rules(&service.grants, &mesh.target) };
    if rules.len() > MOST {
        let message = format!("the callers of `{}` make {} rules, and Istio accepts {MOST}", service.name, rules.len());
        out.add(
            Diagnostic::new(Code::TooMany, service.span, message)
                .help("allow the same operations to more callers, so that they share a rule"),
        );
    }
    for rule in rules.iter().filter(|rule| rule.from.len() > MOST) {
        let message = format!(
            "one rule of `{}` needs {} lists of {} callers, and Istio accepts {MOST}",
            service.name,
            rule.from.len(),
            authorization::ACCOUNTS_PER_SOURCE
        );
        out.add(
            Diagnostic::new(Code::TooMany, service.span, message)
                .help("let callers share accounts, or allow anyone and check them in the application"),
        );
    }
    for grant in &service.grants {
        for operation in &grant.operations {
            match operation {
                Operation::Rpc(path) => literal(path, grant.span, out),
                Operation::Http(_, pattern) => literal_pattern(pattern, grant.span, out),
            }
        }
    }
    for port in &service.ports {
        for operation in &port.traffic.not_idempotent {
            match operation {
                NotIdempotent::Rpc(path) => literal(path, port.span, out),
                NotIdempotent::Http(_, pattern) => literal_pattern(pattern, port.span, out),
            }
        }
    }
    for exposure in &service.exposures {
        literal_pattern(&exposure.path, exposure.span, out);
    }
    for (key, value) in &service.selector {
        if key.is_empty() || key.contains('*') || value.contains('*') || value.len() > 63 {
            out.add(invalid(service.span, format!("`{key}={value}` selects no pods: it is not a legal label")));
        }
    }
    if service.selector.is_empty() {
        let message = format!("`{}` selects no pods, and a policy without a selector holds for all", service.name);
        out.add(invalid(service.span, message).help("state `selector`"));
    }
    for host in &service.hosts {
        // What `destination_rule` writes for differing ports; the CRD of istio 1.24 and 1.31 accepts this many.
        let ports = destination_rule::ports(service, host).count();
        if ports > 4096 {
            let message = format!("`{}` has {ports} ports, and Istio accepts settings for 4096", host.name);
            out.add(Diagnostic::new(Code::TooMany, service.span, message));
        }
    }
}

fn literal_pattern(pattern: &PathPattern, span: Span, out: &mut Diagnostics) {
    match pattern {
        PathPattern::All => {}
        PathPattern::Exact(path) => literal(path, span, out),
        PathPattern::Below(path) if path.is_empty() => {}
        PathPattern::Below(path) => literal(path, span, out),
    }
}

/// In a policy `*` at an end and `{…}` are patterns; routes compare letter by letter. Both must mean the same.
fn literal(path: &str, span: Span, out: &mut Diagnostics) {
    if !path.starts_with('/') || path.contains(['*', '{', '}', '?', '#']) || path.chars().any(char::is_whitespace) {
        let message = format!("`{path}` is not a path that routes and policies read alike");
        out.add(
            invalid(span, message).help(
                "start it with `/`, without `*`, `{`, `}`, `?` and `#`; a `/**` at the end means everything below",
            ),
        );
    }
}
