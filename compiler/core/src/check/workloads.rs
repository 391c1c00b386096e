//! The inventory against the declarations as a whole: who was forgotten, who would be cut off, who shares pods.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::access::Parties;
use super::accounts;
use super::environment::Environment;
use super::shape::{Cluster, Shape, pairs_text};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::address::addresses;
use crate::inventory::{ServiceType, Workload, WorkloadKind};
use crate::lower::setting::CallerKey;
use crate::model::{Authorization, MtlsMode};
use crate::source::{Span, Text};

/// What these checks look at.
pub(crate) struct View<'v, 'c> {
    pub(crate) shapes: &'v [Shape<'c>],
    pub(crate) parties: &'v Parties<'c>,
    pub(crate) cluster: &'v Cluster<'c>,
    pub(crate) authorization: Authorization,
    /// Callers that layers removed on purpose, by service.
    pub(crate) removed: &'v (dyn Fn(usize) -> Vec<CallerKey> + Sync),
}

pub(super) type WorkloadKey<'a> = (&'a Text, WorkloadKind, &'a Text);

/// A selector in its namespace.
type Selector<'a> = (&'a Text, &'a BTreeMap<Text, Text>);

pub(super) fn key(workload: &Workload) -> WorkloadKey<'_> {
    (&workload.namespace, workload.kind, &workload.name)
}

