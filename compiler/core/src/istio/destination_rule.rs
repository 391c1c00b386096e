//! DestinationRule: versions, pools, ejection. One for each host: of several Istio takes the first policy only.

use serde::Serialize;

use super::names;
use super::resource::{self, AsText, DESTINATION_RULE, Duration, Marks, Place, Single};
use super::route::PortNumber;
use crate::bundle::Sink;
use crate::model::traffic::{ConnectionPool, Millis, OutlierDetection, RetryBudget};
use crate::model::{Host, Mesh, MtlsMode, Namespace, Port, Service};

/// `spec` of a DestinationRule.
#[derive(Debug, Serialize)]
struct DestinationRule<'a> {
    host: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subsets: Vec<Subset<'a>>,
    #[serde(rename = "trafficPolicy", skip_serializing_if = "Option::is_none")]
    traffic_policy: Option<TrafficPolicy>,
}

/// A version. Without a policy of its own: the host's holds, and Istio 1.27 to 1.29 would forget the retry budget.
#[derive(Debug, Serialize)]
struct Subset<'a> {
    labels: Single<&'static str, &'a str>,
    name: &'a str,
}

/// `trafficPolicy`, which must have a field.
#[derive(Debug, Serialize)]
struct TrafficPolicy {
    #[serde(rename = "connectionPool", skip_serializing_if = "Option::is_none")]
    connection_pool: Option<Pool>,
    #[serde(rename = "outlierDetection", skip_serializing_if = "Option::is_none")]
    outlier_detection: Option<Ejection>,
    #[serde(rename = "portLevelSettings", skip_serializing_if = "Vec::is_empty")]
    port_level_settings: Vec<PortSettings>,
    #[serde(rename = "retryBudget", skip_serializing_if = "Option::is_none")]
    retry_budget: Option<Budget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
}

/// An entry of `portLevelSettings`, which must have a field and inherits nothing from the policy around it.
#[derive(Debug, Serialize)]
struct PortSettings {
    #[serde(rename = "connectionPool", skip_serializing_if = "Option::is_none")]
    connection_pool: Option<Pool>,
    #[serde(rename = "outlierDetection", skip_serializing_if = "Option::is_none")]
    outlier_detection: Option<Ejection>,
    port: PortNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
}

/// `connectionPool`, which must have a field.
#[derive(Debug, Serialize)]
struct Pool {
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<HttpPool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<TcpPool>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct HttpPool {
    #[serde(rename = "http1MaxPendingRequests", skip_serializing_if = "Option::is_none")]
    pending_requests: Option<u32>,
    #[serde(rename = "http2MaxRequests", skip_serializing_if = "Option::is_none")]
    requests: Option<u32>,
    #[serde(rename = "idleTimeout", skip_serializing_if = "Option::is_none")]
    idle_timeout: Option<Duration>,
    #[serde(rename = "maxRequestsPerConnection", skip_serializing_if = "Option::is_none")]
    requests_per_connection: Option<u32>,
    #[serde(rename = "maxRetries", skip_serializing_if = "Option::is_none")]
    retries: Option<u32>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct TcpPool {
    #[serde(rename = "connectTimeout", skip_serializing_if = "Option::is_none")]
    connect_timeout: Option<Duration>,
    #[serde(rename = "idleTimeout", skip_serializing_if = "Option::is_none")]
    idle_timeout: Option<Duration>,
    #[serde(rename = "maxConnections", skip_serializing_if = "Option::is_none")]
    connections: Option<u32>,
}

/// `outlierDetection`. `maxEjectionPercent` is always there: the default of 10 ejects nobody from fewer than ten pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Ejection {
    #[serde(rename = "baseEjectionTime", skip_serializing_if = "Option::is_none")]
    ejection: Option<Duration>,
    #[serde(rename = "consecutive5xxErrors", skip_serializing_if = "Option::is_none")]
    consecutive_5xx: Option<u32>,
    #[serde(rename = "consecutiveGatewayErrors", skip_serializing_if = "Option::is_none")]
    consecutive_gateway_errors: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<Duration>,
    #[serde(rename = "maxEjectionPercent")]
    max_ejected: u32,
}

impl From<&OutlierDetection> for Ejection {
    fn from(stated: &OutlierDetection) -> Self {
        Self {
            ejection: stated.ejection.map(AsText),
            consecutive_5xx: stated.consecutive_5xx,
            consecutive_gateway_errors: stated.consecutive_gateway_errors,
            interval: stated.interval.map(AsText),
            max_ejected: stated.max_ejected,
        }
    }
}

/// `retryBudget`. `percent` is always there: istiod 1.27 to 1.29.0 take its absence for 0.2.
#[derive(Debug, Serialize)]
struct Budget {
    #[serde(rename = "minRetryConcurrency", skip_serializing_if = "Option::is_none")]
    min_concurrency: Option<u32>,
    percent: u32,
}

/// `tls`. Only ever `DISABLE`, beside a PeerAuthentication that says so (KIA0505, KIA0506); otherwise Istio finds out
/// by itself what a pod speaks.
#[derive(Debug, Serialize)]
struct Tls {
    mode: &'static str,
}

/// What a port states, as far as a DestinationRule says it and `portLevelSettings` can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stated {
    pool: ConnectionPool,
    connect_timeout: Option<Millis>,
    idle_timeout: Option<Millis>,
    ejection: Option<Ejection>,
    plaintext: bool,
}

