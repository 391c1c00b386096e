//! The text of the mesh's own file.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::Calls;
use super::parties::Party;
use super::text::{Lines, quoted};
use crate::inventory::{KubeService, ServiceType};
use crate::model::Protocol;
use crate::source::Text;
use crate::suggest;

/// How many names a comment lists.
const MOST_NAMES: usize = 5;

/// The file that declares the mesh and everybody in it.
pub(super) fn page(
    name: &Text,
    manifests: &[String],
    parties: &[Party<'_>],
    calls: &Calls,
    notes: &mut Vec<String>,
) -> String {
    let namespaces: BTreeSet<&Text> = parties.iter().map(|party| party.namespace).collect();
    let mut page = Page { lines: Lines::default(), parties, calls, notes, accounts: accounts(parties) };
    page.head(name, manifests, &namespaces);
    page.gateway();
    let one = namespaces.len() <= 1;
    for namespace in namespaces {
        page.lines.line("");
        if one {
            page.namespace(namespace);
        } else {
            page.lines.open(&format!("namespace {namespace}"));
            page.lines.comment("? owner @team");
            page.lines.line("");
            page.namespace(namespace);
            page.lines.close();
        }
    }
    page.unknown();
    page.lines.finish()
}

struct Page<'p, 'i> {
    lines: Lines,
    parties: &'p [Party<'i>],
    calls: &'p Calls,
    notes: &'p mut Vec<String>,
    accounts: Accounts<'p>,
}

/// Names of the parties that run under an account, by namespace and account.
type Accounts<'p> = BTreeMap<(&'p Text, &'p Text), BTreeSet<&'p Text>>;

