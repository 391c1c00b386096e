//! Kubernetes manifests to an [`Inventory`]: plain or multi-document YAML or JSON, `List`s flattened, kinds that say
//! nothing about the mesh ignored. Checks only what it reads: the API server checks the rest.

mod controllers;
mod field;
mod pods;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::controller::ControllerKind;
use crate::inventory::{Inventory, KubePort, KubeService, ServiceType, TargetPort, WorkloadKind};
use crate::source::{FileId, SourceMap, Span, Text};
use crate::yaml::{self, Fault, Node, Value};

/// `List`s within `List`s: more than any tool writes, and few enough that repeating aliases cannot multiply.
const DEEPEST_LIST: usize = 2;

/// Adds the objects of one file to a layer of the inventory. Comment-only and empty documents and mappings that are
/// no Kubernetes objects (a `kustomization.yaml` without `kind`) are passed over.
///
/// Errors, each with its line: [`Code::InvalidFile`] for text that is no YAML and for a value of a wrong type,
/// [`Code::DuplicateObject`] for an object that `into` already has. Objects that can be read are read all the same.
pub fn read(sources: &SourceMap, file: FileId, into: &mut Inventory, out: &mut Diagnostics) {
    let text = &sources.file(file).text;
    let mut reader = Reader { text, into, out };
    for (offset, document) in yaml::documents(text) {
        match yaml::parse(file, offset, document) {
            Ok(roots) => roots.iter().for_each(|root| reader.object(root, None, 0)),
            Err(fault) => {
                let template = reader.template(fault.span);
                reader.broken(fault);
                // The other documents of a template are templates too: one finding says it.
                if template {
                    return;
                }
            }
        }
    }
}

/// All files of one layer. An object that two of them have is a duplicate; otherwise as [`read`].
pub fn read_all(sources: &SourceMap, files: &[FileId], out: &mut Diagnostics) -> Inventory {
    // Files are read on all cores, and put together in their order.
    let parts: Vec<(Inventory, Diagnostics)> = files
        .par_iter()
        .map(|file| {
            let (mut inventory, mut found) = (Inventory::default(), Diagnostics::default());
            read(sources, *file, &mut inventory, &mut found);
            (inventory, found)
        })
        .collect();
    let mut layer = Inventory::default();
    for (inventory, found) in parts {
        out.append(found);
        layer.merge(inventory, out);
    }
    layer
}

/// What a document is read into.
struct Reader<'a> {
    text: &'a str,
    into: &'a mut Inventory,
    out: &'a mut Diagnostics,
}

/// `metadata` of an object.
struct Meta {
    namespace: Text,
    name: Text,
    span: Span,
}

/// The kinds that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Service,
    ServiceAccount,
    Workload(WorkloadKind),
    Controller(ControllerKind),
}

/// A kind by its name and API group. The group decides: a Knative `Service` is none of ours.
fn kind_of(kind: &str, api_version: Option<&str>) -> Option<Kind> {
    let group = api_version.map(|version| version.split_once('/').map_or("", |(group, _)| group));
    let (groups, kind): (&[&str], Kind) = match kind {
        "Service" => (&[""], Kind::Service),
        "ServiceAccount" => (&[""], Kind::ServiceAccount),
        "Pod" => (&[""], Kind::Workload(WorkloadKind::Pod)),
        // `extensions` until Kubernetes 1.15.
        "Deployment" => (&["apps", "extensions"], Kind::Workload(WorkloadKind::Deployment)),
        "DaemonSet" => (&["apps", "extensions"], Kind::Workload(WorkloadKind::DaemonSet)),
        "StatefulSet" => (&["apps"], Kind::Workload(WorkloadKind::StatefulSet)),
        "Job" => (&["batch"], Kind::Workload(WorkloadKind::Job)),
        "CronJob" => (&["batch"], Kind::Workload(WorkloadKind::CronJob)),
        "Rollout" => (&["argoproj.io"], Kind::Controller(ControllerKind::Rollout)),
        "Canary" => (&["flagger.app"], Kind::Controller(ControllerKind::Canary)),
        _ => return None,
    };
    group.is_none_or(|group| groups.contains(&group)).then_some(kind)
}

