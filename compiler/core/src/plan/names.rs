//! Logical names of what is in the cluster, and the mesh by names.

use std::collections::BTreeMap;

use serde_json::Value;
use smol_str::format_smolstr;

use super::read::Object;
use crate::model::release::subset_name;
use crate::model::{Gateway, Mesh, Namespace, Service};
use crate::published::Tree;
use crate::source::Text;

/// Labels of pods, or those that select them.
pub(super) type Labels = BTreeMap<Text, Text>;

/// The mesh of the rendering, looked up by what resources name.
pub(super) struct Names<'m> {
    pub(super) mesh: &'m Mesh,
    /// The environment's folder.
    folder: Text,
    by_rendered: BTreeMap<&'m str, &'m Namespace>,
    services: BTreeMap<(&'m str, &'m str), (&'m Namespace, &'m Service)>,
}

impl<'m> Names<'m> {
    pub(super) fn new(mesh: &'m Mesh, before: &Tree<'_>, after: &Tree<'_>) -> Self {
        let first = after.ids().keys().next().or_else(|| before.ids().keys().next());
        let folder = first.and_then(|path| path.split('/').next()).unwrap_or_default();
        let mut services = BTreeMap::new();
        for namespace in &mesh.namespaces {
            for service in &namespace.services {
                services.insert((namespace.name.as_str(), service.name.as_str()), (namespace, service));
            }
        }
        let by_rendered = mesh.namespaces.iter().map(|namespace| (namespace.rendered.as_str(), namespace)).collect();
        Self { mesh, folder: folder.into(), by_rendered, services }
    }

    /// The namespace with this name in the cluster.
    pub(super) fn rendered(&self, namespace: &str) -> Option<&'m Namespace> {
        self.by_rendered.get(namespace).copied()
    }

    /// Its logical name; the same name where the mesh does not know it.
    pub(super) fn namespace(&self, rendered: &str) -> Text {
        if let Some(namespace) = self.rendered(rendered) {
            return namespace.name.clone();
        }
        let gateway = self.mesh.gateways.iter().find(|gateway| gateway.namespace == rendered);
        gateway.map_or_else(|| Text::new(rendered), |gateway| gateway.folder.clone())
    }

    /// Folders of a namespace of the cluster: `FOLDER/LOGICAL/`.
    pub(super) fn folder_of(&self, rendered: &str) -> String {
        format!("{}/{}/", self.folder, self.namespace(rendered))
    }

    /// The folder of a service, with a slash behind it.
    pub(super) fn service_folder(&self, namespace: &Namespace, service: &Service) -> String {
        format!("{}/{}/{}/", self.folder, namespace.name, service.name)
    }

    /// The services of a namespace of the cluster.
    pub(super) fn services_in(&self, rendered: &str) -> impl Iterator<Item = (&'m Namespace, &'m Service)> {
        let namespace = self.rendered(rendered);
        namespace.into_iter().flat_map(|namespace| namespace.services.iter().map(move |service| (namespace, service)))
    }

    /// Logical namespace and service of a path; the service is empty for what belongs to the namespace, both for what
    /// belongs to none.
    fn place<'p>(&self, path: &'p str) -> (&'p str, &'p str) {
        let below = path.strip_prefix(self.folder.as_str()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path);
        let mut parts = below.split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(namespace), Some(service), Some(_)) => (namespace, service),
            (Some(namespace), Some(_), None) => (namespace, ""),
            _ => ("", ""),
        }
    }

    /// The service whose folder a path is in.
    pub(super) fn service_of(&self, path: &str) -> Option<(&'m Namespace, &'m Service)> {
        self.services.get(&self.place(path)).copied()
    }

    /// What a file is about: `NAMESPACE/SERVICE`, `NAMESPACE`, or the folder.
    pub(super) fn subject(&self, path: &str) -> Text {
        match self.place(path) {
            ("", _) => self.folder.clone(),
            (namespace, "") => Text::new(namespace),
            (namespace, service) => format_smolstr!("{namespace}/{service}"),
        }
    }

    /// Whether a file belongs to a service's folder, whether or not the service still exists.
    pub(super) fn is_of_service(&self, path: &str) -> bool {
        !self.place(path).1.is_empty()
    }

    /// The gateway whose pods an object of the gateways' namespaces selects by these labels.
    pub(super) fn gateway_of(&self, namespace: &str, labels: &Labels) -> Option<&'m Gateway> {
        self.mesh.gateways.iter().find(|gateway| {
            gateway.namespace == namespace
                && gateway.selector.len() == labels.len()
                && gateway.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        })
    }

    /// The version that a route of this file means by a subset, as its source writes it; the subset's name where the mesh
    /// does not know it.
    pub(super) fn version<'t>(&'t self, path: &str, host: &str, subset: &'t str) -> &'t str {
        let mut parts = host.split('.');
        let of_host = match (parts.next(), parts.next()) {
            (Some(name), Some(namespace)) => {
                self.services_in(namespace).find(|(_, service)| service.name == name).map(|(_, service)| service)
            }
            _ => None,
        };
        let service = self.service_of(path).map(|(_, service)| service).or(of_host);
        let known =
            service.and_then(|service| service.routing.as_ref()).into_iter().flat_map(|routing| &routing.subsets);
        known.into_iter().find(|known| known.name == subset).map_or(subset, |known| known.version.as_str())
    }

    /// A host of the mesh as people say it: `boutique/frontend` for `frontend.boutique.svc.cluster.local`.
    pub(super) fn host(&self, host: &str) -> Text {
        let mut parts = host.splitn(3, '.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(name), Some(namespace), Some(rest)) if rest.starts_with("svc.") => {
                format_smolstr!("{}/{name}", self.namespace(namespace))
            }
            _ => Text::new(host),
        }
    }
}

/// The version that a subset of a DestinationRule stands for, as its source writes it: `7.2` for the subset `7-2`. It is
/// the subset's name where that was not made of a version.
pub(super) fn version_of(subset: &Value) -> Option<&str> {
    let name = subset.get("name")?.as_str()?;
    let version = subset.get("labels").and_then(|labels| labels.get("version")?.as_str());
    Some(version.filter(|version| subset_name(version) == name).unwrap_or(name))
}

/// Labels of a mapping; none where it is no mapping.
pub(super) fn labels(value: &serde_json::Value) -> Labels {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((Text::new(key), Text::from(super::read::scalar(value)?)))).collect()
}

/// Labels by which an object of the security kinds selects pods; empty: all of the namespace.
pub(super) fn selector(object: &Object<'_>) -> Labels {
    labels(object.at(&["selector", "matchLabels"]))
}

/// `a=b, c=d`.
pub(super) fn shown(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}
