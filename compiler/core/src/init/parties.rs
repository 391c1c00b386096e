//! Who there is: services, each with the Kubernetes Services on its pods, and callers, which have none.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::index::Index;
use crate::inventory::{Inventory, KubeService, ServiceType, Workload, WorkloadKind};
use crate::source::Text;

/// A declaration of the draft.
#[derive(Debug)]
pub(super) struct Party<'i> {
    pub(super) namespace: &'i Text,
    pub(super) name: Text,
    /// Nothing for a caller.
    pub(super) front: Option<Front<'i>>,
    /// Never empty.
    pub(super) workloads: Vec<&'i Workload>,
}

/// The Kubernetes Services on a party's pods.
#[derive(Debug)]
pub(super) struct Front<'i> {
    /// The one that the service is named after.
    pub(super) main: &'i KubeService,
    /// Those on the same pods.
    pub(super) also: Vec<&'i KubeService>,
    /// Those on some of the pods only, which cannot be declared beside it.
    pub(super) partial: Vec<&'i KubeService>,
}

impl Party<'_> {
    /// The accounts of its pods, sorted.
    pub(super) fn accounts(&self) -> BTreeSet<&Text> {
        self.workloads.iter().map(|workload| &workload.service_account).collect()
    }

    /// The first Service on its pods that lets plaintext in from outside of the mesh.
    pub(super) fn entry(&self) -> Option<&KubeService> {
        let front = self.front.as_ref()?;
        std::iter::once(front.main).chain(front.also.iter().copied()).find(|service| is_entry(service))
    }

    /// Its pods have no sidecar, and so no identity.
    pub(super) fn without_sidecar(&self) -> bool {
        self.workloads.iter().any(|workload| workload.injected == Some(false))
    }

    /// Its name as a service of `namespace` writes it.
    pub(super) fn reference(&self, namespace: &Text) -> String {
        if self.namespace == namespace { self.name.to_string() } else { format!("{}/{}", self.namespace, self.name) }
    }
}

/// Services, then callers, each by namespace and name. What cannot be declared is told in `notes`.
pub(super) fn parties<'i>(inventory: &'i Inventory, index: &Index<'i>, notes: &mut Vec<String>) -> Vec<Party<'i>> {
    let mut parties: Vec<Party<'i>> = Vec::new();
    let mut owners: BTreeMap<Key<'i>, usize> = BTreeMap::new();
    for (service, pods) in candidates(inventory, index, notes) {
        let owner = pods.iter().find_map(|workload| owners.get(&key(workload))).copied();
        match owner.and_then(|owner| parties.get_mut(owner)) {
            None => {
                owners.extend(pods.iter().map(|workload| (key(workload), parties.len())));
                let front = Front { main: service, also: Vec::new(), partial: Vec::new() };
                let (namespace, name) = (&service.namespace, service.name.clone());
                parties.push(Party { namespace, name, front: Some(front), workloads: pods });
            }
            Some(party) => {
                let same = pods.iter().map(|one| key(one)).eq(party.workloads.iter().map(|one| key(one)));
                if let Some(front) = &mut party.front {
                    if same { front.also.push(service) } else { front.partial.push(service) }
                }
                if !same {
                    let (name, whole) = (&service.name, &party.name);
                    notes.push(format!(
                        "Service `{name}` selects some of the pods of `{whole}` only, so it is not declared"
                    ));
                }
            }
        }
    }
    let mut names: BTreeSet<(&Text, Text)> =
        parties.iter().map(|party| (party.namespace, party.name.clone())).collect();
    for workload in inventory.workloads.values().filter(|workload| !owners.contains_key(&key(workload))) {
        let plain = label(&workload.name).unwrap_or_else(|| "caller".to_owned());
        let kind = workload.kind.name().to_lowercase();
        let numbered = (2..).map(|number| format!("{plain}-{kind}-{number}"));
        let mut spellings = [plain.clone(), format!("{plain}-{kind}")].into_iter().chain(numbered).map(Text::from);
        let free = |name: &Text| !names.contains(&(&workload.namespace, name.clone()));
        let name = spellings.find(free).unwrap_or_default();
        names.insert((&workload.namespace, name.clone()));
        parties.push(Party { namespace: &workload.namespace, name, front: None, workloads: vec![workload] });
    }
    parties.sort_by(|a, b| (a.namespace, a.front.is_none(), &a.name).cmp(&(b.namespace, b.front.is_none(), &b.name)));
    parties
}

type Key<'i> = (&'i Text, WorkloadKind, &'i Text);

fn key<'i>(workload: &'i Workload) -> Key<'i> {
    (&workload.namespace, workload.kind, &workload.name)
}

/// Services that can be declared, with the workloads that they select: those that select most first, because a Service
/// of all versions stands for a service and a Service of one version does not; of those on the same pods the one that
/// callers inside of the mesh use.
fn candidates<'i>(
    inventory: &'i Inventory,
    index: &Index<'i>,
    notes: &mut Vec<String>,
) -> Vec<(&'i KubeService, Vec<&'i Workload>)> {
    let mut candidates = Vec::new();
    for service in inventory.services.values() {
        let pods = index.workloads(&service.namespace, &service.selector);
        let reason = if label(&service.name).as_deref() != Some(service.name.as_str()) {
            Some("has a name that Kubernetes refuses")
        } else if service.service_type == ServiceType::ExternalName {
            Some("is a name in DNS only")
        } else if service.selector.is_empty() {
            Some("selects no pods by itself")
        } else if pods.is_empty() {
            Some("selects no workload of the manifests")
        } else if service.ports.iter().all(|port| port.udp) {
            Some("has no TCP port")
        } else {
            None
        };
        match reason {
            Some(reason) => notes.push(format!("Service `{}` {reason}, so it is not declared", service.name)),
            None => candidates.push((service, pods)),
        }
    }
    candidates.sort_by_key(|(service, pods)| {
        let named = pods.iter().any(|workload| workload.name == service.name);
        (&service.namespace, Reverse(pods.len()), !named, is_entry(service), service.headless, &service.name)
    });
    candidates
}

fn is_entry(service: &KubeService) -> bool {
    matches!(service.service_type, ServiceType::LoadBalancer | ServiceType::NodePort)
}

/// A name as the language accepts it, other characters replaced by `-`; nothing where none is left.
pub(super) fn label(name: &str) -> Option<String> {
    let one = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let replaced: String = name.chars().map(one).take(63).collect();
    let trimmed = replaced.trim_matches('-');
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}
