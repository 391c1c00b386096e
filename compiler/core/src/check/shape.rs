//! What each service is made of in an environment: ports, pods, accounts, hosts. The file's statements and the
//! inventory are held against each other here; what they agree on is the shape.

use std::collections::{BTreeMap, BTreeSet};

use super::ports;
use super::stated::{Behaviour, Stated};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::index::Index;
use crate::inventory::{Inventory, KubeService, Workload};
use crate::lower::declaration::ServiceDecl;
use crate::lower::field::PortKey;
use crate::model::{Host, MtlsMode, Protocol};
use crate::source::{Span, Text};

/// A service in an environment, before callers are resolved.
#[derive(Debug)]
pub(crate) struct Shape<'c> {
    pub(crate) namespace: Text,
    pub(crate) decl: &'c ServiceDecl,
    pub(crate) stated: Stated<'c>,
    /// Sorted by container port.
    pub(crate) ports: Vec<PortShape<'c>>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) selector: BTreeMap<Text, Text>,
    /// Accounts that its pods run under, sorted. Never empty.
    pub(crate) accounts: Vec<Text>,
    pub(crate) replicas: Option<u32>,
    pub(crate) mtls: MtlsMode,
    /// The line that states the mode.
    pub(crate) mtls_span: Option<Span>,
    pub(crate) headless: Option<Span>,
    pub(crate) workloads: Vec<&'c Workload>,
    /// Faults were reported that make further ones consequences.
    pub(crate) broken: bool,
}

/// A container port in an environment.
#[derive(Debug)]
pub(crate) struct PortShape<'c> {
    pub(crate) span: Span,
    pub(crate) container: u16,
    /// What callers dial, on the service's own Kubernetes Service.
    pub(crate) service: Option<u16>,
    pub(crate) protocol: Protocol,
    pub(crate) behaviour: Behaviour<'c>,
    /// Its block states something of its own.
    pub(crate) own: bool,
    pub(crate) mtls: MtlsMode,
}

impl Shape<'_> {
    /// Where the port with this container number stands.
    pub(crate) fn port_at(&self, container: u16) -> Option<usize> {
        self.ports.binary_search_by_key(&container, |port| port.container).ok()
    }
}

impl PortShape<'_> {
    /// As its block names it.
    pub(crate) fn key(&self) -> PortKey {
        self.service.map_or(PortKey::Container(self.container), PortKey::Service)
    }
}

/// What a shape is looked up in.
pub(crate) struct Cluster<'c> {
    /// Files of it could not be read, so that what seems to be missing may be in these.
    pub(crate) incomplete: bool,
    pub(crate) inventory: &'c Inventory,
    pub(crate) index: Index<'c>,
}

/// Shapes one service. `default_mtls` is its namespace's mode.
pub(crate) fn shape<'c>(
    cluster: &Cluster<'c>,
    namespace: &Text,
    decl: &'c ServiceDecl,
    stated: Stated<'c>,
    default_mtls: (MtlsMode, Option<Span>),
    out: &mut Diagnostics,
) -> Shape<'c> {
    let before = out.len();
    let kube = cluster.inventory.services.get(&(namespace.clone(), decl.name.value.clone()));
    let selector = selector(cluster, namespace, decl, &stated, kube, out);
    let workloads = cluster.index.workloads(namespace, &selector);
    let accounts = accounts(decl, &stated, &workloads, out);
    let (mtls, mtls_span) = stated.behaviour.mtls.map_or(default_mtls, |(mode, span)| (mode, Some(span)));
    let mut shape = Shape {
        namespace: namespace.clone(),
        decl,
        ports: Vec::new(),
        hosts: Vec::new(),
        selector,
        accounts,
        replicas: replicas(&stated, &workloads, out),
        mtls,
        mtls_span,
        headless: stated.headless.or_else(|| kube.filter(|kube| kube.headless).map(|kube| kube.span)),
        workloads,
        broken: decl.broken || cluster.incomplete,
        stated,
    };
    ports::ports(&mut shape, cluster, kube, out);
    ports::hosts(&mut shape, cluster, kube, out);
    shape.broken |= out.has_errors_since(before);
    shape
}

