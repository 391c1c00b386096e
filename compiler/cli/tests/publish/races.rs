//! Many who publish at once, and branches that move between what was read and what is pushed.

use std::path::Path;

use meshc_tests::servers::daemon::{GitDaemon, Service};
use meshc_tests::servers::git::Git;
use meshc_tests::servers::hooks;
use meshc_tests::servers::process::Running;
use meshc_tests::servers::remote::Remote;

use crate::team::{LIMIT, Team, differences, mesh, meshc, publish, publish_to, published, render};

#[test]
fn a_branch_that_moves_before_the_push_is_computed_upon_again() {
    let team = Team::new();
    team.push("Be patient", 9);
    let before = team.commits();
    let deploy = team.deploy.clone();
    let daemon = GitDaemon::before_requests(team.deploy.root(), move |service, number| {
        if service == Service::Push && number < 3 {
            deploy.commit("main", "by somebody else", &[(&format!("other/{number}.txt"), "theirs\n")]);
        }
    });
    let job = team.job("main");
    let run = publish(team.git(), job.path(), &daemon.url("deploy.git"), &[]).ended(0);
    assert!(run.stdout.contains("at attempt 4"), "{run:?}");
    assert_eq!(team.commits(), before + 4);
    assert_eq!(team.deploy.text("main", "other/2.txt"), "theirs\n");
    team.assert_published(&job);
}

#[test]
fn a_branch_that_moves_while_the_server_works_is_computed_upon_again() {
    let team = Team::new();
    team.push("Be patient", 9);
    let before = team.commits();
    hooks::move_before_update(&team.deploy, "main", 3);
    let daemon = GitDaemon::start(team.deploy.root());
    let job = team.job("main");
    publish(team.git(), job.path(), &daemon.url("deploy.git"), &[]).ended(0);
    assert_eq!(team.commits(), before + 4);
    assert_eq!(team.deploy.text("main", "moved/1"), "1\n");
    team.assert_published(&job);
}

#[test]
fn somebody_who_makes_the_branch_first_is_no_obstacle() {
    let team = Team::unpublished();
    hooks::move_before_update(&team.deploy, "main", 1);
    let job = team.job("main");
    team.publish(&job, &[]).ended(0);
    assert_eq!(team.deploy.text("main", "moved/1"), "1\n");
    team.assert_published(&job);
}

/// Starts a publish that goes on by itself.
fn start(git: &Git, project: &Path, url: &str, more: &[&str]) -> Running {
    Running::start(&mut meshc(git, project, &publish_to(url, more)))
}

#[test]
fn fifty_meshes_land_in_one_branch_at_once() {
    let (git, deploy) = (Git::new(), Remote::new());
    deploy.commit("main", "Begin", &[("README.md", "ours\n")]);
    let daemon = GitDaemon::start(deploy.root());
    let url = daemon.url("deploy.git");
    let projects = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..50).map(|number| format!("mesh-{number:02}")).collect();
    for (name, timeout) in names.iter().zip(1..) {
        std::fs::create_dir(projects.path().join(name)).unwrap();
        std::fs::write(projects.path().join(name).join("shop.mesh"), mesh(name, timeout)).unwrap();
    }
    let more = ["--allow-dirty", "--deadline", "2m"];
    let running: Vec<Running> =
        names.iter().map(|name| start(&git, &projects.path().join(name), &url, &more)).collect();
    for one in running {
        one.finish(2 * LIMIT).ended(0);
    }
    assert!(deploy.is_linear("main"));
    deploy.fsck();
    assert_eq!(deploy.text("main", "README.md"), "ours\n");
    for name in &names {
        let rendered = render(&git, &projects.path().join(name));
        assert_eq!(differences(&published(&deploy, name), &rendered), "");
    }
    let commits = deploy.log("main").len();
    for name in &names[..5] {
        publish(&git, &projects.path().join(name), &url, &more).ended(0);
    }
    assert_eq!(deploy.log("main").len(), commits, "all of it was published");
}

#[test]
fn of_one_branch_the_newest_commit_stands_and_the_others_make_none() {
    let team = Team::new();
    let before = team.commits();
    let revisions: Vec<String> = (10..18).map(|timeout| team.push("Be more patient", timeout)).collect();
    let jobs: Vec<_> = revisions.iter().map(|revision| team.job(revision)).collect();
    let daemon = GitDaemon::start(team.deploy.root());
    let url = daemon.url("deploy.git");
    let running: Vec<Running> = jobs.iter().map(|job| start(team.git(), job.path(), &url, &[])).collect();
    for (one, revision) in running.into_iter().zip(&revisions) {
        let run = one.finish(LIMIT).ended(0);
        assert_eq!(run.stdout.contains("published"), Some(revision) == revisions.last(), "{run:?}");
    }
    assert_eq!((team.timeout(), team.commits()), (17, before + 1));
    team.assert_published(&jobs[7]);
}

#[test]
fn jobs_of_one_checkout_take_turns() {
    let team = Team::new();
    team.push("Be patient", 9);
    let before = team.commits();
    let job = team.job("main");
    let running: Vec<Running> = (0..8).map(|_| start(team.git(), job.path(), team.deploy.url(), &[])).collect();
    for one in running {
        one.finish(LIMIT).ended(0);
    }
    assert_eq!((team.timeout(), team.commits()), (9, before + 1));
    team.assert_published(&job);
}
