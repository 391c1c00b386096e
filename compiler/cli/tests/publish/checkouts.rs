//! Whatever state a checkout is in: it publishes, and is left exactly as it was.

use meshc_tests::servers::checkouts::{Checkout, State};
use meshc_tests::servers::fingerprint::Fingerprint;
use meshc_tests::servers::process;
use meshc_tests::servers::remote::Remote;

use crate::team::{LIMIT, differences, mesh, meshc, publish, published, render};

/// All states that the installed `git` can make.
fn checkouts() -> impl Iterator<Item = (State, Checkout)> {
    let text = mesh("shop", 5);
    State::ALL.into_iter().filter_map(move |state| Some((state, Checkout::of(state, &[("shop.mesh", &text)])?)))
}

/// Sources that no commit has need a word.
fn allowed(state: State) -> &'static [&'static str] {
    if [State::Unborn, State::OutsideGit].contains(&state) { &["--allow-dirty"] } else { &[] }
}

#[test]
fn every_checkout_publishes_and_is_left_as_it_was() {
    for (state, checkout) in checkouts() {
        let (project, deploy) = (checkout.project(), Remote::new());
        let before = Fingerprint::of(project);
        let run = publish(checkout.git(), project, deploy.url(), &[]);
        let refused = !allowed(state).is_empty();
        assert_eq!(run.code, Some(i32::from(refused)), "{state:?}: {run:?}");
        before.assert_still(project);
        if refused {
            assert!(run.stderr.contains("--allow-dirty") && deploy.tip("main").is_none(), "{state:?}: {run:?}");
            publish(checkout.git(), project, deploy.url(), allowed(state)).ended(0);
            before.assert_still(project);
        }
        assert_eq!(differences(&published(&deploy, "shop"), &render(checkout.git(), project)), "", "{state:?}");
        before.assert_still(project);
    }
}

#[test]
fn every_checkout_publishes_to_its_embedded_repository_and_is_left_as_it_was() {
    for (state, checkout) in checkouts() {
        let project = checkout.project();
        let before = Fingerprint::of(project);
        let args = ["publish", "--until-done", "--settle", "0s"];
        let run = process::run(&mut meshc(checkout.git(), project, &args), LIMIT);
        assert_eq!(run.code, Some(0), "{state:?}: {run:?}");
        before.assert_still(project);
        let embedded = Remote::at(&project.join(".meshc/deploy.git"));
        assert_eq!(differences(&published(&embedded, "shop"), &render(checkout.git(), project)), "", "{state:?}");
    }
}

#[test]
fn every_checkout_knows_how_it_stands_to_what_is_published() {
    for (state, checkout) in checkouts() {
        if !allowed(state).is_empty() {
            continue;
        }
        let (git, origin, deploy) = (checkout.git(), checkout.origin(), Remote::new());
        // The commit before is published, by somebody who asks nobody for newer ones.
        let earlier = origin.clone_from(origin.url());
        git.ok(earlier.path(), &["reset", "--quiet", "--hard", "HEAD~1"]);
        git.ok(earlier.path(), &["remote", "remove", "origin"]);
        let prefix = git.ok(checkout.project(), &["rev-parse", "--show-prefix"]);
        publish(git, &earlier.path().join(prefix), deploy.url(), &[]).ended(0);
        let before = Fingerprint::of(checkout.project());
        let run = publish(git, checkout.project(), deploy.url(), &[]);
        assert_eq!(run.code, Some(0), "{state:?}: {run:?}");
        assert!(run.stdout.contains("nothing to change"), "{state:?}: {run:?}");
        before.assert_still(checkout.project());
    }
}

#[test]
fn sources_on_the_branch_that_is_published_to_are_those_of_its_tip() {
    let shared = Remote::new();
    let text = |timeout| {
        let deploy = format!("deploy {{ repository \"{}\"; folder live }}", shared.url());
        mesh("shop", timeout).replace("deploy { folder shop }", &deploy)
    };
    shared.commit("main", "Begin", &[("platform/shop.mesh", &text(5)), ("README.md", "ours\n")]);
    let checkout = shared.clone_from(shared.url());
    let project = checkout.path().join("platform");
    let before = Fingerprint::of(&project);
    let args = ["publish", "--until-done", "--settle", "0s"];
    let again = || process::run(&mut meshc(shared.git(), &project, &args), LIMIT).ended(0);
    again();
    let commits = shared.log("main").len();
    assert!(commits > 1 && shared.tree("main").contains_key("live/shop/web/virtual-service.yaml"));
    again();
    assert_eq!(shared.log("main").len(), commits, "our own commits are no new sources");
    // Somebody else's commit is what counts, and not what was checked out before it.
    shared.commit("main", "Be patient", &[("platform/shop.mesh", &text(9))]);
    again();
    assert!(shared.text("main", "live/shop/web/virtual-service.yaml").contains("9s"));
    assert_eq!(shared.log("main").len(), commits + 2);
    assert_eq!(shared.text("main", "README.md"), "ours\n");
    before.assert_still(&project);
    assert!(shared.is_linear("main"));
    shared.fsck();
}

#[test]
fn edited_sources_are_refused_and_left_as_they_were() {
    let text = mesh("shop", 5);
    for state in [State::Clean, State::Staged, State::MidRebase, State::SplitIndex, State::Blobless] {
        for stage in [false, true] {
            let checkout = Checkout::of(state, &[("shop.mesh", &text)]).unwrap();
            let (project, deploy) = (checkout.project(), Remote::new());
            std::fs::write(project.join("shop.mesh"), mesh("shop", 6)).unwrap();
            if stage {
                checkout.git().ok(project, &["add", "shop.mesh"]);
            }
            let before = Fingerprint::of(project);
            let run = publish(checkout.git(), project, deploy.url(), &[]).ended(1);
            assert!(run.stderr.contains("`shop.mesh`"), "{state:?}: {run:?}");
            assert_eq!(deploy.tip("main"), None);
            before.assert_still(project);
        }
    }
}
