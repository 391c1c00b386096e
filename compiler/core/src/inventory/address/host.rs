//! One word to scheme, host and port, and a host to its place: in the cluster, outside, or nowhere.

use crate::inventory::Inventory;
use crate::source::Text;

/// The parts of a word that may be an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'w> {
    /// `redis` of `redis://…`, `jdbc:postgresql` of `jdbc:postgresql://…`.
    pub(super) scheme: Option<&'w str>,
    /// As written.
    pub(super) host: &'w str,
    /// The number behind the host.
    pub(super) port: Option<u16>,
    /// `user:pass@` stood before the host.
    pub(super) user: bool,
}

impl<'w> Target<'w> {
    /// The parts of `scheme://user:pass@host:port/path`, `host:port/path` or `host`; nothing for any other form.
    pub(super) fn parse(word: &'w str) -> Option<Self> {
        let word = word.trim_matches(['[', ']', '{', '}', '.']);
        let (scheme, rest) = match word.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, word),
        };
        if scheme.is_some_and(|scheme| scheme.is_empty() || !scheme.chars().all(is_scheme_character)) {
            return None;
        }
        // gRPC's names: `dns:///host:port` asks the default DNS server, which would stand before the third slash.
        let rest = match scheme {
            Some("dns" | "passthrough" | "xds") => rest.strip_prefix('/')?,
            Some(_) | None => rest,
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        if scheme.is_none() && authority.len() < rest.len() && !authority.contains(':') {
            return None;
        }
        let (user, address) = match authority.rsplit_once('@') {
            Some((_, address)) => (true, address),
            None => (false, authority),
        };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port > 0)?)),
            None => (address, None),
        };
        (!host.is_empty()).then_some(Self { scheme, host, port, user })
    }
}

fn is_scheme_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.' | ':')
}

/// The part of a scheme that names the protocol: `postgresql` of `jdbc:postgresql` and of `postgresql+asyncpg`.
fn protocol(scheme: &str) -> &str {
    let last = scheme.rsplit(':').next().unwrap_or(scheme);
    last.split('+').next().unwrap_or(last)
}

/// Whether what follows this scheme is a host. Others (`s3`, `oci`, `file`) name buckets, images and paths.
pub(super) fn is_host_scheme(scheme: &str) -> bool {
    const SCHEMES: [&str; 48] = [
        "http",
        "https",
        "ws",
        "wss",
        "h2c",
        "grpc",
        "grpcs",
        "tcp",
        "tls",
        "ssl",
        "dns",
        "passthrough",
        "xds",
        "redis",
        "rediss",
        "valkey",
        "memcached",
        "postgres",
        "postgresql",
        "cockroachdb",
        "mysql",
        "mariadb",
        "sqlserver",
        "mongodb",
        "cassandra",
        "clickhouse",
        "elasticsearch",
        "opensearch",
        "amqp",
        "amqps",
        "rabbitmq",
        "kafka",
        "nats",
        "pulsar",
        "mqtt",
        "mqtts",
        "stomp",
        "ldap",
        "ldaps",
        "smtp",
        "smtps",
        "zookeeper",
        "etcd",
        "consul",
        "otlp",
        "zipkin",
        "thrift",
        "sftp",
    ];
    let protocol = protocol(scheme);
    SCHEMES.iter().any(|known| protocol.eq_ignore_ascii_case(known))
}

/// The port that a URL without one means.
pub(super) fn scheme_port(scheme: &str) -> Option<u16> {
    match protocol(scheme) {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// Where a host is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// No host, an IP address, or the machine itself.
    Nowhere,
    /// A Service of the cluster.
    Cluster {
        /// The namespace where the name states one.
        namespace: Option<Text>,
        /// Its name.
        service: Text,
        /// The inventory has it.
        known: bool,
    },
    /// A name outside of the cluster.
    External(Text),
}

/// Where a host is, seen from a workload of namespace `own`. Names as Kubernetes' DNS has them (Kubernetes,
/// "DNS for Services and Pods"): `SERVICE`, `SERVICE.NAMESPACE`, `SERVICE.NAMESPACE.svc…`, each also with the name of a
/// pod before it where the Service is headless.
pub(super) fn place(host: &str, own: &Text, inventory: &Inventory) -> Place {
    let host = host.to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let number = labels.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if number || !labels.iter().all(|label| is_label(label)) || labels.last() == Some(&"localhost") {
        return Place::Nowhere;
    }
    let find = |namespace: &str, service: &str| inventory.services.get(&(namespace.into(), service.into()));
    let headless = |namespace: &str, service: &str| find(namespace, service).is_some_and(|service| service.headless);
    let within = |namespace: Option<&str>, service: &str| {
        let namespace = namespace.map(|namespace| inventory.namespace(namespace));
        let known = find(namespace.unwrap_or(own), service).is_some();
        Place::Cluster { namespace: namespace.map(Text::from), service: service.into(), known }
    };
    match labels.as_slice() {
        [service] => within(None, service),
        [service, namespace, "svc", ..] | [_, service, namespace, "svc", ..] => within(Some(namespace), service),
        [service, namespace] if has_namespace(inventory, inventory.namespace(namespace)) => {
            within(Some(namespace), service)
        }
        [_, service] if headless(own, service) => within(None, service),
        [_, service, namespace] if headless(inventory.namespace(namespace), service) => {
            within(Some(namespace), service)
        }
        _ => Place::External(host.into()),
    }
}

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether the inventory has a Service or workload in this namespace.
fn has_namespace(inventory: &Inventory, namespace: &str) -> bool {
    let least = (Text::from(namespace), Text::default());
    inventory.services.range(least.clone()..).next().is_some_and(|((found, _), _)| found == namespace)
        || inventory.accounts.range(least..).next().is_some_and(|((found, _), _)| found == namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_apart() {
        let parts = |word| {
            Target::parse(word).map(|target| (target.scheme.unwrap_or(""), target.host, target.port.unwrap_or(0)))
        };
        let table = [
            ("api", ("", "api", 0)),
            ("api:80", ("", "api", 80)),
            ("api:80/v1", ("", "api", 80)),
            ("http://api/v1?x=y:1", ("http", "api", 0)),
            ("redis://user:pa:ss@host:6379/0", ("redis", "host", 6379)),
            ("dns:///api:80", ("dns", "api", 80)),
            ("jdbc:postgresql://db:5432/x", ("jdbc:postgresql", "db", 5432)),
            ("http://api.shop.svc.cluster.local.", ("http", "api.shop.svc.cluster.local", 0)),
        ];
        for (word, expected) in table {
            assert_eq!(parts(word), Some(expected), "{word}");
        }
        for word in [
            "",
            ":80",
            "api:0",
            "api:http",
            "api:70000",
            "http://",
            "dns://8.8.8.8",
            "team/app",
            "a b://c",
            "unix:///x",
        ] {
            assert_eq!(parts(word), None, "{word}");
        }
    }

    #[test]
    fn schemes_of_drivers_are_known_by_their_protocol() {
        assert!(is_host_scheme("jdbc:postgresql") && is_host_scheme("mysql+pymysql") && is_host_scheme("HTTPS"));
        assert!(!is_host_scheme("s3") && !is_host_scheme("oci"));
    }
}
