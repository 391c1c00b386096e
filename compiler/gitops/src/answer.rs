//! What a server's answer means, as the user's `git` tells it.

use crate::error::Error;
use crate::location::without_password;
use crate::program::Finished;

/// Why a server could not be used: it knows the user or the repository and says no, which no second try changes, or it
/// could not be reached.
pub(crate) fn unreachable(url: &str, finished: &Finished) -> Error {
    let url = without_password(url);
    if finished.stderr.lines().any(is_denial) {
        return Error::Rejected { what: format!("access to `{url}`"), words: finished.stderr.clone() };
    }
    let said = finished.stderr.trim();
    let said = if said.is_empty() { "it did not say why" } else { said };
    Error::Unreachable(format!("`git` could not use `{url}`: {said}"))
}

/// Whether a line of `git` says that the server refused the user. HTTP's are from git 2.39 (http.c, remote-curl.c,
/// credential.c), whose messages `LC_ALL=C` keeps in English; the others are OpenSSH's and what GitHub and GitLab answer
/// to an ssh key without permission.
fn is_denial(line: &str) -> bool {
    ["returned error: 401", "returned error: 403", "Authentication failed for", "could not read Username for"]
        .iter()
        .chain(&["could not read Password for", "Permission denied (", "ERROR: Permission to", "not allowed to push"])
        .any(|words| line.contains(words))
}

/// What the server said: the lines that git marks as its own, or else all that git said.
pub(crate) fn words(finished: &Finished) -> String {
    let remote: Vec<&str> = finished
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let text = String::from_utf8_lossy(&finished.stdout);
    let reasons = text.lines().filter_map(|line| line.strip_prefix('!')?.rsplit('\t').next());
    let mut lines: Vec<&str> = remote;
    lines.extend(reasons);
    if lines.is_empty() { finished.stderr.clone() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_says_no_is_told_from_one_that_is_not_there() {
        let said = |stderr: &str| Finished { code: Some(128), stdout: Vec::new(), stderr: stderr.to_owned() };
        for denial in [
            "fatal: unable to access 'https://h/a/': The requested URL returned error: 403",
            "fatal: Authentication failed for 'https://h/a/'",
            "fatal: could not read Username for 'https://h': terminal prompts disabled",
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "ERROR: Permission to a/b.git denied to c.\nfatal: Could not read from remote repository.",
            "GitLab: You are not allowed to push code to this project.\nfatal: Could not read from remote repository.",
        ] {
            let error = unreachable("https://me:secret@h/a", &said(denial));
            assert!(matches!(&error, Error::Rejected { words, .. } if words == denial), "{error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        for other in ["", "fatal: unable to connect to h: Connection refused", "The requested URL returned error: 503"]
        {
            assert!(matches!(unreachable("https://h/a", &said(other)), Error::Unreachable(_)), "{other}");
        }
    }
}
