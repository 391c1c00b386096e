//! Services in three tiers: pages call interfaces, interfaces call stores, stores call databases.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{TEAM, namespace};
use crate::dice::Dice;

const NOUNS: [&str; 24] = [
    "account",
    "address",
    "basket",
    "booking",
    "catalogue",
    "claim",
    "coupon",
    "customer",
    "delivery",
    "discount",
    "invoice",
    "ledger",
    "mail",
    "message",
    "order",
    "parcel",
    "payment",
    "price",
    "profile",
    "refund",
    "return",
    "review",
    "search",
    "stock",
];
const VERBS: [&str; 7] = ["Get", "List", "Search", "Watch", "Create", "Update", "Delete"];

/// What a service is and speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// HTTP pages, exposed.
    Page,
    /// HTTP interface.
    HttpApi,
    /// gRPC interface.
    GrpcApi,
    /// gRPC service in front of data.
    Store,
    /// Bytes.
    Database,
}

impl Kind {
    fn of(index: usize) -> Self {
        match index % 10 {
            0 => Kind::Page,
            1..=3 => Kind::HttpApi,
            4 | 5 => Kind::GrpcApi,
            6..=8 => Kind::Store,
            _ => Kind::Database,
        }
    }

    fn is_grpc(self) -> bool {
        matches!(self, Kind::GrpcApi | Kind::Store)
    }

    /// The digits of the indices whose services call this kind.
    fn callers(self) -> &'static [usize] {
        match self {
            Kind::Page => &[],
            Kind::HttpApi | Kind::GrpcApi => &[0],
            Kind::Store => &[1, 2, 3, 4, 5],
            Kind::Database => &[6, 7, 8],
        }
    }

    /// Service port, container port, protocol.
    pub(super) fn port(self) -> (u16, u16, &'static str) {
        match self {
            Kind::Page | Kind::HttpApi => (80, 8080, "http"),
            Kind::GrpcApi | Kind::Store => (50051, 50051, "grpc"),
            Kind::Database => (5432, 5432, "tcp"),
        }
    }
}

/// One service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Indices, sorted.
    callers: Vec<usize>,
    verbs: Vec<&'static str>,
    pub(super) releases: bool,
    /// Percent of the traffic that the canary has, in staging and in prod.
    recorded: [Option<usize>; 2],
    settings: Settings,
}

/// Which optional settings a service has.
#[derive(Debug, Clone, Copy)]
struct Settings {
    ejects: bool,
    pool: Option<usize>,
    limit: Option<usize>,
    limit_of_caller: bool,
    bounded: bool,
}

/// So many services.
pub(super) fn services(count: usize, dice: &mut Dice) -> Vec<Service> {
    (0..count).map(|index| service(index, count, dice)).collect()
}

fn service(index: usize, count: usize, dice: &mut Dice) -> Service {
    let kind = Kind::of(index);
    // A store that everybody needs has more callers than one source of a policy may name.
    let wanted = if kind == Kind::Store && dice.once_in(50) { 20 + dice.below(20) } else { 1 + dice.below(4) };
    let mut callers: Vec<usize> = (0..wanted).filter_map(|_| caller(index, count, kind.callers(), dice)).collect();
    callers.sort_unstable();
    callers.dedup();
    let releases = kind != Kind::Database && dice.percent(33);
    let weights = [5, 20, 50, 80, 100];
    let recorded = [dice.percent(25), dice.percent(50)].map(|on| (on && releases).then(|| *dice.pick(&weights)));
    Service {
        index,
        name: format!("{}-{index:05}", dice.pick(&NOUNS)),
        kind,
        callers,
        verbs: {
            let count = 3 + dice.below(4);
            dice.some(count, &VERBS)
        },
        releases,
        recorded,
        settings: Settings {
            ejects: dice.percent(30),
            pool: dice.percent(20).then(|| 100 * (1 + dice.below(20))),
            // High enough for the smallest stage of a release to see its requests.
            limit: dice.percent(20).then(|| 100 * (30 + dice.below(100))),
            limit_of_caller: dice.percent(50),
            bounded: dice.percent(60),
        },
    }
}

/// A service of another tier: four times in five one of the same team.
fn caller(index: usize, count: usize, digits: &[usize], dice: &mut Dice) -> Option<usize> {
    if digits.is_empty() {
        return None;
    }
    let tens = if dice.percent(80) {
        let first = index / TEAM * TEAM / 10;
        let last = (first + TEAM / 10).min(count.div_ceil(10));
        first + dice.below(last - first)
    } else {
        dice.below(count.div_ceil(10))
    };
    let found = tens * 10 + dice.pick(digits);
    (found < count).then_some(found)
}

impl Service {
    /// Its team's number.
    pub(super) fn team(&self) -> usize {
        self.index / TEAM
    }

    /// Whether it is the first of its team, which has a host of its own; the other pages of the team share one.
    pub(super) fn is_first_page(&self) -> bool {
        self.index.is_multiple_of(TEAM)
    }

