//! What is read, and what happens with files that nobody can read.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Mutex;

use super::{Texts, next, published, settled, shop, step};
use crate::published::{Tree, id_of};

const SERVICES: &str = "service web { port 8080 http; version v1; allow anyone }\n\
                        service api { port 8080 http; version v1; allow web }\n";

/// Paths that are read of a published tree.
fn read(tip: &Texts, desired: &crate::bundle::Bundle) -> BTreeSet<String> {
    let seen = Mutex::new(BTreeSet::new());
    let ids = tip.iter().map(|(path, text)| (path.clone(), id_of(text))).collect();
    let tree = Tree::new(ids, |path, _| {
        seen.lock().expect("one reader at a time").insert(path.to_owned());
        Ok(Cow::Borrowed(tip[path].as_str()))
    });
    next(&[tree], desired, &Tree::in_memory(&desired.files, id_of)).expect("texts in memory");
    seen.into_inner().expect("one reader at a time")
}

#[test]
fn nothing_is_read_where_nothing_changes() {
    let desired = shop(SERVICES);
    assert_eq!(read(&settled(&desired), &desired), BTreeSet::new());
}

#[test]
fn only_what_changes_is_read() {
    let tip = settled(&shop(SERVICES));
    let seen = read(&tip, &shop(&SERVICES.replacen("version v1", "version v2", 1)));
    let expected =
        ["prod/shop/mesh.lock.json", "prod/shop/web/destination-rule.yaml", "prod/shop/web/virtual-service.yaml"];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn a_published_file_that_is_torn_provides_nothing_and_is_replaced() {
    let desired = shop(&SERVICES.replacen("version v1", "version v2", 1));
    for (path, torn) in [
        ("prod/shop/web/destination-rule.yaml", "<<<<<<< HEAD\nspec: ["),
        ("prod/shop/web/virtual-service.yaml", "- a\n- b\n"),
        ("prod/shop/authorization-policy.yaml", ""),
        ("prod/shop/mesh.lock.json", "{"),
    ] {
        let mut tip = settled(&shop(SERVICES));
        tip.insert(path.to_owned(), torn.to_owned());
        let mut state = tip;
        for _ in 0..3 {
            state = published(&step(&[&state], &desired), &desired);
        }
        assert_eq!(state, desired.files, "{path}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let tip = settled(&shop(SERVICES));
    let ids = tip.iter().map(|(path, text)| (path.clone(), id_of(text))).collect();
    let tree = Tree::new(ids, |path, _| Err(format!("`{path}` is missing in the object database")));
    let desired = shop(&SERVICES.replacen("version v1", "version v2", 1));
    let error = next(&[tree], &desired, &Tree::in_memory(&desired.files, id_of)).expect_err("nothing can be read");
    assert!(error.contains("prod/shop/web/"), "{error}");
}