fn accounts<'p>(parties: &'p [Party<'_>]) -> Accounts<'p> {
    let mut accounts = Accounts::new();
    for party in parties {
        for account in party.accounts() {
            accounts.entry((party.namespace, account)).or_default().insert(&party.name);
        }
    }
    accounts
}

impl Page<'_, '_> {
    fn head(&mut self, name: &Text, manifests: &[String], namespaces: &BTreeSet<&Text>) {
        let lines = &mut self.lines;
        lines.comment(
            "Drafted by `meshc init` from Kubernetes manifests. `guess`: read from an address that a workload holds. `?`: a \
             question that only you can answer; remove it with the answer. Ports, labels and accounts stay in the \
             manifests.",
        );
        lines.line("");
        let speaks = |is: fn(Protocol) -> bool| self.parties.iter().any(|party| protocols(party).into_iter().any(is));
        let (grpc, http) = (speaks(Protocol::is_grpc), speaks(|one| one.is_http() && !one.is_grpc()));
        let pages: Vec<&str> = [(grpc, "std/grpc"), (http, "std/http")].iter().filter(|p| p.0).map(|p| p.1).collect();
        if !pages.is_empty() {
            lines.line(&format!("use {}", pages.join(", ")));
            lines.line("");
        }
        lines.open(&format!("mesh {name}"));
        // Nothing above the project's folder is read unless a boundary up there is named.
        let above = manifests.iter().map(|path| path.split('/').take_while(|part| *part == "..").count()).max();
        if let Some(above @ 1..) = above {
            let root = quoted(&vec![".."; above].join("/"));
            lines.noted(&format!("root          {root}"), "the manifests are up there");
        }
        if namespaces.len() <= 1 {
            lines.line(&format!("namespace     {}", namespaces.first().map_or(name, |only| *only)));
        } else if namespaces.contains(name) {
            // Objects without a namespace are here.
            lines.line(&format!("namespace     {name}"));
        }
        let patterns = patterns(manifests);
        if !patterns.is_empty() {
            let patterns: Vec<String> = patterns.iter().map(|pattern| quoted(pattern)).collect();
            lines.line(&format!("inventory     {}", patterns.join(", ")));
        }
        lines.line("mtls          strict");
        lines.noted("authorization deny-by-default", "? `dry-run` refuses nobody and counts: for the first weeks");
        lines.comment("? owner @team");
        if grpc {
            lines.comment("? protos \"protos/*.proto\": names the RPCs, so that a misspelt one is an error");
        }
        lines.comment("? injection enabled: if nobody else labels the namespaces for sidecars");
        lines.close();
        if grpc || http {
            lines.line("");
            lines.comment(
                "? Timeout and retry of each service, by a preset: `service NAME is PRESET`. Without one a call may take \
                 for ever and is never repeated.",
            );
            if grpc {
                lines.commented(&[
                    "  grpc-read   only reads: 3 s, repeated",
                    "  grpc-write  changes something: 5 s, repeated only where the server cannot have seen the call",
                    "  grpc-batch  takes minutes, never repeated",
                ]);
            }
            if http {
                lines.commented(&[
                    "  http-page   pages for people: 10 s, repeated only where the server cannot have seen the request",
                    "  http-api    reads and writes: 2 s, repeated likewise",
                    "  http-read   only reads: 2 s, repeated",
                    "  http-batch  takes minutes, never repeated",
                ]);
            }
            lines.comment("What must never happen twice: `not-idempotent Charge`, `not-idempotent POST /orders`.");
        }
    }

    fn gateway(&mut self) {
        let lines = &mut self.lines;
        lines.line("");
        lines.comment("? The gateway, if requests come in through one; then `expose HOST on ingress` in a service.");
        lines.commented(&[
            "gateway ingress {",
            "  pods            istio-system istio=ingressgateway",
            "  service-account istio-system/istio-ingressgateway-service-account",
            "  resource        istio-system/public",
            "  listener        443",
            "  trusted-proxies 1",
            "}",
        ]);
    }

    /// Callers, then services.
    fn namespace(&mut self, namespace: &Text) {
        let parties = self.parties;
        let own = || parties.iter().enumerate().filter(|(_, party)| party.namespace == namespace);
        let mut first = true;
        for (_, party) in own().filter(|(_, party)| party.front.is_none()) {
            self.caller(party, first);
            first = false;
        }
        for (at, party) in own() {
            let Some(front) = &party.front else { continue };
            if !std::mem::take(&mut first) {
                self.lines.line("");
            }
            let head = format!("service {}", party.name);
            self.lines.open(&head);
            if !front.also.is_empty() {
                let names: Vec<&str> = front.also.iter().map(|service| service.name.as_str()).collect();
                self.lines.line(&format!("also  {}", names.join(", ")));
            }
            for service in &front.partial {
                self.lines
                    .comment(&format!("Service `{}` selects some of these pods only: not declared.", service.name));
            }
            self.ports(front.main);
            self.access(at, party);
            self.account(party);
            self.question(party);
            self.lines.close();
        }
    }

    fn caller(&mut self, party: &Party<'_>, first: bool) {
        let Some(workload) = party.workloads.first() else { return };
        let kind = workload.kind.name();
        let renamed = workload.name != party.name;
        let what = if renamed {
            format!("the {kind} `{}`, which has no Service", workload.name)
        } else {
            format!("a {kind} without a Service")
        };
        let head = format!("caller {}", party.name);
        let shared = self.shared(party);
        if renamed || shared.is_some() {
            if !first {
                self.lines.line("");
            }
            self.lines.comment(&format!("The account of {what}."));
            self.lines.open(&head);
            if renamed {
                self.lines.line(&format!("service-account {}", workload.service_account));
            }
            self.account(party);
            self.lines.close();
        } else {
            self.lines.noted(&head, &what);
        }
    }

    /// Ports of which nothing says what they speak. Proxies go by the Service, so that only the manifest can say it.
    fn ports(&mut self, service: &KubeService) {
        for port in service.ports.iter().filter(|port| !port.udp && port.protocol().is_none()) {
            let (number, name) = (port.number, &service.name);
            let message = format!("nothing says what port {number} of the Service `{name}` speaks");
            self.lines.comment(&format!("? {message}: write `appProtocol: http`, `grpc` or `tcp` into its manifest"));
            self.notes.push(message);
        }
    }

    fn access(&mut self, at: usize, party: &Party<'_>) {
        let parties = self.parties;
        let callers = self
            .calls
            .calls
            .range((at, 0)..(at + 1, 0))
            .filter_map(|((_, caller), source)| Some((parties.get(*caller)?, source.as_str())));
        // One line for each source of the guess, in the order of the first caller.
        let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
        let mut plaintext: Vec<String> = Vec::new();
        for (caller, source) in callers {
            let name = caller.reference(party.namespace);
            if caller.without_sidecar() {
                plaintext.push(name);
                continue;
            }
            match groups.iter_mut().find(|(known, _)| *known == source) {
                Some((_, names)) => names.push(name),
                None => groups.push((source, vec![name])),
            }
        }
        for name in &plaintext {
            let message = format!(
                "`{name}` has an address of `{}` and no sidecar, so no identity: it will be refused",
                party.name
            );
            self.lines.comment(&message);
            self.notes.push(message);
        }
        if let Some(entry) = party.entry() {
            let kind = if entry.service_type == ServiceType::LoadBalancer { "LoadBalancer" } else { "NodePort" };
            self.lines.comment(&format!(
                "`{}` is a {kind}: it sends plaintext from outside straight to these pods, and who comes in plaintext has \
                 no identity. Strict mTLS would cut it off. Better: declare the gateway above, `expose HOST on ingress` \
                 here, make the Service a ClusterIP, remove `mtls`, and allow callers by name.",
                entry.name
            ));
            self.lines.line("mtls  permissive");
            let names: Vec<&str> = groups.iter().flat_map(|(_, names)| names).map(String::as_str).collect();
            if names.is_empty() {
                self.lines.line("allow anyone");
            } else {
                self.lines.noted("allow anyone", &format!("guess: in the mesh {}", suggest::list(names, MOST_NAMES)));
            }
            self.notes.push(format!(
                "`{}` gets `mtls permissive` and `allow anyone`, because the {kind} `{}` has no gateway before it",
                party.name, entry.name
            ));
        } else if groups.is_empty() {
            self.lines.noted("allow none", "? nobody seems to call it: who does?");
        } else {
            for (source, names) in groups {
                self.lines.noted(&format!("allow {}", names.join(", ")), &format!("guess: from {source}"));
            }
        }
    }

    /// Who else runs under this party's account, in words.
    fn shared(&self, party: &Party<'_>) -> Option<String> {
        party.accounts().into_iter().find_map(|account| {
            let others = self.accounts.get(&(party.namespace, account)).into_iter().flatten().copied();
            let others: Vec<&str> = others.filter(|name| **name != party.name).map(Text::as_str).collect();
            if !others.is_empty() {
                let others = suggest::list(others, MOST_NAMES);
                Some(format!("Runs under the account `{account}`, as {others}: who allows one of them admits all."))
            } else if account == "default" {
                Some("Runs under the account `default`, which every pod without one of its own gets.".to_owned())
            } else {
                None
            }
        })
    }

    fn account(&mut self, party: &Party<'_>) {
        if let Some(shared) = self.shared(party) {
            self.lines.comment(&format!("{shared} Give it a ServiceAccount of its own."));
        }
    }

    fn question(&mut self, party: &Party<'_>) {
        let protocols = protocols(party);
        if protocols.iter().any(|one| one.is_grpc()) {
            self.lines.comment("? is grpc-read, grpc-write or grpc-batch; not-idempotent RPC, …");
        } else if protocols.iter().any(|one| one.is_http()) {
            self.lines.comment("? is http-page, http-api, http-read or http-batch; not-idempotent POST /path, …");
        }
    }

    /// Addresses that lead out of what is declared.
    fn unknown(&mut self) {
        let lists = [
            (&self.calls.missing, "Addresses of services that are not in the manifests: are their manifests missing?"),
            (&self.calls.external, "Addresses outside of the cluster."),
        ];
        for (list, title) in lists.into_iter().filter(|(list, _)| !list.is_empty()) {
            self.lines.line("");
            self.lines.comment(title);
            for (address, holder) in list {
                let line = format!("  {address}, from {holder}").replace(char::is_control, " ");
                self.lines.commented(&[&line]);
            }
        }
        for (address, holder) in &self.calls.missing {
            self.notes.push(format!("{holder} leads to `{address}`, which is not in the manifests"));
        }
    }
}

/// What a party's ports speak, as far as its manifest says.
fn protocols(party: &Party<'_>) -> Vec<Protocol> {
    let front = party.front.iter();
    front.flat_map(|front| &front.main.ports).filter_map(crate::inventory::KubePort::protocol).collect()
}

/// The files as `inventory` names them: several of one folder and ending by one pattern, so that a manifest which is
/// added later is read too.
fn patterns(manifests: &[String]) -> BTreeSet<String> {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let ending = |path: &str| path.rsplit_once('.').map_or(String::new(), |(_, ending)| format!(".{ending}"));
    let pattern = |path: &String| format!("{}*{}", folder(path), ending(path));
    let mut groups: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for path in manifests {
        groups.entry(pattern(path)).or_default().push(path);
    }
    let named = groups.into_iter().map(|(pattern, paths)| match paths.as_slice() {
        [only] => (*only).clone(),
        _ => pattern,
    });
    named.collect()
}
