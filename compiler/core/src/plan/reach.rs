//! Who may call whom, before and after, exactly: for each workload whose policies differ, every caller, port, method and
//! path that policies tell apart is tried on both sides, as a sidecar would answer (istio/api,
//! security/v1beta1/authorization_policy.proto and peer_authentication.proto; istio 1.31, pilot/pkg/security/authz and
//! pilot/pkg/security/trustdomain/bundle.go).

use std::collections::BTreeSet;

use smol_str::format_smolstr;

use super::access::{self, Access, Caller, Identity, Operation, What};
use super::callers::{Class, fits, identities};
use super::names::Names;
use super::pattern::{Group, Matching, classes, groups, matches, representative, text_groups};
use super::policies::Policies;
use super::policy::{Action, Field, Mode, Policy, Rule, Side, To};
use super::workloads::Workload;
use super::{Change, Changes, Kind};
use crate::source::Text;

/// Says who gains and loses access. Returns the subjects of which it said something.
pub(super) fn tell(
    policies: &Policies,
    workloads: &[Workload<'_>],
    names: &Names<'_>,
    out: &mut Changes<'_>,
) -> BTreeSet<Text> {
    let mut told = BTreeSet::new();
    for workload in workloads {
        for Statement { kind, said, keep, instead, exact } in
            differences(policies, workload, &names.mesh.target.trust_domain)
        {
            let gained = kind == Kind::AccessGained;
            let text = match &instead {
                Some((was, may)) => access::sides(&said.caller, was, may, workload.service, names),
                None => access::sentence(&said, &keep, gained, workload.service, names),
            };
            let stated = workload.service.filter(|_| gained).and_then(|service| access::cause(&said, service));
            let cause = stated.or_else(|| out.causes.get(&workload.path).copied());
            told.insert(workload.subject.clone());
            let (subject, path) = (workload.subject.clone(), workload.path.clone());
            out.list.push(Change { kind, subject, text, path, cause, access: exact });
        }
    }
    told
}

/// Everything that the policies of a workload tell apart.
struct Atoms {
    callers: Vec<Class>,
    ports: Vec<Text>,
    methods: Vec<Text>,
    paths: Vec<Text>,
}

/// Which requests of a port are admitted: one bit for each path of each method, and one for a port of bytes.
type Bits = Vec<bool>;

/// What is said once of callers.
struct Statement {
    kind: Kind,
    /// As people hear it.
    said: Access,
    /// Who loses a part only.
    keep: Vec<Identity>,
    /// What they may do before and after, where that is said more simply than the difference.
    instead: Option<(Vec<Operation>, Vec<Operation>)>,
    /// The same exactly.
    exact: Vec<Access>,
}

/// What callers gain and lose.
fn differences(policies: &Policies, workload: &Workload<'_>, own_domain: &str) -> Vec<Statement> {
    let before = policies.before.enforced(&workload.namespace, &workload.labels);
    let after = policies.after.enforced(&workload.namespace, &workload.labels);
    let atoms = Atoms::of(&before, &after, policies, workload, own_domain);
    let before = atoms.admitted(&before, &policies.before, workload, own_domain);
    let after = atoms.admitted(&after, &policies.after, workload, own_domain);
    let whole = |side: &[Vec<Bits>]| -> Vec<Vec<Bits>> {
        side.iter().map(|ports| atoms.whole_ports(ports.clone(), workload)).collect()
    };
    let (was, may) = (whole(&before), whole(&after));
    let mut out = Vec::new();
    for (kind, new, old) in [(Kind::AccessGained, &after, &before), (Kind::AccessLost, &before, &after)] {
        let only = |new: &Vec<Bits>, old: &Vec<Bits>| -> Vec<Bits> {
            let bits = |(new, old): (&Bits, &Bits)| new.iter().zip(old).map(|(new, old)| *new && !*old).collect();
            new.iter().zip(old).map(bits).collect()
        };
        let changes: Vec<Vec<Bits>> =
            new.iter().zip(old).map(|(new, old)| atoms.whole_ports(only(new, old), workload)).collect();
        out.extend(atoms.statements(kind, &changes, (&was, &may), workload));
    }
    out
}

/// What a port speaks, as far as the mesh knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Requests,
    Bytes,
    /// Nobody says: either.
    Unknown,
}

