//! Raw files: resources of kinds that the language does not know. What the compiler writes itself is not to be had
//! twice, because Istio takes one of two and says nothing.

use foldhash::{HashMap, HashMapExt};
use serde_json::Value;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Mesh, Namespace, RawResource};
use crate::project::{Project, raw};
use crate::source::{Span, Spanned, Text};

/// Kinds that belong to no namespace, as far as anyone would pass them through.
const CLUSTER_SCOPED: &[&str] = &[
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// The resources of `raw` files. One that states no namespace gets `rendered`, so that it follows an environment's
/// names; one that states a namespace keeps it.
pub(super) fn resources<'f>(
    project: &Project,
    files: impl IntoIterator<Item = &'f Spanned<Text>>,
    rendered: &Text,
    out: &mut Diagnostics,
) -> Vec<RawResource> {
    let mut list = Vec::new();
    for written in files {
        let Some(id) = project.raw.get(&written.span) else { continue };
        match raw::objects(&project.sources, *id) {
            Ok(objects) => list.extend(objects.into_iter().map(|mut value| {
                let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
                if !CLUSTER_SCOPED.contains(&kind)
                    && let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut)
                {
                    metadata.entry("namespace").or_insert_with(|| Value::from(rendered.as_str()));
                }
                RawResource { span: written.span, value }
            })),
            Err(diagnostic) => out.add(*diagnostic),
        }
    }
    list
}

/// Finds raw resources that take what the compiler writes.
pub(super) fn check(mesh: &Mesh, out: &mut Diagnostics) {
    let all = |namespace: &'_ Namespace| -> Vec<(Span, Value)> {
        let of = |raw: &RawResource| (raw.span, raw.value.clone());
        namespace.raw.iter().map(of).chain(namespace.services.iter().flat_map(|s| s.raw.iter().map(of))).collect()
    };
    let raw: Vec<(Span, Value)> = mesh.namespaces.iter().flat_map(all).collect();
    if raw.is_empty() {
        return;
    }
    let owned = owned_hosts(mesh);
    let mut with_services: HashMap<&str, &Namespace> = HashMap::new();
    for namespace in mesh.namespaces.iter().filter(|namespace| !namespace.services.is_empty()) {
        with_services.entry(&namespace.rendered).or_insert(namespace);
    }
    for (span, value) in raw {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (kind, namespace) = (text("/kind"), text("/metadata/namespace"));
        let istio = text("/apiVersion").contains(".istio.io/");
        let ours = with_services.get(namespace);
        let taken = match kind {
            "VirtualService" | "DestinationRule" if istio => {
                let hosts = value.pointer("/spec/hosts").and_then(Value::as_array);
                let hosts = hosts.into_iter().flatten().chain(value.pointer("/spec/host")).filter_map(Value::as_str);
                let suffix = &mesh.target.cluster_domain;
                let full = |host: &str| match host.split('.').count() {
                    1 => format!("{host}.{namespace}.svc.{suffix}"),
                    2 if !owned.contains_key(host) => format!("{host}.svc.{suffix}"),
                    _ => host.to_owned(),
                };
                hosts.filter_map(|host| owned.get(full(host).as_str())).next().copied()
            }
            "AuthorizationPolicy" | "PeerAuthentication" if istio => {
                ours.and_then(|namespace| namespace.services.first()).map(|service| service.span)
            }
            _ => None,
        };
        let Some(owner) = taken else { continue };
        let message = format!("the {kind} `{}` takes what the compiler writes", text("/metadata/name"));
        let help = match kind {
            "VirtualService" => "say it in the language, or change the written VirtualService by a patch",
            "DestinationRule" => "say it in the language, or change the written DestinationRule by a patch",
            "AuthorizationPolicy" => "say it with `allow`: a second policy would admit callers that no `allow` names",
            _ => "say it with `mtls`: of two policies for one workload Istio obeys the older",
        };
        out.add(
            Diagnostic::new(Code::OwnedResource, span, message).related(owner, "written for this service").help(help),
        );
    }
}

/// Every host that this mesh writes routes for, with a service behind it.
fn owned_hosts(mesh: &Mesh) -> HashMap<String, Span> {
    let mut hosts = HashMap::new();
    for namespace in &mesh.namespaces {
        for service in &namespace.services {
            for host in &service.hosts {
                let full = format!("{}.{}.svc.{}", host.name, namespace.rendered, mesh.target.cluster_domain);
                hosts.insert(full, service.span);
            }
            for exposure in &service.exposures {
                hosts.insert(exposure.host.to_string(), service.span);
            }
        }
    }
    hosts
}
