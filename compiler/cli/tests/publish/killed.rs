//! Killed at any point, what is published is the old state or the new one, and the next run goes through.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use meshc_tests::dice::Dice;
use meshc_tests::servers::daemon::{GitDaemon, Service};
use meshc_tests::servers::hooks::{self, Slow};
use meshc_tests::servers::process::{self, Running};
use meshc_tests::servers::remote::Remote;

use crate::team::{LIMIT, Team, differences, mesh, meshc, publish, publish_to, published, render};

/// Kills the program alone, or all that it started too.
fn kill(running: &mut Running, whole: bool) {
    if whole {
        running.kill_group();
    } else {
        running.kill();
    }
}

/// What is published is one of two states, byte by byte.
#[track_caller]
fn assert_one_of(deploy: &Remote, states: [&BTreeMap<String, Vec<u8>>; 2]) {
    let found = published(deploy, "shop");
    if let [Some(_), Some(_)] = states.map(|state| (found != *state).then_some(())) {
        panic!("neither the old state nor the new one:\n{}", differences(&found, states[1]));
    }
}

#[test]
fn at_a_random_moment() {
    let team = Team::new();
    let daemon = GitDaemon::start(team.deploy.root());
    let url = daemon.url("deploy.git");
    let dice = &mut Dice::new(7);
    let mut old = published(&team.deploy, "shop");
    for round in 0..16 {
        team.push("Again", 10 + round);
        let job = team.job("main");
        let new = render(team.git(), job.path());
        let mut running = Running::start(&mut meshc(team.git(), job.path(), &publish_to(&url, &[])));
        std::thread::sleep(Duration::from_millis(dice.below(300) as u64));
        kill(&mut running, round % 2 == 0);
        assert_one_of(&team.deploy, [&old, &new]);
        publish(team.git(), job.path(), &url, &[]).ended(0);
        assert_eq!(differences(&published(&team.deploy, "shop"), &new), "", "round {round}");
        old = new;
    }
    // Killed before, during or after the push: each round made one commit.
    assert!(team.deploy.is_linear("main"));
    team.deploy.fsck();
    let sources: Vec<_> =
        team.deploy.log("main").iter().filter_map(|c| c.trailer("Mesh-Source").map(str::to_owned)).collect();
    let newest = &sources[..16];
    assert_eq!(newest.iter().collect::<std::collections::BTreeSet<_>>().len(), 16, "{sources:?}");
}

/// A daemon that stops the world at one request, tells about it, and goes on when it is told to.
struct Gate {
    daemon: GitDaemon,
    reached: Receiver<()>,
    go_on: Sender<()>,
}

fn gate(team: &Team, service: Service, number: usize) -> Gate {
    let (tell, reached) = channel();
    let (go_on, wait) = channel();
    let (tell, wait) = (Mutex::new(tell), Mutex::new(wait));
    let daemon = GitDaemon::before_requests(team.deploy.root(), move |asked, count| {
        if (asked, count) == (service, number) {
            tell.lock().unwrap().send(()).unwrap();
            let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(60));
        }
    });
    Gate { daemon, reached, go_on }
}

#[test]
fn at_every_request_to_the_server() {
    for whole in [true, false] {
        let team = Team::new();
        let mut timeout = 10;
        for service in [Service::Fetch, Service::Push] {
            for number in 0.. {
                timeout += 1;
                team.push("Again", timeout);
                let job = team.job("main");
                let (old, new) = (published(&team.deploy, "shop"), render(team.git(), job.path()));
                let gate = gate(&team, service, number);
                let url = gate.daemon.url("deploy.git");
                let mut running = Running::start(&mut meshc(team.git(), job.path(), &publish_to(&url, &[])));
                let reached = loop {
                    match (gate.reached.recv_timeout(Duration::from_millis(20)), running.wait(Duration::ZERO)) {
                        (Ok(()), _) => break true,
                        (Err(_), Some(_)) => break false,
                        (Err(_), None) => {}
                    }
                };
                kill(&mut running, whole);
                assert_one_of(&team.deploy, [&old, &new]);
                let _ = gate.go_on.send(());
                publish(team.git(), job.path(), team.deploy.url(), &[]).ended(0);
                assert_eq!(differences(&published(&team.deploy, "shop"), &new), "", "{service:?} {number}");
                if !reached {
                    break;
                }
            }
        }
        assert!(team.deploy.is_linear("main"));
        team.deploy.fsck();
    }
}

#[test]
fn while_the_server_works_on_the_push() {
    for (when, whole) in
        [(Slow::BeforeUpdate, true), (Slow::BeforeUpdate, false), (Slow::AfterUpdate, true), (Slow::AfterUpdate, false)]
    {
        let team = Team::new();
        let before = team.commits();
        team.push("Be patient", 9);
        let job = team.job("main");
        let daemon = GitDaemon::start(team.deploy.root());
        hooks::slow(&team.deploy, when, Duration::from_secs(3));
        let url = daemon.url("deploy.git");
        let mut running = Running::start(&mut meshc(team.git(), job.path(), &publish_to(&url, &[])));
        while daemon.pushes() == 0 {
            assert_eq!(running.wait(Duration::from_millis(10)), None);
        }
        assert_eq!(running.wait(Duration::from_millis(1500)), None);
        kill(&mut running, whole);
        hooks::clear(&team.deploy);
        publish(team.git(), job.path(), &url, &[]).ended(0);
        std::thread::sleep(Duration::from_secs(3));
        publish(team.git(), job.path(), &url, &[]).ended(0);
        assert_eq!((team.timeout(), team.commits()), (9, before + 1), "{when:?} {whole}");
        team.assert_published(&job);
    }
}

