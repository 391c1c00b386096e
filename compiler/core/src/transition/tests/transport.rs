//! Modes of mTLS, and plaintext in a DestinationRule.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Texts, at, nothing, published, render, settled, step, walk};
use crate::bundle::Bundle;
use crate::bundle::yaml::to_yaml;

const OF_NAMESPACE: &str = "prod/shop/peer-authentication.yaml";
const OF_SERVICE: &str = "prod/shop/web/peer-authentication.yaml";
const DR: &str = "prod/shop/web/destination-rule.yaml";

fn with(of_mesh: &str, of_service: &str) -> Bundle {
    render(&format!(
        "mesh shop {{ namespace shop; mtls {of_mesh}; authorization dry-run }}\n\
         environment prod {{ target istio 1.31 }}\n\
         service web {{ port 80 -> 8080 http {of_service}; allow anyone }}\n"
    ))
}

fn modes(states: &[Texts], path: &str) -> String {
    let mode = |state: &Texts| at(state, path, "/spec/mtls/mode").as_str().unwrap_or("-").to_owned();
    states.iter().map(mode).collect::<Vec<_>>().join(" ")
}

#[test]
fn strict_comes_after_permissive() {
    let strict = with("strict", "");
    assert_eq!(modes(&walk(&Texts::new(), &strict), OF_NAMESPACE), "PERMISSIVE STRICT");
    assert_eq!(modes(&walk(&settled(&with("permissive", "")), &strict), OF_NAMESPACE), "STRICT");
    assert_eq!(modes(&walk(&settled(&with("disable", "")), &strict), OF_NAMESPACE), "PERMISSIVE STRICT");
    assert_eq!(modes(&walk(&settled(&strict), &with("disable", "")), OF_NAMESPACE), "PERMISSIVE DISABLE");
    assert_eq!(modes(&walk(&settled(&strict), &with("permissive", "")), OF_NAMESPACE), "PERMISSIVE");
    assert_eq!(modes(&walk(&settled(&strict), &nothing()), OF_NAMESPACE), "-");
}

#[test]
fn a_port_goes_the_same_way() {
    let (strict, off) = (with("strict", ""), with("strict", "{ mtls disable }"));
    let port = "/spec/portLevelMtls/8080/mode";
    let tls = |state: &Texts| at(state, DR, "/spec/trafficPolicy/tls/mode");
    let states = walk(&settled(&strict), &off);
    let seen: Vec<(Value, Value)> = states.iter().map(|state| (at(state, OF_SERVICE, port), tls(state))).collect();
    assert_eq!(seen, [(json!("PERMISSIVE"), Value::Null), (json!("DISABLE"), json!("DISABLE"))]);
    let states = walk(&settled(&off), &strict);
    let seen: Vec<(Value, Value)> = states.iter().map(|state| (at(state, OF_SERVICE, port), tls(state))).collect();
    assert_eq!(seen, [(json!("PERMISSIVE"), Value::Null), (Value::Null, Value::Null)]);
}

#[test]
fn a_mode_that_may_not_be_live_counts() {
    let (off, strict) = (settled(&with("disable", "")), with("strict", ""));
    let first = published(&step(&[&off], &strict), &strict);
    assert_eq!(published(&step(&[&off, &first], &strict), &strict), first);
    assert_eq!(published(&step(&[&first], &strict), &strict), strict.files);
}

/// `web` is neither declared nor published any more, and its rule, which sends plaintext, may still be live.
#[test]
fn plaintext_of_a_service_that_is_gone_counts() {
    let project = |mode: &str, web: &str| {
        render(&format!(
            "mesh shop {{ namespace shop; mtls {mode}; authorization dry-run }}\n\
             environment prod {{ target istio 1.31 }}\n\
             service cart {{ port 80 http; allow anyone }}\n{web}"
        ))
    };
    let web = "service web { port 80 -> 8080 http { mtls disable }; allow anyone }\n";
    let mut rule_alone = settled(&project("permissive", web));
    rule_alone.remove(OF_SERVICE);
    assert_eq!(at(&rule_alone, DR, "/spec/trafficPolicy/tls/mode"), json!("DISABLE"));
    let (gone, strict) = (settled(&project("permissive", "")), project("strict", ""));
    let mode = |live: &[&Texts]| modes(&[published(&step(live, &strict), &strict)], OF_NAMESPACE);
    assert_eq!(mode(&[&rule_alone, &gone]), "PERMISSIVE");
    assert_eq!(mode(&[&gone]), "STRICT");
}

/// A policy as a file.
fn policy(name: &str, mode: Option<&str>, port: Option<&str>, selects: bool) -> Option<String> {
    let mode = mode?;
    let mut spec = json!({"mtls": {"mode": mode}});
    if selects {
        spec["selector"] = json!({"matchLabels": {"app": "web"}});
    }
    if let Some(port) = port {
        spec["portLevelMtls"] = json!({"8080": {"mode": port}});
    }
    let object = json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    });
    Some(to_yaml(&object).expect("YAML"))
}

