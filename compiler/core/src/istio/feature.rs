//! What needs a newer Istio than the oldest target. Found by comparing the CRDs of istio/api field by field
//! (kubernetes/customresourcedefinitions.gen.yaml at the tags 1.24.0, 1.24.6, 1.25.0, 1.25.5, 1.26.0, 1.26.8, 1.27.0,
//! 1.28.0, 1.29.0, 1.30.0 and in module v1.31.4), and by reading istiod and its webhook at those tags and at
//! 1.31.0-rc.0. Every other field that this backend writes stands in the CRDs of 1.24.0 and of 1.31.4 alike.

use crate::model::target::IstioVersion;

/// A capability of Istio with the first version that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    /// `AuthorizationPolicy.spec.rules[].from[].source.serviceAccounts`: in the CRD of 1.25.0, not in 1.24.6.
    ServiceAccounts,
    /// `VirtualService.spec.http[].retries.backoff`: in the CRD and in istiod's route code of 1.26.0, not in 1.25.5.
    RetryBackoff,
    /// A descriptor without a value, one bucket for each value that comes: Envoy 1.34, which istio 1.26 ships. An
    /// older proxy refuses the whole listener, because the value had `min_len: 1` (envoy,
    /// api/envoy/extensions/common/ratelimit/v3/ratelimit.proto).
    WildcardDescriptors,
    /// `DestinationRule.spec.trafficPolicy.retryBudget`: in the CRD of 1.27.0, but the webhook of 1.27 does not count
    /// it as a field and refuses a policy with nothing else; 1.28.0 does (istio, pkg/config/validation/validation.go).
    /// Until 1.29 istiod drops it where a *subset* has a policy of its own (istio issue 59667), which is why none is
    /// written there, and takes an absent percent for 0.2 (issue 59504), which is why percent is always written.
    RetryBudget,
}

impl Feature {
    /// The first version that has it.
    pub(super) const fn since(self) -> IstioVersion {
        match self {
            Feature::ServiceAccounts => IstioVersion::new(25),
            Feature::RetryBackoff | Feature::WildcardDescriptors => IstioVersion::new(26),
            Feature::RetryBudget => IstioVersion::new(28),
        }
    }

    /// Whether `version` has it.
    pub(super) fn in_version(self, version: IstioVersion) -> bool {
        version >= self.since()
    }
}
