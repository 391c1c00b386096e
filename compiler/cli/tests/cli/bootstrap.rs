//! `meshc bootstrap`: what it writes, and what it leaves alone.

use std::process::Command;

use crate::folder::{Folder, Run, SHOP, finish};

const ENVIRONMENTS: &str = "\
environment prod {
  target istio 1.31
  after  staging
  sync   argo-cd
  deploy { repository \"git@git.example.com:shop/deploy.git\" }
}

environment staging {
  target istio 1.30
  sync   flux
  deploy { repository \"git@git.example.com:shop/deploy.git\"; branch staging }
}

environment dev { target istio 1.31; sync none }
";

/// A git repository with a project in the folder `mesh`.
fn shop() -> Folder {
    let shop = SHOP.replace("mtls          strict", "mtls          strict; owner @shop");
    let folder = Folder::new(&[("mesh/shop.mesh", &shop), ("mesh/environments/all.mesh", ENVIRONMENTS)]);
    git(&folder, &["init", "--quiet", "--initial-branch=main"]);
    git(&folder, &["config", "user.name", "Ann"]);
    git(&folder, &["config", "user.email", "ann@example.com"]);
    folder
}

#[track_caller]
fn git(folder: &Folder, args: &[&str]) -> Run {
    try_git(folder, args).ended(0)
}

/// git with `meshc` on its PATH, and without anybody's configuration.
fn try_git(folder: &Folder, args: &[&str]) -> Run {
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_meshc")).parent().unwrap();
    let mut command = Command::new("git");
    command.args(args).current_dir(folder.path("")).env_clear().env("HOME", folder.path(""));
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display()));
    finish(command)
}

#[test]
fn manifests_of_one_environment_are_printed() {
    let folder = shop();
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--env", "prod"]).ended(0);
    assert!(run.stdout.contains("kind: Application\n") && !run.stdout.contains("toolkit.fluxcd.io"), "{}", run.stdout);
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--env", "staging"]).ended(0);
    assert!(run.stdout.contains("kind: Kustomization\n") && run.stdout.contains("branch: staging\n"), "{}", run.stdout);
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync"]).ended(2);
    assert!(run.stderr.contains("there are 2 environments (`staging` and `prod`)"), "{}", run.stderr);
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--env", "dev"]).ended(1);
    assert!(run.stderr.contains("says `sync none`"), "{}", run.stderr);
}

#[test]
fn manifests_are_written_to_a_folder() {
    let folder = shop();
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--out", "../cluster"]).ended(0);
    assert_eq!(folder.files("cluster"), ["prod.yaml", "staging.yaml"]);
    assert!(run.stderr.contains("not written: the environment `dev` says `sync none`"), "{}", run.stderr);
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--out", "../cluster"]).ended(0);
    assert!(run.stdout.contains("unchanged") && !run.stdout.contains("wrote"), "{}", run.stdout);
}

#[test]
fn a_file_that_differs_is_kept_unless_forced() {
    let folder = shop();
    folder.write("cluster/staging.yaml", "mine\n");
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--out", "../cluster"]).ended(1);
    assert!(
        run.stderr.contains("`cluster/staging.yaml` is there and differs") && run.stderr.contains("--force"),
        "{run:?}"
    );
    assert_eq!(folder.files("cluster"), ["staging.yaml"], "all or nothing");
    assert_eq!(folder.read("cluster/staging.yaml"), "mine\n");
    folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--out", "../cluster", "--force"]).ended(0);
    assert!(folder.read("cluster/staging.yaml").contains("kind: GitRepository"));
}

#[test]
fn a_project_replaces_a_template() {
    let folder = shop();
    folder.write("mesh/templates/flux.yaml.j2", "url: {{ url | yaml }}\nmine: {{ mine | yaml }}\n");
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--env", "staging"]).ended(1);
    assert_eq!(run.stderr, "error: templates/flux.yaml.j2:2: a name is not defined: `mine: {{ mine | yaml }}`\n");
    folder.write("mesh/templates/flux.yaml.j2", "url: {{ url | yaml }}\n");
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--env", "staging"]).ended(0);
    assert_eq!(run.stdout, "url: \"ssh://git@git.example.com/shop/deploy.git\"\n");
    folder.write("mesh/templates/flx.yaml.j2", "");
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--env", "prod"]).ended(1);
    assert!(run.stderr.contains("did you mean `flux.yaml.j2`?"), "{}", run.stderr);
}