fn files(of_namespace: Option<&str>, of_service: Option<&str>, port: Option<&str>) -> Texts {
    let mut files = BTreeMap::new();
    files.extend(policy("default", of_namespace, None, false).map(|text| (OF_NAMESPACE.to_owned(), text)));
    files.extend(policy("web", of_service, port, true).map(|text| (OF_SERVICE.to_owned(), text)));
    files
}

/// The mode of a pod's port, by Istio's documentation.
fn effective<'t>(of_namespace: Option<&'t Value>, of_service: Option<&'t Value>, port: bool) -> &'t str {
    let port = of_service.filter(|_| port).and_then(|object| object["spec"]["portLevelMtls"]["8080"]["mode"].as_str());
    let mode = |object: Option<&'t Value>| object.and_then(|object| object["spec"]["mtls"]["mode"].as_str());
    port.or_else(|| mode(of_service)).or_else(|| mode(of_namespace)).unwrap_or("-")
}

/// A list of callers as a file; nobody named: anybody.
fn list(account: Option<&str>) -> String {
    let rule = account.map_or(json!({}), |account| json!({"from": [{"source": {"serviceAccounts": [account]}}]}));
    let object = json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"action": "ALLOW", "rules": [rule], "selector": {"matchLabels": {"app": "web"}}},
    });
    to_yaml(&object).expect("YAML")
}

/// Under DISABLE nobody has an identity.
#[test]
fn callers_are_told_apart_only_where_they_have_identities() {
    let path = "prod/shop/web/authorization-policy.yaml";
    let state = |mode: &str, account: Option<&str>| {
        let mut state = files(Some(mode), None, None);
        state.insert(path.to_owned(), list(account));
        state
    };
    let walk = |before: &Texts, after: &Texts| {
        let desired = Bundle { files: after.clone(), ..Bundle::default() };
        let (mut tip, mut seen) = (before.clone(), Vec::new());
        loop {
            let step = step(&[&tip], &desired);
            tip = published(&step, &desired);
            let caller = at(&tip, path, "/spec/rules/0/from/0/source/serviceAccounts/0");
            let mode = at(&tip, OF_NAMESPACE, "/spec/mtls/mode");
            seen.push(format!("{} {}", mode.as_str().unwrap_or("-"), caller.as_str().unwrap_or("anybody")));
            if step.is_last() {
                return seen;
            }
        }
    };
    let (off, strict, both) =
        (state("DISABLE", None), state("STRICT", Some("shop/a")), state("PERMISSIVE", Some("shop/a")));
    assert_eq!(walk(&off, &strict), ["PERMISSIVE anybody", "STRICT shop/a"]);
    assert_eq!(walk(&strict, &off), ["PERMISSIVE anybody", "DISABLE anybody"]);
    assert_eq!(walk(&off, &both), ["PERMISSIVE anybody", "PERMISSIVE shop/a"]);
    assert_eq!(walk(&both, &off), ["PERMISSIVE anybody", "DISABLE anybody"]);
}

/// Every mode to every other, of a namespace and of a service and its port, with every mixture that a controller can
/// make of two commits.
#[test]
fn no_mixture_of_two_commits_skips_permissive_and_every_mode_is_reached() {
    let modes = [None, Some("DISABLE"), Some("PERMISSIVE"), Some("STRICT")];
    let mut all = Vec::new();
    for of_namespace in modes {
        for of_service in modes {
            let ports = if of_service.is_some() { &[None, Some("DISABLE"), Some("STRICT")][..] } else { &[None][..] };
            all.extend(ports.iter().map(|port| files(of_namespace, of_service, *port)));
        }
    }
    let value = |texts: &Texts, path: &str| super::object(texts, path);
    for before in &all {
        for after in &all {
            let desired = Bundle { files: after.clone(), ..Bundle::default() };
            let mut tip = before.clone();
            for count in 1.. {
                let next = published(&step(&[&tip], &desired), &desired);
                for port in [false, true] {
                    let old = [value(&tip, OF_NAMESPACE), value(&tip, OF_SERVICE)];
                    let new = [value(&next, OF_NAMESPACE), value(&next, OF_SERVICE)];
                    let from = effective(old[0].as_ref(), old[1].as_ref(), port);
                    for (own, service) in [(0, 1), (1, 0), (1, 1)] {
                        let pick = |new_one: usize, index: usize| {
                            if new_one == 1 { new[index].as_ref() } else { old[index].as_ref() }
                        };
                        let to = effective(pick(own, 0), pick(service, 1), port);
                        let bad = matches!((from, to), ("DISABLE" | "-", "STRICT") | ("STRICT", "DISABLE"));
                        assert!(!bad, "{before:#?} {after:#?} step {count}: {from} to {to}");
                    }
                }
                tip = next;
                if after.iter().all(|(path, text)| tip.get(path) == Some(text)) && tip.len() <= after.len() + 4 {
                    let more =
                        tip.keys().filter(|path| path.ends_with("authentication.yaml") && !after.contains_key(*path));
                    if more.count() == 0 {
                        break;
                    }
                }
                assert!(count < 3, "{before:#?} {after:#?} {tip:#?}");
            }
        }
    }
}
