//! The Gateway resources that this mesh writes itself, where a `gateway` says `listen`.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt};
use serde::Serialize;

use super::exposure::Hosts;
use super::names;
use super::resource::{self, GATEWAY, Marks, Pairs, Place};
use crate::bundle::Sink;
use crate::model::{Gateway as ModelGateway, Listener, Mesh};
use crate::source::Text;

/// `spec` of a Gateway.
#[derive(Debug, Serialize)]
struct Gateway<'a> {
    selector: Pairs<'a>,
    servers: Vec<Server<'a>>,
}

#[derive(Debug, Serialize)]
struct Server<'a> {
    hosts: Vec<&'a str>,
    port: ServerPort,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<ServerTls<'a>>,
}

#[derive(Debug, Serialize)]
struct ServerPort {
    /// Unique among the servers of a Gateway.
    name: Text,
    number: u16,
    protocol: &'static str,
}

/// `tls`: a redirect on HTTP, a certificate on HTTPS (istio 1.31, pkg/config/validation/validation.go,
/// validateServer).
#[derive(Debug, Serialize)]
struct ServerTls<'a> {
    #[serde(rename = "credentialName", skip_serializing_if = "Option::is_none")]
    credential_name: Option<&'a str>,
    #[serde(rename = "httpsRedirect", skip_serializing_if = "Option::is_none")]
    https_redirect: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
}

/// Writes the Gateway resources. One without exposed hosts is left out: a server needs a host.
pub(super) fn put(mesh: &Mesh, hosts: &Hosts<'_>, sink: &mut impl Sink) {
    let mut by_gateway: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (host, gateways) in hosts {
        for index in gateways.keys() {
            by_gateway.entry(*index).or_default().push(*host);
        }
    }
    let written: Vec<(&ModelGateway, Vec<&str>)> = by_gateway
        .into_iter()
        .filter_map(|(index, hosts)| Some((mesh.gateways.get(index)?, hosts)))
        .filter(|(gateway, _)| !gateway.listen.is_empty())
        .collect();
    let mut in_folder: HashMap<&Text, usize> = HashMap::new();
    for (gateway, _) in &written {
        *in_folder.entry(&gateway.folder).or_default() += 1;
    }
    for (gateway, hosts) in &written {
        let (namespace, name) = &gateway.resource;
        let alone = in_folder.get(&gateway.folder) == Some(&1);
        let file = if alone { GATEWAY.file() } else { GATEWAY.file_of(name) };
        let place = Place {
            namespace: namespace.clone(),
            name: name.clone(),
            path: names::namespace_file(&gateway.folder, file),
            span: gateway.span,
        };
        let spec = Gateway {
            selector: Pairs::Owned(&gateway.selector),
            servers: gateway.listen.iter().map(|listener| server(listener, hosts)).collect(),
        };
        resource::put(sink, GATEWAY, place, Marks::default(), Some(spec), None);
    }
}

fn server<'a>(listener: &'a Listener, hosts: &[&'a str]) -> Server<'a> {
    let (name, protocol) = if listener.https { ("https", "HTTPS") } else { ("http", "HTTP") };
    let tls = if listener.https {
        let credential_name = listener.credential.as_deref();
        Some(ServerTls { credential_name, https_redirect: None, mode: Some("SIMPLE") })
    } else {
        listener.redirect.then_some(ServerTls { credential_name: None, https_redirect: Some(true), mode: None })
    };
    Server {
        hosts: hosts.to_vec(),
        port: ServerPort {
            name: smol_str::format_smolstr!("{name}-{}", listener.port),
            number: listener.port,
            protocol,
        },
        tls,
    }
}
