//! `git http-backend` behind a small HTTP server, as forges speak to `git`.

mod backend;
mod message;

use std::io::{BufReader, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::message::{Request, Response};
use super::git::Git;
use super::loopback::Loopback;
use super::process::Groups;

/// What a server demands and does wrong.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// The name and the password that every request needs (Basic, RFC 7617); none: anybody reads and writes.
    pub password: Option<(String, String)>,
    /// Whether everybody is refused to write, as someone without permission is: 403.
    pub read_only: bool,
    /// The answers to so many pushes are lost: `git` has moved the branch, and the connection is cut.
    pub lost_answers: usize,
}

/// Serves the repositories below a folder over `http://`, until it is dropped.
#[derive(Debug)]
pub struct HttpBackend {
    server: Loopback,
    groups: Groups,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    unauthorized: AtomicUsize,
    compressed: AtomicUsize,
    chunked: AtomicUsize,
    lost: AtomicUsize,
}

impl HttpBackend {
    /// Serves a folder to anybody.
    pub fn start(folder: &Path) -> Self {
        Self::with(folder, Behaviour::default())
    }

    /// Serves a folder in a way of its own.
    pub fn with(folder: &Path, behaviour: Behaviour) -> Self {
        let (groups, counts) = (Groups::default(), Arc::new(Counts::default()));
        let backend = Backend {
            git: Git::new(),
            folder: folder.to_owned(),
            behaviour,
            groups: groups.clone(),
            counts: Arc::clone(&counts),
        };
        let server = Loopback::start(move |client| backend.serve(&client));
        Self { server, groups, counts }
    }

    /// The address of a repository, by its path below the folder.
    pub fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.server.address())
    }

    /// The same with a name and a password in it.
    pub fn url_for(&self, user: &str, password: &str, repository: &str) -> String {
        format!("http://{user}:{password}@{}/{repository}", self.server.address())
    }

    /// How many requests came without the password.
    pub fn unauthorized(&self) -> usize {
        self.counts.unauthorized.load(Ordering::SeqCst)
    }

    /// How many requests had a compressed body.
    pub fn compressed(&self) -> usize {
        self.counts.compressed.load(Ordering::SeqCst)
    }

    /// How many requests had a body in chunks.
    pub fn chunked(&self) -> usize {
        self.counts.chunked.load(Ordering::SeqCst)
    }

    /// How many answers were lost.
    pub fn lost(&self) -> usize {
        self.counts.lost.load(Ordering::SeqCst)
    }
}

impl Drop for HttpBackend {
    fn drop(&mut self) {
        self.groups.kill();
    }
}

struct Backend {
    git: Git,
    folder: std::path::PathBuf,
    behaviour: Behaviour,
    groups: Groups,
    counts: Arc<Counts>,
}

impl Backend {
    /// Answers the one request of a connection; a client that breaks off has no answer to get.
    fn serve(&self, client: &TcpStream) {
        let mut reader = BufReader::new(client);
        if let Ok(Some(request)) = Request::read(&mut reader, &mut &*client)
            && let Some(response) = self.respond(&request)
        {
            let _ = (&mut &*client).write_all(&response.bytes());
        }
        let _ = client.shutdown(Shutdown::Both);
    }

