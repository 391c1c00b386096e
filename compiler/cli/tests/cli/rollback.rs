//! Rolling back, as people do it: from a project, from clones in every state, with `make` and with the script alone,
//! against real repositories and real pushes.

mod clones;
mod cluster;
mod look;
mod promotes;
mod races;
mod replay;
mod same;
mod script;
mod shop;

use meshc_tests::servers::hooks;

use shop::{Shop, VIRTUAL_SERVICE};

#[test]
fn all_requests_go_back_and_stay_there() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let before = shop.server.tree("main");
    let run = shop.meshc(&["rollback", "--reason", "errors after the release"]).ended(0);
    assert!(run.stdout.starts_with("prod rolled back: shop/web in "), "{}", run.stdout);
    let after = shop.server.tree("main");
    let changed: Vec<&String> = after.keys().filter(|path| before.get(*path) != after.get(*path)).collect();
    assert_eq!(changed, [VIRTUAL_SERVICE, "state/prod/shop/web.hold"]);
    assert_eq!(shop.weights("main", "web"), [100, 0]);
    let hold = shop.server.text("main", "state/prod/shop/web.hold");
    assert!(hold.starts_with("by: Ada Tester <ada@shop.example>\nat: "), "{hold}");
    assert!(hold.ends_with("\nreason: errors after the release\n"), "{hold}");
    let log = shop.server.log("main");
    assert_eq!(log[0].subject, "rollback(prod): shop/web to stable");
    assert_eq!(log[0].trailer("Mesh-Service"), Some("shop/web"));
    // A publish with other sources reads the hold.
    shop.edit("timeout 1s", "timeout 2s");
    shop.meshc(&["publish", "--allow-dirty"]).ended(0);
    assert_eq!(shop.weights("main", "web"), [100, 0]);
    assert!(shop.server.tree("main").contains_key("state/prod/shop/web.hold"));
    shop.server.fsck();
}

#[test]
fn pressed_twice_it_names_the_first() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.meshc(&["rollback", "web", "--reason", "mine"]).ended(0);
    let tip = shop.server.tip("main");
    let run = shop.meshc(&["rollback", "--reason", "another"]).ended(0);
    assert!(run.stdout.contains("is rolled back already"), "{}", run.stdout);
    assert!(run.stdout.contains("held by Ada Tester <ada@shop.example> since "), "{}", run.stdout);
    assert!(run.stdout.contains(": mine\n"), "{}", run.stdout);
    let run = shop.meshc(&["rollback", "shop/web", "--format", "json"]).ended(0);
    assert!(
        run.stdout.contains("\"result\": \"already\"") && run.stdout.contains("\"reason\": \"mine\""),
        "{}",
        run.stdout
    );
    assert_eq!(shop.server.tip("main"), tip);
}

#[test]
fn several_are_listed_and_never_guessed() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.promoted("api", 20);
    let tip = shop.server.tip("main");
    let run = shop.meshc(&["rollback"]).ended(2);
    assert!(
        run.stderr.contains("\n  prod shop/api: v1 80 %, v2 20 %\n  prod shop/web: v1 95 %, v2 5 %\n"),
        "{}",
        run.stderr
    );
    let script = shop.clone();
    let listed = script.make(&["rollback"]).ended(2);
    assert!(listed.stderr.contains("ENV=prod SERVICE=shop/api  running, 20 %"), "{}", listed.stderr);
    assert_eq!(shop.server.tip("main"), tip);
    // One of them is held: it may still be the one that is meant.
    shop.meshc(&["rollback", "web"]).ended(0);
    shop.meshc(&["rollback"]).ended(2);
    script.make(&["rollback"]).ended(2);
    shop.meshc(&["rollback", "--all"]).ended(0);
    assert_eq!((shop.weights("main", "web"), shop.weights("main", "api")), (vec![100, 0], vec![100, 0]));
    assert_eq!(shop.server.log("main")[0].subject, "rollback(prod): shop/api, shop/web to stable");
}

#[test]
fn what_cannot_be_rolled_back_is_said_plainly() {
    let shop = Shop::published();
    let run = shop.meshc(&["rollback", "prices"]).ended(1);
    assert!(run.stderr.contains("the release is over and the old version is not kept any more"), "{}", run.stderr);
    let run = shop.clone().make(&["rollback", "SERVICE=prices"]).ended(2);
    assert!(run.stderr.contains("the release is over and the old version is not kept any more"), "{}", run.stderr);
    let empty = Shop::new();
    let run = empty.meshc(&["rollback"]).ended(1);
    assert!(run.stderr.contains("nothing of `prod` is published on `main` of"), "{}", run.stderr);
    let wrong = shop.meshc(&["rollback", "--env", "prd"]).ended(2);
    assert!(wrong.stderr.contains("did you mean `prod`?"), "{}", wrong.stderr);
}

#[test]
fn after_the_last_stage_it_works_while_the_old_version_is_kept() {
    let shop = Shop::published();
    shop.promoted("web", 100);
    shop.meshc(&["rollback", "web"]).ended(0);
    assert_eq!(shop.weights("main", "web"), [100, 0]);
}

