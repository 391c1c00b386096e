//! One stated thing about a service. A layer (a preset, a service, an environment's block) is a list of changes in
//! the order in which they are written; layers are merged by key, so that everything which holds for all settings
//! (the same twice, two presets in conflict, removal, explanation) is written once.

use crate::model::release::VersionDecl;
use crate::model::traffic::{LimitKey, Millis};
use crate::model::{MtlsMode, PathPattern, Protocol};
use crate::source::{Span, Spanned, Text};

/// What one block states, in the order written.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    /// The changes.
    pub changes: Vec<Change>,
}

/// One setting stated or removed.
#[derive(Debug, Clone)]
pub struct Change {
    /// What it is about.
    pub key: Key,
    /// The value, or nothing for `no X`, which removes every key that `key` covers.
    pub value: Option<Setting>,
    /// The statement.
    pub span: Span,
}

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

/// The value of a setting.
#[derive(Debug, Clone)]
pub enum Setting {
    /// `port`.
    Port(PortDecl),
    /// `selector`.
    Selector(Vec<(Text, Text)>),
    /// A name: `service-account`, `owner`.
    Name(Text),
    /// Names: `also`.
    Names(Vec<Spanned<Text>>),
    /// Paths of files: `protos`, `raw`.
    Files(Vec<Spanned<Text>>),
    /// A word that stands for itself: `headless`, `allow none`.
    Flag,
    /// A whole number: `replicas`, `retry N`, `require N requests`, `after N failures`, the fields of
    /// `connection-pool` and the counts and percents of `outlier-detection`.
    Number(u32),
    /// A duration.
    Duration(Millis),
    /// `allow`.
    Allow(AllowDecl),
    /// `expose`.
    Expose(ExposeDecl),
    /// `mtls`.
    Mtls(MtlsMode),
    /// `version`.
    Version(VersionDecl),
    /// All `stage` lines.
    Stages(Vec<Stage>),
    /// `abort when`.
    Abort(Gate),
    /// `on no-data`.
    NoData(NoData),
    /// `on` of `retry`: conditions in Istio's spelling.
    Conditions(Vec<Spanned<Text>>),
    /// `budget` of `retry`: percent and minimum.
    Budget(u32, Option<u32>),
    /// `not-idempotent`.
    Operations(Vec<OperationDecl>),
    /// `rate-limit`.
    RateLimit(RateDecl),
    /// `rpcs`: method names.
    Rpcs(Vec<Text>),
}

/// `port 80 -> 8080 http`.
#[derive(Debug, Clone)]
pub struct PortDecl {
    /// What callers dial.
    pub service: Option<Spanned<u16>>,
    /// The container's port, where stated.
    pub container: Option<Spanned<u16>>,
    /// What it speaks, where stated.
    pub protocol: Option<Spanned<Protocol>>,
}

/// One caller of an `allow` line.
#[derive(Debug, Clone)]
pub struct AllowDecl {
    /// The caller's word.
    pub caller: Span,
    /// `to …`; empty: everything.
    pub operations: Vec<OperationDecl>,
    /// `on PORT`.
    pub port: Option<Spanned<u16>>,
}

/// An operation as written.
#[derive(Debug, Clone)]
pub struct OperationDecl {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: OperationKind,
}

/// An operation as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationKind {
    /// `GetCart`, `CartService/GetCart`, `pkg.CartService/GetCart`.
    Rpc(Text),
    /// `GET|HEAD /p`; without methods: every method.
    Http(Vec<Text>, PathPattern),
}

/// `expose HOST PATH on GATEWAY port N`.
#[derive(Debug, Clone)]
pub struct ExposeDecl {
    /// The host.
    pub host: Spanned<Text>,
    /// The path.
    pub path: PathPattern,
    /// The gateway.
    pub gateway: Spanned<Text>,
    /// The Service port.
    pub port: Option<Spanned<u16>>,
}

/// `rate-limit 1000/min per client-ip burst 200 each proxy`.
#[derive(Debug, Clone, Copy)]
pub struct RateDecl {
    /// Requests in a window.
    pub requests: u32,
    /// The window in seconds.
    pub window_seconds: u32,
    /// `burst`.
    pub burst: Option<u32>,
}

/// `stage 5% for 2m approve`.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The statement.
    pub span: Span,
    /// Share of the canary.
    pub weight: u32,
    /// At least this long.
    pub duration: Option<Millis>,
    /// A person has to approve the next stage.
    pub approve: bool,
}

/// `abort when METRIC > THRESHOLD`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// What is measured.
    pub metric: Metric,
    /// Above this the canary is aborted.
    pub threshold: Threshold,
}

/// What a gate measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Share of failed requests.
    ErrorRate,
    /// Quantile of the latency, in percent: 99 for `p99`, 99.9 as 999 with one decimal place is not offered.
    Latency(u32),
    /// The user's own PromQL.
    Query(Text),
}

/// The limit of a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// Percent of requests.
    Percent(f64),
    /// A latency.
    Duration(Millis),
    /// A number in the unit of the user's query.
    Number(f64),
}

/// What happens when there is no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoData {
    /// Stay at the stage.
    Hold,
    /// Back to stable.
    Rollback,
}

impl Field {
    /// Whether removing `self` removes a setting with this field.
    pub fn covers(&self, field: &Field) -> bool {
        match (self, field) {
            (
                Field::AnyCanary,
                Field::Stages | Field::Abort(_) | Field::Require | Field::NoData | Field::Failures | Field::Keep,
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
