//! What publishing would change, told as meaning first: who may newly call whom, which mTLS weakens, which weights
//! move. Told from the resources themselves, published and rendered, so that patches and raw files count too, and
//! nothing depends on how the sources were written when the published ones were made.
//!
//! Trees are compared by ids. Read are the files that differ and the policies that hold together with them: those of
//! their namespaces, and of the services that they select. An unchanged policy that a patch pointed at the pods of
//! another service is not looked for.
//!
//! | file | tells |
//! |---|---|
//! | `read` | which files differ, and the objects in them |
//! | `policies`, `policy`, `pattern` | what policies say, and sets of texts that they tell apart |
//! | `workloads`, `callers` | whom and what policies tell apart |
//! | `reach`, `access` | who may call whom, exactly, and in words |
//! | `protection`, `mtls` | policies that are gone, and modes |
//! | `exposure` | hosts, paths and listeners of gateways |
//! | `routes`, `settings`, `limits` | weights; timeouts, retries, pools; rate limits |
//! | `objects` | what comes and goes as a whole, and kinds that nothing here reads |
//! | `cost` | what the change costs under load |

pub mod access;
mod callers;
mod cost;
mod exposure;
mod limits;
mod mtls;
mod names;
mod objects;
pub mod pattern;
mod policies;
mod policy;
mod protection;
mod reach;
mod read;
mod routes;
mod settings;
#[cfg(test)]
mod tests;
mod unified;
mod workloads;

use std::collections::BTreeMap;

use crate::model::Mesh;
use crate::published::Tree;
use crate::source::{Span, Text};
use access::Access;
pub use unified::{Lines, lines, unified};

/// How much a reviewer should look at a change. The order is the order in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Risk {
    /// Protection goes: weaker mTLS, a new caller, a policy that is gone, a new way in from outside.
    Weakens,
    /// Calls that worked may fail: weights, limits, timeouts, lost access, pruned objects.
    Behaviour,
    /// Nothing is weakened and nothing can fail that did not before.
    Safe,
}

/// What kind of change it is. Declared in the order of a plan, so that the riskiest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Plaintext is newly accepted, or newly sent.
    MtlsWeakened,
    /// A caller may newly call something.
    AccessGained,
    /// A policy that refused somebody is gone, or no longer enforced; so is a limit.
    ProtectionRemoved,
    /// A host, path or listener is newly reachable from outside.
    Exposed,
    /// A condition of a policy changes that a plan does not evaluate: tokens, addresses, hosts.
    Condition,
    /// Weights of a release move, or versions come and go.
    Weights,
    /// A timeout, retry, limit, pool or ejection changes.
    Traffic,
    /// A caller may no longer call something.
    AccessLost,
    /// A host, path or listener is no longer reachable from outside.
    Unexposed,
    /// An object is deleted from the cluster.
    Pruned,
    /// mTLS is newly demanded, or a policy newly enforced.
    Strengthened,
    /// What applying the change costs under load: streams that are cut, ejections that are forgotten.
    Cost,
    /// An object of a kind whose meaning a plan does not know comes or changes.
    Unread,
    /// A difference that means nothing of the above.
    Other,
}

impl Kind {
    /// Every kind, in the order of a plan.
    pub const ALL: [Kind; 14] = [
        Kind::MtlsWeakened,
        Kind::AccessGained,
        Kind::ProtectionRemoved,
        Kind::Exposed,
        Kind::Condition,
        Kind::Weights,
        Kind::Traffic,
        Kind::AccessLost,
        Kind::Unexposed,
        Kind::Pruned,
        Kind::Strengthened,
        Kind::Cost,
        Kind::Unread,
        Kind::Other,
    ];

    /// How much to look at a change of this kind.
    pub const fn risk(self) -> Risk {
        match self {
            Kind::MtlsWeakened | Kind::AccessGained | Kind::ProtectionRemoved | Kind::Exposed | Kind::Condition => {
                Risk::Weakens
            }
            Kind::Weights
            | Kind::Traffic
            | Kind::AccessLost
            | Kind::Unexposed
            | Kind::Pruned
            | Kind::Strengthened
            | Kind::Cost
            | Kind::Unread => Risk::Behaviour,
            Kind::Other => Risk::Safe,
        }
    }

