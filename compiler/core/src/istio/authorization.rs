//! AuthorizationPolicy: deny by default in each namespace, and one ALLOW list for each service.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::Serialize;

use super::feature::Feature;
use super::names;
use super::resource::{self, AUTHORIZATION_POLICY, AsText, Marks, Pairs, Place, Slashed, WorkloadSelector};
use crate::bundle::Sink;
use crate::model::access::{Grant, Operation, Peer};
use crate::model::target::Target;
use crate::model::{Authorization, Mesh, Namespace, PathPattern, Service};
use crate::source::{Span, Text};

/// How many accounts the CRD accepts in one source (istio 1.31; the webhooks of 1.25 and later say the same).
pub(super) const ACCOUNTS_PER_SOURCE: usize = 16;

/// Counts what would be refused and lets it through (istio 1.31, pkg/config/validation/validation.go). A dry-run
/// ALLOW is no part of the enforced list, so that deny-by-default in dry run is safe to try.
const DRY_RUN: &[(&str, &str)] = &[("istio.io/dry-run", "true")];

/// `spec` of an AuthorizationPolicy. Everything absent is an ALLOW policy without rules: it denies everybody.
#[derive(Debug, Default, Serialize)]
struct AuthorizationPolicy<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rule<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<WorkloadSelector<'a>>,
}

/// Who may do what: one entry of `from` and one of `to` must match.
#[derive(Debug, Serialize)]
pub(super) struct Rule<'a> {
    /// Empty: anyone, with or without an identity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) from: Vec<From<'a>>,
    to: Vec<To<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct From<'a> {
    source: Source<'a>,
}

/// Principals and accounts never share a source: the CRD refuses it.
#[derive(Debug, Default, Serialize)]
struct Source<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    principals: Vec<AsText<Principal<'a>>>,
    #[serde(rename = "serviceAccounts", skip_serializing_if = "Vec::is_empty")]
    service_accounts: Vec<AsText<Slashed<'a>>>,
}

/// An account as certificates name it, without `spiffe://`.
#[derive(Debug, Clone, Copy)]
struct Principal<'a> {
    trust_domain: &'a str,
    account: Slashed<'a>,
}

impl Display for Principal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/ns/{}/sa/{}", self.trust_domain, self.account.0, self.account.1)
    }
}

#[derive(Debug, Serialize)]
struct To<'a> {
    operation: Operations<'a>,
}

/// `operation`: every list that is there must match.
#[derive(Debug, Serialize)]
struct Operations<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: Vec<Cow<'a, str>>,
    /// Container ports: what the connection at the workload is for.
    ports: Vec<AsText<u16>>,
}

/// Writes the policy that denies what no service allows.
pub(super) fn put_default(mesh: &Mesh, namespace: &Namespace, span: Span, sink: &mut impl Sink) {
    let place = Place {
        namespace: namespace.rendered.clone(),
        name: Text::new_static("deny-by-default"),
        path: names::namespace_file(&namespace.name, AUTHORIZATION_POLICY.file()),
        span,
    };
    let policy = AuthorizationPolicy::default();
    resource::put(sink, AUTHORIZATION_POLICY, place, marks(mesh), Some(policy), None);
}

/// Writes the list of who may call a service.
pub(super) fn put(mesh: &Mesh, namespace: &Namespace, service: &Service, sink: &mut impl Sink) {
    let place = Place {
        namespace: namespace.rendered.clone(),
        name: service.name.clone(),
        path: names::service_file(AUTHORIZATION_POLICY, namespace, service, None),
        span: service.span,
    };
    let policy = AuthorizationPolicy {
        action: Some("ALLOW"),
        rules: rules(&service.grants, &mesh.target),
        selector: Some(WorkloadSelector { match_labels: Pairs::Owned(&service.selector) }),
    };
    resource::put(sink, AUTHORIZATION_POLICY, place, marks(mesh), Some(policy), None);
}

fn marks(mesh: &Mesh) -> Marks<'static> {
    let annotations = match mesh.authorization {
        Authorization::DenyByDefault => &[],
        Authorization::DryRun => DRY_RUN,
    };
    Marks { annotations, label: None }
}

