//! Ports and hosts of a service: what the file states against what its Kubernetes Services say.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::shape::{Cluster, PortShape, Shape, pairs_text};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::{KubePort, KubeService, Workload};
use crate::lower::field::PortKey;
use crate::lower::setting::PortDecl;
use crate::model::{Host, Protocol};
use crate::source::{Span, Spanned, Text};
use crate::suggest;

/// The container port behind a Service's port, as its workloads resolve it.
fn target(port: &KubePort, workloads: &[&Workload], out: &mut Diagnostics) -> Option<u16> {
    let resolved: BTreeSet<u16> =
        workloads.iter().filter_map(|workload| workload.resolve_target(&port.target)).collect();
    let mut numbers = resolved.iter();
    match (numbers.next(), numbers.next()) {
        (Some(one), None) => Some(*one),
        (Some(_), Some(_)) => {
            let message = "the pods behind this Service port resolve its name to different container ports";
            out.add(
                Diagnostic::new(Code::InventoryMismatch, port.span, message)
                    .help("give all its workloads the same container port"),
            );
            None
        }
        (None, _) => match port.target {
            crate::inventory::TargetPort::Number(number) => Some(number),
            crate::inventory::TargetPort::Name(ref name) => {
                let message = format!("no container of its pods names the port `{name}`");
                out.add(
                    Diagnostic::new(Code::InventoryMismatch, port.span, message)
                        .help("name the port in the container, or write its number as `targetPort`"),
                );
                None
            }
        },
    }
}

/// The ports of a service, by what it states and what its Kubernetes Service has.
pub(super) fn ports<'c>(
    shape: &mut Shape<'c>,
    cluster: &Cluster<'_>,
    kube: Option<&KubeService>,
    out: &mut Diagnostics,
) {
    let mut decls: Vec<(PortKey, Option<&PortDecl>, Span)> =
        shape.stated.ports.iter().map(|(key, decl, span)| (*key, Some(*decl), *span)).collect();
    let mut of_kube: HashMap<u16, &KubePort> = HashMap::new();
    for port in kube.iter().flat_map(|kube| &kube.ports).filter(|port| !port.udp) {
        of_kube.entry(port.number).or_insert(port);
    }
    if !of_kube.is_empty() {
        let mut known: HashSet<PortKey> = decls.iter().map(|(key, ..)| *key).collect();
        for port in kube.iter().flat_map(|kube| &kube.ports).filter(|port| !port.udp) {
            let key = PortKey::Service(port.number);
            if known.insert(key) {
                decls.push((key, None, port.span));
            }
        }
    }
    // Where each container port stands among those found.
    let mut at: HashMap<u16, usize> = HashMap::new();
    let mut found: Vec<PortShape<'c>> = Vec::with_capacity(decls.len());
    for (key, decl, span) in decls {
        let Some((container, protocol)) = port(shape, (kube, &of_kube), key, decl, span, out) else {
            shape.broken = true;
            continue;
        };
        let service = match key {
            PortKey::Service(number) => Some(number),
            PortKey::Container(_) => None,
        };
        if let Some(known) = at.get(&container).and_then(|at| found.get_mut(*at)) {
            // Two Service ports on one container port: the first number counts for `on`, both are routed.
            if known.protocol != protocol {
                let message = format!(
                    "the container port {container} speaks `{}` behind one port and `{}` behind another",
                    known.protocol.name(),
                    protocol.name()
                );
                out.add(Diagnostic::new(Code::InventoryMismatch, span, message).related(known.span, "the other port"));
            }
            known.service = known.service.or(service);
            continue;
        }
        let own = shape.stated.port_behaviours.get(&key);
        let behaviour = own.map_or_else(|| shape.stated.behaviour.clone(), |own| own.over(&shape.stated.behaviour));
        let mtls = own.and_then(|own| own.mtls).map_or(shape.mtls, |(mode, _)| mode);
        at.insert(container, found.len());
        found.push(PortShape { span, container, service, protocol, behaviour, own: own.is_some(), mtls });
    }
    if !shape.stated.port_behaviours.is_empty() {
        let keys =
            |port: &PortShape<'_>| [Some(PortKey::Container(port.container)), port.service.map(PortKey::Service)];
        let known: HashSet<PortKey> = found.iter().flat_map(keys).flatten().collect();
        // A block without its port is left over when `no port` removed the port on the same layer.
        shape.broken |= shape.stated.port_behaviours.keys().any(|key| !known.contains(key));
    }
    found.sort_by_key(|port| port.container);
    if found.is_empty() && !shape.broken {
        let name = &shape.decl.name;
        let mut diagnostic =
            Diagnostic::new(Code::NoPorts, name.span, format!("nothing says which ports `{}` has", name.value));
        diagnostic = match (kube, cluster.index.nearest_service(&shape.namespace, &name.value)) {
            (Some(kube), _) => diagnostic.related(kube.span, "the Service has no TCP port"),
            (None, Some(near)) => diagnostic
                .note(format!("the inventory has no Service `{}/{}`", shape.namespace, name.value))
                .help(format!("did you mean `{near}`? Otherwise state its ports: `port 80 -> 8080 http`")),
            (None, None) => diagnostic.help("state them: `port 80 -> 8080 http`, or add its Service to the inventory"),
        };
        out.add(diagnostic);
        shape.broken = true;
    }
    shape.ports = found;
}

