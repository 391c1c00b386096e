//! Callers to grants: names to accounts, operations to ports, and what would silently refuse or admit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashSet, HashSetExt};

use super::rpc::{self, Methods};
use super::shape::Shape;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::inventory::Workload;
use crate::lower::setting::{AllowDecl, CallerKey};
use crate::model::MtlsMode;
use crate::model::access::{Grant, Operation, Peer};
use crate::resolve::names::Names;
use crate::source::{Span, Spanned, Text};
use crate::suggest;

/// Somebody who may call: a service or a caller.
#[derive(Debug)]
pub(crate) struct Party<'c> {
    /// Where it is declared.
    pub(crate) span: Span,
    /// Accounts by namespace (of the sources, and in the cluster) and name.
    pub(crate) accounts: Vec<Account>,
    /// Known to have no sidecar, by this line.
    pub(crate) no_sidecar: Option<Span>,
    /// Its workloads.
    pub(crate) workloads: Vec<&'c Workload>,
}

/// A ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Account {
    /// Namespace in the sources.
    pub(crate) namespace: Text,
    /// Namespace in the cluster.
    pub(crate) rendered: Text,
    /// Name.
    pub(crate) name: Text,
}

/// Every party by namespace and name.
pub(crate) type Parties<'c> = HashMap<(Text, Text), Party<'c>>;

/// What callers could not be found: by namespace and name, the places that name them.
pub(crate) type Unknown = BTreeMap<(Text, Text), Vec<Span>>;

/// Callers that are allowed by an identity that plaintext does not carry: by the mode and the line that lets plaintext
/// arrive, the places that name them.
pub(crate) type Plaintext = BTreeMap<(MtlsMode, Option<Span>), Vec<(Span, String)>>;

/// What the services of a mesh have in common, so that it is reported once for all of them.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) unknown: Unknown,
    pub(crate) plaintext: Plaintext,
}

impl Shared {
    /// Adds what another service found.
    pub(crate) fn append(&mut self, other: Self) {
        for (name, places) in other.unknown {
            self.unknown.entry(name).or_default().extend(places);
        }
        for (line, places) in other.plaintext {
            self.plaintext.entry(line).or_default().extend(places);
        }
    }

    /// One finding for each cause.
    pub(crate) fn report(self, names: &Names, out: &mut Diagnostics) {
        report_unknown(self.unknown, names, out);
        report_plaintext(self.plaintext, out);
    }
}

/// The grants of one service.
pub(crate) fn grants(
    shape: &Shape<'_>,
    methods: &Methods<'_>,
    parties: &Parties<'_>,
    exposed: bool,
    shared: &mut Shared,
    out: &mut Diagnostics,
) -> Vec<Grant> {
    let mut grants = Vec::new();
    if shape.stated.allows.is_empty() && shape.stated.allow_none.is_none() && !exposed && !shape.broken {
        let name = &shape.decl.name;
        out.add(
            Diagnostic::new(Code::NoCallers, name.span, format!("nothing says who may call `{}`", name.value))
                .help("name its callers: `allow web, payments/ledger`; if nobody calls it, write `allow none`"),
        );
    }
    let mut checked: HashSet<(Text, Text)> = HashSet::new();
    let dialled = dialled(shape);
    let anyone = shape.stated.allows.iter().any(|(caller, ..)| **caller == CallerKey::Anyone);
    for (caller, decl, span) in &shape.stated.allows {
        let Some(candidates) = ports(shape, decl, &dialled, out) else { continue };
        let by_port = by_port(shape, methods, decl, &candidates, out);
        match caller {
            CallerKey::Anyone => push(&mut grants, *span, &Peer::Anyone, &by_port),
            CallerKey::Named(namespace, name) => {
                let key = (namespace.clone().unwrap_or_else(|| shape.namespace.clone()), name.clone());
                let Some(party) = parties.get(&key) else {
                    shared.unknown.entry(key).or_default().push(decl.caller);
                    continue;
                };
                if checked.insert(key.clone()) {
                    identity(shape, (caller, decl), party, &candidates, anyone, &mut shared.plaintext, out);
                }
                for account in &party.accounts {
                    let peer = Peer::Account(account.rendered.clone(), account.name.clone());
                    push(&mut grants, decl.caller, &peer, &by_port);
                }
            }
        }
    }
    grants
}

