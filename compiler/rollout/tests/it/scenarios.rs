//! Each scenario ends as it must. A false promotion is the one thing that may never happen.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Read;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::{Duration, Instant};

use meshc_core::source::Text;
use meshc_core::state::Record;
use meshc_gitops::commit::Changes;
use meshc_rollout::measure::Source;

use super::deploy::Deploy;
use super::exporter::{Exporter, Play};
use super::server::{self, Running};

const CANARY: &str = "
  stage 5%   for 3s
  stage 20%  for 3s
  stage 50%  for 3s
  stage 100% for 3s
  abort when error-rate > 5%
  abort when latency p99 > 500ms
  require 20 requests
  on no-data hold
  keep 1h";

fn begun() -> Record {
    Record::begin(Text::new("v1"), Text::new("v2"))
}

/// How a release stood when nothing more was awaited.
#[derive(Debug)]
struct Ended {
    weight: u32,
    finished: bool,
    hold: Option<String>,
    /// What the last run said.
    last: String,
    /// Weights in the order in which they were recorded.
    path: Vec<u32>,
}

/// Promotes once a second until the release is finished or held, or for `patience`. The "cluster" gets each weight up
/// to `live` at once.
fn run(name: &str, play: Play, canary: &str, live: u32, patience: u64, world: (&Exporter, &Running)) -> Ended {
    let (exporter, prometheus) = world;
    exporter.play(name, play);
    // Calls of the old version come first, as in any cluster.
    std::thread::sleep(Duration::from_secs(3));
    let deploy = Deploy::publish(name, canary, begun());
    let connect = || -> Box<dyn Source> { Box::new(prometheus.client(Duration::from_secs(10))) };
    let started = Instant::now();
    let mut path = Vec::new();
    loop {
        let before = deploy.commits();
        let outcome = deploy.promote(&connect);
        assert!(deploy.commits() - before <= 1, "{name}: one run makes one commit");
        assert_eq!(outcome.commit.is_some(), deploy.commits() > before, "{name}: it says what it did");
        let record = deploy.record();
        if path.last() != Some(&record.weight) {
            path.push(record.weight);
        }
        assert_eq!(deploy.drift(), Vec::<String>::new(), "{name}: a verification accepts every commit");
        let hold = deploy.hold();
        exporter.set_weight(name, if hold.is_some() { 0 } else { record.weight.min(live) });
        if record.finished || hold.is_some() || started.elapsed() > Duration::from_secs(patience) {
            let last = outcome.reports.first().map(|report| format!("{:?}", report.decided)).unwrap_or_default();
            return Ended { weight: record.weight, finished: record.finished, hold, last, path };
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn every_scenario_ends_as_it_must() {
    let exporter = Exporter::start();
    let prometheus = Running::scraping(exporter.port);
    let world = (&exporter, &prometheus);
    let rollback = CANARY.replace("no-data hold", "no-data rollback");
    std::thread::scope(|scope| {
        let run = |name: &'static str, play, canary: &str, live, patience| {
            let canary = canary.to_owned();
            scope.spawn(move || (name, run(name, play, &canary, live, patience, world)))
        };
        let running = [
            run("healthy", Play::Healthy, CANARY, 100, 240),
            run("restarts", Play::Restarts, CANARY, 100, 240),
            run("fails-at-half", Play::FailsAtHalf, CANARY, 100, 240),
            run("grpc-errors", Play::GrpcErrors, CANARY, 100, 240),
            run("first-errors", Play::FirstErrors, CANARY, 100, 240),
            run("slow", Play::Slow, CANARY, 100, 240),
            run("ejected", Play::Ejected, CANARY, 100, 240),
            run("silent", Play::Silent, CANARY, 100, 25),
            run("silent-rollback", Play::Silent, &rollback, 100, 240),
            run("no-latency", Play::NoLatency, CANARY, 100, 25),
            run("quiet", Play::Quiet, CANARY, 100, 25),
            run("not-live", Play::Healthy, CANARY, 5, 40),
        ];
        for thread in running {
            let (name, ended) = thread.join().expect("a scenario");
            let held = |at: u32, why: &str| {
                assert!(ended.hold.as_ref().is_some_and(|hold| hold.contains(why)), "{name}: {ended:?}");
                assert_eq!((ended.weight, ended.finished), (at, false), "{name}: {ended:?}");
            };
            let stays = |at: u32, why: &str| {
                assert!(ended.last.contains(why), "{name}: {ended:?}");
                assert_eq!((ended.weight, ended.finished, &ended.hold), (at, false, &None), "{name}: {ended:?}");
            };
            match name {
                "healthy" | "restarts" => {
                    assert!(ended.finished && ended.hold.is_none(), "{name}: {ended:?}");
                    assert_eq!(ended.path, [5, 20, 50, 100], "{name}");
                }
                "fails-at-half" => held(50, "error-rate"),
                "grpc-errors" | "first-errors" => held(5, "error-rate"),
                "slow" => held(5, "latency p99"),
                "ejected" => held(5, "error-rate at callers"),
                "silent" => stays(5, "no request arrived"),
                "silent-rollback" => held(5, "no data"),
                "no-latency" => stays(5, "NaN"),
                "quiet" => stays(5, "requests"),
                "not-live" => stays(20, "not live"),
                other => panic!("{other} is not judged"),
            }
        }
    });
}

/// A release that stands at 5 % since long ago.
fn standing() -> Record {
    Record { weight: 5, since: Some(1_000_000_000.into()), ..begun() }
}

#[test]
fn a_dead_or_slow_server_moves_nothing() {
    // Takes connections and never answers.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = mute.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in mute.incoming() {
            std::thread::spawn(move || {
                if let Ok(mut stream) = stream {
                    let _ = stream.read_to_end(&mut Vec::new());
                }
            });
        }
    });
    for port in [port, server::free_port()] {
        let url = format!("http://127.0.0.1:{port}");
        let connect = || -> Box<dyn Source> { Box::new(server::client(&url, Duration::from_millis(300))) };
        for record in [begun(), standing()] {
            let deploy = Deploy::publish("web", CANARY, record.clone());
            let outcome = deploy.promote(&connect);
            assert!(outcome.commit.is_none(), "{outcome:?}");
            assert_eq!((deploy.commits(), deploy.record()), (1, record));
            assert!(format!("{outcome:?}").contains(&url), "{outcome:?}");
        }
        // What is declared for silence holds for a silent server too.
        let rollback = CANARY.replace("no-data hold", "no-data rollback");
        let deploy = Deploy::publish("web", &rollback, standing());
        assert!(deploy.promote(&connect).commit.is_some());
        assert!(deploy.hold().is_some_and(|hold| hold.contains("no data")), "{:?}", deploy.hold());
    }
}

