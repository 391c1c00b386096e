//! VirtualService and DestinationRule.

use serde_json::{Value, json};

use super::super::testing::{Recorder, mesh, metadata, retry, routing, service, span};
use crate::model::traffic::{ConnectionPool, Millis, NotIdempotent, OutlierDetection, RetryBudget};
use crate::model::{Host, MtlsMode, PathPattern, Protocol, Service};

fn spec(services: Vec<Service>, path: &str) -> Value {
    Recorder::render(&mesh(services)).get(path).value["spec"].clone()
}

/// As Online Boutique has it, with a canary at 5 %.
fn productcatalogservice() -> Service {
    let mut service = service("productcatalogservice", &[(3550, 3550, Protocol::Grpc)]);
    let traffic = &mut service.ports[0].traffic;
    traffic.timeout = Some(Millis(3000));
    traffic.retry = Some(retry(2, Some(800), &["unavailable", "deadline-exceeded", "reset", "connect-failure"]));
    traffic.connection_pool =
        ConnectionPool { pending_requests: Some(100), requests: Some(1000), ..ConnectionPool::default() };
    traffic.outlier_detection = Some(OutlierDetection {
        span: span(45),
        consecutive_5xx: Some(3),
        consecutive_gateway_errors: None,
        interval: Some(Millis(10_000)),
        ejection: Some(Millis(30_000)),
        max_ejected: 50,
    });
    service.routing = Some(routing(&[95, 5]));
    service
}

fn destination(subset: &str, weight: u32) -> Value {
    let host = "productcatalogservice.boutique.svc.cluster.local";
    json!({"destination": {"host": host, "port": {"number": 3550}, "subset": subset}, "weight": weight})
}

#[test]
fn a_canary_at_five_percent() {
    let recorder = Recorder::render(&mesh(vec![productcatalogservice()]));
    let got = recorder.get("boutique/productcatalogservice/virtual-service.yaml");
    let object = |stable, canary| {
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": metadata("boutique", "productcatalogservice"),
            "spec": {
                "hosts": ["productcatalogservice.boutique.svc.cluster.local"],
                "http": [{
                    "name": "default",
                    "retries": {
                        "attempts": 2,
                        "perTryTimeout": "800ms",
                        "retryOn": "unavailable,deadline-exceeded,reset,connect-failure",
                    },
                    "route": [destination("v1", stable), destination("v2", canary)],
                    "timeout": "3s",
                }],
            },
        })
    };
    assert_eq!(got.value, object(95, 5));
    assert_eq!(got.held, Some(object(100, 0)));
}

#[test]
fn versions_pool_and_ejection_share_a_destination_rule() {
    let recorder = Recorder::render(&mesh(vec![productcatalogservice()]));
    let got = recorder.get("boutique/productcatalogservice/destination-rule.yaml");
    assert_eq!(got.held, None, "no weights are in it");
    assert_eq!(
        got.value,
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": metadata("boutique", "productcatalogservice"),
            "spec": {
                "host": "productcatalogservice.boutique.svc.cluster.local",
                "subsets": [
                    {"labels": {"version": "v1"}, "name": "v1"},
                    {"labels": {"version": "v2"}, "name": "v2"},
                ],
                "trafficPolicy": {
                    "connectionPool": {"http": {"http1MaxPendingRequests": 100, "http2MaxRequests": 1000}},
                    "outlierDetection": {
                        "baseEjectionTime": "30s",
                        "consecutive5xxErrors": 3,
                        "interval": "10s",
                        "maxEjectionPercent": 50,
                    },
                },
            },
        })
    );
}

#[test]
fn nothing_stated_is_no_repeats_and_no_destination_rule() {
    let recorder = Recorder::render(&mesh(vec![service("a", &[(80, 8080, Protocol::Http)])]));
    assert_eq!(
        recorder.get("boutique/a/virtual-service.yaml").value["spec"],
        json!({
            "hosts": ["a.boutique.svc.cluster.local"],
            "http": [{
                "name": "default",
                "retries": {"attempts": 0},
                "route": [{"destination": {"host": "a.boutique.svc.cluster.local", "port": {"number": 80}}}],
            }],
        })
    );
    assert!(recorder.find("boutique/a/destination-rule.yaml").is_none());
}

#[test]
fn a_single_version_has_a_subset_and_no_weight() {
    let mut one = service("a", &[(80, 8080, Protocol::Http)]);
    one.routing = Some(routing(&[100]));
    let recorder = Recorder::render(&mesh(vec![one]));
    let got = recorder.get("boutique/a/virtual-service.yaml");
    let to = json!({"host": "a.boutique.svc.cluster.local", "port": {"number": 80}, "subset": "v1"});
    assert_eq!(got.value["spec"]["http"][0]["route"], json!([{"destination": to}]));
    assert_eq!(got.held, None);
}

