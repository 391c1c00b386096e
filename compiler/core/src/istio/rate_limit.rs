//! Rate limits, in the shapes that were proved with traffic (istio 1.31, envoy 1.40): total and per caller at the
//! service's own proxies, per client address at the gateway and for one host of it. Each limit holds for each proxy.

use std::collections::BTreeSet;

use super::envoy_filter::{
    Action, ConfigPatch, Descriptor, Empty, Entry, EnvoyFilter, Extension, FilterChain, HostPort, HttpFilter,
    LocalRateLimit, Match, Name, NetworkFilter, Patch, Percent, ProxyVersion, RateLimits, Seconds, TokenBucket, Value,
    WorkloadLabels,
};
use super::names;
use super::resource::{self, AsText, ENVOY_FILTER, Marks, Pairs, Place, Single};
use crate::bundle::Sink;
use crate::model::traffic::{LimitKey, RateLimit};
use crate::model::{Gateway, Mesh, Namespace, Port, Service};

const PRIORITY: i32 = 10;
const ROUTER: &str = "envoy.filters.http.router";
const LOCAL_RATE_LIMIT: &str = "envoy.filters.http.local_ratelimit";
/// The filter under a name of our own, which every EnvoyFilter at a gateway removes and inserts alike: it stands once
/// however many services have limits there, and is off until a virtual host turns it on.
const GATEWAY_FILTER: &str = "meshc.local_ratelimit";
/// Proxies of 1.26 and later; an older one would refuse its whole listener.
const WITH_WILDCARDS: &str = r"^1\.(2[6-9]|[3-9][0-9]).*";
/// Requests of unknown origin are counted apart, in a bucket that is meant never to be empty.
const PLENTY: u32 = 100_000;
const MAX_DYNAMIC_DESCRIPTORS: u32 = 10_000;

/// The limits of a port: its own, else the service's. None where the proxy sees no requests.
pub(super) fn of_port<'a>(service: &'a Service, port: &'a Port) -> &'a [RateLimit] {
    if !port.protocol.is_http() {
        return &[];
    }
    port.rate_limits.as_deref().unwrap_or(&service.rate_limits)
}

/// The limit of a port with this key.
pub(super) fn find<'a>(service: &'a Service, port: &'a Port, key: LimitKey) -> Option<&'a RateLimit> {
    of_port(service, port).iter().find(|limit| limit.per == key)
}

/// The ports that a Service leads to. To others no listener of the sidecar belongs that a limit could be put on.
pub(super) fn service_ports(service: &Service) -> BTreeSet<usize> {
    service.hosts.iter().flat_map(|host| &host.ports).map(|(_, index)| *index).collect()
}

/// Writes the limits of a service: one EnvoyFilter for its own proxies, one for each gateway.
pub(super) fn put(mesh: &Mesh, namespace: &Namespace, service: &Service, sink: &mut impl Sink) {
    put_sidecar(namespace, service, sink);
    let used: BTreeSet<usize> = service.exposures.iter().map(|exposure| exposure.gateway).collect();
    for index in used {
        if let Some(gateway) = mesh.gateways.get(index) {
            put_gateway(mesh, namespace, service, (index, gateway), sink);
        }
    }
}

fn put_sidecar(namespace: &Namespace, service: &Service, sink: &mut impl Sink) {
    let mut span = None;
    let mut config_patches = Vec::new();
    let mut of_service: Option<BTreeSet<usize>> = None;
    for (index, port) in service.ports.iter().enumerate() {
        let total = find(service, port, LimitKey::Total);
        let caller = find(service, port, LimitKey::Caller);
        if let Some(limit) = total.or(caller)
            && of_service.get_or_insert_with(|| service_ports(service)).contains(&index)
        {
            span = span.or(Some(limit.span));
            config_patches.push(sidecar_patch(port.container, total, caller));
        }
    }
    let Some(span) = span else { return };
    let place = Place {
        namespace: namespace.rendered.clone(),
        name: service.name.clone(),
        path: names::service_file(ENVOY_FILTER, namespace, service, None),
        span,
    };
    let labels = Pairs::Owned(&service.selector);
    let spec = EnvoyFilter { config_patches, priority: PRIORITY, workload_selector: WorkloadLabels { labels } };
    resource::put(sink, ENVOY_FILTER, place, Marks::default(), Some(spec), None);
}

fn sidecar_patch(port: u16, total: Option<&RateLimit>, caller: Option<&RateLimit>) -> ConfigPatch<'static> {
    let config = match (total, caller) {
        // The default bucket is the total, and is drained by requests of known callers too.
        (Some(total), Some(caller)) => LocalRateLimit {
            token_bucket: Some(bucket(total)),
            ..for_each(Action::Extension(Extension::caller("caller")), "caller", caller)
        },
        (None, Some(caller)) => {
            apart(for_each(Action::Extension(Extension::caller("caller")), "caller", caller), caller)
        }
        (Some(total), None) => LocalRateLimit { token_bucket: Some(bucket(total)), ..enforced() },
        (None, None) => LocalRateLimit::OFF,
    };
    ConfigPatch {
        apply_to: "HTTP_FILTER",
        matches: Match {
            context: "SIDECAR_INBOUND",
            // Before the router and so behind authorization: whoever is refused drains nothing.
            listener: Some(http_filter(Some(port), ROUTER)),
            proxy: caller.map(|_| ProxyVersion { proxy_version: WITH_WILDCARDS }),
            route_configuration: None,
        },
        patch: insert(HttpFilter { name: LOCAL_RATE_LIMIT, typed_config: config }),
    }
}

