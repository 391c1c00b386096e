//! Who seems to call whom, from the addresses that workloads hold.

use std::collections::{BTreeMap, BTreeSet};

use super::parties::Party;
use crate::inventory::Inventory;
use crate::inventory::address::{Address, addresses};
use crate::source::Text;

/// What the addresses say.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// By callee and caller, indices of parties: what the guess rests on.
    pub(super) calls: BTreeMap<(usize, usize), String>,
    /// Addresses that lead to no Service of the manifests: `HOST:PORT` with who holds it.
    pub(super) missing: BTreeSet<(String, String)>,
    /// The same for hosts outside of the cluster.
    pub(super) external: BTreeSet<(String, String)>,
}

/// The calls between `parties`.
pub(super) fn calls(inventory: &Inventory, parties: &[Party<'_>], notes: &mut Vec<String>) -> Calls {
    let mut by_service: BTreeMap<(&Text, &Text), usize> = BTreeMap::new();
    for (at, party) in parties.iter().enumerate() {
        let fronts = party.front.iter();
        let services = fronts.flat_map(|front| std::iter::once(&front.main).chain(&front.also).chain(&front.partial));
        by_service.extend(services.map(|service| ((&service.namespace, &service.name), at)));
    }
    let mut found = Calls::default();
    for (caller, party) in parties.iter().enumerate() {
        for workload in &party.workloads {
            let held = addresses(workload, inventory);
            for address in &held.cluster {
                let (namespace, host) = address.target(workload);
                let known = inventory.services.get(&(namespace.clone(), host.clone()));
                let Some(service) = known else {
                    found.missing.insert((shown(address), holder(party, address)));
                    continue;
                };
                let port = address.port.filter(|port| service.ports.iter().all(|known| known.number != *port));
                if let Some(port) = port.filter(|_| !service.ports.is_empty()) {
                    notes.push(format!(
                        "{} leads to port {port} of `{host}`, which has no such port",
                        holder(party, address)
                    ));
                }
                if let Some(callee) = by_service.get(&(namespace, host)).filter(|callee| **callee != caller) {
                    found.calls.entry((*callee, caller)).or_insert_with(|| source(address));
                }
            }
            let external = held.external.iter().map(|address| (shown(address), holder(party, address)));
            found.external.extend(external);
        }
    }
    found
}

/// `catalog:3550`, with its namespace where the address states one.
fn shown(address: &Address) -> String {
    let namespace = address.namespace.as_ref().map(|namespace| format!(".{namespace}")).unwrap_or_default();
    let port = address.port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{namespace}{port}", address.host)
}

fn source(address: &Address) -> String {
    address.variable.as_ref().map_or_else(|| "an argument".to_owned(), Text::to_string)
}

fn holder(party: &Party<'_>, address: &Address) -> String {
    format!("{} of `{}`", source(address), party.name)
}
