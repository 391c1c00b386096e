//! Three environments: one file of the platform's for each, one of each team's, and patches.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::service::{Kind, Service};
use super::{TEAM, namespace};
use crate::dice::Dice;

/// Writes the environments' files and their patches.
pub(super) fn environments(services: &[Service], dice: &mut Dice, files: &mut BTreeMap<String, String>) {
    for (name, text) in [("dev", DEV), ("staging", STAGING), ("prod", PROD)] {
        files.insert(format!("environments/{name}.mesh"), text.to_owned());
    }
    files.insert("patches/platform.yaml".to_owned(), PLATFORM.to_owned());
    for (team, members) in services.chunks(TEAM).enumerate() {
        let team = namespace(team);
        files.insert(format!("teams/{team}.dev.mesh"), dev(&team, members));
        files.insert(format!("teams/{team}.staging.mesh"), staging(&team, members));
        let patches = patches(&team, members, dice);
        files.insert(format!("teams/{team}.prod.mesh"), prod(&team, members, !patches.is_empty()));
        if !patches.is_empty() {
            files.insert(format!("patches/{team}.yaml"), format!("patches:\n{patches}"));
        }
    }
}

const DEV: &str = "environment dev {
  target istio 1.31
  sync   none
  patch  \"../patches/platform.yaml\"
}
";

const STAGING: &str = "environment staging {
  target     istio 1.30
  sync       flux
  prometheus \"http://prometheus.monitoring:9090\"
  patch      \"../patches/platform.yaml\"
}
";

const PROD: &str = "environment prod {
  target       istio 1.31
  sync         argo-cd
  after        staging
  trust-domain prod.example.com
  patch        \"../patches/platform.yaml\"
}
";

/// What the platform does to every team's resources: by regular expressions, with labels.
const PLATFORM: &str = r#"patches:
  - target:
      kind: VirtualService
      name: '[a-z]+-[0-9]*3'
    patch: |-
      - op: add
        path: /metadata/labels
        value:
          watched: "true"
  - target:
      kind: Gateway|EnvoyFilter
      namespace: (team|edge).*
    patch: |-
      - op: add
        path: /metadata/annotations
        value:
          reviewed-by: platform
"#;

/// The hosts that a team's pages are on, without the domain.
fn hosts(team: &str, members: &[Service]) -> Vec<String> {
    let pages = members.iter().filter(|service| service.kind == Kind::Page).count();
    [(1, "www"), (2, "pages")]
        .iter()
        .filter(|(from, _)| pages >= *from)
        .map(|(_, host)| format!("{host}.{team}"))
        .collect()
}

/// Namespaces are named after the environment, and pages wait longer.
fn dev(team: &str, members: &[Service]) -> String {
    let mut text = format!("environment dev {{\n  namespace {team} as {team}-dev\n");
    for host in hosts(team, members) {
        let _ = writeln!(text, "  host {host}.example.com as {host}.dev.example.com");
    }
    for service in members.iter().filter(|service| service.kind == Kind::Page) {
        let _ = writeln!(text, "  service {team}/{} {{ timeout 30s }}", service.name);
    }
    text.push_str("}\n");
    text
}

/// Little traffic, so that fewer samples must do.
fn staging(team: &str, members: &[Service]) -> String {
    let mut text = format!("environment staging {{\n  namespace {team} as {team}-staging\n");
    for host in hosts(team, members) {
        let _ = writeln!(text, "  host {host}.example.com as {host}.staging.example.com");
    }
    for service in members.iter().filter(|service| service.releases) {
        let _ = writeln!(text, "  service {team}/{} {{ canary {{ require 20 requests }} }}", service.name);
    }
    text.push_str("}\n");
    text
}

/// The numbers of production.
fn prod(team: &str, members: &[Service], patched: bool) -> String {
    let mut text = "environment prod {\n".to_owned();
    if patched {
        let _ = writeln!(text, "  patch \"../patches/{team}.yaml\"");
    }
    for service in members.iter().filter(|service| service.is_limited()) {
        let limit = 3000 + service.index % 1000;
        let _ = writeln!(text, "  service {team}/{} {{ rate-limit {limit}/min each proxy }}", service.name);
    }
    text.push_str("}\n");
    text
}

/// One service in twenty has something that the language has no word for.
fn patches(team: &str, members: &[Service], dice: &mut Dice) -> String {
    let mut text = String::new();
    for service in members.iter().filter(|service| service.kind == Kind::Store) {
        if !dice.percent(17) {
            continue;
        }
        let _ = write!(
            text,
            "  - target:
      kind: DestinationRule
      name: {}
      namespace: {team}
    patch: |-
      - op: add
        path: /spec/trafficPolicy/connectionPool/tcp/tcpKeepalive
        value:
          time: 300s
          interval: 60s
",
            service.name
        );
    }
    text
}
