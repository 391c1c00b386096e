use crate::folder::{Folder, SHOP};

/// One statement is indented wrongly.
const UNTIDY: &str = "mesh shop {\n      namespace   shop\n}\n";
const TIDY: &str = "mesh shop {\n  namespace shop\n}\n";

#[test]
fn files_are_brought_to_their_form_and_then_left_alone() {
    let folder = Folder::new(&[("a.mesh", UNTIDY), ("below/b.mesh", TIDY), ("notes.md", UNTIDY)]);
    let run = folder.meshc(&["fmt"]).ended(0);
    assert_eq!(run.stdout, "formatted a.mesh\n");
    assert_eq!(folder.read("a.mesh"), TIDY);
    assert_eq!(folder.read("notes.md"), UNTIDY);
    let run = folder.meshc(&["fmt"]).ended(0);
    assert_eq!(run.stdout, "2 files are in canonical form\n");
}

#[test]
fn check_prints_a_patch_and_changes_nothing() {
    let folder = Folder::new(&[("a.mesh", UNTIDY)]);
    let run = folder.meshc(&["fmt", "--check"]).ended(1);
    assert_eq!(
        run.stdout,
        "\
--- a.mesh
+++ a.mesh
@@ -1,3 +1,3 @@
 mesh shop {
-      namespace   shop
+  namespace shop
 }
"
    );
    assert_eq!(run.stderr, "error: 1 file is not in canonical form; `meshc fmt` writes it\n");
    assert_eq!(folder.read("a.mesh"), UNTIDY);
    folder.write("a.mesh", TIDY);
    folder.meshc(&["fmt", "--check"]).ended(0);
}

#[test]
fn broken_files_are_reported_and_left_and_the_others_are_written() {
    let broken = "mesh shop {\n      namespace \"shop\n";
    let folder = Folder::new(&[("a.mesh", broken), ("b.mesh", UNTIDY)]);
    let run = folder.meshc(&["fmt"]).ended(1);
    assert!(run.stderr.starts_with("error[syntax]"), "{}", run.stderr);
    assert_eq!(folder.read("a.mesh"), broken);
    assert_eq!(folder.read("b.mesh"), TIDY);
}

#[test]
fn named_files_and_folders_are_meant_alone() {
    let folder = Folder::new(&[("a.mesh", UNTIDY), ("below/b.mesh", UNTIDY), ("c.mesh", UNTIDY)]);
    let run = folder.meshc(&["fmt", "below", "c.mesh"]).ended(0);
    assert_eq!(run.stdout, "formatted below/b.mesh\nformatted c.mesh\n");
    assert_eq!(folder.read("a.mesh"), UNTIDY);
    let run = folder.meshc(&["fmt", "missing.mesh"]).ended(3);
    assert_eq!(run.stderr, "error: cannot read `missing.mesh`: no such file or directory\n");
}

#[test]
fn the_standard_input_is_formatted_to_the_standard_output() {
    let folder = Folder::new(&[]);
    assert_eq!(folder.meshc_reading(&["fmt", "-"], UNTIDY).ended(0).stdout, TIDY);
    let run = folder.meshc_reading(&["fmt", "-"], "service {{{\n").ended(1);
    assert_eq!(run.stdout, "", "nothing to overwrite a buffer with");
    assert!(run.stderr.contains("--> <stdin>:1:"), "{}", run.stderr);
    folder.meshc(&["fmt", "-", "a.mesh"]).ended(2);
}

#[test]
fn line_ends_are_the_checkouts_affair() {
    let folder =
        Folder::new(&[("tidy.mesh", &TIDY.replace('\n', "\r\n")), ("untidy.mesh", &UNTIDY.replace('\n', "\r\n"))]);
    assert_eq!(folder.meshc(&["fmt"]).ended(0).stdout, "formatted untidy.mesh\n");
    assert_eq!(folder.read("untidy.mesh"), TIDY.replace('\n', "\r\n"));
    folder.meshc(&["fmt", "--check"]).ended(0);
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new(&[("real/a.mesh", UNTIDY)]);
    std::fs::set_permissions(folder.path("real/a.mesh"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real/a.mesh", folder.path("link.mesh")).unwrap();
    folder.meshc(&["fmt", "link.mesh"]).ended(0);
    assert_eq!(folder.read("real/a.mesh"), TIDY);
    assert!(folder.path("link.mesh").is_symlink());
    let mode = std::fs::metadata(folder.path("real/a.mesh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_folder_without_mesh_files_has_nothing_to_format() {
    let run = Folder::new(&[("README.md", SHOP)]).meshc(&["fmt"]).ended(1);
    assert_eq!(run.stderr, "error: there is no .mesh file in `.`\n");
}
