//! Which settings of a long list a key may be about. Lists are compared by rules ([`Field::covers`] and others), each a
//! few lines long; a list of thousands cannot be walked for each of thousands of keys, so that the rules are asked of
//! those settings alone that stand in the same place here.

use foldhash::{HashMap, HashMapExt};

use super::field::{CallerKey, Field, Key, PortKey};
use crate::model::PathPattern;
use crate::source::Text;

/// So many settings are walked. Almost every service has fewer.
const FEW: usize = 48;

/// Positions of settings in a list. Only settings in a common place can be about the same thing: no rule may say so of
/// others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lookup {
    /// How many settings there are.
    count: usize,
    /// Absent where there are few.
    places: Option<HashMap<Place, Vec<usize>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    /// `allow` of a caller of this name, in whatever namespace; empty for `anyone`.
    Caller(Text),
    /// `allow` of a caller of this name on this port, or on no port in particular.
    CallerOn(Text, Option<u16>),
    /// Every `allow CALLER`.
    Callers,
    /// `allow none`.
    NoCallers,
    /// Every `expose` of a host, and every removal of one.
    Host(Text),
    /// `expose` of a path of a host.
    Path(Text, PathPattern),
    /// Removals of all paths of a host.
    AllPaths(Text),
    /// All that stands in the block of a port.
    Block(PortKey),
    /// A port.
    Port(PortKey),
    /// RPCs of a gRPC service.
    Rpcs(Text),
    /// Every other setting of the service or of a port: there are a few dozen.
    Other(Option<PortKey>),
}

impl Place {
    /// The places that a setting stands in.
    fn of(key: &Key) -> Vec<Place> {
        let own = match &key.field {
            Field::Allow(caller, port) => {
                vec![Place::Caller(name(caller)), Place::CallerOn(name(caller), *port), Place::Callers]
            }
            Field::AllowNone => vec![Place::NoCallers],
            Field::Expose(host, Some(path)) => vec![Place::Path(host.clone(), path.clone()), Place::Host(host.clone())],
            Field::Expose(host, None) => vec![Place::AllPaths(host.clone()), Place::Host(host.clone())],
            Field::Port(port) => vec![Place::Port(*port)],
            Field::Rpcs(service) => vec![Place::Rpcs(service.clone())],
            _ => vec![Place::Other(key.port)],
        };
        own.into_iter().chain(key.port.map(Place::Block)).collect()
    }

    /// The places where something may stand that a setting is about.
    fn to_look(key: &Key) -> Vec<Place> {
        match &key.field {
            Field::Allow(caller, _) => vec![Place::Caller(name(caller)), Place::NoCallers],
            Field::AllowNone => vec![Place::NoCallers, Place::Callers],
            Field::Expose(host, Some(path)) => {
                vec![Place::Path(host.clone(), path.clone()), Place::AllPaths(host.clone())]
            }
            Field::Expose(host, None) => vec![Place::Host(host.clone())],
            Field::Port(port) => vec![Place::Port(*port), Place::Block(*port)],
            Field::Rpcs(service) => vec![Place::Rpcs(service.clone())],
            _ => vec![Place::Other(key.port)],
        }
    }

    /// The places where something may stand that covers a setting, or that it covers: within one layer a caller may be
    /// allowed on many ports, line by line.
    fn to_look_within(key: &Key) -> Vec<Place> {
        match &key.field {
            Field::Allow(caller, port @ Some(_)) => {
                vec![Place::CallerOn(name(caller), *port), Place::CallerOn(name(caller), None)]
            }
            _ => Place::to_look(key),
        }
    }
}

fn name(caller: &CallerKey) -> Text {
    match caller {
        CallerKey::Anyone => Text::default(),
        CallerKey::Named(_, name) => name.clone(),
    }
}

