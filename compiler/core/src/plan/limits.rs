//! Rate limits, as EnvoyFilters have them (envoy 1.40, extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::names::Names;
use super::read::{Diff, Object, scalar};
use super::{Changes, Kind};

/// Says which limits come, go and change.
pub(super) fn tell(diff: &Diff<'_>, names: &Names<'_>, out: &mut Changes<'_>) {
    for (key, pair) in diff.of_kind("EnvoyFilter") {
        let limits = |object: &Option<Object<'_>>| object.as_ref().map(limits).unwrap_or_default();
        let (old, new) = (limits(&pair.before), limits(&pair.after));
        let (path, subject) = (pair.path(), names.subject(pair.path()));
        let all: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let mut told = false;
        for limit in all {
            let change = match (old.get(limit), new.get(limit)) {
                (Some(old), None) => (Kind::ProtectionRemoved, format!("{limit} is gone (it was {old})")),
                (None, Some(new)) => (Kind::Traffic, format!("{limit} is new: {new}")),
                (Some(old), Some(new)) if old != new => (Kind::Traffic, format!("{limit} {old} -> {new}")),
                _ => continue,
            };
            told = true;
            out.add(change.0, subject.clone(), path, change.1);
        }
        let spec = |object: &Option<Object<'_>>| object.as_ref().map(|object| object.spec().clone());
        if !told && pair.after.is_some() && spec(&pair.before) != spec(&pair.after) {
            let how = if pair.before.is_some() { "changes" } else { "is new" };
            let text = format!("EnvoyFilter `{}` {how}, and no rate limit of it that is known: see the diff", key.name);
            out.add(Kind::Unread, subject, path, text);
        }
    }
}

/// Limits by what they are for: "the limit per client address for shop.example.com:443" is "1000/min".
fn limits(object: &Object<'_>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for patch in object.at(&["configPatches"]).as_array().into_iter().flatten() {
        let at = |keys: &[&str]| keys.iter().try_fold(patch, |value, key| value.get(key));
        let place = match at(&["match", "routeConfiguration", "vhost", "name"]).and_then(Value::as_str) {
            Some(host) => format!(" for {}", host.rsplit_once(':').map_or(host, |(host, _)| host)),
            None => {
                let port = at(&["match", "listener", "filterChain", "destinationPort"]).and_then(scalar);
                port.map_or(String::new(), |port| format!(" on port {port}"))
            }
        };
        let own = at(&["patch", "value", "typed_config"]).into_iter();
        let per_route = at(&["patch", "value", "typed_per_filter_config"]).and_then(Value::as_object);
        for config in own.chain(per_route.into_iter().flat_map(|configs| configs.values())) {
            of_config(config, &place, &mut out);
        }
    }
    out
}

fn of_config(config: &Value, place: &str, out: &mut BTreeMap<String, String>) {
    let enforced = |key: &str| {
        let percent = config.get(key).and_then(|value| value.get("default_value")?.get("numerator")?.as_u64());
        percent.is_some_and(|percent| percent > 0)
    };
    if !enforced("filter_enabled") || !enforced("filter_enforced") {
        return;
    }
    // Where it is not drained by everybody, the default bucket is for requests without an origin, and plenty.
    let drained = config.get("always_consume_default_token_bucket").and_then(Value::as_bool).unwrap_or(true);
    if let Some(bucket) = config.get("token_bucket").filter(|_| drained) {
        out.insert(format!("the limit in total{place}"), rate(bucket));
    }
    for descriptor in config.get("descriptors").and_then(Value::as_array).into_iter().flatten() {
        let entries = descriptor.get("entries").and_then(Value::as_array).into_iter().flatten();
        let keys: Vec<&str> = entries.filter_map(|entry| entry.get("key")?.as_str()).collect();
        let per = match keys.as_slice() {
            ["remote_address"] => "client address".to_owned(),
            keys => keys.join(" and "),
        };
        if let Some(bucket) = descriptor.get("token_bucket") {
            out.insert(format!("the limit per {per}{place}"), rate(bucket));
        }
    }
}

/// "1000/min", "20 per 3s, bursts of 60".
fn rate(bucket: &Value) -> String {
    let field = |key: &str| bucket.get(key).and_then(scalar);
    let most = field("max_tokens").unwrap_or_default();
    let tokens = field("tokens_per_fill").unwrap_or_else(|| "1".to_owned());
    let rate = match field("fill_interval").as_deref() {
        Some("1s") => format!("{tokens}/s"),
        Some("60s") => format!("{tokens}/min"),
        Some("3600s") => format!("{tokens}/h"),
        interval => format!("{tokens} per {}", interval.unwrap_or("?")),
    };
    if most == tokens { rate } else { format!("{rate}, bursts of {most}") }
}
