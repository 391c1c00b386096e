//! The source only moves forward, in whatever order the jobs for its commits arrive.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use meshc_tests::servers::daemon::{GitDaemon, Service};
use meshc_tests::servers::process::{self, Running};

use crate::team::{LIMIT, Team, meshc, publish, publish_to};

#[test]
fn a_job_for_an_older_commit_comes_too_late() {
    let team = Team::new();
    let (a, b) = (team.push("A", 10), team.push("B", 20));
    let (job_a, job_b) = (team.job(&a), team.job(&b));
    team.publish(&job_b, &[]).ended(0);
    let tip = team.deploy.tip("main");
    let run = team.publish(&job_a, &[]).ended(0);
    assert!(run.stdout.contains("nothing to do"), "{run:?}");
    assert_eq!((team.timeout(), team.deploy.tip("main")), (20, tip));
    team.assert_published(&job_b);
}

#[test]
fn a_job_knows_what_is_published_where_nobody_tells_it_the_branch() {
    let team = Team::new();
    let (a, b) = (team.push("A", 10), team.push("B", 20));
    team.publish(&team.job(&b), &[]).ended(0);
    let job_a = team.job(&a);
    team.git().ok(job_a.path(), &["checkout", "--quiet", "--detach"]);
    let tip = team.deploy.tip("main");
    team.publish(&job_a, &[]).ended(0);
    assert_eq!((team.timeout(), team.deploy.tip("main")), (20, tip));
}

#[test]
fn a_revert_that_has_nothing_to_publish_stands() {
    let team = Team::new();
    let (a, b) = (team.push("A", 10), team.push("Revert A", 5));
    let (job_a, job_b) = (team.job(&a), team.job(&b));
    let tip = team.deploy.tip("main");
    team.publish(&job_b, &[]).ended(0);
    assert_eq!(team.deploy.tip("main"), tip, "B is what is published");
    let run = team.publish(&job_a, &[]).ended(0);
    assert!(run.stdout.contains("nothing to do"), "{run:?}");
    assert_eq!((team.timeout(), team.deploy.tip("main")), (5, tip.clone()));
    // A job that checks out a commit is to be told the branch it is of.
    team.git().ok(job_a.path(), &["checkout", "--quiet", "--detach"]);
    team.publish(&job_a, &["--source-branch", "main"]).ended(0);
    assert_eq!((team.timeout(), team.deploy.tip("main")), (5, tip));
}

