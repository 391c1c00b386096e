//! The checked mesh of one environment: the only thing a backend reads. Names are resolved, environments, presets,
//! inventory and state are applied, legal ranges hold. `check` is the only maker of a [`Mesh`].
//!
//! Spans are kept where a backend may have to refuse something that its target cannot express.

pub mod access;
pub mod release;
pub mod target;
pub mod traffic;

use crate::source::{Span, Text};
use access::Grant;
use release::Routing;
use target::Target;
use traffic::{RateLimit, Traffic};

/// The whole mesh as one environment has it.
#[derive(Debug, Clone)]
pub struct Mesh {
    /// The environment's logical name, which is also the name of its folder.
    pub environment: Text,
    /// What is rendered for.
    pub target: Target,
    /// What happens to callers that nobody allowed.
    pub authorization: Authorization,
    /// Sorted by logical name.
    pub namespaces: Vec<Namespace>,
    /// Sorted by name.
    pub gateways: Vec<Gateway>,
}

/// What happens to callers that nobody allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// They are refused, in every namespace of the mesh, also by workloads that nobody declared.
    DenyByDefault,
    /// They are counted and let through: for adoption.
    DryRun,
}

/// A namespace with its services.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// The name that sources use, and the folder's name.
    pub name: Text,
    /// The name in the cluster.
    pub rendered: Text,
    /// Mode of every workload that does not state its own.
    pub mtls: MtlsMode,
    /// Whether and how the namespace is labelled for sidecar injection; absent: somebody else labels it.
    pub injection: Option<Injection>,
    /// Sorted by name. A namespace of callers only has none, and is not rendered.
    pub services: Vec<Service>,
    /// Resources that pass through.
    pub raw: Vec<RawResource>,
}

/// How sidecars get into the pods of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Injection {
    /// `istio-injection: enabled`.
    Enabled,
    /// `istio.io/rev: REVISION`.
    Revision(Text),
}

/// Mode of PeerAuthentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MtlsMode {
    /// Plaintext only.
    Disable,
    /// Plaintext and mTLS.
    Permissive,
    /// mTLS only.
    Strict,
}

impl MtlsMode {
    /// As Istio spells it.
    pub const fn istio_name(self) -> &'static str {
        match self {
            MtlsMode::Disable => "DISABLE",
            MtlsMode::Permissive => "PERMISSIVE",
            MtlsMode::Strict => "STRICT",
        }
    }

    /// As the language spells it.
    pub const fn name(self) -> &'static str {
        match self {
            MtlsMode::Disable => "disable",
            MtlsMode::Permissive => "permissive",
            MtlsMode::Strict => "strict",
        }
    }
}

/// One service: one workload, reached by one Kubernetes Service or more.
#[derive(Debug, Clone)]
pub struct Service {
    /// Logical name: the folder's name, and the name of its Kubernetes Service.
    pub name: Text,
    /// Where it is declared.
    pub span: Span,
    /// Names of the Kubernetes Services on its pods: its own, then those of `also`, sorted.
    pub hosts: Vec<Host>,
    /// Labels that select its pods, sorted by key.
    pub selector: Vec<(Text, Text)>,
    /// Sorted by container port. Never empty.
    pub ports: Vec<Port>,
    /// Mode of its workload where it differs from its namespace's, or where one of its ports differs.
    pub mtls: MtlsMode,
    /// Who may call. Empty: nobody.
    pub grants: Vec<Grant>,
    /// Hosts and paths that gateways send to it, most specific path first within a host.
    pub exposures: Vec<Exposure>,
    /// Versions and weights; absent where the service states no version.
    pub routing: Option<Routing>,
    /// Limits on requests, on every port that speaks HTTP and has none of its own.
    pub rate_limits: Vec<RateLimit>,
    /// Pods of this service, where known.
    pub replicas: Option<u32>,
    /// Team to ask: `@shop`.
    pub owner: Option<Text>,
    /// Resources that pass through, in the service's folder.
    pub raw: Vec<RawResource>,
}

/// A Kubernetes Service on a service's pods.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name, without the namespace.
    pub name: Text,
    /// Its ports: number that callers dial, sorted, with the index into [`Service::ports`].
    pub ports: Vec<(u16, usize)>,
}