    /// The answer, unless it is to be lost.
    fn respond(&self, request: &Request) -> Option<Response> {
        self.count(request);
        let mut user = None;
        if let Some((name, password)) = &self.behaviour.password {
            let expected = base64(format!("{name}:{password}").as_bytes());
            // The name of the scheme may be in any case (RFC 9110, section 11.1).
            let given = request.header("authorization").and_then(|value| value.split_once(' '));
            if !given.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("basic") && token == expected) {
                self.counts.unauthorized.fetch_add(1, Ordering::SeqCst);
                return Some(Response::refused(401, "Unauthorized", &[("WWW-Authenticate", "Basic realm=\"git\"")]));
            }
            user = Some(name.as_str());
        }
        let pushes = request.target.ends_with("git-receive-pack");
        if pushes && self.behaviour.read_only {
            return Some(Response::refused(403, "Forbidden", &[]));
        }
        let response = self.run(request, user).unwrap_or_else(|error| Response {
            body: error.to_string().into_bytes(),
            ..Response::refused(500, "Internal Server Error", &[])
        });
        let below = |lost: usize| (lost < self.behaviour.lost_answers).then_some(lost + 1);
        let lost = pushes
            && request.method == "POST"
            && self.counts.lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, below).is_ok();
        (!lost).then_some(response)
    }

    fn count(&self, request: &Request) {
        if request.header("content-encoding").is_some() {
            self.counts.compressed.fetch_add(1, Ordering::SeqCst);
        }
        if request.header("transfer-encoding").is_some() {
            self.counts.chunked.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            text.push(if digit <= three.len() { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::remote::Remote;
    use super::*;

    fn commit(remote: &Remote, clone: &Path, bytes: &[u8]) {
        std::fs::write(clone.join("mine.bin"), bytes).unwrap();
        remote.git().ok(clone, &["add", "."]);
        remote.git().ok(clone, &["commit", "--quiet", "--message=mine"]);
    }

    fn with_password() -> Behaviour {
        Behaviour { password: Some(("ada".to_owned(), "s3cret".to_owned())), ..Behaviour::default() }
    }

    #[test]
    fn clients_read_and_write_over_it() {
        let remote = Remote::new();
        let server = HttpBackend::start(remote.root());
        remote.commit("main", "first", &[("a.txt", "one\n")]);
        let clone = remote.clone_from(&server.url("deploy.git"));
        commit(&remote, clone.path(), b"small\n");
        remote.git().ok(clone.path(), &["push", "--quiet", "origin", "HEAD:main"]);
        assert_eq!(remote.text("main", "mine.bin"), "small\n");
        assert_eq!((server.unauthorized(), server.chunked()), (0, 0));
    }

    #[test]
    fn bodies_come_in_chunks_and_compressed() {
        let remote = Remote::new();
        let server = HttpBackend::start(remote.root());
        // A request of more than a kilobyte is compressed (`remote-curl.c` of git 2.39): many ids that are wanted.
        for branch in ["main".to_owned()].into_iter().chain((0..30).map(|number| format!("b{number}"))) {
            remote.commit(&branch, &branch, &[("a.txt", "one\n")]);
        }
        let clone = remote.clone_from(&server.url("deploy.git"));
        assert!(server.compressed() > 0);
        // More than `http.postBuffer` of it goes in chunks.
        remote.git().ok(clone.path(), &["config", "http.postBuffer", "65536"]);
        let mut dice = crate::dice::Dice::new(1);
        let noise: Vec<u8> = (0..400_000).map(|_| dice.below(256) as u8).collect();
        commit(&remote, clone.path(), &noise);
        remote.git().ok(clone.path(), &["push", "--quiet", "origin", "HEAD:main"]);
        assert!(server.chunked() > 0);
        assert!(remote.files("main")["mine.bin"] == noise);
        remote.fsck();
    }

    #[test]
    fn who_has_no_password_gets_nothing() {
        let remote = Remote::new();
        remote.commit("main", "first", &[("a.txt", "one\n")]);
        let server = HttpBackend::with(remote.root(), with_password());
        let git = remote.git();
        let refused = git.run(git.home(), &["ls-remote", &server.url("deploy.git")]).ended(128);
        assert!(refused.stderr.contains("could not read Username"), "{refused:?}");
        let wrong = server.url_for("ada", "guess", "deploy.git");
        let refused = git.run(git.home(), &["ls-remote", &wrong]).ended(128);
        assert!(refused.stderr.contains("Authentication failed"), "{refused:?}");
        assert!(server.unauthorized() >= 2);
        let clone = remote.clone_from(&server.url_for("ada", "s3cret", "deploy.git"));
        commit(&remote, clone.path(), b"mine\n");
        git.ok(clone.path(), &["push", "--quiet", "origin", "HEAD:main"]);
        assert_eq!(remote.text("main", "mine.bin"), "mine\n");
    }

    #[test]
    fn a_reader_may_not_write() {
        let remote = Remote::new();
        let tip = remote.commit("main", "first", &[("a.txt", "one\n")]);
        let server = HttpBackend::with(remote.root(), Behaviour { read_only: true, ..Behaviour::default() });
        let clone = remote.clone_from(&server.url("deploy.git"));
        commit(&remote, clone.path(), b"mine\n");
        let refused = remote.git().run(clone.path(), &["push", "origin", "HEAD:main"]).ended(128);
        assert!(refused.stderr.contains("403"), "{refused:?}");
        assert_eq!(remote.tip("main"), Some(tip));
    }

    #[test]
    fn the_branch_has_moved_when_an_answer_is_lost() {
        let remote = Remote::new();
        remote.commit("main", "first", &[("a.txt", "one\n")]);
        let server = HttpBackend::with(remote.root(), Behaviour { lost_answers: 1, ..with_password() });
        let clone = remote.clone_from(&server.url_for("ada", "s3cret", "deploy.git"));
        for (text, code) in [("lost\n", 1), ("heard\n", 0)] {
            commit(&remote, clone.path(), text.as_bytes());
            let run = remote.git().run(clone.path(), &["push", "origin", "HEAD:main"]);
            assert_eq!(run.code == Some(0), code == 0, "{run:?}");
            assert_eq!(remote.text("main", "mine.bin"), text);
            assert_eq!(server.lost(), 1);
        }
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let encoded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }
}