impl Stated {
    fn new(service: &Service, port: &Port) -> Self {
        let traffic = &port.traffic;
        Self {
            pool: traffic.connection_pool,
            connect_timeout: traffic.connect_timeout,
            idle_timeout: traffic.idle_timeout,
            ejection: traffic.outlier_detection.as_ref().map(Ejection::from),
            plaintext: port.mtls.unwrap_or(service.mtls) == MtlsMode::Disable,
        }
    }

    /// For ports of which some speak HTTP (`http`) and some do not (`tcp`): each has its own idle timeout.
    fn pool(&self, http: bool, tcp: bool) -> Option<Pool> {
        let idle = self.idle_timeout.map(AsText);
        let in_http = HttpPool {
            pending_requests: self.pool.pending_requests,
            requests: self.pool.requests,
            idle_timeout: idle.filter(|_| http),
            requests_per_connection: self.pool.requests_per_connection,
            retries: self.pool.retries,
        };
        let in_tcp = TcpPool {
            connect_timeout: self.connect_timeout.map(AsText),
            idle_timeout: idle.filter(|_| tcp),
            connections: self.pool.connections,
        };
        let http = (in_http != HttpPool::default()).then_some(in_http);
        let tcp = (in_tcp != TcpPool::default()).then_some(in_tcp);
        (http.is_some() || tcp.is_some()).then_some(Pool { http, tcp })
    }

    fn tls(&self) -> Option<Tls> {
        self.plaintext.then_some(Tls { mode: MtlsMode::Disable.istio_name() })
    }
}

/// Writes the DestinationRule of each host of a service about which there is anything to say.
pub(super) fn put(mesh: &Mesh, namespace: &Namespace, service: &Service, sink: &mut impl Sink) {
    for host in &service.hosts {
        let policy = policy(service, host);
        if host.ports.is_empty() || (policy.is_none() && service.routing.is_none()) {
            continue;
        }
        let fqdn = names::fqdn(&host.name, namespace, &mesh.target);
        let subsets = service
            .routing
            .iter()
            .flat_map(|routing| &routing.subsets)
            .map(|subset| Subset { labels: Single("version", &subset.version), name: &subset.name });
        let spec = DestinationRule { host: &fqdn, subsets: subsets.collect(), traffic_policy: policy };
        let own = host.name == service.name;
        let place = Place {
            namespace: namespace.rendered.clone(),
            name: host.name.clone(),
            path: names::service_file(DESTINATION_RULE, namespace, service, (!own).then_some(host.name.as_str())),
            span: service.span,
        };
        resource::put(sink, DESTINATION_RULE, place, Marks::default(), Some(spec), None);
    }
}

/// The ports of a host with their numbers.
pub(super) fn ports<'a>(service: &'a Service, host: &'a Host) -> impl Iterator<Item = (u16, &'a Port)> + Clone {
    host.ports.iter().filter_map(|(number, port)| Some((*number, service.ports.get(*port)?)))
}

/// What all ports of a host state alike; nothing where they differ or there are none.
pub(super) fn uniform(service: &Service, host: &Host) -> Option<Stated> {
    let mut stated = ports(service, host).map(|(_, port)| Stated::new(service, port));
    let first = stated.next()?;
    stated.all(|other| other == first).then_some(first)
}

/// The budget of a host's retries. `check` sees to it that there is one only, and no port-level settings beside it.
fn budget(service: &Service, host: &Host) -> Option<RetryBudget> {
    ports(service, host)
        .filter(|(_, port)| port.protocol.is_http())
        .find_map(|(_, port)| port.traffic.retry.as_ref().and_then(|retry| retry.budget))
}

fn policy(service: &Service, host: &Host) -> Option<TrafficPolicy> {
    let retry_budget =
        budget(service, host).map(|budget| Budget { min_concurrency: budget.min_concurrency, percent: budget.percent });
    let policy = match uniform(service, host) {
        Some(stated) => TrafficPolicy {
            connection_pool: stated.pool(
                ports(service, host).any(|(_, port)| port.protocol.is_http()),
                ports(service, host).any(|(_, port)| !port.protocol.is_http()),
            ),
            outlier_detection: stated.ejection,
            port_level_settings: Vec::new(),
            retry_budget,
            tls: stated.tls(),
        },
        None => TrafficPolicy {
            connection_pool: None,
            outlier_detection: None,
            port_level_settings: ports(service, host)
                .filter_map(|(number, port)| {
                    port_settings(&Stated::new(service, port), number, port.protocol.is_http())
                })
                .collect(),
            retry_budget,
            tls: None,
        },
    };
    let TrafficPolicy { connection_pool, outlier_detection, port_level_settings, retry_budget, tls } = &policy;
    let empty = connection_pool.is_none()
        && outlier_detection.is_none()
        && port_level_settings.is_empty()
        && retry_budget.is_none()
        && tls.is_none();
    (!empty).then_some(policy)
}

fn port_settings(stated: &Stated, number: u16, http: bool) -> Option<PortSettings> {
    let (connection_pool, tls) = (stated.pool(http, !http), stated.tls());
    let any = connection_pool.is_some() || stated.ejection.is_some() || tls.is_some();
    let port = PortNumber { number };
    any.then_some(PortSettings { connection_pool, outlier_detection: stated.ejection, port, tls })
}
