//! Plaintext: it is sent only where every policy that may be live accepts it, and whoever sends it has no identity.

use std::collections::BTreeSet;

use serde_json::Value;

use super::objects::{Key, Object, Version};

/// What other kinds have to know about modes.
#[derive(Debug, Default)]
pub(super) struct Plaintext<'o> {
    /// DestinationRules that may not send more plaintext than is published.
    pub(super) waiting: BTreeSet<&'o Key>,
    /// Folders of services with a port that may still take plaintext only, and will not.
    pub(super) services: BTreeSet<&'o str>,
    /// Namespaces of which the same holds.
    pub(super) namespaces: BTreeSet<&'o str>,
}

impl Plaintext<'_> {
    /// Whether callers of a service may still have no identity, though they will have one.
    pub(super) fn hides_callers(&self, key: &Key, version: &Version) -> bool {
        self.services.contains(version.folder()) || self.namespaces.contains(key.namespace.as_str())
    }

    /// Takes from a rule what it must not say yet. Whether there was something.
    pub(super) fn take_from(&self, key: &Key, object: &Object, value: &mut Value) -> bool {
        if !self.waiting.contains(key) {
            return false;
        }
        let published = object.tip().map(ports).unwrap_or_default();
        let Some(policy) = value.pointer_mut("/spec/trafficPolicy").and_then(Value::as_object_mut) else {
            return false;
        };
        let mut taken = false;
        if policy.get("tls").is_some_and(is_off) && !published.contains(&None) {
            policy.remove("tls");
            taken = true;
        }
        if let Some(list) = policy.get_mut("portLevelSettings").and_then(Value::as_array_mut) {
            for entry in list.iter_mut() {
                if entry.get("tls").is_some_and(is_off)
                    && !published.contains(&number(entry))
                    && let Some(entry) = entry.as_object_mut()
                {
                    entry.remove("tls");
                    taken = true;
                }
            }
            // An entry must have a field beside its port (istio 1.31, pkg/config/validation/validation.go).
            list.retain(|entry| entry.as_object().is_none_or(|entry| entry.len() > 1));
            if list.is_empty() {
                policy.remove("portLevelSettings");
            }
        }
        if policy.is_empty()
            && let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut)
        {
            spec.remove("trafficPolicy");
        }
        taken
    }
}

fn is_off(tls: &Value) -> bool {
    tls.get("mode").and_then(Value::as_str) == Some("DISABLE")
}

fn number(entry: &Value) -> Option<u64> {
    entry.pointer("/port/number").and_then(Value::as_u64)
}

/// Service ports to which a rule sends plaintext; none stands for all that have no settings of their own.
fn ports(version: &Version) -> BTreeSet<Option<u64>> {
    let settings = version.at("/spec/trafficPolicy/portLevelSettings").and_then(Value::as_array).into_iter().flatten();
    let of_ports = settings.filter(|entry| entry.get("tls").is_some_and(is_off)).map(number);
    let of_all = version.at("/spec/trafficPolicy/tls").filter(|tls| is_off(tls)).map(|_| None);
    of_ports.chain(of_all).collect()
}

/// Whether a version that may be live sends plaintext that the declared one does not.
pub(super) fn sends_less(rule: &Object) -> bool {
    let declared = rule.desired.as_ref().map(ports).unwrap_or_default();
    rule.live.iter().flatten().any(|version| !ports(version).is_subset(&declared))
}

/// Whether the declared version sends plaintext that one that may be live does not.
pub(super) fn sends_more(rule: &Object) -> bool {
    let declared = rule.desired.as_ref().map(ports).unwrap_or_default();
    rule.live.iter().any(|version| !declared.is_subset(&version.as_ref().map(ports).unwrap_or_default()))
}
