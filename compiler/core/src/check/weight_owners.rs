//! Weights have one writer: a service with a release must not be moved by another controller, too.

use super::shape::Shape;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::Inventory;
use crate::inventory::controller::{Controller, ControllerKind};
use crate::source::Text;

/// Reports Rollouts and Canaries of the inventory that move requests of a service which declares a release.
pub(crate) fn check(shapes: &[Shape<'_>], inventory: &Inventory, out: &mut Diagnostics) {
    for shape in shapes {
        let Some((declared, span)) = shape.stated.version else { continue };
        if declared.next.is_none() {
            continue;
        }
        let from = (shape.namespace.clone(), ControllerKind::Rollout, Text::default());
        let here = inventory.controllers.range(from..).take_while(|((namespace, ..), _)| *namespace == shape.namespace);
        for (_, controller) in here.filter(|(_, controller)| moves(controller, shape)) {
            let (name, kind) = (&shape.decl.name.value, controller.kind.name());
            let product = controller.kind.product();
            out.add(
                Diagnostic::new(
                    Code::WeightsOwnedTwice,
                    span,
                    format!("the weights of `{name}` are also those of {kind} `{}`", controller.name),
                )
                .related(controller.span, format!("this {kind} moves its requests, too"))
                .note(format!("{product} and this release write the same weights, and each undoes what the other did"))
                .help(format!(
                    "remove the {kind} from the cluster and the inventory, or state one version here and leave releases to \
                     {product}: `version {}`",
                    declared.stable.value
                )),
            );
        }
    }
}

/// Whether a controller's pods, its target or what it writes are those of a service of the same namespace.
fn moves(controller: &Controller, shape: &Shape<'_>) -> bool {
    let carries = |(key, value): (&Text, &Text)| controller.labels.get(key) == Some(value);
    let pods = !shape.selector.is_empty() && shape.selector.iter().all(carries);
    let target = controller.target.as_ref().is_some_and(|(kind, name)| {
        shape.workloads.iter().any(|workload| workload.kind == *kind && workload.name == *name)
    });
    pods || target || controller.writes.contains(&shape.decl.name.value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::compile::Compilation;
    use crate::diagnostic::Diagnostics;
    use crate::source::Text;
    use crate::state::State;
    use crate::world::MemoryWorld;

    const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-v1}
spec: {template: {metadata: {labels: {app: web, version: v1}}, spec: {serviceAccountName: web}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-v2}
spec: {template: {metadata: {labels: {app: web, version: v2}}, spec: {serviceAccountName: web}}}
---
";

    /// The findings of this code for an object beside the Deployments of `web`.
    fn findings(version: &str, head: &str, spec: &str) -> Vec<String> {
        let mesh = format!(
            "use std/canary\nmesh shop {{ namespace shop; mtls strict; authorization deny-by-default; inventory \
             \"all.yaml\" }}\nservice web is fast {{ port 8080 http; allow anyone; version {version} }}\nenvironment \
             local {{ target istio 1.31 }}\n"
        );
        let object = format!("{WEB}{head}\nmetadata: {{name: other}}\nspec: {spec}\n");
        let files = BTreeMap::from([("shop.mesh".to_owned(), mesh), ("all.yaml".to_owned(), object)]);
        let mut found = Diagnostics::default();
        let project = crate::project::load(&MemoryWorld { files }, &mut found);
        let compilation = Compilation::new(&project, &mut found);
        found.append(compilation.render(&Text::new("local"), &State::default()).diagnostics);
        let errors = found.iter().filter(|found| found.severity == crate::diagnostic::Severity::Error);
        errors.map(|found| format!("{}: {}", found.code, found.message)).collect()
    }

    const ROLLOUT: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout";
    const CANARY: &str = "apiVersion: flagger.app/v1beta1\nkind: Canary";

    #[test]
    fn whatever_moves_the_requests_of_a_release_is_found() {
        let istio = |what: &str| format!("{{strategy: {{canary: {{trafficRouting: {{istio: {{{what}}}}}}}}}}}");
        for (head, spec) in [
            (ROLLOUT, istio("virtualService: {name: web}")),
            (ROLLOUT, istio("virtualServices: [{name: web.shop}]")),
            (ROLLOUT, istio("destinationRule: {name: web}")),
            (ROLLOUT, "{strategy: {canary: {stableService: web}}}".to_owned()),
            (ROLLOUT, "{workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web-v1}}".to_owned()),
            (ROLLOUT, "{selector: {matchLabels: {app: web}}}".to_owned()),
            (ROLLOUT, "{template: {metadata: {labels: {app: web, version: v3}}}}".to_owned()),
            (CANARY, "{targetRef: {apiVersion: apps/v1, kind: Deployment, name: web-v2}}".to_owned()),
            (CANARY, "{targetRef: {kind: Deployment, name: x}, service: {name: web}}".to_owned()),
            (CANARY, "{targetRef: {kind: Service, name: x}, service: {name: web}}".to_owned()),
        ] {
            let kind = if head == ROLLOUT { "Rollout" } else { "Canary" };
            let expected = format!("weights-owned-twice: the weights of `web` are also those of {kind} `other`");
            assert_eq!(findings("v1 -> v2", head, &spec), [expected], "{spec}");
            assert!(findings("v1", head, &spec).is_empty(), "without a release: {spec}");
        }
    }

    #[test]
    fn objects_of_others_are_no_fault() {
        for (head, spec) in [
            (ROLLOUT, "{selector: {matchLabels: {app: api}}, strategy: {canary: {stableService: api}}}"),
            (CANARY, "{targetRef: {apiVersion: apps/v1, kind: Deployment, name: api}, service: {port: 80}}"),
            ("apiVersion: example.com/v1\nkind: Canary", "{service: {name: web}}"),
        ] {
            assert!(findings("v1 -> v2", head, spec).is_empty(), "{spec}");
        }
    }
}
