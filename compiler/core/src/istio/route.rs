//! The shapes of VirtualService and the routes of one port. A mesh route and a delegate of the same port are made by
//! the same code, so that they cannot differ in weights, timeout or retries.

use std::borrow::Cow;
use std::fmt::{self, Display};

use foldhash::{HashSet, HashSetExt};
use serde::Serialize;
use serde::ser::Serializer;

use super::path::{Paths, UriMatch};
use super::resource::{AsText, Duration};
use crate::model::release::{Routing, Subset};
use crate::model::traffic::{Millis, NotIdempotent, Retry, Traffic};
use crate::source::Text;

/// `spec` of a VirtualService.
#[derive(Debug, Default, Serialize)]
pub(super) struct VirtualService<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) gateways: Vec<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hosts: Option<[&'a str; 1]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) http: Vec<HttpRoute<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tcp: Vec<TcpRoute<'a>>,
}

/// An entry of `http`: first match wins.
#[derive(Debug, Serialize)]
pub(super) struct HttpRoute<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delegate: Option<Delegate<'a>>,
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub(super) matches: Vec<HttpMatch<'a>>,
    /// Seen in the proxy's statistics and logs.
    pub(super) name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retries: Option<Retries<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route: Option<Destinations<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeout: Option<Duration>,
}

/// The VirtualService that goes on with a gateway's request.
#[derive(Debug, Serialize)]
pub(super) struct Delegate<'a> {
    pub(super) name: Text,
    pub(super) namespace: &'a str,
}

/// Conditions that hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct HttpMatch<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<StringMatch<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<StringMatch<'a>>,
}

/// A condition on a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StringMatch<'a> {
    Exact(&'a str),
    Prefix(AsText<WithSlash<'a>>),
}

/// A path with a slash behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WithSlash<'a>(&'a str);

impl Display for WithSlash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.0)
    }
}

impl<'a> HttpMatch<'a> {
    /// The conditions on path, method and port; nothing where there are none.
    pub(super) fn new(uri: UriMatch<'a>, method: Option<&'a str>, port: Option<u16>) -> Option<Self> {
        let uri = match uri {
            UriMatch::Any => None,
            UriMatch::Exact(path) => Some(StringMatch::Exact(path)),
            UriMatch::Below(path) => Some(StringMatch::Prefix(AsText(WithSlash(path)))),
        };
        let this = Self { method: method.map(StringMatch::Exact), port, uri };
        (this.method.is_some() || this.port.is_some() || this.uri.is_some()).then_some(this)
    }
}

/// `retries`, which is always written: where it is absent Istio repeats twice (istio 1.31,
/// pilot/pkg/networking/core/route/retry/retry.go). With `attempts: 0` the webhook refuses every other field.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Retries<'a> {
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff: Option<Duration>,
    #[serde(rename = "perTryTimeout", skip_serializing_if = "Option::is_none")]
    per_try_timeout: Option<Duration>,
    #[serde(rename = "retryOn", skip_serializing_if = "Option::is_none")]
    retry_on: Option<AsText<Conditions<'a>>>,
}

impl<'a> Retries<'a> {
    /// What is stated, or no repeats.
    fn stated(retry: Option<&'a Retry>) -> Self {
        Self::with(retry, Conditions::All, retry.and_then(|retry| retry.per_try))
    }

    /// The same for operations that may have been done: only what shows that the request was not taken up. Without a
    /// limit for a try, which would cut the work and repeat nothing.
    fn not_idempotent(retry: Option<&'a Retry>) -> Self {
        let safe = retry.filter(|retry| retry.on.iter().any(|on| Conditions::is_safe(on)));
        Self::with(safe, Conditions::Safe, None)
    }

    fn with(retry: Option<&'a Retry>, conditions: fn(&'a [Text]) -> Conditions<'a>, per_try: Option<Millis>) -> Self {
        match retry {
            Some(retry) => Self {
                attempts: retry.attempts,
                backoff: retry.backoff.map(|(pause, _)| AsText(pause)),
                per_try_timeout: per_try.map(AsText),
                retry_on: Some(AsText(conditions(&retry.on))),
            },
            None => Self { attempts: 0, backoff: None, per_try_timeout: None, retry_on: None },
        }
    }
}

/// Retry conditions, joined by commas without spaces, which Istio does not trim.
#[derive(Debug, Clone, Copy)]
pub(super) enum Conditions<'a> {
    All(&'a [Text]),
    /// Those that fire only where the server has not taken up the request.
    Safe(&'a [Text]),
}

impl Conditions<'_> {
    fn is_safe(condition: &str) -> bool {
        matches!(condition, "connect-failure" | "refused-stream")
    }
}

impl Display for Conditions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Conditions::All(list) | Conditions::Safe(list)) = self;
        let all = matches!(self, Conditions::All(_));
        let mut comma = "";
        for condition in list.iter().filter(|on| all || Self::is_safe(on)) {
            write!(f, "{comma}{condition}")?;
            comma = ",";
        }
        Ok(())
    }
}

/// Where the requests of a route go. Written without a weight where there is one destination only (KIA1104).
#[derive(Debug, Clone, Copy)]
pub(super) struct Destinations<'a> {
    host: &'a str,
    port: u16,
    subsets: &'a [Subset],
    weights: &'a [(usize, u32)],
}

/// Which of a release's weights are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weights {
    /// Those of the recorded state.
    Live,
    /// Those of a hold.
    Held,
}

impl<'a> Destinations<'a> {
    /// Requests for `host` on its port number `port`.
    pub(super) fn new(host: &'a str, port: u16, routing: Option<&'a Routing>, weights: Weights) -> Self {
        let (subsets, weights) = match routing {
            Some(routing) if weights == Weights::Held => (&routing.subsets[..], &routing.held[..]),
            Some(routing) => (&routing.subsets[..], &routing.weights[..]),
            None => (&[][..], &[][..]),
        };
        Self { host, port, subsets, weights }
    }
}

