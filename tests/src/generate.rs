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

/// The environments of every generated project, sorted.
pub const ENVIRONMENTS: [&str; 3] = ["dev", "prod", "staging"];

/// Services of one team: one namespace, one file.
const TEAM: usize = 100;

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// How many services: ten at least, so that there is one of each kind.
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

#[cfg(test)]
mod tests {
    use meshc_core::compile::Compilation;
    use meshc_core::diagnostic::Diagnostics;
    use meshc_core::project;
    use meshc_core::source::Text;
    use meshc_core::state::State;
    use meshc_core::world::MemoryWorld;

    use super::*;

    /// The files of every environment of a project in which nothing is found.
    fn files(size: Size) -> BTreeMap<String, String> {
        let generated = super::project(size);
        let mut out = Diagnostics::default();
        let project = project::load(&MemoryWorld { files: generated.files }, &mut out);
        let compilation = Compilation::new(&project, &mut out);
        let versioned = compilation.versioned();
        let with_state = |environment: Text| {
            let names = versioned.iter().map(|(namespace, service)| (namespace, service));
            let state = State::read(&environment, names, |path| Ok(generated.state.get(path).cloned()));
            (environment, state)
        };
        let states: Vec<(Text, State)> = compilation.environments().into_iter().map(with_state).collect();
        assert_eq!(states.iter().map(|(environment, _)| environment.as_str()).collect::<Vec<_>>(), ENVIRONMENTS);
        let mut files = BTreeMap::new();
        for ((environment, _), rendered) in states.iter().zip(compilation.render_all(&states)) {
            out.append_environment(environment, rendered.diagnostics);
            files.extend(rendered.bundle.files);
        }
        assert_eq!(out.iter().next(), None, "{size:?}");
        files
    }

    #[test]
    fn nothing_is_found_in_generated_projects_and_stating_is_the_same_as_reading() {
        for services in [10, 120, 250] {
            let stated = files(Size { services, read: false });
            let read = files(Size { services, read: true });
            assert!(stated.len() > 9 * services, "{} files of {services} services", stated.len());
            assert!(stated == read, "{services} services");
        }
    }

    #[test]
    fn generated_projects_have_what_they_are_measured_for() {
        let Generated { files, state } = super::project(Size { services: 1000, read: false });
        let text: String = files.values().cloned().collect();
        let count = |part: &str| text.matches(part).count();
        assert!((250..=350).contains(&count("version v1 -> v2")), "{}", count("version v1 -> v2"));
        assert!(state.len() > 100 && count("    patch: |") > 30 && count(" to Get") > 100 && count("/min") > 200);
        assert_eq!(super::project(Size { services: 1000, read: false }).files, files);
    }
}
