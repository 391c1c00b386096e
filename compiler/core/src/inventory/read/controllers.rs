//! Rollouts of Argo Rollouts (`argoproj.io/v1alpha1`) and Canaries of
//! Flagger (`flagger.app/v1beta1`).

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Meta, Reader, kind_of};
use crate::inventory::WorkloadKind;
use crate::inventory::controller::{Controller, ControllerKind};
use crate::source::Text;
use crate::yaml::Node;

impl Reader<'_> {
    pub(super) fn controller(&mut self, root: &Node<'_>, kind: ControllerKind, meta: Meta) {
        let mut controller = Controller {
            kind,
            namespace: meta.namespace,
            name: meta.name,
            labels: BTreeMap::new(),
            target: None,
            writes: BTreeSet::new(),
            span: meta.span,
        };
        if let Some(spec) = self.section(root, "spec") {
            match kind {
                ControllerKind::Rollout => self.rollout(spec, &mut controller),
                ControllerKind::Canary => self.canary(spec, &mut controller),
            }
        }
        self.into.add_controller(controller, self.out);
    }

    fn rollout(&mut self, spec: &Node<'_>, into: &mut Controller) {
        into.target = self.reference(spec, "workloadRef");
        if let Some(selector) = self.section(spec, "selector") {
            into.labels = self.labels(selector, "matchLabels");
        }
        let template = self.section(spec, "template");
        if let Some(metadata) = template.and_then(|template| self.section(template, "metadata")) {
            into.labels.extend(self.labels(metadata, "labels"));
        }
        let strategy = self.section(spec, "strategy");
        let Some(canary) = strategy.and_then(|strategy| self.section(strategy, "canary")) else { return };
        into.writes.extend(self.text(canary, "stableService"));
        into.writes.extend(self.text(canary, "canaryService"));
        let routing = self.section(canary, "trafficRouting");
        let Some(istio) = routing.and_then(|routing| self.section(routing, "istio")) else { return };
        let named = ["virtualService", "destinationRule"].map(|key| self.section(istio, key));
        let listed = self.list(istio, "virtualServices");
        for node in named.into_iter().flatten().chain(listed) {
            // A VirtualService may be named with its namespace, `web.shop` (argo-rollouts 078de40, utils/istio/istio.go).
            let name = self.text(node, "name");
            into.writes.extend(name.map(|name| name.split('.').next().map_or_else(Text::default, Text::from)));
        }
    }

    fn canary(&mut self, spec: &Node<'_>, into: &mut Controller) {
        into.target = self.reference(spec, "targetRef");
        let service = self.section(spec, "service").and_then(|service| self.text(service, "name"));
        // Flagger names the Service after its target where no name is stated
        // (flagger 013949a, pkg/apis/flagger/v1beta1/canary.go).
        into.writes.extend(service.or_else(|| into.target.as_ref().map(|(_, name)| name.clone())));
    }

    /// A reference to a workload by kind and name; nothing for kinds that are no workloads.
    fn reference(&mut self, spec: &Node<'_>, key: &str) -> Option<(WorkloadKind, Text)> {
        let reference = self.section(spec, key)?;
        let api_version = self.text(reference, "apiVersion");
        let kind = self.text(reference, "kind")?;
        match kind_of(&kind, api_version.as_deref()) {
            Some(Kind::Workload(kind)) => Some((kind, self.text(reference, "name")?)),
            _ => None,
        }
    }
}
