//! Releases from the first line to the last commit, by the commands that people run. A server that answers as Prometheus
//! does plays the traffic.

#[cfg(unix)]
mod notify;
mod watch;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::folder::Folder;

/// A server that knows what time it is, and how many of ten thousand requests to the new version fail.
pub(crate) struct Prometheus {
    pub(crate) url: String,
    pub(crate) time: Arc<AtomicI64>,
    pub(crate) failing: Arc<AtomicU64>,
    /// Of these services alone; nothing: of all.
    pub(crate) of: Arc<Mutex<Option<&'static str>>>,
}

impl Prometheus {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (time, failing) = (Arc::new(AtomicI64::new(1_000_000_000)), Arc::new(AtomicU64::new(0)));
        let (clock, fails) = (Arc::clone(&time), Arc::clone(&failing));
        let of = Arc::new(Mutex::new(None));
        let failing_of = Arc::clone(&of);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let query = query(&mut stream);
                let meant = failing_of.lock().unwrap().is_none_or(|name| query.contains(&format!("=~\"{name}\"")));
                let failing = if meant { fails.load(Ordering::SeqCst) } else { 0 };
                let answer = answer(&query, clock.load(Ordering::SeqCst), failing);
                let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", answer.len());
                let _ = stream.write_all(format!("{head}{answer}").as_bytes());
            }
        });
        Self { url, time, failing, of }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: i64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// The form's field `query`.
