//! Workloads: where each kind keeps its pod template, and what the template says about the mesh.

use super::{Meta, Reader};
use crate::inventory::{Argument, ContainerPort, EnvVar, Workload, WorkloadKind};
use crate::source::Text;
use crate::yaml::Node;

impl Reader<'_> {
    pub(super) fn workload(&mut self, root: &Node<'_>, kind: WorkloadKind, meta: Meta) {
        let spec = self.section(root, "spec");
        let replicas = match kind {
            WorkloadKind::Deployment | WorkloadKind::StatefulSet => match spec {
                Some(spec) if spec.get("replicas").is_some() => self.count(spec, "replicas"),
                Some(_) | None => Some(1),
            },
            WorkloadKind::Pod => Some(1),
            WorkloadKind::DaemonSet | WorkloadKind::Job | WorkloadKind::CronJob => None,
        };
        let mut workload = Workload {
            kind,
            namespace: meta.namespace,
            name: meta.name,
            labels: std::collections::BTreeMap::new(),
            service_account: Text::new_static("default"),
            replicas,
            container_ports: Vec::new(),
            injected: None,
            env: Vec::new(),
            args: Vec::new(),
            span: meta.span,
        };
        if let Some(pod) = self.pod(root, spec, kind) {
            self.template_of(pod, &mut workload);
        }
        self.into.add_workload(workload, self.out);
    }

    /// The node that holds the pods' `metadata` and `spec`.
    fn pod<'n, 't>(
        &mut self,
        root: &'n Node<'t>,
        spec: Option<&'n Node<'t>>,
        kind: WorkloadKind,
    ) -> Option<&'n Node<'t>> {
        match kind {
            WorkloadKind::Pod => Some(root),
            WorkloadKind::CronJob => {
                let job = self.section(spec?, "jobTemplate")?;
                let spec = self.section(job, "spec")?;
                self.section(spec, "template")
            }
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => {
                self.section(spec?, "template")
            }
        }
    }

    fn template_of(&mut self, pod: &Node<'_>, workload: &mut Workload) {
        let mut annotated = None;
        if let Some(metadata) = self.section(pod, "metadata") {
            workload.labels = self.labels(metadata, "labels");
            annotated = self.section(metadata, "annotations").and_then(|all| self.text(all, INJECT));
        }
        workload.injected = injected(workload.labels.get(INJECT).or(annotated.as_ref()));
        let Some(spec) = self.section(pod, "spec") else { return };
        if spec.get("hostNetwork").is_some_and(|(value, _)| value.scalar() == Some("true")) {
            workload.injected = Some(false);
        }
        // `serviceAccount` is the older name of the same field; Kubernetes keeps both equal.
        let account = self.text(spec, "serviceAccountName").or_else(|| self.text(spec, "serviceAccount"));
        if let Some(account) = account.filter(|account| !account.is_empty()) {
            workload.service_account = account;
        }
        for containers in ["initContainers", "containers"] {
            for container in self.list(spec, containers) {
                if self.is_section(container, containers) {
                    self.container(container, workload);
                }
            }
        }
    }

    fn container(&mut self, container: &Node<'_>, workload: &mut Workload) {
        let name = self.text(container, "name").unwrap_or_default();
        for port in self.list(container, "ports") {
            if !self.is_section(port, "ports") {
                continue;
            }
            if let Some(number) = self.port(port, "containerPort") {
                let name = self.text(port, "name");
                workload.container_ports.push(ContainerPort { name, number });
            }
        }
        for variable in self.list(container, "env") {
            if !self.is_section(variable, "env") {
                continue;
            }
            // Values from Secrets, ConfigMaps and fields are not in the manifest.
            let (Some((_, span)), Some((value, place))) = (variable.get("name"), variable.get("value")) else {
                continue;
            };
            let (variable, value) = (self.text(variable, "name"), self.as_text(value, place, "value"));
            if let (Some(variable), Some(value)) = (variable, value) {
                let value = value.to_owned();
                workload.env.push(EnvVar { container: name.clone(), name: variable, value, span });
            }
        }
        for words in ["command", "args"] {
            for word in self.list(container, words) {
                if let Some(text) = self.as_text(word, word.span, words) {
                    let text = text.to_owned();
                    workload.args.push(Argument { container: name.clone(), text, span: word.span });
                }
            }
        }
    }
}

/// Label or annotation that asks for a sidecar.
const INJECT: &str = "sidecar.istio.io/inject";

/// Whether Istio injects a sidecar by the pods' own word. Every word but these four is a no, an empty one says
/// nothing; the label counts before the annotation (istio 1.31, pkg/kube/inject/inject.go, injectRequired).
fn injected(word: Option<&Text>) -> Option<bool> {
    let word = word.filter(|word| !word.is_empty())?;
    Some(["y", "yes", "true", "on"].iter().any(|yes| word.eq_ignore_ascii_case(yes)))
}
