//! A Prometheus of this machine (Debian's package), which scrapes once a second.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use meshc_rollout::measure::Source as _;
use meshc_rollout::plan::Server;
use meshc_rollout::prometheus::Prometheus;

/// A running server. It ends with this value.
pub(crate) struct Running {
    process: Child,
    pub(crate) url: String,
    folder: tempfile::TempDir,
}

impl Running {
    /// Starts a server that scrapes a port.
    pub(crate) fn scraping(port: u16) -> Self {
        let running = Self::start(tempfile::tempdir().expect("a folder"), port, None);
        running.wait(&client(&running.url, Duration::from_secs(2)));
        running
    }

    /// Starts a server that asks for a password and for a certificate. `folder` has `web.yml`.
    pub(crate) fn secured(folder: tempfile::TempDir) -> Self {
        let web = folder.path().join("web.yml").display().to_string();
        let mut running = Self::start(folder, free_port(), Some(web));
        running.url = running.url.replace("http:", "https:");
        running
    }

    fn start(folder: tempfile::TempDir, port: u16, web: Option<String>) -> Self {
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: mesh\n  static_configs:\n  \
             - targets: ['127.0.0.1:{port}']\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).expect("its configuration");
        let own = free_port();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", at("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", at("data")))
            .arg(format!("--web.listen-address=127.0.0.1:{own}"))
            .args(web.map(|web| format!("--web.config.file={web}")))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`prometheus`: install the package of this name");
        Self { process, url: format!("http://127.0.0.1:{own}"), folder }
    }

    /// Waits until it answers.
    pub(crate) fn wait(&self, asked: &Prometheus) {
        let started = Instant::now();
        while let Err(why) = asked.now() {
            assert!(started.elapsed() < Duration::from_secs(120), "Prometheus does not answer: {why}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The folder of its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks it.
    pub(crate) fn client(&self, deadline: Duration) -> Prometheus {
        client(&self.url, deadline)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks a server without credentials.
pub(crate) fn client(url: &str, deadline: Duration) -> Prometheus {
    let server = Server { url: url.to_owned(), options: std::collections::BTreeMap::new() };
    Prometheus::new(&server, Path::new("."), deadline).expect("no file is named")
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
