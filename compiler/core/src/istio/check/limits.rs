//! Rate limits: what the proxy's version and the installation's profile accept, and hosts that services share.

use super::super::exposure::{Entry, Hosts};
use super::super::feature::Feature;
use super::super::rate_limit;
use super::{invalid, needs};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::model::target::Profile;
use crate::model::traffic::{LimitKey, Millis, RateLimit};
use crate::model::{Mesh, PathPattern, Service};

pub(super) fn check(mesh: &Mesh, service: &Service, out: &mut Diagnostics) {
    // The service's own limits are looked at once, however many ports they hold for.
    let inherited = service.ports.iter().any(|port| port.rate_limits.is_none() && port.protocol.is_http());
    let lists = inherited.then_some(&service.rate_limits).into_iter();
    let own = service.ports.iter().filter(|port| port.protocol.is_http()).filter_map(|port| port.rate_limits.as_ref());
    for list in lists.chain(own) {
        check_list(mesh, list, out);
    }
    if service.ports.iter().all(|port| port.rate_limits.is_none()) {
        return;
    }
    let of_service = rate_limit::service_ports(service);
    for (index, port) in service.ports.iter().enumerate() {
        let limits = port.rate_limits.iter().flatten().filter(|limit| limit.per != LimitKey::ClientIp);
        if port.protocol.is_http() && !of_service.contains(&index) {
            for limit in limits {
                let message = format!("a limit on port {} would do nothing: no Service leads there", port.container);
                out.add(invalid(limit.span, message).label("stated here").related(port.span, "this port"));
            }
        }
    }
}

fn check_list(mesh: &Mesh, limits: &[RateLimit], out: &mut Diagnostics) {
    for (index, limit) in limits.iter().enumerate() {
        if mesh.target.profile == Profile::Stable {
            let message = format!(
                "`{}` runs Istio's profile `stable`, which refuses the EnvoyFilter that a limit needs",
                mesh.environment
            );
            out.add(
                Diagnostic::new(Code::ProfileForbids, limit.span, message)
                    .related(mesh.target.span, "the target is stated here")
                    .help("remove the limit in this environment, or install another profile"),
            );
        }
        match limit.per {
            LimitKey::Total => {}
            LimitKey::Caller => {
                needs(mesh, Feature::WildcardDescriptors, limit.span, "a limit `per caller` needs", out)
            }
            LimitKey::ClientIp => {
                needs(mesh, Feature::WildcardDescriptors, limit.span, "a limit `per client-ip` needs", out);
            }
        }
        // Envoy wants whole buckets with at least one token, filled every 50 ms or less often.
        if limit.requests == 0 || limit.burst == Some(0) {
            out.add(invalid(limit.span, "a limit must admit 1 request or more").help("use `allow none` to admit none"));
        }
        if !matches!(limit.window_seconds, 1 | 60 | 3600) {
            let message =
                format!("a limit counts for a second, a minute or an hour, not for {} s", limit.window_seconds);
            out.add(invalid(limit.span, message));
        }
        if limit.requests > 0 && limit.burst != Some(0) && limit.refill().is_none() {
            let message = format!(
                "a bucket of {} would have to be filled more often than every 50 ms",
                limit.burst.unwrap_or(limit.requests)
            );
            out.add(
                invalid(limit.span, message)
                    .note("proxies refuse a limit that is filled more often")
                    .help("allow a larger burst"),
            );
        }
        if let Some(first) = limits.iter().take(index).find(|other| other.per == limit.per) {
            let message = "a second limit of the same kind: the proxy has one bucket for each";
            out.add(invalid(limit.span, message).related(first.span, "the first one"));
        }
    }
    let find = |key| limits.iter().find(|limit| limit.per == key);
    if let (Some(total), Some(caller)) = (find(LimitKey::Total), find(LimitKey::Caller))
        && let (Some((_, whole)), Some((_, own))) = (total.refill(), caller.refill())
        && !own.is_multiple_of(whole)
    {
        let message = "a limit per caller must count for a multiple of the time that the total counts for";
        out.add(
            invalid(caller.span, message)
                .label(format!("filled every {}", Millis(u64::from(own))))
                .related(total.span, format!("filled every {}", Millis(u64::from(whole))))
                .help("state the total for the shorter time, or give both the same burst"),
        );
    }
}

/// A limit per client address holds for a whole host of a gateway, whoever serves its paths.
pub(super) fn check_shared_hosts(hosts: &Hosts<'_>, out: &mut Diagnostics) {
    for (host, by_gateway) in hosts {
        for entries in by_gateway.values() {
            let limited = || entries.iter().filter_map(|entry| Some((*entry, limit(entry)?)));
            let Some((owner, first)) = limited().next() else { continue };
            let size =
                |limit: &RateLimit| (limit.requests, limit.window_seconds, limit.burst.unwrap_or(limit.requests));
            if let Some((other, second)) = limited().find(|(_, limit)| size(limit) != size(first)) {
                let message =
                    format!("`{host}` gets two limits per client address, and a gateway has one for each host");
                out.add(
                    Diagnostic::new(Code::LimitSharedHost, second.span, message)
                        .label(format!("of `{}`", other.service.name))
                        .related(first.span, format!("of `{}`", owner.service.name))
                        .related(other.exposure.span, format!("serves `{host}` too"))
                        .help("agree on one limit, or expose the services on hosts of their own"),
                );
            } else if !limited().any(|(entry, _)| entry.exposure.path == PathPattern::All)
                && let Some(other) = entries.iter().find(|entry| limit(entry).is_none())
            {
                // Whoever serves the host as a whole limits it as a whole; whoever serves a path of it may not know.
                let message = format!(
                    "the limit of `{}` also counts what `{}` serves on `{host}`",
                    owner.service.name, other.service.name
                );
                let mut warning = Diagnostic::new(Code::LimitSharedHost, first.span, message)
                    .related(other.exposure.span, format!("`{}` is exposed here", other.service.name))
                    .help("expose them on hosts of their own, or state the same limit for both");
                warning.severity = Severity::Warning;
                out.add(warning);
            }
        }
    }
}

/// The limit per client address that goes with a path of a host.
fn limit<'a>(entry: &Entry<'a>) -> Option<&'a RateLimit> {
    let port = entry.service.ports.get(entry.exposure.port)?;
    rate_limit::find(entry.service, port, LimitKey::ClientIp)
}
