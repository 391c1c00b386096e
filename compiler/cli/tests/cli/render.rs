use std::io::Read as _;
use std::process::Stdio;

use crate::folder::{Folder, SHOP};

#[test]
fn one_environment_is_printed() {
    let folder = Folder::shop();
    let run = folder.meshc(&["render", "--env", "prod"]).ended(0);
    assert!(run.stdout.starts_with("---\n# prod/shop/authorization-policy.yaml\n"), "{}", run.stdout);
    assert!(run.stdout.contains("---\n# prod/shop/web/virtual-service.yaml\n"));
    for absent in ["kind: Kustomization", "sha256:", "# staging/"] {
        assert!(!run.stdout.contains(absent), "{absent} is not for the cluster");
    }
    assert_eq!(run.stderr, "");
}

#[test]
fn several_environments_need_a_folder() {
    let run = Folder::shop().meshc(&["render"]).ended(2);
    assert_eq!(run.stdout, "");
    assert_eq!(
        run.stderr,
        "error: there are 2 environments (staging, prod): write them to a folder with `--out DIR`, or choose one with `--env \
         ENV`\n"
    );
}

#[test]
fn a_folder_is_written_and_then_left_alone() {
    let folder = Folder::shop();
    let run = folder.meshc(&["render", "--out", "out/of/here"]).ended(0);
    assert_eq!(
        run.stdout,
        "\
shop in out/of/here
  staging  6 resources, 10 files: 10 written
  prod     6 resources, 10 files: 10 written
"
    );
    let files = folder.files("out/of/here");
    assert!(files.contains(&"prod/shop/web/virtual-service.yaml".to_owned()), "{files:?}");
    assert!(files.iter().all(|file| !file.contains("/.")), "nothing temporary is left: {files:?}");
    assert!(folder.read("out/of/here/prod/shop/web/virtual-service.yaml").contains("timeout: 9s"));
    assert!(folder.read("out/of/here/staging/shop/web/virtual-service.yaml").contains("timeout: 5s"));

    let written = |file: &String| std::fs::metadata(folder.path("out/of/here").join(file)).unwrap().modified().unwrap();
    let before: Vec<_> = files.iter().map(written).collect();
    let run = folder.meshc(&["render", "--out", "out/of/here"]).ended(0);
    assert!(run.stdout.ends_with("  prod     6 resources, 10 files: 10 unchanged\n"), "{}", run.stdout);
    assert_eq!(files.iter().map(written).collect::<Vec<_>>(), before, "a second run writes nothing");
    assert_eq!(folder.meshc(&["render", "-q", "--out", "out/of/here"]).ended(0).stdout, "");
}

#[test]
fn what_is_printed_is_what_is_written() {
    let folder = Folder::shop();
    folder.meshc(&["render", "--out", "out"]).ended(0);
    let printed = folder.meshc(&["render", "--env", "prod"]).ended(0).stdout;
    for document in printed.split("---\n# ").skip(1) {
        let (path, text) = document.split_once('\n').unwrap();
        assert_eq!(folder.read(&format!("out/{path}")), text, "{path}");
    }
}

#[test]
fn an_error_in_one_environment_writes_none() {
    let folder = Folder::shop();
    folder.edit("environments/all.mesh", "timeout 9s", "no retry");
    folder.meshc(&["render", "--out", "out"]).ended(1);
    assert!(!folder.path("out").exists());
    folder.meshc(&["render", "--env", "staging", "--out", "out"]).ended(0);
    assert!(folder.path("out/staging").exists());
}

#[test]
fn stale_files_and_folders_go_and_foreign_ones_stay() {
    let folder = Folder::shop();
    folder.meshc(&["render", "--out", "out"]).ended(0);
    folder.write("out/prod/shop/prices/NOTES.md", "ours");
    folder.write("out/README.md", "ours");
    folder.edit("shop.mesh", "service prices {\n  port  8080 http\n  allow web\n}\n", "");
    let run = folder.meshc(&["render", "--out", "out"]).ended(0);
    assert!(run.stdout.contains("removed"), "{}", run.stdout);
    assert!(!folder.path("out/staging/shop/prices").exists(), "an empty folder goes");
    let left: Vec<String> = folder.files("out").into_iter().filter(|file| file.contains("prices")).collect();
    assert_eq!(left, ["prod/shop/prices/NOTES.md"]);
    assert_eq!(folder.read("out/README.md"), "ours");
}

