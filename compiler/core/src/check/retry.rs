//! Repeats: whether the tries fit, and whether the conditions ever fire.

use super::shape::{PortShape, Shape};
use super::stated::Behaviour;
use super::traffic::Told;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::Protocol;
use crate::model::traffic::{Millis, Retry, RetryBudget};
use crate::source::{Span, Spanned, Text};

/// Conditions that look at gRPC statuses (Envoy, router filter, "x-envoy-retry-grpc-on").
const GRPC_CONDITIONS: &[&str] = &["cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"];

/// Conditions that a per-try timeout fires (Envoy, source/common/router/retry_state_impl.cc, `wouldRetryFromReset`).
const ON_SLOWNESS: &[&str] = &["reset", "5xx", "gateway-error"];

/// The repeats of a port, or nothing where none are stated.
pub(super) fn retry(shape: &Shape<'_>, port: &PortShape<'_>, told: &mut Told) -> Option<Retry> {
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
