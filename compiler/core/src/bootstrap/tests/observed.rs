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
