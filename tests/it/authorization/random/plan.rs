//! A random mesh as a plan, and what it declares by the language's reference.

use std::collections::BTreeSet;

use meshc_tests::dice::Dice;

use super::ports::{self, PlannedPort};
use crate::authorization::declared::{Allow, Declared, Paths, Port, Speaks, What, Who, Workload};
use crate::authorization::policy::{Labels, Mode};

/// Namespaces with services, one with callers alone, and the gateway's.
pub(super) const NAMESPACES: [&str; 5] = ["shop", "pay", "data", "crowd", "edge"];
/// The first namespace without services.
pub(super) const CROWD: usize = 3;
const EDGE: usize = 4;
/// The gateway's account.
pub(super) const GATEWAY: &str = "public-gateway";
const PATHS: [&str; 6] = ["/a", "/ab", "/a/b", "/a/b/c", "/cart", "/cart/checkout"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const RPCS: [&str; 4] = ["Get", "List", "Create", "GetAll"];
pub(super) const MODES: [Mode; 4] = [Mode::Strict, Mode::Strict, Mode::Permissive, Mode::Disable];

/// A mesh in one environment.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) minor: u32,
    /// As istiod has it; stated in the sources or not.
    pub(super) trust_domain: String,
    pub(super) states_trust_domain: bool,
    pub(super) dry_run: bool,
    pub(super) mode: Mode,
    /// Names in the cluster, by place in [`NAMESPACES`].
    pub(super) rendered: [String; 5],
    pub(super) modes: [Option<Mode>; 3],
    /// Services first.
    pub(super) parties: Vec<Party>,
    pub(super) services: Vec<Service>,
}

/// Somebody who may call.
#[derive(Debug, Clone)]
pub(super) struct Party {
    pub(super) namespace: usize,
    pub(super) name: String,
    /// Namespace and name; absent: the party's own.
    pub(super) account: Option<(usize, String)>,
}

#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) namespace: usize,
    pub(super) name: String,
    pub(super) selector: Option<Vec<(&'static str, String)>>,
    pub(super) mode: Option<Mode>,
    pub(super) ports: Vec<PlannedPort>,
    /// In the service's own block; none: `allow none`, unless it is exposed.
    pub(super) lines: Vec<Line>,
    pub(super) exposed: Vec<Exposed>,
    /// In the environment's block.
    pub(super) removed: Vec<usize>,
    pub(super) added: Vec<Line>,
}

/// `allow CALLERS to OPERATIONS on PORT`.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Indices of parties; none: anyone.
    pub(super) callers: Vec<usize>,
    pub(super) operations: Vec<Planned>,
    /// Index of the port, and the number that is written.
    pub(super) on: Option<(usize, u16)>,
}

/// One operation.
#[derive(Debug, Clone)]
pub(super) enum Planned {
    Rpc(&'static str),
    /// Methods, path, and whether all below it.
    Http(Vec<&'static str>, &'static str, bool),
}

/// `expose HOST PATH on GATEWAY port N`.
#[derive(Debug, Clone)]
pub(super) struct Exposed {
    pub(super) host: String,
    pub(super) path: Option<(&'static str, bool)>,
    pub(super) port: usize,
}

impl Plan {
    /// The plan of a seed.
    pub(super) fn new(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let mut rendered = NAMESPACES.map(str::to_owned);
        match dice.below(4) {
            0 => rendered.swap(0, 1),
            1 => rendered.iter_mut().for_each(|name| name.push_str("-prod")),
            2 => rendered[dice.below(5)].push_str("-x"),
            _ => {}
        }
        let states_trust_domain = dice.once_in(2);
        let trust_domain =
            if states_trust_domain { "prod.example.com" } else { *dice.pick(&["cluster.local", "corp.example"]) };
        let mut plan = Self {
            seed,
            minor: *dice.pick(&[24, 24, 25, 28, 30, 31, 31]),
            trust_domain: trust_domain.to_owned(),
            states_trust_domain,
            dry_run: dice.once_in(10),
            mode: if dice.percent(80) { Mode::Strict } else { Mode::Permissive },
            rendered,
            modes: [(); 3].map(|()| dice.once_in(4).then(|| *dice.pick(&MODES[..3]))),
            parties: Vec::new(),
            services: Vec::new(),
        };
        for index in 0..3 + dice.below(6) {
            let namespace = dice.below(CROWD);
            // The same name in several namespaces.
            let name = format!("svc-{}", index % 4);
            if plan.parties.iter().any(|party| party.namespace == namespace && party.name == name) {
                continue;
            }
            let account = match dice.below(4) {
                0 => Some((namespace, "shared".to_owned())),
                _ => None,
            };
            plan.parties.push(Party { namespace, name, account });
        }
        let services = plan.parties.len();
        let crowd = if dice.once_in(3) { 17 + dice.below(40) } else { 3 };
        for index in 0..crowd {
            let account = match dice.below(8) {
                0 => Some((CROWD, "shared".to_owned())),
                1 => Some((dice.below(EDGE + 1), "svc-1".to_owned())),
                2 => Some((CROWD, "batch.jobs".to_owned())),
                _ => None,
            };
            plan.parties.push(Party { namespace: CROWD, name: format!("job-{index:02}"), account });
        }
        for index in 0..services {
            let service = plan.service(index, dice);
            plan.services.push(service);
        }
        plan
    }

