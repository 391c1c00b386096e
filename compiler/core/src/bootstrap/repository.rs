//! URLs of deploy repositories, as far as it matters who can reach them and how.

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `ssh://…`, or `git@host:path`.
    Ssh,
    /// `https://…` or `http://…`.
    Http,
    /// A path or `file://…`: on this machine only.
    Local,
}

/// A URL that git takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// As it is stated.
    pub url: String,
    /// How it is reached.
    pub transport: Transport,
    /// The host's name without user and port; empty for a local one.
    pub host: String,
    /// Scheme, host and port of a URL: what git stores credentials for. Empty in git's scp-like form.
    pub origin: String,
    /// The path on the host, without a leading `/` and without `.git`.
    path: String,
    /// The user of an ssh URL.
    user: String,
}

impl Repository {
    /// Reads a URL. Nothing is looked up.
    pub fn parse(url: &str) -> Self {
        let local = |path: &str| Self {
            url: url.to_owned(),
            transport: Transport::Local,
            host: String::new(),
            origin: String::new(),
            path: path.trim_end_matches('/').to_owned(),
            user: String::new(),
        };
        let (transport, authority, path) = match url.split_once("://") {
            Some((scheme, rest)) => {
                let transport = match scheme {
                    "ssh" | "git+ssh" | "ssh+git" => Transport::Ssh,
                    "http" | "https" | "git" => Transport::Http,
                    _ => return local(url),
                };
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                (transport, authority, path)
            }
            // git's scp-like form: a colon before the first slash (git 2.47, Documentation/urls.adoc).
            None => match url.split_once(':') {
                Some((authority, path)) if !authority.contains('/') && !authority.is_empty() => {
                    (Transport::Ssh, authority, path)
                }
                _ => return local(url),
            },
        };
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        let origin = scheme.map_or_else(String::new, |scheme| format!("{scheme}://{host}"));
        let host = host.split_once(':').map_or(host, |(host, _)| host);
        let path = path.trim_matches('/');
        Self {
            url: url.to_owned(),
            transport,
            host: host.to_ascii_lowercase(),
            origin,
            path: path.strip_suffix(".git").unwrap_or(path).to_owned(),
            user: user.to_owned(),
        }
    }

    /// The URL for Flux, which does not take the scp-like form (source-controller 1.9, docs/spec/v1/gitrepositories.md).
    pub fn for_flux(&self) -> String {
        if self.transport != Transport::Ssh || self.url.contains("://") {
            return self.url.clone();
        }
        let path = self.url.split_once(':').map_or("", |(_, path)| path);
        let user = if self.user.is_empty() { String::new() } else { format!("{}@", self.user) };
        format!("ssh://{user}{}/{}", self.host, path.trim_start_matches('/'))
    }

    /// Whether both name one repository, whatever the transport.
    pub fn is_same(&self, other: &Repository) -> bool {
        (self.transport == Transport::Local) == (other.transport == Transport::Local)
            && self.host == other.host
            && self.path == other.path
    }

    /// The program that serves the host, by its name: `github`, `gitlab`, or nothing.
    pub fn service(&self) -> Option<&'static str> {
        let mut labels = self.host.split('.');
        let first = labels.next().unwrap_or_default();
        ["github", "gitlab"].into_iter().find(|name| first == *name)
    }
}
