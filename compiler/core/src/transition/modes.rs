//! Modes of mTLS, and which of them may follow which.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::objects::Version;

/// The mode of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Disable,
    /// Nobody states one: permissive, unless the mesh as a whole states another, which is not known here.
    Absent,
    Permissive,
    Strict,
}

/// The modes that a policy states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Modes {
    pub(super) workload: Option<Mode>,
    /// By container port.
    pub(super) ports: BTreeMap<String, Mode>,
}

/// One policy: its versions that may be live, of which one is published, and the one that may follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Versions<'m, T> {
    pub(super) live: &'m [T],
    pub(super) tip: T,
    pub(super) next: T,
}

/// The policy of a workload that has none.
pub(super) const NO_POLICY: Versions<'static, Option<&'static Modes>> =
    Versions { live: &[None], tip: None, next: None };

impl Mode {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "DISABLE" => Self::Disable,
            "PERMISSIVE" => Self::Permissive,
            "STRICT" => Self::Strict,
            _ => return None,
        })
    }

    /// As a policy spells it.
    pub(super) fn istio_name(self) -> &'static str {
        match self {
            Self::Disable => "DISABLE",
            Self::Absent | Self::Permissive => "PERMISSIVE",
            Self::Strict => "STRICT",
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Disable => 0,
            Self::Absent | Self::Permissive => 1,
            Self::Strict => 2,
        }
    }

    /// The mode of a port by the policies of its workload and of its namespace (istio/api,
    /// security/v1beta1/peer_authentication.proto: the port's, else the workload's, else the namespace's).
    pub(super) fn effective(workload: Option<&Modes>, namespace: Option<Mode>, port: Option<&str>) -> Self {
        let of_port = port.and_then(|port| workload?.ports.get(port).copied());
        of_port.or(workload.and_then(|modes| modes.workload)).or(namespace).unwrap_or(Self::Absent)
    }

    /// This mode, or the one that has to be live before it, where `before` may be.
    pub(super) fn or_permissive(self, before: &BTreeSet<Self>, callers: Callers) -> Self {
        let direct = match self {
            Self::Strict => callers.may_be_asked(before),
            Self::Disable => callers.may_be_refused(before),
            Self::Absent | Self::Permissive => false,
        };
        if direct { self } else { Self::Permissive }
    }
}

impl Modes {
    /// What a version of a policy states.
    pub(super) fn of(version: &Version) -> Self {
        Self::of_object(&version.value)
    }

    /// What a policy states.
    pub(super) fn of_object(value: &Value) -> Self {
        let mode = |value: Option<&Value>| value.and_then(Value::as_str).and_then(Mode::of);
        let ports = value.pointer("/spec/portLevelMtls").and_then(Value::as_object).into_iter().flatten();
        Self {
            workload: mode(value.pointer("/spec/mtls/mode")),
            ports: ports.filter_map(|(port, own)| Some((port.clone(), mode(own.get("mode"))?))).collect(),
        }
    }
}

/// The modes of a port under every combination of versions that may be live: before the next versions are published,
/// and those that they add.
pub(super) fn outcomes(
    workload: Versions<'_, Option<&Modes>>,
    namespace: Versions<'_, Option<Mode>>,
    port: Option<&str>,
) -> (BTreeSet<Mode>, BTreeSet<Mode>) {
    let mut before = BTreeSet::new();
    for of_workload in workload.live {
        before.extend(namespace.live.iter().map(|own| Mode::effective(*of_workload, *own, port)));
    }
    let mut added = BTreeSet::new();
    if workload.next != workload.tip {
        let all = namespace.live.iter().chain([&namespace.next]);
        added.extend(all.map(|own| Mode::effective(workload.next, *own, port)));
    }
    if namespace.next != namespace.tip {
        let all = workload.live.iter().chain([&workload.next]);
        added.extend(all.map(|of_workload| Mode::effective(*of_workload, namespace.next, port)));
    }
    (before, added)
}

/// Callers that a mode would cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Callers {
    /// Somebody may still send plaintext, which STRICT refuses.
    pub(super) with_plaintext: bool,
    /// Somebody may still need an identity, which nobody has under DISABLE.
    pub(super) by_identity: bool,
}

impl Callers {
    /// Whether mTLS may be demanded of a port that may have these modes.
    fn may_be_asked(self, modes: &BTreeSet<Mode>) -> bool {
        let seen = |mode: &Mode| matches!(mode, Mode::Permissive | Mode::Strict);
        modes.iter().all(seen) && (!self.with_plaintext || modes.iter().all(|mode| *mode == Mode::Strict))
    }

    /// Whether mTLS may be switched off on a port that may have these modes.
    fn may_be_refused(self, modes: &BTreeSet<Mode>) -> bool {
        !modes.contains(&Mode::Strict) && (!self.by_identity || modes.iter().all(|mode| *mode == Mode::Disable))
    }
}

/// Whether a port may come to these modes. `goal` is its mode where everything is as declared.
pub(super) fn is_safe(before: &BTreeSet<Mode>, added: &BTreeSet<Mode>, goal: Mode, callers: Callers) -> bool {
    // Nothing weaker and nothing stricter than what there was and what there will be, even for a moment.
    let ranks = || before.iter().map(|mode| mode.rank()).chain([goal.rank()]);
    let (lowest, highest) = (ranks().min().unwrap_or_default(), ranks().max().unwrap_or_default());
    added.iter().all(|mode| {
        (lowest..=highest).contains(&mode.rank())
            && match mode {
                Mode::Strict => callers.may_be_asked(&before.union(added).copied().collect()),
                Mode::Disable => callers.may_be_refused(before),
                Mode::Absent | Mode::Permissive => true,
            }
    })
}