    /// Whether a limit on requests is stated for all callers together.
    pub(super) fn is_limited(&self) -> bool {
        self.settings.limit.is_some() && self.kind != Kind::Database
    }

    /// Its gRPC service without the package, and the RPCs of that; none where it has none.
    pub(super) fn rpcs(&self) -> Option<(String, &[&'static str])> {
        self.kind.is_grpc().then(|| (self.grpc_service(), &self.verbs[..]))
    }

    fn grpc_service(&self) -> String {
        format!("{}{}", self.name[..1].to_uppercase(), self.name[1..].replace('-', ""))
    }

    /// Writes its declaration, for the block of its namespace.
    pub(super) fn declare(&self, all: &[Service], read: bool, out: &mut String) {
        let preset = match self.kind {
            Kind::Page => "http-page",
            Kind::HttpApi => "internal-api",
            Kind::GrpcApi => "grpc-write",
            Kind::Store => "store",
            Kind::Database => "",
        };
        let mut presets = vec![preset];
        presets.extend(self.settings.ejects.then_some("eject-failing"));
        presets.extend(self.releases.then_some(if self.index.is_multiple_of(2) { "cautious" } else { "fast" }));
        presets.retain(|preset| !preset.is_empty());
        let is = if presets.is_empty() { String::new() } else { format!(" is {}", presets.join(", ")) };
        let _ = writeln!(out, "\n  ## What the company knows of each {}.", self.name.split('-').next().unwrap_or(""));
        let _ = writeln!(out, "  service {}{is} {{", self.name);
        if !read {
            let (number, container, protocol) = self.kind.port();
            let arrow = if number == container { String::new() } else { format!(" -> {container}") };
            let _ = writeln!(out, "    port  {number}{arrow} {protocol}");
        }
        if self.releases {
            out.push_str("    version v1 -> v2\n");
        }
        if self.kind.is_grpc() && !read {
            let _ = writeln!(out, "    rpcs  company.{} {}", self.grpc_service(), self.verbs.join(", "));
        }
        self.declare_callers(all, out);
        self.declare_settings(out);
        out.push_str("  }\n");
    }

    fn declare_callers(&self, all: &[Service], out: &mut String) {
        if self.kind == Kind::Page {
            let (host, path) = match self.is_first_page() {
                true => ("www", String::new()),
                false => ("pages", format!(" /{}/**", self.name)),
            };
            let _ = writeln!(out, "    expose {host}.{}.example.com{path} on ingress", namespace(self.team()));
            return;
        }
        if self.callers.is_empty() {
            out.push_str("    allow none\n");
        }
        for (place, caller) in self.callers.iter().filter_map(|index| all.get(*index)).enumerate() {
            let name = if caller.team() == self.team() {
                caller.name.clone()
            } else {
                format!("{}/{}", namespace(caller.team()), caller.name)
            };
            let bounded = self.settings.bounded && place % 2 == 0;
            let to = match self.kind {
                Kind::GrpcApi | Kind::Store if bounded => {
                    let count = 1 + (self.index + place) % (self.verbs.len() - 1);
                    format!(" to {}", self.verbs[..count].join(", "))
                }
                Kind::HttpApi if bounded => " to GET|HEAD /items/**, POST /items".to_owned(),
                _ => String::new(),
            };
            let _ = writeln!(out, "    allow {name}{to}");
        }
    }

    fn declare_settings(&self, out: &mut String) {
        if let (Some(requests), true) = (self.settings.pool, self.kind != Kind::Database) {
            let _ = writeln!(out, "    connection-pool {{ requests {requests}; pending-requests {} }}", requests / 10);
        }
        if let (Some(limit), true) = (self.settings.limit, self.kind != Kind::Database) {
            let _ = writeln!(out, "    rate-limit {limit}/min burst {} each proxy", limit / 10);
            if self.settings.limit_of_caller && self.kind != Kind::Page {
                let _ = writeln!(out, "    rate-limit {}/min per caller each proxy", limit / 2);
            }
        }
        if self.is_first_page() {
            out.push_str("    rate-limit 6000/min per client-ip burst 1000 each proxy\n");
        }
        match self.kind {
            Kind::GrpcApi | Kind::Store if self.verbs.contains(&"Create") => {
                out.push_str("    not-idempotent Create\n");
            }
            Kind::Page => out.push_str("    not-idempotent POST /checkout\n"),
            _ => {}
        }
    }

    /// Writes its recorded releases.
    pub(super) fn record(&self, out: &mut BTreeMap<String, String>) {
        for (environment, weight) in ["staging", "prod"].iter().zip(self.recorded) {
            let Some(weight) = weight else { continue };
            let path = format!("state/{environment}/{}/{}.json", namespace(self.team()), self.name);
            let text = format!(
                "{{\"schema\":1,\"stable\":\"v1\",\"canary\":\"v2\",\"weight\":{weight},\
                 \"since\":\"2026-11-23T03:00:00Z\"}}"
            );
            out.insert(path, text);
        }
    }
}
