//! Random meshes that `check` accepts, by a seed: the same mesh on every machine. They are small and crowded, so that
//! names, hosts and paths meet.

use super::{gateway, mesh, span};
use crate::model::access::{Grant, Operation, Peer};
use crate::model::release::{Routing, Subset};
use crate::model::target::IstioVersion;
use crate::model::traffic::{
    ConnectionPool, LimitKey, Millis, NotIdempotent, OutlierDetection, RateLimit, Retry, RetryBudget, Traffic,
};
use crate::model::{
    Authorization, Exposure, Host, Injection, Listener, Mesh, MtlsMode, Namespace, PathPattern, Protocol, Service,
};
use crate::source::Text;

/// Paths that contain one another and ones that only look so.
pub(crate) const PATHS: [&str; 6] = ["/a", "/ab", "/a/b", "/a/b/c", "/cart", "/cart/checkout"];
/// Methods of requests.
pub(crate) const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const HOSTS: [&str; 4] = ["shop.example.com", "www.example.com", "*.example.org", "b.shop.example.com"];
const MODES: [MtlsMode; 3] = [MtlsMode::Strict, MtlsMode::Permissive, MtlsMode::Disable];
const CONDITIONS: [&str; 7] =
    ["reset", "connect-failure", "refused-stream", "unavailable", "deadline-exceeded", "5xx", "503"];

/// A stream of numbers (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    /// True once in `n`.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Something once in two.
    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.once_in(2).then(|| make(self))
    }

    fn number(&mut self) -> u32 {
        1 + self.below(1000) as u32
    }

    fn millis(&mut self) -> Millis {
        Millis(*self.pick(&[1, 250, 1000, 1500, 60_000, 3_600_000]))
    }

    fn path(&mut self) -> PathPattern {
        let path = Text::new(self.pick(&PATHS));
        match self.below(5) {
            0 => PathPattern::All,
            1 | 2 => PathPattern::Exact(path),
            _ => PathPattern::Below(path),
        }
    }
}

/// A random mesh, without raw resources, that `check` finds no error in.
pub(crate) fn random_mesh(seed: u64) -> Mesh {
    let dice = &mut Dice::new(seed);
    let mut out = mesh(Vec::new());
    out.target.istio = IstioVersion::new(24 + dice.below(8) as u32);
    out.target.trust_domain = Text::new(dice.pick(&["cluster.local", "example.com"]));
    if dice.once_in(4) {
        out.authorization = Authorization::DryRun;
    }
    out.gateways.truncate(dice.below(2));
    if dice.once_in(2) {
        let mut inside = gateway("inside");
        inside.resource = (Text::new("istio-system"), Text::new("inside"));
        inside.selector = vec![("istio".into(), "inside".into())];
        if dice.once_in(2) {
            inside.namespace = "edge".into();
            inside.folder = "edge".into();
        }
        inside.listen = listeners();
        out.gateways.push(inside);
    }
    // One limit for all, because services that share a host must agree on it.
    let client_ip = (out.target.istio >= IstioVersion::new(26) && dice.once_in(2))
        .then(|| RateLimit { per: LimitKey::ClientIp, ..limit(dice, LimitKey::ClientIp) });
    out.namespaces = (0..1 + dice.below(3)).map(|index| namespace(index, dice)).collect();
    let mut claimed: Vec<(usize, PathPattern)> = Vec::new();
    let (version, gateways) = (out.target.istio, out.gateways.len());
    for namespace in &mut out.namespaces {
        for index in 0..dice.below(5) {
            let mut service = service(index, version, namespace.mtls, dice);
            if let Some(limit) = &client_ip {
                add_limit(&mut service, limit);
            }
            if gateways > 0 {
                expose(&mut service, gateways, &mut claimed, dice);
            }
            namespace.services.push(service);
        }
    }
    out
}

fn listeners() -> Vec<Listener> {
    let listener = |port, https: bool| Listener {
        span: span(2),
        port,
        https,
        credential: https.then(|| "cert".into()),
        redirect: !https,
    };
    vec![listener(80, false), listener(443, true)]
}