#[test]
fn what_is_not_idempotent_keeps_only_safe_conditions() {
    let mut cart = service("cart", &[(7070, 7070, Protocol::Grpc)]);
    let traffic = &mut cart.ports[0].traffic;
    traffic.timeout = Some(Millis(1500));
    traffic.retry = Some(retry(3, Some(250), &["unavailable", "connect-failure", "reset", "refused-stream"]));
    traffic.retry.as_mut().unwrap().backoff = Some((Millis(50), span(41)));
    traffic.not_idempotent =
        vec![NotIdempotent::Rpc("/shop.Cart/EmptyCart".into()), NotIdempotent::Rpc("/shop.Cart/AddItem".into())];
    let route = json!([{"destination": {"host": "cart.boutique.svc.cluster.local", "port": {"number": 7070}}}]);
    assert_eq!(
        spec(vec![cart], "boutique/cart/virtual-service.yaml")["http"],
        json!([
            {
                "match": [
                    {"uri": {"exact": "/shop.Cart/EmptyCart"}},
                    {"uri": {"exact": "/shop.Cart/AddItem"}},
                ],
                "name": "not-idempotent",
                "retries": {
                    "attempts": 3,
                    "backoff": "50ms",
                    "retryOn": "connect-failure,refused-stream",
                },
                "route": route,
                "timeout": "1500ms",
            },
            {
                "name": "default",
                "retries": {
                    "attempts": 3,
                    "backoff": "50ms",
                    "perTryTimeout": "250ms",
                    "retryOn": "unavailable,connect-failure,reset,refused-stream",
                },
                "route": route,
                "timeout": "1500ms",
            },
        ])
    );
}

#[test]
fn without_a_safe_condition_it_is_not_repeated() {
    let mut shop = service("shop", &[(80, 8080, Protocol::Http)]);
    let traffic = &mut shop.ports[0].traffic;
    traffic.retry = Some(retry(1, Some(250), &["5xx", "reset"]));
    traffic.not_idempotent = vec![NotIdempotent::Http("POST".into(), PathPattern::Below("/cart".into()))];
    let http = spec(vec![shop], "boutique/shop/virtual-service.yaml")["http"].clone();
    assert_eq!(http[0]["retries"], json!({"attempts": 0}));
    assert_eq!(
        http[0]["match"],
        json!([
            {"method": {"exact": "POST"}, "uri": {"exact": "/cart"}},
            {"method": {"exact": "POST"}, "uri": {"prefix": "/cart/"}},
        ])
    );
    assert_eq!(http[1]["retries"]["attempts"], 1);
}

#[test]
fn ports_of_a_host_are_told_apart() {
    let mut ledger = service("ledger", &[(8443, 9443, Protocol::Grpc), (80, 8080, Protocol::Http)]);
    ledger.ports.push(super::super::testing::port(9090, Protocol::Tcp));
    ledger.hosts[0].ports.push((9090, 2));
    ledger.ports[0].traffic.not_idempotent = vec![NotIdempotent::Rpc("/bank.Ledger/Reserve".into())];
    ledger.routing = Some(routing(&[80, 20]));
    let host = "ledger.boutique.svc.cluster.local";
    let route = |port| {
        json!([
            {"destination": {"host": host, "port": {"number": port}, "subset": "v1"}, "weight": 80},
            {"destination": {"host": host, "port": {"number": port}, "subset": "v2"}, "weight": 20},
        ])
    };
    let retries = json!({"attempts": 0});
    assert_eq!(
        spec(vec![ledger], "boutique/ledger/virtual-service.yaml"),
        json!({
            "hosts": [host],
            "http": [
                {"match": [{"port": 80}], "name": "default-80", "retries": retries, "route": route(80)},
                {
                    "match": [{"port": 8443, "uri": {"exact": "/bank.Ledger/Reserve"}}],
                    "name": "not-idempotent-8443",
                    "retries": retries,
                    "route": route(8443),
                },
                {"match": [{"port": 8443}], "name": "default-8443", "retries": retries, "route": route(8443)},
            ],
            "tcp": [{"match": [{"port": 9090}], "route": route(9090)}],
        })
    );
}

#[test]
fn a_tcp_service_is_routed_only_where_it_has_versions() {
    let mut redis = service("redis", &[(6379, 6379, Protocol::Tcp)]);
    assert!(Recorder::render(&mesh(vec![redis.clone()])).find("boutique/redis/virtual-service.yaml").is_none());
    redis.routing = Some(routing(&[100]));
    let to = json!({"host": "redis.boutique.svc.cluster.local", "port": {"number": 6379}, "subset": "v1"});
    assert_eq!(
        spec(vec![redis], "boutique/redis/virtual-service.yaml"),
        json!({"hosts": ["redis.boutique.svc.cluster.local"], "tcp": [{"route": [{"destination": to}]}]})
    );
}

