//! `git daemon`, which anybody may read from and write to.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::git::Git;
use super::loopback::Loopback;
pub use super::pkt_line::Service;
use super::process::Groups;

/// Serves the repositories below a folder over `git://`, until it is dropped.
///
/// Each connection gets a `git daemon --inetd` of its own: so the port is never lost to somebody else between being
/// chosen and being listened on, and more clients than the 32 of a standing daemon are served at once.
#[derive(Debug)]
pub struct GitDaemon {
    server: Loopback,
    groups: Groups,
    fetches: Arc<AtomicUsize>,
    pushes: Arc<AtomicUsize>,
}

impl GitDaemon {
    /// Serves a folder.
    pub fn start(folder: &Path) -> Self {
        Self::before_requests(folder, |_, _| {})
    }

    /// Serves a folder, and does something before each client learns where the branches are: what it has read before
    /// may then be old. Requests of each service are counted from 0.
    pub fn before_requests(folder: &Path, act: impl Fn(Service, usize) + Send + Sync + 'static) -> Self {
        let git = Git::new();
        let groups = Groups::default();
        let (fetches, pushes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let base = format!("--base-path={}", folder.display());
        let server = Loopback::start({
            let (groups, fetches, pushes) = (groups.clone(), Arc::clone(&fetches), Arc::clone(&pushes));
            let folder = folder.to_owned();
            move |client| {
                // A client that asks for nothing is hung up on.
                let Ok(service) = Service::asked_for(&client) else { return };
                let counter = match service {
                    Service::Fetch => &fetches,
                    Service::Push => &pushes,
                };
                act(service, counter.fetch_add(1, Ordering::SeqCst));
                let options =
                    ["daemon", "--inetd", "--log-destination=none", "--export-all", "--enable=receive-pack", &base];
                let mut command = git.command(&folder, &options);
                let Ok(copy) = client.try_clone() else { return };
                command.stdin(OwnedFd::from(copy)).stdout(OwnedFd::from(client)).stderr(Stdio::null());
                // The client sees a server that fails.
                let _ = groups.run(&mut command, |_| {});
            }
        });
        Self { server, groups, fetches, pushes }
    }

    /// The address of a repository, by its path below the folder.
    pub fn url(&self, repository: &str) -> String {
        format!("git://{}/{repository}", self.server.address())
    }

    /// How many clients have asked to read.
    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// How many clients have asked to write.
    pub fn pushes(&self) -> usize {
        self.pushes.load(Ordering::SeqCst)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }
}

impl Drop for GitDaemon {
    fn drop(&mut self) {
        self.groups.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpStream;
    use std::time::Duration;

    use super::super::process::Running;
    use super::super::remote::Remote;
    use super::*;

    #[test]
    fn clients_read_and_write_over_it() {
        let remote = Remote::new();
        let daemon = GitDaemon::start(remote.root());
        let first = remote.commit("main", "first", &[("a.txt", "one\n")]);
        let clone = remote.clone_from(&daemon.url("deploy.git"));
        std::fs::write(clone.path().join("a.txt"), "two\n").unwrap();
        remote.git().ok(clone.path(), &["commit", "--quiet", "--all", "--message=second"]);
        remote.git().ok(clone.path(), &["push", "--quiet", "origin", "HEAD:main"]);
        assert_eq!(remote.text("main", "a.txt"), "two\n");
        assert_eq!(remote.log("main")[1].oid, first);
        assert_eq!((daemon.fetches(), daemon.pushes()), (1, 1));
    }

    #[test]
    fn more_clients_than_a_standing_daemon_takes_are_served_at_once() {
        let remote = Remote::new();
        let tip = remote.commit("main", "first", &[("a.txt", "one\n")]);
        let daemon = GitDaemon::start(remote.root());
        let url = daemon.url("deploy.git");
        let asking: Vec<_> = (0..60)
            .map(|_| Running::start(&mut remote.git().command(remote.root(), &["ls-remote", &url, "refs/heads/main"])))
            .collect();
        for one in asking {
            let run = one.finish(Duration::from_secs(60)).ended(0);
            assert!(run.stdout.starts_with(&tip), "{run:?}");
        }
    }

    #[test]
    fn a_branch_that_moves_before_the_push_makes_it_stale() {
        let remote = Remote::new();
        remote.commit("main", "first", &[("a.txt", "one\n")]);
        let moved = {
            let remote = remote.clone();
            move |service, number| {
                if service == Service::Push && number == 0 {
                    remote.commit("main", "by somebody else", &[("b.txt", "theirs\n")]);
                }
            }
        };
        let daemon = GitDaemon::before_requests(remote.root(), moved);
        let clone = remote.clone_from(&daemon.url("deploy.git"));
        std::fs::write(clone.path().join("a.txt"), "two\n").unwrap();
        remote.git().ok(clone.path(), &["commit", "--quiet", "--all", "--message=second"]);
        let push = remote.git().run(clone.path(), &["push", "--porcelain", "origin", "HEAD:main"]).ended(1);
        assert!(push.stdout.contains("(fetch first)"), "{push:?}");
        assert_eq!(remote.log("main")[0].subject, "by somebody else");
        remote.git().ok(clone.path(), &["pull", "--quiet", "--rebase", "origin", "main"]);
        remote.git().ok(clone.path(), &["push", "--quiet", "origin", "HEAD:main"]);
        assert_eq!(remote.log("main")[0].subject, "second");
    }

    #[test]
    fn dropped_it_is_gone_and_so_are_its_clients() {
        let remote = Remote::new();
        let daemon = GitDaemon::start(remote.root());
        let mut waiting = TcpStream::connect(daemon.address()).unwrap();
        let url = daemon.url("deploy.git");
        drop(daemon);
        assert!(matches!(waiting.read(&mut [0]), Ok(0) | Err(_)));
        remote.git().run(remote.root(), &["ls-remote", &url]).ended(128);
    }
}
