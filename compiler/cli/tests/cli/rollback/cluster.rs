//! Waiting until a rollback is live. The `kubectl` here is a stub: a script that answers from files, and changes its
//! answer after some questions. What Argo CD, Flux and an API server really print is taken from their types.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use meshc_tests::servers::process::{Run, run};

use super::shop::Shop;

/// Puts a stub of kubectl into `folder`: VirtualServices have `weights`, which become 100/0 after `after` questions;
/// sync engines have the revision that stands in `folder/revision`, or after `after` questions the server's tip, unless
/// there is a file `folder/silent`.
fn stub(shop: &Shop, folder: &Path, after: u32) {
    let script = format!(
        r#"#!/bin/sh
cd '{folder}'
n=$(($(cat asked 2>/dev/null || echo 0) + 1)); echo $n > asked
old=1; [ $n -le {after} ] || old=
revision=$(cat revision 2>/dev/null)
[ -n "$old" ] || [ -e silent ] || revision=$(git -C '{server}' rev-parse main)
case "$*" in
  *virtualservices*)
    a=100 b=0; [ -z "$old" ] || {{ a=95 b=5; }}
    printf '{{"spec":{{"http":[{{"route":[{{"destination":{{"host":"web.shop.svc.cluster.local","port":{{"number":80}},"subset":"v1"}},"weight":%s}},{{"destination":{{"host":"web.shop.svc.cluster.local","port":{{"number":80}},"subset":"v2"}},"weight":%s}}]}}]}}}}' $a $b ;;
  *applications*)
    printf '{{"items":[{{"metadata":{{"name":"other"}},"spec":{{"source":{{"path":"staging"}}}}}},{{"metadata":{{"name":"prod-shop"}},"spec":{{"source":{{"path":"prod/shop","repoURL":"{server}"}}}},"status":{{"sync":{{"revision":"%s"}}}}}}]}}' "$revision" ;;
  *kustomizations*)
    printf '{{"items":[{{"metadata":{{"name":"prod"}},"spec":{{"path":"./prod"}},"status":{{"lastAppliedRevision":"main@sha1:%s"}}}}]}}' "$revision" ;;
esac
"#,
        folder = folder.display(),
        server = shop.server.path().display(),
    );
    let file = folder.join("kubectl");
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn meshc(shop: &Shop, tools: &Path, args: &[&str]) -> Run {
    let mut command = shop.meshc_in(shop.project(), args);
    command.env("PATH", format!("{}:{}", tools.display(), std::env::var("PATH").unwrap()));
    run(&mut command, Duration::from_secs(60))
}

#[test]
fn the_parts_are_timed_apart() {
    for sync in ["argo-cd", "flux", "none"] {
        let shop = Shop::published();
        let tip = shop.promoted("web", 5);
        shop.edit("target istio 1.31", &format!("target istio 1.31\n  sync {sync}"));
        let tools = tempfile::tempdir().unwrap();
        std::fs::write(tools.path().join("revision"), &tip).unwrap();
        stub(&shop, tools.path(), 4);
        let run = meshc(&shop, tools.path(), &["rollback", "--wait", "--format", "json"]).ended(0);
        let found: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let seconds = |name: &str| found["seconds"][name].as_f64();
        let (push, live) = (seconds("push").unwrap(), seconds("live").unwrap());
        assert!(push > 0.0 && live > push, "{sync}: {found}");
        assert_eq!(seconds("sync").is_some(), sync != "none", "{found}");
        let status = shop.meshc(&["status"]).ended(0).stdout;
        assert!(status.contains("s to live weights"), "{status}");
    }
}

#[test]
fn a_later_commit_counts_as_synced() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.edit("target istio 1.31", "target istio 1.31\n  sync argo-cd");
    let tools = tempfile::tempdir().unwrap();
    stub(&shop, tools.path(), 0);
    shop.meshc(&["rollback"]).ended(0);
    for n in 0..12 {
        shop.server.commit("main", "unrelated", &[("notes.txt", &n.to_string())]);
    }
    let run = meshc(&shop, tools.path(), &["rollback", "--wait=10s"]).ended(0);
    assert!(run.stdout.contains("live: "), "{}", run.stdout);
}

#[test]
fn what_does_not_get_live_in_time_is_code_6() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let tools = tempfile::tempdir().unwrap();
    stub(&shop, tools.path(), 1000);
    let run = meshc(&shop, tools.path(), &["rollback", "--wait=1s"]).ended(6);
    assert!(run.stdout.contains("prod rolled back: shop/web"), "{}", run.stdout);
    assert!(run.stderr.contains("the VirtualService `shop/web` still has other weights"), "{}", run.stderr);
    assert!(run.stderr.contains("kubectl apply -k prod"), "{}", run.stderr);
    assert_eq!(shop.weights("main", "web"), [100, 0]);
}

/// Somebody applied it by hand, or the engine that would have is not there: the words do not claim the contrary.
#[test]
fn live_weights_of_which_the_engine_says_nothing_are_told_as_that() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.edit("target istio 1.31", "target istio 1.31\n  sync flux");
    let tools = tempfile::tempdir().unwrap();
    std::fs::write(tools.path().join("silent"), "").unwrap();
    stub(&shop, tools.path(), 0);
    let run = meshc(&shop, tools.path(), &["rollback", "--wait=1s"]).ended(6);
    assert!(run.stderr.contains("its weights are live, and the sync engine has not said"), "{}", run.stderr);
    assert!(!run.stderr.contains("was not live"), "{}", run.stderr);
}

#[test]
fn status_warns_of_a_slow_rollback() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.meshc(&["rollback"]).ended(0);
    let file = shop.project().join(".meshc/rollbacks.json");
    assert!(!shop.meshc(&["status"]).ended(0).stdout.contains("more than 30 s"));
    std::fs::write(&file, "{\"prod\": {\"at\": 1767582000, \"push\": 0.5, \"sync\": 41.0, \"live\": 44.5}}").unwrap();
    let status = shop.meshc(&["status"]).ended(0).stdout;
    assert!(status.contains("0.5 s to push, 41.0 s to sync, 44.5 s to live weights (more than 30 s"), "{status}");
}
