//! The sources of a small mesh, and edits of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The services, all in the namespace `front`.
pub(super) const SERVICES: [&str; 2] = ["a", "b"];
/// Who calls them.
const CALLERS: [&str; 3] = ["x", "y", "z"];
/// Stages of releases, to be chosen from.
const STAGES: [&str; 4] = [
    "stage 5% for 2m; stage 100% for 10m",
    "stage 10% for 1m; stage 50% for 5m; stage 100% for 1m",
    "stage 1% for 1m; stage 2% for 1m approve; stage 30% for 1m; stage 100% for 2m",
    "stage 100% for 5m",
];
/// Gates of releases, to be chosen from.
const GATES: [&str; 3] = [
    "abort when error-rate > 1%; require 200 requests",
    "abort when error-rate > 5%; abort when latency p99 > 500ms; require 20 requests",
    "abort when error-rate > 2%; require 100 requests; confidence 95%",
];
/// How long a commit may take to be live, in seconds.
pub(super) const SETTLE: i64 = 60;
/// How long old versions are kept, in seconds.
pub(super) const KEEP: i64 = 3_600;

/// What may be edited in a service.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    /// The next version, whatever runs.
    Release,
    /// The right version goes.
    End,
    /// The right version becomes the left one.
    Follow,
    /// A left version that no release led to.
    Jump,
    /// The service goes, or comes back.
    Remove,
    Stages(usize),
    Gates(usize),
    Caller(usize),
    Limit,
    Timeout(u32),
    Expose,
}

/// The sources.
#[derive(Debug, Clone)]
pub(super) struct Project(pub(super) [Service; 2]);

/// A service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    /// `version vSTABLE -> vNEXT`.
    pub(super) stable: u32,
    pub(super) next: Option<u32>,
    /// The newest version that there ever was.
    newest: u32,
    stages: usize,
    gates: usize,
    callers: BTreeSet<usize>,
    limited: bool,
    timeout: u32,
    exposed: bool,
    /// It is declared.
    pub(super) present: bool,
}

impl Project {
    pub(super) fn new() -> Self {
        let service = |exposed| Service {
            stable: 1,
            next: None,
            newest: 1,
            stages: 0,
            gates: 0,
            callers: BTreeSet::from([0, 1]),
            limited: false,
            timeout: 1,
            exposed,
            present: true,
        };
        Self([service(true), service(false)])
    }

    pub(super) fn edit(&mut self, service: usize, edit: &Edit) {
        let alone = !self.0[1 - service].present;
        let service = &mut self.0[service];
        match edit {
            Edit::Jump => {
                service.newest += 1;
                (service.stable, service.next) = (service.newest, None);
            }
            Edit::Remove => service.present = !service.present || alone,
            Edit::Release => {
                service.newest += 1;
                service.next = Some(service.newest);
            }
            Edit::End => service.next = None,
            Edit::Follow => service.stable = service.next.take().unwrap_or(service.stable),
            Edit::Stages(choice) => service.stages = choice % STAGES.len(),
            Edit::Gates(choice) => service.gates = choice % GATES.len(),
            Edit::Caller(caller) => {
                let caller = caller % CALLERS.len();
                if !service.callers.remove(&caller) {
                    service.callers.insert(caller);
                }
            }
            Edit::Limit => service.limited = !service.limited,
            Edit::Timeout(seconds) => service.timeout = *seconds,
            Edit::Expose => service.exposed = !service.exposed,
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "mesh m {{ mtls strict; authorization deny-by-default }}\nenvironment prod {{ target istio 1.31; settle \
             {SETTLE}s; prometheus \"http://127.0.0.1:9\" }}\ngateway ingress {{ pods edge istio=gateway; service-account \
             edge/gateway; listen 80 http; trusted-proxies 1 }}\nnamespace front {{\n"
        );
        text.extend(CALLERS.map(|caller| format!("  caller {caller}\n")));
        for (name, service) in SERVICES.iter().zip(&self.0).filter(|(_, service)| service.present) {
            service.write(name, &mut text);
        }
        text.push_str("}\n");
        text
    }
}

impl Service {
    fn write(&self, name: &str, text: &mut String) {
        let next = self.next.map_or(String::new(), |next| format!(" -> v{next}"));
        let _ = write!(
            text,
            "  service {name} {{\n    port 80 -> 8080 http\n    port 9000 -> 9001 http\n    version v{}{next}\n    \
             canary {{ {}; {}; on no-data hold; keep {KEEP}s }}\n    timeout {}s\n",
            self.stable, STAGES[self.stages], GATES[self.gates], self.timeout
        );
        for caller in &self.callers {
            let _ = writeln!(text, "    allow {}", CALLERS[*caller]);
        }
        if self.exposed {
            let _ = writeln!(text, "    expose one.example.com /{name}/** on ingress port 80");
        } else if self.callers.is_empty() {
            text.push_str("    allow none\n");
        }
        if self.limited {
            text.push_str("    connection-pool { requests 100 }\n");
        }
        text.push_str("  }\n");
    }
}