/// The service that each workload belongs to.
fn owners<'s>(shapes: &'s [Shape<'_>]) -> HashMap<WorkloadKey<'s>, usize> {
    let of =
        |(index, shape): (usize, &'s Shape<'_>)| shape.workloads.iter().map(move |workload| (key(workload), index));
    shapes.iter().enumerate().flat_map(of).collect()
}

/// Runs all checks of this file.
pub(crate) fn check(view: &View<'_, '_>, out: &mut Diagnostics) {
    overlapping(view, out);
    undeclared(view, out);
    plaintext_entries(view, out);
    accounts::shared(view, out);
    calls(view, out);
}

/// Two services on one pod would each have a policy of their own for it, of which Istio obeys the oldest.
fn overlapping(view: &View<'_, '_>, out: &mut Diagnostics) {
    let mut report = |first: &Shape<'_>, second: &Shape<'_>, pod: Option<&Workload>| {
        let names = (&first.decl.name.value, &second.decl.name.value);
        let mut diagnostic = Diagnostic::new(
            Code::OverlappingSelectors,
            second.decl.name.span,
            format!("`{}` and `{}` select the same pods", names.0, names.1),
        )
        .related(first.decl.name.span, format!("selects {}", pairs_text(&first.selector)))
        .label(format!("selects {}", pairs_text(&second.selector)));
        if let Some(pod) = pod {
            diagnostic = diagnostic.related(pod.span, "pods of this workload");
        }
        out.add(diagnostic.help(format!(
            "a second Service on the same pods is named by the first: `also {}` in `{}`",
            names.1, names.0
        )));
    };
    let mut owner: HashMap<WorkloadKey<'_>, usize> = HashMap::new();
    let mut reported: HashSet<(usize, usize)> = HashSet::new();
    for (index, shape) in view.shapes.iter().enumerate().filter(|(_, shape)| !shape.broken) {
        for workload in &shape.workloads {
            let first = *owner.entry(key(workload)).or_insert(index);
            if first != index
                && reported.insert((first, index))
                && let Some(first) = view.shapes.get(first)
            {
                report(first, shape, Some(workload));
            }
        }
    }
    // Without an inventory: the selectors themselves. The one with fewer labels selects the other's pods too.
    let mut by_selector: HashMap<Selector<'_>, usize> = HashMap::with_capacity(view.shapes.len());
    for (index, shape) in view.shapes.iter().enumerate() {
        if shape.workloads.is_empty() && !shape.broken {
            let selector = (&shape.namespace, &shape.selector);
            let first = *by_selector.entry(selector).or_insert(index);
            if let Some(first) = view.shapes.get(first).filter(|_| first != index) {
                report(first, shape, None);
            }
        }
    }
}

/// How a workload is declared; its name may be one that the language does not have, or be taken.
fn declare(workload: &Workload) -> String {
    let job = matches!(workload.kind, WorkloadKind::Job | WorkloadKind::CronJob);
    let account = &workload.service_account;
    match (crate::lower::value::is_label(&workload.name), job) {
        (true, true) => format!("write `caller {}`", workload.name),
        (true, false) => format!("write `service {0} {{ … }}` if it is called, else `caller {0}`", workload.name),
        (false, _) => format!("write `caller NAME {{ service-account {account} }}` with a name of your choosing"),
    }
}

/// Workloads of the mesh's namespaces that no service selects and no caller names.
fn undeclared(view: &View<'_, '_>, out: &mut Diagnostics) {
    let inventory = view.cluster.inventory;
    let nothing_read = inventory.workloads.is_empty() && inventory.services.is_empty();
    if nothing_read || view.authorization == Authorization::DryRun && view.shapes.is_empty() {
        return;
    }
    let namespaces: HashSet<&Text> = view.shapes.iter().map(|shape| &shape.namespace).collect();
    let mut declared: HashSet<WorkloadKey<'_>> = HashSet::new();
    for workload in view.shapes.iter().flat_map(|shape| &shape.workloads) {
        declared.insert(key(workload));
    }
    #[expect(clippy::iter_over_hash_type, reason = "a set is filled, whose order is not seen")]
    for party in view.parties.values() {
        declared.extend(party.workloads.iter().map(|workload| key(workload)));
    }
    let names: HashSet<(&Text, &Text)> =
        view.shapes.iter().map(|shape| (&shape.namespace, &shape.decl.name.value)).collect();
    let broken: HashSet<(&Text, &Text)> = view
        .shapes
        .iter()
        .filter(|shape| shape.broken)
        .map(|shape| (&shape.namespace, &shape.decl.name.value))
        .collect();
    for workload in view.cluster.inventory.workloads.values() {
        // The service of its name may select it once its own fault is repaired.
        let of_broken = broken.contains(&(&workload.namespace, &workload.name));
        if !namespaces.contains(&workload.namespace) || declared.contains(&key(workload)) || of_broken {
            continue;
        }
        let kind = workload.kind.name();
        let job = matches!(workload.kind, WorkloadKind::Job | WorkloadKind::CronJob);
        let targets: Vec<String> = addresses(workload, view.cluster.inventory)
            .cluster
            .iter()
            .map(|address| address.target(workload))
            .filter(|(namespace, name)| names.contains(&(namespace, name)))
            .map(|(_, name)| name.to_string())
            .collect();
        let calls = crate::suggest::list(targets.iter().map(String::as_str), 5);
        if job && !targets.is_empty() {
            out.add(
                Diagnostic::new(
                    Code::JobCutOff,
                    workload.span,
                    format!("the {kind} `{}` calls {calls}, and would be refused", workload.name),
                )
                .note("who is not allowed is refused, and nothing declares it")
                .help(format!("{}, and allow it", declare(workload))),
            );
            continue;
        }
        let mut diagnostic = Diagnostic::new(
            Code::UndeclaredWorkload,
            workload.span,
            format!("nothing declares the {kind} `{}`", workload.name),
        )
        .note("deny-by-default refuses all calls to it, and all calls by it");
        if !targets.is_empty() {
            diagnostic = diagnostic.note(format!("it calls {calls}"));
        }
        out.add(diagnostic.help(declare(workload)));
    }
    let owners = owners(view.shapes);
    let also =
        view.shapes.iter().flat_map(|shape| shape.stated.also.iter().map(|also| (shape.decl.name.span, &also.value)));
    let also: HashSet<(Span, &Text)> = also.collect();
    // Many Services may select alike.
    let mut owner_of: HashMap<Selector<'_>, Option<&Shape<'_>>> = HashMap::new();
    for service in view.cluster.inventory.services.values() {
        if !namespaces.contains(&service.namespace) || names.contains(&(&service.namespace, &service.name)) {
            continue;
        }
        let owner = *owner_of.entry((&service.namespace, &service.selector)).or_insert_with(|| {
            let selected = view.cluster.index.workloads(&service.namespace, &service.selector);
            let owner = selected.iter().find_map(|workload| owners.get(&key(workload)));
            let owner = owner.and_then(|index| view.shapes.get(*index));
            // A Service on some of the pods only (one version's own) is for whoever dials it by name.
            owner.filter(|owner| owner.workloads.iter().all(|workload| workload.matches(&service.selector)))
        });
        let Some(owner) = owner.filter(|owner| !owner.broken) else { continue };
        if also.contains(&(owner.decl.name.span, &service.name)) {
            continue;
        }
        out.add(
            Diagnostic::new(
                Code::UndeclaredWorkload,
                service.span,
                format!(
                    "the Service `{}` leads to the pods of `{}` and is not declared",
                    service.name, owner.decl.name.value
                ),
            )
            .related(owner.decl.name.span, "its pods")
            .note("calls through it get none of the service's routes, timeouts and weights")
            .help(format!("write `also {}` in `service {}`", service.name, owner.decl.name.value)),
        );
    }
}

/// A balancer outside of the mesh speaks plaintext to pods that refuse it.
fn plaintext_entries(view: &View<'_, '_>, out: &mut Diagnostics) {
    if view.cluster.inventory.services.is_empty() {
        return;
    }
    let owners = owners(view.shapes);
    for service in view.cluster.inventory.services.values() {
        let kind = match service.service_type {
            ServiceType::LoadBalancer => "LoadBalancer",
            ServiceType::NodePort => "NodePort",
            ServiceType::ClusterIp | ServiceType::ExternalName => continue,
        };
        let selected = view.cluster.index.workloads(&service.namespace, &service.selector);
        let owner = selected.iter().find_map(|workload| owners.get(&key(workload)));
        let Some(shape) = owner.and_then(|index| view.shapes.get(*index)) else { continue };
        if shape.broken || !shape.stated.exposes.is_empty() {
            continue;
        }
        let strict = service.ports.iter().find(|port| {
            let container = selected.iter().find_map(|workload| workload.resolve_target(&port.target));
            shape.ports.iter().any(|known| Some(known.container) == container && known.mtls == MtlsMode::Strict)
        });
        let Some(port) = strict else { continue };
        let name = &shape.decl.name.value;
        let mut diagnostic = Diagnostic::new(
            Code::PlaintextEntry,
            shape.decl.name.span,
            format!("the {kind} `{}` sends plaintext to `{name}`, which refuses it", service.name),
        )
        .related(port.span, "plaintext from outside of the mesh");
        if let Some(span) = shape.mtls_span {
            diagnostic = diagnostic.related(span, "`mtls strict` by this line");
        }
        out.add(diagnostic.help(format!(
            "expose `{name}` on a gateway and drop the {kind}, or write `mtls permissive` and `allow anyone` for it"
        )));
    }
}

/// Whom a service allows and refuses, for those whose manifests show a call of it.
struct Allowed<'v> {
    callers: HashSet<&'v CallerKey>,
    anyone: bool,
    /// A name that is not declared was reported, and may well be any caller's, misspelt.
    misspelt: bool,
    /// Callers that a layer removes are refused on purpose.
    removed: HashSet<CallerKey>,
}