/// The hosts of a service at a gateway with their limits, sorted by host; the first exposure of a host decides, and
/// `check` sees to it that they agree.
fn limited_hosts(service: &Service, gateway: usize) -> Vec<(&str, &RateLimit)> {
    let mut hosts: Vec<(&str, &RateLimit)> = service
        .exposures
        .iter()
        .filter(|exposure| exposure.gateway == gateway)
        .filter_map(|exposure| {
            let port = service.ports.get(exposure.port)?;
            Some((exposure.host.as_str(), find(service, port, LimitKey::ClientIp)?))
        })
        .collect();
    hosts.sort_by_key(|(host, _)| *host);
    hosts.dedup_by_key(|(host, _)| *host);
    hosts
}

fn put_gateway(
    mesh: &Mesh,
    namespace: &Namespace,
    service: &Service,
    (index, gateway): (usize, &Gateway),
    sink: &mut impl Sink,
) {
    let hosts = limited_hosts(service, index);
    let Some((_, first)) = hosts.first() else { return };
    let at_filter = |name| Match {
        context: "GATEWAY",
        listener: Some(http_filter(None, name)),
        proxy: None,
        route_configuration: None,
    };
    let mut config_patches = vec![
        ConfigPatch {
            apply_to: "HTTP_FILTER",
            matches: at_filter(GATEWAY_FILTER),
            patch: Patch { operation: "REMOVE", value: None },
        },
        ConfigPatch {
            apply_to: "HTTP_FILTER",
            matches: at_filter(ROUTER),
            patch: insert(HttpFilter { name: GATEWAY_FILTER, typed_config: LocalRateLimit::OFF }),
        },
    ];
    config_patches.extend(hosts.iter().map(|(host, limit)| virtual_host(host, gateway.listener, limit)));
    let place = Place {
        namespace: gateway.namespace.clone(),
        name: names::at_gateway(mesh, namespace, service, index),
        path: names::service_file(ENVOY_FILTER, namespace, service, Some(&gateway.name)),
        span: first.span,
    };
    let labels = Pairs::Owned(&gateway.selector);
    let spec = EnvoyFilter { config_patches, priority: PRIORITY, workload_selector: WorkloadLabels { labels } };
    resource::put(sink, ENVOY_FILTER, place, Marks::default(), Some(spec), None);
}

fn virtual_host<'a>(host: &'a str, listener: u16, limit: &RateLimit) -> ConfigPatch<'a> {
    let config = apart(for_each(Action::RemoteAddress(Empty {}), "remote_address", limit), limit);
    ConfigPatch {
        apply_to: "VIRTUAL_HOST",
        matches: Match {
            context: "GATEWAY",
            listener: None,
            proxy: None,
            route_configuration: Some(Single("vhost", Name { name: AsText(HostPort(host, listener)) })),
        },
        patch: Patch {
            operation: "MERGE",
            value: Some(Value::VirtualHost { typed_per_filter_config: Single(GATEWAY_FILTER, config) }),
        },
    }
}

fn http_filter(destination_port: Option<u16>, name: &'static str) -> Single<&'static str, FilterChain> {
    Single("filterChain", FilterChain { destination_port, filter: NetworkFilter::http(name) })
}

fn insert(filter: HttpFilter) -> Patch {
    Patch { operation: "INSERT_BEFORE", value: Some(Value::Filter(filter)) }
}

/// A filter in force for every request.
fn enforced() -> LocalRateLimit {
    LocalRateLimit {
        enable_x_ratelimit_headers: Some("DRAFT_VERSION_03"),
        filter_enabled: Some(Percent::ALL),
        filter_enforced: Some(Percent::ALL),
        rate_limited_as_resource_exhausted: Some(true),
        ..LocalRateLimit::OFF
    }
}

/// A bucket for each value that `action` finds.
fn for_each(action: Action, key: &'static str, limit: &RateLimit) -> LocalRateLimit {
    LocalRateLimit {
        descriptors: Some([Descriptor { entries: [Entry { key }], token_bucket: bucket(limit) }]),
        max_dynamic_descriptors: Some(MAX_DYNAMIC_DESCRIPTORS),
        rate_limits: Some([RateLimits { actions: [action] }]),
        ..enforced()
    }
}

/// With a default bucket for requests without a value only. A virtual host's configuration must have one. A
/// descriptor's interval must be a multiple of its interval (envoy 1.34,
/// api/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto): it is the same, or 60 s of an hour.
fn apart(config: LocalRateLimit, limit: &RateLimit) -> LocalRateLimit {
    let interval = AsText(Seconds(refill(limit).1.min(60_000)));
    LocalRateLimit {
        always_consume_default_token_bucket: Some(false),
        token_bucket: Some(TokenBucket { fill_interval: interval, max_tokens: PLENTY, tokens_per_fill: PLENTY }),
        ..config
    }
}

fn bucket(limit: &RateLimit) -> TokenBucket {
    let (tokens_per_fill, interval) = refill(limit);
    TokenBucket {
        fill_interval: AsText(Seconds(interval)),
        max_tokens: limit.burst.unwrap_or(limit.requests),
        tokens_per_fill,
    }
}

/// The refill that `check` found possible.
fn refill(limit: &RateLimit) -> (u32, u32) {
    limit.refill().unwrap_or((limit.requests, limit.window_seconds.saturating_mul(1_000)))
}
