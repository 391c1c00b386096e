//! Random meshes, and random edits of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use meshc_core::bundle::Bundle;
use meshc_core::diagnostic::Severity;
use meshc_tests::dice::Dice;

use crate::support::project::Texts;

/// Namespaces with services; callers are in the first.
pub(super) const NAMESPACES: [&str; 2] = ["front", "back"];
/// What the second may be called in the cluster.
pub(super) const RENAMED: &str = "back-2";
pub(super) const SERVICES: [&str; 4] = ["a", "b", "c", "d"];
pub(super) const CALLERS: [&str; 3] = ["x", "y", "z"];
/// Service port and container port, of every service.
pub(super) const PORTS: [(u16, u16); 2] = [(80, 8080), (9000, 9001)];
pub(super) const PATHS: [&str; 3] = ["/p", "/q", "/r"];
const HOSTS: [&str; 2] = ["one.example.com", "two.example.com"];
const MODES: [&str; 3] = ["strict", "permissive", "disable"];

/// What may be edited.
#[derive(Debug, Clone)]
pub(super) struct Project {
    installed: bool,
    dry_run: bool,
    mode: &'static str,
    renamed: bool,
    /// The Gateway is written by the mesh.
    owns_gateway: bool,
    services: BTreeMap<(usize, &'static str), Service>,
}

#[derive(Debug, Clone, Default)]
struct Service {
    version: Option<u32>,
    /// The share of the next version, while that is released.
    release: Option<u32>,
    mode: Option<&'static str>,
    port_mode: Option<&'static str>,
    /// By caller, what it may call; nothing: everything.
    allows: BTreeMap<&'static str, Option<&'static str>>,
    anyone: bool,
    /// Host and path.
    exposed: BTreeSet<(&'static str, &'static str)>,
    timeout: Option<usize>,
    pool: bool,
}

impl Default for Project {
    fn default() -> Self {
        Self {
            installed: true,
            dry_run: false,
            mode: "strict",
            renamed: false,
            owns_gateway: true,
            services: BTreeMap::new(),
        }
    }
}

impl Project {
    /// The same after some edits that come together.
    pub(super) fn edited(&self, dice: &mut Dice) -> Self {
        let mut edited = self.clone();
        let count = if self.services.is_empty() { 8 } else { 1 + dice.below(4) };
        for _ in 0..count {
            edited.edit(dice);
        }
        edited
    }

    fn edit(&mut self, dice: &mut Dice) {
        let place = (dice.below(NAMESPACES.len()), *dice.pick(&SERVICES));
        let there = self.services.contains_key(&place);
        match dice.below(24) {
            0 => self.installed = !self.installed,
            1 => self.dry_run = !self.dry_run,
            2 | 3 => self.mode = *dice.pick(&MODES),
            4 => self.renamed = !self.renamed,
            5 => self.owns_gateway = !self.owns_gateway,
            6 | 7 if there => drop(self.services.remove(&place)),
            _ if there => {
                // A host and path is one service's.
                let taken: BTreeSet<_> = self.services.values().flat_map(|service| service.exposed.clone()).collect();
                if let Some(service) = self.services.get_mut(&place) {
                    service.edit(&taken, dice);
                }
            }
            _ => {
                let mut service = Service { anyone: dice.once_in(4), ..Service::default() };
                for _ in 0..4 {
                    service.edit(&BTreeSet::new(), dice);
                }
                service.exposed.clear();
                self.services.insert(place, service);
            }
        }
        if dice.once_in(3) {
            self.installed = true;
        }
    }

    /// What it is rendered to; nothing if the compiler refuses it.
    pub(super) fn render(&self) -> Option<Bundle> {
        if !self.installed || self.services.is_empty() {
            return Some(Bundle::default());
        }
        let mut texts = Texts::named([("mesh.mesh", self.text().as_str())]);
        for ((namespace, name), service) in &self.services {
            if let (Some(version), Some(weight)) = (service.version, service.release) {
                let state = format!(
                    "{{\"schema\": 1, \"stable\": \"v{version}\", \"canary\": \"v{}\", \"weight\": {weight}}}",
                    version + 1
                );
                texts = texts.with(&format!("state/prod/{}/{name}.json", NAMESPACES[*namespace]), state);
            }
        }
        let mut compiled = texts.compile();
        let faulty = compiled.found.iter().any(|found| found.severity == Severity::Error);
        let rendered = compiled.rendered.remove("prod")?;
        (!faulty).then_some(rendered.bundle)
    }

