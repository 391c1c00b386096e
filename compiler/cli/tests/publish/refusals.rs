//! Servers that say no, say nothing, or are not heard.

use std::time::Duration;

use meshc_tests::servers::ack_dropper::AckDropper;
use meshc_tests::servers::black_hole::BlackHole;
use meshc_tests::servers::daemon::GitDaemon;
use meshc_tests::servers::hooks::{self, Slow};
use meshc_tests::servers::http::{Behaviour, HttpBackend};
use meshc_tests::servers::process;

use crate::team::{LIMIT, Team, meshc, publish};

const PROTECTED: &str = "\
error: GH006: Protected branch update failed for refs/heads/main.
error: Changes must be made through a pull request.";

/// A team with a change that is not published.
fn behind() -> Team {
    let team = Team::new();
    team.push("Be patient", 9);
    team
}

#[test]
fn a_rejection_is_told_in_the_words_of_the_server() {
    let team = behind();
    let references = team.deploy.references();
    hooks::reject(&team.deploy, PROTECTED);
    let daemon = GitDaemon::start(team.deploy.root());
    let server = HttpBackend::start(team.deploy.root());
    let file = team.deploy.url().to_owned();
    for url in [file, daemon.url("deploy.git"), server.url("deploy.git")] {
        let run = publish(team.git(), team.job("main").path(), &url, &[]).ended(4);
        for line in PROTECTED.lines() {
            assert!(run.stderr.contains(line), "{url}: {run:?}");
        }
        assert!(run.stderr.contains("pre-receive hook declined"), "{url}: {run:?}");
        assert!(!run.stdout.contains("published"), "{url}: {run:?}");
        assert_eq!(team.deploy.references(), references);
    }
    hooks::clear(&team.deploy);
    team.publish(&team.job("main"), &[]).ended(0);
    assert_eq!(team.timeout(), 9);
}

#[test]
fn a_proposal_is_a_branch_of_its_own() {
    let team = behind();
    let (tip, before) = (team.deploy.tip("main"), team.deploy.references());
    let job = team.job("main");
    let args = ["publish", "--repository", team.deploy.url(), "--settle", "0s", "--propose"];
    let run = process::run(&mut meshc(team.git(), job.path(), &args), LIMIT).ended(0);
    assert_eq!(team.deploy.tip("main"), tip);
    let new: Vec<String> = team.deploy.references().into_keys().filter(|name| !before.contains_key(name)).collect();
    let [branch] = &new[..] else { panic!("one new branch: {new:?}") };
    let branch = branch.strip_prefix("refs/heads/").unwrap();
    assert!(run.stdout.contains(branch), "{run:?}");
    let [proposed, parent, ..] = &team.deploy.log(branch)[..] else { panic!("it stands on the tip") };
    assert_eq!((&proposed.parents[..], Some(&parent.oid)), (&[parent.oid.clone()][..], tip.as_ref()));
    // Merged as it is, nothing is left to publish.
    team.git().ok(team.deploy.path(), &["update-ref", "refs/heads/main", &proposed.oid]);
    team.publish(&job, &[]).ended(0);
    assert_eq!(team.deploy.tip("main").as_ref(), Some(&proposed.oid));
    team.assert_published(&job);
}

#[test]
fn who_may_only_read_publishes_nothing() {
    let team = behind();
    let tip = team.deploy.tip("main");
    let server = HttpBackend::with(team.deploy.root(), Behaviour { read_only: true, ..Behaviour::default() });
    let run = publish(team.git(), team.job("main").path(), &server.url("deploy.git"), &[]).ended(4);
    assert!(run.stderr.contains("403"), "{run:?}");
    assert_eq!(team.deploy.tip("main"), tip);
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let team = behind();
    let hole = BlackHole::start();
    let job = team.job("main");
    for url in [hole.git_url("deploy.git"), hole.http_url("deploy.git")] {
        let run = publish(team.git(), job.path(), &url, &["--deadline", "2s"]).ended(5);
        assert!(run.took >= Duration::from_secs(2) && run.took < Duration::from_secs(30), "{run:?}");
        assert!(run.stderr.contains("did not end within 2 s"), "{run:?}");
    }
    assert!(hole.connections() >= 2);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let team = behind();
    let gone = GitDaemon::start(team.deploy.root()).url("deploy.git");
    let run = publish(team.git(), team.job("main").path(), &gone, &[]).ended(5);
    assert!(run.stderr.contains("Connection refused") && run.stderr.contains(&gone), "{run:?}");
}

#[test]
fn a_source_server_that_never_answers_is_given_up() {
    let team = behind();
    let hole = BlackHole::start();
    let job = team.job("main");
    team.git().ok(job.path(), &["remote", "set-url", "origin", &hole.git_url("sources.git")]);
    let tip = team.deploy.tip("main");
    let run = team.publish(&job, &["--deadline", "2s"]).ended(5);
    assert!(run.took < Duration::from_secs(30), "{run:?}");
    assert_eq!(team.deploy.tip("main"), tip);
}

#[test]
fn a_lost_acknowledgement_is_found_out_in_the_same_run() {
    let team = behind();
    let before = team.commits();
    let daemon = GitDaemon::start(team.deploy.root());
    let dropper = AckDropper::start(&daemon, &team.deploy, "main", 1);
    let job = team.job("main");
    let run = publish(team.git(), job.path(), &dropper.url("deploy.git"), &[]).ended(0);
    assert_eq!((dropper.lost(), team.commits()), (1, before + 1), "{run:?}");
    assert!(run.stdout.contains("prod published:"), "{run:?}");
    team.assert_published(&job);
    team.publish(&job, &[]).ended(0);
    assert_eq!(team.commits(), before + 1);
}

#[test]
fn a_lost_acknowledgement_of_the_first_commit_is_found_out_too() {
    let team = Team::unpublished();
    let server = HttpBackend::with(team.deploy.root(), Behaviour { lost_answers: 1, ..Behaviour::default() });
    let job = team.job("main");
    publish(team.git(), job.path(), &server.url("deploy.git"), &[]).ended(0);
    assert_eq!(server.lost(), 1);
    team.assert_published(&job);
    let commits = team.commits();
    team.publish(&job, &[]).ended(0);
    assert_eq!(team.commits(), commits);
}

#[test]
fn an_acknowledgement_that_comes_too_late_is_found_out() {
    let team = behind();
    let before = team.commits();
    hooks::slow(&team.deploy, Slow::AfterUpdate, Duration::from_secs(8));
    let daemon = GitDaemon::start(team.deploy.root());
    let job = team.job("main");
    let run = publish(team.git(), job.path(), &daemon.url("deploy.git"), &["--deadline", "3s"]).ended(0);
    assert!(run.took < Duration::from_secs(60), "{run:?}");
    assert_eq!((team.timeout(), team.commits()), (9, before + 1));
}

#[test]
fn a_push_that_arrives_after_it_was_given_up_makes_one_commit() {
    let team = behind();
    let before = team.commits();
    hooks::slow(&team.deploy, Slow::BeforeUpdate, Duration::from_secs(5));
    let daemon = GitDaemon::start(team.deploy.root());
    let job = team.job("main");
    publish(team.git(), job.path(), &daemon.url("deploy.git"), &["--deadline", "2s"]).ended(5);
    hooks::clear(&team.deploy);
    std::thread::sleep(Duration::from_secs(8));
    publish(team.git(), job.path(), &daemon.url("deploy.git"), &[]).ended(0);
    assert_eq!((team.timeout(), team.commits()), (9, before + 1));
    team.assert_published(&job);
}