fn namespace(index: usize, dice: &mut Dice) -> Namespace {
    let name = Text::from(format!("ns{index}"));
    Namespace {
        rendered: if dice.once_in(2) { Text::from(format!("{name}-prod")) } else { name.clone() },
        name,
        mtls: *dice.pick(&MODES),
        injection: [None, Some(Injection::Enabled), Some(Injection::Revision("stable".into()))][dice.below(3)].clone(),
        services: Vec::new(),
        raw: Vec::new(),
    }
}

fn service(index: usize, version: IstioVersion, mtls: MtlsMode, dice: &mut Dice) -> Service {
    let name = format!("svc{index}");
    let protocols = [Protocol::Http, Protocol::Grpc, Protocol::Grpc, Protocol::Http2, Protocol::Tcp, Protocol::Tls];
    let count = 1 + dice.below(3);
    let chosen: Vec<(u16, u16, Protocol)> = (0..count)
        .map(|index| {
            let number = if dice.once_in(5) { 0 } else { 80 + index as u16 };
            (number, 8080 + index as u16, *dice.pick(&protocols))
        })
        .collect();
    let mut service = super::service(&name, &chosen);
    service.mtls = if dice.once_in(3) { *dice.pick(&MODES) } else { mtls };
    if dice.once_in(4) {
        let ports = service.hosts[0].ports.iter().copied().take(1).collect();
        service.hosts.push(Host { name: Text::from(format!("{name}-external")), ports });
    }
    let tls = chosen.iter().any(|(_, _, protocol)| *protocol == Protocol::Tls);
    service.routing = dice.maybe(|dice| routing(tls, dice));
    let containers: Vec<u16> = chosen.iter().map(|(_, container, _)| *container).collect();
    service.grants = (0..dice.below(40)).map(|_| grant(&containers, dice)).collect();
    let with_budget = count == 1 && version >= IstioVersion::new(28);
    let alike = dice.once_in(2).then(|| traffic(version, with_budget, dice));
    for port in &mut service.ports {
        port.mtls = dice.once_in(5).then(|| *dice.pick(&MODES));
        port.traffic = alike.clone().unwrap_or_else(|| traffic(version, with_budget, dice));
        if !port.protocol.is_http() {
            let Traffic { connect_timeout, idle_timeout, connection_pool, outlier_detection, .. } =
                port.traffic.clone();
            port.traffic =
                Traffic { connect_timeout, idle_timeout, connection_pool, outlier_detection, ..Traffic::default() };
        }
    }
    if dice.once_in(3) {
        service.rate_limits.push(limit(dice, LimitKey::Total));
    }
    if version >= IstioVersion::new(26) && dice.once_in(3) {
        let mut caller = limit(dice, LimitKey::Caller);
        // A multiple of every total.
        caller.window_seconds = 3600;
        service.rate_limits.push(caller);
    }
    service
}

fn add_limit(service: &mut Service, limit: &RateLimit) {
    service.rate_limits.push(limit.clone());
}

fn limit(dice: &mut Dice, per: LimitKey) -> RateLimit {
    // A burst below the rate changes the interval, and two limits of a proxy need intervals that fit together.
    let requests = dice.number();
    let burst = dice.maybe(Dice::number).map(|burst| requests + burst);
    RateLimit { span: span(50), per, requests, window_seconds: *dice.pick(&[1, 60, 3600]), burst }
}

fn routing(tls: bool, dice: &mut Dice) -> Routing {
    let names: &[&str] = if tls || dice.once_in(3) { &["v1"] } else { &["v1", "v2"] };
    let subsets: Vec<Subset> =
        names.iter().map(|name| Subset { name: Text::new(name), version: Text::new(name) }).collect();
    let canary = dice.below(101) as u32;
    // A subset may be defined before a route names it, and stay defined after.
    let (weights, held) = match subsets.len() {
        1 => (vec![(0, 100)], vec![(0, 100)]),
        _ if dice.once_in(4) => (vec![(0, 100)], vec![(0, 100)]),
        _ => (vec![(0, 100 - canary), (1, canary)], vec![(0, 100), (1, 0)]),
    };
    Routing { subsets, weights, held, next: None, release: true, plan: None, record: None, summary: String::new() }
}

