//! What must hold for every mesh that `check` accepts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::testing::Recorder;
use super::super::testing::random::random_mesh;
use crate::diagnostic::{Diagnostics, Severity};
use crate::model::Mesh;

const SEEDS: u64 = 400;

fn for_each(test: impl Fn(u64, &Mesh, &Recorder)) {
    for seed in 0..SEEDS {
        let mesh = random_mesh(seed);
        test(seed, &mesh, &Recorder::render(&mesh));
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Every entry of `http` and `tcp` that has destinations.
fn routes(spec: &Value) -> impl Iterator<Item = &Value> {
    list(&spec["http"]).chain(list(&spec["tcp"])).filter(|route| route["delegate"].is_null())
}

#[test]
fn random_meshes_are_accepted() {
    for_each(|seed, mesh, _| {
        let mut out = Diagnostics::default();
        super::super::check(mesh, &mut out);
        let errors: Vec<_> = out.iter().filter(|d| d.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "seed {seed}: {errors:#?}");
    });
}

#[test]
fn fields_are_written_in_byte_order() {
    for_each(|seed, _, recorder| {
        for recorded in recorder.all.values() {
            let sorted = serde_json::to_string(&recorded.value).unwrap();
            assert_eq!(recorded.text, sorted, "seed {seed}: a map of serde_json is sorted by key");
        }
    });
}

#[test]
fn every_subset_that_a_route_names_is_defined_for_its_host() {
    for_each(|seed, _, recorder| {
        let mut defined: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for rule in recorder.of_kind("DestinationRule") {
            let names = list(&rule.value["spec"]["subsets"]).filter_map(|subset| subset["name"].as_str());
            let before = defined.insert(rule.value["spec"]["host"].as_str().unwrap(), names.collect());
            assert!(before.is_none(), "seed {seed}: one rule for a host");
        }
        for virtual_service in recorder.of_kind("VirtualService") {
            for object in std::iter::once(&virtual_service.value).chain(&virtual_service.held) {
                for destination in routes(&object["spec"]).flat_map(|route| list(&route["route"])) {
                    let destination = &destination["destination"];
                    if let Some(subset) = destination["subset"].as_str() {
                        let host = destination["host"].as_str().unwrap();
                        let known = defined.get(host).is_some_and(|names| names.contains(subset));
                        assert!(known, "seed {seed}: {host} has no {subset}");
                    }
                }
            }
        }
    });
}

#[test]
fn weights_sum_to_a_hundred_or_are_absent_and_are_the_same_on_every_route() {
    for_each(|seed, _, recorder| {
        let mut of_host: BTreeMap<&str, &Value> = BTreeMap::new();
        for virtual_service in recorder.of_kind("VirtualService") {
            for route in routes(&virtual_service.value["spec"]) {
                let destinations: Vec<&Value> = list(&route["route"]).collect();
                let weights: Vec<u64> = destinations.iter().filter_map(|to| to["weight"].as_u64()).collect();
                match destinations.len() {
                    0 => panic!("seed {seed}: a route leads nowhere"),
                    1 => assert!(weights.is_empty(), "seed {seed}: KIA1104"),
                    _ => assert_eq!(weights.iter().sum::<u64>(), 100, "seed {seed}"),
                }
                assert_eq!(virtual_service.held.is_some(), destinations.len() > 1, "seed {seed}");
                let host = destinations[0]["destination"]["host"].as_str().unwrap();
                let same = |a: &Value, b: &Value| {
                    let shares = |route: &Value| {
                        list(route)
                            .map(|to| (to["destination"]["subset"].clone(), to["weight"].clone()))
                            .collect::<Vec<_>>()
                    };
                    shares(a) == shares(b)
                };
                let first = of_host.entry(host).or_insert(&route["route"]);
                assert!(same(first, &route["route"]), "seed {seed}: {host}");
            }
        }
    });
}

#[test]
fn a_hold_changes_weights_only_and_puts_everything_on_stable() {
    fn without_weights(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                map.iter().filter(|(key, _)| *key != "weight").map(|(k, v)| (k.clone(), without_weights(v))).collect()
            }
            Value::Array(list) => list.iter().map(without_weights).collect(),
            other => other.clone(),
        }
    }
    for_each(|seed, _, recorder| {
        for recorded in recorder.all.values() {
            let Some(held) = &recorded.held else { continue };
            assert_eq!(without_weights(held), without_weights(&recorded.value), "seed {seed}");
            for route in routes(&held["spec"]) {
                let weights: Vec<_> = list(&route["route"]).map(|to| to["weight"].as_u64()).collect();
                assert_eq!(weights, [Some(100), Some(0)], "seed {seed}");
            }
        }
    });
}

