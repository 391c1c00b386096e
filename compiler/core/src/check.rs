//! Drafts to the checked mesh of one environment. This is the only maker of a [`Mesh`].
//!
//! Three passes: every service gets its shape on its own (ports, pods, accounts); then callers, hosts and versions
//! are resolved against all shapes; then the mesh is looked at as a whole.

mod access;
mod accounts;
pub mod environment;
mod exposure;
mod graph;
mod judgeable;
mod parties;
mod ports;
mod raw;
mod release;
mod retry;
mod rpc;
mod scope;
mod shape;
mod stated;
mod traffic;
mod weight_owners;
mod workloads;

use std::borrow::Cow;
use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt, HashSet};
use rayon::prelude::*;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::Inventory;
use crate::inventory::index::Index;
use crate::lower::declaration::{Declarations, ServiceDecl};
use crate::lower::scope::stated_twice;
use crate::lower::setting::{CallerKey, Field};
use crate::model::{Authorization, Mesh, MtlsMode, Namespace, Port, Service};
use crate::project::Project;
use crate::resolve::layers::{Draft, Entry, Origin, Overlay};
use crate::resolve::names::Names;
use crate::resolve::presets::Presets;
use crate::source::{Span, Spanned, Text};
use crate::state::{Recorded, State};
use access::{Parties, Shared};
use environment::Environment;
use exposure::GatewayShape;
pub(crate) use scope::default_mtls;
use scope::{NamespaceScope, scopes};
use shape::{Cluster, Shape};
use stated::Stated;

/// What all environments of a project share: names, presets, and each service's settings without an environment.
pub(crate) struct Base<'p> {
    pub(crate) project: &'p Project,
    pub(crate) names: Names,
    pub(crate) presets: Presets<'p>,
    /// Drafts of [`Declarations::services`], by index; a service that is declared twice counts once.
    pub(crate) drafts: Vec<Draft<'p>>,
    /// Services that count, by namespace and index, sorted by namespace and name.
    pub(crate) services: Vec<(Text, usize)>,
    /// The hosts that services and presets expose in any environment.
    pub(crate) hosts: HashSet<&'p Text>,
}

/// The result of a check.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Absent where nothing sensible could be made.
    pub(crate) mesh: Option<Mesh>,
    /// What the environment says to the tools behind the compiler.
    pub(crate) facts: environment::Facts,
    /// Patch files, in order.
    pub(crate) patches: Vec<Spanned<Text>>,
}

/// The settings of a service in one environment.
pub(crate) fn draft<'b, 'p>(
    base: &'b Base<'p>,
    environment: &Environment<'p>,
    namespace: &Text,
    index: usize,
    out: &mut Diagnostics,
) -> Option<(&'p ServiceDecl, Cow<'b, Draft<'p>>)> {
    let decl = base.project.declarations.services.get(index)?;
    let below = base.drafts.get(index)?;
    let key = (namespace.clone(), decl.name.value.clone());
    let Some(overrides) = environment.services.get(&key) else { return Some((decl, Cow::Borrowed(below))) };
    let mut draft = below.clone();
    let origin = environment.stated_as.map_or(Origin::Service, Origin::Environment);
    check_reopened(overrides, out);
    let mut overlay = Overlay::new(&mut draft);
    for block in overrides {
        let preset = base.presets.of(&block.presets, &block.layer, namespace, out);
        for entry in preset.entries {
            overlay.state(Entry { origin, ..entry });
        }
        overlay.lay(&block.layer, origin, namespace, out);
    }
    overlay.finish();
    Some((decl, Cow::Owned(draft)))
}

/// All openings of an environment are one layer: a field in two of them is stated twice.
fn check_reopened(blocks: &[&ServiceDecl], out: &mut Diagnostics) {
    let mut seen: HashMap<(Option<crate::lower::setting::PortKey>, String), Span> = HashMap::new();
    if blocks.len() < 2 {
        return;
    }
    for change in blocks.iter().flat_map(|block| &block.layer.changes) {
        let words = change.key.field.words();
        if let Some(first) = seen.insert((change.key.port, words.clone()), change.span) {
            out.add(stated_twice(&words, first, change.span));
        }
    }
}

