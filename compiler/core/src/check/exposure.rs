//! Hosts that gateways send to services, and the gateways themselves.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashSet, HashSetExt};

use super::access::port_index;
use super::environment::{Environment, unknown_gateway};
use super::shape::Shape;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::declaration::{Declarations, GatewayDecl};
use crate::lower::scope::stated_twice;
use crate::model::access::{Grant, Operation, Peer};
use crate::model::traffic::LimitKey;
use crate::model::{Exposure, Gateway, PathPattern};
use crate::resolve::names::Names;
use crate::source::{Span, Spanned, Text};
use crate::suggest;

/// A gateway with what its declaration may have left out.
#[derive(Debug)]
pub(crate) struct GatewayShape {
    pub(crate) gateway: Gateway,
    /// Its account, by namespace in the cluster and name.
    pub(crate) account: Option<(Text, Text)>,
    /// What is missing was reported.
    pub(crate) broken: bool,
}

/// Every gateway as this environment has it, sorted by name.
pub(crate) fn gateways(
    declarations: &Declarations,
    names: &Names,
    environment: &Environment<'_>,
    out: &mut Diagnostics,
) -> Vec<GatewayShape> {
    names
        .gateways
        .iter()
        .filter_map(|(name, index)| {
            let base = declarations.gateways.get(*index)?;
            Some(gateway(base, environment.gateways.get(name).map_or(&[], Vec::as_slice), environment, out))
        })
        .collect()
}

fn gateway(
    base: &GatewayDecl,
    overrides: &[&GatewayDecl],
    environment: &Environment<'_>,
    out: &mut Diagnostics,
) -> GatewayShape {
    let mut merged = base.clone();
    let mut overridden = GatewayDecl::new(base.name.clone(), base.span, base.broken);
    for decl in overrides {
        lay(&mut overridden.pods, &decl.pods, "pods", out);
        lay(&mut overridden.account, &decl.account, "service-account", out);
        lay(&mut overridden.resource, &decl.resource, "resource", out);
        lay(&mut overridden.listener, &decl.listener, "listener", out);
        lay(&mut overridden.trusted_proxies, &decl.trusted_proxies, "trusted-proxies", out);
        overridden.listen.extend(decl.listen.iter().cloned());
    }
    merged.pods = overridden.pods.or(merged.pods);
    merged.account = overridden.account.or(merged.account);
    merged.resource = overridden.resource.or(merged.resource);
    merged.listener = overridden.listener.or(merged.listener);
    merged.trusted_proxies = overridden.trusted_proxies.or(merged.trusted_proxies);
    if !overridden.listen.is_empty() {
        merged.listen = overridden.listen;
    }
    finish(&merged, environment, out)
}

fn lay<T: Clone>(slot: &mut Option<Spanned<T>>, new: &Option<Spanned<T>>, what: &str, out: &mut Diagnostics) {
    if let Some(new) = new {
        match slot {
            Some(first) => out.add(stated_twice(what, first.span, new.span)),
            None => *slot = Some(new.clone()),
        }
    }
}

fn finish(decl: &GatewayDecl, environment: &Environment<'_>, out: &mut Diagnostics) -> GatewayShape {
    let before = out.len();
    let name = &decl.name;
    let missing = |what: &str, help: &str, out: &mut Diagnostics| {
        if !decl.broken {
            let message = format!("the gateway `{}` does not say {what}", name.value);
            out.add(Diagnostic::new(Code::MissingSetting, name.span, message).help(help));
        }
    };
    if decl.pods.is_none() {
        missing("which pods it is", "write `pods istio-system istio=ingressgateway`", out);
    }
    if decl.account.is_none() {
        let help =
            "write `service-account istio-system/istio-ingressgateway-service-account`, by which services know it";
        missing("under which account it runs", help, out);
    }
    match (&decl.resource, decl.listen.first()) {
        (None, None) => {
            let help = "name the Istio Gateway that exists: `resource istio-system/public`, or have one written: \
                        `listen 443 https { credential shop-cert }`";
            missing("which Gateway resource it has", help, out);
        }
        (Some(resource), Some(listen)) => out.add(
            Diagnostic::new(Code::MalformedSetting, listen.span, "`resource` and `listen` stand together")
                .related(resource.span, "an Istio Gateway that exists")
                .help("keep `resource` for a Gateway that exists, or `listen` to have one written"),
        ),
        _ => {}
    }
    let written = decl.listen.iter().find(|listen| listen.https).or(decl.listen.first()).map(|listen| listen.port);
    let listener = decl.listener.as_ref().map(|listener| listener.value).or(written);
    if listener.is_none() && decl.resource.is_some() {
        missing("on which port its hosts are served", "write the port of its Gateway's server: `listener 443`", out);
    }
    for listen in &decl.listen {
        if listen.https && listen.credential.is_none() {
            out.add(
                Diagnostic::new(Code::MissingSetting, listen.span, "an `https` listener needs a certificate")
                    .help("name the Secret that holds it: `listen 443 https { credential shop-cert }`"),
            );
        }
    }
    let empty = || (Text::default(), Vec::new());
    let (folder, selector) = decl.pods.as_ref().map_or_else(empty, |pods| pods.value.clone());
    let namespace = environment.rendered(&folder);
    let resource = decl.resource.as_ref().map_or_else(
        || (namespace.clone(), name.value.clone()),
        |resource| (environment.rendered(&resource.value.0), resource.value.1.clone()),
    );
    GatewayShape {
        account: decl.account.as_ref().map(|account| (environment.rendered(&account.value.0), account.value.1.clone())),
        broken: decl.broken || out.has_errors_since(before),
        gateway: Gateway {
            name: name.value.clone(),
            span: name.span,
            folder,
            namespace,
            selector,
            resource,
            listen: decl.listen.clone(),
            listener: listener.unwrap_or(0),
            trusted_proxies: decl.trusted_proxies.as_ref().map(|number| number.value),
        },
    }
}

