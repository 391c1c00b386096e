//! A connection that breaks after a push has arrived and before its answer has: the branch has moved, and the client
//! does not know.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::daemon::GitDaemon;
use super::loopback::Loopback;
use super::pkt_line::{self, Service};
use super::remote::Remote;

/// Stands in front of a [`GitDaemon`] and loses the answers to pushes, until it is dropped.
///
/// A push goes to the server whole. The server's answer is kept until the server has hung up, so that all it does is
/// done. If the branch then stands elsewhere than before, the client is cut off; otherwise it gets the answer.
#[derive(Debug)]
pub struct AckDropper {
    server: Loopback,
    lost: Arc<AtomicUsize>,
}

impl AckDropper {
    /// Loses the answers to the first `times` pushes that move this branch; later ones go through.
    pub fn start(daemon: &GitDaemon, remote: &Remote, branch: &str, times: usize) -> Self {
        let lost = Arc::new(AtomicUsize::new(0));
        let proxy = Proxy {
            daemon: daemon.address(),
            remote: remote.clone(),
            branch: branch.to_owned(),
            times,
            lost: Arc::clone(&lost),
        };
        // A connection that fails is cut, as any other connection that fails.
        let server = Loopback::start(move |client| drop(proxy.serve(client)));
        Self { server, lost }
    }

    /// The address of a repository, by its path below the daemon's folder.
    pub fn url(&self, repository: &str) -> String {
        format!("git://{}/{repository}", self.server.address())
    }

    /// How many answers were lost.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

struct Proxy {
    daemon: SocketAddr,
    remote: Remote,
    branch: String,
    times: usize,
    lost: Arc<AtomicUsize>,
}

impl Proxy {
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let service = Service::asked_for(&client)?;
        let before = self.remote.tip(&self.branch);
        let mut server = TcpStream::connect(self.daemon)?;
        let forward = {
            let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
            thread::spawn(move || {
                // A broken connection ends the push at the server's side too.
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            })
        };
        if service == Service::Fetch {
            io::copy(&mut server, &mut client)?;
        } else {
            client.write_all(&pkt_line::read_list(&mut server)?)?;
            let mut answer = Vec::new();
            server.read_to_end(&mut answer)?;
            if self.remote.tip(&self.branch) == before || !self.loses_one_more() {
                client.write_all(&answer)?;
            }
        }
        client.shutdown(Shutdown::Both)?;
        let _ = forward.join();
        Ok(())
    }

    fn loses_one_more(&self) -> bool {
        let below = |lost: usize| (lost < self.times).then_some(lost + 1);
        self.lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, below).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::hooks;
    use super::*;

    #[test]
    fn the_branch_has_moved_when_the_client_is_cut_off() {
        let remote = Remote::new();
        remote.commit("main", "first", &[("a.txt", "one\n")]);
        let daemon = GitDaemon::start(remote.root());
        let dropper = AckDropper::start(&daemon, &remote, "main", 1);
        let clone = remote.clone_from(&dropper.url("deploy.git"));
        for (number, code) in [(0, 128), (1, 0)] {
            std::fs::write(clone.path().join("a.txt"), format!("{number}\n")).unwrap();
            remote.git().ok(clone.path(), &["commit", "--quiet", "--all", "--message=next"]);
            let push = remote.git().run(clone.path(), &["push", "--porcelain", "origin", "HEAD:main"]).ended(code);
            assert_eq!(push.stderr.contains("unexpected"), code != 0, "{push:?}");
            assert_eq!(remote.text("main", "a.txt"), format!("{number}\n"));
            assert_eq!(dropper.lost(), 1);
        }
        // Nothing to push is no push that is lost.
        let dropper = AckDropper::start(&daemon, &remote, "main", 1);
        remote.git().ok(clone.path(), &["push", &dropper.url("deploy.git"), "HEAD:main"]);
        assert_eq!(dropper.lost(), 0);
    }

    #[test]
    fn a_refusal_is_no_answer_to_lose() {
        let remote = Remote::new();
        let daemon = GitDaemon::start(remote.root());
        let dropper = AckDropper::start(&daemon, &remote, "main", 1);
        remote.commit("main", "first", &[("a.txt", "one\n")]);
        let clone = remote.clone_from(&dropper.url("deploy.git"));
        hooks::reject(&remote, "no");
        remote.git().ok(clone.path(), &["commit", "--quiet", "--allow-empty", "--message=next"]);
        let push = remote.git().run(clone.path(), &["push", "origin", "HEAD:main"]).ended(1);
        assert!(push.stderr.contains("remote: no"), "{push:?}");
        assert_eq!(dropper.lost(), 0);
    }
}