impl Serialize for Destinations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let to = |subset| Destination { host: self.host, port: PortNumber { number: self.port }, subset };
        if self.weights.is_empty() {
            return serializer.collect_seq([RouteDestination { destination: to(None), weight: None }]);
        }
        let several = self.weights.len() > 1;
        serializer.collect_seq(self.weights.iter().filter_map(|(subset, weight)| {
            let name = self.subsets.get(*subset)?.name.as_str();
            Some(RouteDestination { destination: to(Some(name)), weight: several.then_some(*weight) })
        }))
    }
}

#[derive(Debug, Serialize)]
struct RouteDestination<'a> {
    destination: Destination<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Destination<'a> {
    host: &'a str,
    port: PortNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    subset: Option<&'a str>,
}

/// `port: {number: N}`.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct PortNumber {
    pub(super) number: u16,
}

/// An entry of `tcp`.
#[derive(Debug, Serialize)]
pub(super) struct TcpRoute<'a> {
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub(super) matches: Option<[TcpMatch; 1]>,
    pub(super) route: Destinations<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct TcpMatch {
    pub(super) port: u16,
}

/// Which requests of a port the routes are for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'s, 'a> {
    /// Those in the mesh: all of them, told from other ports of the host by this number.
    Mesh(Option<u16>),
    /// Those that a gateway's routes for these paths delegate. Sorted, without repetition.
    Delegated(&'s [Paths<'a>]),
}

/// Adds the routes of one port: first those of its operations that are not idempotent, then the rest. `suffix` ends
/// the names where several ports of a host have routes.
pub(super) fn add_routes<'a>(
    out: &mut Vec<HttpRoute<'a>>,
    traffic: &'a Traffic,
    to: Destinations<'a>,
    scope: Scope<'_, 'a>,
    suffix: Option<u16>,
) {
    let name = |base: &'static str| match suffix {
        Some(port) => Cow::Owned(format!("{base}-{port}")),
        None => Cow::Borrowed(base),
    };
    let timeout = traffic.timeout.map(AsText);
    let mut add = |base, matches, retries| {
        out.push(HttpRoute {
            delegate: None,
            matches,
            name: name(base),
            retries: Some(retries),
            route: Some(to),
            timeout,
        });
    };
    let retry = traffic.retry.as_ref();
    let careful = Retries::not_idempotent(retry);
    let matches = not_idempotent_matches(&traffic.not_idempotent, scope);
    let groups = match scope {
        Scope::Delegated(paths) if must_stand_alone(&matches, paths) => {
            matches.into_iter().map(|one| vec![one]).collect()
        }
        _ if matches.is_empty() => Vec::new(),
        _ => vec![matches],
    };
    for matches in groups {
        add("not-idempotent", matches, careful);
    }
    let rest = match scope {
        Scope::Mesh(port) => HttpMatch::new(UriMatch::Any, None, port).into_iter().collect(),
        Scope::Delegated(_) => Vec::new(),
    };
    add("default", rest, Retries::stated(retry));
}

/// Whether each match of a delegate needs a route of its own. Istio joins a gateway's matches with those of a
/// delegate, and drops a delegate's route as a whole where one of its matches lies outside all of the gateway's
/// (istio 1.24 to 1.31, pilot/pkg/model/virtualservice.go, mergeHTTPMatchRequests): the operation would fall to the
/// route that repeats it. A match can lie outside where one delegate serves several paths, and where it is the `/p` of
/// `/p/**`, which the gateway may send elsewhere.
fn must_stand_alone(matches: &[HttpMatch<'_>], paths: &[Paths<'_>]) -> bool {
    let Some(path) = paths.first() else { return false };
    let top =
        |one: &HttpMatch<'_>| matches!((one.uri, path), (Some(StringMatch::Exact(a)), Paths::Below(b)) if a == *b);
    paths.len() > 1 || (matches.len() > 1 && matches.iter().any(top))
}

/// The conditions under which a request is one of these operations, most specific first and without repetition,
/// as `istioctl analyze` wants them (IST0131).
fn not_idempotent_matches<'a>(operations: &'a [NotIdempotent], scope: Scope<'_, 'a>) -> Vec<HttpMatch<'a>> {
    if operations.is_empty() {
        return Vec::new();
    }
    let (within, port): (&[Paths<'a>], _) = match scope {
        Scope::Mesh(port) => (&[Paths::All], port),
        Scope::Delegated(paths) => (paths, None),
    };
    let mut wanted: Vec<(Paths<'a>, Option<&'a str>)> = Vec::with_capacity(operations.len());
    for operation in operations {
        let (paths, method) = match operation {
            NotIdempotent::Rpc(path) => (Paths::Exact(path), None),
            NotIdempotent::Http(method, paths) => (Paths::from(paths), Some(method.as_str())),
        };
        wanted.extend(within.iter().filter_map(|within| Some((within.intersection(paths)?, method))));
    }
    wanted.sort_unstable_by_key(|(paths, method)| (paths.specificity(), *method));
    wanted.dedup();
    let mut matches: Vec<HttpMatch<'a>> = Vec::with_capacity(wanted.len());
    let mut known: HashSet<(UriMatch<'a>, Option<&'a str>)> = HashSet::with_capacity(wanted.len());
    for (paths, method) in wanted {
        let new = paths.conditions().filter(|uri| known.insert((*uri, method)));
        matches.extend(new.filter_map(|uri| HttpMatch::new(uri, method, port)));
    }
    matches
}
