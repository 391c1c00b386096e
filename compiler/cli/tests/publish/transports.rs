//! Every way to a repository that git knows and that needs no other machine.

use meshc_tests::servers::daemon::GitDaemon;
use meshc_tests::servers::http::{Behaviour, HttpBackend};

use crate::team::{Team, publish};

/// A first publish and a change, over one URL.
fn publishes_over(team: &Team, url: &str) {
    let job = team.job("main");
    publish(team.git(), job.path(), url, &[]).ended(0);
    team.assert_published(&job);
    team.push("Be patient", 9);
    let job = team.job("main");
    let before = team.commits();
    let run = publish(team.git(), job.path(), url, &[]).ended(0);
    assert!(run.stdout.contains("published"), "{run:?}");
    assert_eq!((team.timeout(), team.commits()), (9, before + 1));
    team.assert_published(&job);
}

#[test]
fn a_path() {
    let team = Team::unpublished();
    publishes_over(&team, team.deploy.url());
}

#[test]
fn a_file_url() {
    let team = Team::unpublished();
    publishes_over(&team, &format!("file://{}", team.deploy.url()));
}

#[test]
fn git_daemon() {
    let team = Team::unpublished();
    let daemon = GitDaemon::start(team.deploy.root());
    publishes_over(&team, &daemon.url("deploy.git"));
}

#[test]
fn http() {
    let team = Team::unpublished();
    let server = HttpBackend::start(team.deploy.root());
    publishes_over(&team, &server.url("deploy.git"));
}

fn guarded(team: &Team) -> HttpBackend {
    let password = Some(("ada".to_owned(), "s3cret".to_owned()));
    HttpBackend::with(team.deploy.root(), Behaviour { password, ..Behaviour::default() })
}

#[test]
fn http_with_a_credential_helper() {
    let team = Team::unpublished();
    let server = guarded(&team);
    team.git().configure("credential.helper", "!f() { echo username=ada; echo password=s3cret; }; f");
    publishes_over(&team, &server.url("deploy.git"));
}

#[test]
fn http_with_the_header_that_a_ci_job_has_in_its_checkout() {
    let team = Team::new();
    let server = guarded(&team);
    team.push("Be patient", 9);
    let job = team.job("main");
    // `ada:s3cret`. Where actions/checkout leaves the token of the job.
    let header = "AUTHORIZATION: basic YWRhOnMzY3JldA==";
    let key = format!("http.{}.extraheader", server.url(""));
    team.git().ok(job.path(), &["config", "--local", &key, header]);
    publish(team.git(), job.path(), &server.url("deploy.git"), &[]).ended(0);
    assert_eq!(team.timeout(), 9);
}

#[test]
fn a_password_in_a_url_is_used_and_never_shown() {
    let team = Team::unpublished();
    let server = guarded(&team);
    let job = team.job("main");
    for (password, code) in [("guess-me", 5), ("s3cret", 0)] {
        let url = server.url_for("ada", password, "deploy.git");
        let run = publish(team.git(), job.path(), &url, &[]).ended(code);
        assert!(!run.stdout.contains(password) && !run.stderr.contains(password), "{run:?}");
        let json = publish(team.git(), job.path(), &url, &["--format", "json"]).ended(code);
        assert!(!json.stdout.contains(password) && !json.stderr.contains(password), "{json:?}");
    }
    team.assert_published(&job);
    let message = &team.deploy.log("main")[0].message;
    assert!(!message.contains("s3cret"), "{message}");
}

#[test]
fn without_the_password_nobody_is_asked_and_nothing_is_published() {
    let team = Team::unpublished();
    let server = guarded(&team);
    let job = team.job("main");
    let run = publish(team.git(), job.path(), &server.url("deploy.git"), &[]).ended(5);
    assert!(run.stderr.contains("could not read Username"), "{run:?}");
    assert_eq!(team.deploy.references().len(), 0);
}
