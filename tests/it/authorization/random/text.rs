//! A plan as `.mesh` files.

use std::fmt::Write as _;

use super::plan::{self, CROWD, Exposed, GATEWAY, Line, NAMESPACES, Plan, Planned, Service};
use crate::authorization::declared::Speaks;
use crate::authorization::policy::Mode;

/// Texts by path.
pub(super) fn files(plan: &Plan) -> Vec<(String, String)> {
    let mut files = vec![("mesh.mesh".to_owned(), mesh(plan)), ("prod.mesh".to_owned(), environment(plan))];
    for (index, name) in NAMESPACES.iter().enumerate() {
        let mut text = format!("namespace {name} {{\n");
        if let Some(mode) = plan.modes.get(index).copied().flatten() {
            let _ = writeln!(text, "  mtls {}", word(mode));
        }
        for (party, service) in plan.parties.iter().zip(&plan.services) {
            if service.namespace == index {
                let account = party.account.as_ref().map(|(_, name)| name.as_str());
                text.push_str(&declaration(plan, service, account));
            }
        }
        for party in plan.parties.iter().filter(|party| party.namespace == index && index == CROWD) {
            let _ = write!(text, "  caller {}", party.name);
            if let Some((namespace, name)) = &party.account {
                let place = if *namespace == index { String::new() } else { format!("{}/", NAMESPACES[*namespace]) };
                let _ = write!(text, " {{ service-account {place}{name} }}");
            }
            text.push('\n');
        }
        text.push_str("  caller nobody\n}\n");
        files.push((format!("teams/{name}.mesh"), text));
    }
    files
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Unset => unreachable!("a plan states modes"),
        Mode::Disable => "disable",
        Mode::Permissive => "permissive",
        Mode::Strict => "strict",
    }
}

fn mesh(plan: &Plan) -> String {
    let authorization = if plan.dry_run { "dry-run" } else { "deny-by-default" };
    format!(
        "mesh random {{\n  mtls {}\n  authorization {authorization}\n}}\n\n\
         gateway ingress {{\n  pods edge istio=gateway\n  service-account edge/{GATEWAY}\n  \
         listen 443 https {{ credential certificate }}\n}}\n",
        word(plan.mode)
    )
}

fn environment(plan: &Plan) -> String {
    let mut text = format!("environment prod {{\n  target istio 1.{}\n", plan.minor);
    if plan.states_trust_domain {
        let _ = writeln!(text, "  trust-domain {}", plan.trust_domain);
    }
    for (name, rendered) in NAMESPACES.iter().zip(&plan.rendered).filter(|(name, rendered)| name != rendered) {
        let _ = writeln!(text, "  namespace {name} as {rendered}");
    }
    for service in &plan.services {
        if service.removed.is_empty() && service.added.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  service {}/{} {{", NAMESPACES[service.namespace], service.name);
        for caller in &service.removed {
            let _ = writeln!(text, "    no allow {}", reference(plan, service, *caller));
        }
        for line in &service.added {
            text.push_str(&allow(plan, service, line));
        }
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

/// A party as a service names it: with its namespace, unless that is the service's own.
fn reference(plan: &Plan, service: &Service, caller: usize) -> String {
    let party = &plan.parties[caller];
    if party.namespace == service.namespace {
        party.name.clone()
    } else {
        format!("{}/{}", NAMESPACES[party.namespace], party.name)
    }
}

fn declaration(plan: &Plan, service: &Service, account: Option<&str>) -> String {
    let mut text = format!("  service {} {{\n", service.name);
    if let Some(pairs) = &service.selector {
        let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let _ = writeln!(text, "    selector {}", pairs.join(" "));
    }
    if let Some(account) = account {
        let _ = writeln!(text, "    service-account {account}");
    }
    if let Some(mode) = service.mode {
        let _ = writeln!(text, "    mtls {}", word(mode));
    }
    for port in &service.ports {
        let speaks = match port.speaks {
            Speaks::Http => "http",
            Speaks::Grpc => "grpc",
            Speaks::Bytes => "tcp",
        };
        let block = port.mode.map_or(String::new(), |mode| format!(" {{ mtls {} }}", word(mode)));
        let numbers: Vec<String> = match port.numbers.is_empty() {
            true => vec!["->".to_owned()],
            false => port.numbers.iter().map(|number| format!("{number} ->")).collect(),
        };
        for number in numbers {
            let _ = writeln!(text, "    port {number} {} {speaks}{block}", port.container);
        }
    }
    let _ = writeln!(text, "    rpcs {} Get, List, Create, GetAll", plan::grpc_service(service));
    for line in &service.lines {
        text.push_str(&allow(plan, service, line));
    }
    if service.lines.is_empty() {
        text.push_str("    allow none\n");
    }
    for Exposed { host, path, port } in &service.exposed {
        let path = path.map_or(String::new(), |(path, below)| format!(" {path}{}", if below { "/**" } else { "" }));
        let number = service.ports[*port].numbers[0];
        let _ = writeln!(text, "    expose {host}{path} on ingress port {number}");
    }
    text.push_str("  }\n");
    text
}

fn allow(plan: &Plan, service: &Service, line: &Line) -> String {
    let callers: Vec<String> = line.callers.iter().map(|caller| reference(plan, service, *caller)).collect();
    let callers = if callers.is_empty() { "anyone".to_owned() } else { callers.join(", ") };
    let operation = |operation: &Planned| match operation {
        Planned::Rpc(name) => (*name).to_owned(),
        Planned::Http(methods, path, below) => {
            let methods = if methods.is_empty() { String::new() } else { format!("{} ", methods.join("|")) };
            format!("{methods}{path}{}", if *below { "/**" } else { "" })
        }
    };
    let operations: Vec<String> = line.operations.iter().map(operation).collect();
    let to = if operations.is_empty() { String::new() } else { format!(" to {}", operations.join(", ")) };
    let on = line.on.map_or(String::new(), |(_, number)| format!(" on {number}"));
    format!("    allow {callers}{to}{on}\n")
}