impl<'v> Allowed<'v> {
    fn by(view: &'v View<'_, '_>, index: usize, shape: &'v Shape<'_>) -> Self {
        let callers: HashSet<&CallerKey> = shape.stated.allows.iter().map(|(caller, ..)| *caller).collect();
        let unknown = |caller: &CallerKey| match caller {
            CallerKey::Named(Some(namespace), name) => !view.parties.contains_key(&(namespace.clone(), name.clone())),
            CallerKey::Named(None, _) | CallerKey::Anyone => false,
        };
        Self {
            anyone: callers.contains(&CallerKey::Anyone),
            misspelt: shape.stated.allows.iter().any(|(caller, ..)| unknown(caller)),
            removed: (view.removed)(index).into_iter().collect(),
            callers,
        }
    }

    /// Whether the call of a caller is nothing to report.
    fn settles(&self, caller: &CallerKey) -> bool {
        self.anyone || self.misspelt || self.callers.contains(caller) || self.removed.contains(caller)
    }
}

/// Calls that the inventory shows and nobody allows, and the reverse.
fn calls(view: &View<'_, '_>, out: &mut Diagnostics) {
    if view.cluster.inventory.workloads.is_empty() {
        return;
    }
    let index: HashMap<(&Text, &Text), usize> = view
        .shapes
        .iter()
        .enumerate()
        .flat_map(|(i, shape)| shape.hosts.iter().map(move |host| ((&shape.namespace, &host.name), i)))
        .collect();
    let mut sorted: Vec<(&(Text, Text), &super::access::Party<'_>)> = view.parties.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut allowed: HashMap<usize, Allowed<'_>> = HashMap::new();
    let mut allowed_by: HashMap<&CallerKey, Vec<(usize, Span)>> = HashMap::new();
    for (at, shape) in view.shapes.iter().enumerate() {
        for (caller, decl, _) in &shape.stated.allows {
            allowed_by.entry(caller).or_default().push((at, decl.caller));
        }
    }
    for ((namespace, name), party) in sorted {
        let caller = CallerKey::Named(Some(namespace.clone()), name.clone());
        let mut called: BTreeMap<usize, Span> = BTreeMap::new();
        for workload in &party.workloads {
            for address in addresses(workload, view.cluster.inventory).cluster {
                let (namespace, host) = address.target(workload);
                if let Some(callee) = index.get(&(namespace, host)) {
                    called.entry(*callee).or_insert(address.from);
                }
            }
        }
        for (callee, shows) in &called {
            let Some(shape) = view.shapes.get(*callee).filter(|shape| !shape.broken) else { continue };
            let itself = shape.namespace == *namespace && shape.decl.name.value == *name;
            let allowed = allowed.entry(*callee).or_insert_with(|| Allowed::by(view, *callee, shape));
            if itself || allowed.settles(&caller) {
                continue;
            }
            let callee = &shape.decl.name.value;
            out.add(
                Diagnostic::new(
                    Code::MissingCaller,
                    shape.decl.name.span,
                    format!("`{name}` calls `{callee}`, which does not allow it"),
                )
                .related(*shows, "it has the address")
                .help(format!("write `allow {name}`, or take the address out of its manifest")),
            );
        }
        // Without any address of the mesh, its calls are configured where the inventory does not show them.
        if called.is_empty() {
            continue;
        }
        for (at, span) in allowed_by.get(&caller).into_iter().flatten() {
            let Some(shape) = view.shapes.get(*at).filter(|shape| !called.contains_key(at) && !shape.broken) else {
                continue;
            };
            out.add(
                Diagnostic::new(
                    Code::UnseenCall,
                    *span,
                    format!(
                        "`{name}` is allowed, and the inventory shows no address of `{}` in it",
                        shape.decl.name.value
                    ),
                )
                .related(party.span, "its addresses lead elsewhere")
                .help("remove the caller if it never calls; else nothing is to be done"),
            );
        }
    }
}

/// Two namespaces of the sources that are one in the cluster.
pub(crate) fn colliding_namespaces(namespaces: &[(&Text, Text)], environment: &Environment<'_>, out: &mut Diagnostics) {
    let mut by_rendered: BTreeMap<&Text, &Text> = BTreeMap::new();
    for (name, rendered) in namespaces {
        let Some(first) = by_rendered.insert(rendered, name) else { continue };
        let line = |name: &Text| environment.namespaces.get(name).map(|to| to.span);
        let Some(span) = line(name).or_else(|| line(first)) else { continue };
        let mut diagnostic =
            Diagnostic::new(Code::NamespacesCollide, span, format!("`{first}` and `{name}` both become `{rendered}`"));
        if let Some(other) = line(first).filter(|other| *other != span) {
            diagnostic = diagnostic.related(other, "the other one");
        }
        out.add(diagnostic.help("give each namespace a name of its own"));
    }
}
