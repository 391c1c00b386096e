use super::super::repository::{Repository, Transport};

#[test]
fn urls_are_read_as_git_reads_them() {
    let read = |url: &str| {
        let repository = Repository::parse(url);
        (repository.transport, repository.host)
    };
    for url in ["git@github.com:a/b.git", "ssh://git@github.com/a/b", "ssh://git@GitHub.com:22/a/b.git"] {
        assert_eq!(read(url), (Transport::Ssh, "github.com".to_owned()), "{url}");
    }
    assert_eq!(read("https://user:pw@git.example.com:8443/a/b"), (Transport::Http, "git.example.com".to_owned()));
    for url in ["/srv/git/a.git", "../deploy.git", "file:///srv/a.git", "./a:b", ".meshc/deploy.git"] {
        assert_eq!(read(url), (Transport::Local, String::new()), "{url}");
    }
}

#[test]
fn credentials_are_stored_for_an_origin() {
    let of = |url: &str| Repository::parse(url).origin;
    assert_eq!(of("https://me@git.example.com:8443/a/b.git"), "https://git.example.com:8443");
    assert_eq!(of("http://git.example.com/a"), "http://git.example.com");
    assert_eq!(of("git@git.example.com:a"), "");
}

#[test]
fn one_repository_has_several_urls() {
    let same = |one: &str, other: &str| Repository::parse(one).is_same(&Repository::parse(other));
    assert!(same("git@github.com:a/b.git", "https://github.com/a/b"));
    assert!(same("ssh://git@github.com/a/b/", "https://x@github.com/a/b.git"));
    assert!(!same("git@github.com:a/b.git", "git@github.com:a/c.git"));
    assert!(!same("/a/b", "https://github.com/a/b"));
}

#[test]
fn flux_gets_a_url_with_a_scheme() {
    let of = |url: &str| Repository::parse(url).for_flux();
    assert_eq!(of("git@git.example.com:shop/deploy.git"), "ssh://git@git.example.com/shop/deploy.git");
    assert_eq!(of("https://git.example.com/a.git"), "https://git.example.com/a.git");
    assert_eq!(of("ssh://git@h:22/a"), "ssh://git@h:22/a");
}
