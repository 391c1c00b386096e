//! Who may call what: the exact statement for machines, and the sentence for people.

use smol_str::format_smolstr;

use super::names::Names;
use super::pattern::{Matching, matches, within};
use crate::model::access::{Grant, Operation as Granted, Peer};
use crate::model::{PathPattern, Service};
use crate::source::{Span, Text};

/// Callers that may newly, or no longer, call operations of pods.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Who.
    pub caller: Caller,
    /// Whom.
    pub callee: Callee,
    /// What. Never empty.
    pub operations: Vec<Operation>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// Callers without an identity are meant: plaintext.
    pub unidentified: bool,
    /// Callers with an identity that are meant.
    pub identity: Option<Identity>,
    /// Identities within that one that are not meant.
    pub except: Vec<Identity>,
}

/// Identities, each part a name or a pattern with one star, names as in the cluster. A `?` is any one character, where
/// Istio takes the `.` of an account for one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The trust domain; `*` is any.
    pub domain: Text,
    /// The namespace.
    pub namespace: Text,
    /// The service account.
    pub account: Text,
}

impl Identity {
    /// Whether an identity is among these.
    pub fn contains(&self, domain: &str, namespace: &str, account: &str) -> bool {
        matches(&self.domain, domain) && part(&self.namespace, namespace) && part(&self.account, account)
    }

    /// Whether all of these identities are among those.
    pub(super) fn is_within(&self, outer: &Self) -> bool {
        let part = |inner: &Text, outer: &Text| within(inner, outer) || part(outer, inner);
        within(&self.domain, &outer.domain)
            && part(&self.namespace, &outer.namespace)
            && part(&self.account, &outer.account)
    }

    pub(super) fn is_everybody(&self) -> bool {
        [&self.domain, &self.namespace, &self.account].iter().all(|part| *part == "*")
    }
}

/// Whether a pattern of a name matches one.
fn part(pattern: &str, name: &str) -> bool {
    if !pattern.contains('?') {
        return matches(pattern, name);
    }
    pattern.chars().count() == name.chars().count()
        && pattern.chars().zip(name.chars()).all(|(pattern, letter)| pattern == '?' || pattern == letter)
}

impl Caller {
    /// Whether the caller is meant: its trust domain, namespace and account, or nothing for one without identity.
    pub fn contains(&self, identity: Option<(&str, &str, &str)>) -> bool {
        let Some((domain, namespace, account)) = identity else { return self.unidentified };
        self.identity.as_ref().is_some_and(|own| own.contains(domain, namespace, account))
            && !self.except.iter().any(|except| except.contains(domain, namespace, account))
    }
}

/// Whose pods are called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Callee {
    /// Pods that carry at least these labels, where no narrower selector of a policy or service selects them.
    Pods {
        /// Their namespace in the cluster.
        namespace: Text,
        /// Sorted by key.
        labels: Vec<(Text, Text)>,
    },
    /// Pods of a namespace of the cluster that no service and no policy selects.
    Others {
        /// Nothing: of every namespace that the mesh does not have.
        namespace: Option<Text>,
    },
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Ports of the containers, as decimal numbers.
    pub port: Matching,
    /// What of these ports.
    pub what: What,
}

/// What of a port is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Whatever the port speaks.
    Everything,
    /// The port as such, if it speaks bytes: no requests are told apart.
    Connections,
    /// Requests with one of these paths, if the port speaks HTTP.
    Requests {
        /// Methods.
        method: Matching,
        /// Paths; an RPC is `/pkg.Service/Method`. Never empty.
        paths: Vec<Matching>,
    },
}

impl Operation {
    /// Whether a request for a port is meant; `http` has method and path, or nothing where the port speaks bytes.
    pub fn contains(&self, port: u16, http: Option<(&str, &str)>) -> bool {
        self.port.contains(&port.to_string())
            && match (&self.what, http) {
                (What::Everything, _) => true,
                (What::Connections, http) => http.is_none(),
                (What::Requests { .. }, None) => false,
                (What::Requests { method, paths }, Some((called, path))) => {
                    method.contains(called) && paths.iter().any(|paths| paths.contains(path))
                }
            }
    }
}

/// Exceptions that a sentence names before it counts the rest.
const MOST_EXCEPTIONS: usize = 3;
/// Operations that a sentence names before it counts the rest.
const MOST_OPERATIONS: usize = 8;

