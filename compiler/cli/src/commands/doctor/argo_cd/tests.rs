//! Decisions on objects in the shape that Argo CD stores (argo-cd 3.6, pkg/apis/application/v1alpha1/types.go). They are
//! written by hand: no cluster runs here.

use serde_json::json;

use super::super::finding::Verdict;
use super::*;

/// 2026-11-25 20:00 UTC.
const NOW: i64 = 1_795_636_800 / 60;

fn published() -> Published {
    Published {
        repository: Repository::parse("git@git.example.com:shop/deploy.git"),
        branch: "main".to_owned(),
        folder: "prod".to_owned(),
        namespaces: vec!["shop".to_owned()],
        virtual_services: Vec::new(),
        environment: "prod".to_owned(),
    }
}

/// An Application as `meshc bootstrap sync` writes it, after a sync.
fn application() -> Value {
    json!({
        "metadata": {"name": "shop-prod-shop", "namespace": "argocd"},
        "spec": {
            "project": "shop-prod",
            "source": {"repoURL": "https://git.example.com/shop/deploy", "targetRevision": "main", "path": "prod/shop"},
            "destination": {"name": "in-cluster"},
            "syncPolicy": {
                "automated": {"prune": true, "selfHeal": true},
                "retry": {"limit": 5, "refresh": true},
            },
        },
        "status": {
            "sync": {"status": "Synced"},
            "operationState": {"phase": "Succeeded", "message": "successfully synced", "startedAt": "2026-11-25T19:00:00Z"},
        },
    })
}

fn cluster(application: Value) -> Cluster {
    Cluster {
        context: "prod".to_owned(),
        applications: vec![application],
        projects: Vec::new(),
        settings: None,
        secrets: Some(vec!["admin.password".to_owned(), "webhook.github.secret".to_owned()]),
        now: NOW,
    }
}

/// An application with one field changed, and what is found that is not fine.
fn with(pointer: &str, value: Value) -> Vec<(Verdict, String)> {
    let mut application = application();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = application.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
    if value.is_null() {
        parent.as_object_mut().unwrap().remove(field);
    } else {
        parent[field] = value;
    }
    troubles(&cluster(application))
}

fn troubles(cluster: &Cluster) -> Vec<(Verdict, String)> {
    let found = judge(cluster, &published()).into_iter();
    found.filter(|finding| finding.verdict != Verdict::Fine).map(|finding| (finding.verdict, finding.text)).collect()
}

#[track_caller]
fn one(troubles: Vec<(Verdict, String)>, verdict: Verdict, part: &str) {
    let [(found, text)] = troubles.as_slice() else { panic!("{troubles:?}") };
    assert!(*found == verdict && text.contains(part), "{troubles:?}");
}

#[test]
fn what_bootstrap_writes_is_fine() {
    assert_eq!(troubles(&cluster(application())), []);
}

#[test]
fn an_application_that_does_not_sync_is_found() {
    one(with("/spec/syncPolicy/automated", Value::Null), Verdict::Fails, "does not sync by itself");
    one(with("/spec/syncPolicy/automated/enabled", json!(false)), Verdict::Fails, "does not sync by itself");
    one(with("/spec/syncPolicy/automated/prune", json!(false)), Verdict::Warns, "does not prune");
    one(with("/spec/syncPolicy/automated/selfHeal", Value::Null), Verdict::Warns, "does not heal");
    one(with("/spec/syncPolicy/retry/refresh", Value::Null), Verdict::Warns, "retries an old commit");
    one(with("/spec/source/targetRevision", json!("HEAD")), Verdict::Fails, "takes `HEAD`");
}

