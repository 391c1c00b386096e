//! Names of resources and of their files.

use smol_str::format_smolstr;

use super::resource::Kind;
use crate::bundle::FilePath;
use crate::model::target::Target;
use crate::model::{Gateway, Mesh, Namespace, Service};
use crate::source::Text;

/// The host that the mesh knows a Kubernetes Service by. Short names would resolve against the namespace of the
/// resource that names them (istio 1.31, networking/v1alpha3/virtual_service.proto).
pub(super) fn fqdn(host: &str, namespace: &Namespace, target: &Target) -> String {
    [host, &namespace.rendered, "svc", &target.cluster_domain].join(".")
}

/// A host in the name of a resource, where `*` is not legal: `*.example.com` is `wildcard.example.com`.
pub(super) fn dns_safe(host: &str) -> Text {
    match host.strip_prefix('*') {
        Some(rest) => format_smolstr!("wildcard{rest}"),
        None => Text::new(host),
    }
}

/// The service's part of the routes of an exposed host. Ports beside the service's first that speaks HTTP have a
/// delegate of their own, named with their number: another exposure never renames one that is live.
pub(super) fn delegate(service: &Service, host: &str, port: usize, number: u16) -> Text {
    let first = service.ports.iter().position(|port| port.protocol.is_http());
    let host = dns_safe(host);
    if first == Some(port) {
        format_smolstr!("{}-{host}", service.name)
    } else {
        format_smolstr!("{}-{host}-{number}", service.name)
    }
}

/// What a service writes into a gateway's namespace. The gateway's own name is part of it only where an earlier
/// gateway of the mesh has its pods in the same namespace.
pub(super) fn at_gateway(mesh: &Mesh, namespace: &Namespace, service: &Service, gateway: usize) -> Text {
    let (rendered, service) = (&namespace.rendered, &service.name);
    let Some(this) = mesh.gateways.get(gateway) else { return format_smolstr!("{rendered}-{service}") };
    let shared = mesh.gateways.iter().take(gateway).any(|other| other.namespace == this.namespace);
    if shared { format_smolstr!("{rendered}-{service}-{}", this.name) } else { format_smolstr!("{rendered}-{service}") }
}

/// A gateway as a VirtualService in `namespace` names it: bare at home, else with its namespace.
pub(super) fn gateway_reference(gateway: &Gateway, namespace: &str) -> Text {
    let (home, name) = &gateway.resource;
    if home == namespace { name.clone() } else { format_smolstr!("{home}/{name}") }
}

/// A file of a service. `name` is given for what is not named after the service.
pub(super) fn service_file(kind: Kind, namespace: &Namespace, service: &Service, name: Option<&str>) -> FilePath {
    FilePath {
        namespace: namespace.name.clone(),
        service: service.name.clone(),
        file: name.map_or_else(|| kind.file(), |name| kind.file_of(name)),
    }
}

/// A file of a namespace.
pub(super) fn namespace_file(folder: &Text, file: Text) -> FilePath {
    FilePath { namespace: folder.clone(), service: Text::default(), file }
}

/// The stem of a raw resource's file: `ConfigMap` is `config-map`, `HTTPRoute` is `http-route`.
pub(super) fn kebab(kind: &str) -> String {
    let mut out = String::with_capacity(kind.len() + 4);
    let mut letters = kind.chars().peekable();
    let mut before = None;
    while let Some(letter) = letters.next() {
        let lower_next = letters.peek().is_some_and(char::is_ascii_lowercase);
        let word_starts =
            letter.is_ascii_uppercase() && before.is_some_and(|b: char| !b.is_ascii_uppercase() || lower_next);
        if word_starts {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
        before = Some(letter);
    }
    out
}

/// A name as part of a file's name: RBAC names may have colons, which Windows refuses.
pub(super) fn file_safe(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_become_words() {
        assert_eq!(kebab("ConfigMap"), "config-map");
        assert_eq!(kebab("HTTPRoute"), "http-route");
        assert_eq!(kebab("EnvoyFilter"), "envoy-filter");
        assert_eq!(kebab("GRPCRoute"), "grpc-route");
        assert_eq!(kebab("Secret"), "secret");
    }

    #[test]
    fn wildcards_become_words() {
        assert_eq!(dns_safe("*.example.com"), "wildcard.example.com");
        assert_eq!(dns_safe("*"), "wildcard");
        assert_eq!(dns_safe("shop.example.com"), "shop.example.com");
    }
}
