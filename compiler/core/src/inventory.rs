//! What a team's own Kubernetes manifests say: Services, workloads, ports, labels, accounts. Only what the mesh
//! needs is kept. Objects carry the namespace that their manifest states; a manifest without one belongs to the
//! default namespace of whoever asks.

pub mod address;
pub mod controller;
pub mod index;
mod layers;
mod protocol;
pub mod read;

use std::collections::BTreeMap;

use crate::source::{Span, Text};
use controller::{Controller, ControllerKind};

pub use read::read_all;

/// Objects by namespace and name. A later file of the same layer may not repeat an object; a later layer (an
/// environment's own inventory) replaces objects one by one.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Kubernetes Services, by (namespace, name).
    pub services: BTreeMap<(Text, Text), KubeService>,
    /// Deployments, StatefulSets, DaemonSets, Jobs, CronJobs and Pods, by (namespace, kind, name).
    pub workloads: BTreeMap<(Text, WorkloadKind, Text), Workload>,
    /// ServiceAccounts, by (namespace, name).
    pub accounts: BTreeMap<(Text, Text), Span>,
    /// Objects of other controllers that move requests, by (namespace, kind, name).
    pub controllers: BTreeMap<(Text, ControllerKind, Text), Controller>,
    /// Namespaces that the manifests spell differently from the sources: from the manifests' name to the sources'.
    pub renamed: BTreeMap<Text, Text>,
}

/// A Service.
#[derive(Debug, Clone)]
pub struct KubeService {
    /// Its namespace; empty where the manifest states none.
    pub namespace: Text,
    /// Its name.
    pub name: Text,
    /// `spec.type`.
    pub service_type: ServiceType,
    /// `clusterIP: None`: clients see the pods' addresses, so that the mesh does not choose among them.
    pub headless: bool,
    /// `spec.selector`.
    pub selector: BTreeMap<Text, Text>,
    /// `spec.ports`.
    pub ports: Vec<KubePort>,
    /// The line of `metadata.name`.
    pub span: Span,
}

/// `spec.type` of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceType {
    /// Inside the cluster only; the default.
    ClusterIp,
    /// Also on a port of every node.
    NodePort,
    /// Also behind a load balancer of the cloud.
    LoadBalancer,
    /// A name in DNS only.
    ExternalName,
}

/// A port of a Service.
#[derive(Debug, Clone)]
pub struct KubePort {
    /// `name`.
    pub name: Option<Text>,
    /// `port`: what callers dial.
    pub number: u16,
    /// `targetPort`: a container port or its name; the same as `port` where it is not stated.
    pub target: TargetPort,
    /// `appProtocol`, which Istio reads before the name.
    pub app_protocol: Option<Text>,
    /// `protocol: UDP` or `SCTP`, which the mesh does not carry.
    pub udp: bool,
    /// The line of the port.
    pub span: Span,
}

/// `targetPort` of a Service port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPort {
    /// A container port.
    Number(u16),
    /// The name of a container port, which each workload resolves for itself.
    Name(Text),
}

/// The kinds of workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet: as many pods as nodes.
    DaemonSet,
    /// `batch/v1` Job.
    Job,
    /// `batch/v1` CronJob.
    CronJob,
    /// A bare Pod.
    Pod,
}

/// Something that runs pods.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its namespace; empty where the manifest states none.
    pub namespace: Text,
    /// Its name.
    pub name: Text,
    /// Labels of its pods (the template's, not its own).
    pub labels: BTreeMap<Text, Text>,
    /// `serviceAccountName` of its pods; `default` where none is stated.
    pub service_account: Text,
    /// `replicas`; 1 where a Deployment or StatefulSet states none, nothing where the number is not known.
    pub replicas: Option<u32>,
    /// Ports that its containers name.
    pub container_ports: Vec<ContainerPort>,
    /// `sidecar.istio.io/inject` as label or annotation of its pods, where stated; `false` for pods on the host's
    /// network, which never get a sidecar.
    pub injected: Option<bool>,
    /// Environment variables with a literal value, of all containers and init containers.
    pub env: Vec<EnvVar>,
    /// `command` and `args` of all containers and init containers.
    pub args: Vec<Argument>,
    /// The line of `metadata.name`.
    pub span: Span,
}

/// A port that a container names.
#[derive(Debug, Clone)]
pub struct ContainerPort {
    /// `name`.
    pub name: Option<Text>,
    /// `containerPort`.
    pub number: u16,
}

/// An environment variable with a literal value.
#[derive(Debug, Clone)]
pub struct EnvVar {
    /// The container.
    pub container: Text,
    /// `name`.
    pub name: Text,
    /// `value`. May be a secret: never part of a message.
    pub value: String,
    /// The line of its `name`.
    pub span: Span,
}

/// A word of a container's `command` or `args`.
#[derive(Debug, Clone)]
pub struct Argument {
    /// The container.
    pub container: Text,
    /// The word; a whole script where a shell is called. May hold a secret: never part of a message.
    pub text: String,
    /// Its first line.
    pub span: Span,
}

impl WorkloadKind {
    /// The kind as Kubernetes spells it.
    pub const fn name(self) -> &'static str {
        match self {
            WorkloadKind::Deployment => "Deployment",
            WorkloadKind::StatefulSet => "StatefulSet",
            WorkloadKind::DaemonSet => "DaemonSet",
            WorkloadKind::Job => "Job",
            WorkloadKind::CronJob => "CronJob",
            WorkloadKind::Pod => "Pod",
        }
    }
}

impl Workload {
    /// Whether a Service with this selector sends requests to this workload's pods. An empty selector selects
    /// nothing (Kubernetes: a Service without selector has no endpoints of its own).
    pub fn matches(&self, selector: &BTreeMap<Text, Text>) -> bool {
        !selector.is_empty() && selector.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }
}
