//! One stated thing about a service. A layer (a preset, a service, an environment's block) is a list of changes in
//! the order in which they are written; layers are merged by key, so that everything which holds for all settings
//! (the same twice, two presets in conflict, removal, explanation) is written once.

pub use super::field::{CallerKey, Field, Key, OutlierField, PoolField, PortKey, RetryField};
use super::lookup::Lookup;
use crate::model::release::VersionDecl;
pub use crate::model::release::{Gate, Manual, Metric, NoData, Relative, Stage, Threshold};
use crate::model::traffic::Millis;
use crate::model::{MtlsMode, PathPattern, Protocol};
use crate::source::{Span, Spanned, Text};

/// What one block states, in the order written.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    /// The changes.
    pub changes: Vec<Change>,
    lookup: Lookup,
}

impl Layer {
    /// Adds a change.
    pub(crate) fn push(&mut self, change: Change) {
        self.lookup.push(&change.key, self.changes.iter().map(|change| &change.key));
        self.changes.push(change);
    }

    /// The first change that `is_about` names among those that `key` may be about.
    pub(crate) fn first_about(&self, key: &Key, is_about: impl Fn(&Change) -> bool) -> Option<&Change> {
        self.first(self.lookup.of(key), is_about)
    }

    /// The same among those that cover `key` or that it covers.
    pub(crate) fn first_within(&self, key: &Key, is_about: impl Fn(&Change) -> bool) -> Option<&Change> {
        self.first(self.lookup.within(key), is_about)
    }

    fn first(&self, found: impl Iterator<Item = usize>, is_about: impl Fn(&Change) -> bool) -> Option<&Change> {
        let about = |index: &usize| self.changes.get(*index).is_some_and(&is_about);
        found.filter(about).min().and_then(|index| self.changes.get(index))
    }
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
