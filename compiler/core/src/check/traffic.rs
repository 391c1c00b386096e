//! How calls behave, port by port: settings to the model, and what could never work as it is written.

use std::collections::BTreeMap;

use super::rpc::{self, Methods};
use super::shape::{PortShape, Shape};
use super::stated::{At, Behaviour};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::setting::PortKey;
use crate::model::Protocol;
use crate::model::traffic::{
    ConnectionPool, LimitKey, Millis, NotIdempotent, OutlierDetection, RateLimit, Retry, RetryBudget, Traffic,
};
use crate::source::{Span, Spanned, Text};

/// Conditions that look at gRPC statuses (Envoy, router filter, "x-envoy-retry-grpc-on").
const GRPC_CONDITIONS: &[&str] = &["cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"];

/// Conditions that a per-try timeout fires (Envoy, source/common/router/retry_state_impl.cc, `wouldRetryFromReset`).
const ON_SLOWNESS: &[&str] = &["reset", "5xx", "gateway-error"];

/// The traffic of each port, in the order of the shape's ports.
pub(crate) fn traffic(shape: &Shape<'_>, methods: &Methods, out: &mut Diagnostics) -> Vec<Traffic> {
    needs_http(shape, out);
    let mut not_idempotent: Vec<(usize, NotIdempotent)> = Vec::new();
    if let Some((operations, _)) = shape.stated.behaviour.not_idempotent {
        let all: Vec<usize> = (0..shape.ports.len()).collect();
        not_idempotent = rpc::not_idempotent(shape, methods, operations, &all, out);
    }
    let mut told = Told::default();
    let traffic = shape
        .ports
        .iter()
        .enumerate()
        .map(|(index, port)| {
            let own = shape.stated.port_behaviours.iter().find(|(key, _)| is_port(port, *key));
            let operations = match own.and_then(|(_, own)| own.not_idempotent) {
                Some((operations, _)) => rpc::not_idempotent(shape, methods, operations, &[index], out),
                None => not_idempotent.iter().filter(|(at, _)| *at == index).cloned().collect(),
            };
            let operations = operations.into_iter().map(|(_, operation)| operation).collect();
            port_traffic(shape, port, operations, methods, &mut told)
        })
        .collect();
    told.report(out);
    traffic
}

fn is_port(port: &PortShape<'_>, key: PortKey) -> bool {
    match key {
        PortKey::Service(number) => port.service == Some(number),
        PortKey::Container(number) => port.service.is_none() && port.container == number,
    }
}

/// Settings that need HTTP where no port speaks it.
fn needs_http(shape: &Shape<'_>, out: &mut Diagnostics) {
    if shape.broken {
        return;
    }
    if !shape.ports.iter().any(|port| port.protocol.is_http()) {
        report_needs_http(shape, &shape.stated.behaviour, None, out);
    }
    for (key, behaviour) in &shape.stated.port_behaviours {
        if let Some(port) = shape.ports.iter().find(|port| is_port(port, *key) && !port.protocol.is_http()) {
            report_needs_http(shape, behaviour, Some(port), out);
        }
    }
}

fn report_needs_http(
    shape: &Shape<'_>,
    behaviour: &Behaviour<'_>,
    port: Option<&PortShape<'_>>,
    out: &mut Diagnostics,
) {
    let Some(spoken) = port.or(shape.ports.first()) else { return };
    let mut seen: Vec<&str> = Vec::new();
    for (name, span) in behaviour.needs_http() {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let message = format!("`{name}` needs HTTP or gRPC, and the port speaks `{}`", spoken.protocol.name());
        out.add(
            Diagnostic::new(Code::NeedsHttp, span, message)
                .related(spoken.span, "this port")
                .help(format!("remove it, or remove it for this service with `no {name}`")),
        );
    }
}

/// Findings about retry conditions that hold only if they hold for every port, told once for a line.
#[derive(Default)]
struct Told {
    list: Vec<Diagnostic>,
}

impl Told {
    fn add(&mut self, diagnostic: Diagnostic) {
        let known = |d: &Diagnostic| d.primary.span == diagnostic.primary.span && d.code == diagnostic.code;
        if !self.list.iter().any(known) {
            self.list.push(diagnostic);
        }
    }

