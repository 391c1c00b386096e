//! Clones in every state: they can be rolled back from, and are left as they were.

use std::path::Path;

use meshc_tests::servers::fingerprint::Fingerprint;

use super::shop::{Clone, Shop};

/// A name, options of `git clone`, and what is done to the clone.
type Case = (&'static str, &'static [&'static str], fn(&Clone<'_>));

const CASES: [Case; 9] = [
    ("clean", &[], |_| {}),
    ("shallow", &["--depth=1"], |_| {}),
    ("blobless", &["--filter=blob:none"], |_| {}),
    ("treeless", &["--filter=tree:0"], |_| {}),
    ("bare", &["--bare"], |_| {}),
    ("dirty", &[], |clone| write(clone.path(), "prod/shop/web/virtual-service.yaml")),
    ("staged", &[], |clone| {
        write(clone.path(), "prod/shop/web/virtual-service.yaml");
        write(clone.path(), "new.txt");
        clone.git(&["add", "--all"]);
    }),
    ("detached, on a commit of its own", &[], |clone| {
        clone.git(&["checkout", "--quiet", "--detach"]);
        clone.git(&["commit", "--quiet", "--allow-empty", "--message=mine"]);
    }),
    ("with the index locked and split", &[], |clone| {
        clone.git(&["update-index", "--split-index"]);
        std::fs::write(clone.path().join(".git/index.lock"), "").unwrap();
    }),
];

fn write(folder: &Path, file: &str) {
    std::fs::write(folder.join(file), "mine\n").unwrap();
}

#[test]
fn a_clone_in_any_state_is_rolled_back_from_and_left_as_it_was() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    for (name, options, prepare) in CASES {
        let clone = shop.clone_with(options);
        prepare(&clone);
        // The server moved since it was cloned.
        let tip = shop.server.commit("main", "somebody else's", &[("notes.txt", name)]);
        for with_meshc in [true, false] {
            let before = Fingerprint::of(clone.path());
            let run = if with_meshc {
                clone.meshc(&["rollback", "web"])
            } else {
                clone.script(&["sh"], &["rollback", "SERVICE=web"])
            };
            assert_eq!(run.code, Some(0), "{name}: {}\n{}", run.stdout, run.stderr);
            before.assert_still(clone.path());
            assert_eq!(shop.weights("main", "web"), [100, 0], "{name}");
            assert_eq!(shop.server.text("main", "notes.txt"), name);
            shop.server.git().ok(shop.server.path(), &["update-ref", "refs/heads/main", &tip]);
        }
    }
    shop.server.fsck();
}

#[test]
fn a_feature_branch_is_not_rolled_back() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let clone = shop.clone();
    clone.git(&["checkout", "--quiet", "-b", "feature"]);
    clone.git(&["push", "--quiet", "origin", "feature"]);
    let feature = shop.server.tip("feature");
    clone.meshc(&["rollback"]).ended(0);
    assert_eq!((shop.server.tip("feature"), shop.weights("main", "web")), (feature, vec![100, 0]));
}

#[test]
fn neither_a_project_nor_a_clone_is_said() {
    let shop = Shop::published();
    let folder = tempfile::tempdir().unwrap();
    let run = meshc_tests::servers::process::run(
        &mut shop.meshc_in(folder.path(), &["rollback"]),
        std::time::Duration::from_secs(20),
    );
    assert!(run.ended(1).stderr.contains("neither a project nor a clone of a deploy repository"));
}

#[test]
fn a_copy_that_was_just_made_is_deepened_to_what_may_still_be_live() {
    let shop = Shop::published();
    shop.edit("timeout 1s", "timeout 2s");
    shop.meshc(&["publish", "--allow-dirty"]).ended(0);
    std::fs::remove_dir_all(shop.project().join(".meshc")).unwrap();
    shop.edit("timeout 2s", "timeout 3s");
    let url = format!("file://{}", shop.server.url());
    // What was published a moment ago may still be live, so that this may have to wait; it is no error.
    shop.meshc(&["publish", "--allow-dirty", "--repository", &url]).ended(0);
    shop.meshc(&["publish", "--allow-dirty", "--repository", &url, "--settle", "0s", "--until-done"]).ended(0);
    assert!(shop.server.text("main", super::VIRTUAL_SERVICE).contains("timeout: 3s"));
}
