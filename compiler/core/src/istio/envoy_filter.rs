//! The shapes of EnvoyFilter and of Envoy's local rate limit, as far as they are written here. There is no rate limit
//! in Istio's own API (istio 1.31). The `@type` is the real one: behind a TypedStruct istiod would not see a
//! misspelt field.

use serde::Serialize;

use super::resource::{AsText, Pairs, Single};

/// `spec` of an EnvoyFilter.
#[derive(Debug, Serialize)]
pub(super) struct EnvoyFilter<'a> {
    #[serde(rename = "configPatches")]
    pub(super) config_patches: Vec<ConfigPatch<'a>>,
    /// Not 0, else `istioctl analyze` warns of relative operations (IST0151, IST0155).
    pub(super) priority: i32,
    #[serde(rename = "workloadSelector")]
    pub(super) workload_selector: WorkloadLabels<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct WorkloadLabels<'a> {
    pub(super) labels: Pairs<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct ConfigPatch<'a> {
    #[serde(rename = "applyTo")]
    pub(super) apply_to: &'static str,
    #[serde(rename = "match")]
    pub(super) matches: Match<'a>,
    pub(super) patch: Patch,
}

#[derive(Debug, Serialize)]
pub(super) struct Match<'a> {
    pub(super) context: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) listener: Option<Single<&'static str, FilterChain>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proxy: Option<ProxyVersion>,
    #[serde(rename = "routeConfiguration", skip_serializing_if = "Option::is_none")]
    pub(super) route_configuration: Option<Single<&'static str, Name<'a>>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ProxyVersion {
    #[serde(rename = "proxyVersion")]
    pub(super) proxy_version: &'static str,
}

/// `name: …`, a virtual host's `HOST:PORT`.
#[derive(Debug, Serialize)]
pub(super) struct Name<'a> {
    pub(super) name: AsText<HostPort<'a>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HostPort<'a>(pub(super) &'a str, pub(super) u16);

impl std::fmt::Display for HostPort<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

#[derive(Debug, Serialize)]
pub(super) struct FilterChain {
    /// The container port (istio 1.31, pilot/pkg/networking/core/listener_inbound.go).
    #[serde(rename = "destinationPort", skip_serializing_if = "Option::is_none")]
    pub(super) destination_port: Option<u16>,
    pub(super) filter: NetworkFilter,
}

#[derive(Debug, Serialize)]
pub(super) struct NetworkFilter {
    name: &'static str,
    #[serde(rename = "subFilter")]
    sub_filter: SubFilter,
}

#[derive(Debug, Serialize)]
struct SubFilter {
    name: &'static str,
}

impl NetworkFilter {
    /// The HTTP filter of this name.
    pub(super) const fn http(name: &'static str) -> Self {
        Self { name: "envoy.filters.network.http_connection_manager", sub_filter: SubFilter { name } }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Patch {
    pub(super) operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Value {
    /// A filter to insert.
    Filter(HttpFilter),
    /// What a virtual host says of a filter, by the filter's name.
    VirtualHost {
        #[serde(rename = "typed_per_filter_config")]
        typed_per_filter_config: Single<&'static str, LocalRateLimit>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct HttpFilter {
    pub(super) name: &'static str,
    pub(super) typed_config: LocalRateLimit,
}

/// `envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`.
#[derive(Debug, Serialize)]
pub(super) struct LocalRateLimit {
    #[serde(rename = "@type")]
    pub(super) type_url: &'static str,
    /// `false`: requests that a descriptor counts do not drain the default bucket. Absent: they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) always_consume_default_token_bucket: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) descriptors: Option<[Descriptor; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) enable_x_ratelimit_headers: Option<&'static str>,
    /// Absent: no request. Both this and the next must be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter_enabled: Option<Percent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter_enforced: Option<Percent>,
    /// Envoy keeps 20 where it is absent: the 21st caller gives the first a full bucket again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_dynamic_descriptors: Option<u32>,
    /// Absent: gRPC callers get UNAVAILABLE, which is retried and gets healthy pods ejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate_limited_as_resource_exhausted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate_limits: Option<[RateLimits; 1]>,
    pub(super) stat_prefix: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_bucket: Option<TokenBucket>,
}

impl LocalRateLimit {
    /// A filter that limits nothing by itself.
    pub(super) const OFF: Self = Self {
        type_url: "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        always_consume_default_token_bucket: None,
        descriptors: None,
        enable_x_ratelimit_headers: None,
        filter_enabled: None,
        filter_enforced: None,
        max_dynamic_descriptors: None,
        rate_limited_as_resource_exhausted: None,
        rate_limits: None,
        stat_prefix: "http_local_rate_limiter",
        token_bucket: None,
    };
}

/// `default_value: {…}`: all requests.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Percent {
    default_value: Fraction,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Fraction {
    denominator: &'static str,
    numerator: u32,
}

impl Percent {
    /// Every request.
    pub(super) const ALL: Self = Self { default_value: Fraction { denominator: "HUNDRED", numerator: 100 } };
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct TokenBucket {
    pub(super) fill_interval: AsText<Seconds>,
    pub(super) max_tokens: u32,
    pub(super) tokens_per_fill: u32,
}

/// Milliseconds in the JSON form of a protobuf Duration, which knows no unit but seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds(pub(super) u32);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0 / 1_000, self.0 % 1_000) {
            (whole, 0) => write!(f, "{whole}s"),
            (whole, rest) => write!(f, "{whole}.{}s", format!("{rest:03}").trim_end_matches('0')),
        }
    }
}

/// A bucket for each value of a key.
#[derive(Debug, Serialize)]
pub(super) struct Descriptor {
    pub(super) entries: [Entry; 1],
    pub(super) token_bucket: TokenBucket,
}

/// A key whose value is left out: any.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) key: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct RateLimits {
    pub(super) actions: [Action; 1],
}

/// Where the value of a key comes from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Extension(Extension),
    RemoteAddress(Empty),
}

#[derive(Debug, Serialize)]
pub(super) struct Empty {}

#[derive(Debug, Serialize)]
pub(super) struct Extension {
    name: &'static str,
    typed_config: Expression,
}

#[derive(Debug, Serialize)]
struct Expression {
    #[serde(rename = "@type")]
    type_url: &'static str,
    descriptor_key: &'static str,
    text: &'static str,
}

impl Extension {
    /// The SPIFFE id of the caller's certificate, under this key. Requests without one have no value.
    pub(super) const fn caller(descriptor_key: &'static str) -> Self {
        Self {
            name: "envoy.rate_limit_descriptors.expr",
            typed_config: Expression {
                type_url: "type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor",
                descriptor_key,
                text: "connection.uri_san_peer_certificate",
            },
        }
    }
}
