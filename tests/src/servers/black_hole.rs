//! A server that takes connections and never says a word.

use std::io::Read as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::loopback::Loopback;

/// Accepts, reads, and never answers, until it is dropped: what a firewall that forgot a connection looks like, or a
/// load balancer in front of nobody.
#[derive(Debug)]
pub struct BlackHole {
    server: Loopback,
    connections: Arc<AtomicUsize>,
}

impl Default for BlackHole {
    fn default() -> Self {
        Self::start()
    }
}

impl BlackHole {
    /// Opens it.
    pub fn start() -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let server = Loopback::start(move |mut client: TcpStream| {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut ignored = [0; 4096];
            while client.read(&mut ignored).is_ok_and(|read| read > 0) {}
        });
        Self { server, connections }
    }

    /// An address for `git://`.
    pub fn git_url(&self, repository: &str) -> String {
        format!("git://{}/{repository}", self.server.address())
    }

    /// An address for `http://`.
    pub fn http_url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.server.address())
    }

    /// How many clients have come.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::git::Git;
    use super::super::process::Running;
    use super::*;

    #[test]
    fn clients_wait_until_they_are_released() {
        let git = Git::new();
        let hole = BlackHole::start();
        let mut waiting: Vec<Running> = [hole.git_url("deploy.git"), hole.http_url("deploy.git")]
            .iter()
            .map(|url| Running::start(&mut git.command(git.home(), &["ls-remote", url])))
            .collect();
        for one in &mut waiting {
            assert_eq!(one.wait(Duration::from_millis(700)), None);
        }
        assert_eq!(hole.connections(), 2);
        drop(hole);
        for one in waiting {
            one.finish(Duration::from_secs(20)).ended(128);
        }
    }
}