/// "`boutique/frontend` may newly call `AddItem`". `keep` are callers that lose a part of it only.
pub(super) fn sentence(
    access: &Access,
    keep: &[Identity],
    gained: bool,
    service: Option<&Service>,
    names: &Names<'_>,
) -> String {
    let may = if gained { "may newly call" } else { "may no longer call" };
    let all = if gained { "everything" } else { "anything" };
    let mut text = format!("{} {may} {}", caller(&access.caller, names), operations(&access.operations, all, service));
    let mut keep: Vec<String> = keep.iter().map(|keep| identity(keep, names)).collect();
    keep.dedup();
    match keep.len() {
        0 => {}
        1 => text.push_str(&format!("; {} keeps what it is allowed", keep.concat())),
        _ => text.push_str(&format!("; {} keep what they are allowed", few(&keep, MOST_EXCEPTIONS))),
    }
    text
}

/// "`boutique/frontend` may now call `GetCart` (until now everything)".
pub(super) fn sides(
    who: &Caller,
    was: &[Operation],
    may: &[Operation],
    service: Option<&Service>,
    names: &Names<'_>,
) -> String {
    let list = |side: &[Operation]| match side.is_empty() {
        true => "nothing".to_owned(),
        false => operations(side, "everything", service),
    };
    format!("{} may now call {} (until now {})", caller(who, names), list(may), list(was))
}

fn caller(caller: &Caller, names: &Names<'_>) -> String {
    let Some(identity) = &caller.identity else { return "whoever has no identity (plaintext)".to_owned() };
    let mut text = match (identity.is_everybody(), caller.unidentified) {
        (true, true) => "anyone".to_owned(),
        (true, false) => "anyone with an identity".to_owned(),
        (false, _) => self::identity(identity, names),
    };
    let mut except: Vec<String> = caller.except.iter().map(|except| self::identity(except, names)).collect();
    except.dedup();
    if !except.is_empty() {
        text.push_str(" beside ");
        text.push_str(&few(&except, MOST_EXCEPTIONS));
    }
    if caller.unidentified && !identity.is_everybody() {
        text.push_str(" and whoever has no identity");
    }
    text
}

fn identity(identity: &Identity, names: &Names<'_>) -> String {
    let Identity { domain, namespace, account } = identity;
    let own = *domain == names.mesh.target.trust_domain || domain == "*";
    let shown = match (namespace.as_str(), account.as_str()) {
        ("*", "*") if own && domain != "*" => return "anyone of this mesh's trust domain".to_owned(),
        ("*", "*") => return format!("anyone of the trust domain `{domain}`"),
        (namespace, "*") => format!("every account of `{}`", names.namespace(namespace)),
        (namespace, account) => format!("`{}/{account}`", names.namespace(namespace)),
    };
    if own { shown } else { format!("{shown} of the trust domain `{domain}`") }
}

/// "a, b, c and 4 more".
fn few(texts: &[String], most: usize) -> String {
    let shown = texts.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    match texts.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn operations(operations: &[Operation], all: &'static str, service: Option<&Service>) -> String {
    let only_port = service.filter(|service| service.ports.len() == 1).and_then(|service| service.ports.first());
    let grpc = |port: &Matching| {
        let known = service.into_iter().flat_map(|service| &service.ports);
        known.filter(|known| known.protocol.is_grpc()).any(|known| port.contains(&known.container.to_string()))
    };
    let mut parts: Vec<(String, Vec<Shown<'_>>)> = Vec::new();
    for Operation { port, what } in operations {
        let on = match port.pattern.as_str() {
            "*" if port.except.is_empty() => String::new(),
            "*" => format!(" on every port except {}", port.except.join(", ")),
            number if only_port.is_some_and(|only| only.container.to_string() == number) => String::new(),
            number => format!(" on port {number}"),
        };
        let plain = |what: &str| Shown { methods: Vec::new(), what: what.to_owned(), is_path: false };
        let shown = match what {
            What::Everything => vec![plain(all)],
            What::Connections => vec![plain("connections without requests")],
            What::Requests { method, paths } => requests(method, paths, all, grpc(port)),
        };
        let place = parts.iter().position(|(known, _)| *known == on).unwrap_or(parts.len());
        if place == parts.len() {
            parts.push((on, Vec::new()));
        }
        let Some((_, list)) = parts.get_mut(place) else { continue };
        for one in shown {
            // The same path with another method is one entry.
            match list.iter_mut().find(|known| known.what == one.what && known.is_path == one.is_path) {
                Some(known) => known.methods.extend(one.methods),
                None => list.push(one),
            }
        }
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(on, list)| few(&list.iter().map(Shown::text).collect::<Vec<_>>(), MOST_OPERATIONS) + &on)
        .collect();
    parts.join(", and ")
}

/// One entry of a list of operations.
struct Shown<'a> {
    /// Empty: it has none.
    methods: Vec<&'a Matching>,
    /// A path with what is excepted, or words.
    what: String,
    is_path: bool,
}

impl Shown<'_> {
    /// "`GET|POST /orders/**`", "everything".
    fn text(&self) -> String {
        let exact: Vec<&str> =
            self.methods.iter().map(|method| method.pattern.as_str()).filter(|method| *method != "*").collect();
        let rest = self.methods.iter().find(|method| method.pattern == "*");
        let missing: Vec<&str> = rest
            .into_iter()
            .flat_map(|rest| &rest.except)
            .map(Text::as_str)
            .filter(|method| !exact.contains(method))
            .collect();
        let methods = match (rest, missing.is_empty()) {
            (None, _) => exact.join("|"),
            (Some(_), true) => String::new(),
            (Some(_), false) => format!("[not {}]", missing.join("|")),
        };
        match (self.is_path, methods.as_str()) {
            (true, "") => format!("`{}", self.what),
            (true, methods) => format!("`{methods} {}", self.what),
            (false, "") => self.what.clone(),
            (false, methods) => format!("`{methods}` {}", self.what),
        }
    }
}

