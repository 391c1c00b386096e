//! Where a deploy repository is.

use std::path::Path;

/// A deploy repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The one in the project's own folder, which needs no server.
    Embedded,
    /// A URL, or an absolute path, as `git` takes it.
    Url(String),
}

impl Location {
    /// What a file or an option says: a URL as it is, a path relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Self {
        let scp = text.split_once(':').is_some_and(|(host, _)| !host.contains('/') && host.len() > 1);
        if text.contains("://") || scp || Path::new(text).is_absolute() {
            return Location::Url(text.to_owned());
        }
        let joined = folder.join(text);
        let path = joined.canonicalize().or_else(|_| std::path::absolute(&joined)).unwrap_or(joined);
        Location::Url(path.to_string_lossy().into_owned())
    }

    /// How machines are told: `embedded`, or the URL without its password.
    pub fn name(&self) -> String {
        match self {
            Location::Embedded => "embedded".to_owned(),
            Location::Url(url) => without_password(url),
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Location::Embedded => f.write_str("the embedded repository"),
            Location::Url(url) => write!(f, "`{}`", without_password(url)),
        }
    }
}

/// A URL as it may be printed.
pub fn without_password(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match authority.rsplit_once('@') {
                Some((user, host)) => {
                    format!("{scheme}://{}@{host}{path}", user.split(':').next().unwrap_or_default())
                }
                None => url.to_owned(),
            }
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_urls() {
        let here = Path::new("/project");
        for url in ["git@git.example.com:a/b.git", "https://git.example.com/a", "ssh://h/a", "/srv/a.git", "host:a"] {
            assert_eq!(Location::parse(url, here), Location::Url(url.to_owned()));
        }
        assert_eq!(Location::parse("../deploy.git", here), Location::Url("/project/../deploy.git".to_owned()));
    }

    #[test]
    fn passwords_are_not_printed() {
        assert_eq!(without_password("https://me:secret@h/a"), "https://me@h/a");
        assert_eq!(without_password("https://h/a@b:c"), "https://h/a@b:c");
        assert_eq!(without_password("git@h:a"), "git@h:a");
    }
}
