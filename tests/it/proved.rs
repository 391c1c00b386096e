//! The EnvoyFilters that were shown with traffic to limit (`proved/`), against those that the compiler writes: equal
//! apart from names and numbers. A proxy accepts many filters that limit nothing (istio 1.31 with Envoy 1.40: a Service
//! port in `destinationPort`, `filter_enforced` left out), so a change of shape must be seen.

use serde_json::{Map, Value};

use crate::support::project::Texts;

/// A mesh whose filters have the three shapes.
const MESH: &str = r#"
mesh shop { namespace shop; mtls strict; authorization deny-by-default }

gateway ingress {
  pods            istio-system istio=ingressgateway
  service-account istio-system/istio-ingressgateway-service-account
  resource        istio-system/public
  listener        80
  trusted-proxies 1
}

service total  { port 80 -> 8080 http; allow anyone; rate-limit 10/min each proxy }
service caller { port 3550 grpc; allow total; rate-limit 10/min per caller each proxy }
service client {
  port       80 -> 8080 http
  expose     shop.example.com on ingress
  rate-limit 10/min per client-ip each proxy
}

environment prod { target istio 1.31 }
"#;

#[test]
fn limits_have_the_shape_that_was_proved() {
    let rendered = Texts::named([("shop.mesh", MESH)]).compile().files();
    let written =
        |path: &str| parse(rendered.get(path).unwrap_or_else(|| panic!("no `{path}` in {:?}", rendered.keys())));
    for (proved, path) in [
        (include_str!("proved/total.yaml"), "prod/shop/total/envoy-filter.yaml"),
        (include_str!("proved/per-caller.yaml"), "prod/shop/caller/envoy-filter.yaml"),
        (include_str!("proved/per-client-ip.yaml"), "prod/shop/client/envoy-filter.ingress.yaml"),
    ] {
        let (proved, written) = (shape(parse(proved)), shape(written(path)));
        assert_same(&proved, &written, path);
    }
}

#[test]
fn a_filter_without_enforcement_has_another_shape() {
    let proved = include_str!("proved/total.yaml");
    let broken = proved.replace("filter_enforced:", "filter_enforcing:");
    assert_ne!(shape(parse(proved)), shape(parse(&broken)));
    assert_ne!(shape(parse(proved)), shape(parse(&proved.replace("INSERT_BEFORE", "INSERT_FIRST"))));
}

fn assert_same(proved: &Value, written: &Value, path: &str) {
    let text = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    assert_eq!(text(proved), text(written), "`{path}` differs from what was proved");
}

fn parse(text: &str) -> Value {
    yaml_serde::from_str(text).expect("YAML")
}

/// The object without what names it, every number 0, every duration and virtual host alike.
fn shape(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(key, _)| !matches!(key.as_str(), "metadata" | "workloadSelector"))
                .map(|(key, value)| {
                    let value = match key.as_str() {
                        "fill_interval" => Value::from("DURATION"),
                        "vhost" => Value::Object(Map::from_iter([("name".to_owned(), Value::from("HOST:PORT"))])),
                        _ => shape(value),
                    };
                    (key, value)
                })
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.into_iter().map(shape).collect()),
        Value::Number(_) => Value::from(0),
        value => value,
    }
}