/// Hosts of one service, with the grants that let the gateways in.
pub(crate) fn exposures(
    shape: &Shape<'_>,
    gateways: &[GatewayShape],
    names: &Names,
    environment: &Environment<'_>,
    out: &mut Diagnostics,
) -> (Vec<Exposure>, Vec<Grant>) {
    let mut exposures = Vec::new();
    let mut grants: Vec<Grant> = Vec::new();
    let mut granted: HashSet<(usize, &PathPattern, u16)> = HashSet::new();
    for (decl, span) in &shape.stated.exposes {
        // Sorted by name.
        let found = gateways.binary_search_by(|known| known.gateway.name.cmp(&decl.gateway.value));
        let Ok(index) = found else {
            if !names.names_missing {
                out.add(unknown_gateway(&decl.gateway, names));
            }
            continue;
        };
        let Some(port) = exposed_port(shape, decl.port.as_ref(), *span, out) else { continue };
        let Some(of_shape) = shape.ports.get(port) else { continue };
        let host =
            environment.hosts.get(&decl.host.value).map_or_else(|| decl.host.value.clone(), |(to, _)| to.value.clone());
        let numbers = shape.hosts.first().map_or(&[][..], |host| &host.ports);
        let Some(port_number) =
            of_shape.service.or_else(|| numbers.iter().find(|(_, at)| *at == port).map(|(n, _)| *n))
        else {
            let message = format!("container port {} has no Service port to send to", of_shape.container);
            out.add(Diagnostic::new(Code::UnknownPort, *span, message).help("expose a port that callers can dial"));
            continue;
        };
        if let Some(Some((namespace, account))) = gateways.get(index).map(|gateway| &gateway.account)
            && granted.insert((index, &decl.path, of_shape.container))
        {
            let operations = match &decl.path {
                PathPattern::All => Vec::new(),
                path => vec![Operation::Http(Vec::new(), path.clone())],
            };
            let peer = Peer::Account(namespace.clone(), account.clone());
            grants.push(Grant { span: *span, peer, operations, ports: vec![of_shape.container] });
        }
        exposures.push(Exposure { span: *span, host, path: decl.path.clone(), gateway: index, port, port_number });
    }
    exposures.sort_by(|a, b| (&a.host, specificity(&a.path), &a.path).cmp(&(&b.host, specificity(&b.path), &b.path)));
    client_limits(shape, &exposures, gateways, out);
    (exposures, grants)
}

/// Most specific first: the longer path, and of two equally long the exact one.
fn specificity(path: &PathPattern) -> (std::cmp::Reverse<usize>, u8) {
    match path {
        PathPattern::Exact(path) => (std::cmp::Reverse(path.len()), 0),
        PathPattern::Below(path) => (std::cmp::Reverse(path.len()), 1),
        PathPattern::All => (std::cmp::Reverse(0), 2),
    }
}