/// The job for A is under way when B is pushed, and the job for B is done before A goes on. That happens when A's job
/// makes a request: of this kind and number, to the deploy repository or to that of the sources. What is published in
/// the end, or nothing where A's job makes no such request.
fn overtaken(b_timeout: u32, at_deploy: bool, when: (Service, usize)) -> Option<u32> {
    let team = Arc::new(Team::new());
    let a = team.push("A", 10);
    let job_a = team.job(&a);
    let reached = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let overtake = {
        let (team, reached) = (Arc::clone(&team), Arc::clone(&reached));
        move |service, number| {
            if (service, number) == when {
                let b = team.push("B", b_timeout);
                team.publish(&team.job(&b), &[]).ended(0);
                reached.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
    };
    let (deploy, sources) = if at_deploy {
        (GitDaemon::before_requests(team.deploy.root(), overtake), GitDaemon::start(team.sources.root()))
    } else {
        (GitDaemon::start(team.deploy.root()), GitDaemon::before_requests(team.sources.root(), overtake))
    };
    team.git().ok(job_a.path(), &["remote", "set-url", "origin", &sources.url("deploy.git")]);
    publish(team.git(), job_a.path(), &deploy.url("deploy.git"), &[]).ended(0);
    team.deploy.fsck();
    assert!(team.deploy.is_linear("main"));
    reached.load(std::sync::atomic::Ordering::SeqCst).then(|| team.timeout())
}

#[test]
fn a_job_that_is_overtaken_at_any_request_gives_way() {
    for at_deploy in [true, false] {
        for number in 0.. {
            match overtaken(20, at_deploy, (Service::Fetch, number)) {
                Some(timeout) => {
                    assert_eq!(timeout, 20, "overtaken at read {number} of the deploy repository: {at_deploy}")
                }
                None => break,
            }
        }
    }
    assert_eq!(overtaken(20, true, (Service::Push, 0)), Some(20));
}

#[test]
fn a_job_that_is_overtaken_by_a_revert_gives_way() {
    for at_deploy in [true, false] {
        for number in 0.. {
            match overtaken(5, at_deploy, (Service::Fetch, number)) {
                Some(timeout) => {
                    assert_eq!(timeout, 5, "overtaken at read {number} of the deploy repository: {at_deploy}")
                }
                None => break,
            }
        }
    }
}

#[test]
fn a_job_that_is_overtaken_by_a_revert_while_it_computes_gives_way() {
    let team = Team::new();
    let a = team.push("A", 10);
    let (job, tip) = (team.job(&a), team.deploy.tip("main"));
    // Signing is the last thing that is done before the push: here it waits until B's job is done.
    let at = |name: &str| team.git().home().join(name);
    let mut keygen = Command::new("ssh-keygen");
    team.git().isolate(&mut keygen);
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at("key"));
    process::run(&mut keygen, LIMIT).ended(0);
    let (signing, go_on) = (at("signing"), at("go-on"));
    let (touch, wait) = (format!("touch '{}'", signing.display()), format!("[ -e '{}' ]", go_on.display()));
    let script = format!("#!/bin/sh\n{touch}\nuntil {wait}; do sleep 0.02; done\nexec ssh-keygen \"$@\"\n");
    std::fs::write(at("sign"), script).unwrap();
    std::fs::set_permissions(at("sign"), std::fs::Permissions::from_mode(0o755)).unwrap();
    for (key, value) in [
        ("gpg.format", "ssh"),
        ("gpg.ssh.program", at("sign").to_str().unwrap()),
        ("user.signingkey", at("key").to_str().unwrap()),
        ("commit.gpgsign", "true"),
    ] {
        team.git().ok(job.path(), &["config", "--local", key, value]);
    }
    let mut running = Running::start(&mut meshc(team.git(), job.path(), &publish_to(team.deploy.url(), &[])));
    while !signing.exists() {
        assert_eq!(running.wait(Duration::from_millis(10)), None, "it signs");
    }
    let b = team.push("Revert A", 5);
    team.publish(&team.job(&b), &[]).ended(0);
    std::fs::write(go_on, "").unwrap();
    let run = running.finish(LIMIT).ended(0);
    assert!(run.stdout.contains("nothing to do"), "{run:?}");
    assert_eq!((team.timeout(), team.deploy.tip("main")), (5, tip));
}

#[test]
fn a_job_whose_push_is_overtaken_by_a_revert_says_so() {
    let team = Arc::new(Team::new());
    let a = team.push("A", 10);
    let job = team.job(&a);
    // A's push is under way when the revert is pushed, whose job finds nothing to change.
    let reverts = Arc::clone(&team);
    let daemon = GitDaemon::before_requests(team.deploy.root(), move |service, number| {
        if (service, number) == (Service::Push, 0) {
            let b = reverts.push("Revert A", 5);
            reverts.publish(&reverts.job(&b), &[]).ended(0);
        }
    });
    let run = publish(team.git(), job.path(), &daemon.url("deploy.git"), &[]).ended(0);
    assert!(run.stdout.contains("`main` has moved on to") && run.stdout.contains("while this was pushed"), "{run:?}");
    // The next run of the schedule is for the newest sources.
    team.publish(&team.job("main"), &[]).ended(0);
    assert_eq!(team.timeout(), 5);
}

#[test]
fn diverged_sources_are_refused() {
    let team = Team::new();
    let a = team.push("A", 10);
    team.publish(&team.job(&a), &[]).ended(0);
    // The branch of the sources is forced to another history.
    let root = team.git().ok(team.sources.path(), &["rev-parse", "main~1"]);
    team.git().ok(team.sources.path(), &["update-ref", "refs/heads/main", &root]);
    team.push("Other", 30);
    let job = team.job("main");
    let tip = team.deploy.tip("main");
    let run = team.publish(&job, &[]).ended(1);
    assert!(run.stderr.contains("--allow-diverged") && run.stderr.contains(&a[..10]), "{run:?}");
    assert_eq!(team.deploy.tip("main"), tip);
    team.publish(&job, &["--allow-diverged"]).ended(0);
    assert_eq!(team.timeout(), 30);
    team.assert_published(&job);
}

#[test]
fn sources_that_nobody_could_find_again_are_refused() {
    let team = Team::new();
    let job = team.job("main");
    std::fs::write(job.path().join("shop.mesh"), crate::team::mesh("shop", 40)).unwrap();
    let tip = team.deploy.tip("main");
    let run = team.publish(&job, &[]).ended(1);
    assert!(run.stderr.contains("`shop.mesh`") && run.stderr.contains("--allow-dirty"), "{run:?}");
    assert_eq!(team.deploy.tip("main"), tip);
    team.publish(&job, &["--allow-dirty"]).ended(0);
    assert_eq!(team.timeout(), 40);
}
