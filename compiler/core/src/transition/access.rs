//! Who may call: lists come before what denies the rest, and go after it; an added rule is live before another one
//! goes; and a list that asks for identities comes when callers have them, and goes before they lose them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::objects::{Decision, Decisions, Key, Kind, Object, Objects, Version, may_overlap, of_kind};
use super::plaintext::Plaintext;
use super::rules::Grants;

/// How many rules a policy may have (istio 1.31, manifests/charts/base/files/crd-all.gen.yaml).
const MOST_RULES: usize = 512;

/// What a policy does, as far as rules bind it.
#[derive(Debug, Clone, Copy)]
enum Effect<'v> {
    /// Denies what no list of the namespace allows.
    DenyRest,
    /// Allows what its rules say, to its pods, and nothing else.
    List { selector: Option<&'v Value>, rules: &'v [Value] },
    /// Nothing is enforced, or something that rules do not bind.
    Other,
}

impl<'v> Effect<'v> {
    fn of(version: Option<&'v Version>) -> Self {
        let Some(version) = version else { return Self::Other };
        let dry_run = version.at("/metadata/annotations/istio.io~1dry-run").and_then(Value::as_str);
        // As Go's `strconv.ParseBool` reads it (istio 1.31, pkg/config/validation/validation.go).
        let enforced = !dry_run.is_some_and(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"));
        let allows = version.at("/spec/action").and_then(Value::as_str).is_none_or(|action| action == "ALLOW");
        let targets = version.at("/spec/targetRefs").or_else(|| version.at("/spec/targetRef")).is_some();
        if !enforced || !allows || targets {
            return Self::Other;
        }
        let selector = version.at("/spec/selector/matchLabels");
        let rules = version.at("/spec/rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        match selector {
            None if rules.is_empty() => Self::DenyRest,
            _ => Self::List { selector, rules },
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Self::List { .. })
    }

    fn denies_rest(self) -> bool {
        matches!(self, Self::DenyRest)
    }
}

/// The policies of a namespace that differ.
#[derive(Default)]
struct Policies<'o> {
    all: Vec<(&'o Key, &'o Object)>,
}

/// A declared list that a state that may be live does not have as declared.
struct Arriving<'o> {
    key: &'o Key,
    selector: Option<&'o Value>,
}

/// Decides about AuthorizationPolicies.
pub(super) fn decide<'o>(objects: &'o Objects, plaintext: &Plaintext<'_>, out: &mut Decisions<'o>) {
    let mut namespaces: BTreeMap<&str, Policies<'o>> = BTreeMap::new();
    for (key, object) in of_kind(objects, Kind::AuthorizationPolicy) {
        namespaces.entry(&key.namespace).or_default().all.push((key, object));
    }
    for policies in namespaces.values() {
        let unlisted = policies.unlisted();
        let leaving = policies.leaving();
        let mut arriving = None;
        for (key, object) in &policies.all {
            let (tip, desired) = (Effect::of(object.tip()), Effect::of(object.desired.as_ref()));
            let decision = match (tip, desired) {
                (Effect::Other | Effect::List { .. }, Effect::DenyRest) => unlisted.map(|list| Decision::Kept {
                    why: format!("the list `{}` must be live before the rest is denied", list.name),
                }),
                (_, Effect::List { rules, .. }) if hidden(key, object, rules, plaintext) => Some(Decision::Kept {
                    why: "mTLS must be accepted everywhere before callers are told apart".to_owned(),
                }),
                (Effect::List { .. }, Effect::List { .. }) => extended(object),
                (Effect::List { selector, .. }, Effect::Other) => match leaving {
                    Some(denying) => Some(Decision::Kept {
                        why: format!("it stays until `{}`, which denies the rest, is gone", denying.name),
                    }),
                    None if object.desired.is_none() => {
                        let arriving = arriving.get_or_insert_with(|| policies.arriving());
                        let follows = |other: &&Arriving<'_>| may_overlap(selector, other.selector);
                        arriving.iter().find(follows).map(|other| Decision::Kept {
                            why: format!("it stays until `{}`, which is for the same pods, is live", other.key.name),
                        })
                    }
                    None => None,
                },
                _ => None,
            };
            out.extend(decision.map(|decision| (*key, decision)));
        }
    }
}