fn speaks(workload: &Workload<'_>, port: &str) -> Speaks {
    let mut ports = workload.service.into_iter().flat_map(|service| &service.ports);
    match ports.find(|known| known.container.to_string() == port) {
        None => Speaks::Unknown,
        Some(port) if port.protocol.is_http() => Speaks::Requests,
        Some(_) => Speaks::Bytes,
    }
}

impl Atoms {
    fn of(
        before: &[&Policy],
        after: &[&Policy],
        policies: &Policies,
        workload: &Workload<'_>,
        own_domain: &str,
    ) -> Self {
        let both = || before.iter().chain(after);
        let rules = || both().flat_map(|policy| &policy.rules);
        let operations = || rules().flat_map(|rule| rule.to.iter().flatten());
        let mut ports: BTreeSet<Text> = operations().flat_map(|to| to.ports.patterns()).map(Text::new).collect();
        ports.extend(policies.before.ports(&workload.namespace, &workload.labels));
        ports.extend(policies.after.ports(&workload.namespace, &workload.labels));
        ports.extend(
            workload
                .service
                .into_iter()
                .flat_map(|service| &service.ports)
                .map(|port| format_smolstr!("{}", port.container)),
        );
        ports.insert("*".into());
        let mut callers: Vec<Class> = vec![None];
        callers.extend(identities(both().copied(), own_domain).into_iter().map(Some));
        Self {
            callers,
            ports: ports.into_iter().collect(),
            methods: classes(operations().flat_map(|to| to.methods.patterns())),
            paths: classes(operations().flat_map(|to| to.paths.patterns())),
        }
    }

    fn width(&self) -> usize {
        self.methods.len() * self.paths.len() + 1
    }

    /// By caller and port, what is admitted.
    fn admitted(&self, enforced: &[&Policy], side: &Side, workload: &Workload<'_>, own_domain: &str) -> Vec<Vec<Bits>> {
        let of_action = |action: Action| enforced.iter().filter(move |policy| policy.action == action);
        let has_allow = of_action(Action::Allow).next().is_some();
        let matched = |action: Action| -> Vec<Matched> {
            let rules = of_action(action).flat_map(|policy| policy.rules.iter().map(move |rule| (policy, rule)));
            rules
                // A condition that is not evaluated: it may admit, and it may not refuse.
                .filter(|(_, rule)| action == Action::Allow || !rule.conditional)
                .map(|(policy, rule)| Matched::new(self, policy, rule, action, own_domain))
                .collect()
        };
        let (allow, deny) = (matched(Action::Allow), matched(Action::Deny));
        let nobody = vec![false; self.width()];
        let mut out = Vec::with_capacity(self.callers.len());
        for (index, caller) in self.callers.iter().enumerate() {
            let mut of_caller = Vec::with_capacity(self.ports.len());
            for (port_index, port) in self.ports.iter().enumerate() {
                let mode = side.mode(&workload.namespace, &workload.labels, Some(port));
                // Plaintext is reset; and where no mTLS is taken, nobody has an identity.
                let index = match (mode, caller) {
                    (Mode::Strict, None) => {
                        of_caller.push(nobody.clone());
                        continue;
                    }
                    (Mode::Disable, _) => 0,
                    (Mode::Strict | Mode::Permissive, _) => index,
                };
                let any = |rules: &[Matched], start: bool| -> Bits {
                    let mut bits = vec![start; self.width()];
                    for rule in rules.iter().filter(|rule| rule.callers.get(index) == Some(&true)) {
                        for (bit, matched) in bits.iter_mut().zip(rule.ports.get(port_index).into_iter().flatten()) {
                            *bit |= *matched;
                        }
                    }
                    bits
                };
                let allowed = any(&allow, !has_allow);
                let denied = any(&deny, false);
                of_caller.push(allowed.iter().zip(&denied).map(|(allowed, denied)| *allowed && !*denied).collect());
            }
            out.push(of_caller);
        }
        out
    }

