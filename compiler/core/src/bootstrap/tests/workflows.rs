use serde_json::{Value, json};

use super::super::repository::Repository;
use super::super::workflow::{Environment, Host, Request, files, hook, pre_commit_entry};
use super::*;

/// The files of a host for both environments, as they are written.
fn written(host: Host, source: Option<&str>, edits: &[(&str, &str)]) -> Result<Vec<(&'static str, String)>, String> {
    let renderings = [rendered("staging", edits), rendered("prod", edits)];
    let names = ["staging", "prod"];
    let environments = renderings.iter().zip(names).map(|(rendered, name)| Environment {
        name,
        folder: &rendered.folder,
        facts: &rendered.facts,
        istio: rendered.mesh.as_ref().unwrap().target.istio,
    });
    let request = Request {
        mesh: "shop",
        project: "teams/it's $(shop)",
        branch: "main",
        source: source.map(Repository::parse),
        environments: environments.collect(),
    };
    files(&templates(), host, &request)
}

fn github(source: Option<&str>, edits: &[(&str, &str)]) -> [Value; 2] {
    let files = written(Host::GitHub, source, edits).unwrap();
    let [check, publish] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!((check.0, publish.0), (".github/workflows/mesh-check.yaml", ".github/workflows/mesh-publish.yaml"));
    [yaml_serde::from_str(&check.1).unwrap(), yaml_serde::from_str(&publish.1).unwrap()]
}

fn jobs(workflow: &Value) -> &serde_json::Map<String, Value> {
    workflow["jobs"].as_object().unwrap()
}

fn steps(job: &Value) -> &Vec<Value> {
    job["steps"].as_array().unwrap()
}

/// All scripts of a job, in order.
fn scripts(job: &Value) -> String {
    steps(job).iter().filter_map(|step| step["run"].as_str()).collect::<Vec<&str>>().join("\n")
}

#[test]
fn scripts_hold_no_expression_and_no_name() {
    for workflow in github(None, &[]) {
        assert_eq!(workflow["env"]["PROJECT"], "teams/it's $(shop)");
        for (name, job) in jobs(&workflow) {
            for step in steps(job) {
                let Some(script) = step["run"].as_str() else { continue };
                assert!(!script.contains("${{"), "{name}: what a person writes must reach a script as a variable only");
                assert!(!script.contains("it's") && !script.contains("prod"), "{name}: {script}");
            }
        }
    }
}

#[test]
fn actions_are_pinned_and_permissions_are_least() {
    for workflow in github(None, &[]) {
        assert_eq!(workflow["permissions"], json!({"contents": "read"}));
        for (name, job) in jobs(&workflow) {
            for used in steps(job).iter().filter_map(|step| step["uses"].as_str()) {
                let (_, version) = used.split_once("@v").unwrap();
                assert!(version.parse::<u32>().is_ok(), "{name}: {used}");
            }
            assert!(job["timeout-minutes"].is_u64(), "{name}");
        }
    }
    let [check, _] = github(None, &[]);
    assert_eq!(check["jobs"]["check"]["permissions"], json!({"contents": "read", "security-events": "write"}));
    assert_eq!(check["jobs"]["plan"]["permissions"], json!({"contents": "read", "pull-requests": "write"}));
}

#[test]
fn a_pull_request_is_checked_and_planned() {
    let [check, _] = github(None, &[]);
    assert!(check.as_object().unwrap().contains_key("on"), "{check}");
    let script = scripts(&check["jobs"]["check"]);
    for part in ["fmt --check", "\" check\n", "--format sarif", "istioctl\" analyze --use-kube=false -"] {
        assert!(script.contains(part), "{part}: {script}");
    }
    assert_eq!(script.matches("istioctl\" analyze").count(), 2, "each environment, for its version");
    let plan = &check["jobs"]["plan"];
    let script = scripts(plan);
    assert!(
        script.contains("plan $ENVIRONMENTS --source-branch \"$BRANCH\" --format markdown")
            && script.contains("<!-- meshc-plan:"),
        "{script}"
    );
    assert_eq!(plan["if"], "github.event.pull_request.head.repo.full_name == github.repository");
}

#[test]
fn publishing_waits_its_turn_and_sees_the_whole_history() {
    let [_, publish] = github(None, &[]);
    assert_eq!(publish["on"]["push"], json!({"branches": ["main"]}));
    assert_eq!(publish["on"]["schedule"], json!([{"cron": "*/5 * * * *"}]));
    assert_eq!(jobs(&publish).keys().collect::<Vec<_>>(), ["publish-prod", "publish-staging"]);
    for (name, job) in jobs(&publish) {
        let environment = name.strip_prefix("publish-").unwrap();
        let group = json!({"group": format!("mesh-publish-{environment}"), "cancel-in-progress": false});
        assert_eq!(job["concurrency"], group);
        assert_eq!(steps(job)[0]["with"]["fetch-depth"], 0, "ancestry needs it");
        let last = steps(job).last().unwrap();
        assert_eq!(last["env"]["ENVIRONMENT"], environment);
        assert_eq!(
            last["run"],
            "meshc -C \"$PROJECT\" publish --source-branch \"$BRANCH\" --env \"$ENVIRONMENT\" $UNTIL_DONE"
        );
    }
    assert_eq!(publish["jobs"]["publish-prod"]["needs"], json!(["publish-staging"]));
    assert_eq!(publish["jobs"]["publish-staging"].get("needs"), None);
}

