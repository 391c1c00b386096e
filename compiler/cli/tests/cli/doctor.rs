//! `meshc doctor`, with real repositories on this disk. No cluster runs here: `kubectl` is a stub, a script that answers
//! from files as kubectl 1.32 would.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::folder::{Folder, Run, SHOP, finish};

/// Answers `get RESOURCE …` from the file `objects/RESOURCE.json` (of a Secret: `objects/secret.txt`), and says that the
/// resource is not known where there is none.
const KUBECTL: &str = r#"#!/bin/sh
here=$(dirname "$0")/objects
if [ "$1" = config ]; then cat "$here/context" 2>/dev/null && exit 0; echo "error: current-context is not set" >&2; exit 1; fi
shift 4 # --context NAME --request-timeout 10s
case $2 in
  secret) file=$here/secret.txt ;;
  *) file=$here/$2.json ;;
esac
if [ -f "$file" ]; then cat "$file"; exit 0; fi
echo "error: the server doesn't have a resource type \"$2\"" >&2
exit 1
"#;

/// A project in git, its deploy repository beside it, and the stub.
fn shop(sync: &str) -> Folder {
    let environment =
        format!("environment prod {{ target istio 1.31; sync {sync}; deploy {{ repository \"../deploy.git\" }} }}\n");
    let folder = Folder::new(&[("mesh/shop.mesh", SHOP), ("mesh/prod.mesh", &environment), ("bin/kubectl", KUBECTL)]);
    std::fs::set_permissions(folder.path("bin/kubectl"), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder.write(".gitconfig", "[user]\nname = Ann\nemail = ann@example.com\n");
    git(&folder, &["init", "--quiet", "--bare", "--initial-branch=main", "deploy.git"]);
    git(&folder, &["init", "--quiet", "--initial-branch=main", "mesh"]);
    git(&folder, &["-C", "mesh", "add", "."]);
    git(&folder, &["-C", "mesh", "commit", "--quiet", "--message", "a mesh"]);
    folder
}

#[track_caller]
fn git(folder: &Folder, args: &[&str]) -> Run {
    let mut command = Command::new("git");
    command.args(args).current_dir(folder.path("")).env_clear().env("HOME", folder.path(""));
    finish(command).ended(0)
}

fn meshc(folder: &Folder, args: &[&str]) -> Run {
    let mut command = folder.command(&["-C", "mesh"]);
    command.args(args).env("HOME", folder.path(""));
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", folder.path("bin").display()));
    finish(command)
}

/// Verdict and text of the findings about a subject.
#[track_caller]
fn doctor(folder: &Folder, code: i32) -> impl Fn(&str) -> Vec<(String, String)> {
    let run = meshc(folder, &["doctor", "--format", "json"]).ended(code);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["schema"], 1);
    move |subject| {
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
        let findings = document["findings"].as_array().unwrap().iter();
        let about = findings.filter(|finding| finding["subject"] == subject);
        about.map(|finding| (text(finding, "verdict"), text(finding, "text"))).collect()
    }
}

#[track_caller]
fn only(found: Vec<(String, String)>, verdict: &str, part: &str) {
    let [(known, text)] = found.as_slice() else { panic!("{found:?}") };
    assert!(known == verdict && text.contains(part), "{found:?}");
}

