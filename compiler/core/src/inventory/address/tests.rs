//! Which addresses are found, and which text is none.

use proptest::prelude::*;

use super::*;
use crate::inventory::read::tests::read_one;

/// Services `api`, `redis` (headless) and `frontend` in `shop`, `ledger` in `pay`, and a Pod `caller` in `shop` with this
/// container.
fn caller(container: &str) -> Inventory {
    let mut text =
        format!("kind: Pod\nmetadata: {{name: caller, namespace: shop}}\nspec:\n  containers:\n  - {container}\n");
    for (namespace, service, spec) in
        [("shop", "api", ""), ("shop", "redis", "clusterIP: None"), ("shop", "frontend", ""), ("pay", "ledger", "")]
    {
        let meta = format!("{{name: {service}, namespace: {namespace}}}");
        text.push_str(&format!("---\nkind: Service\nmetadata: {meta}\nspec: {{{spec}}}\n"));
    }
    let (inventory, out) = read_one(&text);
    assert!(out.is_empty(), "{out:?}");
    inventory
}

fn shown(addresses: &[Address]) -> Vec<String> {
    let one = |address: &Address| {
        let namespace = address.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let port = address.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{namespace}{}{port}", address.host)
    };
    addresses.iter().map(one).collect()
}

fn found(container: &str) -> Addresses {
    let inventory = caller(container);
    addresses(inventory.workloads.values().next().unwrap(), &inventory)
}

fn env(name: &str, value: &str) -> Vec<String> {
    shown(&found(&format!("{{name: c, env: [{{name: {name}, value: {value:?}}}]}}")).cluster)
}

fn args(args: &[&str]) -> Vec<String> {
    shown(&found(&format!("{{name: c, command: {args:?}}}")).cluster)
}

#[test]
fn values_under_names_that_speak_of_addresses() {
    let table: [(&str, &str, &[&str]); 14] = [
        ("CART_ADDR", "cart:7070", &["cart:7070"]),
        ("CART_ADDRESS", "cart", &["cart"]),
        ("CART_URL", "https://cart/x", &["cart:443"]),
        ("CART_URL", "cart", &[]),
        ("CART_URL", "api", &["api"]),
        ("CART_URI", "grpc://cart:1", &["cart:1"]),
        ("CART_ENDPOINT", "dns:///cart:1", &["cart:1"]),
        ("REDIS_URL", "redis://user:secret@cache:6379/0", &["cache:6379"]),
        ("KAFKA_SERVERS", "k-0.redis:9092, k-1.redis:9092,b:1", &["b:1", "redis:9092"]),
        ("A_TARGET", "production", &[]),
        ("A_ADDR", "tcp://api.pay.svc:80", &["pay/api:80"]),
        ("A_ADDR", "ledger.pay:80", &["pay/ledger:80"]),
        ("A_ADDR", "API.shop.svc.cluster.local.", &["shop/api"]),
        ("A_ADDR", "0.redis.shop.svc.cluster.local:1", &["shop/redis:1"]),
    ];
    for (name, value, expected) in table {
        assert_eq!(env(name, value), expected, "{name}={value}");
    }
}