impl<'o> Policies<'o> {
    /// A declared list that is not enforced in every state that may be live.
    fn unlisted(&self) -> Option<&'o Key> {
        let missing = |(_, object): &&(&Key, &Object)| {
            Effect::of(object.desired.as_ref()).is_list()
                && !object.live.iter().all(|version| Effect::of(version.as_ref()).is_list())
        };
        self.all.iter().find(missing).map(|(key, _)| *key)
    }

    /// What denies the rest in a state that may be live, and no longer where everything is as declared.
    fn leaving(&self) -> Option<&'o Key> {
        let denies = |version: &Option<Version>| Effect::of(version.as_ref()).denies_rest();
        if self.all.iter().any(|(_, object)| denies(&object.desired)) {
            return None;
        }
        self.all.iter().find(|(_, object)| object.live.iter().any(denies)).map(|(key, _)| *key)
    }

    /// Declared lists that a state that may be live does not have as declared.
    fn arriving(&self) -> Vec<Arriving<'o>> {
        let arriving = |(key, object): &(&'o Key, &'o Object)| {
            let Effect::List { selector, rules } = Effect::of(object.desired.as_ref()) else { return None };
            (!covered(object, &Grants::of(rules))).then_some(Arriving { key, selector })
        };
        self.all.iter().filter_map(arriving).collect()
    }
}

/// Whether all states that may be live admit all this.
fn covered(object: &Object, grants: &Grants<'_>) -> bool {
    object.live.iter().all(|version| match Effect::of(version.as_ref()) {
        Effect::List { rules, .. } => Grants::of(rules).cover(grants),
        _ => false,
    })
}

/// Whether a list that admits less than is published would meet callers whose identities it cannot see yet.
fn hidden(key: &Key, object: &Object, rules: &[Value], plaintext: &Plaintext<'_>) -> bool {
    let admits_less = match Effect::of(object.tip()) {
        Effect::List { rules: before, .. } => !Grants::of(rules).cover(&Grants::of(before)),
        Effect::DenyRest | Effect::Other => true,
    };
    object.desired.as_ref().is_some_and(|version| plaintext.hides_callers(key, version)) && admits_less
}

/// Whether a list that may be live asks for identities where anybody will be admitted.
pub(super) fn identifies(object: &Object) -> bool {
    let mut lists = object.live.iter().filter_map(|version| match Effect::of(version.as_ref()) {
        Effect::List { rules, .. } => Some(rules),
        Effect::DenyRest | Effect::Other => None,
    });
    match Effect::of(object.desired.as_ref()) {
        Effect::List { rules, .. } => {
            let anybody = Grants::of(rules).of_anybody();
            lists.any(|before| !Grants::of(before).cover(&anybody))
        }
        Effect::DenyRest => false,
        Effect::Other => lists.next().is_some(),
    }
}

/// A list that gains and loses: it has both until what it gains is live.
///
/// What it loses is taken from the published version alone. A policy is replaced as a whole, so that who is admitted by
/// all versions is never refused, whichever of them the cluster has; and what an older version admitted beyond the
/// published one was taken away by a commit that is already there.
fn extended(object: &Object) -> Option<Decision> {
    let (published, declared) = (object.tip()?, object.desired.as_ref()?);
    let (Effect::List { rules: before, .. }, Effect::List { rules: after, .. }) =
        (Effect::of(Some(published)), Effect::of(Some(declared)))
    else {
        return None;
    };
    let grants = Grants::of(after);
    let lost: BTreeSet<usize> =
        before.iter().enumerate().filter(|(_, rule)| !grants.cover_rule(rule)).map(|(index, _)| index).collect();
    if lost.is_empty() || covered(object, &grants) {
        return None;
    }
    let why = "what it newly allows must be live before it loses something".to_owned();
    let same_pods = published.at("/spec/selector") == declared.at("/spec/selector");
    if same_pods && Grants::of(before).cover(&grants) {
        return Some(Decision::Kept { why });
    }
    if after.len() + lost.len() > MOST_RULES {
        return None;
    }
    let mut value = (*declared.value).clone();
    let kept = before.iter().enumerate().filter(|(index, _)| lost.contains(index)).map(|(_, rule)| rule.clone());
    let spec = value.get_mut("spec")?.as_object_mut()?;
    spec.entry("rules").or_insert_with(|| Value::Array(Vec::new())).as_array_mut()?.extend(kept);
    Some(Decision::Made { value, why })
}
