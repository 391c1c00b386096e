//! What lists the files of a commit.

use serde_json::json;

use super::{Texts, at, nothing, published, render_with, settled, shop, step, walk};
use crate::bundle::digest::digest;
use crate::bundle::lock::Lock;

const WEB: &str = "namespace front { service web { port 8080 http; version v1; allow anyone } }\n";
const API: &str = "namespace back { service api { port 8080 http; allow front/web } }\n";

/// Every state lists exactly its files, with their digests; an empty namespace is not listed above.
fn assert_listed(state: &Texts) {
    let folders: Vec<&str> = state.keys().filter_map(|path| path.strip_suffix("mesh.lock.json")).collect();
    for folder in &folders {
        let below = |path: &&String| path.starts_with(*folder) && !path.ends_with("mesh.lock.json");
        let mine = |path: &&String| {
            let rest = path.strip_prefix(*folder).unwrap_or_default();
            folders.iter().filter(|other| path.starts_with(**other)).all(|other| folder.starts_with(*other))
                && !rest.is_empty()
        };
        let files: Vec<&String> = state.keys().filter(below).filter(mine).collect();
        let lock = Lock::parse(&state[&format!("{folder}mesh.lock.json")]).expect("a lock");
        let listed: Vec<String> = lock.files.keys().map(|file| format!("{folder}{file}")).collect();
        assert_eq!(listed.iter().collect::<Vec<_>>(), files, "{folder}");
        for (file, listed) in &lock.files {
            assert_eq!(*listed, digest(state[&format!("{folder}{file}")].as_bytes()), "{folder}{file}");
        }
        let resources = at(state, &format!("{folder}kustomization.yaml"), "/resources");
        let resources: Vec<&str> =
            resources.as_array().expect("a list").iter().filter_map(|one| one.as_str()).collect();
        let mut expected: Vec<String> =
            files.iter().filter_map(|path| path.strip_prefix(*folder)).map(str::to_owned).collect();
        expected.retain(|file| file != "kustomization.yaml");
        for other in folders.iter().filter(|other| other.len() > folder.len() && other.starts_with(*folder)) {
            let kustomization = at(state, &format!("{other}kustomization.yaml"), "/resources");
            if kustomization != json!([]) {
                expected.push(other[folder.len()..].trim_end_matches('/').to_owned());
            }
        }
        expected.sort();
        assert_eq!(resources, expected, "{folder}");
    }
}

#[test]
fn every_state_lists_what_it_holds() {
    let before = shop(&format!("{WEB}{API}"));
    let after = shop(&WEB.replace("version v1", "version v2"));
    for state in walk(&Texts::new(), &before).iter().chain(&walk(&settled(&before), &after)) {
        assert_listed(state);
    }
}

#[test]
fn a_folder_of_a_namespace_that_is_gone_stays_empty_and_is_not_listed() {
    let after = shop("namespace front { service web { port 8080 http; version v1; allow none } }\n");
    let last = walk(&settled(&shop(&format!("{WEB}{API}"))), &after).pop().expect("a state");
    assert_eq!(at(&last, "prod/back/kustomization.yaml", "/resources"), json!([]));
    assert_eq!(at(&last, "prod/kustomization.yaml", "/resources"), json!(["front"]));
    assert_eq!(last.keys().filter(|path| path.starts_with("prod/back/")).count(), 2);
    assert_listed(&last);
    // Later commits keep it, and it comes back.
    let later = walk(&last, &shop(&WEB.replace("allow anyone", "allow none; timeout 1s"))).pop().expect("a state");
    assert_eq!(later["prod/back/mesh.lock.json"], last["prod/back/mesh.lock.json"]);
    let back = shop(&format!("{WEB}{API}"));
    assert_eq!(walk(&later, &back).pop().expect("a state"), back.files);
}

#[test]
fn an_uninstalled_environment_stays_as_empty_folders() {
    let states = walk(&settled(&shop(&format!("{WEB}{API}"))), &nothing());
    let last = states.last().expect("a state");
    let left: Vec<&str> = last.keys().map(String::as_str).collect();
    assert_eq!(
        left,
        [
            "prod/back/kustomization.yaml",
            "prod/back/mesh.lock.json",
            "prod/front/kustomization.yaml",
            "prod/front/mesh.lock.json",
            "prod/kustomization.yaml",
            "prod/mesh.lock.json",
        ]
    );
    assert_eq!(at(last, "prod/kustomization.yaml", "/resources"), json!([]));
    states.iter().for_each(assert_listed);
}

#[test]
fn nothing_stays_nothing() {
    assert_eq!(walk(&Texts::new(), &nothing()), [Texts::new()]);
}

#[test]
fn a_folder_whose_files_all_wait_is_there_and_empty() {
    let text = "namespace front { service web { port 8080 http; version v1; expose a.example.com on edge } }\n\
                gateway edge { pods edge istio=gateway; service-account edge/gateway; resource edge/public; listener 443 }\n";
    let states = walk(&Texts::new(), &shop(text));
    assert_eq!(at(&states[0], "prod/edge/kustomization.yaml", "/resources"), json!([]));
    assert_eq!(at(&states[0], "prod/kustomization.yaml", "/resources"), json!(["front"]));
    assert_eq!(states.len(), 2);
}

#[test]
fn a_file_that_stays_keeps_the_digest_of_its_lock() {
    let text = |version: &str| {
        format!(
            "{}service web {{ port 8080 http; {version}; allow anyone\n canary {{ stage 100% for 1h; abort when \
             error-rate > 1%; require 10 requests; on no-data hold }} }}\n",
            super::SHOP
        )
    };
    let state = r#"{"schema": 1, "stable": "v1", "canary": "v2", "weight": 5}"#;
    let running = render_with(&[("shop.mesh", &text("version v1 -> v2")), ("state/prod/shop/web.json", state)]);
    let tip = settled(&running);
    let desired = render_with(&[("shop.mesh", &text("version v3"))]);
    let first = published(&step(&[&tip], &desired), &desired);
    let (vs, lock) = ("prod/shop/web/virtual-service.yaml", "prod/shop/mesh.lock.json");
    assert_eq!(first[vs], tip[vs]);
    let digest_in =
        |texts: &Texts| Lock::parse(&texts[lock]).expect("a lock").files["web/virtual-service.yaml"].clone();
    assert_eq!(digest_in(&first), digest_in(&tip));
    assert_eq!(digest_in(&first), digest(running.held[vs].as_bytes()));
}
