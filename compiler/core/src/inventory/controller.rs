//! Objects of other controllers that move requests between versions by themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::WorkloadKind;
use crate::source::{Span, Text};

/// The kinds of objects whose controllers write weights into Istio's resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControllerKind {
    /// `argoproj.io` Rollout, of Argo Rollouts.
    Rollout,
    /// `flagger.app` Canary, of Flagger.
    Canary,
}

/// A Rollout or a Canary: what it says about whose requests it moves.
#[derive(Debug, Clone)]
pub struct Controller {
    /// Its kind.
    pub kind: ControllerKind,
    /// Its namespace; empty where the manifest states none.
    pub namespace: Text,
    /// Its name.
    pub name: Text,
    /// Labels that its pods carry for sure; empty where it runs those of another workload.
    pub labels: BTreeMap<Text, Text>,
    /// The workload whose pods it takes over: `workloadRef` of a Rollout, `targetRef` of a Canary.
    pub target: Option<(WorkloadKind, Text)>,
    /// Names of the Services, VirtualServices and DestinationRules that it writes.
    pub writes: BTreeSet<Text>,
    /// The line of `metadata.name`.
    pub span: Span,
}

impl ControllerKind {
    /// The kind as Kubernetes spells it.
    pub const fn name(self) -> &'static str {
        match self {
            ControllerKind::Rollout => "Rollout",
            ControllerKind::Canary => "Canary",
        }
    }

    /// The product whose controller acts on it.
    pub const fn product(self) -> &'static str {
        match self {
            ControllerKind::Rollout => "Argo Rollouts",
            ControllerKind::Canary => "Flagger",
        }
    }
}
