//! Accounts that several callers run under: whoever allows one of them admits them all.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::access::Account;
use super::workloads::{View, WorkloadKey, key};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::setting::CallerKey;
use crate::source::{Span, Text};
use crate::suggest;

/// Everybody who runs under an account, by name.
fn members<'v>(view: &'v View<'_, '_>) -> HashMap<&'v Account, BTreeSet<&'v Text>> {
    let mut members: HashMap<&Account, BTreeSet<&Text>> = HashMap::new();
    let mut known: HashSet<WorkloadKey<'_>> = HashSet::new();
    #[expect(clippy::iter_over_hash_type, reason = "sets are filled, whose order is not that of parties")]
    for ((_, name), party) in view.parties {
        known.extend(party.workloads.iter().map(|workload| key(workload)));
        for account in &party.accounts {
            members.entry(account).or_default().insert(name);
        }
    }
    #[expect(clippy::iter_over_hash_type, reason = "each account's own set is filled")]
    for (account, names) in &mut members {
        let under = view.cluster.index.under_account(&account.namespace, &account.name);
        names.extend(under.iter().filter(|workload| !known.contains(&key(workload))).map(|workload| &workload.name));
    }
    members
}

/// Allowing one of several workloads under an account allows them all.
pub(super) fn shared(view: &View<'_, '_>, out: &mut Diagnostics) {
    const SHOWN: usize = 5;
    let mut members = members(view);
    members.retain(|_, names| names.len() > 1);
    if members.is_empty() {
        return;
    }
    for shape in view.shapes.iter().filter(|shape| !shape.broken) {
        let allowed: Vec<(&Text, &Text, Span)> = shape
            .stated
            .allows
            .iter()
            .filter_map(|(caller, decl, _)| match caller {
                CallerKey::Named(Some(namespace), name) => Some((namespace, name, decl.caller)),
                _ => None,
            })
            .collect();
        let names: HashSet<&Text> = allowed.iter().map(|(_, name, _)| *name).collect();
        // Who else is admitted with an account is the same whichever of its callers is allowed.
        let mut others: HashMap<&Account, Option<String>> = HashMap::new();
        for (namespace, name, span) in &allowed {
            let Some(party) = view.parties.get(&((*namespace).clone(), (*name).clone())) else { continue };
            for account in &party.accounts {
                let Some(members) = members.get(account) else { continue };
                let who = others.entry(account).or_insert_with(|| {
                    let admitted = || members.iter().filter(|other| !names.contains(*other));
                    let allowed = names.iter().filter(|name| members.contains(*name)).count();
                    let count = members.len() - allowed;
                    let shown = admitted().take(SHOWN).map(|name| name.as_str());
                    (count > 0).then(|| suggest::list_of(shown, count))
                });
                let Some(who) = who else { continue };
                out.add(
                    Diagnostic::new(Code::SharedAccount, *span, format!("allowing `{name}` admits {who} too"))
                        .related(
                            party.span,
                            format!("it runs under the account `{}/{}`, as they do", account.namespace, account.name),
                        )
                        .help(format!("give `{name}` an account of its own, or allow the others as well")),
                );
            }
        }
    }
}