/// Container port and protocol of one port, from the statement and the inventory.
fn port(
    shape: &Shape<'_>,
    (kube, of_kube): (Option<&KubeService>, &HashMap<u16, &KubePort>),
    key: PortKey,
    decl: Option<&PortDecl>,
    span: Span,
    out: &mut Diagnostics,
) -> Option<(u16, Protocol)> {
    let stated_protocol = decl.and_then(|decl| decl.protocol.clone());
    let PortKey::Service(number) = key else {
        let container = decl?.container.as_ref()?.value;
        let Some(protocol) = stated_protocol else {
            out.add(unknown_protocol(span, container, None));
            return None;
        };
        return Some((container, protocol.value));
    };
    let known = of_kube.get(&number).copied();
    if let (Some(kube), None) = (kube, known) {
        let ports: Vec<String> = kube.ports.iter().take(9).map(|port| port.number.to_string()).collect();
        out.add(
            Diagnostic::new(Code::InventoryMismatch, span, format!("the Service has no port {number}"))
                .label("stated here")
                .related(
                    kube.span,
                    format!("it has {}", suggest::list_of(ports.iter().map(String::as_str), kube.ports.len())),
                )
                .help("correct the number; a container port without a Service port is written `port -> N PROTOCOL`"),
        );
        return None;
    }
    let from_inventory = match known {
        Some(port) => Some(target(port, &shape.workloads, out)?),
        None => None,
    };
    let stated = decl.and_then(|decl| decl.container.clone());
    if let (Some(stated), Some(resolved), Some(port)) = (&stated, from_inventory, known)
        && stated.value != resolved
    {
        let message = format!("port {number} leads to container port {resolved}, not {}", stated.value);
        out.add(
            Diagnostic::new(Code::InventoryMismatch, stated.span, message)
                .label("stated here")
                .related(port.span, format!("the Service leads to {resolved}"))
                .help("remove the number, which the inventory makes needless, or correct the manifest"),
        );
        return None;
    }
    let container = from_inventory.or(stated.map(|stated| stated.value)).unwrap_or(number);
    let inferred = known.and_then(KubePort::protocol);
    match (stated_protocol, inferred) {
        (Some(stated), Some(inferred)) if stated.value != inferred => {
            let message =
                format!("port {number} speaks `{}` by the inventory, not `{}`", inferred.name(), stated.value.name());
            let mut diagnostic = Diagnostic::new(Code::InventoryMismatch, stated.span, message).label("stated here");
            if let Some(port) = known {
                diagnostic = diagnostic.related(port.span, "by `appProtocol`, else by the port's name");
            }
            out.add(diagnostic.help("Istio goes by the manifest: correct the one that is wrong"));
            None
        }
        (Some(stated), None) if known.is_some() => {
            // Istio reads the protocol from the Service, so a statement here would not reach the proxies.
            let mut diagnostic = Diagnostic::new(
                Code::UnknownProtocol,
                stated.span,
                format!("the Service does not say that port {number} speaks `{}`", stated.value.name()),
            );
            if let Some(port) = known {
                diagnostic = diagnostic.related(port.span, "neither `appProtocol` nor the port's name says it");
            }
            out.add(diagnostic.help(format!(
                "write `appProtocol: {}` into the Service's port; proxies go by it",
                stated.value.name()
            )));
            None
        }
        (Some(stated), _) => Some((container, stated.value)),
        (None, Some(inferred)) => Some((container, inferred)),
        (None, None) => {
            out.add(unknown_protocol(span, number, known));
            None
        }
    }
}

