//! Who selects whom, without comparing every Service with every workload.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::inventory::{Inventory, KubeService, Workload, WorkloadKind};
use crate::source::Text;
use crate::suggest::Candidates;

/// By namespace, label and value.
type ByLabel<'a, T> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a T>>>>;

fn with_label<'m, 'a, T>(map: &'m ByLabel<'a, T>, namespace: &str, label: &str, value: &str) -> &'m [&'a T] {
    let values = map.get(namespace).and_then(|labels| labels.get(label));
    values.and_then(|values| values.get(value)).map_or(&[], Vec::as_slice)
}

/// An [`Inventory`] by labels and accounts. Building takes one pass; a query looks at the rarest label only.
#[derive(Debug)]
pub struct Index<'a> {
    /// Workloads under each of their labels.
    workloads: ByLabel<'a, Workload>,
    /// Services under the first label of their selector.
    services: ByLabel<'a, KubeService>,
    /// Workloads by namespace and account.
    accounts: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Workload>>>,
    inventory: &'a Inventory,
    /// Names that a misspelt one may mean, by namespace. Made when first asked for.
    workload_names: OnceLock<BTreeMap<&'a str, Candidates>>,
    service_names: OnceLock<BTreeMap<&'a str, Candidates>>,
}

/// The names of each namespace, from pairs of namespace and name that are sorted by namespace.
fn by_namespace<'a>(pairs: Vec<(&'a str, &'a str)>) -> BTreeMap<&'a str, Candidates> {
    let groups = pairs.chunk_by(|a, b| a.0 == b.0);
    groups.filter_map(|group| Some((group.first()?.0, Candidates::new(group.iter().map(|(_, name)| *name))))).collect()
}

impl<'a> Index<'a> {
    /// Indexes what the inventory has now.
    pub fn new(inventory: &'a Inventory) -> Self {
        let mut index = Self {
            workloads: BTreeMap::new(),
            services: BTreeMap::new(),
            accounts: BTreeMap::new(),
            inventory,
            workload_names: OnceLock::new(),
            service_names: OnceLock::new(),
        };
        for workload in inventory.workloads.values() {
            let labels = index.workloads.entry(&workload.namespace).or_default();
            for (label, value) in &workload.labels {
                labels.entry(label).or_default().entry(value).or_default().push(workload);
            }
            let accounts = index.accounts.entry(&workload.namespace).or_default();
            accounts.entry(&workload.service_account).or_default().push(workload);
        }
        for service in inventory.services.values() {
            if let Some((label, value)) = service.selector.first_key_value() {
                let labels = index.services.entry(&service.namespace).or_default();
                labels.entry(label).or_default().entry(value).or_default().push(service);
            }
        }
        index
    }

    /// The workloads of a namespace whose pods a selector selects, by kind and name. None for an empty selector.
    pub fn workloads(&self, namespace: &str, selector: &BTreeMap<Text, Text>) -> Vec<&'a Workload> {
        let found = selector.iter().map(|(label, value)| with_label(&self.workloads, namespace, label, value));
        let rarest = found.min_by_key(|found| found.len()).unwrap_or_default();
        rarest.iter().copied().filter(|workload| workload.matches(selector)).collect()
    }

    /// The Services that select a workload's pods, by name.
    pub fn services(&self, workload: &Workload) -> Vec<&'a KubeService> {
        let namespace = &workload.namespace;
        let candidates =
            workload.labels.iter().flat_map(|(key, value)| with_label(&self.services, namespace, key, value));
        let mut found: Vec<&KubeService> =
            candidates.copied().filter(|service| workload.matches(&service.selector)).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// Whether a namespace has workloads.
    pub fn has_workloads(&self, namespace: &str) -> bool {
        self.accounts.contains_key(namespace)
    }

    /// The workload of a namespace whose name is nearest to `wrong`, if one is near enough.
    pub fn nearest_workload(&self, namespace: &str, wrong: &str) -> Option<&str> {
        let pair = |(namespace, _, name): &'a (Text, WorkloadKind, Text)| (namespace.as_str(), name.as_str());
        let names = || by_namespace(self.inventory.workloads.keys().map(pair).collect());
        self.workload_names.get_or_init(names).get(namespace)?.nearest(wrong)
    }

    /// The Service of a namespace whose name is nearest to `wrong`, if one is near enough.
    pub fn nearest_service(&self, namespace: &str, wrong: &str) -> Option<&str> {
        let pair = |(namespace, name): &'a (Text, Text)| (namespace.as_str(), name.as_str());
        let names = || by_namespace(self.inventory.services.keys().map(pair).collect());
        self.service_names.get_or_init(names).get(namespace)?.nearest(wrong)
    }

    /// The workloads that run under an account, by kind and name: all whom allowing this account admits.
    pub fn under_account(&self, namespace: &str, account: &str) -> &[&'a Workload] {
        self.accounts.get(namespace).and_then(|accounts| accounts.get(account)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::read::tests::read_one;

    const SHOP: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {part-of: shop, app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: external, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: all, namespace: shop}
spec: {selector: {part-of: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: nothing, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {part-of: shop, app: web}}, spec: {serviceAccountName: web}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {template: {metadata: {labels: {part-of: shop, app: api}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: other}
spec: {template: {metadata: {labels: {part-of: shop, app: web}}}}
";

    #[test]
    fn selectors_reach_pods_of_their_namespace_that_carry_every_label() {
        let (inventory, out) = read_one(SHOP);
        assert!(out.is_empty(), "{out:?}");
        let index = Index::new(&inventory);
        let selected = |service: &str| {
            let service = &inventory.services[&("shop".into(), service.into())];
            index.workloads("shop", &service.selector).iter().map(|w| w.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(selected("web"), ["web"]);
        assert_eq!(selected("external"), ["web"]);
        assert_eq!(selected("all"), ["api", "web"]);
        assert!(selected("nothing").is_empty());
    }

    #[test]
    fn services_of_a_workload_and_workloads_of_an_account() {
        let (inventory, _) = read_one(SHOP);
        let index = Index::new(&inventory);
        let names = |namespace: &str, name: &str| {
            let found = inventory.workloads.values().find(|w| w.namespace == namespace && w.name == name).unwrap();
            index.services(found).iter().map(|s| s.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(names("shop", "web"), ["all", "external", "web"]);
        assert_eq!(names("shop", "api"), ["all"]);
        assert!(names("other", "web").is_empty());
        assert_eq!(index.under_account("shop", "web").len(), 1);
        assert_eq!(index.under_account("shop", "default")[0].name, "api");
    }
}
