//! Hooks of a server: protected branches, races that only the server sees, and slowness.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::remote::Remote;

/// When a slow server is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slow {
    /// Before the branch moves.
    BeforeUpdate,
    /// After the branch has moved, and before the client hears of it.
    AfterUpdate,
}

/// Rejects every push with these lines, which the client gets on standard error with `remote: ` before them.
pub fn reject(remote: &Remote, message: &str) {
    let message = message.replace('\'', r"'\''");
    install(remote, "pre-receive", &format!("printf '%s\\n' '{message}' >&2\nexit 1\n"));
}

/// Moves the branch while a push is under way, `times` times: the client had the newest tip, and the server finds
/// another one when it updates. The branch gets a commit by somebody else with a file `moved/N`.
pub fn move_before_update(remote: &Remote, branch: &str, times: usize) {
    let left = remote.path().join("moves-left");
    std::fs::write(&left, times.to_string()).expect("the repository can be written to");
    // A hook runs in quarantine, where no reference may be updated. Somebody else is not: so the marks of it go
    // (`Documentation/git-receive-pack.txt` of git 2.39, "QUARANTINE ENVIRONMENT").
    let script = format!(
        r#"unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
left=$(cat '{left}')
[ "$left" -gt 0 ] || exit 0
echo $((left - 1)) > '{left}'
tip=$(git rev-parse --quiet --verify 'refs/heads/{branch}')
GIT_INDEX_FILE='{left}.index'
export GIT_INDEX_FILE
rm -f "$GIT_INDEX_FILE"
[ -z "$tip" ] || git read-tree "$tip"
blob=$(echo "$left" | git hash-object -w --stdin)
git update-index --add --cacheinfo "100644,$blob,moved/$left"
commit=$(git commit-tree $(git write-tree) ${{tip:+-p "$tip"}} -m 'moved by somebody else')
git update-ref 'refs/heads/{branch}' "$commit"
"#,
        left = left.display(),
    );
    install(remote, "pre-receive", &script);
}

/// Makes every push take this much longer.
pub fn slow(remote: &Remote, when: Slow, by: Duration) {
    let name = match when {
        Slow::BeforeUpdate => "pre-receive",
        Slow::AfterUpdate => "post-receive",
    };
    install(remote, name, &format!("sleep {}\n", by.as_secs_f64()));
}

/// Removes all hooks.
pub fn clear(remote: &Remote) {
    let folder = remote.path().join("hooks");
    if folder.exists() {
        std::fs::remove_dir_all(folder).expect("the repository can be written to");
    }
}

fn install(remote: &Remote, name: &str, script: &str) {
    let folder = remote.path().join("hooks");
    std::fs::create_dir_all(&folder).expect("the repository can be written to");
    let hook = folder.join(name);
    std::fs::write(&hook, format!("#!/bin/sh\n{script}")).expect("the repository can be written to");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("the hook is ours");
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tempfile::TempDir;

    use super::super::process::{Run, Running};
    use super::*;

    /// A clone with a commit that is not pushed.
    fn ahead(remote: &Remote) -> TempDir {
        let clone = remote.clone_from(remote.url());
        std::fs::write(clone.path().join("mine.txt"), "mine\n").unwrap();
        remote.git().ok(clone.path(), &["add", "."]);
        remote.git().ok(clone.path(), &["commit", "--quiet", "--message=mine"]);
        clone
    }

    fn push(remote: &Remote, clone: &TempDir) -> Run {
        remote.git().run(clone.path(), &["push", "--porcelain", "origin", "HEAD:main"])
    }

    #[test]
    fn a_rejection_has_its_words_and_moves_nothing() {
        let remote = Remote::new();
        let tip = remote.commit("main", "first", &[("a.txt", "one\n")]);
        let clone = ahead(&remote);
        reject(&remote, "error: GH006: Protected branch update failed for refs/heads/main.\nerror: It's protected.");
        let run = push(&remote, &clone).ended(1);
        assert!(run.stderr.contains("remote: error: GH006: Protected branch update failed"), "{run:?}");
        assert!(run.stderr.contains("remote: error: It's protected."), "{run:?}");
        assert!(run.stdout.contains("(pre-receive hook declined)"), "{run:?}");
        assert_eq!(remote.tip("main"), Some(tip));
        clear(&remote);
        push(&remote, &clone).ended(0);
    }

    #[test]
    fn the_server_finds_another_tip_as_often_as_asked_for() {
        for first in [true, false] {
            let remote = Remote::new();
            if first {
                remote.commit("main", "first", &[("a.txt", "one\n")]);
            }
            let clone = ahead(&remote);
            move_before_update(&remote, "main", 2);
            for moved in [2, 1] {
                let run = push(&remote, &clone).ended(1);
                assert!(run.stdout.contains("[remote rejected]"), "{run:?}");
                assert!(
                    run.stdout.contains("(failed to update ref)") || run.stdout.contains("reference already exists"),
                    "{run:?}"
                );
                assert_eq!(remote.text("main", &format!("moved/{moved}")), format!("{moved}\n"));
                remote.git().ok(clone.path(), &["pull", "--quiet", "--rebase", "origin", "main"]);
            }
            push(&remote, &clone).ended(0);
            assert_eq!(remote.text("main", "mine.txt"), "mine\n");
            assert!(remote.is_linear("main"));
            remote.fsck();
        }
    }

    #[test]
    fn slowness_is_before_or_after_the_update() {
        for when in [Slow::BeforeUpdate, Slow::AfterUpdate] {
            let remote = Remote::new();
            let tip = remote.commit("main", "first", &[("a.txt", "one\n")]);
            let clone = ahead(&remote);
            let by = Duration::from_millis(1500);
            slow(&remote, when, by);
            let started = Instant::now();
            let pushing = Running::start(&mut remote.git().command(clone.path(), &["push", "origin", "HEAD:main"]));
            while remote.tip("main").as_ref() == Some(&tip) {
                assert!(started.elapsed() < Duration::from_secs(30));
                std::thread::sleep(Duration::from_millis(5));
            }
            let moved = Instant::now();
            pushing.finish(Duration::from_secs(30)).ended(0);
            match when {
                Slow::BeforeUpdate => assert!(moved - started >= by),
                // Some of it was over before the move was seen.
                Slow::AfterUpdate => assert!(moved.elapsed() >= by / 3),
            }
        }
    }
}