#[test]
fn workflows_go_to_the_root_of_the_repository() {
    let folder = shop();
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "ci", "github"]).ended(0);
    assert_eq!(run.stdout, "wrote .github/workflows/mesh-check.yaml\nwrote .github/workflows/mesh-publish.yaml\n");
    let publish = folder.read(".github/workflows/mesh-publish.yaml");
    assert!(publish.contains("\n  PROJECT: mesh\n") && publish.contains("\n    - main\n"), "{publish}");
    assert!(!publish.contains("publish-dev"), "dev has no repository that a workflow could reach: {publish}");
    folder.meshc(&["-C", "mesh", "bootstrap", "ci", "gitlab", "--branch", "trunk"]).ended(0);
    assert!(folder.read(".gitlab/mesh.yaml").contains("$CI_COMMIT_BRANCH == \\\"trunk\\\""));
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "ci", "github", "--print", "--branch", "trunk"]).ended(0);
    assert!(run.stdout.contains("# .github/workflows/mesh-publish.yaml\n"), "{}", run.stdout);
    assert!(folder.read(".github/workflows/mesh-publish.yaml").contains("\n    - main\n"), "printing writes nothing");
}

#[test]
fn a_cron_job_is_printed_for_what_is_measured() {
    let folder = shop();
    let args = ["-C", "mesh", "bootstrap", "cron-job", "--env", "prod", "--image", "example.com/meshc:1"];
    let run = folder.meshc(&args).ended(1);
    assert!(run.stderr.contains("`prod` declares no `prometheus`"), "{}", run.stderr);
    folder.edit(
        "mesh/environments/all.mesh",
        "  sync   argo-cd\n",
        "  sync   argo-cd\n  prometheus \"http://prometheus\"\n",
    );
    let run = folder.meshc(&args).ended(0);
    assert!(
        run.stdout.contains("kind: CronJob\n") && run.stdout.contains("namespace: mesh-promote\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn prometheus_takes_the_rules() {
    let folder = shop();
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "promql", "--env", "prod"]).ended(0);
    folder.write("rules.yaml", run.stdout);
    let Ok(output) = Command::new("promtool").args(["check", "rules"]).arg(folder.path("rules.yaml")).output() else {
        eprintln!("there is no promtool here");
        return;
    };
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("8 rules found"), "{said}");
}

#[test]
fn the_branch_is_the_one_that_the_remote_calls_its_own() {
    let folder = shop();
    git(&folder, &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop"]);
    folder.meshc(&["-C", "mesh", "bootstrap", "ci", "github"]).ended(0);
    assert!(folder.read(".github/workflows/mesh-publish.yaml").contains("\n    - develop\n"));
}

#[test]
fn outside_of_git_there_is_no_place() {
    let folder = Folder::shop();
    let run = folder.meshc(&["bootstrap", "hook"]).ended(1);
    assert!(run.stderr.contains("is in no git repository"), "{}", run.stderr);
}

#[test]
fn the_hook_checks_what_is_staged() {
    let folder = shop();
    folder.meshc(&["-C", "mesh", "fmt"]).ended(0);
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "hook"]).ended(0);
    assert_eq!(run.stdout, "wrote .git/hooks/pre-commit\n");
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "--message", "a mesh"]);
    folder.edit("mesh/shop.mesh", "allow web", "allow wbe");
    git(&folder, &["commit", "--quiet", "--allow-empty", "--message", "not staged, so that it does not count"]);
    git(&folder, &["add", "."]);
    let run = try_git(&folder, &["commit", "--message", "broken"]).ended(1);
    assert!(
        run.stderr.contains("error[unknown-caller]") && run.stderr.contains("--> mesh/shop.mesh:"),
        "{}",
        run.stderr
    );
    folder.edit("mesh/shop.mesh", "allow wbe", "allow   web");
    git(&folder, &["add", "."]);
    let run = try_git(&folder, &["commit", "--message", "another form"]);
    assert_ne!(run.code, 0, "{run:?}");
}

#[test]
fn owners_become_codeowners() {
    let folder = shop();
    folder.meshc(&["-C", "mesh", "bootstrap", "codeowners"]).ended(0);
    assert!(folder.read("CODEOWNERS").ends_with("\n/mesh/shop.mesh @shop\n"), "{}", folder.read("CODEOWNERS"));
    let deploy = ["-C", "mesh", "bootstrap", "codeowners", "--deploy", "--release-managers", "@shop/release"];
    let run = folder.meshc(&deploy).ended(0);
    assert!(run.stdout.contains("\n/prod/shop/web/ @shop\n"), "{}", run.stdout);
    assert!(run.stdout.ends_with("\n/rollback/prod/ @shop/release\n/state/prod/ @shop/release\n"), "{}", run.stdout);
    folder.meshc(&["-C", "mesh", "bootstrap", "codeowners", "--deploy"]).ended(2);
}

#[test]
fn a_project_with_errors_gets_nothing() {
    let folder = shop();
    folder.edit("mesh/shop.mesh", "allow web", "allow wbe");
    let run = folder.meshc(&["-C", "mesh", "bootstrap", "sync", "--env", "prod"]).ended(1);
    assert!(run.stdout.is_empty() && run.stderr.contains("error[unknown-caller]"), "{run:?}");
}