fn exposed_port(shape: &Shape<'_>, stated: Option<&Spanned<u16>>, span: Span, out: &mut Diagnostics) -> Option<usize> {
    if shape.broken {
        return None;
    }
    if let Some(port) = stated {
        let index = port_index(shape, port, out)?;
        let speaks = shape.ports.get(index)?;
        if !speaks.protocol.is_http() {
            out.add(
                Diagnostic::new(
                    Code::ExposureNeedsHttp,
                    port.span,
                    format!("port {} speaks `{}`, and a host is routed by HTTP", port.value, speaks.protocol.name()),
                )
                .related(speaks.span, "this port"),
            );
            return None;
        }
        return Some(index);
    }
    let dialled = shape.hosts.first()?.ports.iter().map(|(_, index)| *index);
    let mut candidates = dialled.filter(|index| shape.ports.get(*index).is_some_and(|port| port.protocol.is_http()));
    match (candidates.next(), candidates.next()) {
        (Some(one), None) => Some(one),
        (Some(_), Some(_)) => {
            let ports = &shape.hosts.first()?.ports;
            let shown: Vec<String> = ports.iter().take(9).map(|(number, _)| number.to_string()).collect();
            let names = suggest::list_of(shown.iter().map(String::as_str), ports.len());
            out.add(
                Diagnostic::new(
                    Code::ExposureNeedsHttp,
                    span,
                    format!("`{}` has several ports: {names}", shape.decl.name.value),
                )
                .help("say which one: `expose HOST on GATEWAY port 80`"),
            );
            None
        }
        (None, _) => {
            let message =
                format!("`{}` has no port that speaks HTTP, and a host is routed by HTTP", shape.decl.name.value);
            let mut diagnostic = Diagnostic::new(Code::ExposureNeedsHttp, span, message);
            if let Some(port) = shape.ports.first() {
                diagnostic = diagnostic.related(port.span, format!("this port speaks `{}`", port.protocol.name()));
            }
            out.add(diagnostic.help("remove `expose`, or declare an HTTP port"));
            None
        }
    }
}

/// Whether a limit for each client address stands where the address is known.
fn client_limits(shape: &Shape<'_>, exposures: &[Exposure], gateways: &[GatewayShape], out: &mut Diagnostics) {
    let service = shape.stated.behaviour.limits.get(2).copied().flatten();
    let ports = shape.stated.port_behaviours.values().filter_map(|own| own.limits.get(2).copied().flatten());
    let used: BTreeSet<usize> = exposures.iter().map(|exposure| exposure.gateway).collect();
    let whole = used.iter().filter_map(|index| gateways.get(*index)).filter(|gateway| !gateway.broken);
    let unknown: Vec<&Gateway> =
        whole.map(|known| &known.gateway).filter(|gateway| gateway.trusted_proxies.is_none()).collect();
    for (_, span) in service.into_iter().chain(ports) {
        if exposures.is_empty() && !shape.broken && shape.stated.exposes.is_empty() {
            out.add(
                Diagnostic::new(
                    Code::RemoteAddressUnknown,
                    span,
                    format!("no gateway sends to `{}`, and only a gateway knows the client's address", shape.decl.name.value),
                )
                .note("behind a balancer a sidecar sees one address for everybody, and a caller in the mesh can forge one")
                .help(format!(
                    "expose a host, or limit `per {}`; an environment without gateway says `no rate-limit per {}`",
                    LimitKey::Caller.name(),
                    LimitKey::ClientIp.name()
                )),
            );
        }
        for gateway in &unknown {
            out.add(
                Diagnostic::new(
                    Code::RemoteAddressUnknown,
                    span,
                    format!("nothing says how many proxies stand before the gateway `{}`", gateway.name),
                )
                .related(gateway.span, "this gateway serves the host")
                .note("with a wrong number all clients share one limit, or each can forge an address of its own")
                .help("write `trusted-proxies 1` for one load balancer before it, `trusted-proxies 0` for none"),
            );
        }
    }
}

/// A host and path that two services claim, and hosts that are renamed and not there.
pub(crate) fn check_claims<'m>(
    all: impl Iterator<Item = (&'m Text, &'m Exposure)>,
    environment: &Environment<'_>,
    declared_hosts: &HashSet<&Text>,
    names_missing: bool,
    out: &mut Diagnostics,
) {
    let mut claims: BTreeMap<(&Text, &PathPattern), (&Text, Span)> = BTreeMap::new();
    for (service, exposure) in all {
        match claims.get(&(&exposure.host, &exposure.path)) {
            Some((other, span)) => out.add(
                Diagnostic::new(
                    Code::DuplicateExposure,
                    exposure.span,
                    format!("`{other}` and `{service}` both claim {} of this host", shown(&exposure.path)),
                )
                .label(format!("claimed by `{service}`"))
                .related(*span, format!("claimed by `{other}`"))
                .help("give each service paths of its own, such as `expose HOST /cart/** on GATEWAY`"),
            ),
            None => {
                claims.insert((&exposure.host, &exposure.path), (service, exposure.span));
            }
        }
    }
    for (from, (_, span)) in &environment.hosts {
        if !declared_hosts.contains(from) && !names_missing {
            out.add(
                Diagnostic::new(Code::OverrideMatchesNothing, *span, format!("no service exposes `{from}`"))
                    .help("correct the host, or remove the line"),
            );
        }
    }
}

fn shown(path: &PathPattern) -> String {
    match path {
        PathPattern::All => "every path".to_owned(),
        path => format!("`{path}`"),
    }
}
