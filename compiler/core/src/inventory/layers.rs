//! How inventories are put together: files of one layer into one, an environment's own on top, and namespaces under
//! the names that the sources use.

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::controller::Controller;
use crate::inventory::{Inventory, KubeService, Workload};
use crate::source::{Span, Text};

impl Inventory {
    /// Adds a Service; one of that name already there stays, and the second is an error at both lines.
    pub fn add_service(&mut self, service: KubeService, out: &mut Diagnostics) {
        let key = (service.namespace.clone(), service.name.clone());
        match self.services.get(&key) {
            Some(first) => duplicate("Service", &key.0, &key.1, service.span, first.span, out),
            None => {
                self.services.insert(key, service);
            }
        }
    }

    /// Adds a workload, as [`Inventory::add_service`] does.
    pub fn add_workload(&mut self, workload: Workload, out: &mut Diagnostics) {
        let key = (workload.namespace.clone(), workload.kind, workload.name.clone());
        match self.workloads.get(&key) {
            Some(first) => duplicate(workload.kind.name(), &key.0, &key.2, workload.span, first.span, out),
            None => {
                self.workloads.insert(key, workload);
            }
        }
    }

    /// Adds a ServiceAccount, as [`Inventory::add_service`] does.
    pub fn add_account(&mut self, namespace: Text, name: Text, span: Span, out: &mut Diagnostics) {
        let key = (namespace, name);
        match self.accounts.get(&key) {
            Some(first) => duplicate("ServiceAccount", &key.0, &key.1, span, *first, out),
            None => {
                self.accounts.insert(key, span);
            }
        }
    }

    /// Adds a Rollout or a Canary, as [`Inventory::add_service`] does.
    pub fn add_controller(&mut self, controller: Controller, out: &mut Diagnostics) {
        let key = (controller.namespace.clone(), controller.kind, controller.name.clone());
        match self.controllers.get(&key) {
            Some(first) => duplicate(controller.kind.name(), &key.0, &key.2, controller.span, first.span, out),
            None => {
                self.controllers.insert(key, controller);
            }
        }
    }

    /// Adds the objects of another file of the same layer; one that is here already is an error at both lines.
    pub fn merge(&mut self, other: Inventory, out: &mut Diagnostics) {
        other.services.into_values().for_each(|service| self.add_service(service, out));
        other.workloads.into_values().for_each(|workload| self.add_workload(workload, out));
        for ((namespace, name), span) in other.accounts {
            self.add_account(namespace, name, span, out);
        }
        other.controllers.into_values().for_each(|controller| self.add_controller(controller, out));
    }

    /// Lays an environment's inventory on this one: its objects replace those of the same namespace, kind and name,
    /// the others stay. Both must already use the same names for namespaces ([`Inventory::in_namespace`],
    /// [`Inventory::rename`]).
    pub fn overlay(&mut self, other: Inventory) {
        self.services.extend(other.services);
        self.workloads.extend(other.workloads);
        self.accounts.extend(other.accounts);
        self.controllers.extend(other.controllers);
        self.renamed.extend(other.renamed);
    }

    /// Moves the objects whose manifest states no namespace to `default`. An object that `default` already has is an
    /// error at both lines.
    pub fn in_namespace(&mut self, default: &Text, out: &mut Diagnostics) {
        self.relocate(&Text::default(), default, out);
    }

    /// Gives the objects of namespace `from`, as an environment's manifests name it, the name `to` that the sources
    /// use. Addresses in their variables keep `from`: [`Inventory::namespace`] translates. An object that `to` already
    /// has is an error at both lines.
    pub fn rename(&mut self, from: &Text, to: &Text, out: &mut Diagnostics) {
        if from != to {
            self.relocate(from, to, out);
            self.renamed.insert(from.clone(), to.clone());
        }
    }

    /// The name that the sources use for a namespace as the manifests spell it.
    pub fn namespace<'a>(&'a self, spelled: &'a str) -> &'a str {
        self.renamed.get(spelled).map_or(spelled, Text::as_str)
    }

