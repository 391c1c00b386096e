use serde_json::Value;

use super::super::observe::{What, text};
use super::*;

fn written(what: What) -> String {
    let rendered = rendered("staging", &[]);
    let mesh = rendered.mesh.as_ref().unwrap();
    let first = text(&templates(), what, "shop", mesh).unwrap();
    assert_eq!(first, text(&templates(), what, "shop", mesh).unwrap());
    first
}

#[test]
fn rules_count_in_the_namespaces_of_the_cluster() {
    let value: Value = yaml_serde::from_str(&written(What::Rules)).unwrap();
    let rules = value["groups"][0]["rules"].as_array().unwrap();
    for rule in rules {
        let (expr, labels) = (rule["expr"].as_str().unwrap(), &rule["labels"]);
        let counts = expr.contains("destination_service_namespace=~\"money|shop-staging\"");
        assert!(counts || expr.contains("{mesh=\"shop\",mesh_environment=\"staging\"}"), "{expr}");
        assert_eq!((labels["mesh"].as_str(), labels["mesh_environment"].as_str()), (Some("shop"), Some("staging")));
    }
}

/// What a panel reads must be recorded, with the labels that it asks for.
#[test]
fn the_dashboard_reads_what_the_rules_record() {
    let rules: Value = yaml_serde::from_str(&written(What::Rules)).unwrap();
    let recorded: Vec<&str> =
        rules["groups"][0]["rules"].as_array().unwrap().iter().filter_map(|rule| rule["record"].as_str()).collect();
    let dashboard: Value = serde_json::from_str(&written(What::Dashboard)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert_eq!(panels.len(), 7);
    for panel in panels {
        let expr = panel["targets"][0]["expr"].as_str().unwrap();
        let series = expr.split('{').next().unwrap().rsplit(' ').next().unwrap();
        assert!(recorded.contains(&series), "{expr}");
        assert!(
            expr.contains("mesh=\"shop\",mesh_environment=\"staging\"") && expr.ends_with("\"$service\"}"),
            "{expr}"
        );
    }
    let query = dashboard["templating"]["list"][2]["query"].as_str().unwrap();
    assert!(query.starts_with("label_values(mesh:requests:rate5m{mesh=\"shop\""), "{query}");
}

/// The table of calls that the script goes through.
fn calls(environment: &str, edits: &[(&str, &str)]) -> Value {
    let rendered = rendered(environment, edits);
    let script = text(&templates(), What::Calls, "shop", rendered.mesh.as_ref().unwrap()).unwrap();
    let (_, table) = script.split_once("const mesh = ").unwrap();
    serde_json::from_str(table.split_once(";\n").unwrap().0).unwrap()
}

#[test]
fn calls_are_those_of_the_declared_graph() {
    let table = calls("staging", &[]);
    assert_eq!(table["accounts"], serde_json::json!(["istio-system/ingress", "shop-staging/web"]));
    assert_eq!((table["refuses"].as_bool(), table["others"].as_array().map(Vec::len)), (Some(true), Some(0)));
    let all = serde_json::json!({"all": true, "operations": []});
    let prices = serde_json::json!({"name": "money/prices:8080", "url": "http://prices.money.svc.cluster.local:8080",
        "accounts": {"shop-staging/web": all}});
    assert_eq!(table["targets"][0], prices);
    // The gateway may call what it exposes, and nobody else may call the web.
    assert_eq!(table["targets"][1]["accounts"], serde_json::json!({"istio-system/ingress": all}));
}

#[test]
fn operations_are_called_by_method_and_path_and_bytes_are_left_out() {
    let edits = [(
        "allow shop/web;",
        "allow shop/web to GET /prices/**, PUT /prices/**; allow anyone to /health; port 5432 tcp;",
    )];
    let table = calls("staging", &edits);
    let target = &table["targets"][0];
    let operations = serde_json::json!([["GET", "/prices"], ["PUT", "/prices"]]);
    assert_eq!(target["accounts"]["shop-staging/web"], serde_json::json!({"all": false, "operations": operations}));
    assert_eq!(target["anyone"], serde_json::json!({"all": false, "operations": [["GET", "/health"]]}));
    assert_eq!(table["others"], serde_json::json!(["money/prices:5432"]));
    assert_eq!(table["targets"].as_array().map(Vec::len), Some(2));
}
