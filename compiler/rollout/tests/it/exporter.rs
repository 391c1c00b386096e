//! An exporter that plays the proxies of a mesh: Istio's standard metrics, for services of which each behaves in its
//! own way.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a service behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Play {
    /// All is well.
    Healthy,
    /// From half of the traffic on, the new version fails.
    FailsAtHalf,
    /// The new version answers HTTP 200 with gRPC status 14.
    GrpcErrors,
    /// Nobody calls.
    Silent,
    /// Latencies are not counted: their quantile is 0/0.
    NoLatency,
    /// Counters of the new version start again at 0 now and then.
    Restarts,
    /// Almost nobody calls.
    Quiet,
    /// The pods of the new version are ejected: callers get an answer of their own proxy.
    Ejected,
    /// The new version answers slowly.
    Slow,
    /// A new version that lost every call before it was scraped for the first time.
    FirstErrors,
}

/// One service.
struct Played {
    play: Play,
    /// Percent that the new version gets in the "cluster".
    weight: u32,
    ticks: u64,
    counters: BTreeMap<String, f64>,
}

/// The exporter.
#[derive(Clone)]
pub(crate) struct Exporter {
    services: Arc<Mutex<BTreeMap<String, Played>>>,
    pub(crate) port: u16,
}

/// Ticks of the played traffic in a second.
const TICKS: u64 = 10;

impl Exporter {
    /// Starts it, without a service.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let exporter = Self { services: Arc::default(), port };
        let (serving, playing) = (exporter.clone(), exporter.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let _ = stream.read(&mut [0; 4096]);
                let body = serving.text();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
                let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
            }
        });
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(1_000 / TICKS));
                playing.services.lock().expect("not poisoned").iter_mut().for_each(|(name, played)| played.tick(name));
            }
        });
        exporter
    }

    /// Adds a service.
    pub(crate) fn play(&self, service: &str, play: Play) {
        let played = Played { play, weight: 0, ticks: 0, counters: BTreeMap::new() };
        self.services.lock().expect("not poisoned").insert(service.to_owned(), played);
    }

    /// What is live in the "cluster".
    pub(crate) fn set_weight(&self, service: &str, weight: u32) {
        self.services.lock().expect("not poisoned").get_mut(service).expect("a service that is played").weight = weight;
    }

    fn text(&self) -> String {
        let services = self.services.lock().expect("not poisoned");
        let lines = services.values().flat_map(|played| &played.counters);
        lines.map(|(series, value)| format!("{series} {value}\n")).collect()
    }
}

impl Played {
    /// A tenth of a second of traffic.
    fn tick(&mut self, service: &str) {
        self.ticks += 1;
        let all = match self.play {
            Play::Silent => 0.0,
            Play::Quiet => 0.05,
            _ => 60.0,
        };
        let canary = all * f64::from(self.weight) / 100.0;
        self.requests(service, "v1", all - canary, 0.0, 40);
        let failing = match self.play {
            Play::FailsAtHalf if self.weight >= 50 => 0.3,
            Play::GrpcErrors | Play::FirstErrors => 0.3,
            _ => 0.0,
        };
        if self.play == Play::FirstErrors && self.weight > 0 && self.ticks % 400 > 5 {
            // Nothing more comes: one burst, in series that are new.
            return;
        }
        if self.play == Play::Ejected {
            self.add(&requests("source", service, "unknown", "200", "14"), canary);
            return;
        }
        if self.weight == 0 {
            return;
        }
        let latency = if self.play == Play::Slow { 900 } else { 40 };
        self.requests(service, "v2", canary, failing, latency);
        if self.play == Play::Restarts && self.ticks.is_multiple_of(70) {
            let of_canary = |series: &&String| series.contains("\"v2\"") && series.contains("\"destination\"");
            let series: Vec<String> = self.counters.keys().filter(of_canary).cloned().collect();
            for series in series {
                self.counters.insert(series, 0.0);
            }
        }
    }

    fn requests(&mut self, service: &str, version: &str, count: f64, failing: f64, millis: u64) {
        for reporter in ["destination", "source"] {
            self.add(&requests(reporter, service, version, "200", "0"), count * (1.0 - failing));
            if failing > 0.0 {
                self.add(&requests(reporter, service, version, "200", "14"), count * failing);
            }
        }
        for bound in ["10", "50", "100", "500", "1000", "+Inf"] {
            let within = bound.parse::<u64>().map_or(true, |bound| millis <= bound);
            let counted = if self.play == Play::NoLatency || !within { 0.0 } else { count };
            let labels = labels("destination", service, version);
            self.add(&format!("istio_request_duration_milliseconds_bucket{{{labels},le=\"{bound}\"}}"), counted);
        }
    }

    fn add(&mut self, series: &str, count: f64) {
        *self.counters.entry(series.to_owned()).or_default() += count;
    }
}

fn labels(reporter: &str, service: &str, version: &str) -> String {
    format!(
        "reporter=\"{reporter}\",destination_service_namespace=\"shop\",destination_service_name=\"{service}\",\
         destination_version=\"{version}\""
    )
}

fn requests(reporter: &str, service: &str, version: &str, code: &str, status: &str) -> String {
    let labels = labels(reporter, service, version);
    format!("istio_requests_total{{{labels},response_code=\"{code}\",grpc_response_status=\"{status}\"}}")
}
