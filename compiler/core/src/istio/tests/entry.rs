//! Routes from outside: root VirtualService, delegates, Gateway.

use serde_json::{Value, json};

use super::super::testing::{Recorder, exposure, gateway, mesh, metadata, retry, routing, service, span};
use crate::model::traffic::{Millis, NotIdempotent};
use crate::model::{Exposure, Listener, PathPattern, Protocol, Service};

const HOST: &str = "shop.example.com";

fn exposed(name: &str, paths: Vec<PathPattern>) -> Service {
    let mut service = service(name, &[(80, 8080, Protocol::Http)]);
    service.exposures = paths.into_iter().map(|path| exposure(HOST, path, 80)).collect();
    service
}

fn below(path: &str) -> PathPattern {
    PathPattern::Below(path.into())
}

#[test]
fn the_root_delegates_and_the_delegate_has_the_weights_of_the_mesh_route() {
    let mut frontend = exposed("frontend", vec![PathPattern::All]);
    frontend.routing = Some(routing(&[90, 10]));
    let traffic = &mut frontend.ports[0].traffic;
    traffic.timeout = Some(Millis(15_000));
    traffic.retry = Some(retry(1, None, &["reset", "refused-stream"]));
    traffic.not_idempotent = vec![NotIdempotent::Http("POST".into(), PathPattern::Exact("/cart".into()))];
    let recorder = Recorder::render(&mesh(vec![frontend]));
    assert_eq!(
        recorder.get("istio-system/virtual-service.shop.example.com.yaml").value,
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": metadata("istio-system", HOST),
            "spec": {
                "gateways": ["public"],
                "hosts": [HOST],
                "http": [{
                    "delegate": {"name": "frontend-shop.example.com", "namespace": "boutique"},
                    "name": "frontend",
                }],
            },
        })
    );
    let delegate = recorder.get("boutique/frontend/virtual-service.shop.example.com.yaml");
    let route = |stable: u32, canary: u32| {
        let to = |subset: &str, weight: u32| {
            let host = "frontend.boutique.svc.cluster.local";
            json!({"destination": {"host": host, "port": {"number": 80}, "subset": subset}, "weight": weight})
        };
        json!([to("v1", stable), to("v2", canary)])
    };
    let object = |stable, canary| {
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": metadata("boutique", "frontend-shop.example.com"),
            "spec": {"http": [
                {
                    "match": [{"method": {"exact": "POST"}, "uri": {"exact": "/cart"}}],
                    "name": "not-idempotent",
                    "retries": {"attempts": 1, "retryOn": "refused-stream"},
                    "route": route(stable, canary),
                    "timeout": "15s",
                },
                {
                    "name": "default",
                    "retries": {"attempts": 1, "retryOn": "reset,refused-stream"},
                    "route": route(stable, canary),
                    "timeout": "15s",
                },
            ]},
        })
    };
    assert_eq!(delegate.value, object(90, 10));
    assert_eq!(delegate.held, Some(object(100, 0)));
    let in_mesh = recorder.get("boutique/frontend/virtual-service.yaml");
    assert_eq!(in_mesh.value["spec"]["http"], delegate.value["spec"]["http"]);
}

fn matches(recorder: &Recorder) -> Vec<(String, Value)> {
    recorder.get("istio-system/virtual-service.shop.example.com.yaml").value["spec"]["http"]
        .as_array()
        .unwrap()
        .iter()
        .map(|route| (route["name"].as_str().unwrap().to_owned(), route["match"].clone()))
        .collect()
}

#[test]
fn the_most_specific_path_is_first() {
    let recorder = Recorder::render(&mesh(vec![
        exposed("web", vec![PathPattern::All]),
        exposed("help", vec![below("/help")]),
        exposed("search", vec![PathPattern::Exact("/help/search".into()), below("/help/topics")]),
    ]));
    assert_eq!(
        matches(&recorder),
        [
            ("search".to_owned(), json!([{"uri": {"exact": "/help/search"}}])),
            ("search".to_owned(), json!([{"uri": {"exact": "/help/topics"}}, {"uri": {"prefix": "/help/topics/"}}])),
            ("help".to_owned(), json!([{"uri": {"exact": "/help"}}, {"uri": {"prefix": "/help/"}}])),
            ("web".to_owned(), Value::Null),
        ]
    );
}

#[test]
fn an_exact_path_is_not_matched_twice() {
    let recorder = Recorder::render(&mesh(vec![
        exposed("a", vec![PathPattern::Exact("/help".into())]),
        exposed("b", vec![below("/help")]),
    ]));
    assert_eq!(
        matches(&recorder),
        [
            ("a".to_owned(), json!([{"uri": {"exact": "/help"}}])),
            ("b".to_owned(), json!([{"uri": {"prefix": "/help/"}}])),
        ]
    );
}

