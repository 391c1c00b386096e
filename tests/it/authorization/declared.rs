//! What the sources declare, computed from a description of them and from the language's reference alone: nothing here
//! knows how the compiler reads or resolves a file.

use super::evaluate::{Answer, Identity, Request};
use super::policy::{Labels, Mode};

/// Workloads with who may call them.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// Nobody is refused for not being allowed: `authorization dry-run`.
    pub(super) dry_run: bool,
    pub(super) workloads: Vec<Workload>,
    /// Namespaces in the cluster that the mesh governs, with their modes.
    pub(super) namespaces: Vec<(String, Mode)>,
}

/// The pods of one service.
#[derive(Debug)]
pub(super) struct Workload {
    /// In the cluster.
    pub(super) namespace: String,
    pub(super) labels: Labels,
    /// Of the workload, for ports that nobody declared.
    pub(super) mode: Mode,
    pub(super) ports: Vec<Port>,
}

/// A container port.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) container: u16,
    pub(super) speaks: Speaks,
    pub(super) mode: Mode,
    pub(super) allows: Vec<Allow>,
}

/// What a port speaks, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Http,
    Grpc,
    Bytes,
}

/// One caller and what it may do on a port.
#[derive(Debug, Clone)]
pub(super) struct Allow {
    pub(super) who: Who,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Anyone,
    /// Namespace in the cluster, and account.
    Account(String, String),
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Everything,
    /// Full path.
    Rpc(String),
    /// Methods (none: all) on paths.
    Http(Vec<String>, Paths),
}

#[derive(Debug, Clone)]
pub(super) enum Paths {
    Exactly(String),
    /// `/p/**`, without `/**`.
    AndBelow(String),
}

impl Allow {
    fn admits(&self, identity: Option<&Identity>, http: Option<(&str, &str)>) -> bool {
        let who = match &self.who {
            Who::Anyone => true,
            Who::Account(namespace, account) => {
                identity.is_some_and(|identity| identity.namespace == *namespace && identity.account == *account)
            }
        };
        who && match (&self.what, http) {
            (What::Everything, _) => true,
            (What::Rpc(rpc), Some((_, path))) => rpc == path,
            (What::Http(methods, paths), Some((method, path))) => {
                (methods.is_empty() || methods.iter().any(|known| known == method)) && paths.contain(path)
            }
            (_, None) => false,
        }
    }
}

impl Paths {
    fn contain(&self, path: &str) -> bool {
        match self {
            Paths::Exactly(exact) => path == exact,
            Paths::AndBelow(top) => path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }
}

impl Declared {
    /// What becomes of a request, by what is declared. `workload` is where it arrives; absent: at pods that nobody
    /// declared, which nobody may call.
    pub(super) fn answer(&self, workload: Option<&Workload>, namespace: &str, request: &Request<'_>) -> Answer {
        let port = workload.and_then(|workload| workload.ports.iter().find(|port| port.container == request.port));
        let governed = self.namespaces.iter().find(|(governed, _)| governed == namespace);
        let Some((_, of_namespace)) = governed else { return Answer::Admitted };
        let mode = port.map(|port| port.mode).or(workload.map(|workload| workload.mode)).unwrap_or(*of_namespace);
        let identity = match (mode, request.identity) {
            (Mode::Strict, None) => return Answer::Reset,
            (Mode::Disable, _) => None,
            (_, identity) => identity,
        };
        let allowed = port.is_some_and(|port| port.allows.iter().any(|allow| allow.admits(identity, request.http)));
        if self.dry_run || allowed { Answer::Admitted } else { Answer::Denied }
    }
}