#[test]
fn a_foreign_file_is_never_overwritten_and_nothing_is_written_beside_it() {
    let folder = Folder::shop();
    folder.write("out/prod/shop/web/virtual-service.yaml", "ours");
    let run = folder.meshc(&["render", "--out", "out"]).ended(1);
    assert_eq!(
        run.stderr,
        "error: nothing was written to `out`: files that meshc did not write stand in the way: \
         `prod/shop/web/virtual-service.yaml`; move them\n"
    );
    assert_eq!(folder.files("out"), ["prod/shop/web/virtual-service.yaml"]);
    assert_eq!(folder.read("out/prod/shop/web/virtual-service.yaml"), "ours");
}

#[test]
fn a_file_of_ours_that_was_edited_is_written_again() {
    let folder = Folder::shop();
    folder.meshc(&["render", "--out", "out"]).ended(0);
    let before = folder.read("out/prod/shop/web/virtual-service.yaml");
    folder.write("out/prod/shop/web/virtual-service.yaml", "edited");
    let run = folder.meshc(&["render", "--out", "out"]).ended(0);
    assert!(run.stdout.contains("prod     6 resources, 10 files: 1 written, 9 unchanged\n"), "{}", run.stdout);
    assert_eq!(folder.read("out/prod/shop/web/virtual-service.yaml"), before);
}

#[test]
fn a_lock_that_cannot_be_read_stops_everything() {
    let folder = Folder::shop();
    folder.meshc(&["render", "--out", "out"]).ended(0);
    folder.write("out/prod/shop/mesh.lock.json", "<<<<<<< HEAD");
    folder.edit("shop.mesh", "timeout 5s", "timeout 6s");
    let before = folder.read("out/staging/shop/web/virtual-service.yaml");
    let run = folder.meshc(&["render", "--out", "out"]).ended(1);
    assert!(run.stderr.contains("`prod/shop/mesh.lock.json` cannot be used"), "{}", run.stderr);
    assert_eq!(folder.read("out/staging/shop/web/virtual-service.yaml"), before);
}

#[cfg(unix)]
#[test]
fn links_in_the_output_are_not_followed() {
    use std::os::unix::fs::symlink;
    // A whole environment, a namespace and a file that lead elsewhere.
    for (link, target) in [
        ("out/prod", "../elsewhere"),
        ("out/prod/shop", "../../elsewhere"),
        ("out/prod/shop/web", "../../../elsewhere"),
    ] {
        let folder = Folder::shop();
        folder.write("elsewhere/mesh.lock.json", "{\"files\": {}, \"schema\": 1}");
        std::fs::create_dir_all(folder.path(link).parent().unwrap()).unwrap();
        symlink(target, folder.path(link)).unwrap();
        let run = folder.meshc(&["render", "--out", "out"]).ended(1);
        assert!(run.stderr.contains(&format!("`{link}` is a link")), "{}", run.stderr);
        assert_eq!(folder.files("elsewhere"), ["mesh.lock.json"]);
        assert!(!folder.path("out/staging").exists(), "all or nothing");
    }
    let folder = Folder::shop();
    folder.write("elsewhere.yaml", "ours");
    std::fs::create_dir_all(folder.path("out/prod/shop/web")).unwrap();
    symlink("../../../../elsewhere.yaml", folder.path("out/prod/shop/web/virtual-service.yaml")).unwrap();
    folder.meshc(&["render", "--out", "out"]).ended(1);
    assert_eq!(folder.read("elsewhere.yaml"), "ours");
}