impl Reader<'_> {
    /// One object, or the objects of a list. `listed` is the kind that a `DeploymentList` gives to its items.
    fn object(&mut self, root: &Node<'_>, listed: Option<&str>, depth: usize) {
        if root.is_null() {
            return;
        }
        let Value::Map(_) = root.value() else {
            return self.wrong(root.span, "expected a Kubernetes object, `kind: …`, found something else");
        };
        let api_version = root.get("apiVersion").and_then(|(node, _)| node.scalar());
        let stated = match root.get("kind") {
            Some((node, place)) => match node.scalar() {
                Some(kind) => Some(kind),
                None => return self.wrong(place, "`kind` must be a word"),
            },
            None => None,
        };
        let Some(kind) = stated.or(listed) else {
            if api_version.is_some() || root.get("metadata").is_some() {
                self.wrong(root.span, "the object has no `kind`");
            }
            return;
        };
        if let Some(item) = kind.strip_suffix("List") {
            let item = Some(item).filter(|item| !item.is_empty());
            let read = item.is_none_or(|item| kind_of(item, api_version).is_some());
            if read && depth < DEEPEST_LIST {
                for one in self.list(root, "items") {
                    self.object(one, item, depth + 1);
                }
            }
            return;
        }
        if let Some(kind) = kind_of(kind, api_version) {
            self.known(root, kind);
        }
    }

    fn known(&mut self, root: &Node<'_>, kind: Kind) {
        let Some(meta) = self.meta(root) else { return };
        match kind {
            Kind::Service => self.service(root, meta),
            Kind::ServiceAccount => self.into.add_account(meta.namespace, meta.name, meta.span, self.out),
            Kind::Workload(kind) => self.workload(root, kind, meta),
            Kind::Controller(kind) => self.controller(root, kind, meta),
        }
    }

    /// `metadata`; nothing for an object that is not meant for the cluster, and where the name is missing.
    fn meta(&mut self, root: &Node<'_>) -> Option<Meta> {
        let Some(metadata) = self.section(root, "metadata") else {
            if root.get("metadata").is_none() {
                self.wrong(root.span, "the object has no `metadata`");
            }
            return None;
        };
        // kustomize and kpt keep such objects to themselves.
        if let Some(annotations) = self.section(metadata, "annotations") {
            let local = annotations.get("config.kubernetes.io/local-config");
            if local.is_some_and(|(value, _)| value.scalar() == Some("true")) {
                return None;
            }
        }
        let namespace = self.text(metadata, "namespace").unwrap_or_default();
        if let Some(name) = self.text(metadata, "name") {
            let span = metadata.get("name").map_or(metadata.span, |(_, place)| place);
            return Some(Meta { namespace, name, span });
        }
        // The cluster completes the name; the prefix is what there is to say about it.
        if let Some(prefix) = self.text(metadata, "generateName") {
            let span = metadata.get("generateName").map_or(metadata.span, |(_, place)| place);
            return Some(Meta { namespace, name: prefix.trim_end_matches('-').into(), span });
        }
        if metadata.get("name").is_none() {
            self.wrong(metadata.span, "the object has no `metadata.name`");
        }
        None
    }

    fn service(&mut self, root: &Node<'_>, meta: Meta) {
        let spec = self.section(root, "spec");
        let mut service = KubeService {
            namespace: meta.namespace,
            name: meta.name,
            service_type: ServiceType::ClusterIp,
            headless: false,
            selector: BTreeMap::new(),
            ports: Vec::new(),
            span: meta.span,
        };
        if let Some(spec) = spec {
            service.service_type = self.service_type(spec);
            service.headless = spec.get("clusterIP").is_some_and(|(ip, _)| ip.scalar() == Some("None"));
            service.selector = self.labels(spec, "selector");
            service.ports = self.list(spec, "ports").iter().filter_map(|port| self.service_port(port)).collect();
        }
        self.into.add_service(service, self.out);
    }

    fn service_type(&mut self, spec: &Node<'_>) -> ServiceType {
        match self.text(spec, "type").as_deref() {
            None | Some("ClusterIP") => ServiceType::ClusterIp,
            Some("NodePort") => ServiceType::NodePort,
            Some("LoadBalancer") => ServiceType::LoadBalancer,
            Some("ExternalName") => ServiceType::ExternalName,
            Some(other) => {
                let place = spec.get("type").map_or(spec.span, |(_, place)| place);
                let expected = "`ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`";
                self.wrong(place, &format!("`type` of a Service is `{other}`, expected {expected}"));
                ServiceType::ClusterIp
            }
        }
    }

    fn service_port(&mut self, port: &Node<'_>) -> Option<KubePort> {
        if !self.is_section(port, "ports") {
            return None;
        }
        let Some((_, span)) = port.get("port") else {
            self.wrong(port.span, "a port of a Service has no `port`");
            return None;
        };
        let number = self.port(port, "port");
        let name = self.text(port, "name");
        let app_protocol = self.text(port, "appProtocol");
        let udp = self.text(port, "protocol").is_some_and(|protocol| protocol != "TCP");
        let target = self.target(port);
        let number = number?;
        let target = target?.unwrap_or(TargetPort::Number(number));
        Some(KubePort { name, number, target, app_protocol, udp, span })
    }

    /// `targetPort`: a number or a name. The outer nothing: neither, and reported.
    fn target(&mut self, port: &Node<'_>) -> Option<Option<TargetPort>> {
        let Some((node, place)) = port.get("targetPort") else { return Some(None) };
        match node.scalar() {
            Some(_) if node.not_text().is_some() => self.port(port, "targetPort").map(|n| Some(TargetPort::Number(n))),
            // Kubernetes: a port's name has a letter (k8s.io/apimachinery, validation.IsValidPortName).
            Some(name) if name.contains(|c: char| c.is_ascii_alphabetic()) => Some(Some(TargetPort::Name(name.into()))),
            Some(_) | None => {
                self.wrong(
                    place,
                    "`targetPort` must be a port's number without quotes, or the name of a container's port",
                );
                None
            }
        }
    }

    /// Whether a fault comes from a template that was not rendered: `{{` stands in its line or in the line before,
    /// where the parser often still accepts it.
    fn template(&self, span: Span) -> bool {
        let start = self.text.get(..span.start as usize).map_or(0, |before| before.rfind('\n').map_or(0, |at| at + 1));
        let before = self.text.get(..start.saturating_sub(1)).and_then(|before| before.lines().next_back());
        let line = self.text.get(start..).and_then(|rest| rest.lines().next());
        [before, line].into_iter().flatten().any(|line| line.contains("{{"))
    }

    fn broken(&mut self, fault: Fault) {
        let template = self.template(fault.span);
        let message = if template {
            "this is a template, expected plain Kubernetes manifests".to_owned()
        } else {
            format!("cannot be read as YAML: {}", fault.message)
        };
        let mut diagnostic = Diagnostic::new(Code::InvalidFile, fault.span, message);
        if let Some(first) = fault.first {
            diagnostic = diagnostic.related(first, "first here");
        } else {
            diagnostic = diagnostic.help(
                "name plain manifests in `inventory`; render templates and overlays first: `helm template`, `kustomize build`",
            );
        }
        self.out.add(diagnostic);
    }

    /// A value of a wrong type or one that is missing.
    fn wrong(&mut self, span: Span, message: &str) {
        let mut diagnostic = Diagnostic::new(Code::InvalidFile, span, message);
        if self.template(span) {
            diagnostic = diagnostic.help("this looks like a template: render it first, `helm template`");
        }
        self.out.add(diagnostic);
    }
}

#[cfg(test)]
pub(crate) mod tests;