/// Ports of an `allow` line: the one behind `on`, else every port that callers can dial. A container port without a
/// Service port (metrics, debugging) opens to those alone who are allowed `on` it.
fn ports<'p>(
    shape: &Shape<'_>,
    decl: &AllowDecl,
    dialled: &'p [usize],
    out: &mut Diagnostics,
) -> Option<Cow<'p, [usize]>> {
    match &decl.port {
        Some(port) => port_index(shape, port, out).map(|index| Cow::Owned(vec![index])),
        None => Some(Cow::Borrowed(dialled)),
    }
}

/// The ports that callers can dial.
fn dialled(shape: &Shape<'_>) -> Vec<usize> {
    let mut of_hosts = vec![false; shape.ports.len()];
    for (_, index) in shape.hosts.iter().flat_map(|host| &host.ports) {
        if let Some(slot) = of_hosts.get_mut(*index) {
            *slot = true;
        }
    }
    let ports = shape.ports.iter().zip(of_hosts).enumerate();
    ports.filter(|(_, (port, of_host))| port.service.is_some() || *of_host).map(|(index, _)| index).collect()
}

/// The port with this Service number, else with this container number.
pub(crate) fn port_index(shape: &Shape<'_>, port: &Spanned<u16>, out: &mut Diagnostics) -> Option<usize> {
    // Sorted by number.
    let own = shape.hosts.first().map_or(&[][..], |host| &host.ports);
    let at = own.partition_point(|(number, _)| *number < port.value);
    let by_service = own.get(at).filter(|(number, _)| *number == port.value).map(|(_, index)| *index);
    let found = by_service.or_else(|| shape.port_at(port.value));
    if found.is_none() && !shape.broken {
        const SHOWN: usize = 9;
        let inner = || shape.ports.iter().filter(|port| port.service.is_none());
        let all = own.iter().map(|(number, _)| *number).chain(inner().map(|port| port.container));
        let shown: Vec<String> = all.take(SHOWN).map(|number| number.to_string()).collect();
        let count = own.len() + if shown.len() < SHOWN { 0 } else { inner().count() };
        let names = suggest::list_of(shown.iter().map(String::as_str), count);
        let message = format!("`{}` has no port {}", shape.decl.name.value, port.value);
        out.add(
            Diagnostic::new(Code::UnknownPort, port.span, message)
                .related(shape.decl.name.span, format!("its ports: {names}"))
                .help("correct the number, or declare the port"),
        );
    }
    found
}

/// Operations by port index; an empty list of operations is everything on that port.
fn by_port(
    shape: &Shape<'_>,
    methods: &Methods<'_>,
    decl: &AllowDecl,
    candidates: &[usize],
    out: &mut Diagnostics,
) -> Vec<(u16, Vec<Operation>)> {
    let container = |index: usize| shape.ports.get(index).map(|port| port.container);
    if decl.operations.is_empty() {
        return candidates.iter().filter_map(|index| container(*index)).map(|port| (port, Vec::new())).collect();
    }
    // Sorted by port, and stable, so that the operations of one keep their order.
    let mut found = rpc::allowed(shape, methods, &decl.operations, candidates, out);
    found.sort_by_key(|(index, _)| *index);
    let mut list: Vec<(u16, Vec<Operation>)> = Vec::new();
    for (index, operation) in found {
        let Some(port) = container(index) else { continue };
        match list.last_mut().filter(|(known, _)| *known == port) {
            Some((_, operations)) => operations.push(operation),
            None => list.push((port, vec![operation])),
        }
    }
    list
}

/// Adds one grant for each set of ports that the same operations are allowed on.
fn push(grants: &mut Vec<Grant>, span: Span, peer: &Peer, by_port: &[(u16, Vec<Operation>)]) {
    let mut left: Vec<(Vec<u16>, &Vec<Operation>)> = Vec::new();
    for (port, operations) in by_port {
        match left.iter_mut().find(|(_, known)| *known == operations) {
            Some((ports, _)) => ports.push(*port),
            None => left.push((vec![*port], operations)),
        }
    }
    for (mut ports, operations) in left {
        ports.sort_unstable();
        ports.dedup();
        grants.push(Grant { span, peer: peer.clone(), operations: operations.clone(), ports });
    }
}