    /// Takes away what a port does not speak, and gives all bits to a port of which everything is meant, so that ports
    /// with the same answer have the same bits.
    fn whole_ports(&self, ports: Vec<Bits>, workload: &Workload<'_>) -> Vec<Bits> {
        let whole = |(mut bits, port): (Bits, &Text)| {
            let connection = bits.pop().unwrap_or(false);
            let (requests, connections) = match speaks(workload, port) {
                Speaks::Requests => (bits.iter().all(|bit| *bit), true),
                Speaks::Bytes => (true, connection),
                Speaks::Unknown => (bits.iter().all(|bit| *bit), connection),
            };
            if requests && connections {
                return vec![true; self.width()];
            }
            match speaks(workload, port) {
                Speaks::Requests => bits.push(false),
                Speaks::Bytes => return vec![false; self.width()],
                Speaks::Unknown => bits.push(connection),
            }
            bits
        };
        ports.into_iter().zip(&self.ports).map(whole).collect()
    }

    /// The differences by caller, each said once. `was` and `may` are what each caller may do before and afterwards.
    fn statements(
        &self,
        kind: Kind,
        changes: &[Vec<Bits>],
        (was, may): (&[Vec<Bits>], &[Vec<Bits>]),
        workload: &Workload<'_>,
    ) -> Vec<Statement> {
        let is_none = |ports: &Vec<Bits>| ports.iter().flatten().all(|bit| !*bit);
        let identified: Vec<(Identity, Vec<Bits>)> = self
            .callers
            .iter()
            .zip(changes)
            .filter_map(|(caller, ports)| Some((caller.clone()?, ports.clone())))
            .collect();
        let access = |caller: Caller, ports: &[Bits]| Access {
            caller,
            callee: workload.callee.clone(),
            operations: self.operations(ports),
        };
        let mut unidentified = changes.first().filter(|ports| !is_none(ports));
        let mut out: Vec<Statement> = Vec::new();
        for Group { whole, except, answer } in groups(&identified, Identity::is_within, is_none) {
            let everybody = whole.is_everybody();
            let with_plaintext = everybody && unidentified == Some(answer);
            if with_plaintext {
                unidentified = None;
            }
            let mut except: Vec<Identity> = except.into_iter().cloned().collect();
            except.sort();
            let exact = access(Caller { unidentified: with_plaintext, identity: Some(whole.clone()), except }, answer);
            // Whoever ends up the same, and changes in nothing else, is no exception to a person.
            let fate = |identity: &Identity| {
                let place = self.callers.iter().position(|caller| caller.as_ref() == Some(identity));
                let known = place.and_then(|place| Some((changes.get(place)?, may.get(place)?)));
                match known {
                    Some((changes, may)) if includes(answer, changes) => match kind {
                        Kind::AccessGained if includes(may, answer) => Fate::Follows,
                        Kind::AccessGained => Fate::Differs,
                        _ if disjoint(may, answer) => Fate::Follows,
                        _ => Fate::Keeps,
                    },
                    _ => Fate::Differs,
                }
            };
            let inner = |wide: &Identity| -> Vec<Fate> {
                identified.iter().filter(|(inner, _)| inner.is_within(wide)).map(|(inner, _)| fate(inner)).collect()
            };
            let mut said = exact.clone();
            let told_whole = tangled(&exact.operations).then(|| self.alike(whole, (was, may))).flatten();
            let instead = told_whole.map(|(was, may)| (self.operations(was), self.operations(may)));
            said.caller.except.retain(|except| inner(except).contains(&Fate::Differs));
            let keep = |except: &&Identity| {
                let fates = inner(except);
                fates.contains(&Fate::Keeps) && !fates.contains(&Fate::Differs)
            };
            let keep: Vec<Identity> = exact.caller.except.iter().filter(keep).cloned().collect();
            let part_of = out.iter_mut().find(|statement| {
                let caller = &statement.said.caller;
                let within = caller.identity.as_ref().is_some_and(|wide| wide != whole && whole.is_within(wide));
                within && !caller.except.iter().any(|except| whole.is_within(except))
            });
            match part_of {
                Some(statement) => statement.exact.push(exact),
                None => out.push(Statement { kind, said, keep, instead, exact: vec![exact] }),
            }
        }
        if let Some(ports) = unidentified {
            let caller = Caller { unidentified: true, identity: None, except: Vec::new() };
            let said = access(caller, ports);
            out.push(Statement { kind, exact: vec![said.clone()], said, keep: Vec::new(), instead: None });
        }
        out
    }

