use serde_json::{Value, json};

use super::super::sync::{Emptied, Request, manifests};
use super::*;

fn written(rendered: &Rendered, emptied: &[Emptied]) -> Result<String, String> {
    let request = Request {
        mesh: "shop",
        environment: &rendered.mesh.as_ref().unwrap().environment,
        folder: &rendered.folder,
        facts: &rendered.facts,
        bundle: &rendered.bundle,
        engine_namespace: None,
        cluster: "in-cluster",
        emptied,
    };
    manifests(&templates(), &request)
}

/// The documents of one kind.
fn of_kind(text: &str, kind: &str) -> Vec<Value> {
    documents(text).into_iter().filter(|document| document["kind"] == kind).collect()
}

#[test]
fn argo_cd_gets_an_application_for_each_namespace() {
    let text = written(&rendered("prod", &[]), &[]).unwrap();
    let applications = of_kind(&text, "Application");
    let paths: Vec<&Value> = applications.iter().map(|one| &one["spec"]["source"]["path"]).collect();
    assert_eq!(paths, ["live/istio-system", "live/money", "live/shop"], "folders have logical names");
    for application in &applications {
        let policy = &application["spec"]["syncPolicy"];
        assert_eq!(policy["automated"], json!({"prune": true, "selfHeal": true, "allowEmpty": false}));
        let options = json!(["ApplyOutOfSyncOnly=true", "FailOnSharedResource=true", "ServerSideApply=true"]);
        assert_eq!(policy["syncOptions"], options);
        assert_eq!(policy["retry"]["refresh"], true, "a rollback does not wait behind what it takes back");
        let metadata = &application["metadata"];
        assert_eq!(metadata["annotations"]["argocd.argoproj.io/compare-options"], "ServerSideDiff=true");
        assert_eq!(metadata["annotations"]["argocd.argoproj.io/manifest-generate-paths"], ".");
        assert_eq!(metadata.get("finalizers"), None, "deleting an Application deletes no policy");
        assert_eq!(application["spec"]["project"], "shop-prod");
    }
    assert!(!text.contains("argocd.argoproj.io/hook") && !text.contains("sync-wave"), "{text}");
}

/// The whole texts, as people read them.
#[test]
fn the_manifests_are_as_they_were_read() {
    let argo_cd = written(&rendered("prod", &[]), &[]).unwrap();
    assert_eq!(argo_cd, include_str!("../testdata/argo-cd.yaml"));
    let flux = written(&rendered("staging", &[]), &[]).unwrap();
    assert_eq!(flux, include_str!("../testdata/flux.yaml"));
}

#[test]
fn the_project_allows_what_is_rendered_and_no_more() {
    let project = &of_kind(&written(&rendered("prod", &[]), &[]).unwrap(), "AppProject")[0]["spec"];
    let namespaces: Vec<&Value> =
        project["destinations"].as_array().unwrap().iter().map(|destination| &destination["namespace"]).collect();
    assert_eq!(namespaces, ["istio-system", "money", "shop"]);
    assert_eq!(project["sourceRepos"], json!(["https://gitlab.example.com/shop/deploy.git"]));
    assert_eq!(project["clusterResourceWhitelist"], json!([{"group": "", "kind": "Namespace"}]));
    let group = |name: &str| json!({"group": name, "kind": "*"});
    assert_eq!(
        project["namespaceResourceWhitelist"],
        json!([group("networking.istio.io"), group("security.istio.io")])
    );
}

#[test]
fn the_named_namespaces_may_be_emptied_and_no_other() {
    let legacy = Emptied { name: "legacy".to_owned(), rendered: "legacy-prod".to_owned() };
    let text = written(&rendered("prod", &[]), &[legacy]).unwrap();
    for application in of_kind(&text, "Application") {
        let named = application["spec"]["source"]["path"] == "live/legacy";
        assert_eq!(application["spec"]["syncPolicy"]["automated"]["allowEmpty"], named);
    }
    assert!(text.contains("namespace: legacy-prod"), "what is there must be in a permitted destination to be deleted");
    let shop = Emptied { name: "shop".to_owned(), rendered: "shop".to_owned() };
    let text = written(&rendered("prod", &[]), &[shop]).unwrap();
    assert_eq!(text.matches("allowEmpty: true").count(), 1, "an uninstall empties what is still declared");
}

