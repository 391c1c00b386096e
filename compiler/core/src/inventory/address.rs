//! Addresses of services in a workload's environment variables, commands and arguments: guesses at who calls whom.
//!
//! What counts, strongest first: a URL (`redis://user:pass@cache:6379/0`), `HOST:PORT` or a bare host under a name that
//! speaks of addresses (`CART_SERVICE_ADDR`, `--cart-addr`), and anywhere else the name of a Service that the inventory
//! has. Only literal text counts: what a shell or Kubernetes would fill in is passed over. Values may be secrets: an
//! [`Address`] holds host and port and nothing else of them.

mod host;
mod name;
mod words;

use foldhash::{HashMap, HashMapExt};

use crate::inventory::{Inventory, Workload};
use crate::source::{Span, Text};
use host::{Place, Target};
use name::Says;

/// A service's address that a workload holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The namespace where the address states one, as the sources name it ([`Inventory::namespace`]).
    pub namespace: Option<Text>,
    /// Name of the Service; of an external host the whole name. Lower case.
    pub host: Text,
    /// The port, where the address, its scheme (`http`, `https`) or a sibling `…_PORT` states one.
    pub port: Option<u16>,
    /// Where it stands.
    pub from: Span,
    /// The environment variable, or nothing for an argument.
    pub variable: Option<Text>,
}

impl Address {
    /// Namespace and name of the Service, for an address that `workload` holds.
    pub fn target<'a>(&'a self, workload: &'a Workload) -> (&'a Text, &'a Text) {
        (self.namespace.as_ref().unwrap_or(&workload.namespace), &self.host)
    }
}

/// What a workload holds. Both sorted and without repetition; of equal addresses the first in the text is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Names in the cluster, whether the inventory has such a Service or not. A workload's own is among them where
    /// it holds it.
    pub cluster: Vec<Address>,
    /// Names outside of it: with a dot, and neither `SERVICE.NAMESPACE` of the inventory nor `….svc…`.
    pub external: Vec<Address>,
}

/// The addresses that a workload holds. `inventory` says which names are Services and which are namespaces; its
/// objects and `workload` use the sources' names for namespaces ([`Inventory::in_namespace`], [`Inventory::rename`]).
/// IP addresses and `localhost` are left out.
pub fn addresses(workload: &Workload, inventory: &Inventory) -> Addresses {
    let mut search = Search { workload, inventory, found: Addresses::default() };
    let mut by_name: HashMap<(&Text, &str), &str> = HashMap::new();
    for variable in workload.env.iter().filter(|variable| variable.name.to_ascii_uppercase().ends_with("PORT")) {
        by_name.entry((&variable.container, &variable.name)).or_insert(&variable.value);
    }
    for variable in &workload.env {
        let says = name::says(&variable.name);
        let sibling = || {
            let port = name::sibling_port(&variable.name)?;
            (*by_name.get(&(&variable.container, port.as_str()))?).parse().ok()
        };
        search.value(&variable.value, says, variable.span, &variable.name, sibling);
    }
    let mut rest = workload.args.as_slice();
    while let Some(first) = rest.first() {
        let end = rest.iter().position(|word| word.container != first.container).unwrap_or(rest.len());
        let (own, others) = rest.split_at(end);
        let own = own.iter().flat_map(|arg| words::words(&arg.text).into_iter().map(|word| (word, arg.span)));
        search.arguments(&own.collect::<Vec<_>>());
        rest = others;
    }
    let Addresses { mut cluster, mut external } = search.found;
    for list in [&mut cluster, &mut external] {
        list.sort();
        list.dedup_by(|b, a| (&a.namespace, &a.host, a.port) == (&b.namespace, &b.host, b.port));
    }
    Addresses { cluster, external }
}

struct Search<'a> {
    workload: &'a Workload,
    inventory: &'a Inventory,
    found: Addresses,
}

impl Search<'_> {
    /// The value of a variable: addresses between commas, or addresses somewhere within other text.
    fn value(&mut self, value: &str, says: Says, from: Span, variable: &Text, sibling: impl Fn() -> Option<u16>) {
        for element in value.split([',', ';']).map(str::trim) {
            let words = words::words(element);
            let alone = words.len() == 1;
            for word in &words {
                match word.split_once('=').filter(|(key, _)| name::is_name(key)) {
                    // `host=db port=5432`: the key says what the value is.
                    Some((key, value)) => self.word(value, name::says(key), true, from, Some(variable), &|| None),
                    None => self.word(word, says, alone, from, Some(variable), &sibling),
                }
            }
        }
    }

    /// The words of one container's command and arguments.
    fn arguments(&mut self, words: &[(String, Span)]) {
        let mut flag = None;
        for (at, (word, from)) in words.iter().enumerate() {
            let key_value = word.split_once('=').filter(|(key, _)| name::is_name(key.trim_start_matches('-')));
            if let Some((key, value)) = key_value {
                let says = name::says(key.trim_start_matches('-'));
                self.word(value, says, says != Says::Nothing, *from, None, &|| None);
            } else if let Some(name) = word.strip_prefix('-') {
                flag = Some(name.trim_start_matches('-'));
                continue;
            } else {
                let says = flag.map_or(Says::Nothing, name::says);
                // `nc -z redis 6379`: a Service and a port, in two words.
                let port = || words.get(at + 1).and_then(|(next, _)| next.parse().ok());
                let alone = says != Says::Nothing || (port().is_some() && self.is_service(word));
                self.word(word, says, alone, *from, None, &port);
            }
            flag = None;
        }
    }

    /// Whether a word is the name of a Service in the workload's own namespace.
    fn is_service(&self, word: &str) -> bool {
        self.inventory.services.contains_key(&(self.workload.namespace.clone(), word.into()))
    }

    /// One word. `alone`: it may be a bare host. `sibling` finds the port that is stated elsewhere.
    fn word(
        &mut self,
        word: &str,
        says: Says,
        alone: bool,
        from: Span,
        variable: Option<&Text>,
        sibling: &dyn Fn() -> Option<u16>,
    ) {
        let Some(target) = Target::parse(word) else { return };
        let place = host::place(target.host, &self.workload.namespace, self.inventory);
        let (namespace, host, known) = match &place {
            Place::Nowhere => return,
            Place::Cluster { namespace, service, known } => (namespace.clone(), service.clone(), *known),
            Place::External(name) => (None, name.clone(), false),
        };
        let external = matches!(place, Place::External(_));
        let bare = target.scheme.is_none() && target.port.is_none();
        let counts = match (target.scheme, says) {
            (Some(scheme), _) => known || host::is_host_scheme(scheme),
            (None, Says::NoHost) => false,
            (None, Says::Host) => !bare || (alone && !target.user),
            (None, Says::Address) => !bare || (known && alone),
            (None, Says::Nothing) => known && (!bare || alone),
        };
        if !counts {
            return;
        }
        let port = target.port.or_else(|| target.scheme.and_then(host::scheme_port));
        let port = port.or_else(|| if target.scheme.is_none() { sibling() } else { None });
        let address = Address { namespace, host, port, from, variable: variable.cloned() };
        let list = if external { &mut self.found.external } else { &mut self.found.cluster };
        list.push(address);
    }
}

#[cfg(test)]
mod tests;