    fn text(&self) -> String {
        let authorization = if self.dry_run { "dry-run" } else { "deny-by-default" };
        let gateway = if self.owns_gateway { "listen 80 http" } else { "resource edge/other; listener 80" };
        let renamed = if self.renamed { format!("; namespace back as {RENAMED}") } else { String::new() };
        let mut text = format!(
            "mesh m {{ mtls {}; authorization {authorization} }}\nenvironment prod {{ target istio 1.31{renamed} }}\n\
             gateway ingress {{ pods edge istio=gateway; service-account edge/gateway; {gateway}; trusted-proxies 1 }}\n",
            self.mode
        );
        for (index, namespace) in NAMESPACES.iter().enumerate() {
            let _ = writeln!(text, "namespace {namespace} {{");
            if index == 0 {
                text.extend(CALLERS.map(|caller| format!("  caller {caller}\n")));
            }
            for ((_, name), service) in self.services.iter().filter(|((home, _), _)| *home == index) {
                service.write(name, index, &mut text);
            }
            text.push_str("}\n");
        }
        text
    }
}

impl Service {
    fn edit(&mut self, taken: &BTreeSet<(&'static str, &'static str)>, dice: &mut Dice) {
        match dice.below(12) {
            0..3 => match (self.version, self.release) {
                (None, _) => self.version = Some(1),
                // Finished, or given up.
                (Some(version), Some(_)) => {
                    self.release = None;
                    self.version = Some(version + u32::from(dice.once_in(2)));
                }
                (Some(_), None) if dice.once_in(5) => self.version = None,
                (Some(version), None) if dice.once_in(2) => self.version = Some(version + 1),
                (Some(_), None) => self.release = Some(5),
            },
            3 => self.release = self.release.map(|weight| (weight + 20) % 100),
            4 => self.mode = dice.once_in(2).then(|| *dice.pick(&MODES)),
            5 => self.port_mode = dice.once_in(2).then(|| *dice.pick(&MODES)),
            6..9 => {
                let caller = *dice.pick(&CALLERS);
                if self.allows.remove(caller).is_none() {
                    self.allows.insert(caller, dice.once_in(2).then(|| *dice.pick(&PATHS)));
                }
                // One comes and one goes.
                if dice.once_in(2) {
                    self.allows.remove(*dice.pick(&CALLERS));
                }
            }
            9 => {
                let exposed = (*dice.pick(&HOSTS), *dice.pick(&PATHS));
                if !self.exposed.remove(&exposed) && !taken.contains(&exposed) {
                    self.exposed.insert(exposed);
                }
            }
            10 => self.timeout = dice.once_in(2).then(|| 1 + dice.below(9)),
            _ if dice.once_in(3) => self.anyone = !self.anyone,
            _ => self.pool = !self.pool,
        }
    }

    fn write(&self, name: &str, namespace: usize, text: &mut String) {
        let _ = writeln!(text, "  service {name} {{");
        for (index, (port, container)) in PORTS.iter().enumerate() {
            let mode =
                self.port_mode.filter(|_| index == 1).map_or(String::new(), |mode| format!(" {{ mtls {mode} }}"));
            let _ = writeln!(text, "    port {port} -> {container} http{mode}");
        }
        match (self.version, self.release) {
            (Some(version), Some(_)) => {
                let _ = writeln!(text, "    version v{version} -> v{}", version + 1);
                text.push_str(
                    "    canary { stage 5% for 2m; stage 100% for 1h; abort when error-rate > 1%; require 10 requests\n\
                     \x20     on no-data hold }\n",
                );
            }
            (Some(version), None) => {
                let _ = writeln!(text, "    version v{version}");
            }
            (None, _) => {}
        }
        if let Some(mode) = self.mode {
            let _ = writeln!(text, "    mtls {mode}");
        }
        if self.anyone {
            text.push_str("    allow anyone\n");
        }
        for (caller, path) in &self.allows {
            let place = if namespace == 0 { String::new() } else { format!("{}/", NAMESPACES[0]) };
            let path = path.map_or(String::new(), |path| format!(" to {path}"));
            let _ = writeln!(text, "    allow {place}{caller}{path}");
        }
        for (host, path) in &self.exposed {
            let _ = writeln!(text, "    expose {host} {path}/** on ingress port 80");
        }
        if !self.anyone && self.allows.is_empty() && self.exposed.is_empty() {
            text.push_str("    allow none\n");
        }
        if let Some(timeout) = self.timeout {
            let _ = writeln!(text, "    timeout {timeout}s");
        }
        if self.pool {
            text.push_str("    connection-pool { requests 100 }\n");
        }
        text.push_str("  }\n");
    }
}
