//! EnvoyFilter, in the shapes that limited real requests.

use serde_json::{Value, json};

use super::super::testing::{Recorder, exposure, gateway, limit, mesh, metadata, service};
use crate::model::traffic::{LimitKey, RateLimit};
use crate::model::{Exposure, PathPattern, Protocol, Service};

const TYPE_URL: &str = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";

fn limited(limits: Vec<RateLimit>) -> Service {
    let mut service = service("frontend", &[(80, 8080, Protocol::Http)]);
    service.rate_limits = limits;
    service
}

fn filter(service: Service) -> Value {
    Recorder::render(&mesh(vec![service])).get("boutique/frontend/envoy-filter.yaml").value.clone()
}

fn enforced() -> Value {
    json!({"default_value": {"numerator": 100, "denominator": "HUNDRED"}})
}

#[test]
fn a_total() {
    assert_eq!(
        filter(limited(vec![limit(LimitKey::Total, 1000)])),
        json!({
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "metadata": metadata("boutique", "frontend"),
            "spec": {
                "priority": 10,
                "workloadSelector": {"labels": {"app": "frontend"}},
                "configPatches": [{
                    "applyTo": "HTTP_FILTER",
                    "match": {
                        "context": "SIDECAR_INBOUND",
                        "listener": {"filterChain": {
                            "destinationPort": 8080,
                            "filter": {
                                "name": "envoy.filters.network.http_connection_manager",
                                "subFilter": {"name": "envoy.filters.http.router"},
                            },
                        }},
                    },
                    "patch": {
                        "operation": "INSERT_BEFORE",
                        "value": {
                            "name": "envoy.filters.http.local_ratelimit",
                            "typed_config": {
                                "@type": TYPE_URL,
                                "stat_prefix": "http_local_rate_limiter",
                                "filter_enabled": enforced(),
                                "filter_enforced": enforced(),
                                "rate_limited_as_resource_exhausted": true,
                                "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
                                "token_bucket": {"max_tokens": 1000, "tokens_per_fill": 1000, "fill_interval": "60s"},
                            },
                        },
                    },
                }],
            },
        })
    );
}

#[test]
fn per_caller() {
    let got = filter(limited(vec![limit(LimitKey::Caller, 10)]));
    let patch = &got["spec"]["configPatches"][0];
    assert_eq!(patch["match"]["proxy"], json!({"proxyVersion": r"^1\.(2[6-9]|[3-9][0-9]).*"}));
    assert_eq!(
        patch["patch"]["value"]["typed_config"],
        json!({
            "@type": TYPE_URL,
            "stat_prefix": "http_local_rate_limiter",
            "filter_enabled": enforced(),
            "filter_enforced": enforced(),
            "rate_limited_as_resource_exhausted": true,
            "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
            "max_dynamic_descriptors": 10000,
            "always_consume_default_token_bucket": false,
            "token_bucket": {"max_tokens": 100_000, "tokens_per_fill": 100_000, "fill_interval": "60s"},
            "rate_limits": [{"actions": [{"extension": {
                "name": "envoy.rate_limit_descriptors.expr",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor",
                    "descriptor_key": "caller",
                    "text": "connection.uri_san_peer_certificate",
                },
            }}]}],
            "descriptors": [{
                "entries": [{"key": "caller"}],
                "token_bucket": {"max_tokens": 10, "tokens_per_fill": 10, "fill_interval": "60s"},
            }],
        })
    );
}

#[test]
fn a_total_is_drained_by_callers_with_limits_of_their_own() {
    let mut caller = limit(LimitKey::Caller, 10);
    caller.burst = Some(25);
    let got = filter(limited(vec![caller, limit(LimitKey::Total, 15)]));
    let config = &got["spec"]["configPatches"][0]["patch"]["value"]["typed_config"];
    assert_eq!(config.get("always_consume_default_token_bucket"), None);
    let bucket = |max: u32, fill: u32| json!({"max_tokens": max, "tokens_per_fill": fill, "fill_interval": "60s"});
    assert_eq!(config["token_bucket"], bucket(15, 15));
    assert_eq!(config["descriptors"][0]["token_bucket"], bucket(25, 10));
}

#[test]
fn the_bucket_beside_it_fills_as_often_or_more_often() {
    for (window, beside) in [(1, "1s"), (60, "60s"), (3600, "60s")] {
        let caller = RateLimit { window_seconds: window, ..limit(LimitKey::Caller, 10) };
        let got = filter(limited(vec![caller]));
        let config = &got["spec"]["configPatches"][0]["patch"]["value"]["typed_config"];
        assert_eq!(config["token_bucket"]["fill_interval"], beside);
        assert_eq!(config["descriptors"][0]["token_bucket"]["fill_interval"], format!("{window}s"));
    }
}