#[test]
fn a_release_that_is_being_given_up_can_be_rolled_back_and_resumed() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.edit("version v1 -> v2", "version v1");
    let publish = ["publish", "--allow-dirty", "--settle", "0s"];
    // Everything is back; then routes lead to the old version alone, and the subset of the new one is still there.
    shop.meshc(&publish).ended(0);
    shop.meshc(&publish).ended(0);
    assert_eq!(shop.weights("main", "web"), Vec::<u32>::new());
    shop.meshc(&["rollback", "web"]).ended(0);
    assert_eq!(shop.weights("main", "web"), [100, 0]);
    shop.verify();
    shop.meshc(&["resume", "web"]).ended(0);
    shop.verify();
    shop.meshc(&[&publish[..], &["--until-done"]].concat()).ended(0);
    assert_eq!(shop.weights("main", "web"), Vec::<u32>::new());
    shop.verify();
    assert!(!shop.server.tree("main").keys().any(|path| path.starts_with("rollback/prod/shop.web/")));
}

#[test]
fn nothing_that_is_broken_is_in_the_way() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let files = [
        ("state/prod/shop/web.json", "<<<<<<< HEAD\n"),
        ("state/prod/source.json", "{"),
        ("prod/mesh.lock.json", "\u{0}"),
        ("prod/shop/mesh.lock.json", "{\"schema\": 99}"),
        (VIRTUAL_SERVICE, "\t: no YAML"),
    ];
    shop.server.commit("main", "break it", &files);
    shop.edit("service web {", "service web { {{{ }");
    shop.meshc(&["check"]).ended(1);
    shop.meshc(&["rollback"]).ended(0);
    assert_eq!(shop.weights("main", "web"), [100, 0]);
    assert_eq!(shop.server.text("main", "state/prod/shop/web.json"), "<<<<<<< HEAD\n");
    let status = shop.meshc(&["status"]).ended(0).stdout;
    assert!(status.contains("its state is not a state") && status.contains("held by Ada Tester"), "{status}");
    // Whoever resumes has to know what starts again.
    let run = shop.meshc(&["resume", "web"]).ended(1);
    assert!(run.stderr.contains("restore it from an earlier commit"), "{}", run.stderr);
}

#[test]
fn where_the_environment_itself_is_broken_options_say_the_place() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.edit("branch main", "brunch main");
    let run = shop.meshc(&["rollback"]).ended(1);
    assert!(run.stderr.contains("`--repository URL --branch BRANCH --folder FOLDER`"), "{}", run.stderr);
    assert_eq!(shop.weights("main", "web"), [95, 5]);
    let url = shop.server.url();
    shop.meshc(&["rollback", "--repository", url, "--branch", "main", "--folder", "prod"]).ended(0);
    assert_eq!(shop.weights("main", "web"), [100, 0]);
}

#[test]
fn what_the_server_refuses_can_be_proposed() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    hooks::reject(&shop.server, "GH006: protected branch");
    let run = shop.meshc(&["rollback"]).ended(4);
    assert!(run.stderr.contains("GH006: protected branch"), "{}", run.stderr);
    let command =
        run.stderr.lines().find(|line| line.starts_with("  git ")).expect("a command is printed").trim().to_owned();
    let clone = shop.clone();
    let refused = clone.make(&["rollback"]).ended(2);
    assert!(refused.stderr.contains("GH006: protected branch"), "{}", refused.stderr);
    let other =
        refused.stderr.lines().find(|line| line.starts_with("  git ")).expect("a command is printed").trim().to_owned();
    hooks::clear(&shop.server);
    shop.shell(shop.project(), &command).ended(0);
    shop.shell(clone.path(), &other).ended(0);
    let branches: Vec<String> = shop
        .server
        .references()
        .into_keys()
        .filter(|name| name.starts_with("refs/heads/meshc/rollback-prod-"))
        .collect();
    // Made within one second by one person, the two are one commit.
    assert!((1..=2).contains(&branches.len()), "{branches:?}");
    for branch in branches {
        assert_eq!(shop.weights(&branch, "web"), [100, 0]);
    }
    assert_eq!(shop.weights("main", "web"), [95, 5]);
}

#[test]
fn a_resumed_release_starts_again_at_nothing() {
    let shop = Shop::published();
    shop.promoted("web", 20);
    shop.meshc(&["rollback", "web"]).ended(0);
    shop.meshc(&["resume"]).ended(0);
    assert_eq!(shop.weights("main", "web"), [100, 0]);
    assert!(!shop.server.tree("main").contains_key("state/prod/shop/web.hold"));
    let state = "{\n  \"schema\": 1,\n  \"stable\": \"v1\",\n  \"canary\": \"v2\",\n  \"weight\": 0\n}\n";
    assert_eq!(shop.server.text("main", "state/prod/shop/web.json"), state);
    shop.meshc(&["verify"]).ended(0);
    shop.edit("timeout 1s", "timeout 2s");
    shop.meshc(&["publish", "--allow-dirty"]).ended(0);
    assert_eq!(shop.weights("main", "web"), [100, 0]);
    let run = shop.meshc(&["resume"]).ended(1);
    assert!(run.stderr.contains("no service is held in `prod`"), "{}", run.stderr);
}
