//! What the files of a project declare, with names still as written.

use super::setting::Layer;
use crate::consequence::Extent;
use crate::model::release::Freeze;
use crate::model::target::{IstioVersion, Profile};
use crate::model::traffic::Millis;
use crate::model::{Authorization, Injection, Listener, MtlsMode};
use crate::source::{Span, Spanned, Text};

/// Everything that one file, or all files of a project, declare.
#[derive(Debug, Default)]
pub struct Declarations {
    /// `use`.
    pub uses: Vec<Use>,
    /// `mesh`; a project has one.
    pub meshes: Vec<MeshDecl>,
    /// `namespace`, each opening on its own.
    pub namespaces: Vec<NamespaceDecl>,
    /// `service`.
    pub services: Vec<ServiceDecl>,
    /// `caller`.
    pub callers: Vec<CallerDecl>,
    /// `gateway`.
    pub gateways: Vec<GatewayDecl>,
    /// `preset`.
    pub presets: Vec<PresetDecl>,
    /// `environment`, each opening on its own.
    pub environments: Vec<EnvironmentDecl>,
    /// A declaration's head could not be read, so that names may be missing that other declarations use.
    /// Unknown names are then not reported: they would be consequences.
    pub names_missing: bool,
    /// Where each service, caller and gateway stands, in the order of the text.
    pub extents: Vec<Extent>,
}

impl Declarations {
    /// Takes over what another file declares.
    pub fn append(&mut self, mut other: Declarations) {
        self.uses.append(&mut other.uses);
        self.meshes.append(&mut other.meshes);
        self.namespaces.append(&mut other.namespaces);
        self.services.append(&mut other.services);
        self.callers.append(&mut other.callers);
        self.gateways.append(&mut other.gateways);
        self.presets.append(&mut other.presets);
        self.environments.append(&mut other.environments);
        self.names_missing |= other.names_missing;
        self.extents.append(&mut other.extents);
    }
}

/// `use std/grpc` or `use "file.mesh"`.
#[derive(Debug, Clone)]
pub struct Use {
    /// Where.
    pub span: Span,
    /// What.
    pub target: UseTarget,
}

/// What `use` brings in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UseTarget {
    /// A page of the standard library, without `std/`.
    Std(Text),
    /// A file, relative to the one that uses it.
    File(Text),
}

/// Settings that a mesh, a namespace and an environment share.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `mtls`.
    pub mtls: Option<Spanned<MtlsMode>>,
    /// `authorization`.
    pub authorization: Option<Spanned<Authorization>>,
    /// `owner`.
    pub owner: Option<Spanned<Text>>,
    /// `injection`.
    pub injection: Option<Spanned<Injection>>,
    /// `inventory`: files or patterns, relative to the file of their span.
    pub inventory: Vec<Spanned<Text>>,
    /// `protos`, likewise.
    pub protos: Vec<Spanned<Text>>,
    /// `raw`, likewise.
    pub raw: Vec<Spanned<Text>>,
}

/// `mesh NAME { … }`.
#[derive(Debug, Clone)]
pub struct MeshDecl {
    /// Its name.
    pub name: Spanned<Text>,
    /// The head.
    pub span: Span,
    /// Reported by the parser already.
    pub broken: bool,
    /// Shared settings.
    pub scope: Scope,
    /// `namespace`: where services and callers outside of namespace blocks live.
    pub namespace: Option<Spanned<Text>>,
    /// `root`: the folder that paths must stay in, relative to the project's.
    pub root: Option<Spanned<Text>>,
    /// `requires`: the oldest compiler, as major, minor and patch.
    pub requires: Option<Spanned<Text>>,
}

/// `namespace NAME { … }` without its services and callers.
#[derive(Debug, Clone)]
pub struct NamespaceDecl {
    /// Its name.
    pub name: Spanned<Text>,
    /// Shared settings.
    pub scope: Scope,
}

/// `service NAME is PRESETS { … }`, as a declaration or as an environment's override.
#[derive(Debug, Clone)]
pub struct ServiceDecl {
    /// The namespace whose block it stands in, or that an override names.
    pub namespace: Option<Spanned<Text>>,
    /// Its name.
    pub name: Spanned<Text>,
    /// `is A, B`.
    pub presets: Vec<Spanned<Text>>,
    /// What its block states.
    pub layer: Layer,
    /// The head.
    pub span: Span,
    /// Reported by the parser already.
    pub broken: bool,
}

/// `caller NAME { … }`.
#[derive(Debug, Clone)]
pub struct CallerDecl {
    /// The namespace whose block it stands in, or that an override names.
    pub namespace: Option<Spanned<Text>>,
    /// Its name.
    pub name: Spanned<Text>,
    /// `service-account SA` or `NS/SA`.
    pub account: Option<Spanned<(Option<Text>, Text)>>,
    /// `sidecar none`.
    pub no_sidecar: Option<Span>,
    /// The head.
    pub span: Span,
    /// Reported by the parser already.
    pub broken: bool,
}

/// Namespace and labels of a gateway's pods, sorted by key.
pub type Pods = (Text, Vec<(Text, Text)>);

