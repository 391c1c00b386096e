//! Who may call a service, and what.

use super::PathPattern;
use crate::source::{Span, Text};

/// One caller and what it may call. All grants of a service are alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Where it is stated.
    pub span: Span,
    /// Who.
    pub peer: Peer,
    /// What; empty: everything on these ports.
    pub operations: Vec<Operation>,
    /// Container ports, sorted, never empty.
    pub ports: Vec<u16>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// Everybody, with or without an identity.
    Anyone,
    /// Workloads that run under this account, by namespace and name in the cluster.
    Account(Text, Text),
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// A gRPC method by its full path, `/pkg.Service/Method`.
    Rpc(Text),
    /// HTTP methods (empty: all) on a path.
    Http(Vec<Text>, PathPattern),
}
