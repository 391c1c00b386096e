//! Decisions on objects in the shape that Flux stores (kustomize-controller, source-controller and
//! notification-controller 1.9, API v1). They are written by hand: no cluster runs here.

use serde_json::json;

use super::super::finding::Verdict;
use super::*;

fn published() -> Published {
    Published {
        repository: Repository::parse("git@git.example.com:shop/deploy.git"),
        branch: "main".to_owned(),
        folder: "staging".to_owned(),
        namespaces: vec!["shop".to_owned()],
        virtual_services: Vec::new(),
        environment: "staging".to_owned(),
    }
}

fn ready() -> Value {
    json!({"conditions": [{"type": "Ready", "status": "True", "message": "Applied revision: main@sha1:0"}]})
}

/// What `meshc bootstrap sync` writes, after a sync.
fn cluster() -> Cluster {
    let metadata = |name: &str| json!({"name": name, "namespace": "flux-system"});
    Cluster {
        context: "staging".to_owned(),
        repositories: vec![json!({
            "metadata": metadata("shop-staging"),
            "spec": {"url": "ssh://git@git.example.com/shop/deploy.git", "ref": {"branch": "main"}, "interval": "1m"},
            "status": ready(),
        })],
        kustomizations: vec![json!({
            "metadata": metadata("shop-staging-shop"),
            "spec": {
                "path": "./staging/shop", "prune": true, "wait": false,
                "sourceRef": {"kind": "GitRepository", "name": "shop-staging"},
            },
            "status": ready(),
        })],
        receivers: vec![json!({
            "metadata": metadata("shop-staging"),
            "spec": {"resources": [{"kind": "GitRepository", "name": "shop-staging"}]},
            "status": ready(),
        })],
    }
}

/// What is found that is not fine.
fn troubles(change: impl FnOnce(&mut Cluster)) -> Vec<(Verdict, &'static str, String)> {
    let mut cluster = cluster();
    change(&mut cluster);
    let found = judge(&cluster, &published()).into_iter().filter(|finding| finding.verdict != Verdict::Fine);
    found.map(|finding| (finding.verdict, finding.subject, finding.text)).collect()
}

#[track_caller]
fn one(troubles: Vec<(Verdict, &'static str, String)>, verdict: Verdict, subject: &str, part: &str) {
    let [(found, about, text)] = troubles.as_slice() else { panic!("{troubles:?}") };
    assert!(*found == verdict && *about == subject && text.contains(part), "{troubles:?}");
}

#[test]
fn what_bootstrap_writes_is_fine() {
    assert_eq!(troubles(|_| {}), []);
}

#[test]
fn what_does_not_run_is_found() {
    let suspended = |object: &mut Value| object["spec"]["suspend"] = json!(true);
    one(
        troubles(|c| suspended(&mut c.kustomizations[0])),
        Verdict::Fails,
        "flux",
        "Kustomization `shop-staging-shop` is suspended",
    );
    one(
        troubles(|c| suspended(&mut c.repositories[0])),
        Verdict::Fails,
        "flux",
        "GitRepository `shop-staging` is suspended",
    );
    one(
        troubles(|c| suspended(&mut c.receivers[0])),
        Verdict::Fails,
        "webhook",
        "Receiver `shop-staging` is suspended",
    );
    let failing = json!({"conditions": [{"type": "Ready", "status": "False", "message": "kustomize build failed"}]});
    one(troubles(|c| c.kustomizations[0]["status"] = failing), Verdict::Fails, "flux", "kustomize build failed");
    let running =
        json!({"conditions": [{"type": "Ready", "status": "Unknown", "message": "Reconciliation in progress"}]});
    one(troubles(|c| c.kustomizations[0]["status"] = running), Verdict::Warns, "flux", "in progress");
    one(troubles(|c| c.repositories[0]["status"] = json!({})), Verdict::Fails, "flux", "it has never been ready");
}

#[test]
fn what_would_hold_a_rollback_up_is_found() {
    let spec = |field: &'static str, value: Value| troubles(move |c| c.kustomizations[0]["spec"][field] = value);
    one(spec("wait", json!(true)), Verdict::Fails, "flux", "`wait: true`");
    let check = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop"}]);
    one(spec("healthChecks", check), Verdict::Fails, "flux", "`healthChecks`");
    assert_eq!(spec("healthChecks", json!([])), []);
    one(spec("dependsOn", json!([{"name": "istio"}])), Verdict::Warns, "flux", "`dependsOn`");
    one(spec("prune", json!(false)), Verdict::Warns, "flux", "does not prune");
}

#[test]
fn polling_is_told() {
    one(troubles(|c| c.receivers.clear()), Verdict::Warns, "webhook", "after up to 1m");
    let other = json!([{"kind": "GitRepository", "name": "other"}]);
    one(troubles(|c| c.receivers[0]["spec"]["resources"] = other), Verdict::Warns, "webhook", "no Receiver names");
    let all = json!([{"kind": "GitRepository", "name": "*"}]);
    assert_eq!(troubles(|c| c.receivers[0]["spec"]["resources"] = all), []);
}

#[test]
fn what_is_of_others_is_not_ours() {
    let nothing = "no Kustomization of the context";
    one(troubles(|c| c.repositories[0]["spec"]["ref"]["branch"] = json!("dev")), Verdict::Warns, "flux", nothing);
    one(troubles(|c| c.kustomizations[0]["spec"]["path"] = json!("./staging2/shop")), Verdict::Warns, "flux", nothing);
    one(
        troubles(|c| c.kustomizations[0]["spec"]["sourceRef"]["namespace"] = json!("x")),
        Verdict::Warns,
        "flux",
        nothing,
    );
}

#[test]
fn a_namespace_without_a_kustomization_is_found() {
    let mut published = published();
    published.namespaces.push("money".to_owned());
    let found = judge(&cluster(), &published);
    assert!(found.iter().any(|one| one.text == "nothing applies what is published for money"), "{found:?}");
}
