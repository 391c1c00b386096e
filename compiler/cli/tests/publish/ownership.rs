//! What belongs to whom in a deploy repository.

use std::collections::BTreeMap;

use meshc_tests::servers::git::Git;
use meshc_tests::servers::process;
use meshc_tests::servers::remote::Remote;

use crate::team::{LIMIT, Team, differences, mesh, meshc, publish, published, render};

#[test]
fn nothing_to_change_makes_no_commit() {
    let team = Team::new();
    let tip = team.deploy.tip("main");
    let run = team.publish(&team.job("main"), &[]).ended(0);
    assert!(run.stdout.contains("nothing to change"), "{run:?}");
    // A commit of the sources that changes nothing of what is rendered.
    team.sources.commit("main", "Take notes", &[("notes.txt", "of no importance\n")]);
    team.publish(&team.job("main"), &[]).ended(0);
    assert_eq!(team.deploy.tip("main"), tip);
}

#[test]
fn a_commit_says_where_it_is_from() {
    let team = Team::new();
    let commit = team.push("Be patient", 9);
    team.publish(&team.job("main"), &[]).ended(0);
    let newest = &team.deploy.log("main")[0];
    assert!(newest.subject.starts_with("publish(prod): shop"), "{newest:?}");
    assert_eq!(newest.trailer("Mesh-Source"), Some(commit.as_str()));
    assert_eq!(newest.trailer("Mesh-Operation"), Some("publish"));
    assert_eq!(newest.trailer("Argocd-reference-commit-sha"), Some(commit.as_str()));
    assert_eq!(newest.trailer("Argocd-reference-commit-subject"), Some("Be patient"));
    assert!(team.deploy.text("main", "shop/hydrator.metadata").contains(&commit));
    assert!(team.deploy.text("main", "state/shop/source.json").contains(&commit));
}

#[test]
fn a_file_that_was_edited_by_hand_is_not_overwritten() {
    let team = Team::new();
    let path = "shop/shop/web/virtual-service.yaml";
    let edited = team.deploy.text("main", path).replace("5s", "77s");
    let tip = team.deploy.commit("main", "At 3 AM", &[(path, &edited)]);
    team.push("Be patient", 9);
    let job = team.job("main");
    let run = team.publish(&job, &[]).ended(1);
    assert!(run.stderr.contains(path) && run.stderr.contains("--overwrite"), "{run:?}");
    let verify = ["verify", "--repository", team.deploy.url()];
    let verified = process::run(&mut meshc(team.git(), job.path(), &verify), LIMIT).ended(1);
    assert!(verified.stdout.contains(path), "{verified:?}");
    assert_eq!(team.deploy.tip("main"), Some(tip));
    team.publish(&job, &["--overwrite"]).ended(0);
    team.assert_published(&job);
    process::run(&mut meshc(team.git(), job.path(), &verify), LIMIT).ended(0);
}

#[test]
fn a_file_that_cannot_be_understood_any_more_is_not_overwritten_either() {
    for (path, text) in [
        ("shop/shop/web/virtual-service.yaml", "\t: no YAML\n"),
        ("shop/shop/web/virtual-service.yaml", "<<<<<<< HEAD\n"),
        ("shop/shop/web/authorization-policy.yaml", ""),
        ("shop/shop/web/authorization-policy.yaml", "kind: ConfigMap\n"),
        ("shop/shop/peer-authentication.yaml", "- a\n- list\n"),
        ("shop/shop/kustomization.yaml", "{\n"),
    ] {
        let team = Team::new();
        let tip = team.deploy.commit("main", "A merge that went wrong", &[(path, text)]);
        // Whether it would change in this publish, or only be put back.
        for timeout in [5, 9] {
            team.push("Be patient", timeout);
            let job = team.job("main");
            let run = team.publish(&job, &[]).ended(1);
            assert!(run.stderr.contains(path) && run.stderr.contains("--overwrite"), "{text:?}: {run:?}");
            assert_eq!(team.deploy.tip("main").as_ref(), Some(&tip));
        }
        let job = team.job("main");
        team.publish(&job, &["--overwrite"]).ended(0);
        team.assert_published(&job);
    }
}

