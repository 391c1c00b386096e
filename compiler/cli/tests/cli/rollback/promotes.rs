//! Promotes against others: killed in the middle, two at once, and of several services as one release.

use std::sync::atomic::Ordering;
use std::time::Duration;

use meshc_tests::servers::process::Running;

use super::shop::{LIMIT, Shop};

/// Weights of both services that are released, of one commit: a push may land between two looks.
fn weights(shop: &Shop) -> [Vec<u32>; 2] {
    let tip = shop.server.git().ok(shop.server.path(), &["rev-parse", "main"]);
    ["web", "api"].map(|service| shop.weights(tip.trim(), service))
}

#[test]
fn killed_at_any_moment_a_promote_can_be_done_again() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let tip = shop.promoted("api", 5);
    let (prometheus, clone) = (Shop::prometheus(), shop.clone());
    let promote = ["promote", "--prometheus", &prometheus.url];
    let (old, new) = ([vec![95, 5], vec![95, 5]], [vec![80, 20], vec![80, 20]]);
    let mut arrived = 0;
    for step in 0..12_u64 {
        shop.server.git().ok(shop.server.path(), &["update-ref", "refs/heads/main", &tip]);
        let mut running = Running::start(&mut shop.meshc_in(clone.path(), &promote));
        std::thread::sleep(Duration::from_millis(step * 25));
        if step % 2 == 0 {
            running.kill_group()
        } else {
            running.kill()
        }
        // Both went on, or none; and the states with them.
        let found = weights(&shop);
        assert!(found == old || found == new, "{found:?}");
        arrived += usize::from(found == new);
        shop.verify();
        // A push that was started may live on.
        clone.meshc(&promote).ended(0);
        assert_eq!(weights(&shop), new);
        assert_eq!(
            shop.server.git().ok(shop.server.path(), &["rev-list", "--count", &format!("{tip}..main")]).trim(),
            "1"
        );
        shop.verify();
        shop.server.fsck();
    }
    assert!(arrived < 12, "none was killed before it was done");
}

#[test]
fn a_job_and_a_person_who_promote_at_once_make_one_commit() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let before = shop.server.log("main").len();
    let (prometheus, job, person) = (Shop::prometheus(), shop.clone(), shop.clone());
    let promote = ["promote", "--prometheus", &prometheus.url];
    let running = [&job, &person].map(|clone| Running::start(&mut shop.meshc_in(clone.path(), &promote)));
    let said = running.map(|one| one.finish(LIMIT).ended(0).stdout);
    // Who promotes within the same second makes the very same commit only if it is the same person.
    assert_eq!(shop.server.log("main").len(), before + 1, "{said:?}");
    assert!(said.iter().any(|text| text.contains("v2 5 % -> 20 %")), "{said:?}");
    assert_eq!(weights(&shop), [vec![80, 20], vec![95, 5]]);
    shop.verify();
}

#[test]
fn services_that_are_released_together_go_on_and_back_together() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.promoted("api", 5);
    let prometheus = Shop::prometheus();
    let promote =
        || shop.meshc(&["promote", "--prometheus", &prometheus.url, "--together", "web", "api"]).ended(0).stdout;
    let commits = || shop.server.log("main").len();
    let before = commits();
    promote();
    assert_eq!((weights(&shop), commits()), ([vec![80, 20], vec![80, 20]], before + 1));
    // One of them is a stage behind: the other waits for it.
    let tip = shop.promoted("api", 5);
    prometheus.time.fetch_add(30, Ordering::SeqCst);
    let said = promote();
    assert!(said.contains("it is released together with shop/web, which waits"), "{said}");
    assert_eq!(shop.server.tip("main"), Some(tip));
    // One of them fails: both go back, in one commit, and stay there.
    *prometheus.of.lock().unwrap() = Some("web");
    prometheus.failing.store(300, Ordering::SeqCst);
    let before = commits();
    let said = promote();
    assert!(said.contains("it is released together with shop/web: error-rate is 0.03"), "{said}");
    assert_eq!((weights(&shop), commits()), ([vec![100, 0], vec![100, 0]], before + 1));
    for service in ["web", "api"] {
        let hold = shop.server.text("main", &format!("state/prod/shop/{service}.hold"));
        assert!(hold.contains("error-rate is 0.03"), "{hold}");
    }
    prometheus.failing.store(0, Ordering::SeqCst);
    prometheus.pass(3_600);
    let tip = shop.server.tip("main");
    promote();
    assert_eq!(shop.server.tip("main"), tip);
    shop.verify();
    // One that has not begun does not begin while the other one fails.
    shop.meshc(&["resume", "--all"]).ended(0);
    shop.promoted("web", 20);
    prometheus.failing.store(300, Ordering::SeqCst);
    let said = promote();
    assert!(said.contains("shop/web: v2 20 % -> 0 %, held"), "{said}");
    assert_eq!(weights(&shop), [vec![100, 0], vec![100, 0]]);
    assert!(!shop.server.tree("main").contains_key("state/prod/shop/api.hold"));
    prometheus.failing.store(0, Ordering::SeqCst);
    // By hand, the same is one commit, too.
    shop.meshc(&["resume", "--all"]).ended(0);
    shop.promoted("web", 20);
    shop.promoted("api", 20);
    let before = commits();
    shop.meshc(&["rollback", "--all"]).ended(0);
    assert_eq!((weights(&shop), commits()), ([vec![100, 0], vec![100, 0]], before + 1));
}

#[test]
fn of_services_that_are_released_together_none_goes_on_where_one_cannot() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.promoted("api", 5);
    // Somebody changed the weights of one by hand.
    let path = "prod/shop/web/virtual-service.yaml";
    let edited =
        shop.server.text("main", path).replace("weight: 95", "weight: 60").replace("weight: 5\n", "weight: 40\n");
    let tip = shop.server.commit("main", "at 3 AM", &[(path, &edited)]);
    let prometheus = Shop::prometheus();
    let promote = ["promote", "--prometheus", &prometheus.url];
    let said = shop.meshc(&[&promote[..], &["--together", "web", "api"]].concat()).ended(0).stdout;
    assert!(said.contains("somebody changed it"), "{said}");
    assert_eq!(shop.server.tip("main"), Some(tip), "{said}");
    // Alone, the other one does.
    shop.meshc(&promote).ended(0);
    assert_eq!(weights(&shop), [vec![60, 40], vec![80, 20]]);
}
