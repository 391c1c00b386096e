//! What a sidecar answers, by Istio's documentation of the two kinds (istio/api, security/v1beta1:
//! authorization_policy.proto, peer_authentication.proto) and, where that is silent, by what istiod makes of them (istio
//! 1.31, pilot/pkg/security/authz/model, pilot/pkg/security/authz/builder, pilot/pkg/security/trustdomain/bundle.go).

use yaml_serde::Value;

use super::policy::{
    Action, AuthorizationPolicy, From, Labels, Mode, Operation, PeerAuthentication, PeerSpec, Policies, Rule, Selector,
    Source, To,
};

/// The namespace whose policies hold for all.
const ROOT: &str = "istio-system";
/// The trust domain that stands for the mesh's own, whatever that is called.
const ANY_NAME_OF_OURS: &str = "cluster.local";

/// Who calls, by the certificate of its sidecar.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub(crate) namespace: String,
    pub(crate) account: String,
    principal: String,
}

impl Identity {
    /// The account of a workload of the mesh.
    pub(crate) fn new(trust_domain: &str, namespace: &str, account: &str) -> Self {
        let principal = format!("{trust_domain}/ns/{namespace}/sa/{account}");
        Self { namespace: namespace.to_owned(), account: account.to_owned(), principal }
    }
}

/// A request as it arrives at a workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// Of the caller; absent: it has no sidecar.
    pub(crate) identity: Option<&'a Identity>,
    /// Of the container.
    pub(crate) port: u16,
    /// Method and path; absent: the port speaks bytes.
    pub(crate) http: Option<(&'a str, &'a str)>,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The connection is reset: plaintext where mTLS is demanded.
    Reset,
    /// 403, `PERMISSION_DENIED`, or a closed connection.
    Denied,
    Admitted,
    /// Several PeerAuthentications for one workload: the oldest counts, and files have no age.
    Unclear,
}

/// The policies of a cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    policies: Policies,
    trust_domain: String,
}

impl Cluster {
    /// Reads a cluster's documents; kinds that decide nothing here are passed over. `minor` is Istio's version,
    /// `trust_domain` what istiod has for its mesh.
    pub(crate) fn of(documents: &[Value], trust_domain: &str, minor: u32) -> Result<Self, String> {
        Ok(Self { policies: Policies::of(documents, minor)?, trust_domain: trust_domain.to_owned() })
    }

    /// What a workload's sidecar gets of all policies.
    pub(crate) fn sidecar<'c>(&'c self, namespace: &str, labels: &Labels) -> Sidecar<'c> {
        let one = |namespace: &str, own: bool| {
            let wanted = |policy: &&PeerAuthentication| {
                let selects = policy.spec.selector.as_ref().is_some_and(|selector| !selector.match_labels.is_empty());
                policy.metadata.namespace == namespace
                    && selects == own
                    && policy.spec.selector.as_ref().is_none_or(|selector| selector.selects(labels))
            };
            let mut found = self.policies.authentication.iter().filter(wanted);
            let first = found.next();
            if found.next().is_some() { Err(Several) } else { Ok(first.map(|policy| &policy.spec)) }
        };
        let modes = || Ok([one(namespace, true)?, one(namespace, false)?, one(ROOT, false)?]);
        let enforced = |action: Action| {
            let all = self.policies.authorization.iter();
            all.filter(|policy| policy.spec.action == action && policy.applies(namespace, labels)).collect()
        };
        Sidecar { cluster: self, modes: modes(), deny: enforced(Action::Deny), allow: enforced(Action::Allow) }
    }

    fn matches(&self, policy: &AuthorizationPolicy, request: &Request<'_>) -> bool {
        policy.spec.rules.iter().any(|rule| self.rule(rule, policy, request))
    }

    fn rule(&self, rule: &Rule, policy: &AuthorizationPolicy, request: &Request<'_>) -> bool {
        // istiod drops a rule of an ALLOW policy from ports of bytes as a whole, if any part of it speaks of requests.
        let speaks_http = || rule.to.iter().flatten().any(|to| to.operation.has_http());
        if request.http.is_none() && policy.spec.action == Action::Allow && speaks_http() {
            return false;
        }
        let from = |From { source }: &From| self.source(source, policy, request.identity);
        let to = |To { operation }: &To| operation.matches(request);
        rule.from.as_ref().is_none_or(|list| list.iter().any(from))
            && rule.to.as_ref().is_none_or(|list| list.iter().any(to))
    }

    fn source(&self, source: &Source, policy: &AuthorizationPolicy, identity: Option<&Identity>) -> bool {
        let is = |pattern: &String| identity.is_some_and(|identity| self.principal(pattern, &identity.principal));
        let namespace = |pattern: &String| identity.is_some_and(|identity| text(pattern, &identity.namespace));
        let account = |pattern: &String| {
            identity.is_some_and(|identity| self::account(pattern, &policy.metadata.namespace, identity))
        };
        holds(source.principals.as_ref(), source.not_principals.as_ref(), is)
            && holds(source.namespaces.as_ref(), source.not_namespaces.as_ref(), namespace)
            && holds(source.service_accounts.as_ref(), source.not_service_accounts.as_ref(), account)
    }

    /// A principal whose trust domain is one of the mesh's names means all of them.
    fn principal(&self, pattern: &str, principal: &str) -> bool {
        match pattern.split_once("/ns/") {
            Some((domain, rest)) if domain == ANY_NAME_OF_OURS || domain == self.trust_domain => {
                [ANY_NAME_OF_OURS, &self.trust_domain].iter().any(|name| text(&format!("{name}/ns/{rest}"), principal))
            }
            _ => text(pattern, principal),
        }
    }
}