/// Answers every question with what lets a release go on, and does something before it does.
struct Meanwhile(Rc<dyn Fn()>);

impl Source for Meanwhile {
    fn now(&self) -> Result<i64, String> {
        (self.0)();
        Ok(2_000_000_000)
    }

    fn at(&self, query: &str, _: i64) -> Result<f64, String> {
        let number = if query.starts_with("histogram_quantile") {
            40.0
        } else if query.starts_with('(') {
            0.0
        } else if query.contains("\"v2\"") {
            500.0
        } else {
            9_500.0
        };
        Ok(number)
    }

    fn range(&self, query: &str, end: i64, _: i64, count: u32) -> Vec<Result<f64, String>> {
        (0..count).map(|_| self.at(query, end)).collect()
    }
}

fn calm() -> Box<dyn Source> {
    Box::new(Meanwhile(Rc::new(|| {})))
}

#[test]
fn one_commit_says_what_it_did_and_why() {
    let deploy = Deploy::publish("web", CANARY, standing());
    assert!(deploy.promote(&calm).commit.is_some());
    let message = deploy.message();
    assert!(message.starts_with("promote(prod): shop/web v2 5 % -> 20 %\n"), "{message}");
    for part in
        ["error-rate 0, limit 0.05, 500 requests: passes", "Mesh-Operation: promote\n", "Mesh-Service: shop/web\n"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    let record = deploy.record();
    assert_eq!((record.weight, record.since), (20, Some(2_000_000_000.into())));
    assert!(record.decision.is_some_and(|decision| decision.to_string().contains("\"verdict\":\"passes\"")));
    assert_eq!(deploy.drift(), Vec::<String>::new());
    // Nothing is due: nothing is written.
    assert!(deploy.promote(&calm).commit.is_none());
    assert_eq!(deploy.commits(), 2);
}

#[test]
fn holds_of_a_service_and_of_the_environment_stop_it() {
    for path in ["state/prod/shop/web.hold", "state/prod/HOLD"] {
        let deploy = Deploy::publish("web", CANARY, standing());
        let put = |text: Option<&'static str>| {
            deploy.commit(&Changes::from([(path.to_owned(), text.map(Into::into))]));
        };
        put(Some(""));
        assert!(deploy.promote(&calm).commit.is_none(), "{path}");
        put(None);
        assert!(deploy.promote(&calm).commit.is_some(), "{path}");
    }
}

