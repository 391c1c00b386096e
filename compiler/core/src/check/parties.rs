//! Who may call: services and callers with their accounts and workloads.

use foldhash::{HashMap, HashMapExt};

use super::Base;
use super::access::{Account, Parties, Party};
use super::environment::Environment;
use super::shape::{Cluster, Shape};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::resolve::names::Member;
use crate::source::Text;

/// Services and callers with their accounts.
pub(super) fn parties<'c>(
    base: &Base<'_>,
    environment: &Environment<'_>,
    cluster: &Cluster<'c>,
    shapes: &[Shape<'c>],
    out: &mut Diagnostics,
) -> Parties<'c> {
    let mut parties = Parties::new();
    for shape in shapes {
        let rendered = environment.rendered(&shape.namespace);
        let account = |name: &Text| Account {
            namespace: shape.namespace.clone(),
            rendered: rendered.clone(),
            name: name.clone(),
        };
        parties.insert(
            (shape.namespace.clone(), shape.decl.name.value.clone()),
            Party {
                span: shape.decl.name.span,
                accounts: shape.accounts.iter().map(account).collect(),
                no_sidecar: shape.workloads.iter().find(|w| w.injected == Some(false)).map(|w| w.span),
                workloads: shape.workloads.clone(),
            },
        );
    }
    let mut callers: Vec<(&(Text, Text), usize)> = base
        .names
        .members
        .iter()
        .filter_map(|(key, member)| match member {
            Member::Caller(index) => Some((key, *index)),
            Member::Service(_) => None,
        })
        .collect();
    callers.sort();
    // Workloads by name: a caller is the workload of its name, whatever its kind.
    let mut by_name: HashMap<(&Text, &Text), Vec<&'c crate::inventory::Workload>> = HashMap::new();
    for workload in cluster.inventory.workloads.values() {
        by_name.entry((&workload.namespace, &workload.name)).or_default().push(workload);
    }
    for (key, index) in callers {
        let Some(base_decl) = base.project.declarations.callers.get(index) else { continue };
        let overrides = environment.callers.get(key).map_or(&[][..], Vec::as_slice);
        let stated = overrides.iter().find_map(|decl| decl.account.as_ref()).or(base_decl.account.as_ref());
        let mut workloads = by_name.get(&(&key.0, &key.1)).cloned().unwrap_or_default();
        if let (true, Some(stated)) = (workloads.is_empty(), stated) {
            // A caller may have another name than its workload: its account says which one it is.
            let (namespace, name) = &stated.value;
            let namespace = namespace.as_ref().unwrap_or(&key.0);
            workloads = cluster.index.under_account(namespace, name).to_vec();
        }
        let no_sidecar = overrides.iter().find_map(|decl| decl.no_sidecar).or(base_decl.no_sidecar);
        let accounts = match stated {
            Some(stated) => {
                let (namespace, name) = &stated.value;
                let namespace = namespace.clone().unwrap_or_else(|| key.0.clone());
                let other = workloads.iter().find(|w| w.service_account != *name && namespace == w.namespace);
                if let Some(other) = other {
                    out.add(
                        Diagnostic::new(
                            Code::InventoryMismatch,
                            stated.span,
                            format!("`{}` runs under `{}`, not `{name}`", key.1, other.service_account),
                        )
                        .label("stated here")
                        .related(other.span, format!("this {} names `{}`", other.kind.name(), other.service_account))
                        .help("remove the line, which the inventory makes needless, or correct the manifest"),
                    );
                }
                vec![(namespace, name.clone())]
            }
            None if workloads.is_empty() => vec![key.clone()],
            None => workloads.iter().map(|w| (w.namespace.clone(), w.service_account.clone())).collect(),
        };
        let mut accounts: Vec<Account> = accounts
            .into_iter()
            .map(|(namespace, name)| Account { rendered: environment.rendered(&namespace), namespace, name })
            .collect();
        accounts.sort();
        accounts.dedup();
        let injected = workloads.iter().find(|w| w.injected == Some(false)).map(|w| w.span);
        parties.insert(
            key.clone(),
            Party { span: base_decl.name.span, accounts, no_sidecar: no_sidecar.or(injected), workloads },
        );
    }
    parties
}