fn unknown_protocol(span: Span, number: u16, known: Option<&KubePort>) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::UnknownProtocol, span, format!("nothing says which protocol port {number} speaks"));
    match known {
        Some(port) => diagnostic
            .related(port.span, "neither `appProtocol` nor the port's name says it")
            .help("write `appProtocol: http` (or `grpc`, `tcp`, …) into the Service's port"),
        None => diagnostic.help("add it to the port: `port 80 -> 8080 http`"),
    }
}

/// The Kubernetes Services of a service, by what `also` names and the inventory has.
pub(super) fn hosts(shape: &mut Shape<'_>, cluster: &Cluster<'_>, kube: Option<&KubeService>, out: &mut Diagnostics) {
    let own_numbers = |shape: &Shape<'_>| {
        let mut numbers: Vec<(u16, usize)> = Vec::new();
        for (index, port) in shape.ports.iter().enumerate() {
            numbers.extend(port.service.map(|number| (number, index)));
        }
        let Some(kube) = kube else {
            numbers.sort_unstable();
            return numbers;
        };
        let mut known: HashSet<u16> = numbers.iter().map(|(number, _)| *number).collect();
        for port in &kube.ports {
            let container = shape.workloads.iter().find_map(|workload| workload.resolve_target(&port.target));
            let at = container.and_then(|container| shape.port_at(container));
            if let Some(at) = at.filter(|_| known.insert(port.number)) {
                numbers.push((port.number, at));
            }
        }
        numbers.sort_unstable();
        numbers
    };
    let numbers = own_numbers(shape);
    let mut hosts = vec![Host { name: shape.decl.name.value.clone(), ports: numbers.clone() }];
    let mut names: HashSet<Text> = HashSet::new();
    for also in shape.stated.also {
        if also.value == shape.decl.name.value || !names.insert(also.value.clone()) {
            let message = format!("the Service `{}` is named twice", also.value);
            out.add(Diagnostic::new(Code::DuplicateSetting, also.span, message).help("remove it from `also`"));
            continue;
        }
        let found = cluster.inventory.services.get(&(shape.namespace.clone(), also.value.clone()));
        match (found, kube) {
            (Some(found), _) => hosts.extend(further_host(shape, also, found, out)),
            (None, Some(_)) => {
                let message = format!("the inventory has no Service `{}/{}`", shape.namespace, also.value);
                let near = cluster.index.nearest_service(&shape.namespace, &also.value);
                let diagnostic = Diagnostic::new(Code::UnknownService, also.span, message);
                out.add(match near {
                    Some(near) => diagnostic.suggest(format!("did you mean `{near}`?"), also.span, near),
                    None => diagnostic.help("add its manifest to the inventory, or remove it from `also`"),
                });
            }
            (None, None) => hosts.push(Host { name: also.value.clone(), ports: numbers.clone() }),
        }
    }
    hosts.get_mut(1..).unwrap_or_default().sort_by(|a, b| a.name.cmp(&b.name));
    shape.hosts = hosts;
}

fn further_host(shape: &Shape<'_>, also: &Spanned<Text>, found: &KubeService, out: &mut Diagnostics) -> Option<Host> {
    if !shape.workloads.iter().all(|workload| workload.matches(&found.selector)) {
        let message = format!("`{}` does not select the pods of `{}`", also.value, shape.decl.name.value);
        out.add(
            Diagnostic::new(Code::InventoryMismatch, also.span, message)
                .related(found.span, format!("it selects {}", pairs_text(&found.selector)))
                .help("a Service on other pods is a `service` of its own"),
        );
        return None;
    }
    let mut ports = Vec::new();
    for port in found.ports.iter().filter(|port| !port.udp) {
        let container = target(port, &shape.workloads, out)?;
        let Some(at) = shape.port_at(container) else {
            let message = format!("`{}` leads to container port {container}, which is not declared", also.value);
            out.add(
                Diagnostic::new(Code::UnknownPort, also.span, message)
                    .related(port.span, "by this port")
                    .help(format!("declare it: `port -> {container} PROTOCOL`")),
            );
            return None;
        };
        ports.push((port.number, at));
    }
    ports.sort_unstable();
    Some(Host { name: also.value.clone(), ports })
}