#[test]
fn all_is_well_before_the_first_publish_and_after_it() {
    let folder = shop("none");
    let found = doctor(&folder, 0);
    only(found("identity"), "fine", "Ann <ann@example.com>");
    only(found("repository"), "warns", "has no branch `main` yet");
    only(found("push"), "fine", "as far as a dry run tells");
    only(found("protection"), "not-looked", "known to the server alone");
    only(found("cluster"), "not-looked", "kubectl has no current context");
    meshc(&folder, &["publish"]).ended(0);
    let found = doctor(&folder, 0);
    only(found("repository"), "fine", "`main` of");
    only(found("compiler"), "fine", "published by meshc");
    assert_eq!(
        git(&folder, &["-C", "deploy.git", "branch", "--list"]).stdout.trim(),
        "* main",
        "a dry run leaves nothing"
    );
    let run = meshc(&folder, &["doctor"]).ended(0);
    assert!(
        run.stdout.starts_with("this machine\n  fine   git: ") && run.stdout.contains("\nprod\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_repository_that_cannot_be_reached_fails() {
    let folder = shop("none");
    std::fs::remove_dir_all(folder.path("deploy.git")).unwrap();
    let run = meshc(&folder, &["doctor"]).ended(1);
    assert!(run.stdout.contains("  fails  repository: `git` could not use"), "{}", run.stdout);
    assert!(run.stdout.contains("git ls-remote") && run.stderr.contains("1 thing would fail tonight"), "{run:?}");
}

#[test]
fn what_the_tip_says_is_read() {
    let folder = shop("none");
    meshc(&folder, &["publish"]).ended(0);
    git(&folder, &["clone", "--quiet", "deploy.git", "clone"]);
    folder.edit("clone/state/prod/source.json", "\"compiler\": \"", "\"compiler\": \"999.");
    folder.write("clone/state/prod/HOLD", "freeze\n");
    folder.write("clone/state/prod/shop/web.hold", "{}\n");
    git(&folder, &["-C", "clone", "add", "."]);
    git(&folder, &["-C", "clone", "commit", "--quiet", "--message", "by hand"]);
    git(&folder, &["-C", "clone", "push", "--quiet"]);
    let found = doctor(&folder, 1);
    only(found("compiler"), "fails", "install that version or a newer one");
    let holds = found("hold");
    assert!(holds.len() == 2 && holds[0].1.contains("state/prod/HOLD") && holds[1].1.contains("shop/web"), "{holds:?}");
    folder.write("clone/state/prod/source.json", "<<<<<<< HEAD\n");
    git(&folder, &["-C", "clone", "commit", "--quiet", "--all", "--message", "a bad merge"]);
    git(&folder, &["-C", "clone", "push", "--quiet"]);
    only(doctor(&folder, 1)("published"), "fails", "`state/prod/source.json`");
}

#[test]
fn nobody_known_and_a_key_that_cannot_sign_are_told() {
    let folder = shop("none");
    folder.write(".gitconfig", "[user]\nuseConfigOnly = true\n[commit]\ngpgsign = true\n[gpg]\nformat = ssh\n");
    let found = doctor(&folder, 1);
    only(found("identity"), "warns", "git knows nobody here");
    only(found("signing"), "fails", "a commit cannot be signed: ");
    let key = folder.path("key");
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
    finish(command).ended(0);
    let config = format!(
        "[user]\nname = Ann\nemail = a@example.com\nsigningkey = {}\n[commit]\ngpgsign = true\n[gpg]\nformat = ssh\n",
        key.display()
    );
    folder.write(".gitconfig", config);
    only(doctor(&folder, 0)("signing"), "fine", "without a question");
}

#[test]
fn a_signature_that_waits_for_a_person_is_not_waited_for() {
    let folder = shop("none");
    folder.write("bin/asks", "#!/bin/sh\nsleep 60\n");
    std::fs::set_permissions(folder.path("bin/asks"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path("bin/asks");
    let config =
        format!("[user]\nname = A\nemail = a@b\n[commit]\ngpgsign = true\n[gpg]\nprogram = {}\n", program.display());
    folder.write(".gitconfig", config);
    only(doctor(&folder, 1)("signing"), "fails", "within 10 s");
}

#[test]
fn a_project_with_errors_cannot_be_published() {
    let folder = shop("none");
    folder.edit("mesh/shop.mesh", "allow web", "allow wbe");
    only(doctor(&folder, 1)("sources"), "fails", "the project has errors");
}

#[test]
fn argo_cd_is_asked_through_kubectl() {
    let folder = shop("argo-cd");
    folder.write("bin/objects/context", "prod\n");
    let repository = folder.path("deploy.git").canonicalize().unwrap();
    let application = json!({"items": [{
        "metadata": {"name": "shop-prod-shop", "namespace": "argocd"},
        "spec": {
            "project": "shop-prod",
            "source": {"repoURL": repository, "targetRevision": "main", "path": "prod/shop"},
            "syncPolicy": {"retry": {"refresh": true}},
        },
    }]});
    folder.write("bin/objects/applications.argoproj.io.json", application.to_string());
    folder.write("bin/objects/secret.txt", "admin.password\n");
    let rollout = json!({"items": [{
        "kind": "Rollout",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"strategy": {"canary": {"trafficRouting": {"istio": {"virtualService": {"name": "web"}}}}}},
    }]});
    folder.write("bin/objects/rollouts.argoproj.io.json", rollout.to_string());
    let found = doctor(&folder, 1);
    only(found("argo-cd"), "fails", "does not sync by itself");
    only(found("webhook"), "warns", "up to three minutes");
    only(found("weights"), "fails", "the Rollout `shop/web` writes the weights");
    let run = meshc(&folder, &["doctor", "--no-cluster"]).ended(0);
    assert!(run.stdout.contains("no cluster was looked at: `--no-cluster`"), "{}", run.stdout);
}

#[test]
fn flux_is_asked_through_kubectl() {
    let folder = shop("flux");
    folder.write("bin/objects/context", "prod\n");
    only(doctor(&folder, 0)("flux"), "warns", "no Kustomization of the context `prod`");
    let repository = folder.path("deploy.git").canonicalize().unwrap();
    let metadata = |name: &str| json!({"name": name, "namespace": "flux-system"});
    let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    let source = json!({"items": [{
        "metadata": metadata("shop-prod"),
        "spec": {"url": repository, "ref": {"branch": "main"}, "interval": "10m"},
        "status": ready,
    }]});
    let kustomization = json!({"items": [{
        "metadata": metadata("shop-prod-shop"),
        "spec": {
            "path": "./prod/shop", "prune": true, "suspend": true,
            "sourceRef": {"kind": "GitRepository", "name": "shop-prod"},
        },
        "status": ready,
    }]});
    folder.write("bin/objects/gitrepositories.source.toolkit.fluxcd.io.json", source.to_string());
    folder.write("bin/objects/kustomizations.kustomize.toolkit.fluxcd.io.json", kustomization.to_string());
    let found = doctor(&folder, 1);
    only(found("flux"), "fails", "`shop-prod-shop` is suspended");
    only(found("webhook"), "warns", "after up to 10m");
}

#[test]
fn there_is_no_sarif_of_it() {
    let run = meshc(&shop("none"), &["doctor", "--format", "sarif"]).ended(2);
    assert!(run.stderr.contains("--format json"), "{}", run.stderr);
}