/// The rules of a service: one for each set of operations and ports, in their order, whatever the order of grants.
pub(super) fn rules<'a>(grants: &'a [Grant], target: &'a Target) -> Vec<Rule<'a>> {
    let mut sorted: Vec<(&'a [u16], Vec<&'a Operation>, &'a Peer)> = grants
        .iter()
        .map(|grant| {
            let mut operations: Vec<&Operation> = grant.operations.iter().collect();
            operations.sort_unstable();
            operations.dedup();
            (&grant.ports[..], operations, &grant.peer)
        })
        .collect();
    // `Anyone` sorts before accounts.
    sorted.sort_unstable();
    sorted.dedup();
    sorted
        .chunk_by(|a, b| a.0 == b.0 && a.1 == b.1)
        .filter_map(|group| {
            let (ports, operations, first) = group.first()?;
            // Whoever else is named is admitted with anyone.
            let from = match first {
                Peer::Anyone => Vec::new(),
                Peer::Account(..) => sources(group.iter().map(|(_, _, peer)| *peer), target),
            };
            Some(Rule { from, to: to(operations, ports) })
        })
        .collect()
}

/// Sources that admit these accounts. A `serviceAccounts` entry is a regular expression in which `.` matched any
/// letter until the fix of istio issue 59700, so that such names are matched as principals, letter by letter.
fn sources<'a>(peers: impl Iterator<Item = &'a Peer>, target: &'a Target) -> Vec<From<'a>> {
    let by_account = Feature::ServiceAccounts.in_version(target.istio);
    let (mut accounts, mut principals) = (Vec::new(), Vec::new());
    for peer in peers {
        let Peer::Account(namespace, name) = peer else { continue };
        let account = Slashed(namespace, name);
        if by_account && !namespace.contains('.') && !name.contains('.') {
            accounts.push(AsText(account));
        } else {
            principals.push(AsText(Principal { trust_domain: &target.trust_domain, account }));
        }
    }
    let mut out: Vec<From<'a>> = accounts
        .chunks(ACCOUNTS_PER_SOURCE)
        .map(|chunk| From { source: Source { service_accounts: chunk.to_vec(), ..Source::default() } })
        .collect();
    if !principals.is_empty() {
        out.push(From { source: Source { principals, ..Source::default() } });
    }
    out
}

/// The entries of `to` for sorted operations on these ports: RPCs together, HTTP by sets of methods.
fn to<'a>(operations: &[&'a Operation], ports: &[u16]) -> Vec<To<'a>> {
    let ports = || ports.iter().copied().map(AsText).collect();
    let entry = |methods, paths| To { operation: Operations { methods, paths, ports: ports() } };
    let everything = Operation::Http(Vec::new(), PathPattern::All);
    if operations.is_empty() || operations.contains(&&everything) {
        return vec![entry(Vec::new(), Vec::new())];
    }
    let rpcs: Vec<Cow<'a, str>> = operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Rpc(path) => Some(Cow::Borrowed(path.as_str())),
            Operation::Http(..) => None,
        })
        .collect();
    let mut out = Vec::new();
    if !rpcs.is_empty() {
        out.push(entry(Vec::new(), rpcs));
    }
    let mut http: Vec<(Vec<&'a str>, Vec<&'a PathPattern>)> = Vec::new();
    for operation in operations {
        let Operation::Http(methods, path) = operation else { continue };
        let mut methods: Vec<&str> = methods.iter().map(Text::as_str).collect();
        methods.sort_unstable();
        methods.dedup();
        match http.iter_mut().find(|(known, _)| *known == methods) {
            Some((_, paths)) => paths.push(path),
            None => http.push((methods, vec![path])),
        }
    }
    http.sort_unstable();
    out.extend(http.into_iter().map(|(methods, patterns)| entry(methods, paths(&patterns))));
    out
}

/// Paths as a policy spells them; none where every path is meant. `/p/**` is `/p` and all below, as in routes.
fn paths<'a>(patterns: &[&'a PathPattern]) -> Vec<Cow<'a, str>> {
    let mut out = Vec::with_capacity(patterns.len() + 1);
    for pattern in patterns {
        match super::path::Paths::from(*pattern) {
            super::path::Paths::All => return Vec::new(),
            super::path::Paths::Exact(path) => out.push(Cow::Borrowed(path)),
            super::path::Paths::Below(path) => {
                out.extend([Cow::Borrowed(path), Cow::Owned(format!("{path}/*"))]);
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}