fn query(stream: &mut impl Read) -> String {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 8192]);
    loop {
        let count = stream.read(&mut buffer).unwrap_or(0);
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let body = text.find("\r\n\r\n").map(|end| bytes.len() - end - 4);
        if count == 0 || body.zip(length).is_some_and(|(body, length): (usize, usize)| body >= length) {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let form = text.split("\r\n\r\n").nth(1).unwrap_or_default();
    let field = form.split('&').find_map(|field| field.strip_prefix("query=")).unwrap_or_default();
    let mut plain = Vec::new();
    let mut letters = field.bytes();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            b'+' => b' ',
            b'%' => {
                let digits = [letters.next().unwrap_or(b'0'), letters.next().unwrap_or(b'0')];
                u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn answer(query: &str, time: i64, failing: u64) -> String {
    let ratio = failing as f64 / 10_000.0;
    let number = match query {
        "time()" => {
            return format!(
                "{{\"status\":\"success\",\"data\":{{\"resultType\":\"scalar\",\"result\":[{time},\"{time}\"]}}}}"
            );
        }
        latency if latency.starts_with("histogram_quantile") => 40.0,
        share if share.contains(" > 0)") => ratio,
        lost if lost.contains("destination_version!~") => 0.0,
        // Whatever the weight is, the new version has at least its share.
        stable if stable.contains("destination_version=\"v1\"") => 0.0,
        failures if failures.contains("or vector(0)") => 1_000.0 * ratio,
        _ => 1_000.0,
    };
    format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{{\"metric\":{{}},\"value\":[{time},\
         \"{number}\"]}}]}}}}"
    )
}

fn mesh(version: &str) -> String {
    format!(
        "mesh shop {{ namespace shop; mtls strict; authorization deny-by-default }}\nservice web {{\n port 8080 http\n \
         allow anyone\n {version}\n canary {{\n stage 5% for 2m\n stage 100% for 10m\n abort when error-rate > 1%\n abort \
         when latency p99 > 500ms\n require 200 requests\n on no-data hold\n keep 1s\n }}\n}}\nenvironment prod {{ target \
         istio 1.31; settle 1m; prometheus \"http://127.0.0.1:9\" }}\n"
    )
}

struct Shop {
    folder: Folder,
    prometheus: Prometheus,
}

impl Shop {
    fn releasing() -> Self {
        let first = mesh("version v1");
        let shop = Self { folder: Folder::new(&[("shop.mesh", &first)]), prometheus: Prometheus::start() };
        shop.publish();
        shop.declare("version v1 -> v2");
        shop.publish();
        shop
    }

    fn declare(&self, version: &str) {
        std::fs::write(self.folder.path("shop.mesh"), mesh(version)).unwrap();
    }

    fn publish(&self) {
        self.folder.meshc(&["publish", "--settle", "0s", "--until-done"]).ended(0);
        self.folder.meshc(&["verify"]).ended(0);
    }

    fn promote(&self, more: &[&str]) -> String {
        let mut arguments = vec!["promote", "--prometheus", &self.prometheus.url];
        arguments.extend(more);
        let said = self.folder.meshc(&arguments).ended(0).stdout;
        self.folder.meshc(&["verify"]).ended(0);
        said
    }

    fn git(&self, arguments: &[&str]) -> String {
        let repository = self.folder.path(".meshc/deploy.git");
        let output = std::process::Command::new("git").arg("-C").arg(repository).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn text(&self, path: &str) -> String {
        self.git(&["show", &format!("main:{path}")])
    }

    /// Weights of the route, in order.
    fn weights(&self) -> Vec<String> {
        let route = self.text("prod/shop/web/virtual-service.yaml");
        route.lines().filter_map(|line| line.trim().strip_prefix("weight: ")).map(str::to_owned).collect()
    }

    fn subsets(&self) -> Vec<String> {
        let rule = self.text("prod/shop/web/destination-rule.yaml");
        rule.lines().filter_map(|line| line.trim().strip_prefix("name: v")).map(|name| format!("v{name}")).collect()
    }

    fn state(&self) -> serde_json::Value {
        serde_json::from_str(&self.text("state/prod/shop/web.json")).unwrap_or_default()
    }
}

#[test]
fn a_release_goes_from_its_first_line_to_its_last_commit() {
    let shop = Shop::releasing();
    assert_eq!(shop.weights(), ["100", "0"]);
    let plan: serde_json::Value = serde_json::from_str(&shop.text("state/prod/shop/web.plan.json")).unwrap();
    assert_eq!(plan["places"]["prod/shop/web/virtual-service.yaml"][1]["pointer"], "/spec/http/0/route/1/weight");
    let said = shop.promote(&[]);
    assert!(said.contains("shop/web: v2 0 % -> 5 %"), "{said}");
    assert_eq!(shop.weights(), ["95", "5"]);
    // Not before its time, and no commit for waiting, nor for a publish without anything new.
    let tip = shop.git(&["rev-parse", "main"]);
    shop.publish();
    assert_eq!(shop.git(&["rev-parse", "main"]), tip);
    shop.prometheus.pass(60);
    assert!(shop.promote(&[]).contains("may not be live yet"));
    shop.prometheus.pass(60);
    assert!(shop.promote(&[]).contains("its stage of 5 % lasts"));
    assert_eq!(shop.git(&["rev-parse", "main"]), tip);
    shop.prometheus.pass(60);
    assert!(shop.promote(&["--dry-run"]).contains("v2 5 % -> 100 %"));
    assert_eq!(shop.git(&["rev-parse", "main"]), tip);
    shop.promote(&[]);
    assert_eq!(shop.weights(), ["0", "100"]);
    shop.prometheus.pass(3_600);
    assert!(shop.promote(&[]).contains("v2 finished"));
    assert_eq!(
        (shop.weights(), shop.subsets()),
        (vec!["0".to_owned(), "100".to_owned()], vec!["v1".into(), "v2".into()])
    );
    assert_eq!(shop.state()["finished"], true);
    // Kept for a second by the server's clock, which is long over: routes first, then the old subset.
    let before: usize = shop.git(&["rev-list", "--count", "main"]).trim().parse().unwrap();
    shop.publish();
    assert_eq!(shop.git(&["rev-list", "--count", "main"]).trim().parse(), Ok(before + 2));
    assert_eq!((shop.weights().len(), shop.subsets()), (0, vec!["v2".to_owned()]));
    assert_eq!(shop.state()["stable"], "v2");
    assert_eq!(
        shop.git(&["ls-tree", "-r", "--name-only", "main", "rollback/prod", "state/prod/shop"]),
        "state/prod/shop/web.json\n"
    );
    // In the commit between, the old version was still there to go back to.
    let between = shop.git(&["ls-tree", "-r", "--name-only", "main~1", "rollback/prod"]);
    assert!(between.contains("virtual-service.yaml"), "{between}");
    let state: serde_json::Value =
        serde_json::from_str(&shop.git(&["show", "main~1:state/prod/shop/web.json"])).unwrap();
    assert_eq!(state["stable"], "v1");
    // The sources may say either; then the next release begins.
    for version in ["version v1 -> v2", "version v2"] {
        shop.declare(version);
        shop.publish();
        assert_eq!((shop.weights().len(), shop.subsets()), (0, vec!["v2".to_owned()]), "{version}");
    }
    shop.declare("version v2 -> v3");
    shop.publish();
    assert_eq!(
        (shop.weights(), shop.subsets()),
        (vec!["100".to_owned(), "0".to_owned()], vec!["v2".into(), "v3".into()])
    );
    assert!(shop.promote(&[]).contains("v3 0 % -> 5 %"));
}

#[test]
fn a_failing_release_goes_back_and_stays() {
    let shop = Shop::releasing();
    shop.promote(&[]);
    shop.prometheus.pass(30);
    shop.prometheus.failing.store(300, Ordering::SeqCst);
    let said = shop.promote(&[]);
    assert!(said.contains("v2 5 % -> 0 %, held") && said.contains("error-rate is 0.03, above 0.01"), "{said}");
    assert_eq!(shop.weights(), ["100", "0"]);
    let hold = shop.text("state/prod/shop/web.hold");
    assert!(hold.contains("reason: error-rate is 0.03"), "{hold}");
    assert!(shop.git(&["log", "-1", "--format=%B", "main"]).contains("Mesh-Operation: abort"));
    // Neither a good hour nor a publish brings it back; a person does, and it starts again.
    shop.prometheus.failing.store(0, Ordering::SeqCst);
    shop.prometheus.pass(3_600);
    assert!(shop.promote(&[]).contains("it is held"));
    shop.publish();
    assert_eq!(shop.weights(), ["100", "0"]);
    shop.folder.meshc(&["resume", "web"]).ended(0);
    assert!(shop.promote(&[]).contains("v2 0 % -> 5 %"));
}

#[test]
fn a_newer_version_sends_back_what_the_running_one_has() {
    let shop = Shop::releasing();
    shop.promote(&[]);
    assert_eq!(shop.weights(), ["95", "5"]);
    shop.declare("version v1 -> v3");
    shop.folder.meshc(&["publish", "--settle", "0s"]).ended(0);
    assert_eq!((shop.weights(), shop.state()["weight"].clone()), (vec!["100".to_owned(), "0".to_owned()], 0.into()));
    assert_eq!(shop.text("state/prod/shop/web.plan.json"), "", "there is nothing to promote");
    shop.folder.meshc(&["verify"]).ended(0);
    let started = Instant::now();
    while shop.subsets() != ["v1", "v3"] {
        shop.publish();
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", shop.subsets());
    }
    assert_eq!((shop.weights(), shop.state()["canary"].clone()), (vec!["100".to_owned(), "0".to_owned()], "v3".into()));
    assert!(shop.promote(&[]).contains("v3 0 % -> 5 %"));
}

#[test]
fn without_a_release_any_more_everything_goes_back_first() {
    let shop = Shop::releasing();
    shop.promote(&[]);
    shop.declare("version v1");
    shop.folder.meshc(&["publish", "--settle", "0s"]).ended(0);
    assert_eq!(
        (shop.weights(), shop.subsets()),
        (vec!["100".to_owned(), "0".to_owned()], vec!["v1".into(), "v2".into()])
    );
    let started = Instant::now();
    while shop.subsets() != ["v1"] {
        shop.publish();
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", shop.subsets());
    }
    assert_eq!((shop.weights().len(), shop.state()["canary"].clone()), (0, serde_json::Value::Null));
    assert!(shop.promote(&[]).contains("nothing is being released"));
}