#[test]
fn a_person_approves() {
    let canary = CANARY.replace("stage 5%   for 3s", "stage 5% for 3s approve");
    let deploy = Deploy::publish("web", &canary, standing());
    assert!(deploy.promote(&calm).commit.is_none());
    assert!(deploy.promote_as(&calm, true).commit.is_some());
    assert_eq!(deploy.record().weight, 20);
}

#[test]
fn files_that_are_not_what_the_state_says_are_left_alone() {
    let deploy = Deploy::publish("web", CANARY, standing());
    let path = "prod/shop/web/virtual-service.yaml";
    let text =
        deploy.text(path).expect("a route").replace("weight: 95", "weight: 60").replace("weight: 5\n", "weight: 40\n");
    deploy.commit(&Changes::from([(path.to_owned(), Some(text.into()))]));
    let outcome = deploy.promote(&calm);
    assert!(outcome.commit.is_none());
    assert!(format!("{outcome:?}").contains("somebody changed it"), "{outcome:?}");
}

#[test]
fn a_decision_about_another_situation_is_dropped() {
    let changed_state = Record { since: Some(1_000_000_001.into()), ..standing() }.to_text();
    for (path, text) in [
        ("state/prod/shop/web.hold", "by: somebody\n".to_owned()),
        ("state/prod/HOLD", String::new()),
        ("state/prod/shop/web.json", changed_state),
    ] {
        let deploy = Deploy::publish("web", CANARY, standing());
        let (other, first) = (deploy.somebody_else(), Cell::new(true));
        let meddle: Rc<dyn Fn()> = Rc::new(move || {
            if first.replace(false) {
                other(&Changes::from([(path.to_owned(), Some(text.clone().into()))]));
            }
        });
        let outcome = deploy.promote(&|| Box::new(Meanwhile(Rc::clone(&meddle))));
        assert!(outcome.commit.is_none(), "{path}: {outcome:?}");
        assert!(outcome.reports.iter().all(|report| report.dropped), "{path}: {outcome:?}");
        assert!(deploy.text("prod/shop/web/virtual-service.yaml").is_some_and(|text| text.contains("weight: 95\n")));
    }
    // What does not concern the release does not disturb it.
    let deploy = Deploy::publish("web", CANARY, standing());
    let (other, first) = (deploy.somebody_else(), Cell::new(true));
    let meddle: Rc<dyn Fn()> = Rc::new(move || {
        if first.replace(false) {
            other(&Changes::from([("notes.txt".to_owned(), Some("unrelated\n".into()))]));
        }
    });
    assert!(deploy.promote(&|| Box::new(Meanwhile(Rc::clone(&meddle)))).commit.is_some());
    assert_eq!((deploy.record().weight, deploy.text("notes.txt").as_deref()), (20, Some("unrelated\n")));
}

#[test]
fn two_promotes_at_once_make_one_commit() {
    let deploy = Deploy::publish("web", CANARY, standing());
    let url = deploy.repository();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| Deploy::promote_at(&url, &calm))).collect();
        // In one second, both may make the very same commit, and both are right to say that it is there.
        let commits = threads.into_iter().filter_map(|thread| thread.join().expect("a promote").commit);
        let commits: BTreeSet<_> = commits.map(|(commit, _)| commit).collect();
        assert_eq!(commits.len(), 1);
    });
    assert_eq!((deploy.commits(), deploy.record().weight), (2, 20));
}

#[test]
fn what_cannot_be_read_is_told_and_left_alone() {
    for path in ["state/prod/shop/web.json", "state/prod/shop/web.plan.json"] {
        let deploy = Deploy::publish("web", CANARY, standing());
        deploy.commit(&Changes::from([(path.to_owned(), Some("<<<<<<< HEAD\n".into()))]));
        let outcome = deploy.promote(&calm);
        assert!(outcome.commit.is_none() && outcome.reports.is_empty(), "{outcome:?}");
        assert!(outcome.faults.iter().any(|(_, why)| why.contains(path)), "{outcome:?}");
    }
    let deploy = Deploy::publish("web", CANARY, standing());
    deploy.commit(&Changes::from([("state/prod/shop/web.plan.json".to_owned(), None)]));
    let outcome = deploy.promote(&calm);
    assert!(outcome.faults.iter().any(|(_, why)| why.contains("is missing")), "{outcome:?}");
}
