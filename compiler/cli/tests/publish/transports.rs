//! Every way to a repository that git knows and that needs no other machine.

use std::process::Command;

use meshc_tests::servers::daemon::GitDaemon;
use meshc_tests::servers::http::{Behaviour, HttpBackend};
use meshc_tests::servers::process;

use crate::team::{LIMIT, Team, mesh, meshc, publish};

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

#[test]
fn what_the_sources_declare() {
    let team = Team::unpublished();
    let relative = "deploy { repository \"../../repositories/deploy.git\"; branch environments/prod; folder live }";
    let text = mesh("shop", 5).replace("deploy { folder shop }", relative);
    let projects = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(team.deploy.root(), projects.path().join("repositories")).unwrap();
    let project = projects.path().join("teams/shop");
    std::fs::create_dir_all(&project).unwrap();
    std::fs::write(project.join("shop.mesh"), text).unwrap();
    let args = ["publish", "--until-done", "--settle", "0s", "--allow-dirty"];
    process::run(&mut meshc(team.git(), &project, &args), LIMIT).ended(0);
    assert!(team.deploy.references().keys().eq(["refs/heads/environments/prod"]));
    let tree = team.deploy.tree("environments/prod");
    assert!(tree.contains_key("live/shop/web/virtual-service.yaml") && tree.contains_key("state/live/source.json"));
}

#[test]
fn commits_are_signed_where_the_users_git_signs() {
    let team = Team::unpublished();
    let (git, home) = (team.git(), team.git().home());
    let key = home.join("key");
    let mut keygen = Command::new("ssh-keygen");
    git.isolate(&mut keygen);
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f"]).arg(&key);
    process::run(&mut keygen, LIMIT).ended(0);
    let public = std::fs::read_to_string(home.join("key.pub")).unwrap();
    std::fs::write(home.join("signers"), format!("ada@shop.example {public}")).unwrap();
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("user.signingkey", key.to_str().unwrap()),
        ("gpg.ssh.allowedSignersFile", home.join("signers").to_str().unwrap()),
        ("commit.gpgsign", "true"),
    ] {
        git.configure(name, value);
    }
    publishes_over(&team, team.deploy.url());
    for commit in team.deploy.log("main") {
        git.ok(team.deploy.path(), &["verify-commit", &commit.oid]);
        assert!(commit.trailer("Mesh-Source").is_some(), "{commit:?}");
    }
    // Without the key there is no commit, rather than one that the branch would refuse.
    std::fs::remove_file(&key).unwrap();
    team.push("Be faster", 1);
    let tip = team.deploy.tip("main");
    let run = publish(git, team.job("main").path(), team.deploy.url(), &[]).ended(1);
    assert!(run.stderr.contains("could not be signed"), "{run:?}");
    assert_eq!(team.deploy.tip("main"), tip);
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
    for (password, code) in [("guess-me", 4), ("s3cret", 0)] {
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
    let run = publish(team.git(), job.path(), &server.url("deploy.git"), &[]).ended(4);
    assert!(run.stderr.contains("could not read Username"), "{run:?}");
    assert_eq!(team.deploy.references().len(), 0);
}