#[test]
fn flux_gets_a_kustomization_for_each_namespace() {
    let text = written(&rendered("staging", &[]), &[]).unwrap();
    let kustomizations = of_kind(&text, "Kustomization");
    let paths: Vec<&Value> = kustomizations.iter().map(|one| &one["spec"]["path"]).collect();
    assert_eq!(paths, ["./staging/istio-system", "./staging/money", "./staging/shop"]);
    for one in &kustomizations {
        let spec = one["spec"].as_object().unwrap();
        assert_eq!((&spec["prune"], &spec["wait"], &spec["force"]), (&json!(true), &json!(false), &json!(false)));
        assert_eq!((&spec["timeout"], &spec["retryInterval"]), (&json!("1m"), &json!("30s")));
        assert_eq!(spec["deletionPolicy"], "Orphan");
        for unwanted in ["healthChecks", "dependsOn", "targetNamespace", "postBuild"] {
            assert!(!spec.contains_key(unwanted), "{unwanted} would hold up or change what is applied");
        }
    }
    let source = &of_kind(&text, "GitRepository")[0]["spec"];
    assert_eq!(source["url"], "ssh://git@github.com/shop/deploy.git", "Flux takes no scp-like URL");
    assert_eq!(source["ref"], json!({"branch": "releases/staging"}));
    let receiver = &of_kind(&text, "Receiver")[0]["spec"];
    assert_eq!((&receiver["type"], &receiver["events"]), (&json!("github"), &json!(["ping", "push"])));
    assert!(of_kind(&text, "Secret").is_empty() && text.contains("shop-staging-webhook, with `token`"));
}

#[test]
fn receivers_know_their_host() {
    let receiver = |url: &str| {
        let text = written(&rendered("staging", &[("git@github.com:shop/deploy.git", url)]), &[]).unwrap();
        let spec = of_kind(&text, "Receiver")[0]["spec"].clone();
        (spec["type"].clone(), spec.get("events").cloned())
    };
    assert_eq!(receiver("https://gitlab.com/a/b.git"), (json!("gitlab"), Some(json!(["Push Hook"]))));
    assert_eq!(receiver("https://git.example.com/a/b.git"), (json!("generic-hmac"), None));
}

#[test]
fn what_no_cluster_can_reach_is_refused() {
    let refused = |edits: &[(&str, &str)]| written(&rendered("prod", edits), &[]).unwrap_err();
    assert!(refused(&[("argo-cd", "none")]).contains("`sync none`"));
    let repository = "repository \"https://gitlab.example.com/shop/deploy.git\"; ";
    assert!(refused(&[(repository, "")]).contains("states no deploy repository"));
    assert!(refused(&[(repository, "repository \"../deploy.git\"; ")]).contains("is on this machine"));
}

#[test]
fn hostile_names_stay_values() {
    let edits = [
        ("https://gitlab.example.com/shop/deploy.git", "https://gitlab.example.com/a: b/#'${{ x }}.git"),
        ("folder live", "folder live; branch on"),
    ];
    let text = written(&rendered("prod", &edits), &[]).unwrap();
    for application in of_kind(&text, "Application") {
        assert_eq!(application["spec"]["source"]["targetRevision"], "on");
        assert_eq!(application["spec"]["source"]["repoURL"], "https://gitlab.example.com/a: b/#'${{ x }}.git");
    }
}

#[test]
fn names_fit_into_a_label() {
    let long = "a".repeat(40);
    let one = super::super::object_name(&[&long, "prod", &long]);
    let other = super::super::object_name(&[&long, "prod", &format!("{long}b")]);
    assert!(one.len() <= 63 && one != other, "{one}");
    assert_eq!(super::super::object_name(&["shop", "prod", "money"]), "shop-prod-money");
}