/// Whether a caller has the identity by which it is allowed, on every port that it is allowed on. `anyone`: others may
/// come without.
fn identity(
    shape: &Shape<'_>,
    (caller, decl): (&CallerKey, &AllowDecl),
    party: &Party<'_>,
    candidates: &[usize],
    anyone: bool,
    plaintext: &mut Plaintext,
    out: &mut Diagnostics,
) {
    let name = match caller {
        CallerKey::Named(Some(namespace), name) if *namespace == shape.namespace => name.to_string(),
        caller => caller.name(),
    };
    if let Some(without) = party.no_sidecar {
        out.add(
            Diagnostic::new(
                Code::CallerWithoutIdentity,
                decl.caller,
                format!("`{name}` has no sidecar, so nobody can know that it is `{name}`"),
            )
            .related(without, "without a sidecar by this line")
            .help("give it a sidecar, or write `allow anyone` and a mode other than `strict`"),
        );
        return;
    }
    let weakest = candidates.iter().filter_map(|index| shape.ports.get(*index)).min_by_key(|port| port.mtls);
    let Some(port) = weakest.filter(|port| port.mtls != MtlsMode::Strict) else { return };
    if port.mtls == MtlsMode::Disable || !anyone {
        let line = port.behaviour.mtls.map(|(_, span)| span).or(shape.mtls_span);
        plaintext.entry((port.mtls, line)).or_default().push((decl.caller, name));
    }
}

/// One finding for each line that lets plaintext arrive where callers are known by their identity.
fn report_plaintext(plaintext: Plaintext, out: &mut Diagnostics) {
    /// So many are named, and so many places are shown.
    const SHOWN: usize = 4;
    for ((mode, line), mut places) in plaintext {
        places.sort();
        let Some((first, _)) = places.first() else { continue };
        let names: BTreeSet<&str> = places.iter().map(|(_, name)| name.as_str()).collect();
        let shown = suggest::list_of(names.iter().copied().take(SHOWN), names.len());
        let (is, calls, has) =
            if names.len() == 1 { ("is", "it calls", "it has") } else { ("are", "they call", "they have") };
        let many = if places.len() > 1 + SHOWN { format!(" (in {} lines)", places.len()) } else { String::new() };
        let mut diagnostic = Diagnostic::new(
            Code::CallerWithoutIdentity,
            *first,
            match mode {
                MtlsMode::Disable => format!("{shown} {is} allowed by identity{many}, and without mTLS {has} none"),
                _ => format!("{shown} {is} refused{many} when {calls} in plaintext, which `permissive` lets arrive"),
            },
        );
        if let Some(line) = line {
            diagnostic = diagnostic.related(line, format!("`mtls {}`", mode.name()));
        }
        for (place, _) in places.iter().skip(1).take(SHOWN) {
            diagnostic = diagnostic.related(*place, "and here");
        }
        if mode == MtlsMode::Disable {
            out.add(diagnostic.help("write `mtls strict`, or `allow anyone`"));
        } else {
            diagnostic.severity = Severity::Warning;
            out.add(diagnostic.help("write `mtls strict`, or `allow anyone` for callers without a sidecar"));
        }
    }
}

/// One finding for each caller that is not declared, however often it is named.
fn report_unknown(unknown: Unknown, names: &Names, out: &mut Diagnostics) {
    if names.names_missing {
        return;
    }
    for ((namespace, name), mut places) in unknown {
        places.sort();
        let Some(first) = places.first().copied() else { continue };
        if !names.namespaces.contains_key(&namespace) && namespace != names.default_namespace {
            let known = names.known_namespaces();
            let message = format!("no namespace is named `{namespace}`");
            let mut diagnostic = Diagnostic::new(Code::UnknownNamespace, first, message);
            diagnostic = match known.nearest(&namespace) {
                Some(near) => {
                    diagnostic.suggest(format!("did you mean `{near}/{name}`?"), first, format!("{near}/{name}"))
                }
                None => diagnostic.help(format!("the namespaces are {}", known.list(9))),
            };
            if let Some(suggestion) = &mut diagnostic.suggestion {
                let edit = suggestion.edits.first().map(|(_, edit)| edit.clone()).unwrap_or_default();
                suggestion.edits.extend(places.iter().skip(1).map(|place| (*place, edit.clone())));
            }
            for place in places.iter().skip(1) {
                diagnostic = diagnostic.related(*place, "and here");
            }
            out.add(diagnostic);
            continue;
        }
        let shown = if namespace == names.default_namespace { name.to_string() } else { format!("{namespace}/{name}") };
        let mut diagnostic =
            Diagnostic::new(Code::UnknownCaller, first, format!("no service or caller is named `{shown}`"));
        if names.gateways.contains_key(&name) {
            diagnostic = diagnostic.help(format!("`{name}` is a gateway: `expose HOST on {name}` allows it"));
        } else {
            diagnostic = names.near(diagnostic, &Spanned::new(name.clone(), first), &namespace, &places);
        }
        for place in places.iter().skip(1) {
            diagnostic = diagnostic.related(*place, "and here");
        }
        out.add(diagnostic);
    }
}