    fn report(self, out: &mut Diagnostics) {
        self.list.into_iter().for_each(|diagnostic| out.add(diagnostic));
    }
}

fn port_traffic(
    shape: &Shape<'_>,
    port: &PortShape<'_>,
    not_idempotent: Vec<NotIdempotent>,
    methods: &Methods,
    told: &mut Told,
) -> Traffic {
    let behaviour = &port.behaviour;
    let http = port.protocol.is_http();
    let retry = if http { retry(shape, port, told) } else { None };
    let [connections, pending, requests, per_connection, retries] = behaviour.pool;
    let value = |at: Option<At<u32>>| at.map(|(number, _)| number).filter(|_| http);
    if let (true, Some((timeout, span)), Some(method)) =
        (port.protocol.is_grpc(), behaviour.timeout, methods.streaming())
    {
        told.add(
            Diagnostic::new(Code::TimeoutCutsStream, span, format!("the timeout of {timeout} ends streams too"))
                .note(format!("`{}` of `{}` streams", method.name, method.service))
                .help("give the streaming RPCs a service port of their own without a timeout, or a timeout that they fit in"),
        );
    }
    Traffic {
        timeout: behaviour.timeout.map(|(time, _)| time).filter(|_| http),
        connect_timeout: behaviour.connect_timeout.map(|(time, _)| time),
        idle_timeout: behaviour.idle_timeout.map(|(time, _)| time),
        retry,
        not_idempotent,
        connection_pool: ConnectionPool {
            connections: connections.map(|(number, _)| number),
            pending_requests: value(pending),
            requests: value(requests),
            requests_per_connection: value(per_connection),
            retries: value(retries),
        },
        outlier_detection: outliers(shape, behaviour, told),
    }
}

fn outliers(shape: &Shape<'_>, behaviour: &Behaviour<'_>, told: &mut Told) -> Option<OutlierDetection> {
    let stated = [
        behaviour.consecutive_5xx.map(|(_, span)| span),
        behaviour.consecutive_gateway_errors.map(|(_, span)| span),
        behaviour.interval.map(|(_, span)| span),
        behaviour.ejection.map(|(_, span)| span),
        behaviour.max_ejected.map(|(_, span)| span),
    ];
    let span = stated.into_iter().flatten().next()?;
    let Some((max_ejected, at)) = behaviour.max_ejected else {
        told.add(
            Diagnostic::new(
                Code::MissingSetting,
                span,
                "`outlier-detection` does not say how many pods may be ejected",
            )
            .note("Istio's default of 10 % ejects nobody from fewer than ten pods")
            .help("write `max-ejected 50%` into its block"),
        );
        return None;
    };
    if let Some(span) = shape.headless {
        told.add(headless("outlier-detection", at, span));
    }
    // One pod alone has nobody to take over, so that no number would be right; two or more can be told.
    if let Some(replicas) = largest_cluster(shape).filter(|replicas| *replicas >= 2)
        && u64::from(replicas) * u64::from(max_ejected) < 100
    {
        let least = 100_u32.div_ceil(replicas);
        told.add(
            Diagnostic::new(
                Code::EjectsNobody,
                at,
                format!("{max_ejected} % of {replicas} pods is less than one: nobody is ever ejected"),
            )
            .suggest(format!("write `max-ejected {least}%`"), at, format!("max-ejected {least}%")),
        );
    }
    if let (Some((five, first)), Some((gateway, second))) =
        (behaviour.consecutive_5xx, behaviour.consecutive_gateway_errors)
        && gateway >= five
    {
        told.add(
            Diagnostic::new(Code::InvalidValue, second, "`consecutive-gateway-errors` never comes first")
                .related(first, format!("{five} errors of any kind eject before"))
                .help("make it smaller than `consecutive-5xx`, or remove it"),
        );
    }
    Some(OutlierDetection {
        span,
        consecutive_5xx: behaviour.consecutive_5xx.map(|(number, _)| number),
        consecutive_gateway_errors: behaviour.consecutive_gateway_errors.map(|(number, _)| number),
        interval: behaviour.interval.map(|(time, _)| time),
        ejection: behaviour.ejection.map(|(time, _)| time),
        max_ejected,
    })
}

