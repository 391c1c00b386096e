//! What can be seen of a release: status, why, rehearse.

use meshc_tests::servers::hooks;
use meshc_tests::servers::process::run;

use super::shop::{LIMIT, Shop};

#[test]
fn status_says_how_far_releases_are_and_who_holds_them() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.promoted("api", 20);
    shop.meshc(&["rollback", "api", "--reason", "too slow"]).ended(0);
    shop.server.commit("main", "stop", &[("state/prod/HOLD", "freeze until Monday\n")]);
    for run in [shop.meshc(&["status"]), shop.clone().meshc(&["status"])] {
        let text = run.ended(0).stdout;
        assert!(text.contains("`shop` from sources that no commit has, by meshc "), "{text}");
        assert!(text.contains("every promote is stopped by `state/prod/HOLD`: freeze until Monday"), "{text}");
        assert!(text.contains("shop/api: v1 80 %, v2 20 %, since 2026-01-05 03:00 UTC"), "{text}");
        assert!(text.contains("\n    held by Ada Tester <ada@shop.example> since "), "{text}");
        assert!(text.contains("shop/web: v1 95 %, v2 5 %"), "{text}");
    }
    let json = shop.meshc(&["status", "--format", "json"]).ended(0).stdout;
    for part in ["\"standing\": \"held\"", "\"standing\": \"running\"", "\"reason\": \"too slow\"", "\"weight\": 5"] {
        assert!(json.contains(part), "{json}");
    }
}

#[test]
fn status_says_when_a_step_is_due_and_when_it_is_overdue() {
    let publish = ["publish", "--allow-dirty", "--settle", "0s"];
    for (long_ago, said) in [(false, "unfinished: a further commit is to follow, from "), (true, "overdue: ")] {
        let shop = Shop::new();
        let mut command = shop.meshc_in(shop.project(), &publish);
        if long_ago {
            command.env("GIT_COMMITTER_DATE", "@1767582000 +0000");
        }
        run(&mut command, LIMIT).ended(0);
        let clone = shop.clone().meshc(&["status"]);
        // What is committed beside it makes it no younger.
        shop.meshc(&["rehearse", "--push"]).ended(0);
        for run in [shop.meshc(&["status"]), clone] {
            let text = run.ended(0).stdout;
            assert!(text.contains(said), "{text}");
            assert!(!long_ago || text.contains("since 2026-01-05 03:0"), "{text}");
        }
        let json = shop.meshc(&["status", "--format", "json"]).ended(0).stdout;
        assert!(json.contains(&format!("\"overdue\": {long_ago}")) && !json.contains("\"due\": null"), "{json}");
        shop.meshc(&[&publish[..], &["--until-done"]].concat()).ended(0);
        let text = shop.meshc(&["status"]).ended(0).stdout;
        assert!(!text.contains("a further commit"), "{text}");
    }
}

#[test]
fn why_shows_each_step_with_its_evidence_however_shallow_the_copy_is() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    for n in 0..40 {
        shop.server.commit("main", "unrelated", &[("notes.txt", &n.to_string())]);
    }
    shop.promoted("web", 20);
    shop.meshc(&["rollback", "web", "--reason", "too slow"]).ended(0);
    shop.meshc(&["resume", "web"]).ended(0);
    let clone = shop.clone_with(&["--depth=1"]);
    for run in [shop.meshc(&["why", "web"]), clone.meshc(&["why", "shop/web"])] {
        let text = run.ended(0).stdout;
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
        let order = [
            at("no release -> v1 100 %, v2 0 %"),
            at("v1 100 %, v2 0 % -> v1 95 %, v2 5 %"),
            at("samples: 1005"),
            at("v1 95 %, v2 5 % -> v1 80 %, v2 20 %"),
            at("samples: 1020"),
            at("held by Ada Tester"),
            at("v1 80 %, v2 20 % -> v1 100 %, v2 0 %; the hold ended"),
        ];
        assert!(order.is_sorted(), "{text}");
        assert!(!text.contains("unrelated"), "{text}");
    }
    let json = shop.meshc(&["why", "web", "--format", "json"]).ended(0).stdout;
    assert!(json.contains("\"cut\": null") && json.contains("\"operation\": \"rollback\""), "{json}");
    shop.meshc(&["why", "nothing"]).ended(1);
}

#[test]
fn a_rehearsal_proves_it_and_changes_nothing() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let before = shop.server.references();
    let text = shop.meshc(&["rehearse"]).ended(0).stdout;
    assert!(text.contains("prod shop/web can be rolled back: "), "{text}");
    assert!(text.contains("  -      weight: 95\n  +      weight: 100\n"), "{text}");
    assert!(text.contains("  +reason: rehearsal\n"), "{text}");
    assert_eq!(shop.server.references(), before);
    let tip = shop.server.tip("main").unwrap();
    shop.clone().meshc(&["rehearse", "--push"]).ended(0);
    let log = shop.server.log("main");
    assert_eq!((log[0].parents[0].as_str(), log[0].trailer("Mesh-Operation")), (tip.as_str(), Some("rehearse")));
    assert_eq!(shop.server.tree("main"), shop.server.tree(&tip));
    hooks::reject(&shop.server, "not you");
    let run = shop.meshc(&["rehearse", "--push"]).ended(4);
    assert!(run.stderr.contains("not you"), "{}", run.stderr);
}

#[test]
fn a_rehearsal_finds_what_a_rollback_would_leave_wrong() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let path = "rollback/prod/shop.web/files/prod/shop/web/virtual-service.yaml";
    let edited = shop.server.text("main", path).replace("timeout: 1s", "timeout: 9s");
    shop.server.commit("main", "edit the prepared file", &[(path, &edited)]);
    let run = shop.meshc(&["rehearse", "web"]).ended(1);
    assert!(run.stderr.contains("prod/shop/web/virtual-service.yaml differs from what meshc wrote"), "{}", run.stderr);
}