#[test]
fn our_own_commits_start_nothing() {
    let [_, publish] = github(Some("https://github.com/shop/deploy"), &[]);
    let ignored = json!(["staging/**", "live/**", "rollback/**", "state/**"]);
    assert_eq!(publish["on"]["push"]["paths-ignore"], ignored);
    assert_eq!(publish["permissions"], json!({"contents": "write"}));
    let [_, publish] = github(Some("https://github.com/shop/mesh"), &[]);
    assert_eq!(publish["on"]["push"].get("paths-ignore"), None, "a folder of the sources may have that name");
}

#[test]
fn keys_and_tokens_reach_only_where_they_are_used() {
    let [check, publish] = github(None, &[]);
    let text = check.to_string();
    assert!(text.contains("secrets.MESH_DEPLOY_READ_KEY") && !text.contains("secrets.MESH_DEPLOY_KEY"), "{text}");
    assert!(!check["jobs"]["check"].to_string().contains("secrets."), "checking needs none");
    let steps = steps(&publish["jobs"]["publish-prod"]);
    let with_token = steps.iter().filter(|step| step.to_string().contains("secrets.MESH_DEPLOY_TOKEN"));
    let names: Vec<&Value> = with_token.map(|step| &step["name"]).collect();
    assert_eq!(names, ["Publish"], "the helper reads it there");
    assert_eq!(steps[0]["with"]["persist-credentials"], false, "it would hide the token for the same host");
}

/// An environment that is measured, with a token.
const MEASURED: (&str, &str) = (
    "  after  staging\n",
    "  after  staging\n  prometheus \"https://p.example.com\" { bearer-token-file \"it's.token\"; ca-file \"ca.pem\" }\n",
);

#[test]
fn what_is_measured_is_promoted_behind_its_publish() {
    let [check, publish] = github(None, &[MEASURED]);
    let steps = steps(&publish["jobs"]["publish-prod"]);
    let names: Vec<&str> = steps.iter().rev().take(3).map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Promote", "bearer-token-file of Prometheus", "Publish"]);
    let promote = steps.last().unwrap();
    assert_eq!(promote["run"], "meshc -C \"$PROJECT\" promote --env \"$ENVIRONMENT\"");
    assert_eq!((&promote["env"]["ENVIRONMENT"], &promote["if"]), (&json!("prod"), &json!("${{ !cancelled() }}")));
    assert_eq!(promote["env"]["MESH_DEPLOY_TOKEN"], "${{ secrets.MESH_DEPLOY_TOKEN }}");
    let token = &steps[steps.len() - 2];
    assert_eq!(token["env"]["SECRET"], "${{ secrets.MESH_PROMETHEUS_PROD_BEARER_TOKEN_FILE }}");
    assert_eq!(token["env"]["FILE"], "it's.token");
    assert!(!publish["jobs"]["publish-staging"].to_string().contains("promote"), "nothing measures there");
    let rehearsals = scripts(&check["jobs"]["plan"]).matches(" rehearse --env \"$ENVIRONMENT\"").count();
    assert_eq!(rehearsals, 2);
    let files = written(Host::GitLab, None, &[MEASURED]).unwrap();
    let value: Value = yaml_serde::from_str(&files[0].1).unwrap();
    let script = value["mesh-publish-prod"]["script"].to_string();
    let (published, rest) = script.split_once(" publish --source-branch").unwrap();
    assert!(published.contains("code=0") && rest.contains("|| code=$?"), "{script}");
    assert!(rest.contains("cp \\\"$MESH_PROMETHEUS_PROD_BEARER_TOKEN_FILE\\\""), "{script}");
    assert!(rest.contains(" promote --env prod") && rest.ends_with("exit \\\"$code\\\"\"]"), "{script}");
    assert_eq!(value["mesh-rehearse"]["allow_failure"], true);
}

#[test]
fn gitlab_has_the_same_jobs() {
    let files = written(Host::GitLab, None, &[]).unwrap();
    let [(path, text)] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!(*path, ".gitlab/mesh.yaml");
    let value: Value = yaml_serde::from_str(text).unwrap();
    let names: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [".mesh", "mesh-check", "mesh-plan", "mesh-publish-prod", "mesh-publish-staging", "mesh-rehearse"]
    );
    assert_eq!(value[".mesh"]["variables"]["GIT_DEPTH"], "0");
    let prod = &value["mesh-publish-prod"];
    assert_eq!((&prod["resource_group"], &prod["interruptible"]), (&json!("mesh-publish-prod"), &json!(false)));
    assert_eq!(prod["needs"], json!([{"job": "mesh-publish-staging", "optional": true}]));
}

#[test]
fn a_project_without_a_remote_has_nothing_to_publish_to() {
    let edits = [
        ("repository \"git@github.com:shop/deploy.git\"; ", ""),
        ("repository \"https://gitlab.example.com/shop/deploy.git\"; ", "repository \"/srv/deploy.git\"; "),
    ];
    let refused = written(Host::GitHub, None, &edits).unwrap_err();
    assert!(refused.contains("no environment states a deploy repository"), "{refused}");
}

#[test]
fn the_hook_quotes_the_folder() {
    let script = hook(&templates(), "teams/it's").unwrap();
    assert!(script.starts_with("#!/bin/sh\n") && script.contains("\nproject='teams/it'\\''s'\n"), "{script}");
    let entry: Value = yaml_serde::from_str(&pre_commit_entry(&templates(), "teams/it's").unwrap()).unwrap();
    let hooks = entry["repos"][0]["hooks"].as_array().unwrap();
    assert_eq!(hooks[0]["args"], json!(["--quiet", "-C", "teams/it's", "fmt", "--check"]));
    assert_eq!(hooks[1]["args"], json!(["--quiet", "-C", "teams/it's", "check"]));
}
