use serde_json::{Value, json};

use super::super::cron_job::{Request, manifests};
use super::*;

const PROMETHEUS: &str =
    "  prometheus \"https://p.example.com\" { bearer-token-file \"secrets/token\"; ca-file \"/etc/ca.pem\" }\n";

fn written(environment: &str, edits: &[(&str, &str)]) -> Result<String, String> {
    let rendered = rendered(environment, edits);
    let request = Request {
        mesh: "shop",
        environment,
        folder: &rendered.folder,
        facts: &rendered.facts,
        namespace: "mesh-promote",
        image: "registry.example.com/meshc:0.1.0",
    };
    manifests(&templates(), &request)
}

fn measured(engine: &str) -> [(String, String); 1] {
    [(format!("  sync   {engine}\n"), format!("  sync   {engine}\n{PROMETHEUS}"))]
}

fn pod(text: &str) -> Value {
    let documents = documents(text);
    let job = documents.iter().find(|document| document["kind"] == "CronJob").unwrap();
    assert_eq!(job["spec"]["concurrencyPolicy"], "Forbid");
    let account = documents.iter().find(|document| document["kind"] == "ServiceAccount").unwrap();
    let pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"].clone();
    assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
    pod
}

#[test]
fn a_cron_job_promotes_from_what_is_published() {
    let edits = measured("argo-cd");
    let text = written("prod", &edits.each_ref().map(|(a, b)| (a.as_str(), b.as_str()))).unwrap();
    let pod = pod(&text);
    let container = &pod["containers"][0];
    let url = "https://gitlab.example.com/shop/deploy.git";
    let args = ["-C", "/mesh", "promote", "--env", "prod", "--repository", url, "--branch", "main", "--folder", "live"];
    assert_eq!(container["args"], json!(args));
    let variables = container["env"].as_array().unwrap();
    let value = |name: &str| variables.iter().find(|one| one["name"] == name).map(|one| one["value"].clone());
    assert_eq!(value("GIT_CONFIG_KEY_0"), Some(json!("credential.https://gitlab.example.com.helper")));
    assert_eq!(value("GIT_SSH_COMMAND"), None);
    // What the plan names lies where the command looks for it.
    let mounts = container["volumeMounts"].as_array().unwrap();
    let of_prometheus = mounts.iter().filter(|mount| mount["name"] == "prometheus");
    let places: Vec<_> = of_prometheus.map(|mount| (&mount["subPath"], &mount["mountPath"])).collect();
    let expected =
        [("bearer-token-file", "/mesh/secrets/token"), ("ca-file", "/etc/ca.pem")].map(|(a, b)| (json!(a), json!(b)));
    assert_eq!(places, expected.each_ref().map(|(a, b)| (a, b)));
    assert_eq!(text, written("prod", &edits.each_ref().map(|(a, b)| (a.as_str(), b.as_str()))).unwrap());
}

#[test]
fn a_key_is_used_where_the_repository_is_reached_by_ssh() {
    let edits = measured("flux");
    let text = written("staging", &edits.each_ref().map(|(a, b)| (a.as_str(), b.as_str()))).unwrap();
    assert!(text.contains("ssh -i /deploy/identity") && !text.contains("GIT_CONFIG"), "{text}");
    assert!(text.contains("`identity`") && text.contains("releases/staging"), "{text}");
    assert_eq!(pod(&text)["volumes"][1]["secret"]["secretName"], "shop-staging-promote-deploy");
}

#[test]
fn nothing_is_promoted_unmeasured() {
    let refused = written("prod", &[]).unwrap_err();
    assert!(refused.contains("`prod` declares no `prometheus`"), "{refused}");
}
