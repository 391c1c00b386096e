//! Rollbacks against others: at once, against publishes, and killed in the middle.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use meshc_tests::servers::ack_dropper::AckDropper;
use meshc_tests::servers::black_hole::BlackHole;
use meshc_tests::servers::daemon::{GitDaemon, Service};
use meshc_tests::servers::process::Running;
use tempfile::TempDir;

use super::shop::{LIMIT, Shop, edit};

#[test]
fn eight_at_once_make_one_commit() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let before = shop.server.log("main").len();
    let clones = [shop.clone(), shop.clone()];
    let script = |n: usize| shop.command("make", clones[n % 2].path(), &["rollback", "SERVICE=web"]);
    let program = || shop.meshc_in(shop.project(), &["rollback", "web"]);
    let running: Vec<Running> =
        (0..8).map(|n| Running::start(&mut if n % 2 == 0 { program() } else { script(n / 2) })).collect();
    let said: Vec<String> = running.into_iter().map(|one| one.finish(LIMIT).ended(0).stdout).collect();
    assert_eq!(shop.server.log("main").len(), before + 1, "{said:?}");
    // Who pressed within the same second made the very same commit, and may say so.
    let tip = shop.server.tip("main").unwrap();
    assert!(said.iter().any(|text| text.contains("already")), "{said:?}");
    assert!(said.iter().all(|text| text.contains("already") || text.contains(&tip[..10])), "{said:?}");
    assert_eq!(shop.weights("main", "web"), [100, 0]);
    shop.server.fsck();
}

#[test]
fn a_rollback_wins_against_twelve_publishes_and_a_promote_and_stays() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let projects: Vec<TempDir> = (0..12)
        .map(|n| {
            let folder = tempfile::tempdir().unwrap();
            shop.write_project(folder.path(), shop.server.url());
            // Half of them change the very file that is rolled back.
            let to = format!("timeout {}s", n + 2);
            if n % 2 == 0 {
                edit(folder.path(), "timeout 1s", &to)
            } else {
                edit(folder.path(), "allow web }", &format!("allow web; {to} }}"))
            }
            folder
        })
        .collect();
    let publish = ["publish", "--allow-dirty", "--settle", "0s"];
    let publishes: Vec<Running> =
        projects.iter().map(|folder| Running::start(&mut shop.meshc_in(folder.path(), &publish))).collect();
    let prometheus = Shop::prometheus();
    let (job, url) = (shop.clone(), prometheus.url.as_str());
    let promote = ["promote", "--prometheus", url];
    let promoting = Running::start(&mut shop.meshc_in(job.path(), &promote));
    let run = Running::start(&mut shop.meshc_in(shop.project(), &["rollback", "web"])).finish(LIMIT).ended(0);
    assert!(run.took < Duration::from_secs(30), "{:?}", run.took);
    for one in publishes {
        one.finish(LIMIT).ended(0);
    }
    promoting.finish(LIMIT).ended(0);
    prometheus.pass(3_600);
    let said = job.meshc(&promote).ended(0).stdout;
    assert!(said.contains("it is held"), "{said}");
    let log = shop.server.log("main");
    let at = log.iter().position(|commit| commit.subject.starts_with("rollback")).expect("it is there");
    for commit in &log[..=at] {
        assert_eq!(shop.weights(&commit.oid, "web"), [100, 0], "{}", commit.subject);
        assert!(shop.server.tree(&commit.oid).contains_key("state/prod/shop/web.hold"), "{}", commit.subject);
    }
    assert!(shop.server.is_linear("main"));
    shop.meshc(&["verify"]).ended(0);
    shop.server.fsck();
}

