//! Generates projects of any size that look like those of a company: teams of a hundred services with a namespace and
//! a file each, three environments, presets, allow lists with RPCs, releases (30 % of the services, some of them under
//! way), limits, exposed hosts, patches of each team and of the platform. The same size gives the same text.
//!
//! Nothing in a generated project is faulty or doubtful: it compiles without a single finding, so that no time is spent
//! on diagnostics. It states everything, unless it is asked for files to read.

mod environment;
mod inventory;
mod service;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::dice::Dice;

/// The environments of every generated project.
pub const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

/// Services of one team: one namespace, one file.
const TEAM: usize = 100;

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// How many services.
    pub services: usize,
    /// Whether ports, accounts and versions come from Kubernetes manifests, and RPCs from `.proto` files, in place of
    /// being stated.
    pub read: bool,
}

/// A project in memory.
#[derive(Debug, Clone, Default)]
pub struct Generated {
    /// Text by path.
    pub files: BTreeMap<String, String>,
    /// Recorded releases: JSON by path in a deploy checkout, `state/ENV/NAMESPACE/SERVICE.json`.
    pub state: BTreeMap<String, String>,
}

/// Generates a project.
pub fn project(size: Size) -> Generated {
    let dice = &mut Dice::new(size.services as u64);
    let services = service::services(size.services, dice);
    let mut out = Generated::default();
    out.files.insert("mesh.mesh".to_owned(), mesh(size));
    for (team, members) in services.chunks(TEAM).enumerate() {
        let mut text = format!("namespace {} {{\n  owner @{}\n", namespace(team), namespace(team));
        for service in members {
            service.declare(&services, size.read, &mut text);
        }
        text.push_str("}\n");
        out.files.insert(format!("teams/{}.mesh", namespace(team)), text);
        if size.read {
            out.files.insert(format!("kubernetes/{}.yaml", namespace(team)), inventory::manifests(members));
            out.files.insert(format!("protos/{}.proto", namespace(team)), inventory::protos(members));
        }
    }
    environment::environments(&services, dice, &mut out.files);
    for service in &services {
        service.record(&mut out.state);
    }
    out
}

fn namespace(team: usize) -> String {
    format!("team-{team:03}")
}

/// What belongs to nobody alone: the mesh, the gateway, the presets of the house.
fn mesh(size: Size) -> String {
    let mut text = String::from("use std/grpc, std/http, std/canary, std/limits\n\nmesh company {\n");
    if size.read {
        text.push_str("  inventory     \"kubernetes/*.yaml\"\n  protos        \"protos/*.proto\"\n");
    }
    let _ = write!(
        text,
        r"  mtls          strict
  authorization deny-by-default
  injection     enabled
}}

gateway ingress {{
  pods            edge istio=public-gateway
  service-account edge/public-gateway
  trusted-proxies 1
  listen 80  http  {{ redirect https }}
  listen 443 https {{ credential public-certificate }}
}}

namespace monitoring {{
  caller prometheus {{ service-account k8s-prometheus }}
}}

## Interfaces in the house. Metrics are on a port that no Service has.
preset internal-api is http-api {{
  port  -> 9090 http
  allow monitoring/prometheus to GET /metrics on 9090
}}

## Stores answer fast or not at all.
preset store is grpc-read, circuit-breaker {{
  timeout 1500ms
  retry {{ per-try 400ms }}
}}
"
    );
    text
}
