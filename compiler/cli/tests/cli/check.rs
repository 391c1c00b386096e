use crate::folder::{Folder, SHOP};

#[test]
fn a_mesh_that_is_in_order_says_so_in_one_line() {
    let run = Folder::shop().meshc(&["check"]).ended(0);
    assert_eq!(run.stdout, "shop is fine: 2 services, 2 environments (staging, prod)\n");
    assert_eq!(run.stderr, "");
}

#[test]
fn quiet_says_nothing_where_all_is_well() {
    let run = Folder::shop().meshc(&["check", "--quiet"]).ended(0);
    assert_eq!((run.stdout, run.stderr), (String::new(), String::new()));
}

#[test]
fn an_error_shows_the_line_and_the_way_out() {
    let folder = Folder::shop();
    folder.edit("shop.mesh", "allow web", "allow wbe");
    let run = folder.meshc(&["check"]).ended(1);
    assert_eq!(run.stdout, "");
    assert_eq!(
        run.stderr,
        "\
error[unknown-caller]: no service or caller is named `wbe`
  --> shop.mesh:15:9
   |
15 |   allow wbe
   |         ^^^
   |
help: did you mean `web`?
   |
15 -   allow wbe
15 +   allow web
   |

1 error in shop (staging, prod); `meshc explain unknown-caller` tells more
"
    );
}