#[test]
fn values_under_other_names_count_where_they_name_a_service() {
    assert_eq!(env("BACKEND", "api"), ["api"]);
    assert_eq!(env("BACKEND", "api:80"), ["api:80"]);
    assert_eq!(env("DSN", "host=api port=5432 user=redis password=frontend"), ["api"]);
    assert_eq!(env("DSN", "user:pass@tcp(redis:3306)/db"), ["redis:3306"]);
    assert_eq!(env("CONFIG", r#"{"url": "http://cart:80"}"#), ["cart:80"]);
    for (name, value) in
        [("BACKEND", "cart:80"), ("DB_USER", "redis"), ("OTEL_SERVICE_NAME", "api"), ("IMAGE", "redis:7")]
    {
        assert!(env(name, value).is_empty(), "{name}={value}");
    }
}

#[test]
fn what_is_no_address_of_a_service() {
    for value in [
        "localhost:80",
        "127.0.0.1:80",
        "10.0.0.1",
        "[::1]:80",
        ":8080",
        "0.0.0.0:80",
        "",
        "80",
        "$(A):80",
        "http://${A}",
        "$A-api:80",
        "not configured yet",
        "s3://bucket",
        "user@host",
        "a_b:80",
    ] {
        assert!(env("X_ADDR", value).is_empty(), "{value}");
    }
    assert!(env("LISTEN_ADDR", "api:80").is_empty());
}

#[test]
fn external_names_are_kept_apart() {
    let both = found("{name: c, env: [{name: A_URL, value: \"https://api.stripe.com/v1,http://api\"}]}");
    assert_eq!(
        (shown(&both.external), shown(&both.cluster)),
        (vec!["api.stripe.com:443".into()], vec!["api:80".into()])
    );
}

#[test]
fn a_host_has_its_port_in_a_sibling() {
    let env =
        "env: [{name: REDIS_HOST, value: cache}, {name: REDIS_PORT, value: \"6379\"}, {name: DB_HOST, value: db}]";
    assert_eq!(shown(&found(&format!("{{name: c, {env}}}")).cluster), ["cache:6379", "db"]);
}

#[test]
fn arguments_and_scripts() {
    assert_eq!(args(&["--upstream=http://cart:8080"]), ["cart:8080"]);
    assert_eq!(args(&["-addr", "cart:80", "other:80", "api:81"]), ["api:81", "cart:80"]);
    assert_eq!(args(&["--backend-host=cart", "--name=api", "redis"]), ["cart"]);
    assert_eq!(
        args(&["sh", "-c", "wget -q http://${FRONTEND_ADDR} || curl 'http://cart/x' | nc -z redis 6379"]),
        ["cart:80", "redis:6379"]
    );
    assert_eq!(args(&["sh", "-c", "S=$(wget http://cart:8080/y); API_ADDR=api:80 ./run"]), ["api:80", "cart:8080"]);
}

#[test]
fn the_first_of_equal_addresses_is_kept_with_its_place() {
    let env = "env: [{name: B_ADDR, value: \"cart:80\"}, {name: A_ADDR, value: \"cart:80\"}]";
    let found = found(&format!("{{name: c, {env}}}")).cluster;
    assert_eq!(found.iter().map(|a| a.variable.as_deref().unwrap()).collect::<Vec<_>>(), ["B_ADDR"]);
}

#[test]
fn renamed_namespaces_are_found_under_the_sources_name() {
    let mut inventory = caller("{name: c, env: [{name: A_ADDR, value: \"ledger.pay:80\"}]}");
    let mut out = crate::diagnostic::Diagnostics::default();
    inventory.rename(&"pay".into(), &"payments".into(), &mut out);
    let workload = inventory.workloads.values().next().unwrap();
    let found = addresses(workload, &inventory).cluster;
    assert_eq!(shown(&found), ["payments/ledger:80"]);
    assert_eq!(found[0].target(workload), (&"payments".into(), &"ledger".into()));
}

#[test]
fn the_graph_of_a_shop_is_found() {
    let deployment = |name: &str, env: &[(&str, &str)]| {
        let env: String = env.iter().map(|(name, value)| format!("{{name: {name}, value: {value:?}}}, ")).collect();
        let pod = format!(
            "{{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: server, env: [{env}]}}]}}}}"
        );
        let service = format!("---\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}}}\n");
        format!("---\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{template: {pod}}}\n{service}")
    };
    let text = [
        deployment(
            "web",
            &[("PORT", "8080"), ("CATALOG_SERVICE_ADDR", "catalog:3550"), ("ADS_SERVICE_ADDR", "ads:80")],
        ),
        deployment("catalog", &[("PORT", "3550"), ("DISABLE_PROFILER", "1")]),
        deployment("cart", &[("REDIS_ADDR", "cart-db:6379")]),
        deployment("cart-db", &[]),
    ];
    let (inventory, out) = read_one(&text.concat());
    assert!(out.is_empty(), "{out:?}");
    let edges = inventory.workloads.values().flat_map(|workload| {
        let found = addresses(workload, &inventory).cluster;
        found.into_iter().map(|address| format!("{} -> {}", workload.name, address.host)).collect::<Vec<_>>()
    });
    assert_eq!(edges.collect::<Vec<_>>(), ["cart -> cart-db", "web -> ads", "web -> catalog"]);
}

proptest! {
    #[test]
    fn any_value_is_searched_without_a_panic(name in "[A-Za-z_]{1,12}", value in "\\PC{0,60}", arg in "[a-z$(){}:/@,. =-]{0,60}") {
        let mut inventory = caller("{name: c, env: [{name: X, value: x}], args: [x]}");
        let workload = inventory.workloads.values_mut().next().unwrap();
        workload.env[0].name = name.into();
        workload.env[0].value = value;
        workload.args[0].text = arg;
        let workload = workload.clone();
        let _ = addresses(&workload, &inventory);
    }
}