/// Checks one environment.
pub(crate) fn check<'p>(base: &Base<'p>, name: &Text, state: &State, out: &mut Diagnostics) -> Checked {
    let declarations = &base.project.declarations;
    let (environment, facts) = Environment::merge(name, declarations, &base.names, out);
    let patches = environment.patches.clone();
    let inventory = inventory(base.project, &base.names, &environment, out);
    let incomplete = base.project.incomplete;
    let cluster = Cluster { incomplete, index: Index::new(&inventory), inventory: &inventory };
    let (drafts, found): (Vec<_>, Vec<_>) = base
        .services
        .par_iter()
        .map(|(namespace, index)| {
            let mut found = Diagnostics::default();
            let draft = draft(base, &environment, namespace, *index, &mut found);
            (draft.map(|(decl, draft)| (namespace, decl, draft)), found)
        })
        .unzip();
    found.into_iter().for_each(|found| out.append(found));
    let drafts: Vec<(&Text, &'p ServiceDecl, Cow<'_, Draft<'p>>)> = drafts.into_iter().flatten().collect();
    let scopes = scopes(declarations, &base.names, &environment, out);
    // Shapes are large: each is written where it stays, and what was found beside them.
    let (shapes, found): (Vec<Shape<'_>>, Vec<_>) = drafts
        .par_iter()
        .map(|(namespace, decl, draft)| {
            let mut found = Diagnostics::default();
            let mtls = scopes.get(*namespace).map_or((MtlsMode::Strict, None), |scope| scope.mtls);
            let shape = shape::shape(&cluster, namespace, decl, Stated::new(draft), mtls, &mut found);
            (shape, found)
        })
        .unzip();
    found.into_iter().for_each(|found| out.append(found));
    let parties = parties::parties(base, &environment, &cluster, &shapes, out);
    let gateways = exposure::gateways(declarations, &base.names, &environment, out);
    let resolve =
        Resolve { base, environment: &environment, gateways: &gateways, parties: &parties, state, scopes: &scopes };
    let built = resolve.services(&shapes, out);
    weight_owners::check(&shapes, &inventory, out);
    let authorization = scope::authorization(declarations, &environment, out);
    let removed = |index: usize| {
        let of = drafts.get(index).map(|(_, _, draft)| draft.removed_callers.iter().map(|(caller, _)| caller.clone()));
        of.into_iter()
            .flatten()
            .map(|caller| qualify(caller, drafts.get(index).map(|(namespace, ..)| *namespace)))
            .collect()
    };
    let (of_graph, of_workloads) = rayon::join(
        || {
            let mut found = Diagnostics::default();
            graph::check(&shapes, &built, &mut found);
            found
        },
        || {
            let mut found = Diagnostics::default();
            if let Some((authorization, _)) = authorization {
                let (shapes, parties) = (&shapes[..], &parties);
                let view = workloads::View { shapes, parties, cluster: &cluster, authorization, removed: &removed };
                workloads::check(&view, &mut found);
            }
            found
        },
    );
    out.append(of_graph);
    out.append(of_workloads);
    let claims = built.iter().flat_map(|service| service.exposures.iter().map(|exposure| (&service.name, exposure)));
    exposure::check_claims(claims, &environment, &base.hosts, base.names.names_missing, out);
    let mesh =
        assemble(base, &environment, authorization.map(|(mode, _)| mode), &scopes, gateways, &shapes, built, out);
    Checked { mesh, facts, patches }
}

fn qualify(caller: CallerKey, namespace: Option<&Text>) -> CallerKey {
    match caller {
        CallerKey::Named(None, name) => CallerKey::Named(namespace.cloned(), name),
        caller => caller,
    }
}

/// The hosts that services and presets expose in any environment.
pub(crate) fn declared_hosts(declarations: &Declarations) -> HashSet<&Text> {
    let services = declarations.services.iter().map(|service| &service.layer);
    let presets = declarations.presets.iter().map(|preset| &preset.layer);
    let overrides = declarations.environments.iter().flat_map(|environment| &environment.services);
    services
        .chain(presets)
        .chain(overrides.map(|service| &service.layer))
        .flat_map(|layer| &layer.changes)
        .filter_map(|change| match &change.key.field {
            Field::Expose(host, _) if change.value.is_some() => Some(host),
            _ => None,
        })
        .collect()
}

/// The mesh's inventory with the environment's own laid over it, by the sources' names for namespaces.
pub(crate) fn inventory<'p>(
    project: &'p Project,
    names: &Names,
    environment: &Environment<'_>,
    out: &mut Diagnostics,
) -> Cow<'p, Inventory> {
    let own = project.environment_inventories.get(&environment.name);
    let Some(own) = own.filter(|own| !(own.services.is_empty() && own.workloads.is_empty() && own.accounts.is_empty()))
    else {
        return Cow::Borrowed(&project.inventory);
    };
    let mut own = own.clone();
    own.in_namespace(&names.default_namespace, out);
    for (name, rendered) in &environment.namespaces {
        own.rename(&rendered.value, name, out);
    }
    let mut merged = project.inventory.clone();
    merged.overlay(own);
    Cow::Owned(merged)
}

struct Resolve<'r, 'p> {
    base: &'r Base<'p>,
    environment: &'r Environment<'p>,
    gateways: &'r [GatewayShape],
    parties: &'r Parties<'r>,
    state: &'r State,
    scopes: &'r BTreeMap<Text, NamespaceScope<'p>>,
}

