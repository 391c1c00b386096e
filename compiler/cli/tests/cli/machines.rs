//! Output for machines.

use serde_json::Value;

use crate::folder::Folder;

fn faulty() -> Folder {
    let folder = Folder::shop();
    folder.edit("shop.mesh", "allow web", "allow wbe");
    folder.edit("environments/all.mesh", "timeout 9s", "no retry");
    folder.write("twice.mesh", "# above\nservice web { port 81 http; allow none }\n");
    folder
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn json_has_everything_that_people_see() {
    let run = faulty().meshc(&["check", "--format", "json"]).ended(1);
    assert_eq!(run.stderr, "", "the findings are the result");
    let value = json(&run.stdout);
    assert_eq!(value["schema"], 1);
    assert_eq!(value["mesh"], "shop");
    assert_eq!(value["environments"], serde_json::json!(["staging", "prod"]));
    assert_eq!((value["errors"].as_u64(), value["warnings"].as_u64()), (Some(3), Some(0)));
    let of = |code: &str| {
        let list = value["diagnostics"].as_array().unwrap();
        list.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("{code}: {value}")).clone()
    };
    assert_eq!(
        of("unknown-caller"),
        serde_json::json!({
            "code": "unknown-caller",
            "severity": "error",
            "message": "no service or caller is named `wbe`",
            "file": "shop.mesh",
            "line": 15, "column": 9, "end_line": 15, "end_column": 12,
            "label": null,
            "related": [],
            "notes": [],
            "help": null,
            "suggestion": {
                "text": "did you mean `web`?",
                "edits": [{
                    "file": "shop.mesh",
                    "line": 15, "column": 9, "end_line": 15, "end_column": 12,
                    "replacement": "web",
                }],
            },
            "environments": ["staging", "prod"],
        })
    );
    assert_eq!(of("removes-nothing")["environments"], serde_json::json!(["prod"]));
    assert_eq!(of("duplicate-declaration")["related"][0]["file"], "shop.mesh");
}

#[test]
fn json_of_a_mesh_in_order_has_no_findings() {
    let run = Folder::shop().meshc(&["check", "--format", "json"]).ended(0);
    assert_eq!(json(&run.stdout)["diagnostics"], serde_json::json!([]));
}

#[test]
fn render_sums_up_what_it_wrote() {
    let folder = Folder::shop();
    let run = folder.meshc(&["--format", "json", "render", "--out", "out"]).ended(0);
    let value = json(&run.stdout);
    assert_eq!(value["out"], "out");
    let prod = &value["environments"][1];
    assert_eq!((prod["name"].as_str(), prod["files"].as_u64()), (Some("prod"), Some(10)));
    let written = prod["written"].as_array().unwrap();
    assert!(written.contains(&"prod/shop/web/virtual-service.yaml".into()), "{written:?}");
    assert_eq!(json(&run.stderr)["errors"], 0, "findings are on the other stream");
    let again = json(&folder.meshc(&["--format", "json", "render", "--out", "out"]).ended(0).stdout);
    assert_eq!(again["environments"][1]["unchanged"], 10);
    assert_eq!(again["environments"][1]["written"], serde_json::json!([]));
}

/// The properties that SARIF 2.1.0 requires, where we write them (sections 3.13, 3.14, 3.18, 3.19, 3.27, 3.49, 3.55).
#[test]
fn sarif_has_what_the_standard_requires() {
    let log = json(&faulty().meshc(&["check", "--format", "sarif"]).ended(1).stdout);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "meshc");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!((rules.len(), results.len()), (3, 3));
    for rule in rules {
        assert!(rule["help"]["markdown"].as_str().unwrap().starts_with("# "), "{rule}");
    }
    for result in results {
        let rule = &rules[result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["artifactLocation"]["uri"].as_str().unwrap().ends_with(".mesh"), "{place}");
        for field in ["startLine", "startColumn", "endLine", "endColumn"] {
            assert!(place["region"][field].as_u64().unwrap() >= 1, "{field} counts from 1");
        }
        assert!(result["partialFingerprints"]["meshcFinding/v1"].as_str().unwrap().ends_with(":1"));
    }
    let caller = results.iter().find(|result| result["ruleId"] == "unknown-caller").unwrap();
    let change = &caller["fixes"][0]["artifactChanges"][0];
    assert_eq!(change["replacements"][0]["insertedContent"]["text"], "web");
    let twice = results.iter().find(|result| result["ruleId"] == "duplicate-declaration").unwrap();
    assert_eq!(twice["relatedLocations"][0]["message"]["text"], "first declared here");
}

#[test]
fn fingerprints_stay_when_lines_move_and_when_one_stands_elsewhere() {
    let fingerprints = |folder: &Folder, args: &[&str]| {
        let log = json(&folder.meshc(args).ended(1).stdout);
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        let print = |result: &Value| result["partialFingerprints"]["meshcFinding/v1"].as_str().unwrap().to_owned();
        results.iter().map(print).collect::<Vec<String>>()
    };
    let folder = faulty();
    let before = fingerprints(&folder, &["check", "--format", "sarif"]);
    let text = folder.read("shop.mesh");
    folder.write("shop.mesh", format!("# a comment\n\n# more of them\n{text}"));
    assert_eq!(fingerprints(&folder, &["check", "--format", "sarif"]), before);
    folder.write("below/.keep", "");
    let mut command = folder.command(&["-C", "..", "check", "--format", "sarif"]);
    let output = command.current_dir(folder.path("below")).output().unwrap();
    let log = json(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(log["runs"][0]["results"][0]["partialFingerprints"]["meshcFinding/v1"], before[0].as_str());
    assert!(!before.iter().any(|one| before.iter().filter(|other| *other == one).count() > 1), "{before:?}");
}