#[test]
fn a_delegate_of_several_paths_has_a_route_for_each_match() {
    let mut shop = exposed("shop", vec![below("/cart"), below("/order")]);
    shop.ports[0].traffic.not_idempotent = vec![NotIdempotent::Http("POST".into(), PathPattern::All)];
    let recorder = Recorder::render(&mesh(vec![shop]));
    let http = &recorder.get("boutique/shop/virtual-service.shop.example.com.yaml").value["spec"]["http"];
    let uris: Vec<&Value> = http.as_array().unwrap().iter().map(|route| &route["match"][0]["uri"]).collect();
    assert_eq!(
        uris,
        [
            &json!({"exact": "/order"}),
            &json!({"prefix": "/order/"}),
            &json!({"exact": "/cart"}),
            &json!({"prefix": "/cart/"}),
            &Value::Null,
        ]
    );
}

#[test]
fn another_port_has_another_delegate() {
    let mut reports = service("reports", &[(80, 8080, Protocol::Http), (9090, 9090, Protocol::Http)]);
    let metrics = Exposure { port: 1, ..exposure(HOST, PathPattern::Exact("/metrics".into()), 9090) };
    reports.exposures = vec![exposure(HOST, PathPattern::All, 80), metrics];
    let recorder = Recorder::render(&mesh(vec![reports]));
    let name = |path| recorder.get(path).head.name.clone();
    assert_eq!(name("boutique/reports/virtual-service.shop.example.com.yaml"), "reports-shop.example.com");
    assert_eq!(name("boutique/reports/virtual-service.shop.example.com-9090.yaml"), "reports-shop.example.com-9090");
    let root = &recorder.get("istio-system/virtual-service.shop.example.com.yaml").value["spec"]["http"];
    assert_eq!(root[0]["delegate"]["name"], "reports-shop.example.com-9090");
    assert_eq!(root[1]["delegate"]["name"], "reports-shop.example.com");
}

#[test]
fn one_root_serves_two_gateways_and_names_wildcards_in_words() {
    let mut web = service("web", &[(80, 8080, Protocol::Http)]);
    let everywhere = exposure("*.example.com", PathPattern::All, 80);
    web.exposures = vec![everywhere.clone(), Exposure { gateway: 1, ..everywhere }];
    let mut mesh = mesh(vec![web]);
    let mut inside = gateway("inside");
    inside.namespace = "edge".into();
    inside.folder = "edge".into();
    inside.resource = ("edge".into(), "inside".into());
    mesh.gateways.push(inside);
    let recorder = Recorder::render(&mesh);
    let root = recorder.get("istio-system/virtual-service.wildcard.example.com.yaml");
    assert_eq!(root.head.name, "wildcard.example.com");
    assert_eq!(root.value["spec"]["gateways"], json!(["public", "edge/inside"]));
    assert_eq!(root.value["spec"]["hosts"], json!(["*.example.com"]));
    assert_eq!(
        recorder.get("boutique/web/virtual-service.wildcard.example.com.yaml").head.name,
        "web-wildcard.example.com"
    );
}

#[test]
fn a_gateway_that_listens_is_written() {
    let mut mesh = mesh(vec![exposed("web", vec![PathPattern::All])]);
    mesh.namespaces[0].services[0].exposures.push(exposure("api.example.com", PathPattern::All, 80));
    mesh.gateways[0].listen = vec![
        Listener { span: span(2), port: 80, https: false, credential: None, redirect: true },
        Listener { span: span(3), port: 443, https: true, credential: Some("shop-cert".into()), redirect: false },
    ];
    let recorder = Recorder::render(&mesh);
    let hosts = ["api.example.com", "shop.example.com"];
    assert_eq!(
        recorder.get("istio-system/gateway.yaml").value,
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": metadata("istio-system", "public"),
            "spec": {
                "selector": {"istio": "ingressgateway"},
                "servers": [
                    {
                        "hosts": hosts,
                        "port": {"name": "http-80", "number": 80, "protocol": "HTTP"},
                        "tls": {"httpsRedirect": true},
                    },
                    {
                        "hosts": hosts,
                        "port": {"name": "https-443", "number": 443, "protocol": "HTTPS"},
                        "tls": {"credentialName": "shop-cert", "mode": "SIMPLE"},
                    },
                ],
            },
        })
    );
    mesh.namespaces[0].services[0].exposures.clear();
    assert!(Recorder::render(&mesh).find("istio-system/gateway.yaml").is_none(), "a server needs a host");
}