impl Resolve<'_, '_> {
    /// Every service with callers, hosts, versions and traffic.
    fn services(&self, shapes: &[Shape<'_>], out: &mut Diagnostics) -> Vec<Service> {
        let (services, found): (Vec<Service>, Vec<_>) = shapes.par_iter().map(|shape| self.service(shape)).unzip();
        let mut shared = Shared::default();
        for (of_service, found) in found {
            out.append(found);
            shared.append(of_service);
        }
        shared.report(&self.base.names, out);
        services
    }

    fn service(&self, shape: &Shape<'_>) -> (Service, (Shared, Diagnostics)) {
        let mut found = Diagnostics::default();
        let out = &mut found;
        let scope = self.scopes.get(&shape.namespace);
        let no_protos = Vec::new();
        let methods = rpc::methods(self.base.project, shape, scope.map_or(&no_protos, |scope| &scope.protos));
        let traffic = traffic::traffic(shape, &methods, out);
        let (exposures, of_gateways) =
            exposure::exposures(shape, self.gateways, &self.base.names, self.environment, out);
        let mut shared = Shared::default();
        let exposed = !shape.stated.exposes.is_empty();
        let mut grants = access::grants(shape, &methods, self.parties, exposed, &mut shared, out);
        grants.extend(of_gateways);
        let recorded = self.state.services.get(&(shape.namespace.clone(), shape.decl.name.value.clone()));
        let routing = release::routing(shape, recorded, out);
        report_fault(shape, recorded, out);
        let ports = shape
            .ports
            .iter()
            .zip(traffic)
            .map(|(port, traffic)| Port {
                span: port.span,
                container: port.container,
                protocol: port.protocol,
                mtls: (port.mtls != shape.mtls).then_some(port.mtls),
                traffic,
                rate_limits: port.own.then(|| traffic::limits(&port.behaviour)),
            })
            .collect();
        let service = Service {
            name: shape.decl.name.value.clone(),
            span: shape.decl.name.span,
            hosts: shape.hosts.clone(),
            selector: shape.selector.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            ports,
            mtls: shape.mtls,
            grants,
            exposures,
            routing,
            rate_limits: traffic::limits(&shape.stated.behaviour),
            replicas: shape.replicas,
            owner: shape.stated.owner.or(scope.and_then(|scope| scope.owner)).cloned(),
            raw: raw::resources(self.base.project, shape.stated.raw, &self.environment.rendered(&shape.namespace), out),
        };
        (service, (shared, found))
    }
}

fn report_fault(shape: &Shape<'_>, recorded: Option<&Recorded>, out: &mut Diagnostics) {
    if let Some(fault) = recorded.and_then(|recorded| recorded.fault.as_ref()) {
        let span = shape.stated.version.map_or(shape.decl.name.span, |(_, span)| span);
        out.add(
            Diagnostic::new(Code::InvalidState, span, format!("the recorded state cannot be used: {fault}"))
                .help("restore the file from the deploy repository's history; nothing is rendered from a guess"),
        );
    }
}

#[expect(clippy::too_many_arguments, reason = "the last step of a check takes what all others made")]
fn assemble(
    base: &Base<'_>,
    environment: &Environment<'_>,
    authorization: Option<Authorization>,
    scopes: &BTreeMap<Text, NamespaceScope<'_>>,
    gateways: Vec<GatewayShape>,
    shapes: &[Shape<'_>],
    services: Vec<Service>,
    out: &mut Diagnostics,
) -> Option<Mesh> {
    let mut by_namespace: BTreeMap<&Text, Vec<Service>> = BTreeMap::new();
    for (shape, service) in shapes.iter().zip(services) {
        by_namespace.entry(&shape.namespace).or_default().push(service);
    }
    let rendered: Vec<(&Text, Text)> = scopes.keys().map(|name| (name, environment.rendered(name))).collect();
    workloads::colliding_namespaces(&rendered, environment, out);
    let namespaces = scopes
        .iter()
        .map(|(name, scope)| Namespace {
            name: name.clone(),
            rendered: environment.rendered(name),
            mtls: scope.mtls.0,
            injection: scope.injection.clone(),
            services: by_namespace.remove(name).unwrap_or_default(),
            raw: raw::resources(base.project, scope.raw.iter().copied(), &environment.rendered(name), out),
        })
        .collect();
    let mesh = Mesh {
        environment: environment.name.clone(),
        target: environment.target.clone()?,
        authorization: authorization?,
        namespaces,
        gateways: gateways.into_iter().map(|gateway| gateway.gateway).collect(),
    };
    raw::check(&mesh, out);
    Some(mesh)
}
