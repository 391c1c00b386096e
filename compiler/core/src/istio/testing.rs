//! Small meshes built by hand, random ones, and a sink that keeps what it is given. For the tests of every stage that
//! comes behind `check`.

pub(crate) mod random;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::bundle::{FilePath, Head, Sink};
use crate::model::access::{Grant, Operation, Peer};
use crate::model::release::{Routing, Subset};
use crate::model::target::{IstioVersion, Profile, Target};
use crate::model::traffic::{LimitKey, Millis, RateLimit, Retry, Traffic};
use crate::model::{
    Authorization, Exposure, Gateway, Host, Mesh, MtlsMode, Namespace, PathPattern, Port, Protocol, Service,
};
use crate::source::{FileId, Span, Text};

/// A resource as a sink got it.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) head: Head,
    pub(crate) value: Value,
    pub(crate) held: Option<Value>,
    /// As the serialiser wrote it: fields in the order of their declaration.
    pub(crate) text: String,
}

/// Keeps everything, by path.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) all: BTreeMap<FilePath, Recorded>,
}

impl Sink for Recorder {
    fn put<T: Serialize>(&mut self, head: Head, object: &T, held: Option<&T>) {
        let value = serde_json::to_value(object).expect("resources are plain data");
        let held = held.map(|held| serde_json::to_value(held).expect("resources are plain data"));
        let text = serde_json::to_string(object).expect("resources are plain data");
        let path = head.path.clone();
        let before = self.all.insert(path.clone(), Recorded { head, value, held, text });
        assert!(before.is_none(), "two resources in {path:?}");
    }
}

impl Recorder {
    /// Everything of a mesh.
    pub(crate) fn render(mesh: &Mesh) -> Self {
        let mut sink = Self::default();
        for namespace in &mesh.namespaces {
            super::namespace(mesh, namespace, &mut sink);
            for service in &namespace.services {
                super::service(mesh, namespace, service, &mut sink);
            }
        }
        super::gateways(mesh, &mut sink);
        sink
    }

    /// The resource in a file: `boutique/frontend/virtual-service.yaml`, `boutique/namespace.yaml`.
    pub(crate) fn get(&self, path: &str) -> &Recorded {
        self.find(path).unwrap_or_else(|| panic!("no {path} among {:?}", self.paths()))
    }

    /// The same, where it may be absent.
    pub(crate) fn find(&self, path: &str) -> Option<&Recorded> {
        self.all.iter().find(|(file, _)| text(file) == path).map(|(_, recorded)| recorded)
    }

    /// Every path, sorted.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.all.keys().map(text).collect()
    }

    /// Every resource of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Recorded> {
        self.all.values().filter(move |recorded| recorded.head.kind == kind)
    }
}

fn text(file: &FilePath) -> String {
    let parts = [&file.namespace, &file.service, &file.file];
    parts.into_iter().filter(|part| !part.is_empty()).map(Text::as_str).collect::<Vec<_>>().join("/")
}

/// The `n`th place of an empty file: enough to tell places apart.
pub(crate) fn span(n: usize) -> Span {
    Span::new(FileId(0), n, n + 1)
}

/// A strict mesh for Istio 1.31 without services: namespace `boutique`, environment `prod`.
pub(crate) fn mesh(services: Vec<Service>) -> Mesh {
    Mesh {
        environment: "prod".into(),
        target: Target {
            istio: IstioVersion::NEWEST,
            span: span(0),
            profile: Profile::Default,
            trust_domain: "cluster.local".into(),
            cluster_domain: "cluster.local".into(),
        },
        authorization: Authorization::DenyByDefault,
        namespaces: vec![Namespace {
            name: "boutique".into(),
            rendered: "boutique".into(),
            mtls: MtlsMode::Strict,
            injection: None,
            services,
            raw: Vec::new(),
        }],
        gateways: vec![gateway("ingress")],
    }
}

/// A gateway whose Gateway resource exists: pods in `istio-system`, `istio-system/public`, listener 443.
pub(crate) fn gateway(name: &str) -> Gateway {
    Gateway {
        name: name.into(),
        span: span(1),
        folder: "istio-system".into(),
        namespace: "istio-system".into(),
        selector: vec![("istio".into(), "ingressgateway".into())],
        resource: ("istio-system".into(), "public".into()),
        listen: Vec::new(),
        listener: 443,
        trusted_proxies: Some(1),
    }
}

/// A service without callers: selector `app: NAME`, its own Service, ports (Service port, container port, protocol).
/// Service port 0: none.
pub(crate) fn service(name: &str, ports: &[(u16, u16, Protocol)]) -> Service {
    let numbers = ports.iter().enumerate().filter(|(_, (number, ..))| *number != 0);
    let mut numbers: Vec<(u16, usize)> = numbers.map(|(index, (number, ..))| (*number, index)).collect();
    numbers.sort_unstable();
    Service {
        name: name.into(),
        span: span(10),
        hosts: vec![Host { name: name.into(), ports: numbers }],
        selector: vec![("app".into(), name.into())],
        ports: ports.iter().map(|(_, container, protocol)| port(*container, *protocol)).collect(),
        mtls: MtlsMode::Strict,
        grants: Vec::new(),
        exposures: Vec::new(),
        routing: None,
        rate_limits: Vec::new(),
        replicas: None,
        owner: None,
        raw: Vec::new(),
    }
}

/// A port that states nothing.
pub(crate) fn port(container: u16, protocol: Protocol) -> Port {
    Port {
        span: span(20 + usize::from(container)),
        container,
        protocol,
        mtls: None,
        traffic: Traffic::default(),
        rate_limits: None,
    }
}

/// Everything on these ports for an account of namespace `boutique`.
pub(crate) fn grant(account: &str, ports: &[u16], operations: Vec<Operation>) -> Grant {
    Grant { span: span(30), peer: Peer::Account("boutique".into(), account.into()), operations, ports: ports.to_vec() }
}

/// Repeats on these conditions.
pub(crate) fn retry(attempts: u32, per_try: Option<u64>, on: &[&str]) -> Retry {
    Retry {
        span: span(40),
        attempts,
        per_try: per_try.map(Millis),
        on: on.iter().map(Text::new).collect(),
        backoff: None,
        budget: None,
    }
}

/// Versions `v1`, `v2`, … with these weights now, and everything on the first under a hold.
pub(crate) fn routing(weights: &[u32]) -> Routing {
    let subset = |index: usize| {
        let version = Text::from(format!("v{}", index + 1));
        Subset { name: version.clone(), version }
    };
    Routing {
        subsets: (0..weights.len()).map(subset).collect(),
        weights: weights.iter().copied().enumerate().collect(),
        held: (0..weights.len()).map(|index| (index, if index == 0 { 100 } else { 0 })).collect(),
        next: None,
        release: true,
        plan: None,
        record: None,
        summary: String::new(),
    }
}

/// A limit for each minute.
pub(crate) fn limit(per: LimitKey, requests: u32) -> RateLimit {
    RateLimit { span: span(50), per, requests, window_seconds: 60, burst: None }
}

/// Paths of a host through the first gateway, to the service's first port on Service port `number`.
pub(crate) fn exposure(host: &str, path: PathPattern, number: u16) -> Exposure {
    Exposure { span: span(60), host: host.into(), path, gateway: 0, port: 0, port_number: number }
}

/// `metadata` of a resource without annotations.
pub(crate) fn metadata(namespace: &str, name: &str) -> Value {
    serde_json::json!({
        "labels": {"app.kubernetes.io/managed-by": "meshc"},
        "name": name,
        "namespace": namespace,
    })
}