    fn service(&self, index: usize, dice: &mut Dice) -> Service {
        let Party { namespace, name, .. } = self.parties[index].clone();
        let selector = dice.once_in(3).then(|| vec![("run", name.clone()), ("tier", "front".to_owned())]);
        let mut service = Service {
            namespace,
            name,
            selector,
            mode: dice.once_in(3).then(|| *dice.pick(&MODES)),
            ports: ports::random(dice),
            lines: Vec::new(),
            exposed: Vec::new(),
            removed: Vec::new(),
            added: Vec::new(),
        };
        let mut keys = BTreeSet::new();
        for _ in 0..dice.below(4) {
            let line = self.line(&service, dice, 1 + dice.clone().below(3));
            service.lines.extend(line.filter(|line| unused(line, &mut keys)));
        }
        if self.parties.len() > self.services.len() + 16 && dice.once_in(2) {
            let count = 17 + dice.below(self.parties.len() - 16);
            let line = self.line(&service, dice, count);
            service.lines.extend(line.filter(|line| unused(line, &mut keys)));
        }
        for (port, planned) in service.ports.clone().iter().enumerate() {
            let open = planned.speaks == Speaks::Http && !planned.numbers.is_empty();
            if open && self.mode_of(&service, planned) != Mode::Disable && dice.once_in(3) {
                let host = format!("h{index}-{port}.example.com");
                let path = dice.once_in(2).then(|| (*dice.pick(&PATHS), dice.once_in(2)));
                service.exposed.push(Exposed { host, path, port });
            }
        }
        self.overrides(&mut service, dice);
        service
    }

    /// What the environment changes: a caller less, a line more or in place of another.
    fn overrides(&self, service: &mut Service, dice: &mut Dice) {
        let callers: BTreeSet<usize> = service.lines.iter().flat_map(|line| line.callers.clone()).collect();
        if let (true, Some(one)) = (callers.len() > 1 && dice.once_in(3), callers.first()) {
            service.removed.push(*one);
        }
        if !service.lines.is_empty() && dice.once_in(4) {
            let line = self.line(service, dice, 1);
            let removed = service.removed.clone();
            service.added.extend(line.filter(|line| !line.callers.iter().any(|caller| removed.contains(caller))));
        }
    }

    /// A line for some callers; none where every port that it would mean takes no mTLS.
    fn line(&self, service: &Service, dice: &mut Dice, callers: usize) -> Option<Line> {
        let ports = &service.ports;
        let on = dice.once_in(3).then(|| dice.below(ports.len())).map(|index| (index, number(ports, index, dice)));
        let candidates = candidates(ports, on);
        if candidates.is_empty() {
            return None;
        }
        let plaintext = candidates.iter().any(|index| self.mode_of(service, &ports[*index]) == Mode::Disable);
        let anyone = plaintext || (callers < 4 && dice.once_in(5));
        let all: Vec<usize> = (0..self.parties.len()).collect();
        let callers = if anyone { Vec::new() } else { dice.some(callers, &all) };
        let speaks = |what: Speaks| candidates.iter().any(|index| ports[*index].speaks == what);
        let mut operations = Vec::new();
        if speaks(Speaks::Grpc) && dice.once_in(2) {
            let count = 1 + dice.below(3);
            operations.extend(dice.some(count, &RPCS).into_iter().map(Planned::Rpc));
        }
        if speaks(Speaks::Http) && dice.once_in(2) {
            let count = 1 + dice.below(2);
            for path in dice.some(count, &PATHS) {
                let methods = dice.below(3);
                operations.push(Planned::Http(dice.some(methods, &METHODS), path, dice.once_in(2)));
            }
        }
        Some(Line { callers, operations, on })
    }

    /// The narrowest that is stated.
    pub(super) fn mode_of(&self, service: &Service, port: &PlannedPort) -> Mode {
        port.mode.unwrap_or_else(|| self.mode_of_service(service))
    }

    pub(super) fn mode_of_service(&self, service: &Service) -> Mode {
        service.mode.or(self.modes[service.namespace]).unwrap_or(self.mode)
    }

    /// Accounts of nobody, and every account in the namespaces that only look like its own.
    pub(super) fn further(&self) -> Vec<(&str, &str)> {
        let mut out: Vec<(&str, &str)> = NAMESPACES.iter().map(|name| (*name, "intruder")).collect();
        out.extend(self.rendered.iter().map(|name| (name.as_str(), "default")));
        // What looks like `batch.jobs` to a regular expression.
        out.push((&self.rendered[CROWD], "batch-jobs"));
        out.extend(NAMESPACES.iter().flat_map(|name| [(*name, "svc-0"), (*name, "shared"), (*name, GATEWAY)]));
        out
    }

