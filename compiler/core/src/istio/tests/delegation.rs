//! Root and delegate, joined as Istio joins them and matched as Envoy matches them: every request must reach the port
//! that claims its path, and an operation that is not idempotent its own route, whatever else is exposed.

use serde_json::Value;

use super::super::path::Paths;
use super::super::testing::Recorder;
use super::super::testing::random::{METHODS, PATHS, random_mesh};
use crate::model::traffic::NotIdempotent;
use crate::model::{Exposure, Mesh, PathPattern, Service};

const SEEDS: u64 = 600;

/// A condition on the path: `(exact, path)`.
type Uri<'a> = Option<(bool, &'a str)>;
/// Conditions that hold together: path and method.
type Match<'a> = (Uri<'a>, Option<&'a str>);

fn matches(route: &Value) -> Vec<Match<'_>> {
    route["match"].as_array().into_iter().flatten().map(|one| (uri(one), one["method"]["exact"].as_str())).collect()
}

fn uri(one: &Value) -> Uri<'_> {
    let text = |key| one["uri"][key].as_str();
    text("exact").map(|path| (true, path)).or_else(|| text("prefix").map(|path| (false, path)))
}

/// Whether a delegate's condition cannot be joined with the root's (istio 1.24 to 1.31,
/// pilot/pkg/model/virtualservice.go, stringMatchConflict).
fn conflict(root: Uri<'_>, leaf: Uri<'_>) -> bool {
    match (root, leaf) {
        (None, _) | (_, None) => false,
        (Some((true, root)), Some((exact, leaf))) => !exact || root != leaf,
        (Some((false, root)), Some((_, leaf))) => !leaf.starts_with(root),
    }
}

/// The matches of a delegate's route under a root's; nothing where Istio drops the route (mergeHTTPMatchRequests).
fn join<'a>(root: &[Match<'a>], leaf: &[Match<'a>]) -> Option<Vec<Match<'a>>> {
    if root.is_empty() || leaf.is_empty() {
        return Some(if root.is_empty() { leaf.to_vec() } else { root.to_vec() });
    }
    let mut out = Vec::new();
    for sub in leaf {
        let before = out.len();
        out.extend(
            root.iter().filter(|root| !conflict(root.0, sub.0)).map(|root| (sub.0.or(root.0), sub.1.or(root.1))),
        );
        if out.len() == before {
            return None;
        }
    }
    Some(out)
}

fn accepts(list: &[Match<'_>], path: &str, method: &str) -> bool {
    let one = |(uri, wanted): &Match<'_>| {
        let path = uri.is_none_or(|(exact, text)| if exact { path == text } else { path.starts_with(text) });
        path && wanted.is_none_or(|wanted| wanted == method)
    };
    list.is_empty() || list.iter().any(one)
}

/// The route that a request takes: the name of the delegate's route, the host and the port that it goes to.
fn taken<'a>(recorder: &'a Recorder, root: &'a Value, path: &str, method: &str) -> Option<(&'a str, &'a str, u64)> {
    for entry in root["spec"]["http"].as_array()? {
        let (name, namespace) = (entry["delegate"]["name"].as_str()?, entry["delegate"]["namespace"].as_str()?);
        let delegate = recorder
            .of_kind("VirtualService")
            .find(|found| found.head.name == name && found.head.namespace == namespace)
            .unwrap_or_else(|| panic!("no delegate {namespace}/{name}"));
        for route in delegate.value["spec"]["http"].as_array()? {
            let Some(joined) = join(&matches(entry), &matches(route)) else { continue };
            if accepts(&joined, path, method) {
                let to = &route["route"][0]["destination"];
                return Some((route["name"].as_str()?, to["host"].as_str()?, to["port"]["number"].as_u64()?));
            }
        }
    }
    None
}

fn covers(pattern: &PathPattern, path: &str) -> bool {
    Paths::from(pattern).contains(Paths::Exact(path))
}

/// What the mesh says of a request: the most specific exposure decides.
fn wanted<'a>(mesh: &'a Mesh, host: &str, path: &str, method: &str) -> Option<(&'static str, String, u64)> {
    let all = mesh.namespaces.iter().flat_map(|namespace| {
        namespace
            .services
            .iter()
            .flat_map(move |service| service.exposures.iter().map(move |exposure| (namespace, service, exposure)))
    });
    let (namespace, service, exposure): (_, &'a Service, &'a Exposure) = all
        .filter(|(_, _, exposure)| exposure.host == host && covers(&exposure.path, path))
        .min_by_key(|(_, _, exposure)| Paths::from(&exposure.path).specificity())?;
    let careful = service.ports[exposure.port].traffic.not_idempotent.iter().any(|operation| match operation {
        NotIdempotent::Rpc(rpc) => rpc == path,
        NotIdempotent::Http(wanted, pattern) => wanted == method && covers(pattern, path),
    });
    let name = if careful { "not-idempotent" } else { "default" };
    let host = format!("{}.{}.svc.cluster.local", service.name, namespace.rendered);
    Some((name, host, u64::from(exposure.port_number)))
}

#[test]
fn every_request_from_outside_takes_the_route_that_the_mesh_says() {
    let (mut requests, mut careful) = (0, 0);
    for seed in 0..SEEDS {
        let mesh = random_mesh(seed);
        let recorder = Recorder::render(&mesh);
        let roots = recorder.of_kind("VirtualService").filter(|found| !found.value["spec"]["gateways"].is_null());
        for root in roots {
            let host = root.value["spec"]["hosts"][0].as_str().unwrap();
            let below = PATHS.map(|path| format!("{path}/x"));
            let paths = PATHS.into_iter().chain(below.iter().map(String::as_str)).chain(["/", "/other"]);
            for path in paths {
                for method in METHODS {
                    let got = taken(&recorder, &root.value, path, method);
                    let want = wanted(&mesh, host, path, method);
                    let want = want.as_ref().map(|(name, host, port)| (*name, host.as_str(), *port));
                    assert_eq!(got, want, "seed {seed}: {method} {host}{path}");
                    requests += usize::from(want.is_some());
                    careful += usize::from(want.is_some_and(|(name, ..)| name == "not-idempotent"));
                }
            }
        }
    }
    assert!(
        requests > 10_000 && careful > 1_000,
        "the meshes must say something: {requests} requests, {careful} careful"
    );
}