#[test]
fn with_the_embedded_repository() {
    let (git, project) = (meshc_tests::servers::git::Git::new(), tempfile::tempdir().unwrap());
    let write = |timeout| std::fs::write(project.path().join("shop.mesh"), mesh("shop", timeout)).unwrap();
    let args = ["publish", "--until-done", "--settle", "0s"];
    let embedded = Remote::at(&project.path().join(".meshc/deploy.git"));
    let dice = &mut Dice::new(11);
    let mut old = BTreeMap::new();
    for round in 0..16 {
        write(round + 1);
        let new = render(&git, project.path());
        let mut running = Running::start(&mut meshc(&git, project.path(), &args));
        std::thread::sleep(Duration::from_millis(dice.below(120) as u64));
        kill(&mut running, true);
        if round > 0 {
            assert_one_of(&embedded, [&old, &new]);
        }
        process::run(&mut meshc(&git, project.path(), &args), LIMIT).ended(0);
        assert_eq!(differences(&published(&embedded, "shop"), &new), "", "round {round}");
        old = new;
    }
    assert!(embedded.is_linear("main"));
    embedded.fsck();
}

#[test]
fn what_a_killed_git_leaves_in_our_copy_is_no_obstacle() {
    let team = Team::new();
    let job = team.job("main");
    team.publish(&job, &[]).ended(0);
    let copies = std::fs::read_dir(job.path().join(".meshc")).unwrap().map(|entry| entry.unwrap().path());
    let copy = copies.into_iter().find(|path| path.extension().is_some_and(|found| found == "git")).unwrap();
    for (lock, timeout) in
        [("shallow.lock", 21), ("refs/meshc/tip.lock", 22), ("packed-refs.lock", 23), ("HEAD.lock", 24)]
    {
        team.push("Again", timeout);
        team.git().ok(job.path(), &["pull", "--quiet"]);
        // Just now: whoever held it was killed this second.
        std::fs::write(copy.join(lock), "").unwrap();
        let run = team.publish(&job, &[]);
        assert_eq!((run.code, team.timeout()), (Some(0), timeout), "{lock}: {run:?}");
    }
}

#[test]
fn what_a_killed_git_leaves_in_our_history_of_the_sources_is_no_obstacle() {
    let team = Team::new();
    for (lock, timeout) in
        [("refs/meshc/source.lock", 31), ("shallow.lock", 32), ("packed-refs.lock", 33), ("config.lock", 34)]
    {
        // A shallow checkout cannot tell by itself that it comes after what is published.
        team.push("Again", timeout);
        let job = tempfile::tempdir().unwrap();
        let url = format!("file://{}", team.sources.url());
        team.git().ok(job.path(), &["clone", "--quiet", "--depth=1", &url, "."]);
        let history = job.path().join(".meshc/sources.git");
        std::fs::create_dir_all(history.parent().unwrap()).unwrap();
        team.git().ok(job.path(), &["init", "--quiet", "--bare", history.to_str().unwrap()]);
        std::fs::create_dir_all(history.join("refs/meshc")).unwrap();
        std::fs::write(history.join(lock), "").unwrap();
        let run = team.publish(&job, &[]);
        assert_eq!((run.code, team.timeout()), (Some(0), timeout), "{lock}: {run:?}");
    }
}

#[test]
fn what_a_killed_run_leaves_in_the_embedded_repository_is_no_obstacle() {
    let (git, project) = (meshc_tests::servers::git::Git::new(), tempfile::tempdir().unwrap());
    let write = |timeout| std::fs::write(project.path().join("shop.mesh"), mesh("shop", timeout)).unwrap();
    let args = ["publish", "--until-done", "--settle", "0s"];
    let folder = project.path().join(".meshc");
    // Killed before the ignoring file had its line, and before the repository had more than a folder.
    std::fs::create_dir_all(folder.join("deploy.git/objects")).unwrap();
    std::fs::write(folder.join(".gitignore"), "").unwrap();
    write(1);
    process::run(&mut meshc(&git, project.path(), &args), LIMIT).ended(0);
    assert_eq!(std::fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
    for (lock, timeout) in [("refs/heads/main.lock", 2), ("packed-refs.lock", 3), ("HEAD.lock", 4)] {
        write(timeout);
        std::fs::write(folder.join("deploy.git").join(lock), "").unwrap();
        let run = process::run(&mut meshc(&git, project.path(), &args), LIMIT);
        assert_eq!(run.code, Some(0), "{lock}: {run:?}");
    }
    let embedded = Remote::at(&folder.join("deploy.git"));
    assert_eq!(differences(&published(&embedded, "shop"), &render(&git, project.path())), "");
    embedded.fsck();
}