/// Pods that are ejected from together: all, or those of one version where versions are routed apart, for each subset
/// is a cluster of its own to the proxies.
fn largest_cluster(shape: &Shape<'_>) -> Option<u32> {
    if shape.stated.version.is_none() || shape.workloads.is_empty() {
        return shape.replicas;
    }
    let mut by_version: BTreeMap<Option<&Text>, u32> = BTreeMap::new();
    for workload in &shape.workloads {
        *by_version.entry(workload.labels.get("version")).or_default() += workload.replicas?;
    }
    by_version.into_values().max()
}

/// The fault of a setting that a headless Service cannot have.
pub(crate) fn headless(what: &str, at: Span, headless: Span) -> Diagnostic {
    Diagnostic::new(Code::HeadlessService, at, format!("`{what}` needs a virtual address, and the Service is headless"))
        .related(headless, "headless by this line")
        .note("clients of a headless Service see the pods themselves, so the mesh does not choose among them")
        .help("remove the setting, or give the Service an address")
}

fn retry(shape: &Shape<'_>, port: &PortShape<'_>, told: &mut Told) -> Option<Retry> {
    let behaviour = &port.behaviour;
    let parts = [
        behaviour.per_try.map(|(_, span)| span),
        behaviour.conditions.map(|(_, span)| span),
        behaviour.backoff.map(|(_, span)| span),
        behaviour.budget.map(|(_, span)| span),
    ];
    let Some((attempts, span)) = behaviour.attempts else {
        if let Some(span) = parts.into_iter().flatten().next() {
            told.add(
                Diagnostic::new(Code::MissingSetting, span, "`retry` does not say how often")
                    .help("write the number of repeats: `retry 2 { … }`"),
            );
        }
        return None;
    };
    let Some((conditions, on)) = behaviour.conditions else {
        told.add(
            Diagnostic::new(Code::MissingSetting, span, "`retry` does not say on what")
                .note("Istio would repeat on `unavailable` too, which a server may answer after it did the work")
                .help("state the conditions: `on connect-failure, refused-stream`"),
        );
        return None;
    };
    if !shape.broken {
        check_tries(behaviour, attempts, span, told);
        check_conditions(shape, port, conditions, on, told);
    }
    Some(Retry {
        span,
        attempts,
        per_try: behaviour.per_try.map(|(time, _)| time),
        on: conditions.iter().map(|condition| condition.value.clone()).collect(),
        backoff: behaviour.backoff,
        budget: behaviour.budget.map(|((percent, min_concurrency), span)| RetryBudget {
            span,
            percent,
            min_concurrency,
        }),
    })
}

/// Whether the tries fit into the timeout, which bounds them all (Envoy, router filter, "x-envoy-upstream-rq-timeout-ms").
fn check_tries(behaviour: &Behaviour<'_>, attempts: u32, span: Span, told: &mut Told) {
    let (Some((per_try, at)), Some((timeout, timeout_at))) = (behaviour.per_try, behaviour.timeout) else { return };
    if per_try >= timeout {
        told.add(
            Diagnostic::new(
                Code::PerTryTooLong,
                at,
                format!("a try of {per_try} is not shorter than the whole timeout of {timeout}"),
            )
            .related(timeout_at, "the whole timeout")
            .note("the proxy ignores a per-try timeout that is not shorter")
            .help(format!(
                "for {} tries in {timeout} write at most `per-try {}`",
                attempts + 1,
                fair_try(timeout, attempts, behaviour)
            )),
        );
        return;
    }
    let pauses = pauses(attempts, behaviour.backoff.map(|(time, _)| time));
    let needed = Millis(per_try.0 * u64::from(attempts + 1) + pauses.0);
    if needed > timeout {
        told.add(
            Diagnostic::new(
                Code::RetriesExceedTimeout,
                span,
                format!(
                    "{} tries of {per_try} and their pauses may take {needed}, and the timeout is {timeout}",
                    attempts + 1
                ),
            )
            .related(at, "the limit of a try")
            .related(timeout_at, "the whole timeout")
            .help(format!(
                "the last tries are cut: write at most `per-try {}`, or `timeout {needed}`",
                fair_try(timeout, attempts, behaviour)
            )),
        );
    }
}

