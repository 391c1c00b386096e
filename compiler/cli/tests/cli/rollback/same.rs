//! The script and `meshc rollback` are one operation: with one identity and one time they give one commit.

use std::process::Command;
use std::time::Duration;

use meshc_tests::servers::process::run;

use super::shop::Shop;

const LIMIT: Duration = Duration::from_secs(60);

const REASONS: [&str; 5] = [
    "",
    "errors after the release",
    "it's `bad` $(touch PWNED) $$(touch PWNED) \"quoted\" \\ $(shell touch PWNED) ${HOME} #!;&|<>*?~ %",
    "two\nlines\tand a tab\r",
    "  ünïcödé – 遅い  ",
];

/// At a fixed time.
fn fixed(command: &mut Command) {
    command.env("GIT_AUTHOR_DATE", "1767582000 -0330").env("GIT_COMMITTER_DATE", "1767582060 +0200");
}

#[test]
fn script_and_program_make_the_same_commit() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let tip = shop.server.tip("main").unwrap();
    let clone = shop.clone();
    let reset = || shop.server.git().ok(shop.server.path(), &["update-ref", "refs/heads/main", &tip]);
    for reason in REASONS {
        let mut command = shop.meshc_in(shop.project(), &["rollback", "web", "--reason", reason]);
        fixed(&mut command);
        run(&mut command, LIMIT).ended(0);
        let expected = shop.server.tip("main").unwrap();
        let hold = shop.server.text("main", "state/prod/shop/web.hold");
        assert!(hold.contains("\nat: 1767582060 +0200\n"), "{hold}");
        assert_eq!(hold.lines().count(), 3, "{hold}");
        let said = format!("REASON={reason}");
        for shell in [&["dash"][..], &["busybox", "sh"], &["bash", "--posix"], &["make"]] {
            let (program, options) = shell.split_first().unwrap();
            // Not every machine has every shell.
            if Command::new(program).arg("--help").output().is_err() {
                continue;
            }
            reset();
            let words = ["rollback", "SERVICE=shop/web", &said];
            let script = if *program == "make" { &[][..] } else { &["rollback.sh"] };
            let mut command = shop.command(program, clone.path(), &[options, script, &words].concat());
            fixed(&mut command);
            run(&mut command, LIMIT).ended(0);
            assert_eq!(shop.server.text("main", "state/prod/shop/web.hold"), hold, "{shell:?}");
            assert_eq!(shop.server.tip("main").as_deref(), Some(expected.as_str()), "{shell:?}");
        }
        reset();
    }
    assert!(!clone.path().join("PWNED").exists() && !shop.project().join("PWNED").exists());
}

#[test]
fn resuming_is_the_same_too() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    shop.meshc(&["rollback", "web"]).ended(0);
    let tip = shop.server.tip("main").unwrap();
    let clone = shop.clone();
    let mut command = shop.meshc_in(shop.project(), &["resume", "--reason", "fixed"]);
    fixed(&mut command);
    run(&mut command, LIMIT).ended(0);
    let expected = shop.server.tip("main");
    assert_ne!(expected.as_ref(), Some(&tip));
    shop.server.git().ok(shop.server.path(), &["update-ref", "refs/heads/main", &tip]);
    let mut command = shop.command("make", clone.path(), &["resume", "REASON=fixed"]);
    fixed(&mut command);
    run(&mut command, LIMIT).ended(0);
    assert_eq!(shop.server.tip("main"), expected);
}

/// Weights, and what is typed for `meshc rollback` and for `make rollback`.
struct Case {
    web: u32,
    api: u32,
    args: &'static [&'static str],
    words: &'static [&'static str],
    /// The code of `meshc`.
    code: i32,
}

#[test]
fn both_mean_the_same_release() {
    let shop = Shop::published();
    let cases = [
        Case { web: 0, api: 0, args: &[], words: &[], code: 2 },
        Case { web: 5, api: 0, args: &[], words: &[], code: 0 },
        Case { web: 5, api: 20, args: &[], words: &[], code: 2 },
        Case { web: 5, api: 20, args: &["--all"], words: &["ALL=1"], code: 0 },
        Case { web: 5, api: 20, args: &["api"], words: &["SERVICE=api"], code: 0 },
        Case { web: 0, api: 0, args: &["other/api"], words: &["SERVICE=other/api"], code: 1 },
    ];
    let clone = shop.clone();
    let start = shop.server.tip("main").unwrap();
    for Case { web, api, args, words, code } in cases {
        shop.server.git().ok(shop.server.path(), &["update-ref", "refs/heads/main", &start]);
        for (service, weight) in [("web", web), ("api", api)] {
            if weight > 0 {
                shop.promoted(service, weight);
            }
        }
        let tip = shop.server.tip("main").unwrap();
        let mut command = shop.meshc_in(shop.project(), &[&["rollback"], args].concat());
        fixed(&mut command);
        run(&mut command, LIMIT).ended(code);
        let expected = shop.server.tip("main");
        shop.server.git().ok(shop.server.path(), &["update-ref", "refs/heads/main", &tip]);
        let mut command = shop.command("make", clone.path(), &[&["rollback"], words].concat());
        fixed(&mut command);
        run(&mut command, LIMIT).ended(if code == 0 { 0 } else { 2 });
        assert_eq!(shop.server.tip("main"), expected, "{args:?}");
    }
}

#[test]
fn both_sign_where_git_is_told_to() {
    let shop = Shop::published();
    shop.promoted("web", 5);
    let git = shop.server.git();
    let key = git.home().join("key");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
    let Ok(made) = keygen.output() else { return };
    assert!(made.status.success());
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    std::fs::write(git.home().join("allowed"), format!("ada@shop.example {public}")).unwrap();
    git.configure("gpg.format", "ssh");
    git.configure("user.signingkey", key.to_str().unwrap());
    git.configure("gpg.ssh.allowedSignersFile", git.home().join("allowed").to_str().unwrap());
    git.configure("commit.gpgsign", "true");
    let clone = shop.clone();
    shop.meshc(&["rollback"]).ended(0);
    git.ok(shop.server.path(), &["verify-commit", "main"]);
    clone.make(&["resume"]).ended(0);
    git.ok(shop.server.path(), &["verify-commit", "main"]);
}
