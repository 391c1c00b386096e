//! git on this machine: its version, whose name is on commits, whether they can be signed without anybody being asked.

use std::time::Duration;

use meshc_gitops::commit::Identity;
use meshc_gitops::program::Git;

use super::finding::Finding;

/// The oldest git that does what publishing needs: settings in the environment (git 2.31, Documentation/RelNotes).
const OLDEST: (u32, u32) = (2, 31);
/// How long a signature may take. Whatever takes longer waits for a person.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks. `settings` are those of the project's checkout.
pub(super) fn look(git: &Git, settings: &[(String, String)]) -> Vec<Finding> {
    let version = match git.ask(&["version"]) {
        Ok(version) => version.unwrap_or_default(),
        Err(error) => return vec![Finding::fails("git", error.to_string(), "install git, and put it on the PATH")],
    };
    let mut found = vec![judge_version(&version)];
    match Identity::of(git) {
        Ok(identity) => {
            found.push(judge_identity(&identity));
            found.push(signing(&identity, settings));
        }
        Err(error) => {
            found.push(Finding::fails("identity", error.to_string(), "`git var GIT_COMMITTER_IDENT` says more"))
        }
    }
    found
}

fn judge_version(said: &str) -> Finding {
    let number = said.split_whitespace().nth(2).unwrap_or_default();
    let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Finding::fine("git", format!("git {number}")),
        (Some(_), Some(_)) => {
            let text = format!("git {number} is older than {}.{}, which publishing needs", OLDEST.0, OLDEST.1);
            Finding::fails("git", text, "install a newer git")
        }
        _ => Finding::warns(
            "git",
            format!("`git version` says `{said}`"),
            "expected a version such as `git version 2.47.3`",
        ),
    }
}

fn judge_identity(identity: &Identity) -> Finding {
    if identity.anonymous {
        let text = "git knows nobody here: commits are made as `meshc`, and a rollback made with git alone is refused";
        let fix = "git config --global user.name NAME; git config --global user.email MAIL";
        return Finding::warns("identity", text, fix);
    }
    Finding::fine("identity", format!("commits are made as {}", identity.author()))
}

/// Signs a commit without content in a repository that is thrown away.
fn signing(identity: &Identity, settings: &[(String, String)]) -> Finding {
    if !identity.signs {
        return Finding::fine("signing", "commits are not signed (`commit.gpgsign` is not set)");
    }
    let fix = "let the key be used without a question: an agent that holds it, or a key of this machine; \
               `git commit --allow-empty -S` in any clone shows the same";
    match sign(identity, settings) {
        Ok(()) => Finding::fine("signing", "a commit can be signed without a question"),
        Err(why) => Finding::fails("signing", format!("a commit cannot be signed: {why}"), fix),
    }
}

fn sign(identity: &Identity, settings: &[(String, String)]) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder can be made: {error}"))?;
    // Without a terminal and a screen nothing can ask.
    let mut git = Git::new(folder.path(), PATIENCE).with_settings(settings);
    for name in ["GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS"] {
        git = git.with_variable(name, "");
    }
    if identity.anonymous {
        for (name, value) in [
            ("GIT_AUTHOR_NAME", "meshc"),
            ("GIT_AUTHOR_EMAIL", "meshc@localhost"),
            ("GIT_COMMITTER_NAME", "meshc"),
            ("GIT_COMMITTER_EMAIL", "meshc@localhost"),
        ] {
            git = git.with_variable(name, value);
        }
    }
    let run = |arguments: &[&str]| match git.run(arguments, b"") {
        Ok(finished) if finished.succeeded() => Ok(finished.text()),
        Ok(finished) => Err(finished.stderr.lines().map(str::trim).collect::<Vec<&str>>().join("; ")),
        Err(error) => Err(error.to_string()),
    };
    run(&["init", "--quiet", "--bare"])?;
    let tree = run(&["mktree"])?;
    run(&["commit-tree", "-S", &tree, "-m", "meshc doctor"]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn versions_are_numbers() {
        let verdict = |said: &str| judge_version(said).verdict;
        assert_eq!(verdict("git version 2.47.3"), Verdict::Fine);
        assert_eq!(verdict("git version 2.39.5 (Apple Git-154)"), Verdict::Fine);
        assert_eq!(verdict("git version 2.9.0"), Verdict::Fails);
        assert_eq!(verdict("git version 3.0.0-rc1"), Verdict::Fine);
        assert_eq!(verdict("hub"), Verdict::Warns);
    }
}
