//! What the rules of an AuthorizationPolicy admit, in pieces that can be compared: each rule is the product of its
//! sources and operations (istio/api, security/v1beta1/authorization_policy.proto: lists are ORed, fields ANDed).

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::objects::texts;

/// Fields of an operation whose values are alternatives.
const FIELDS: [&str; 4] = ["hosts", "methods", "paths", "ports"];

/// One source, one value of each field of an operation, and what narrows them further, as text. None is anything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant<'r> {
    source: Option<Cow<'r, str>>,
    fields: [Option<&'r str>; 4],
    rest: Cow<'r, str>,
}

/// All that a list of rules admits.
#[derive(Debug, Default)]
pub(super) struct Grants<'r>(BTreeSet<Grant<'r>>);

impl<'r> Grants<'r> {
    /// What any of the rules admits.
    pub(super) fn of(rules: &'r [Value]) -> Self {
        let mut grants = BTreeSet::new();
        rules.iter().for_each(|rule| expand(rule, &mut grants));
        Self(grants)
    }

    /// What these admit for anybody, with or without an identity.
    pub(super) fn of_anybody(self) -> Self {
        Self(self.0.into_iter().filter(|grant| grant.source.is_none()).collect())
    }

    /// Whether these admit everything that `other` does. `false` may be caution: patterns are compared as texts.
    pub(super) fn cover(&self, other: &Self) -> bool {
        other.0.iter().all(|grant| self.covers(grant))
    }

    /// Whether these admit everything that one rule does.
    pub(super) fn cover_rule(&self, rule: &'r Value) -> bool {
        let mut grants = BTreeSet::new();
        expand(rule, &mut grants);
        grants.iter().all(|grant| self.covers(grant))
    }

    /// Itself, or the same with anything in place of some of its parts.
    fn covers(&self, grant: &Grant<'r>) -> bool {
        (0..1_u8 << (FIELDS.len() + 2)).any(|wider| {
            let mut candidate = grant.clone();
            if wider & 1 != 0 {
                candidate.source = None;
            }
            if wider & 2 != 0 {
                candidate.rest = Cow::Borrowed("");
            }
            for (index, field) in candidate.fields.iter_mut().enumerate() {
                if wider >> (index + 2) & 1 != 0 {
                    *field = None;
                }
            }
            self.0.contains(&candidate)
        })
    }
}

fn expand<'r>(rule: &'r Value, out: &mut BTreeSet<Grant<'r>>) {
    let conditions = rule.get("when").map(Value::to_string).unwrap_or_default();
    let sources = sources(rule);
    for (fields, rest) in operations(rule) {
        for source in &sources {
            let rest = if conditions.is_empty() { rest.clone() } else { Cow::Owned(format!("{rest}{conditions}")) };
            out.insert(Grant { source: source.clone(), fields, rest });
        }
    }
}

/// The sources of a rule; without `from` it is anybody.
fn sources(rule: &Value) -> Vec<Option<Cow<'_, str>>> {
    let Some(from) = rule.get("from").and_then(Value::as_array) else { return vec![None] };
    let mut out = Vec::new();
    for entry in from {
        let Some(source) = entry.get("source").and_then(Value::as_object) else {
            out.push(Some(Cow::Owned(entry.to_string())));
            continue;
        };
        let mut fields = source.iter();
        match (fields.next(), fields.next()) {
            (Some((field, values)), None) if !field.starts_with("not") && values.is_array() => {
                out.extend(texts(Some(values)).map(|value| Some(Cow::Owned(format!("{field} {value}")))));
            }
            // Fields hold together: as they are.
            _ => out.push(Some(Cow::Owned(entry.to_string()))),
        }
    }
    out
}

/// The operations of a rule, with what of them is not a field of alternatives.
fn operations(rule: &Value) -> Vec<([Option<&str>; 4], Cow<'_, str>)> {
    let Some(to) = rule.get("to").and_then(Value::as_array) else { return vec![([None; 4], Cow::Borrowed(""))] };
    let mut out = Vec::new();
    for entry in to {
        let Some(operation) = entry.get("operation").and_then(Value::as_object) else {
            out.push(([None; 4], Cow::Owned(entry.to_string())));
            continue;
        };
        let others: Vec<String> = operation
            .iter()
            .filter(|(field, _)| !FIELDS.contains(&field.as_str()))
            .map(|(field, value)| format!("{field} {value}"))
            .collect();
        let mut products = vec![([None; 4], Cow::Owned(others.join(" ")))];
        for (index, field) in FIELDS.iter().enumerate() {
            let Some(values) = operation.get(*field) else { continue };
            products = products
                .into_iter()
                .flat_map(|(fields, rest): ([Option<&str>; 4], Cow<'_, str>)| {
                    texts(Some(values)).map(move |value| {
                        let mut fields = fields;
                        if let Some(place) = fields.get_mut(index) {
                            *place = Some(value);
                        }
                        (fields, rest.clone())
                    })
                })
                .collect();
        }
        out.extend(products);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(accounts: &[&str], paths: &[&str]) -> Value {
        json!({
            "from": [{"source": {"serviceAccounts": accounts}}],
            "to": [{"operation": {"paths": paths, "ports": ["80"]}}],
        })
    }

    #[test]
    fn what_is_admitted_counts_and_not_how_it_is_grouped() {
        let before = [rule(&["a/a", "a/b"], &["/x"])];
        let regrouped = [rule(&["a/a"], &["/x"]), rule(&["a/b"], &["/x", "/y"])];
        assert!(Grants::of(&regrouped).cover(&Grants::of(&before)));
        assert!(!Grants::of(&before).cover(&Grants::of(&regrouped)));
    }

    #[test]
    fn anything_covers_something() {
        let some = [rule(&["a/a"], &["/x"])];
        for wide in [json!({}), json!({"to": [{"operation": {"ports": ["80"]}}]})] {
            let wide = [wide];
            assert!(Grants::of(&wide).cover(&Grants::of(&some)));
            assert!(!Grants::of(&some).cover(&Grants::of(&wide)));
        }
        let other_port = [json!({"to": [{"operation": {"ports": ["81"]}}]})];
        assert!(!Grants::of(&other_port).cover(&Grants::of(&some)));
    }

    #[test]
    fn what_is_not_understood_only_narrows() {
        let conditional = [json!({"when": [{"key": "request.headers[x]", "values": ["1"]}]})];
        let negative = [json!({"to": [{"operation": {"notPaths": ["/x"]}}]})];
        let joined = [json!({"from": [{"source": {"namespaces": ["a"], "ipBlocks": ["10.0.0.0/8"]}}]})];
        let all = [json!({})];
        for odd in [&conditional, &negative, &joined] {
            assert!(Grants::of(odd).cover(&Grants::of(odd)));
            assert!(!Grants::of(odd).cover(&Grants::of(&all)));
            assert!(Grants::of(&all).cover(&Grants::of(odd)));
        }
        assert!(!Grants::of(&conditional).cover(&Grants::of(&negative)));
    }
}