#[test]
fn each_host_has_its_own_resources() {
    let mut frontend = service("frontend", &[(80, 8080, Protocol::Http)]);
    frontend.hosts.push(Host { name: "frontend-external".into(), ports: vec![(8000, 0)] });
    frontend.routing = Some(routing(&[50, 50]));
    let recorder = Recorder::render(&mesh(vec![frontend]));
    let routes = recorder.get("boutique/frontend/virtual-service.frontend-external.yaml");
    assert_eq!(routes.head.name, "frontend-external");
    let to = &routes.value["spec"]["http"][0]["route"][1]["destination"];
    let host = "frontend-external.boutique.svc.cluster.local";
    assert_eq!(to, &json!({"host": host, "port": {"number": 8000}, "subset": "v2"}));
    let rule = recorder.get("boutique/frontend/destination-rule.frontend-external.yaml");
    assert_eq!(rule.value["spec"]["host"], host);
    assert_eq!(rule.value["spec"]["subsets"][1]["name"], "v2");
}

#[test]
fn a_container_port_without_a_service_port_is_not_routed() {
    let recorder = Recorder::render(&mesh(vec![service("job", &[(0, 9090, Protocol::Http)])]));
    assert_eq!(
        recorder.paths(),
        [
            "boutique/authorization-policy.yaml",
            "boutique/peer-authentication.yaml",
            "boutique/job/authorization-policy.yaml",
        ]
    );
}

#[test]
fn a_retry_budget_and_timeouts_of_connections() {
    let mut a = service("a", &[(80, 8080, Protocol::Http)]);
    let traffic = &mut a.ports[0].traffic;
    traffic.connect_timeout = Some(Millis(1000));
    traffic.idle_timeout = Some(Millis(60_000));
    traffic.connection_pool = ConnectionPool {
        connections: Some(200),
        requests_per_connection: Some(10),
        retries: Some(3),
        ..ConnectionPool::default()
    };
    let mut repeats = retry(1, None, &["reset"]);
    repeats.budget = Some(RetryBudget { span: span(42), percent: 25, min_concurrency: Some(5) });
    traffic.retry = Some(repeats);
    assert_eq!(
        spec(vec![a], "boutique/a/destination-rule.yaml"),
        json!({
            "host": "a.boutique.svc.cluster.local",
            "trafficPolicy": {
                "connectionPool": {
                    "http": {"idleTimeout": "1m", "maxRequestsPerConnection": 10, "maxRetries": 3},
                    "tcp": {"connectTimeout": "1s", "maxConnections": 200},
                },
                "retryBudget": {"minRetryConcurrency": 5, "percent": 25},
            },
        })
    );
}

#[test]
fn ports_that_differ_have_settings_of_their_own() {
    let mut a = service("a", &[(80, 8080, Protocol::Http), (6379, 6379, Protocol::Tcp), (90, 9090, Protocol::Http)]);
    a.ports[0].traffic.connection_pool.requests = Some(7);
    a.ports[1].traffic.idle_timeout = Some(Millis(5000));
    assert_eq!(
        spec(vec![a.clone()], "boutique/a/destination-rule.yaml")["trafficPolicy"],
        json!({"portLevelSettings": [
            {"connectionPool": {"http": {"http2MaxRequests": 7}}, "port": {"number": 80}},
            {"connectionPool": {"tcp": {"idleTimeout": "5s"}}, "port": {"number": 6379}},
        ]})
    );
    for port in &mut a.ports {
        port.traffic = crate::model::traffic::Traffic { idle_timeout: Some(Millis(5000)), ..Default::default() };
    }
    assert_eq!(
        spec(vec![a], "boutique/a/destination-rule.yaml")["trafficPolicy"],
        json!({"connectionPool": {"http": {"idleTimeout": "5s"}, "tcp": {"idleTimeout": "5s"}}}),
        "alike, whatever they speak"
    );
}

#[test]
fn plaintext_is_said_to_callers_too() {
    let mut a = service("a", &[(80, 8080, Protocol::Http), (90, 9090, Protocol::Http)]);
    a.mtls = MtlsMode::Disable;
    let tls = json!({"tls": {"mode": "DISABLE"}});
    assert_eq!(spec(vec![a.clone()], "boutique/a/destination-rule.yaml")["trafficPolicy"], tls);
    a.ports[1].mtls = Some(MtlsMode::Strict);
    assert_eq!(
        spec(vec![a], "boutique/a/destination-rule.yaml")["trafficPolicy"],
        json!({"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "DISABLE"}}]})
    );
}

#[test]
fn names_in_the_cluster_are_used_and_folders_keep_logical_ones() {
    let mut mesh = mesh(vec![service("a", &[(80, 8080, Protocol::Http)])]);
    mesh.namespaces[0].rendered = "boutique-dev".into();
    mesh.target.cluster_domain = "corp.example".into();
    let recorder = Recorder::render(&mesh);
    let got = recorder.get("boutique/a/virtual-service.yaml");
    assert_eq!(got.head.namespace, "boutique-dev");
    assert_eq!(got.value["metadata"]["namespace"], "boutique-dev");
    assert_eq!(got.value["spec"]["hosts"], json!(["a.boutique-dev.svc.corp.example"]));
}
