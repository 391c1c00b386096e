//! `notify`: who is told what, and that it changes nothing.

use super::*;

impl Shop {
    /// Lets a program write down what it is told, and a webhook be told that is not there.
    fn telling() -> Self {
        let shop = Self::releasing();
        let command = "notify command sh, \"-c\", \"cat >> told\"";
        shop.folder.edit(
            "shop.mesh",
            "settle 1m;",
            &format!("settle 1m; {command}; notify webhook-file \"nowhere\" on aborted;"),
        );
        shop
    }

    fn told(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.folder.path("told")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn a_program_is_told_what_becomes_of_a_release() {
    let shop = Shop::telling();
    let promote = ["promote", "--prometheus", &shop.prometheus.url];
    shop.folder.meshc(&[&promote[..], &["--dry-run"]].concat()).ended(0);
    assert_eq!(shop.told().len(), 0, "nothing happened");
    shop.promote(&[]);
    shop.promote(&[]);
    let told = shop.told();
    assert_eq!(told.len(), 1, "waiting is no news: {told:?}");
    let first = &told[0];
    assert_eq!(
        (&first["event"], &first["namespace"], &first["service"]),
        (&"promoted".into(), &"shop".into(), &"web".into())
    );
    assert_eq!((&first["from"], &first["to"], &first["canary"]), (&0.into(), &5.into(), &"v2".into()));
    assert_eq!(first["commit"].as_str(), Some(shop.git(&["rev-parse", "main"]).trim()));
    assert_eq!(first["text"], "prod shop/web promoted: v2 0 % -> 5 %");
    shop.prometheus.pass(30);
    shop.prometheus.failing.store(300, Ordering::SeqCst);
    let run = shop.folder.meshc(&promote).ended(0);
    assert!(
        run.stderr.contains("nobody was told of `aborted`: cannot read") && run.stderr.contains("nowhere"),
        "{run:?}"
    );
    shop.folder.meshc(&["resume", "web"]).ended(0);
    shop.prometheus.failing.store(0, Ordering::SeqCst);
    shop.promote(&[]);
    shop.folder.meshc(&["rollback", "--reason", "it is late"]).ended(0);
    shop.folder.meshc(&["rollback"]).ended(0);
    let told = shop.told();
    let events: Vec<&str> = told.iter().filter_map(|told| told["event"].as_str()).collect();
    assert_eq!(events, ["promoted", "aborted", "resumed", "promoted", "rolled-back"]);
    assert!(told[1]["reason"].as_str().unwrap().starts_with("error-rate is 0.03"), "{}", told[1]);
    assert_eq!(told[4]["reason"], "it is late");
}

#[test]
fn a_turn_that_fails_is_told_and_ends_as_it_would() {
    let shop = Shop::telling();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = format!("http://{closed}/deploy.git");
    shop.folder.meshc(&["promote", "--repository", &away]).ended(5);
    let told = shop.told();
    assert_eq!((told.len(), &told[0]["event"], &told[0]["service"]), (1, &"failed".into(), &serde_json::Value::Null));
}
