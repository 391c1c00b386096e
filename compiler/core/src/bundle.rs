//! The product of a compilation: files in memory, in a fixed order, with their digests.

pub mod assemble;
pub mod digest;
mod held;
pub mod lock;
pub mod tree_update;
pub mod weights;
pub mod yaml;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::source::{Span, Text};

/// What a resource is and where it goes, beside its content.
#[derive(Debug, Clone)]
pub struct Head {
    /// `apiVersion`.
    pub api_version: Text,
    /// `kind`.
    pub kind: Text,
    /// `metadata.namespace`, as in the cluster; empty for a resource without one.
    pub namespace: Text,
    /// `metadata.name`.
    pub name: Text,
    /// Where the file goes.
    pub path: FilePath,
    /// The declaration that causes it.
    pub span: Span,
}

/// Takes resources from a backend one by one, so that no tree of a large mesh stands in memory as a whole.
pub trait Sink {
    /// Takes a whole object (`apiVersion`, `kind`, `metadata`, `spec`). `held` is the same object with the weights
    /// of a hold, given for every resource that carries weights of a release.
    fn put<T: Serialize>(&mut self, head: Head, object: &T, held: Option<&T>);
}

/// A file below the environment's folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePath {
    /// Logical namespace, or empty for what belongs to none.
    pub namespace: Text,
    /// The service's folder, or empty for what belongs to the namespace.
    pub service: Text,
    /// `KIND.yaml` or `KIND.NAME.yaml`.
    pub file: Text,
}

/// The rendering of one environment.
#[derive(Debug, Default)]
pub struct Bundle {
    /// Text by path, relative to the folder that holds all environments: `prod/boutique/…`.
    pub files: BTreeMap<String, String>,
    /// Files that carry weights of a release, as they are under a hold, patches included: what a prepared rollback
    /// publishes, and what their digests in locks are of. By the same paths.
    pub held: BTreeMap<String, String>,
    /// The declaration that causes a resource, by its path: what a plan points at. Kustomizations and locks have none.
    pub causes: BTreeMap<String, Span>,
    /// Objects of the rendering, without kustomization files and locks.
    pub resources: usize,
}