#[test]
fn a_hidden_weight_is_found() {
    let entry = |entry: Value| with("/spec/ignoreDifferences", json!([entry]));
    let snippet = json!({
        "group": "networking.istio.io",
        "kind": "VirtualService",
        "jqPathExpressions": [".spec.http[].route[].weight"],
    });
    one(entry(snippet), Verdict::Fails, "a rollback is never applied");
    let other = json!({"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]});
    assert_eq!(entry(other), []);
    let mut cluster = cluster(application());
    let key = "resource.customizations.ignoreDifferences.networking.istio.io_VirtualService";
    cluster.settings = Some(json!({"data": {key: "jsonPointers:\n- /spec/http/0/route/0/weight\n"}}));
    one(troubles(&cluster), Verdict::Fails, "Argo CD ignores the weights");
    cluster.settings = Some(json!({"data": {key: "jsonPointers:\n- /spec/hosts\n"}}));
    assert_eq!(troubles(&cluster), []);
}

#[test]
fn what_it_is_doing_is_told() {
    let running = json!({"phase": "Running", "startedAt": "2026-11-25T19:59:00Z"});
    one(with("/status/operationState", running), Verdict::Warns, "in progress since 2026-11-25T19:59:00Z");
    let failed = json!({"phase": "Failed", "message": "one or more objects failed to apply", "startedAt": ""});
    one(with("/status/operationState", failed), Verdict::Fails, "one or more objects failed to apply");
    let condition = json!([{"type": "ComparisonError", "message": "repository not accessible"}]);
    one(with("/status/conditions", condition), Verdict::Fails, "repository not accessible");
    assert_eq!(with("/status/conditions", json!([{"type": "OrphanedResourceWarning", "message": "x"}])), []);
}

#[test]
fn windows_of_its_project_hold_for_it() {
    let window = |window: Value| {
        let mut cluster = cluster(application());
        cluster.projects = vec![
            json!({"metadata": {"name": "default"}, "spec": {"syncWindows": [{
                "kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"],
            }]}}),
            json!({"metadata": {"name": "shop-prod"}, "spec": {"syncWindows": [window]}}),
        ];
        troubles(&cluster)
    };
    let freeze = json!({"kind": "deny", "schedule": "0 18 * * *", "duration": "12h", "applications": ["shop-*"]});
    one(window(freeze), Verdict::Fails, "keep commits from `shop-prod-shop` now");
    let tonight = json!({"kind": "deny", "schedule": "0 3 * * *", "duration": "1h", "clusters": ["in-cluster"]});
    one(window(tonight), Verdict::Fails, "from 03:00 UTC on");
    let other = json!({"kind": "deny", "schedule": "0 18 * * *", "duration": "12h", "applications": ["bank-*"]});
    assert_eq!(window(other), []);
    let both = json!({
        "kind": "deny", "schedule": "0 18 * * *", "duration": "12h",
        "applications": ["shop-*"], "clusters": ["other"], "andOperator": true,
    });
    assert_eq!(window(both), []);
    let zone = json!({
        "kind": "deny", "schedule": "0 3 * * *", "duration": "1h", "applications": ["*"], "timeZone": "Europe/Paris",
    });
    one(window(zone), Verdict::Warns, "Europe/Paris");
}

#[test]
fn a_namespace_without_an_application_is_found() {
    let mut published = published();
    published.namespaces.push("money".to_owned());
    let found = judge(&cluster(application()), &published);
    assert!(found.iter().any(|one| one.text == "nothing applies what is published for money"), "{found:?}");
    let mut whole = application();
    whole["spec"]["source"]["path"] = json!("./prod/");
    assert!(is_ours(&whole, &published));
    assert!(judge(&cluster(whole), &published).iter().all(|one| !one.text.contains("nothing applies")));
}

#[test]
fn applications_of_others_are_not_ours() {
    for (field, value) in
        [("path", "production/shop"), ("path", "staging/shop"), ("repoURL", "https://git.example.com/x")]
    {
        let mut other = application();
        other["spec"]["source"][field] = json!(value);
        assert!(!is_ours(&other, &published()), "{value}");
    }
    let mut many = application();
    let source = many["spec"]["source"].take();
    many["spec"] = json!({"sources": [{"repoURL": "https://x", "path": "a"}, source]});
    assert!(is_ours(&many, &published()));
    one(troubles(&Cluster { applications: Vec::new(), ..cluster(Value::Null) }), Verdict::Warns, "no Application");
}

#[test]
fn polling_is_told() {
    let with = |secrets: Option<Vec<String>>| troubles(&Cluster { secrets, ..cluster(application()) });
    one(with(Some(vec!["server.secretkey".to_owned()])), Verdict::Warns, "up to three minutes");
    one(with(None), Verdict::NotLooked, "may not be read");
}

#[test]
fn patterns_are_globs() {
    assert!(glob("*", "") && glob("a*c", "abbc") && glob("a?c", "abc") && glob("in-cluster", "in-cluster"));
    assert!(!glob("a?c", "ac") && !glob("a*c", "ab") && !glob("", "a"));
}