#[test]
fn every_route_states_port_and_retries() {
    for_each(|seed, _, recorder| {
        for virtual_service in recorder.of_kind("VirtualService") {
            let spec = &virtual_service.value["spec"];
            for destination in routes(spec).flat_map(|route| list(&route["route"])) {
                let number = destination["destination"]["port"]["number"].as_u64();
                assert!(number.is_some_and(|number| number > 0), "seed {seed}: IST0112");
            }
            for route in list(&spec["http"]).filter(|route| route["delegate"].is_null()) {
                let retries = &route["retries"];
                let attempts = retries["attempts"].as_u64();
                assert!(attempts.is_some(), "seed {seed}: Istio would repeat twice");
                let fields = retries.as_object().unwrap().len();
                assert!(attempts != Some(0) || fields == 1, "seed {seed}: {retries} is refused");
                let on = retries["retryOn"].as_str().unwrap_or("");
                assert!(!on.contains(' ') && (attempts == Some(0)) == on.is_empty(), "seed {seed}: `{on}`");
                let name = route["name"].as_str().unwrap();
                if name.starts_with("not-idempotent") {
                    let safe = on.split(',').all(|on| matches!(on, "" | "connect-failure" | "refused-stream"));
                    assert!(safe, "seed {seed}: `{on}` repeats what may have been done");
                }
            }
        }
    });
}

#[test]
fn only_the_last_route_of_a_host_matches_everything_and_no_match_stands_twice() {
    for_each(|seed, _, recorder| {
        for virtual_service in recorder.of_kind("VirtualService") {
            let http: Vec<&Value> = list(&virtual_service.value["spec"]["http"]).collect();
            let mut seen = BTreeSet::new();
            for (index, route) in http.iter().enumerate() {
                let matchless = route["match"].is_null();
                assert!(!matchless || index + 1 == http.len(), "seed {seed}: IST0130");
                for one in list(&route["match"]) {
                    assert!(one.as_object().is_some_and(|one| !one.is_empty()), "seed {seed}");
                    assert!(seen.insert(one.to_string()), "seed {seed}: IST0131 {one}");
                }
            }
        }
    });
}

#[test]
fn sources_are_within_bounds_and_of_one_kind() {
    for_each(|seed, mesh, recorder| {
        for policy in recorder.of_kind("AuthorizationPolicy") {
            for rule in list(&policy.value["spec"]["rules"]) {
                for from in list(&rule["from"]) {
                    let source = from["source"].as_object().unwrap();
                    assert_eq!(source.len(), 1, "seed {seed}: {source:?}");
                    let accounts = source.get("serviceAccounts").map_or(0, |list| list.as_array().unwrap().len());
                    assert!(accounts <= 16, "seed {seed}");
                    assert!(accounts == 0 || mesh.target.istio.minor >= 25, "seed {seed}: not in the CRD");
                }
                assert!(list(&rule["to"]).all(|to| list(&to["operation"]["ports"]).next().is_some()), "seed {seed}");
            }
        }
    });
}

#[test]
fn no_two_resources_have_one_name() {
    for_each(|seed, _, recorder| {
        let mut names = BTreeSet::new();
        for recorded in recorder.all.values() {
            let head = &recorded.head;
            assert!(names.insert((&head.kind, &head.namespace, &head.name)), "seed {seed}: {head:?}");
            let metadata = &recorded.value["metadata"];
            assert_eq!(metadata["name"], head.name.as_str());
            assert_eq!(metadata["namespace"].as_str().unwrap_or(""), head.namespace);
            assert_eq!(recorded.value["kind"], head.kind.as_str());
            assert_eq!(recorded.value["apiVersion"], head.api_version.as_str());
        }
    });
}