impl Lookup {
    /// The positions of these settings.
    pub(crate) fn new<'k>(keys: impl ExactSizeIterator<Item = &'k Key>) -> Self {
        let mut lookup = Self { count: 0, places: (keys.len() > FEW).then(HashMap::new) };
        keys.for_each(|key| lookup.note(key));
        lookup
    }

    /// Takes note of a setting at the end of the list, whose settings `keys` are without it.
    pub(crate) fn push<'k>(&mut self, key: &Key, keys: impl ExactSizeIterator<Item = &'k Key>) {
        if self.places.is_none() && self.count == FEW {
            self.places = Some(HashMap::new());
            self.count = 0;
            keys.for_each(|key| self.note(key));
        }
        self.note(key);
    }

    fn note(&mut self, key: &Key) {
        if let Some(places) = &mut self.places {
            for place in Place::of(key) {
                places.entry(place).or_default().push(self.count);
            }
        }
        self.count += 1;
    }

    /// Positions of settings that `key` may be about, those of one place in order.
    pub(crate) fn of<'l>(&'l self, key: &Key) -> impl Iterator<Item = usize> + use<'l> {
        self.at(key, Place::to_look)
    }

    /// Positions of settings that may cover `key` or be covered by it, likewise: what may not stand beside it in one
    /// layer.
    pub(crate) fn within<'l>(&'l self, key: &Key) -> impl Iterator<Item = usize> + use<'l> {
        self.at(key, Place::to_look_within)
    }

    fn at<'l>(&'l self, key: &Key, look: fn(&Key) -> Vec<Place>) -> impl Iterator<Item = usize> + use<'l> {
        let few = if self.places.is_some() { 0 } else { self.count };
        let look = if self.places.is_some() { look(key) } else { Vec::new() };
        let found = self.places.iter().flat_map(move |places| {
            look.clone().into_iter().flat_map(|place| places.get(&place).into_iter().flatten().copied())
        });
        (0..few).chain(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::field::{PoolField, RetryField};
    use super::*;

    fn fields() -> impl Strategy<Value = Field> {
        let caller = prop_oneof![
            Just(CallerKey::Anyone),
            "[ab]".prop_map(|name| CallerKey::Named(None, name.into())),
            ("[nm]", "[ab]").prop_map(|(namespace, name)| CallerKey::Named(Some(namespace.into()), name.into())),
        ];
        let path = prop::option::of(prop_oneof![
            Just(PathPattern::All),
            "/[ab]".prop_map(|path| PathPattern::Exact(path.into())),
            "/[ab]".prop_map(|path| PathPattern::Below(path.into())),
        ]);
        prop_oneof![
            (caller, prop::option::of(1..3_u16)).prop_map(|(caller, port)| Field::Allow(caller, port)),
            Just(Field::AllowNone),
            ("[hi]", path).prop_map(|(host, path)| Field::Expose(host.into(), path)),
            ports().prop_map(Field::Port),
            "[st]".prop_map(|service| Field::Rpcs(service.into())),
            Just(Field::Retry(RetryField::On)),
            Just(Field::AnyRetry),
            Just(Field::Pool(PoolField::Requests)),
            Just(Field::AnyPool),
            Just(Field::Abort("p99".into())),
            Just(Field::AnyCanary),
            Just(Field::Timeout),
        ]
    }

    fn ports() -> impl Strategy<Value = PortKey> {
        prop_oneof![(1..3_u16).prop_map(PortKey::Service), (1..3_u16).prop_map(PortKey::Container)]
    }

    fn keys() -> impl Strategy<Value = Key> {
        (prop::option::of(ports()), fields()).prop_map(|(port, field)| {
            let in_block =
                matches!(field, Field::Retry(_) | Field::AnyRetry | Field::Pool(_) | Field::AnyPool | Field::Timeout);
            Key { port: port.filter(|_| in_block), field }
        })
    }

    proptest! {
        #[test]
        fn no_rule_reaches_beyond_the_places(list in prop::collection::vec(keys(), 0..120), key in keys()) {
            let all = Lookup::new(list.iter());
            let mut grown = Lookup::default();
            for (at, key) in list.iter().enumerate() {
                grown.push(key, list[..at].iter());
            }
            for lookup in [all, grown] {
                let found: Vec<usize> = lookup.of(&key).collect();
                for (at, other) in list.iter().enumerate() {
                    let alike = crate::resolve::layers::tests::are_about_one_thing(&key, other);
                    prop_assert!(!alike || found.contains(&at), "{key:?} and {other:?}");
                    let covers = key.port == other.port && (key.field.covers(&other.field) || other.field.covers(&key.field));
                    prop_assert!(!covers || lookup.within(&key).any(|found| found == at), "{key:?} and {other:?}");
                }
            }
        }
    }
}