/// A container port.
#[derive(Debug, Clone)]
pub struct Port {
    /// Where it is stated.
    pub span: Span,
    /// The port of the container, which AuthorizationPolicy, PeerAuthentication and EnvoyFilter mean.
    pub container: u16,
    /// What it speaks.
    pub protocol: Protocol,
    /// Mode of this port where it differs from the service's.
    pub mtls: Option<MtlsMode>,
    /// How calls to it behave: the service's settings with those of the port's own block.
    pub traffic: Traffic,
    /// Limits of the port's own block, in place of the service's.
    pub rate_limits: Option<Vec<RateLimit>>,
}

/// What a port speaks, as far as Istio distinguishes it (istio 1.31, pkg/config/protocol/instance.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2.
    Http2,
    /// gRPC.
    Grpc,
    /// gRPC over HTTP/1.1.
    GrpcWeb,
    /// TLS of the application itself, HTTP inside.
    Https,
    /// TLS of the application itself.
    Tls,
    /// Bytes. `mongo`, `mysql` and `redis` are bytes to everything that this compiler writes.
    Tcp,
}

impl Protocol {
    /// Whether the proxy sees requests: routes, retries, timeouts, limits and operations need this.
    pub const fn is_http(self) -> bool {
        matches!(self, Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb)
    }

    /// Whether answers carry a gRPC status.
    pub const fn is_grpc(self) -> bool {
        matches!(self, Protocol::Grpc | Protocol::GrpcWeb)
    }

    /// As the language spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Http => "http",
            Protocol::Http2 => "http2",
            Protocol::Grpc => "grpc",
            Protocol::GrpcWeb => "grpc-web",
            Protocol::Https => "https",
            Protocol::Tls => "tls",
            Protocol::Tcp => "tcp",
        }
    }
}

/// A host and path that a gateway sends to a service.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// Where it is stated.
    pub span: Span,
    /// The host as clients of this environment spell it.
    pub host: Text,
    /// Which requests of the host.
    pub path: PathPattern,
    /// Index into [`Mesh::gateways`].
    pub gateway: usize,
    /// Index into [`Service::ports`].
    pub port: usize,
    /// The number of that port on the service's own Kubernetes Service.
    pub port_number: u16,
}

/// Paths of requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathPattern {
    /// Every path.
    All,
    /// `/p`: this path only.
    Exact(Text),
    /// `/p/**`: `/p` and everything below, without the `/**` here.
    Below(Text),
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PathPattern::All => f.write_str("/**"),
            PathPattern::Exact(path) => f.write_str(path),
            PathPattern::Below(path) => write!(f, "{path}/**"),
        }
    }
}

/// A gateway: pods that take requests from outside.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its name in the sources.
    pub name: Text,
    /// Where it is declared.
    pub span: Span,
    /// The namespace of its pods as sources name it, and the folder of what is written there.
    pub folder: Text,
    /// The namespace of its pods, in the cluster.
    pub namespace: Text,
    /// Labels of its pods, sorted by key.
    pub selector: Vec<(Text, Text)>,
    /// The Istio Gateway resource that routes attach to: (namespace, name) in the cluster.
    pub resource: (Text, Text),
    /// The Gateway resource, where this mesh writes it.
    pub listen: Vec<Listener>,
    /// The port that the limited and routed hosts are served on.
    pub listener: u16,
    /// How many trusted proxies stand before it (`numTrustedProxies`); absent where not stated.
    pub trusted_proxies: Option<u32>,
}

/// A server of a Gateway that this mesh writes.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Where it is stated.
    pub span: Span,
    /// Port of the gateway's pods.
    pub port: u16,
    /// `HTTP` or `HTTPS`.
    pub https: bool,
    /// Secret with certificate and key, for `https`.
    pub credential: Option<Text>,
    /// Answer with a redirect to HTTPS.
    pub redirect: bool,
}

/// A resource that the language does not know, passed through as it is.
#[derive(Debug, Clone)]
pub struct RawResource {
    /// Where the setting stands.
    pub span: Span,
    /// The object.
    pub value: serde_json::Value,
}