fn selector(
    cluster: &Cluster<'_>,
    namespace: &Text,
    decl: &ServiceDecl,
    stated: &Stated<'_>,
    kube: Option<&KubeService>,
    out: &mut Diagnostics,
) -> BTreeMap<Text, Text> {
    let written = stated.selector.map(|(pairs, span)| (pairs.iter().cloned().collect::<BTreeMap<_, _>>(), span));
    if let (Some((pairs, span)), Some(kube)) = (&written, kube)
        && *pairs != kube.selector
    {
        out.add(
            Diagnostic::new(Code::InventoryMismatch, *span, "the selector differs from the Service's")
                .label("stated here")
                .related(kube.span, format!("the Service selects {}", pairs_text(&kube.selector)))
                .help("remove the line, which the inventory makes needless, or correct the manifest"),
        );
    }
    let from_inventory = kube.map(|kube| kube.selector.clone()).filter(|selector| !selector.is_empty());
    let stated_at = written.as_ref().map(|(_, span)| *span);
    let selector = written
        .map(|(pairs, _)| pairs)
        .or(from_inventory)
        .unwrap_or_else(|| [(Text::new_static("app"), decl.name.value.clone())].into());
    let known = kube.is_some() || cluster.index.has_workloads(namespace);
    if known && !decl.broken && !cluster.incomplete && cluster.index.workloads(namespace, &selector).is_empty() {
        let span = stated_at.unwrap_or(decl.name.span);
        let mut diagnostic = Diagnostic::new(
            Code::SelectsNothing,
            span,
            format!("no workload of `{namespace}` carries {}", pairs_text(&selector)),
        );
        if let Some(kube) = kube.filter(|_| stated_at.is_none()) {
            diagnostic = diagnostic.related(kube.span, "the Service selects by these labels");
        }
        out.add(match cluster.index.nearest_workload(namespace, &decl.name.value) {
            Some(near) if near != decl.name.value => diagnostic.help(format!(
                "there is a workload `{near}`; correct the name, or state its labels: `selector app={near}`"
            )),
            _ => {
                diagnostic.help("state the labels of its pods: `selector app=…`, or add its manifest to the inventory")
            }
        });
    }
    selector
}

/// Labels as a person writes them.
pub(crate) fn pairs_text(selector: &BTreeMap<Text, Text>) -> String {
    let pairs: Vec<String> = selector.iter().map(|(key, value)| format!("`{key}={value}`")).collect();
    if pairs.is_empty() { "no labels".to_owned() } else { pairs.join(" and ") }
}

fn accounts(decl: &ServiceDecl, stated: &Stated<'_>, workloads: &[&Workload], out: &mut Diagnostics) -> Vec<Text> {
    let found: BTreeSet<&Text> = workloads.iter().map(|workload| &workload.service_account).collect();
    match (stated.account, found.is_empty()) {
        (Some((name, span)), false) => {
            if let Some(other) = workloads.iter().find(|workload| workload.service_account != *name) {
                let message =
                    format!("the pods of `{}` run under `{}`, not `{name}`", other.name, other.service_account);
                out.add(
                    Diagnostic::new(Code::InventoryMismatch, span, message)
                        .label("stated here")
                        .related(other.span, format!("this {} names `{}`", other.kind.name(), other.service_account))
                        .help("remove the line, which the inventory makes needless, or correct the manifest"),
                );
            }
            vec![name.clone()]
        }
        (Some((name, _)), true) => vec![name.clone()],
        (None, false) => found.into_iter().cloned().collect(),
        (None, true) => vec![decl.name.value.clone()],
    }
}

fn replicas(stated: &Stated<'_>, workloads: &[&Workload], out: &mut Diagnostics) -> Option<u32> {
    let known: Option<u32> = workloads.iter().map(|workload| workload.replicas).sum();
    let known = known.filter(|_| !workloads.is_empty());
    match (stated.replicas, known) {
        (Some((number, span)), Some(known)) if number != known => {
            let mut diagnostic = Diagnostic::new(
                Code::InventoryMismatch,
                span,
                format!("`replicas {number}` is stated, and the inventory has {known}"),
            );
            for workload in workloads {
                let count = workload.replicas.unwrap_or(0);
                diagnostic = diagnostic.related(workload.span, format!("{count} of `{}`", workload.name));
            }
            out.add(diagnostic.help("remove the line, which the inventory makes needless"));
            Some(known)
        }
        (Some((number, _)), _) => Some(number),
        (None, known) => known,
    }
}