/// Requests as `allow` has them: `AddItem`, `GET|HEAD /cart/**`.
fn requests<'a>(method: &'a Matching, paths: &[Matching], all: &'static str, grpc: bool) -> Vec<Shown<'a>> {
    let exact = |path: &str| paths.iter().any(|paths| paths.except.is_empty() && paths.pattern == path);
    let below = |path: &str| exact(&format!("{path}/*"));
    let mut out = Vec::new();
    for Matching { pattern, except } in paths {
        let shown = match pattern.strip_suffix("/*") {
            Some(top) if except.is_empty() && exact(top) => continue,
            _ if pattern == "*" => Text::new_static(all),
            _ if except.is_empty() && below(pattern) => format_smolstr!("{pattern}/**"),
            _ if grpc && method.is_everything() => rpc(pattern, paths.iter().map(|paths| &paths.pattern)),
            _ => pattern.clone(),
        };
        let except = match except.is_empty() {
            true => String::new(),
            false => {
                let name = |path: &Text| if grpc { rpc(path, except.iter()) } else { path.clone() };
                let names: Vec<String> = except.iter().map(|path| format!("`{}`", name(path))).collect();
                format!(" except {}", few(&names, MOST_EXCEPTIONS))
            }
        };
        let is_path = pattern != "*";
        let what = if is_path { format!("{shown}`{except}") } else { format!("{shown}{except}") };
        out.push(Shown { methods: vec![method], what, is_path });
    }
    out
}

/// The method of an RPC, with its service where another service's method has the same name.
fn rpc<'p>(path: &str, mut all: impl Iterator<Item = &'p Text>) -> Text {
    fn parts(path: &str) -> Option<(&str, &str)> {
        path.strip_prefix('/')?.split_once('/')
    }
    let Some((service, method)) = parts(path) else { return Text::new(path) };
    let twice = all.any(|other| parts(other).is_some_and(|(of, name)| name == method && of != service));
    if twice { format_smolstr!("{service}/{method}") } else { Text::new(method) }
}

/// The line that allows it: of an `allow` or `expose` that says at least part of it.
pub(super) fn cause(access: &Access, service: &Service) -> Option<Span> {
    let fits = |grant: &&Grant| {
        let who = match &grant.peer {
            Peer::Anyone => access.caller.unidentified || access.caller.identity.is_some(),
            Peer::Account(namespace, account) => access
                .caller
                .identity
                .as_ref()
                .is_some_and(|identity| identity.namespace == *namespace && identity.account == *account),
        };
        who && grant.ports.iter().any(|port| access.operations.iter().any(|operation| said(grant, *port, operation)))
    };
    let grants = || service.grants.iter().filter(fits);
    // An account's own line says more than `allow anyone`.
    let own = grants().find(|grant| matches!(grant.peer, Peer::Account(..)));
    own.or_else(|| grants().next()).map(|grant| grant.span)
}

fn said(grant: &Grant, port: u16, operation: &Operation) -> bool {
    let methods_of = |granted: &Granted| match granted {
        Granted::Rpc(_) => Vec::new(),
        Granted::Http(methods, _) => methods.clone(),
    };
    if !operation.port.contains(&port.to_string()) {
        return false;
    }
    let What::Requests { method, paths } = &operation.what else { return true };
    grant.operations.is_empty()
        || grant.operations.iter().any(|granted| {
            let methods = methods_of(granted);
            let path = match granted {
                Granted::Rpc(path) | Granted::Http(_, PathPattern::Exact(path) | PathPattern::Below(path)) => path,
                Granted::Http(_, PathPattern::All) => return true,
            };
            (methods.is_empty() || methods.iter().any(|one| method.contains(one)))
                && paths.iter().any(|paths| paths.contains(path))
        })
}