/// `gateway NAME { … }`.
#[derive(Debug, Clone)]
pub struct GatewayDecl {
    /// Its name.
    pub name: Spanned<Text>,
    /// `pods NS key=value`.
    pub pods: Option<Spanned<Pods>>,
    /// `service-account NS/SA`.
    pub account: Option<Spanned<(Text, Text)>>,
    /// `resource NS/NAME`.
    pub resource: Option<Spanned<(Text, Text)>>,
    /// `listen`.
    pub listen: Vec<Listener>,
    /// `listener PORT`.
    pub listener: Option<Spanned<u16>>,
    /// `trusted-proxies N`.
    pub trusted_proxies: Option<Spanned<u32>>,
    /// The head.
    pub span: Span,
    /// Reported by the parser already.
    pub broken: bool,
}

impl GatewayDecl {
    /// A gateway of which nothing is stated yet.
    pub fn new(name: Spanned<Text>, span: Span, broken: bool) -> Self {
        Self {
            name,
            pods: None,
            account: None,
            resource: None,
            listen: Vec::new(),
            listener: None,
            trusted_proxies: None,
            span,
            broken,
        }
    }
}

/// `preset NAME is PARENTS { … }`.
#[derive(Debug, Clone)]
pub struct PresetDecl {
    /// Its name.
    pub name: Spanned<Text>,
    /// `is A, B`.
    pub parents: Vec<Spanned<Text>>,
    /// What its block states.
    pub layer: Layer,
    /// Reported by the parser already.
    pub broken: bool,
}

/// `environment NAME { … }`, one opening of it.
#[derive(Debug, Clone)]
pub struct EnvironmentDecl {
    /// Its name.
    pub name: Spanned<Text>,
    /// Reported by the parser already.
    pub broken: bool,
    /// Shared settings.
    pub scope: Scope,
    /// `target istio 1.31 profile default`.
    pub target: Option<Spanned<TargetDecl>>,
    /// `trust-domain`.
    pub trust_domain: Option<Spanned<Text>>,
    /// `cluster-domain`.
    pub cluster_domain: Option<Spanned<Text>>,
    /// `sync`.
    pub sync: Option<Spanned<SyncEngine>>,
    /// `prometheus "URL" { … }`.
    pub prometheus: Option<Spanned<PrometheusDecl>>,
    /// `deploy { … }`.
    pub deploy: Option<Spanned<DeployDecl>>,
    /// `after ENVIRONMENT`.
    pub after: Option<Spanned<Text>>,
    /// `settle DURATION`.
    pub settle: Option<Spanned<Millis>>,
    /// `freeze FROM to UNTIL`.
    pub freezes: Vec<Spanned<Freeze>>,
    /// `notify webhook-file "…"`, `notify command "…"`.
    pub notify: Vec<Spanned<NotifyDecl>>,
    /// `namespace A as B`.
    pub namespace_names: Vec<(Spanned<Text>, Spanned<Text>)>,
    /// `host A as B`.
    pub host_names: Vec<(Spanned<Text>, Spanned<Text>)>,
    /// `patch "file"`.
    pub patches: Vec<Spanned<Text>>,
    /// `service X { … }`.
    pub services: Vec<ServiceDecl>,
    /// `caller X { … }`.
    pub callers: Vec<CallerDecl>,
    /// `gateway X { … }`.
    pub gateways: Vec<GatewayDecl>,
    /// `namespace X { … }`.
    pub namespaces: Vec<NamespaceDecl>,
}

/// `target`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetDecl {
    /// The version.
    pub istio: IstioVersion,
    /// The profile.
    pub profile: Profile,
}

/// What brings commits to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncEngine {
    /// Argo CD.
    ArgoCd,
    /// Flux.
    Flux,
    /// Nothing: people apply by hand.
    None,
}

/// `notify`: who is told what became of a release, by the commands that run in the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyDecl {
    /// Who is told.
    pub target: NotifyTarget,
    /// Of what.
    pub events: Vec<NotifyEvent>,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyTarget {
    /// A webhook whose URL is in a file. Relative paths begin where the command runs.
    WebhookFile(Text),
    /// A program with its arguments.
    Command(Vec<Text>),
}

/// What can become of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyEvent {
    /// Its next stage began.
    Promoted,
    /// It went back on evidence, and is held.
    Aborted,
    /// Its last stage is passed.
    Finished,
    /// A person took it back, and it is held.
    RolledBack,
    /// A person lifted its hold.
    Resumed,
    /// It could not be decided about.
    Failed,
}

impl NotifyEvent {
    /// All, in the order of the reference.
    pub const ALL: [Self; 6] =
        [Self::Promoted, Self::Aborted, Self::Finished, Self::RolledBack, Self::Resumed, Self::Failed];

    /// As the language spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Aborted => "aborted",
            Self::Finished => "finished",
            Self::RolledBack => "rolled-back",
            Self::Resumed => "resumed",
            Self::Failed => "failed",
        }
    }
}

/// `prometheus`: where gates are measured. Files are named, never their content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrometheusDecl {
    /// The server.
    pub url: Text,
    /// `bearer-token-file` and the like: option and path.
    pub options: Vec<(Text, Text)>,
}

/// `deploy`: where rendered files are published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployDecl {
    /// `repository`: a URL, or a path relative to the file that states it.
    pub repository: Option<Spanned<Text>>,
    /// `branch`.
    pub branch: Option<Text>,
    /// `folder`.
    pub folder: Option<Text>,
}
