//! How calls behave, port by port: settings to the model, and what could never work as it is written.

use std::collections::BTreeMap;

use foldhash::HashSet;

use super::retry;
use super::rpc::{self, Method, Methods};
use super::shape::{PortShape, Shape};
use super::stated::{At, Behaviour};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::traffic::{ConnectionPool, LimitKey, NotIdempotent, OutlierDetection, RateLimit, Traffic};
use crate::source::{Span, Text};

/// The traffic of each port, in the order of the shape's ports.
pub(crate) fn traffic(shape: &Shape<'_>, methods: &Methods<'_>, out: &mut Diagnostics) -> Vec<Traffic> {
    needs_http(shape, out);
    let mut not_idempotent: Vec<Vec<NotIdempotent>> = vec![Vec::new(); shape.ports.len()];
    if let Some((operations, _)) = shape.stated.behaviour.not_idempotent {
        let all: Vec<usize> = (0..shape.ports.len()).collect();
        for (port, operation) in rpc::not_idempotent(shape, methods, operations, &all, out) {
            if let Some(list) = not_idempotent.get_mut(port) {
                list.push(operation);
            }
        }
    }
    let mut told = Told::default();
    let streaming = methods.streaming();
    let traffic = shape
        .ports
        .iter()
        .zip(not_idempotent)
        .enumerate()
        .map(|(index, (port, inherited))| {
            let own = shape.stated.port_behaviours.get(&port.key()).and_then(|own| own.not_idempotent);
            let operations = match own {
                Some((operations, _)) => {
                    let own = rpc::not_idempotent(shape, methods, operations, &[index], out);
                    own.into_iter().map(|(_, operation)| operation).collect()
                }
                None => inherited,
            };
            port_traffic(shape, port, operations, streaming, &mut told)
        })
        .collect();
    told.report(out);
    traffic
}

/// Settings that need HTTP where no port speaks it.
fn needs_http(shape: &Shape<'_>, out: &mut Diagnostics) {
    if shape.broken {
        return;
    }
    if !shape.ports.iter().any(|port| port.protocol.is_http()) {
        report_needs_http(shape, &shape.stated.behaviour, None, out);
    }
    for port in shape.ports.iter().filter(|port| !port.protocol.is_http()) {
        if let Some(behaviour) = shape.stated.port_behaviours.get(&port.key()) {
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
pub(super) struct Told {
    list: Vec<Diagnostic>,
    known: HashSet<(Span, Code)>,
}

impl Told {
    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        if self.known.insert((diagnostic.primary.span, diagnostic.code)) {
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
    streaming: Option<Method<'_>>,
    told: &mut Told,
) -> Traffic {
    let behaviour = &port.behaviour;
    let http = port.protocol.is_http();
    let retry = if http { retry::retry(shape, port, told) } else { None };
    let [connections, pending, requests, per_connection, retries] = behaviour.pool;
    let value = |at: Option<At<u32>>| at.map(|(number, _)| number).filter(|_| http);
    if let (true, Some((timeout, span)), Some(method)) = (port.protocol.is_grpc(), behaviour.timeout, streaming) {
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
