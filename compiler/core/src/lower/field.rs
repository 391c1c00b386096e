//! What a setting is about: the unit in which layers replace each other.

use crate::model::PathPattern;
use crate::model::traffic::LimitKey;
use crate::source::Text;

/// What a setting is about: the unit in which layers replace each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The port whose block it stands in.
    pub port: Option<PortKey>,
    /// The field.
    pub field: Field,
}

/// How a port is named: by the number that callers dial, or by the container's where there is no such number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortKey {
    /// `port 80 …`.
    Service(u16),
    /// `port -> 9090 …`.
    Container(u16),
}

/// The fields of a service. `Any…` forms stand in removals only and cover several.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// `port`.
    Port(PortKey),
    /// `selector`.
    Selector,
    /// `service-account`.
    ServiceAccount,
    /// `also`.
    Also,
    /// `headless`.
    Headless,
    /// `replicas`.
    Replicas,
    /// `allow none`.
    AllowNone,
    /// `allow CALLER`: by caller, and within a layer also by port.
    Allow(CallerKey, Option<u16>),
    /// `expose`: host and path; without path in removals, which cover all of the host.
    Expose(Text, Option<PathPattern>),
    /// `mtls`.
    Mtls,
    /// `version`.
    Version,
    /// All `stage` lines.
    Stages,
    /// `abort when`, by metric.
    Abort(Text),
    /// `require N requests`.
    Require,
    /// `on no-data`.
    NoData,
    /// `after N failures`.
    Failures,
    /// `keep`.
    Keep,
    /// `confidence`.
    Confidence,
    /// `no canary`.
    AnyCanary,
    /// `timeout`.
    Timeout,
    /// `connect-timeout`.
    ConnectTimeout,
    /// `idle-timeout`.
    IdleTimeout,
    /// A field of `retry`.
    Retry(RetryField),
    /// `no retry`.
    AnyRetry,
    /// `not-idempotent`.
    NotIdempotent,
    /// `rate-limit`, by what it counts.
    RateLimit(LimitKey),
    /// `no rate-limit`.
    AnyRateLimit,
    /// A field of `connection-pool`.
    Pool(PoolField),
    /// `no connection-pool`.
    AnyPool,
    /// A field of `outlier-detection`.
    Outlier(OutlierField),
    /// `no outlier-detection`.
    AnyOutlier,
    /// `owner`.
    Owner,
    /// `rpcs`, by the full name of the gRPC service.
    Rpcs(Text),
    /// `protos`.
    Protos,
    /// `raw`.
    Raw,
}

/// A caller by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallerKey {
    /// `anyone`.
    Anyone,
    /// A service or caller; without a namespace, one of the service's own.
    Named(Option<Text>, Text),
}

/// The fields of `retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RetryField {
    /// The number.
    Attempts,
    /// `per-try`.
    PerTry,
    /// `on`.
    On,
    /// `backoff`.
    Backoff,
    /// `budget`.
    Budget,
}

/// The fields of `connection-pool`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PoolField {
    /// `connections`.
    Connections,
    /// `pending-requests`.
    PendingRequests,
    /// `requests`.
    Requests,
    /// `requests-per-connection`.
    RequestsPerConnection,
    /// `retries`.
    Retries,
}

/// The fields of `outlier-detection`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutlierField {
    /// `consecutive-5xx`.
    Consecutive5xx,
    /// `consecutive-gateway-errors`.
    ConsecutiveGatewayErrors,
    /// `interval`.
    Interval,
    /// `ejection`.
    Ejection,
    /// `max-ejected`.
    MaxEjected,
}

impl Field {
    /// Whether removing `self` removes a setting with this field.
    pub fn covers(&self, field: &Field) -> bool {
        match (self, field) {
            (
                Field::AnyCanary,
                Field::Stages
                | Field::Abort(_)
                | Field::Require
                | Field::NoData
                | Field::Failures
                | Field::Keep
                | Field::Confidence,
            )
            | (Field::AnyRetry, Field::Retry(_))
            | (Field::AnyRateLimit, Field::RateLimit(_))
            | (Field::AnyPool, Field::Pool(_))
            | (Field::AnyOutlier, Field::Outlier(_)) => true,
            (Field::Expose(host, None), Field::Expose(other, _)) => host == other,
            (Field::Allow(caller, None), Field::Allow(other, _)) => caller == other,
            _ => self == field,
        }
    }

