//! JSON and SARIF.

use serde_json::Value;

use super::{case, plans, plans_to, read, report};
use crate::report::plan::json::json;
use crate::report::plan::sarif::sarif;

fn both() -> (Value, Value) {
    let case = case("access");
    let (environments, sources) = plans(&case);
    let report = report(environments, &sources);
    let parse = |text: String| serde_json::from_str(&text).expect("JSON");
    (parse(json(&report)), parse(sarif(&report)))
}

#[test]
fn json_has_each_change_with_its_line_and_its_calls() {
    let (json, _) = both();
    assert_eq!(json["schema"], 1);
    let prod = &json["environments"][0];
    assert_eq!((&prod["name"], &prod["changed"]), (&"prod".into(), &true.into()));
    let weakens = |change: &&Value| change["risk"] == "weakens";
    let changes = prod["changes"].as_array().unwrap();
    assert_eq!(changes.iter().filter(weakens).count() as u64, prod["weakens"].as_u64().unwrap());
    let gained = |change: &&Value| change["kind"] == "access-gained" && change["subject"] == "shop/cart";
    let one = changes.iter().find(gained).expect("a new caller of the cart");
    assert_eq!(one["cause"]["file"], "shop.mesh");
    assert!(one["cause"]["line"].as_u64().unwrap() > 1);
    assert_eq!(one["access"][0]["caller"]["identity"]["account"], "batch");
    assert_eq!(one["access"][0]["operations"][0]["paths"][0]["pattern"], "/shop.Cart/Get");
    let file = &prod["files"][0];
    assert!(file["diff"].as_str().unwrap().starts_with("--- a/prod/"));
}

#[test]
fn sarif_has_a_rule_and_a_place_for_each_result() {
    let (json, sarif) = both();
    let run = &sarif["runs"][0];
    let (results, rules) = (run["results"].as_array().unwrap(), run["tool"]["driver"]["rules"].as_array().unwrap());
    // Both environments have the same changes.
    assert_eq!(results.len(), json["environments"][0]["changes"].as_array().unwrap().len());
    let mut prints: Vec<&Value> = Vec::new();
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert_eq!(rule["defaultConfiguration"]["level"], result["level"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "shop.mesh");
        assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        assert_eq!(result["properties"]["environments"], serde_json::json!(["prod", "staging"]));
        prints.push(&result["partialFingerprints"]["meshcPlan/v1"]);
    }
    let all = prints.len();
    prints.sort_by_key(|print| print.to_string());
    prints.dedup();
    assert_eq!(prints.len(), all, "fingerprints are distinct");
}

#[test]
fn a_change_keeps_its_fingerprint_when_lines_above_are_added() {
    let case = case("access");
    let after = read(&case, "after.mesh");
    let prints = |after: &str| -> Vec<String> {
        let (environments, sources) = plans_to(&case, after);
        let log: Value = serde_json::from_str(&sarif(&report(environments, &sources))).expect("JSON");
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        results.iter().map(|result| result["partialFingerprints"]["meshcPlan/v1"].to_string()).collect()
    };
    assert_eq!(prints(&after), prints(&format!("# one\n# two\n{after}")));
}
