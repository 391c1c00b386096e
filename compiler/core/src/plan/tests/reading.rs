//! What is read, and how little of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{SHOP, render};
use crate::plan::{FileChange, compare, unified};
use crate::published::{Tree, id_of};

#[test]
fn only_what_differs_and_what_holds_with_it_is_read() {
    let (before, _) = render(SHOP);
    let (after, _) = render(&SHOP.replace("allow web to Get", "allow web"));
    let seen = Mutex::new(Vec::new());
    let read = &seen;
    let tree = |files: &BTreeMap<String, String>| {
        let texts = files.clone();
        let ids = files.iter().map(|(path, text)| (path.clone(), id_of(text))).collect();
        Tree::new(ids, move |path, _| {
            read.lock().unwrap().push(path.to_owned());
            Ok(Cow::Owned(texts[path].clone()))
        })
    };
    let mesh = after.mesh.as_ref().unwrap();
    compare(&tree(&before.bundle.files), &tree(&after.bundle.files), mesh, &after.bundle.causes).unwrap();
    let mut paths = seen.into_inner().unwrap();
    paths.sort();
    paths.dedup();
    let expected =
        ["authorization-policy.yaml", "cart/authorization-policy.yaml", "mesh.lock.json", "peer-authentication.yaml"];
    assert_eq!(paths, expected.map(|path| format!("prod/shop/{path}")));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_with_its_path() {
    let (after, _) = render(SHOP);
    let ids = BTreeMap::from([("prod/shop/web/virtual-service.yaml".to_owned(), [7; 20])]);
    let before = Tree::new(ids, |path, _| Err(format!("`{path}` is damaged")));
    let new = Tree::in_memory(&after.bundle.files, id_of);
    let error = compare(&before, &new, after.mesh.as_ref().unwrap(), &after.bundle.causes).unwrap_err();
    assert_eq!(error, "`prod/shop/web/virtual-service.yaml` is damaged");
}

#[test]
fn a_diff_is_the_one_that_git_prints() {
    let change = |before: Option<&str>, after: Option<&str>| FileChange {
        path: "prod/a.yaml".to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    };
    let both = unified(&change(Some("1\n2\n3\n4\n5\n6\n"), Some("1\n2\n3\n4\nfive\n6\n")));
    assert_eq!(both, "--- a/prod/a.yaml\n+++ b/prod/a.yaml\n@@ -2,5 +2,5 @@\n 2\n 3\n 4\n-5\n+five\n 6\n");
    assert_eq!(unified(&change(None, Some("1\n"))), "--- /dev/null\n+++ b/prod/a.yaml\n@@ -0,0 +1 @@\n+1\n");
    assert_eq!(unified(&change(Some("1\n"), None)), "--- a/prod/a.yaml\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n");
}
