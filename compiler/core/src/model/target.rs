//! What an environment is rendered for. Versions are versions, not numbers: 1.9 is older than 1.24.

use crate::source::{Span, Text};

/// What is rendered for.
#[derive(Debug, Clone)]
pub struct Target {
    /// Istio's version.
    pub istio: IstioVersion,
    /// Where it is stated.
    pub span: Span,
    /// Istio's installation profile.
    pub profile: Profile,
    /// Trust domain of the mesh; `cluster.local` where not stated, which Istio takes for the mesh's own domain
    /// and all its aliases (istio 1.31, pilot/pkg/security/trustdomain/bundle.go).
    pub trust_domain: Text,
    /// DNS suffix of the cluster, `cluster.local` where not stated.
    pub cluster_domain: Text,
}

/// A version of Istio, without the patch level, which changes no API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IstioVersion {
    /// Always 1 so far.
    pub major: u32,
    /// 24 to 31.
    pub minor: u32,
}

impl IstioVersion {
    /// Version 1.`minor`.
    pub const fn new(minor: u32) -> Self {
        Self { major: 1, minor }
    }

    /// The oldest version that is rendered for.
    pub const OLDEST: Self = Self::new(24);
    /// The newest version that is rendered for.
    pub const NEWEST: Self = Self::new(31);
}

impl std::fmt::Display for IstioVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Istio's installation profile, as far as it decides what may be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Everything is accepted.
    Default,
    /// A ValidatingAdmissionPolicy refuses every EnvoyFilter (istio 1.31,
    /// manifests/charts/istio-control/istio-discovery/templates/validatingadmissionpolicy.yaml).
    Stable,
}
