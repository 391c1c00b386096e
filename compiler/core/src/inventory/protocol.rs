//! What a Service's port speaks, as Istio reads it from the manifest, and which container port it leads to.

use crate::inventory::{KubePort, TargetPort, Workload};
use crate::model::Protocol;

impl KubePort {
    /// What Istio takes this port to speak: `appProtocol` first, else the port's name up to its first `-`, whatever
    /// the case (istio 1.31, pkg/config/kube/conversion.go, pkg/config/protocol/instance.go). Nothing for UDP, which
    /// the proxy does not carry, and where neither names a protocol: Istio then sniffs.
    pub fn protocol(&self) -> Option<Protocol> {
        if self.udp {
            return None;
        }
        match (self.app_protocol.as_deref(), self.name.as_deref()) {
            (Some("kubernetes.io/h2c"), _) => Some(Protocol::Http2),
            (Some("kubernetes.io/ws"), _) => Some(Protocol::Http),
            (Some("kubernetes.io/wss"), _) => Some(Protocol::Https),
            (Some(name), _) | (None, Some(name)) => named(name).or_else(|| well_known(self.number)),
            (None, None) => well_known(self.number),
        }
    }
}

/// The protocol that a port's name or `appProtocol` states.
fn named(name: &str) -> Option<Protocol> {
    const GRPC_WEB: &str = "grpc-web";
    // The one protocol with a `-` in its name; Istio looks at the characters only, so that `grpc-webhook` is one too.
    if name.get(..GRPC_WEB.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC_WEB)) {
        return Some(Protocol::GrpcWeb);
    }
    let prefix = name.split('-').next().unwrap_or(name).to_ascii_lowercase();
    match prefix.as_str() {
        "http" => Some(Protocol::Http),
        "http2" => Some(Protocol::Http2),
        "grpc" => Some(Protocol::Grpc),
        "https" => Some(Protocol::Https),
        "tls" => Some(Protocol::Tls),
        "tcp" | "mongo" | "mysql" | "redis" => Some(Protocol::Tcp),
        _ => None,
    }
}

/// Ports on which the server speaks first, so that sniffing would break them: Istio takes these for TCP
/// (istio 1.31, pkg/config/kube/conversion.go): SMTP, DNS, MySQL, MongoDB.
fn well_known(number: u16) -> Option<Protocol> {
    matches!(number, 25 | 53 | 3306 | 27017).then_some(Protocol::Tcp)
}

impl Workload {
    /// The container port that a Service's `targetPort` leads to on these pods; nothing for a name that none of its
    /// containers gives to a port: Kubernetes then sends nothing to them.
    pub fn resolve_target(&self, target: &TargetPort) -> Option<u16> {
        match target {
            TargetPort::Number(number) => Some(*number),
            TargetPort::Name(name) => {
                let port = self.container_ports.iter().find(|port| port.name.as_ref() == Some(name))?;
                Some(port.number)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileId, Span};

    fn port(name: Option<&str>, app_protocol: Option<&str>) -> KubePort {
        KubePort {
            name: name.map(Into::into),
            number: 8080,
            target: TargetPort::Number(8080),
            app_protocol: app_protocol.map(Into::into),
            udp: false,
            span: Span::new(FileId(0), 0, 0),
        }
    }

    #[test]
    fn app_protocol_comes_before_the_name() {
        let table = [
            (Some("http"), None, Some(Protocol::Http)),
            (Some("http2-api"), None, Some(Protocol::Http2)),
            (Some("GRPC-x"), None, Some(Protocol::Grpc)),
            (Some("grpc-web-x"), None, Some(Protocol::GrpcWeb)),
            (Some("tcp-redis"), None, Some(Protocol::Tcp)),
            (Some("redis"), None, Some(Protocol::Tcp)),
            (Some("metrics"), None, None),
            (None, None, None),
            (Some("http"), Some("grpc"), Some(Protocol::Grpc)),
            (Some("http"), Some("kubernetes.io/h2c"), Some(Protocol::Http2)),
            (Some("tcp"), Some("kubernetes.io/ws"), Some(Protocol::Http)),
            (None, Some("kubernetes.io/wss"), Some(Protocol::Https)),
            (Some("http"), Some("example.com/custom"), None),
        ];
        for (name, app_protocol, expected) in table {
            assert_eq!(port(name, app_protocol).protocol(), expected, "{name:?} {app_protocol:?}");
        }
    }

    #[test]
    fn ports_on_which_the_server_speaks_first_are_tcp() {
        assert_eq!(KubePort { number: 3306, ..port(Some("db"), None) }.protocol(), Some(Protocol::Tcp));
        assert_eq!(KubePort { number: 3306, ..port(Some("http"), None) }.protocol(), Some(Protocol::Http));
    }

    #[test]
    fn udp_is_not_carried() {
        assert_eq!(KubePort { udp: true, ..port(Some("http"), None) }.protocol(), None);
    }
}