#[test]
fn a_conflict_shows_both_ends_and_where_it_holds() {
    let folder = Folder::shop();
    folder.edit("environments/all.mesh", "timeout 9s", "no retry");
    folder.write("twice.mesh", "service web { port 81 http; allow none }\n");
    let run = folder.meshc(&["check"]).ended(1);
    assert_eq!(
        run.stderr,
        "\
error[removes-nothing]: `no retry` removes nothing
 --> environments/all.mesh:4:17
  |
4 |   service web { no retry }
  |                 ^^^^^^^^ no lower layer states it here
  |
  = only in: prod
help: remove the line
  |
4 -   service web { no retry }
4 +   service web {  }
  |

error[duplicate-declaration]: the service `shop/web` is declared twice
 --> twice.mesh:1:9
  |
1 | service web { port 81 http; allow none }
  |         ^^^
  |
 ::: shop.mesh:7:9
  |
7 | service web {
  |         --- first declared here
  |
  = help: keep one of the two; an environment changes a service in its own block

2 errors in shop (staging, prod); `meshc explain removes-nothing` tells more
"
    );
}

#[test]
fn paths_are_those_of_the_person_who_stands_elsewhere() {
    let folder =
        Folder::new(&[("projects/shop/shop.mesh", SHOP), ("projects/facts/prod.mesh", "environment prod {}\n")]);
    folder.edit("projects/shop/shop.mesh", "mesh shop {", "use \"../facts/prod.mesh\"\nmesh shop {\n  root \"..\"");
    let run = folder.meshc(&["-C", "projects/shop", "check"]).ended(1);
    assert!(run.stderr.contains("--> projects/facts/prod.mesh:1:13"), "{}", run.stderr);
    // The option stands on either side of the command.
    assert_eq!(folder.meshc(&["check", "-C", "projects/shop"]).ended(1).stderr, run.stderr);
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    let folder = Folder::shop();
    folder.edit("shop.mesh", "allow web", "allow wbe");
    let plain = folder.meshc(&["check"]).ended(1).stderr;
    let coloured = folder.meshc(&["check", "--color", "always"]).ended(1).stderr;
    assert!(coloured.contains("\x1b["));
    assert!(!plain.contains('\x1b'));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}

#[test]
fn warnings_pass_unless_they_are_denied() {
    let folder = Folder::shop();
    folder.edit("shop.mesh", "timeout 5s", "timeout 5s\n  retry 2 { per-try 4s; on connect-failure }");
    let run = folder.meshc(&["check"]).ended(0);
    assert_eq!(run.stdout, "shop has no errors: 2 services, 2 environments (staging, prod)\n");
    assert!(run.stderr.starts_with("warning[retries-exceed-timeout]"), "{}", run.stderr);
    let run = folder.meshc(&["check", "--deny-warnings"]).ended(1);
    assert!(run.stderr.ends_with("denied by `--deny-warnings`\n"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn an_environment_that_nobody_declared_is_a_wrong_use() {
    let folder = Folder::shop();
    let run = folder.meshc(&["check", "--env", "prdo"]).ended(2);
    assert_eq!(run.stderr, "error: there is no environment `prdo`; did you mean `prod`?\n");
    folder.meshc(&["check", "--env", "prod"]).ended(0);
    // Where declarations cannot be read, the name may be right.
    folder.edit("environments/all.mesh", "environment staging {", "environment stagin g {");
    let run = folder.meshc(&["check", "--env", "staging"]).ended(1);
    assert!(run.stderr.contains("error[malformed-declaration]"), "{}", run.stderr);
}

#[test]
fn only_the_environments_asked_for_are_looked_at() {
    let folder = Folder::shop();
    folder.edit("environments/all.mesh", "timeout 9s", "no retry");
    let run = folder.meshc(&["check", "--env", "staging"]).ended(0);
    assert_eq!(run.stdout, "shop is fine: 2 services, 1 environment (staging)\n");
    folder.meshc(&["check", "--env", "prod", "--env", "staging"]).ended(1);
}

#[test]
fn wrong_options_are_a_wrong_use() {
    let folder = Folder::shop();
    for args in
        [&["check", "--frobnicate"][..], &["frobnicate"], &["check", "--format", "xml"], &["render", "extra"], &[]]
    {
        let run = folder.meshc(args).ended(2);
        assert!(run.stderr.contains("Usage: meshc") || run.stderr.contains("possible values"), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
    for args in [&["--help"][..], &["--version"], &["render", "--help"]] {
        assert!(folder.meshc(args).ended(0).stdout.contains("meshc"));
    }
}

#[test]
fn a_folder_without_a_project_is_an_error_of_the_project() {
    let folder = Folder::new(&[("README.md", "")]);
    let run = folder.meshc(&["check"]).ended(1);
    assert!(run.stderr.starts_with("error[no-mesh]"), "{}", run.stderr);
    let run = folder.meshc(&["-C", "missing", "check"]).ended(3);
    assert_eq!(run.stderr, "error: cannot read `missing`: no such file or directory\n");
    folder.meshc(&["-C", "README.md", "check"]).ended(3);
}

#[cfg(unix)]
#[test]
fn a_link_does_not_lead_out_of_the_project() {
    let folder = Folder::new(&[("secret.yaml", "kind: Secret"), ("project/shop.mesh", SHOP)]);
    folder.edit(
        "project/shop.mesh",
        "mesh shop {",
        "environment e { target istio 1.31 }\nmesh shop {\n  inventory \"x.yaml\"",
    );
    std::os::unix::fs::symlink("../secret.yaml", folder.path("project/x.yaml")).unwrap();
    let run = folder.meshc(&["-C", "project", "check"]).ended(1);
    assert!(run.stderr.starts_with("error[path-outside-project]"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn a_file_that_the_system_refuses_is_a_code_of_its_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::shop();
    std::fs::set_permissions(folder.path("shop.mesh"), std::fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads everything.
    if std::fs::read(folder.path("shop.mesh")).is_err() {
        let run = folder.meshc(&["check"]).ended(3);
        assert!(run.stderr.contains("permission denied"), "{}", run.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_leads_nowhere_is_no_fault_of_the_project() {
    let folder = Folder::shop();
    folder.edit("shop.mesh", "mesh shop {", "mesh shop {\n  inventory \"circle.yaml\"");
    std::os::unix::fs::symlink("circle.yaml", folder.path("circle.yaml")).unwrap();
    let run = folder.meshc(&["check"]).ended(3);
    assert!(run.stderr.contains("`circle.yaml` cannot be read: too many levels of symbolic links"), "{}", run.stderr);
}