#[test]
fn twenty_unrelated_commits_in_between_change_nothing() {
    for script in [false, true] {
        let shop = Shop::published();
        shop.promoted("web", 5);
        let clone = shop.clone();
        let made = AtomicUsize::new(0);
        let server = shop.server.clone();
        // Four commits before each of the first five pushes: what was read before is old then.
        let daemon = GitDaemon::before_requests(shop.server.root(), move |service, number| {
            for _ in 0..if service == Service::Push && number < 5 { 4 } else { 0 } {
                let n = made.fetch_add(1, Ordering::SeqCst);
                server.commit("main", "unrelated", &[(&format!("unrelated/{n}.txt"), "x\n")]);
            }
        });
        let url = daemon.url("deploy.git");
        let run = if script {
            clone.git(&["remote", "set-url", "origin", &url]);
            clone.make(&["rollback"])
        } else {
            shop.meshc(&["rollback", "--repository", &url])
        };
        let run = run.ended(0);
        assert!(run.stdout.contains("attempt 6"), "{}", run.stdout);
        let tree = shop.server.tree("main");
        assert_eq!(tree.keys().filter(|path| path.starts_with("unrelated/")).count(), 20);
        assert_eq!(shop.weights("main", "web"), [100, 0]);
        assert_eq!(shop.server.log("main")[0].subject, "rollback(prod): shop/web to stable");
    }
}

#[test]
fn a_publish_that_hangs_in_the_same_folder_is_not_waited_for() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    // The lock of the store, as a publish holds it.
    let stores: Vec<_> =
        std::fs::read_dir(shop.project().join(".meshc")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let lock =
        stores.iter().find(|path| path.extension().is_some_and(|end| end == "lock")).expect("a store has a lock");
    let file = std::fs::File::open(lock).unwrap();
    file.lock().unwrap();
    let run = shop.meshc(&["rollback"]).ended(0);
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    assert_eq!(shop.weights("main", "web"), [100, 0]);
}

#[test]
fn killed_at_any_moment_it_can_be_done_again() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let tip = shop.server.tip("main").unwrap();
    let clone = shop.clone();
    for step in 0..12_u64 {
        shop.server.git().ok(shop.server.path(), &["update-ref", "refs/heads/main", &tip]);
        for script in [false, true] {
            let mut running = Running::start(&mut if script {
                shop.command("make", clone.path(), &["rollback"])
            } else {
                shop.meshc_in(shop.project(), &["rollback"])
            });
            std::thread::sleep(Duration::from_millis(step * 15));
            running.kill_group();
            // Whole, or not at all. A push that was started may live on, so that one commit is looked at.
            let now = shop.server.tip("main").unwrap();
            let held = shop.server.tree(&now).contains_key("state/prod/shop/web.hold");
            assert_eq!(shop.weights(&now, "web") == [100, 0], held);
        }
        let again = if step % 2 == 0 { shop.meshc(&["rollback"]) } else { clone.make(&["rollback"]) };
        again.ended(0);
        assert_eq!(shop.weights("main", "web"), [100, 0]);
        shop.server.fsck();
    }
}

#[test]
fn an_answer_that_is_lost_is_no_second_commit() {
    for script in [false, true] {
        let shop = Shop::published();
        shop.promoted("web", 5);
        let before = shop.server.log("main").len();
        let clone = shop.clone();
        let daemon = GitDaemon::start(shop.server.root());
        let dropper = AckDropper::start(&daemon, &shop.server, "main", 1);
        let url = dropper.url("deploy.git");
        let run = if script {
            clone.git(&["remote", "set-url", "origin", &url]);
            clone.make(&["rollback"])
        } else {
            shop.meshc(&["rollback", "--repository", &url])
        };
        run.ended(0);
        assert_eq!(dropper.lost(), 1);
        assert_eq!(shop.server.log("main").len(), before + 1);
        assert_eq!(shop.weights("main", "web"), [100, 0]);
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up_on() {
    let shop = Shop::published();
    let hole = BlackHole::start();
    let url = hole.git_url("deploy.git");
    let run = shop.meshc(&["rollback", "--repository", &url, "--deadline", "2s"]).ended(5);
    assert!(run.stderr.contains("did not end within 2 s"), "{}", run.stderr);
    assert!(run.stderr.contains("kubectl apply -R -f"), "{}", run.stderr);
    assert!(run.took < Duration::from_secs(15), "{:?}", run.took);
}