/// Several PeerAuthentications for the same.
#[derive(Debug, Clone, Copy)]
struct Several;

/// The policies of one workload.
#[derive(Debug)]
pub(crate) struct Sidecar<'c> {
    cluster: &'c Cluster,
    /// Its own, its namespace's, the mesh's.
    modes: Result<[Option<&'c PeerSpec>; 3], Several>,
    deny: Vec<&'c AuthorizationPolicy>,
    allow: Vec<&'c AuthorizationPolicy>,
}

impl Sidecar<'_> {
    /// The mode of a port: of the port, the workload, the namespace, the mesh; permissive if nobody says. Nothing where
    /// several policies are for the same.
    pub(crate) fn mode(&self, port: u16) -> Option<Mode> {
        let modes = self.modes.ok()?;
        let of_port = modes[0].and_then(|own| own.port_level_mtls.get(&port.to_string()));
        let wider = modes.into_iter().flatten().map(|spec| &spec.mtls);
        let mut stated = of_port.into_iter().chain(wider).map(|mtls| mtls.mode);
        Some(stated.find(|mode| *mode != Mode::Unset).unwrap_or(Mode::Permissive))
    }

    /// What becomes of a request.
    pub(crate) fn answer(&self, request: &Request<'_>) -> Answer {
        let identity = match (self.mode(request.port), request.identity) {
            (None, _) => return Answer::Unclear,
            (Some(Mode::Strict), None) => return Answer::Reset,
            // Sidecars send plaintext to a port that takes no mTLS, so that nobody has an identity there.
            (Some(Mode::Disable), _) => None,
            (Some(Mode::Strict | Mode::Permissive | Mode::Unset), identity) => identity,
        };
        let request = Request { identity, ..*request };
        if self.deny.iter().any(|policy| self.cluster.matches(policy, &request)) {
            return Answer::Denied;
        }
        if self.allow.is_empty() || self.allow.iter().any(|policy| self.cluster.matches(policy, &request)) {
            Answer::Admitted
        } else {
            Answer::Denied
        }
    }
}

impl Selector {
    fn selects(&self, labels: &Labels) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl AuthorizationPolicy {
    /// Whether it is enforced on this workload.
    fn applies(&self, namespace: &str, labels: &Labels) -> bool {
        let dry_run = self.metadata.annotations.get("istio.io/dry-run").is_some_and(|value| value == "true");
        let here = [namespace, ROOT].contains(&self.metadata.namespace.as_str());
        !dry_run && here && self.spec.selector.as_ref().is_none_or(|selector| selector.selects(labels))
    }
}

impl Operation {
    fn matches(&self, request: &Request<'_>) -> bool {
        let port = request.port.to_string();
        if !holds(self.ports.as_ref(), self.not_ports.as_ref(), |pattern| *pattern == port) {
            return false;
        }
        // On ports of bytes only DENY comes here with such fields, and then they are taken to match.
        let Some((method, path)) = request.http else { return true };
        holds(self.methods.as_ref(), self.not_methods.as_ref(), |pattern| text(pattern, method))
            && holds(self.paths.as_ref(), self.not_paths.as_ref(), |pattern| text(pattern, path))
    }
}

/// One of the values, if there are any, and none of those that must not be.
fn holds(values: Option<&Vec<String>>, not: Option<&Vec<String>>, is: impl Fn(&String) -> bool) -> bool {
    values.is_none_or(|values| values.iter().any(&is)) && !not.is_some_and(|values| values.iter().any(&is))
}

/// Exact, `prefix*`, `*suffix`, or `*` for anything that is there.
fn text(pattern: &str, value: &str) -> bool {
    match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
        _ if pattern == "*" => !value.is_empty(),
        (Some(prefix), _) => value.starts_with(prefix),
        (None, Some(suffix)) => value.ends_with(suffix),
        (None, None) => pattern == value,
    }
}

/// `namespace/name`, or a name in the policy's own namespace; of any trust domain. Until the fix of istio issue 59700 a
/// `.` matched any character, and which patch level runs is not known here.
fn account(pattern: &str, own_namespace: &str, identity: &Identity) -> bool {
    let (namespace, name) = pattern.split_once('/').unwrap_or((own_namespace, pattern));
    let matches = |pattern: &str, value: &str| {
        pattern.chars().count() == value.chars().count()
            && pattern.chars().zip(value.chars()).all(|(pattern, value)| pattern == '.' || pattern == value)
    };
    matches(namespace, &identity.namespace) && matches(name, &identity.account)
}