#[test]
fn each_http_port_with_a_service_port_is_limited_by_its_own_limits_first() {
    let mut service = service(
        "frontend",
        &[
            (80, 8080, Protocol::Http),
            (90, 8090, Protocol::Grpc),
            (6379, 6379, Protocol::Tcp),
            (0, 9090, Protocol::Http),
        ],
    );
    service.rate_limits = vec![limit(LimitKey::Total, 1000)];
    service.ports[1].rate_limits = Some(vec![limit(LimitKey::Total, 7)]);
    let got = filter(service);
    let ports: Vec<(u64, u64)> = got["spec"]["configPatches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|patch| {
            let port = &patch["match"]["listener"]["filterChain"]["destinationPort"];
            let tokens = &patch["patch"]["value"]["typed_config"]["token_bucket"]["max_tokens"];
            (port.as_u64().unwrap(), tokens.as_u64().unwrap())
        })
        .collect();
    assert_eq!(ports, [(8080, 1000), (8090, 7)]);
}

#[test]
fn per_client_ip_at_the_gateway_for_its_hosts_alone() {
    let mut service = limited(vec![limit(LimitKey::ClientIp, 10)]);
    service.exposures =
        vec![exposure("www.example.com", PathPattern::All, 80), exposure("shop.example.com", PathPattern::All, 80)];
    let mut mesh = mesh(vec![service]);
    mesh.namespaces[0].rendered = "boutique-dev".into();
    let recorder = Recorder::render(&mesh);
    assert!(recorder.find("boutique/frontend/envoy-filter.yaml").is_none(), "nothing at the sidecar");
    let network = |name: &str| {
        json!({
            "context": "GATEWAY",
            "listener": {"filterChain": {"filter": {
                "name": "envoy.filters.network.http_connection_manager",
                "subFilter": {"name": name},
            }}},
        })
    };
    let host = |name: &str| {
        json!({
            "applyTo": "VIRTUAL_HOST",
            "match": {"context": "GATEWAY", "routeConfiguration": {"vhost": {"name": name}}},
            "patch": {
                "operation": "MERGE",
                "value": {"typed_per_filter_config": {"meshc.local_ratelimit": {
                    "@type": TYPE_URL,
                    "stat_prefix": "http_local_rate_limiter",
                    "filter_enabled": enforced(),
                    "filter_enforced": enforced(),
                    "rate_limited_as_resource_exhausted": true,
                    "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
                    "max_dynamic_descriptors": 10000,
                    "always_consume_default_token_bucket": false,
                    "token_bucket": {"max_tokens": 100_000, "tokens_per_fill": 100_000, "fill_interval": "60s"},
                    "rate_limits": [{"actions": [{"remote_address": {}}]}],
                    "descriptors": [{
                        "entries": [{"key": "remote_address"}],
                        "token_bucket": {"max_tokens": 10, "tokens_per_fill": 10, "fill_interval": "60s"},
                    }],
                }}},
            },
        })
    };
    assert_eq!(
        recorder.get("boutique/frontend/envoy-filter.ingress.yaml").value,
        json!({
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "metadata": metadata("istio-system", "boutique-dev-frontend"),
            "spec": {
                "priority": 10,
                "workloadSelector": {"labels": {"istio": "ingressgateway"}},
                "configPatches": [
                    {
                        "applyTo": "HTTP_FILTER",
                        "match": network("meshc.local_ratelimit"),
                        "patch": {"operation": "REMOVE"},
                    },
                    {
                        "applyTo": "HTTP_FILTER",
                        "match": network("envoy.filters.http.router"),
                        "patch": {
                            "operation": "INSERT_BEFORE",
                            "value": {
                                "name": "meshc.local_ratelimit",
                                "typed_config": {"@type": TYPE_URL, "stat_prefix": "http_local_rate_limiter"},
                            },
                        },
                    },
                    host("shop.example.com:443"),
                    host("www.example.com:443"),
                ],
            },
        })
    );
}

#[test]
fn two_gateways_of_one_namespace_get_a_filter_each() {
    let mut service = limited(vec![limit(LimitKey::ClientIp, 10)]);
    let shop = exposure("shop.example.com", PathPattern::All, 80);
    service.exposures = vec![shop.clone(), Exposure { gateway: 1, host: "in.example.com".into(), ..shop }];
    let mut mesh = mesh(vec![service]);
    mesh.gateways.push(gateway("inside"));
    let recorder = Recorder::render(&mesh);
    let name = |path| recorder.get(path).head.name.clone();
    assert_eq!(name("boutique/frontend/envoy-filter.ingress.yaml"), "boutique-frontend");
    assert_eq!(name("boutique/frontend/envoy-filter.inside.yaml"), "boutique-frontend-inside");
}
