//! A deploy repository tells everything about its releases, to whoever has nothing else.

use std::sync::atomic::Ordering;

use serde_json::Value;

use super::shop::Shop;

/// A shop whose release went on twice, failed, and began again, with what plays its traffic.
fn told() -> (Shop, crate::promote::Prometheus) {
    let (shop, prometheus) = (Shop::published(), Shop::prometheus());
    let promote = || shop.meshc(&["promote", "web", "--prometheus", &prometheus.url]).ended(0);
    promote();
    prometheus.pass(600);
    promote();
    prometheus.pass(600);
    prometheus.failing.store(300, Ordering::SeqCst);
    promote();
    prometheus.failing.store(0, Ordering::SeqCst);
    shop.meshc(&["resume", "web"]).ended(0);
    promote();
    prometheus.pass(600);
    (shop, prometheus)
}

#[test]
fn a_fresh_clone_knows_all_that_the_project_knows() {
    let (shop, prometheus) = told();
    let clone = shop.clone();
    for format in ["human", "json"] {
        let why = |run: meshc_tests::servers::process::Run| run.ended(0).stdout;
        let told = why(shop.meshc(&["why", "shop/web", "--format", format]));
        assert_eq!(why(clone.meshc(&["why", "shop/web", "--format", format])), told);
        assert!(told.contains("error-rate") && told.contains("promote(prod): shop/web v2 5 % -> 20 %"), "{told}");
        let next = ["promote", "--dry-run", "--prometheus", &prometheus.url, "--format", format];
        let decided = why(shop.meshc(&next));
        assert_eq!(why(clone.meshc(&next)), decided);
        assert!(decided.contains("share of requests"), "{decided}");
    }
}

#[test]
fn what_was_decided_is_decided_again_on_the_same_evidence() {
    let (shop, prometheus) = told();
    let mut compared = 0;
    for commit in shop.server.log("main") {
        let [parent] = &commit.parents[..] else { continue };
        if commit.trailer("Mesh-Operation") != Some("promote") {
            continue;
        }
        let state: Value = serde_json::from_str(&shop.server.text(&commit.oid, "state/prod/shop/web.json")).unwrap();
        let recorded = &state["decision"];
        // A server that knows nothing of what came after.
        let folder = tempfile::tempdir().unwrap();
        shop.server.git().ok(folder.path(), &["clone", "--quiet", "--bare", shop.server.url(), "then.git"]);
        let then = folder.path().join("then.git");
        shop.server.git().ok(&then, &["update-ref", "refs/heads/main", parent]);
        prometheus.time.store(recorded["at"].as_i64().unwrap(), Ordering::SeqCst);
        let url = then.to_str().unwrap();
        let again = ["promote", "web", "--dry-run", "--format", "json", "--prometheus", &prometheus.url];
        let place = ["--repository", url, "--folder", "prod"];
        let empty = tempfile::tempdir().unwrap();
        let args = [&again[..], &place].concat();
        let run =
            meshc_tests::servers::process::run(&mut shop.meshc_in(empty.path(), &args), super::shop::LIMIT).ended(0);
        let document: Value = serde_json::from_str(&run.stdout).unwrap();
        let decided = &document["environments"][0]["services"][0];
        assert_eq!(decided["decision"], recorded["kind"], "{}", commit.subject);
        assert_eq!((&decided["weight"], &decided["to"]), (&recorded["from"], &recorded["to"]), "{}", commit.subject);
        assert_eq!(decided["evidence"], recorded["evidence"], "{}", commit.subject);
        compared += 1;
    }
    assert_eq!(compared, 3);
}