/// The longest try with which all tries fit.
fn fair_try(timeout: Millis, attempts: u32, behaviour: &Behaviour<'_>) -> Millis {
    let left = timeout.0.saturating_sub(pauses(attempts, behaviour.backoff.map(|(time, _)| time)).0);
    Millis((left / u64::from(attempts + 1)).max(1))
}

/// The longest that the pauses between tries may take together: before repeat N a random part of (2^N - 1) times the
/// base, at most ten times the base (Envoy, router filter, "x-envoy-max-retries").
fn pauses(attempts: u32, base: Option<Millis>) -> Millis {
    let base = base.map_or(25, |Millis(ms)| ms);
    Millis((1..=attempts).map(|n| base * ((1_u64 << n.min(20)) - 1).min(10)).sum())
}

fn check_conditions(shape: &Shape<'_>, port: &PortShape<'_>, conditions: &[Spanned<Text>], on: Span, told: &mut Told) {
    let listed = |names: &[&str]| conditions.iter().any(|condition| names.contains(&condition.value.as_str()));
    let others = |fires: fn(Protocol) -> bool| {
        shape
            .ports
            .iter()
            .any(|other| other.behaviour.conditions.map(|(_, span)| span) == Some(on) && fires(other.protocol))
    };
    let grpc = port.protocol.is_grpc();
    for condition in conditions {
        let name = condition.value.as_str();
        let status = name.parse::<u16>().is_ok() || matches!(name, "retriable-4xx" | "retriable-status-codes");
        if grpc && status && !others(|protocol| protocol.is_http() && !protocol.is_grpc()) {
            told.add(
                Diagnostic::new(Code::ConditionNeverFires, condition.span, format!("`{name}` never fires for gRPC"))
                    .note("a gRPC answer is HTTP 200, whatever its status")
                    .help("use gRPC's own conditions, such as `unavailable` or `resource-exhausted`"),
            );
        } else if !grpc && GRPC_CONDITIONS.contains(&name) && !others(Protocol::is_grpc) {
            let instead = if name == "unavailable" {
                "`gateway-error` or `503`"
            } else {
                "an HTTP condition such as `gateway-error`"
            };
            told.add(
                Diagnostic::new(Code::ConditionNeverFires, condition.span, format!("`{name}` fires for gRPC only"))
                    .note(format!("the port speaks `{}`", port.protocol.name()))
                    .help(format!("use {instead}")),
            );
        }
    }
    if grpc && listed(&["5xx", "gateway-error"]) && !listed(GRPC_CONDITIONS) && !others(|p| p.is_http() && !p.is_grpc())
    {
        told.add(
            Diagnostic::new(Code::ConditionNeverFires, on, "none of these conditions sees a gRPC status")
                .note("`5xx` and `gateway-error` ignore gRPC statuses; they see only what proxies answer themselves")
                .help("add a gRPC condition, such as `unavailable`"),
        );
    }
    let Some((_, per_try)) = port.behaviour.per_try else { return };
    if !listed(ON_SLOWNESS) {
        told.add(
            Diagnostic::new(Code::ConditionNeverFires, on, "a try that takes too long is not repeated")
                .related(per_try, "the limit of a try")
                .help(if grpc {
                    "add `reset` and `deadline-exceeded`, or remove `per-try`"
                } else {
                    "add `reset` or `gateway-error`, or remove `per-try`"
                }),
        );
    } else if grpc && !listed(&["deadline-exceeded"]) {
        told.add(
            Diagnostic::new(Code::ConditionNeverFires, on, "some tries that take too long are not repeated")
                .related(per_try, "the limit of a try")
                .note("the limit travels as `grpc-timeout`, and the server's proxy often answers first, with `deadline-exceeded`")
                .help("add `deadline-exceeded`"),
        );
    }
}

/// Limits to the model.
pub(crate) fn limits(behaviour: &Behaviour<'_>) -> Vec<RateLimit> {
    [LimitKey::Total, LimitKey::Caller, LimitKey::ClientIp]
        .into_iter()
        .zip(behaviour.limits)
        .filter_map(|(per, stated)| {
            let (rate, span) = stated?;
            Some(RateLimit {
                span,
                per,
                requests: rate.requests,
                window_seconds: rate.window_seconds,
                burst: rate.burst,
            })
        })
        .collect()
}
