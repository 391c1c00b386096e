//! PeerAuthentication: the mode of each namespace, and of the workloads that differ from it. One for a workload:
//! of several Istio takes the oldest (KIA0003).

use std::collections::BTreeMap;

use serde::Serialize;

use super::names;
use super::resource::{self, Marks, PEER_AUTHENTICATION, Pairs, Place, WorkloadSelector};
use crate::bundle::Sink;
use crate::model::{MtlsMode, Namespace, Service};
use crate::source::{Span, Text};

/// `spec` of a PeerAuthentication.
#[derive(Debug, Serialize)]
struct PeerAuthentication<'a> {
    mtls: Mtls,
    /// By container port. In the byte order of the numbers' texts, as maps are written everywhere.
    #[serde(rename = "portLevelMtls", skip_serializing_if = "BTreeMap::is_empty")]
    port_level_mtls: BTreeMap<String, Mtls>,
    /// Required with `portLevelMtls` (CRD, istio 1.24 and 1.31).
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<WorkloadSelector<'a>>,
}

#[derive(Debug, Serialize)]
struct Mtls {
    mode: &'static str,
}

impl std::convert::From<MtlsMode> for Mtls {
    fn from(mode: MtlsMode) -> Self {
        Mtls { mode: mode.istio_name() }
    }
}

/// Writes the mode of a namespace.
pub(super) fn put_default(namespace: &Namespace, span: Span, sink: &mut impl Sink) {
    let place = Place {
        namespace: namespace.rendered.clone(),
        name: Text::new_static("default"),
        path: names::namespace_file(&namespace.name, PEER_AUTHENTICATION.file()),
        span,
    };
    let spec = PeerAuthentication { mtls: namespace.mtls.into(), port_level_mtls: BTreeMap::new(), selector: None };
    resource::put(sink, PEER_AUTHENTICATION, place, Marks::default(), Some(spec), None);
}

/// Writes the mode of a workload that differs from its namespace's, or has a port that does.
pub(super) fn put(namespace: &Namespace, service: &Service, sink: &mut impl Sink) {
    let port_level_mtls: BTreeMap<String, Mtls> = service
        .ports
        .iter()
        .filter_map(|port| Some((port, port.mtls.filter(|mode| *mode != service.mtls)?)))
        .map(|(port, mode)| (port.container.to_string(), mode.into()))
        .collect();
    if service.mtls == namespace.mtls && port_level_mtls.is_empty() {
        return;
    }
    let place = Place {
        namespace: namespace.rendered.clone(),
        name: service.name.clone(),
        path: names::service_file(PEER_AUTHENTICATION, namespace, service, None),
        span: service.span,
    };
    let selector = Some(WorkloadSelector { match_labels: Pairs::Owned(&service.selector) });
    let spec = PeerAuthentication { mtls: service.mtls.into(), port_level_mtls, selector };
    resource::put(sink, PEER_AUTHENTICATION, place, Marks::default(), Some(spec), None);
}