#[test]
fn what_is_in_the_way_of_a_folder_is_named() {
    let folder = Folder::shop();
    folder.write("out/prod/shop/web", "a file");
    let run = folder.meshc(&["render", "--out", "out"]).ended(1);
    assert!(run.stderr.contains("is not a folder"), "{}", run.stderr);
    let folder = Folder::shop();
    folder.write("out/prod/shop/web/virtual-service.yaml/x", "a folder");
    let run = folder.meshc(&["render", "--out", "out"]).ended(1);
    assert!(run.stderr.contains("is a folder, and a file must go there"), "{}", run.stderr);
    assert!(!folder.path("out/staging").exists());
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_leaves_nothing_behind() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::shop();
    std::fs::create_dir_all(folder.path("out/prod")).unwrap();
    std::fs::set_permissions(folder.path("out/prod"), std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(folder.path("out/prod/probe"), "").is_ok() {
        return; // The superuser writes everywhere.
    }
    folder.meshc(&["render", "--out", "out"]).ended(3);
    assert!(!folder.path("out/staging").exists());
}

#[test]
fn an_output_folder_that_is_a_file_is_a_failure_to_write() {
    let folder = Folder::shop();
    folder.write("out", "a file");
    let run = folder.meshc(&["render", "--out", "out"]).ended(3);
    assert!(run.stderr.contains("not a directory"), "{}", run.stderr);
    assert_eq!(folder.read("out"), "a file");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let folder = Folder::shop();
    let many: String = (0..2_000).map(|i| format!("service s{i} {{ port 8080 http; allow none }}\n")).collect();
    folder.write("many.mesh", many);
    let mut child =
        folder.command(&["render", "--env", "prod"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // More than a pipe holds, of which one byte is read.
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let folder = Folder::shop();
    let mut command = folder.command(&["render", "--env", "prod"]);
    command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap()).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no space left on device"));
}

const RELEASE: &str = "
service catalogue {
  port    3550 grpc
  allow   web
  version v1 -> v2
  canary {
    stage 5%   for 2m
    stage 100% for 1h
    abort when error-rate > 1%
    require 200 requests
    on no-data hold
  }
}
";

#[test]
fn a_release_is_rendered_from_its_state() {
    let folder = Folder::shop();
    folder.write("shop.mesh", format!("{SHOP}{RELEASE}"));
    let run = folder.meshc(&["render", "--out", "out"]).ended(0);
    assert!(run.stdout.ends_with("  catalogue: v1 100 % (no recorded state)\n"), "{}", run.stdout);

    folder.write("deploy/state/prod/shop/catalogue.json", r#"{"schema":1,"stable":"v1","canary":"v2","weight":5}"#);
    let run = folder.meshc(&["render", "--state", "deploy", "--out", "out"]).ended(0);
    assert!(
        run.stdout
            .ends_with("  catalogue in staging: v1 100 % (no recorded state)\n  catalogue in prod: v1 95 %, v2 5 %\n"),
        "{}",
        run.stdout
    );
    assert!(folder.read("out/prod/shop/catalogue/virtual-service.yaml").contains("weight: 5"));

    folder.write("deploy/state/prod/shop/catalogue.hold", "");
    let run = folder.meshc(&["render", "--env", "prod", "--state", "deploy", "--out", "out"]).ended(0);
    assert!(run.stdout.contains("held"), "{}", run.stdout);
    assert!(!folder.read("out/prod/shop/catalogue/virtual-service.yaml").contains("weight: 5"));
}

#[test]
fn a_state_that_cannot_be_used_is_an_error_of_its_environment() {
    let folder = Folder::shop();
    folder.write("shop.mesh", format!("{SHOP}{RELEASE}"));
    folder.write("deploy/state/prod/shop/catalogue.json", "{");
    let run = folder.meshc(&["check", "--state", "deploy"]).ended(1);
    assert!(run.stderr.contains("error[invalid-state]") && run.stderr.contains("only in: prod"), "{}", run.stderr);
    let run = folder.meshc(&["check", "--state", "missing"]).ended(3);
    assert_eq!(run.stderr, "error: cannot read `missing`: no such file or directory\n");
}

#[test]
fn environments_of_one_folder_are_not_written_over_each_other() {
    let folder = Folder::shop();
    folder.edit("environments/all.mesh", "after  staging", "after  staging\n  deploy { folder staging }");
    let run = folder.meshc(&["render", "--out", "out"]).ended(1);
    assert!(run.stderr.contains("both go to the folder `staging`"), "{}", run.stderr);
    assert!(!folder.path("out").exists());
}

#[test]
fn the_folder_is_relative_to_the_chosen_one_as_git_and_make_have_it() {
    let folder = Folder::new(&[
        ("projects/shop/shop.mesh", SHOP),
        ("projects/shop/prod.mesh", "environment prod { target istio 1.31 }\n"),
    ]);
    let run = folder.meshc(&["-C", "projects/shop", "render", "--out", "out"]).ended(0);
    assert!(run.stdout.starts_with("shop in projects/shop/out\n"), "{}", run.stdout);
    assert!(folder.read("projects/shop/out/prod/kustomization.yaml").contains("shop"));
    let run = folder.meshc(&["-C", "projects/shop", "render", "--out", "../../out"]).ended(0);
    assert!(run.stdout.starts_with("shop in out\n"), "{}", run.stdout);
    assert!(folder.read("out/prod/kustomization.yaml").contains("shop"));
}