    /// What a class may do before and after; nothing where that differs within it.
    fn alike<'b>(
        &self,
        class: &Identity,
        (was, may): (&'b [Vec<Bits>], &'b [Vec<Bits>]),
    ) -> Option<(&'b [Bits], &'b [Bits])> {
        let within = |caller: &Class| caller.as_ref().is_some_and(|identity| identity.is_within(class));
        let mut sides = self
            .callers
            .iter()
            .zip(was.iter().zip(may))
            .filter(|(caller, _)| within(caller))
            .map(|(_, (was, may))| (was.as_slice(), may.as_slice()));
        let first = sides.next()?;
        sides.all(|other| other == first).then_some(first)
    }

    fn operations(&self, ports: &[Bits]) -> Vec<Operation> {
        let by_port: Vec<(Text, Bits)> = self.ports.iter().cloned().zip(ports.iter().cloned()).collect();
        let mut out = Vec::new();
        for (port, bits) in text_groups(&by_port, |bits| bits.iter().all(|bit| !*bit)) {
            if bits.iter().all(|bit| *bit) {
                out.push(Operation { port, what: What::Everything });
                continue;
            }
            if bits.last() == Some(&true) {
                out.push(Operation { port: port.clone(), what: What::Connections });
            }
            let rows = bits.chunks(self.paths.len()).map(<[bool]>::to_vec);
            let by_method: Vec<(Text, Bits)> = self.methods.iter().cloned().zip(rows).collect();
            for (method, row) in text_groups(&by_method, |row| row.iter().all(|bit| !*bit)) {
                let by_path: Vec<(Text, bool)> = self.paths.iter().cloned().zip(row.iter().copied()).collect();
                let paths: Vec<Matching> =
                    text_groups(&by_path, |bit| !*bit).into_iter().map(|(paths, _)| paths).collect();
                out.push(Operation { port: port.clone(), what: What::Requests { method, paths } });
            }
        }
        out.sort();
        out
    }
}

/// How a caller fares beside the rest, of whom something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// As they do, in the end.
    Follows,
    /// It loses what they lose, but for a part.
    Keeps,
    /// Something else has to be said.
    Differs,
}

/// Whether operations are hard to follow as a list: all but some, in more than one place.
fn tangled(operations: &[Operation]) -> bool {
    operations.iter().any(|operation| match &operation.what {
        What::Everything | What::Connections => !operation.port.except.is_empty() && operations.len() > 1,
        What::Requests { method, paths } => {
            !method.except.is_empty() || paths.iter().any(|paths| !paths.except.is_empty())
        }
    })
}

/// Whether nothing is set in both.
fn disjoint(one: &[Bits], other: &[Bits]) -> bool {
    !one.iter().flatten().zip(other.iter().flatten()).any(|(one, other)| *one && *other)
}

/// Whether all that is set in `part` is set in `whole`.
fn includes(whole: &[Bits], part: &[Bits]) -> bool {
    whole.iter().flatten().zip(part.iter().flatten()).all(|(whole, part)| *whole || !*part)
}

/// What a rule matches of the atoms.
struct Matched {
    callers: Vec<bool>,
    /// By port.
    ports: Vec<Bits>,
}

impl Matched {
    fn new(atoms: &Atoms, policy: &Policy, rule: &Rule, action: Action, own_domain: &str) -> Self {
        let from = |caller: &Class| {
            rule.from.as_ref().is_none_or(|list| list.iter().any(|source| fits(source, policy, caller, own_domain)))
        };
        let no_http = rule.to.iter().flatten().all(|to| !to.has_http());
        let bits = |port: &Text| {
            let Some(list) = &rule.to else { return vec![true; atoms.methods.len() * atoms.paths.len() + 1] };
            let here: Vec<&To> = list.iter().filter(|to| to.ports.holds(|pattern| pattern == port)).collect();
            let mut bits = Vec::with_capacity(atoms.methods.len() * atoms.paths.len() + 1);
            let holds = |field: &Field, class: &Text| field.holds(|pattern| matches(pattern, &representative(class)));
            for method in &atoms.methods {
                let here: Vec<&&To> = here.iter().filter(|to| holds(&to.methods, method)).collect();
                bits.extend(atoms.paths.iter().map(|path| here.iter().any(|to| holds(&to.paths, path))));
            }
            // A rule of an ALLOW that speaks of requests is dropped from ports of bytes as a whole; in a DENY such fields
            // are taken to match.
            bits.push(!here.is_empty() && (no_http || action == Action::Deny));
            bits
        };
        Self { callers: atoms.callers.iter().map(from).collect(), ports: atoms.ports.iter().map(bits).collect() }
    }
}
