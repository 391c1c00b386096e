//! The script and the Makefile where they are not alone, and where something is missing.

use std::time::Duration;

use meshc_tests::servers::process::run;

use super::shop::Shop;

#[test]
fn make_says_what_there_is_and_what_is_missing() {
    let shop = Shop::published();
    let clone = shop.clone();
    assert!(clone.make(&[]).ended(0).stdout.contains("make rollback SERVICE=shop/web ENV=prod"));
    let status = clone.make(&["status"]).ended(0).stdout;
    assert!(status.contains("ENV=prod SERVICE=shop/web  waiting, 0 %"), "{status}");
    let promote = clone.make(&["promote"]).ended(2);
    assert!(promote.stderr.contains("meshc is needed"), "{}", promote.stderr);
    // A server without anything.
    let empty = Shop::new();
    let script = shop.server.text("main", "rollback.sh");
    empty.server.commit("other", "x", &[("x", "x")]);
    let fresh = empty.clone();
    std::fs::write(fresh.path().join("rollback.sh"), &script).unwrap();
    let said = empty.shell(fresh.path(), "sh rollback.sh rollback").ended(1).stderr;
    assert!(said.contains("has no branch `main`: nothing is published there yet"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rollback.sh"), &script).unwrap();
    let said = empty.shell(folder.path(), "sh rollback.sh").ended(1).stderr;
    assert!(said.contains("not a clone of the deploy repository"), "{said}");
    let said = empty.shell(folder.path(), "sh rollback.sh rollback SERVIC=web").ended(2).stderr;
    assert!(said.contains("`SERVIC=web` is not understood"), "{said}");
}

#[test]
fn only_what_is_typed_counts() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.promoted("api", 5);
    let clone = shop.clone();
    let tip = shop.server.tip("main");
    let mut command = shop.command("make", clone.path(), &["rollback"]);
    command.env("ENV", "/etc/profile").env("ALL", "1").env("PUSH", "1");
    let listed = run(&mut command, Duration::from_secs(60)).ended(2);
    assert!(listed.stderr.contains("there are several"), "{}", listed.stderr);
    assert_eq!(shop.server.tip("main"), tip);
    let wrong = clone.make(&["rollback", "ENV=staging", "SERVICE=web"]).ended(2);
    assert!(wrong.stderr.contains("web in staging has no rollback prepared"), "{}", wrong.stderr);
    clone.make(&["rollback", "ENV=prod", "SERVICE=web"]).ended(0);
    assert_eq!((shop.weights("main", "web"), shop.weights("main", "api")), (vec![100, 0], vec![95, 5]));
}

#[test]
fn a_makefile_of_somebody_else_stays() {
    let shop = Shop::new();
    shop.server.commit("main", "first", &[("Makefile", "all:\n\techo mine\n")]);
    let run = shop.meshc(&["publish", "--allow-dirty", "--settle", "0s"]).ended(0);
    assert!(
        run.stderr.contains("note: `Makefile` in the root of the deploy repository is not of meshc"),
        "{}",
        run.stderr
    );
    assert_eq!(shop.server.text("main", "Makefile"), "all:\n\techo mine\n");
    let listed = shop.server.git().ok(shop.server.path(), &["ls-tree", "main", "rollback.sh"]);
    assert!(listed.starts_with("100755 blob "), "{listed}");
}

#[test]
fn an_older_script_is_replaced_and_a_newer_one_is_not() {
    let shop = Shop::published();
    let text = shop.server.text("main", "rollback.sh");
    for (version, replaced) in [("0", true), ("999", false)] {
        let other = text.replace("# meshc rollback, version 1\n", &format!("# meshc rollback, version {version}\n"));
        shop.server.commit("main", "another version", &[("rollback.sh", &other)]);
        shop.meshc(&["publish", "--allow-dirty"]).ended(0);
        assert_eq!(shop.server.text("main", "rollback.sh") == text, replaced, "{version}");
    }
    let tip = shop.server.tip("main");
    shop.meshc(&["publish", "--allow-dirty"]).ended(0);
    assert_eq!(shop.server.tip("main"), tip);
}

#[test]
fn the_script_rehearses() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let tip = shop.server.tip("main").unwrap();
    let clone = shop.clone();
    let shown = clone.make(&["rehearse"]).ended(0).stdout;
    assert!(shown.contains("prod shop/web: a rollback applies now") && shown.contains("-      weight: 95"), "{shown}");
    assert_eq!(shop.server.tip("main").as_deref(), Some(tip.as_str()));
    clone.make(&["rehearse", "PUSH=1"]).ended(0);
    let log = shop.server.log("main");
    assert_eq!((log[0].parents[0].as_str(), log[0].trailer("Mesh-Operation")), (tip.as_str(), Some("rehearse")));
    assert_eq!(shop.server.tree("main"), shop.server.tree(&tip));
}
