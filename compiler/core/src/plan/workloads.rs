//! The pods whose policies differ, as policies can tell them from others.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::format_smolstr;

use super::access::Callee;
use super::names::{self, Labels, Names};
use super::policies::Policies;
use super::policy::{Mode, ROOT, Side};
use crate::model::Service;
use crate::source::Text;

/// Pods that policies can tell from others.
#[derive(Debug)]
pub(super) struct Workload<'m> {
    pub(super) subject: Text,
    /// In the cluster.
    pub(super) namespace: Text,
    pub(super) labels: Labels,
    pub(super) service: Option<&'m Service>,
    pub(super) callee: Callee,
    /// A file about it, for the cause.
    pub(super) path: String,
}

/// The workloads whose policies may differ.
pub(super) fn workloads<'m>(policies: &Policies, names: &Names<'m>) -> Vec<Workload<'m>> {
    let mut out = Vec::new();
    for (namespace, touched) in &policies.touched {
        let mut known: BTreeSet<Labels> = BTreeSet::new();
        let services: Vec<_> = names.services_in(namespace).collect();
        for (home, service) in &services {
            let labels: Labels = service.selector.iter().cloned().collect();
            if touched.all || touched.selectors.iter().any(|selector| is_part(selector, &labels)) {
                out.push(Workload {
                    subject: format_smolstr!("{}/{}", home.name, service.name),
                    namespace: namespace.clone(),
                    service: Some(service),
                    callee: pods(namespace, &labels),
                    path: format!("{}authorization-policy.yaml", names.service_folder(home, service)),
                    labels: labels.clone(),
                });
            }
            known.insert(labels);
        }
        // Pods that policies select and no service has: of a service that is gone, or of a part of one.
        let of_services = known.clone();
        for selector in &touched.selectors {
            if selector.is_empty() || of_services.contains(selector) {
                continue;
            }
            let path = policies.path_of(namespace, selector).unwrap_or_default();
            let gone = names.service_of(&path).is_none() && names.is_of_service(&path);
            let subject = match gone {
                true => names.subject(&path),
                false => format_smolstr!("{} ({})", names.namespace(namespace), names::shown(selector)),
            };
            for (home, service) in services.iter().filter(|_| !gone) {
                let own: Labels = service.selector.iter().cloned().collect();
                let mut both = own.clone();
                both.extend(selector.iter().map(|(key, value)| (key.clone(), value.clone())));
                // A label has one value.
                if is_part(&own, &both) && both != own && !known.contains(&both) {
                    out.push(Workload {
                        subject: format_smolstr!("{}/{} ({})", home.name, service.name, names::shown(selector)),
                        namespace: namespace.clone(),
                        service: Some(service),
                        callee: pods(namespace, &both),
                        path: path.clone(),
                        labels: both.clone(),
                    });
                    known.insert(both);
                }
            }
            if known.insert(selector.clone()) {
                out.push(Workload {
                    subject,
                    namespace: namespace.clone(),
                    service: None,
                    callee: pods(namespace, selector),
                    path,
                    labels: selector.clone(),
                });
            }
        }
        if touched.all {
            let home = names.namespace(namespace);
            out.push(Workload {
                subject: format_smolstr!("{home} (pods that no service has)"),
                namespace: namespace.clone(),
                service: None,
                callee: Callee::Others { namespace: Some(namespace.clone()) },
                path: format!("{}authorization-policy.yaml", names.folder_of(namespace)),
                labels: Labels::new(),
            });
        }
    }
    if policies.touched.get(ROOT).is_some_and(|root| root.all) {
        out.push(Workload {
            subject: "every other namespace".into(),
            // No namespace can have this name.
            namespace: "*".into(),
            service: None,
            callee: Callee::Others { namespace: None },
            path: String::new(),
            labels: Labels::new(),
        });
    }
    out
}

fn pods(namespace: &Text, labels: &Labels) -> Callee {
    let labels = labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    Callee::Pods { namespace: namespace.clone(), labels }
}

/// Whether all of these labels are among those.
fn is_part(labels: &Labels, of: &Labels) -> bool {
    labels.iter().all(|(key, value)| of.get(key) == Some(value))
}

impl Policies {
    /// A file whose policy selects exactly this: the new one, else the published one.
    fn path_of(&self, namespace: &str, selector: &Labels) -> Option<String> {
        let find = |side: &Side| side.path_of(namespace, selector);
        find(&self.after).or_else(|| find(&self.before))
    }
}

/// Transitions of a workload's modes, by port; `*` is every port that has none of its own.
pub(super) fn modes(policies: &Policies, workload: &Workload<'_>) -> BTreeMap<Text, (Mode, Mode)> {
    let mut ports: BTreeSet<Text> = BTreeSet::from(["*".into()]);
    for side in [&policies.before, &policies.after] {
        ports.extend(side.ports(&workload.namespace, &workload.labels));
    }
    let mode = |side: &Side, port: &Text| side.mode(&workload.namespace, &workload.labels, Some(port));
    ports
        .into_iter()
        .map(|port| {
            let modes = (mode(&policies.before, &port), mode(&policies.after, &port));
            (port, modes)
        })
        .collect()
}