    /// The kind's name for machines, which never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::MtlsWeakened => "mtls-weakened",
            Kind::AccessGained => "access-gained",
            Kind::ProtectionRemoved => "protection-removed",
            Kind::Exposed => "exposed",
            Kind::Condition => "condition",
            Kind::Weights => "weights",
            Kind::Traffic => "traffic",
            Kind::AccessLost => "access-lost",
            Kind::Unexposed => "unexposed",
            Kind::Pruned => "pruned",
            Kind::Strengthened => "strengthened",
            Kind::Cost => "cost",
            Kind::Unread => "unread",
            Kind::Other => "other",
        }
    }

    /// What the kind means, in one sentence without a final period.
    pub const fn summary(self) -> &'static str {
        match self {
            Kind::MtlsWeakened => "Plaintext is newly accepted, or newly sent",
            Kind::AccessGained => "A caller may newly call something",
            Kind::ProtectionRemoved => "A policy or limit that refused somebody is gone, or no longer enforced",
            Kind::Exposed => "A host, path or listener is newly reachable from outside",
            Kind::Condition => "A condition of a policy changes that a plan does not evaluate",
            Kind::Weights => "Weights of a release move, or versions come and go",
            Kind::Traffic => "A timeout, retry, limit, pool or ejection changes",
            Kind::AccessLost => "A caller may no longer call something",
            Kind::Unexposed => "A host, path or listener is no longer reachable from outside",
            Kind::Pruned => "Objects are deleted from the cluster",
            Kind::Strengthened => "mTLS is newly demanded, or a policy newly enforced",
            Kind::Cost => "What applying the change costs under load",
            Kind::Unread => "An object of a kind whose meaning a plan does not know comes or changes",
            Kind::Other => "A difference that changes nothing about calls",
        }
    }
}

/// One change, as a person says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What kind of change; it decides the risk.
    pub kind: Kind,
    /// What it concerns, by logical names: `boutique/cartservice`, a host, a namespace.
    pub subject: Text,
    /// One sentence without a final period, about the subject: "`boutique/frontend` may newly call `AddItem`".
    pub text: String,
    /// The file that says it.
    pub path: String,
    /// The line of the sources that causes it; none where the cause is a line that is gone.
    pub cause: Option<Span>,
    /// For [`Kind::AccessGained`] and [`Kind::AccessLost`]: the same for machines, and exact. All changes of a plan
    /// together name every call whose answer changes once, and no other. Where anyone gains something of which some
    /// had a part already, what these gain is a statement of its own here, and the sentence is one.
    pub access: Vec<Access>,
}

impl Change {
    /// How much to look at it.
    pub const fn risk(&self) -> Risk {
        self.kind.risk()
    }
}

/// Everything that publishing would change in one environment.
#[derive(Debug, Default)]
pub struct Plan {
    /// Sorted: by kind, then subject, then text. None stands twice.
    pub changes: Vec<Change>,
    /// Files that differ, sorted by path; kustomizations and locks are among them.
    pub files: Vec<FileChange>,
}

impl Plan {
    /// Whether publishing would change nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// How many changes have this risk.
    pub fn count(&self, risk: Risk) -> usize {
        self.changes.iter().filter(|change| change.risk() == risk).count()
    }
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Path from the root of the deploy repository.
    pub path: String,
    /// The published text; nothing: a new file.
    pub before: Option<String>,
    /// The new text; nothing: deleted.
    pub after: Option<String>,
}

/// Compares what is published with what would be. `mesh` and `causes` are those of the rendering that `after` holds,
/// or that it is a step towards.
///
/// The error is a published file that cannot be read, with its path.
pub fn compare(
    before: &Tree<'_>,
    after: &Tree<'_>,
    mesh: &Mesh,
    causes: &BTreeMap<String, Span>,
) -> Result<Plan, String> {
    let files = read::changed_files(before, after)?;
    if files.is_empty() {
        return Ok(Plan::default());
    }
    let diff = read::Diff::new(&files);
    let names = names::Names::new(mesh, before, after);
    let mut out = Changes { causes, list: Vec::new() };
    let policies = policies::Policies::read(before, after, &diff, &names)?;
    let workloads = workloads::workloads(&policies, &names);
    let told = reach::tell(&policies, &workloads, &names, &mut out);
    mtls::tell(&policies, &workloads, &diff, &names, &mut out);
    protection::tell(&policies, &diff, &names, &mut out);
    exposure::tell(&diff, &names, &mut out);
    routes::tell(&diff, &names, &mut out);
    settings::tell(&diff, &names, &mut out);
    limits::tell(&diff, &names, &mut out);
    objects::tell(&diff, &names, &told, &mut out);
    cost::tell(&policies, &workloads, &diff, (before, after), &names, &mut out);
    let mut changes = out.list;
    changes.sort();
    changes.dedup_by(|a, b| a.kind == b.kind && a.subject == b.subject && a.text == b.text && a.access == b.access);
    Ok(Plan { changes, files })
}

/// Where changes are gathered.
struct Changes<'c> {
    causes: &'c BTreeMap<String, Span>,
    list: Vec<Change>,
}

impl Changes<'_> {
    /// Adds a change that the declaration behind `path` causes.
    fn add(&mut self, kind: Kind, subject: impl Into<Text>, path: &str, text: String) {
        self.add_because(kind, subject, path, text, None);
    }

    /// Adds a change that `cause` causes, else the declaration behind `path`.
    fn add_because(&mut self, kind: Kind, subject: impl Into<Text>, path: &str, text: String, cause: Option<Span>) {
        let cause = cause.or_else(|| self.causes.get(path).copied());
        self.list.push(Change {
            kind,
            subject: subject.into(),
            text,
            path: path.to_owned(),
            cause,
            access: Vec::new(),
        });
    }
}