fn grant(containers: &[u16], dice: &mut Dice) -> Grant {
    let peer = if dice.once_in(20) {
        Peer::Anyone
    } else {
        let namespace = *dice.pick(&["ns0", "ns1"]);
        let dot = if dice.once_in(6) { "." } else { "-" };
        Peer::Account(namespace.into(), Text::from(format!("sa{dot}{}", dice.below(60))))
    };
    let mut ports: Vec<u16> = containers.iter().copied().filter(|_| dice.once_in(2)).collect();
    if ports.is_empty() {
        ports.push(containers[0]);
    }
    let operations = match dice.below(4) {
        0 | 1 => Vec::new(),
        2 => (0..1 + dice.below(3)).map(|n| Operation::Rpc(Text::from(format!("/pkg.Api/Call{n}")))).collect(),
        _ => (0..1 + dice.below(3))
            .map(|_| {
                let methods = (0..dice.below(3)).map(|_| Text::new(dice.pick(&METHODS))).collect();
                Operation::Http(methods, dice.path())
            })
            .collect(),
    };
    Grant { span: span(30), peer, operations, ports }
}

fn traffic(version: IstioVersion, with_budget: bool, dice: &mut Dice) -> Traffic {
    Traffic {
        timeout: dice.maybe(Dice::millis),
        connect_timeout: dice.once_in(4).then(|| dice.millis()),
        idle_timeout: dice.once_in(4).then(|| dice.millis()),
        retry: dice.maybe(|dice| retry(version, with_budget, dice)),
        not_idempotent: (0..dice.below(4)).map(|_| not_idempotent(dice)).collect(),
        connection_pool: ConnectionPool {
            connections: dice.once_in(4).then(|| dice.number()),
            pending_requests: dice.once_in(4).then(|| dice.number()),
            requests: dice.once_in(4).then(|| dice.number()),
            requests_per_connection: dice.once_in(4).then(|| dice.number()),
            retries: dice.once_in(4).then(|| dice.number()),
        },
        outlier_detection: dice.once_in(3).then(|| OutlierDetection {
            span: span(45),
            consecutive_5xx: dice.maybe(Dice::number),
            consecutive_gateway_errors: dice.maybe(Dice::number),
            interval: dice.maybe(Dice::millis),
            ejection: dice.maybe(Dice::millis),
            max_ejected: 1 + dice.below(100) as u32,
        }),
    }
}

fn retry(version: IstioVersion, with_budget: bool, dice: &mut Dice) -> Retry {
    let mut on: Vec<Text> = CONDITIONS.iter().filter(|_| dice.once_in(2)).map(Text::new).collect();
    if on.is_empty() {
        on.push("reset".into());
    }
    Retry {
        span: span(40),
        attempts: 1 + dice.below(5) as u32,
        per_try: dice.maybe(Dice::millis),
        on,
        backoff: (version >= IstioVersion::new(26) && dice.once_in(3)).then(|| (dice.millis(), span(41))),
        budget: (with_budget && dice.once_in(2)).then(|| RetryBudget {
            span: span(42),
            percent: dice.below(101) as u32,
            min_concurrency: dice.maybe(Dice::number),
        }),
    }
}

fn not_idempotent(dice: &mut Dice) -> NotIdempotent {
    if dice.once_in(3) {
        NotIdempotent::Rpc(Text::new(dice.pick(&PATHS)))
    } else {
        NotIdempotent::Http(Text::new(dice.pick(&METHODS)), dice.path())
    }
}

/// Exposes HTTP ports on hosts, no path of a host twice. A host is always on one gateway, so that its routes are the
/// same wherever it is.
fn expose(service: &mut Service, gateways: usize, claimed: &mut Vec<(usize, PathPattern)>, dice: &mut Dice) {
    let http: Vec<(u16, usize)> =
        service.hosts[0].ports.iter().copied().filter(|(_, port)| service.ports[*port].protocol.is_http()).collect();
    if http.is_empty() {
        return;
    }
    for _ in 0..dice.below(4) {
        let (host, path) = (dice.below(HOSTS.len()), dice.path());
        if claimed.contains(&(host, path.clone())) {
            continue;
        }
        claimed.push((host, path.clone()));
        let (port_number, port) = *dice.pick(&http);
        let gateway = host % gateways;
        service.exposures.push(Exposure { span: span(60), host: HOSTS[host].into(), path, gateway, port, port_number });
    }
}