#[test]
fn files_of_others_stay_as_they_are() {
    let team = Team::unpublished();
    let foreign = [
        ("README.md", "ours\n"),
        ("shop/OWNERS", "ada\n"),
        ("shop/shop/web/notes.txt", "careful\n"),
        ("shopping/a.yaml", "a: b\n"),
        ("state/other/source.json", "{}\n"),
    ];
    team.deploy.commit("main", "Ours", &foreign);
    team.git().ok(team.deploy.path(), &["branch", "other", "main"]);
    let others = |team: &Team| {
        let tree = team.deploy.tree("main");
        foreign.iter().map(|(path, _)| ((*path).to_owned(), tree.get(*path).cloned())).collect::<BTreeMap<_, _>>()
    };
    let (before, branch) = (others(&team), team.deploy.tip("other"));
    let job = team.job("main");
    team.publish(&job, &[]).ended(0);
    team.push("Be patient", 9);
    team.publish(&team.job("main"), &[]).ended(0);
    assert_eq!(team.timeout(), 9);
    team.publish(&team.job("main"), &["--uninstall", "--env", "prod"]).ended(0);
    assert_eq!((others(&team), team.deploy.tip("other")), (before, branch));
    let left: Vec<String> = team.deploy.tree("main").into_keys().filter(|path| path.ends_with(".yaml")).collect();
    assert_eq!(left, ["shop/kustomization.yaml", "shop/shop/kustomization.yaml", "shopping/a.yaml"]);
    // A folder that is gone is no empty one: Argo CD and Flux would fail, and prune nothing.
    for path in &left[..2] {
        assert!(team.deploy.text("main", path).ends_with("resources: []\n"), "{path}");
    }
}

#[test]
fn a_file_of_somebody_else_in_the_way_is_not_overwritten() {
    let team = Team::unpublished();
    let path = "shop/shop/web/virtual-service.yaml";
    let tip = team.deploy.commit("main", "Ours", &[(path, "a: b\n")]);
    let run = team.publish(&team.job("main"), &[]).ended(1);
    assert!(run.stderr.contains(path), "{run:?}");
    assert_eq!(team.deploy.tip("main"), Some(tip));
}

#[test]
fn two_meshes_share_a_repository_and_never_a_folder() {
    let (git, deploy, projects) = (Git::new(), Remote::new(), tempfile::tempdir().unwrap());
    let project = |name: &str, text: &str| {
        let folder = projects.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("shop.mesh"), text).unwrap();
        folder
    };
    let (one, two) = (project("one", &mesh("one", 1)), project("two", &mesh("two", 2)));
    publish(&git, &one, deploy.url(), &["--allow-dirty"]).ended(0);
    publish(&git, &two, deploy.url(), &["--allow-dirty"]).ended(0);
    project("one", &mesh("one", 3));
    publish(&git, &one, deploy.url(), &["--allow-dirty"]).ended(0);
    for (name, project) in [("one", &one), ("two", &two)] {
        assert_eq!(differences(&published(&deploy, name), &render(&git, project)), "");
    }
    let tip = deploy.tip("main");
    let three = project("three", &mesh("three", 3).replace("folder three", "folder two"));
    let run = publish(&git, &three, deploy.url(), &["--allow-dirty"]).ended(1);
    assert!(run.stderr.contains("`two`") && run.stderr.contains("`three`"), "{run:?}");
    assert_eq!(deploy.tip("main"), tip);
    publish(&git, &one, deploy.url(), &["--allow-dirty", "--uninstall", "--env", "prod"]).ended(0);
    assert_eq!(differences(&published(&deploy, "two"), &render(&git, &two)), "");
}

#[test]
fn the_embedded_repository_is_made_and_can_be_cloned() {
    let (git, project) = (Git::new(), tempfile::tempdir().unwrap());
    std::fs::write(project.path().join("shop.mesh"), mesh("shop", 5)).unwrap();
    let args = ["publish", "--until-done", "--settle", "0s"];
    let run = process::run(&mut meshc(&git, project.path(), &args), LIMIT).ended(0);
    let command = run.stdout.lines().find_map(|line| line.split_once("git clone ")).expect("it says how").1;
    git.ok(project.path(), &["clone", "--quiet", command, "clone"]);
    assert!(project.path().join("clone/shop/shop/web/virtual-service.yaml").exists());
    let embedded = Remote::at(&project.path().join(".meshc/deploy.git"));
    embedded.fsck();
    let tip = embedded.tip("main");
    process::run(&mut meshc(&git, project.path(), &args), LIMIT).ended(0);
    assert_eq!(embedded.tip("main"), tip);
}