    /// The path of the setting as `meshc explain` names it.
    pub fn path(&self) -> String {
        match self {
            Field::Port(PortKey::Service(port)) => format!("port.{port}"),
            Field::Port(PortKey::Container(port)) => format!("port.->{port}"),
            Field::Selector => "selector".into(),
            Field::ServiceAccount => "service-account".into(),
            Field::Also => "also".into(),
            Field::Headless => "headless".into(),
            Field::Replicas => "replicas".into(),
            Field::AllowNone => "allow.none".into(),
            Field::Allow(caller, None) => format!("allow.{}", caller.name()),
            Field::Allow(caller, Some(port)) => format!("allow.{}.{port}", caller.name()),
            Field::Expose(host, None | Some(PathPattern::All)) => format!("expose.{host}"),
            Field::Expose(host, Some(path)) => format!("expose.{host}{path}"),
            Field::Mtls => "mtls".into(),
            Field::Version => "version".into(),
            Field::Stages => "canary.stage".into(),
            Field::Abort(metric) => format!("canary.abort.{metric}"),
            Field::Require => "canary.require".into(),
            Field::NoData => "canary.no-data".into(),
            Field::Failures => "canary.after".into(),
            Field::Keep => "canary.keep".into(),
            Field::Confidence => "canary.confidence".into(),
            Field::AnyCanary => "canary".into(),
            Field::Timeout => "timeout".into(),
            Field::ConnectTimeout => "connect-timeout".into(),
            Field::IdleTimeout => "idle-timeout".into(),
            Field::Retry(field) => format!("retry.{}", field.name()),
            Field::AnyRetry => "retry".into(),
            Field::NotIdempotent => "not-idempotent".into(),
            Field::RateLimit(key) => format!("rate-limit.{}", key.name()),
            Field::AnyRateLimit => "rate-limit".into(),
            Field::Pool(field) => format!("connection-pool.{}", field.name()),
            Field::AnyPool => "connection-pool".into(),
            Field::Outlier(field) => format!("outlier-detection.{}", field.name()),
            Field::AnyOutlier => "outlier-detection".into(),
            Field::Owner => "owner".into(),
            Field::Rpcs(service) => format!("rpcs.{service}"),
            Field::Protos => "protos".into(),
            Field::Raw => "raw".into(),
        }
    }

    /// The setting as a person would write its name: `retry`, `allow frontend`.
    pub fn words(&self) -> String {
        match self {
            Field::Allow(caller, _) => format!("allow {}", caller.name()),
            Field::AllowNone => "allow none".into(),
            Field::Expose(host, None | Some(PathPattern::All)) => format!("expose {host}"),
            Field::Expose(host, Some(path)) => format!("expose {host} {path}"),
            Field::Port(PortKey::Service(port)) => format!("port {port}"),
            Field::Port(PortKey::Container(port)) => format!("port -> {port}"),
            Field::Retry(RetryField::Attempts) => "retry".into(),
            Field::Abort(metric) => format!("abort when {metric}"),
            Field::Stages => "stage".into(),
            Field::RateLimit(LimitKey::Total) => "rate-limit".into(),
            Field::RateLimit(key) => format!("rate-limit per {}", key.name()),
            Field::Rpcs(service) => format!("rpcs {service}"),
            other => other.path().replace('.', " "),
        }
    }
}

impl CallerKey {
    /// The name as a person writes it.
    pub fn name(&self) -> String {
        match self {
            CallerKey::Anyone => "anyone".into(),
            CallerKey::Named(None, name) => name.to_string(),
            CallerKey::Named(Some(namespace), name) => format!("{namespace}/{name}"),
        }
    }
}

impl RetryField {
    /// The word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            RetryField::Attempts => "attempts",
            RetryField::PerTry => "per-try",
            RetryField::On => "on",
            RetryField::Backoff => "backoff",
            RetryField::Budget => "budget",
        }
    }
}

impl PoolField {
    /// All fields.
    pub const ALL: [PoolField; 5] = [
        PoolField::Connections,
        PoolField::PendingRequests,
        PoolField::Requests,
        PoolField::RequestsPerConnection,
        PoolField::Retries,
    ];

    /// The word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            PoolField::Connections => "connections",
            PoolField::PendingRequests => "pending-requests",
            PoolField::Requests => "requests",
            PoolField::RequestsPerConnection => "requests-per-connection",
            PoolField::Retries => "retries",
        }
    }
}

impl OutlierField {
    /// All fields.
    pub const ALL: [OutlierField; 5] = [
        OutlierField::Consecutive5xx,
        OutlierField::ConsecutiveGatewayErrors,
        OutlierField::Interval,
        OutlierField::Ejection,
        OutlierField::MaxEjected,
    ];

    /// The word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            OutlierField::Consecutive5xx => "consecutive-5xx",
            OutlierField::ConsecutiveGatewayErrors => "consecutive-gateway-errors",
            OutlierField::Interval => "interval",
            OutlierField::Ejection => "ejection",
            OutlierField::MaxEjected => "max-ejected",
        }
    }
}
