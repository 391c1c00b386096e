//! `meshc watch`: promotes until it is done or stopped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::*;

/// A watch that runs, with what it has said.
struct Watch {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
    warned: BufReader<std::process::ChildStderr>,
}

impl Watch {
    fn start(shop: &Shop, more: &[&str]) -> Self {
        let arguments = [&["watch", "--interval", "1s", "--query-deadline", "1s"], more].concat();
        let mut command = shop.folder.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let warned = BufReader::new(child.stderr.take().unwrap());
        Self { child, said, warned }
    }

    /// Reads until a line has this text.
    #[track_caller]
    fn says(&mut self, text: &str) -> String {
        line_with(&mut self.said, text)
    }

    #[track_caller]
    fn warns(&mut self, text: &str) -> String {
        line_with(&mut self.warned, text)
    }

    /// The exit code, when it has ended.
    fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    #[cfg(unix)]
    fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }
}

#[track_caller]
fn line_with(lines: &mut impl BufRead, text: &str) -> String {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "no `{text}` in\n{all}");
        if line.contains(text) {
            return line;
        }
        all.push_str(&line);
    }
}

#[test]
fn a_watch_takes_a_release_to_its_end_and_ends() {
    let shop = Shop::releasing();
    let mut watch = Watch::start(&shop, &["--until-done", "--prometheus", &shop.prometheus.url]);
    let line = watch.says("v2 0 % -> 5 %");
    let (_, commit) = line.trim().rsplit_once(" in ").unwrap();
    assert!(shop.git(&["rev-parse", "main"]).starts_with(commit), "{line}");
    watch.says("may not be live yet");
    let commits = shop.git(&["rev-list", "--count", "main"]);
    shop.prometheus.pass(120);
    watch.says("its stage of 5 % lasts");
    assert_eq!(shop.git(&["rev-list", "--count", "main"]), commits, "waiting commits nothing");
    shop.prometheus.pass(60);
    watch.says("v2 5 % -> 100 %");
    shop.prometheus.pass(3_600);
    watch.says("v2 finished");
    assert_eq!(watch.ended(), Some(0));
    assert_eq!(shop.state()["finished"], true);
    shop.folder.meshc(&["verify"]).ended(0);
    // What is over already is not waited for.
    let run = shop.folder.meshc(&["watch", "--until-done", "--prometheus", &shop.prometheus.url]).ended(0);
    assert!(run.stdout.contains("it is finished"), "{}", run.stdout);
}

#[test]
fn what_fails_is_taken_back_and_not_waited_for() {
    let shop = Shop::releasing();
    shop.promote(&[]);
    shop.prometheus.pass(30);
    shop.prometheus.failing.store(300, Ordering::SeqCst);
    let mut watch = Watch::start(&shop, &["--until-done", "--format", "json", "--prometheus", &shop.prometheus.url]);
    let document: serde_json::Value = serde_json::from_str(&watch.says("environments")).unwrap();
    assert_eq!(document["environments"][0]["services"][0]["decision"], "abort");
    assert_eq!(watch.ended(), Some(0));
    assert_eq!(shop.weights(), ["100", "0"]);
}

#[cfg(unix)]
#[test]
fn a_prometheus_that_is_away_is_waited_for_and_ctrl_c_ends_it() {
    let shop = Shop::releasing();
    let tip = shop.git(&["rev-parse", "main"]);
    // The declared server does not answer.
    let mut watch = Watch::start(&shop, &[]);
    watch.says("nothing begins that cannot be measured");
    watch.interrupt();
    assert_eq!(watch.ended(), Some(0));
    assert_eq!(shop.git(&["rev-parse", "main"]), tip);
    let mut watch = Watch::start(&shop, &["--until-done"]);
    watch.says("nothing begins that cannot be measured");
    watch.interrupt();
    watch.warns("stopped before every release was done");
    assert_eq!(watch.ended(), Some(1));
}

#[cfg(unix)]
#[test]
fn a_deploy_repository_that_is_away_is_asked_again() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shop = Shop::releasing();
    let mut watch = Watch::start(&shop, &["--repository", &format!("http://{closed}/deploy.git"), "--folder", "prod"]);
    watch.warns("trying again");
    watch.interrupt();
    assert_eq!(watch.ended(), Some(0));
}

#[test]
fn what_is_typed_wrongly_ends_it_at_once() {
    let shop = Shop::releasing();
    let asks = ["--prometheus", &shop.prometheus.url];
    let run = shop.folder.meshc(&[&["watch", "wbe"][..], &asks].concat()).ended(1);
    assert!(run.stderr.contains("`wbe` has no release in `prod`"), "{}", run.stderr);
    shop.folder.meshc(&["watch", "--interval", "0s"]).ended(2);
    shop.folder.meshc(&["watch", "--env", "prdo"]).ended(2);
}
