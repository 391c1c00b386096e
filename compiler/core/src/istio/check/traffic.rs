//! How calls behave: ranges, retry conditions, and what a host's ports must have in common.

use super::super::destination_rule;
use super::super::feature::Feature;
use super::{invalid, needs};
use crate::diagnostic::Diagnostics;
use crate::model::traffic::{CONDITIONS, Millis, OutlierDetection, Retry, RetryBudget};
use crate::model::{Mesh, Port, Service};
use crate::source::Span;

/// Fields that the CRD holds in 32 bits with a sign.
const MOST: u32 = i32::MAX as u32;

pub(super) fn check(mesh: &Mesh, service: &Service, out: &mut Diagnostics) {
    for port in &service.ports {
        check_port(port, out);
        if let Some(retry) = &port.traffic.retry {
            check_retry(mesh, retry, out);
        }
        if let Some(ejection) = &port.traffic.outlier_detection {
            check_ejection(ejection, out);
        }
    }
    check_budgets(service, out);
}

fn check_port(port: &Port, out: &mut Diagnostics) {
    let traffic = &port.traffic;
    for (name, value) in [
        ("timeout", traffic.timeout),
        ("connect-timeout", traffic.connect_timeout),
        ("idle-timeout", traffic.idle_timeout),
    ] {
        not_zero(name, value, port.span, out);
    }
    let pool = &traffic.connection_pool;
    for (name, value, zero_is_a_value) in [
        ("connections", pool.connections, false),
        ("pending-requests", pool.pending_requests, false),
        ("requests", pool.requests, false),
        ("requests-per-connection", pool.requests_per_connection, true),
        ("retries", pool.retries, false),
    ] {
        // istiod takes 0 for "not stated", which is no limit at all (istio 1.24 to 1.31,
        // pilot/pkg/networking/core/cluster_traffic_policy.go, applyConnectionPool).
        if value.is_some_and(|value| value > MOST || (value == 0 && !zero_is_a_value)) {
            let message = format!("`connection-pool` `{name}` must be 1 to {MOST}; Istio reads 0 as no limit");
            out.add(invalid(port.span, message));
        }
    }
}

fn not_zero(name: &str, value: Option<Millis>, span: Span, out: &mut Diagnostics) {
    if value == Some(Millis(0)) {
        out.add(invalid(span, format!("`{name}` must be 1ms or more")).help("leave it out for none"));
    }
}

fn check_retry(mesh: &Mesh, retry: &Retry, out: &mut Diagnostics) {
    if retry.attempts == 0 || retry.attempts > MOST {
        out.add(invalid(retry.span, format!("`retry` must be 1 to {MOST}")).help("write `no retry` for none"));
    }
    not_zero("per-try", retry.per_try, retry.span, out);
    for condition in &retry.on {
        let status = condition.parse::<u16>().is_ok_and(|code| (100..=599).contains(&code));
        if condition.is_empty() || !(status || CONDITIONS.contains(&condition.as_str())) {
            out.add(invalid(retry.span, format!("Istio knows no retry condition `{condition}`")));
        }
    }
    if let Some((pause, span)) = retry.backoff {
        not_zero("backoff", Some(pause), span, out);
        needs(mesh, Feature::RetryBackoff, span, "`backoff` needs", out);
    }
    if let Some(budget) = &retry.budget {
        needs(mesh, Feature::RetryBudget, budget.span, "`budget` needs", out);
        if budget.percent > 100 {
            out.add(invalid(budget.span, format!("a budget of {} % is more than all requests", budget.percent)));
        }
        // istiod takes 0 for "not stated", which is 3.
        if budget.min_concurrency == Some(0) {
            out.add(invalid(budget.span, "the smallest number of repeats must be 1 or more; Istio reads 0 as 3"));
        }
    }
}

fn check_ejection(ejection: &OutlierDetection, out: &mut Diagnostics) {
    // istiod takes 0 for "not stated", which is 10 (istio 1.31, pilot/pkg/networking/core/cluster_traffic_policy.go).
    if ejection.max_ejected == 0 || ejection.max_ejected > 100 {
        let message =
            format!("`max-ejected` is {} %; it must be 1 to 100, and Istio reads 0 as 10", ejection.max_ejected);
        out.add(invalid(ejection.span, message).help("write `no outlier-detection` to eject nobody"));
    }
    not_zero("interval", ejection.interval, ejection.span, out);
    not_zero("ejection", ejection.ejection, ejection.span, out);
}

/// A budget holds for a whole host, and settings of a single port take it away (istio 1.27 to 1.31,
/// pilot/pkg/networking/util/util.go, GetPortLevelTrafficPolicy): so it must be one, and the ports alike.
fn check_budgets(service: &Service, out: &mut Diagnostics) {
    let size = |budget: RetryBudget| (budget.percent, budget.min_concurrency);
    for host in &service.hosts {
        let http = destination_rule::ports(service, host).filter(|(_, port)| port.protocol.is_http());
        let retries = http.filter_map(|(number, port)| Some((number, port.traffic.retry.as_ref()?)));
        let Some((number, first)) = retries.clone().find_map(|(number, retry)| Some((number, retry.budget?))) else {
            continue;
        };
        let other = retries.clone().find(|(_, retry)| retry.budget.map(size) != Some(size(first)));
        if let Some((other, retry)) = other {
            let message = format!("Istio has one retry budget for all ports of `{}`", host.name);
            out.add(
                invalid(first.span, message)
                    .label(format!("port {number} has this one"))
                    .related(retry.budget.map_or(retry.span, |budget| budget.span), format!("port {other} differs"))
                    .help("state the same budget for every port that is retried, or none"),
            );
        } else if destination_rule::uniform(service, host).is_none() {
            let message = format!("a retry budget would be lost, because the ports of `{}` differ", host.name);
            out.add(
                invalid(first.span, message)
                    .related(service.span, "ports differ in pool, idle or connect timeout, ejection or mTLS")
                    .help("state these for the service instead of a port, or remove the budget"),
            );
        }
    }
}