    /// What it declares.
    pub(super) fn declared(&self) -> Declared {
        let governed: BTreeSet<usize> = self.services.iter().map(|service| service.namespace).collect();
        Declared {
            dry_run: self.dry_run,
            workloads: self.services.iter().map(|service| self.workload(service)).collect(),
            namespaces: governed
                .into_iter()
                .map(|index| (self.rendered[index].clone(), self.modes[index].unwrap_or(self.mode)))
                .collect(),
        }
    }

    fn workload(&self, service: &Service) -> Workload {
        let default = || Labels::from([("app".to_owned(), service.name.clone())]);
        let labels =
            |pairs: &Vec<(&str, String)>| pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let mut ports: Vec<Port> = service
            .ports
            .iter()
            .map(|port| Port {
                container: port.container,
                speaks: port.speaks,
                mode: self.mode_of(service, port),
                allows: Vec::new(),
            })
            .collect();
        for (caller, line) in in_force(service) {
            for index in candidates(&service.ports, line.on) {
                let who = caller.map_or(Who::Anyone, |caller| self.account(&self.parties[caller]));
                let fits = |operation: &&Planned| match operation {
                    Planned::Rpc(_) => ports[index].speaks == Speaks::Grpc,
                    Planned::Http(..) => ports[index].speaks == Speaks::Http,
                };
                let mut what: Vec<What> =
                    line.operations.iter().filter(fits).map(|operation| meaning(service, operation)).collect();
                if line.operations.is_empty() {
                    what.push(What::Everything);
                }
                ports[index].allows.extend(what.into_iter().map(|what| Allow { who: who.clone(), what }));
            }
        }
        for exposed in &service.exposed {
            let what =
                exposed.path.map_or(What::Everything, |(path, below)| What::Http(Vec::new(), paths(path, below)));
            let who = Who::Account(self.rendered[EDGE].clone(), GATEWAY.to_owned());
            ports[exposed.port].allows.push(Allow { who, what });
        }
        Workload {
            namespace: self.rendered[service.namespace].clone(),
            labels: service.selector.as_ref().map_or_else(default, labels),
            mode: self.mode_of_service(service),
            ports,
        }
    }

    fn account(&self, party: &Party) -> Who {
        let (namespace, name) = party.account.clone().unwrap_or_else(|| (party.namespace, party.name.clone()));
        Who::Account(self.rendered[namespace].clone(), name)
    }
}

/// Callers with their lines, after the environment: it removes a caller's lines, or replaces all of them.
fn in_force(service: &Service) -> Vec<(Option<usize>, &Line)> {
    let each = |line: &'_ Line| -> Vec<Option<usize>> {
        if line.callers.is_empty() { vec![None] } else { line.callers.iter().copied().map(Some).collect() }
    };
    let own = service.lines.iter().flat_map(|line| each(line).into_iter().map(move |caller| (caller, line)));
    let added: Vec<(Option<usize>, &Line)> =
        service.added.iter().flat_map(|line| each(line).into_iter().map(move |caller| (caller, line))).collect();
    own.filter(|(caller, _)| {
        let removed = caller.is_some_and(|caller| service.removed.contains(&caller));
        !removed && !added.iter().any(|(other, _)| other == caller)
    })
    .chain(added.clone())
    .collect()
}

/// The ports that a line means: the one it names, else all that a Service has.
fn candidates(ports: &[PlannedPort], on: Option<(usize, u16)>) -> Vec<usize> {
    match on {
        Some((index, _)) => vec![index],
        None => (0..ports.len()).filter(|index| !ports[*index].numbers.is_empty()).collect(),
    }
}

/// A number by which a line can name a port: of the Service, or of the container where no Service port has it.
fn number(ports: &[PlannedPort], index: usize, dice: &mut Dice) -> u16 {
    let port = &ports[index];
    let clear = !ports.iter().any(|other| other.numbers.contains(&port.container));
    match port.numbers.first() {
        Some(number) if !clear || dice.once_in(2) => *number,
        _ => port.container,
    }
}

/// Two lines of one block cannot have the same caller and port.
fn unused(line: &Line, keys: &mut BTreeSet<(Option<usize>, Option<u16>)>) -> bool {
    let written = line.on.map(|(_, number)| number);
    let own: Vec<_> = match line.callers.is_empty() {
        true => vec![(None, written)],
        false => line.callers.iter().map(|caller| (Some(*caller), written)).collect(),
    };
    let free = own.iter().all(|key| !keys.contains(key));
    if free {
        keys.extend(own);
    }
    free
}

/// The gRPC service that a service has.
pub(super) fn grpc_service(service: &Service) -> String {
    format!("{}.{}", NAMESPACES[service.namespace], service.name.replace("svc-", "Svc"))
}

fn meaning(service: &Service, operation: &Planned) -> What {
    match operation {
        Planned::Rpc(name) => What::Rpc(format!("/{}/{name}", grpc_service(service))),
        Planned::Http(methods, path, below) => {
            What::Http(methods.iter().map(|method| (*method).to_owned()).collect(), paths(path, *below))
        }
    }
}

fn paths(path: &str, below: bool) -> Paths {
    if below { Paths::AndBelow(path.to_owned()) } else { Paths::Exactly(path.to_owned()) }
}