    fn relocate(&mut self, from: &Text, to: &Text, out: &mut Diagnostics) {
        if from == to {
            return;
        }
        let first = |name: &Text| (from.clone(), name.clone());
        let least = first(&Text::default());
        let names = |keys: &mut dyn Iterator<Item = &(Text, Text)>| -> Vec<Text> {
            keys.take_while(|(namespace, _)| namespace == from).map(|(_, name)| name.clone()).collect()
        };
        for name in names(&mut self.services.range(least.clone()..).map(|(key, _)| key)) {
            if let Some(mut service) = self.services.remove(&first(&name)) {
                service.namespace = to.clone();
                self.add_service(service, out);
            }
        }
        for name in names(&mut self.accounts.range(least..).map(|(key, _)| key)) {
            if let Some(span) = self.accounts.remove(&first(&name)) {
                self.add_account(to.clone(), name, span, out);
            }
        }
        let keys = self.workloads.keys().filter(|(namespace, ..)| namespace == from);
        for key in keys.cloned().collect::<Vec<_>>() {
            if let Some(mut workload) = self.workloads.remove(&key) {
                workload.namespace = to.clone();
                self.add_workload(workload, out);
            }
        }
        let keys = self.controllers.keys().filter(|(namespace, ..)| namespace == from);
        for key in keys.cloned().collect::<Vec<_>>() {
            if let Some(mut controller) = self.controllers.remove(&key) {
                controller.namespace = to.clone();
                self.add_controller(controller, out);
            }
        }
    }
}

fn duplicate(kind: &str, namespace: &str, name: &str, again: Span, first: Span, out: &mut Diagnostics) {
    let place = if namespace.is_empty() { String::new() } else { format!(" in namespace `{namespace}`") };
    out.add(
        Diagnostic::new(Code::DuplicateObject, again, format!("{kind} `{name}`{place} is in the inventory twice"))
            .label("again here")
            .related(first, "first here")
            .help(
                "keep one of the two; a manifest that replaces another one belongs to the environment's own `inventory`",
            ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::read::tests::read_one;

    const BASE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec: {replicas: 1, template: {metadata: {labels: {app: api}}, spec: {containers: []}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: api}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: api, namespace: other}
";

    fn key(namespace: &str, name: &str) -> (Text, Text) {
        (namespace.into(), name.into())
    }

    #[test]
    fn objects_without_a_namespace_move_to_the_default() {
        let (mut inventory, mut out) = read_one(BASE);
        inventory.in_namespace(&"shop".into(), &mut out);
        assert!(out.is_empty(), "{out:?}");
        assert_eq!(inventory.services[&key("shop", "api")].namespace, "shop");
        assert_eq!(inventory.accounts.keys().cloned().collect::<Vec<_>>(), [key("other", "api"), key("shop", "api")]);
        let workloads: Vec<_> = inventory.workloads.values().map(|w| (w.namespace.as_str(), w.name.as_str())).collect();
        assert_eq!(workloads, [("shop", "api")]);
    }

    #[test]
    fn a_move_onto_an_object_is_an_error_at_both_lines() {
        let (mut inventory, mut out) = read_one(BASE);
        inventory.in_namespace(&"other".into(), &mut out);
        let found: Vec<_> = out.iter().map(|d| (d.code, d.message.clone(), d.related.len())).collect();
        let message = "ServiceAccount `api` in namespace `other` is in the inventory twice".to_owned();
        assert_eq!(found, [(Code::DuplicateObject, message, 1)]);
    }

    #[test]
    fn renaming_translates_addresses_too() {
        let (mut inventory, mut out) = read_one(BASE);
        inventory.in_namespace(&"shop-prod".into(), &mut out);
        inventory.rename(&"shop-prod".into(), &"shop".into(), &mut out);
        assert!(out.is_empty() && inventory.services.contains_key(&key("shop", "api")));
        assert_eq!((inventory.namespace("shop-prod"), inventory.namespace("x")), ("shop", "x"));
    }

    #[test]
    fn an_overlay_replaces_object_by_object() {
        let (mut base, _) = read_one(BASE);
        let (overlay, _) = read_one(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {replicas: 3, template: {}}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: new}\n",
        );
        base.overlay(overlay);
        assert_eq!(base.workloads.values().map(|w| w.replicas).collect::<Vec<_>>(), [Some(3)]);
        assert_eq!((base.services.len(), base.accounts.len()), (1, 3));
    }
}
