//! Commits that wait for each other: within an environment, and from one to the next.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use meshc_tests::servers::git::Git;
use meshc_tests::servers::process::{self, Running};
use meshc_tests::servers::remote::Remote;

use crate::team::{LIMIT, Team, mesh, meshc, publish};

#[test]
fn a_step_waits_until_the_one_before_it_may_be_live() {
    let team = Team::unpublished();
    let job = team.job("main");
    let args = ["publish", "--repository", team.deploy.url(), "--settle", "4s", "--until-done"];
    let mut running = Running::start(&mut meshc(team.git(), job.path(), &args));
    let (mut seen, mut times) = (BTreeSet::new(), Vec::new());
    loop {
        let ended = running.wait(Duration::from_millis(20)).is_some();
        if let Some(tip) = team.deploy.tip("main")
            && seen.insert(tip)
        {
            times.push(Instant::now());
        }
        if ended {
            break;
        }
    }
    running.finish(LIMIT).ended(0);
    assert!(times.len() >= 2, "a first publish is done in steps: {}", times.len());
    for pair in times.windows(2) {
        // Times of commits are whole seconds, and a tip is seen some time after it was pushed.
        assert!(pair[1] - pair[0] >= Duration::from_secs(2), "{:?}", pair[1] - pair[0]);
    }
    team.assert_published(&job);
}

#[test]
fn a_step_that_comes_too_early_makes_no_commit() {
    let team = Team::unpublished();
    let job = team.job("main");
    let once = |settle: &str| {
        let args = ["publish", "--repository", team.deploy.url(), "--settle", settle];
        process::run(&mut meshc(team.git(), job.path(), &args), LIMIT).ended(0)
    };
    once("1h");
    let (tip, commits) = (team.deploy.tip("main"), team.commits());
    let run = once("1h");
    assert!(run.stdout.contains("nothing to change yet"), "{run:?}");
    assert_eq!((team.deploy.tip("main"), team.commits()), (tip, commits));
    assert!(team.deploy.text("main", "state/shop/source.json").contains("\"unfinished\": true"));
    // The sources may change in between: the next step is one towards what they are then.
    team.push("Be patient", 9);
    let job = team.job("main");
    publish(team.git(), job.path(), team.deploy.url(), &[]).ended(0);
    assert_eq!(team.timeout(), 9);
    team.assert_published(&job);
    assert!(team.deploy.text("main", "state/shop/source.json").contains("\"unfinished\": false"));
}

#[test]
fn an_environment_waits_for_the_one_before_it() {
    let (git, deploy, project) = (Git::new(), Remote::new(), tempfile::tempdir().unwrap());
    let write = |timeout: u32| {
        let staging = "environment staging { target istio 1.31 }\nenvironment prod {\n  after staging\n";
        let text = mesh("shop", timeout).replace("environment prod {\n", staging);
        std::fs::write(project.path().join("shop.mesh"), text).unwrap();
    };
    let to = |environment: &str| publish(&git, project.path(), deploy.url(), &["--allow-dirty", "--env", environment]);
    let prod = "shop/shop/web/virtual-service.yaml";
    write(5);
    let run = to("prod").ended(1);
    assert!(run.stderr.contains("after `staging`") && deploy.tip("main").is_none(), "{run:?}");
    to("staging").ended(0);
    to("prod").ended(0);
    write(9);
    let tip = deploy.tip("main");
    to("prod").ended(1);
    assert_eq!(deploy.tip("main"), tip);
    // All of them, in their order.
    publish(&git, project.path(), deploy.url(), &["--allow-dirty"]).ended(0);
    assert!(deploy.text("main", prod).contains("9s"));
}
