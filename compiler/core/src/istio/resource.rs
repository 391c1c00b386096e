//! What every resource is made of: kind, metadata and the few ways in which values are spelt. Fields are declared in
//! the byte order of their serialised names, which is the order that kustomize writes, so that nothing has to be
//! sorted on the way out. Names are borrowed from the mesh; what has to be joined is written straight into the
//! serialiser.

use std::fmt::{self, Display};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::bundle::{FilePath, Head, Sink};
use crate::model::traffic::Millis;
use crate::source::{Span, Text};

/// A kind that is written, with the version that every target from 1.24 to 1.31 serves and the newest stores
/// (istio 1.24 and 1.31, manifests/charts/base/files/crd-all.gen.yaml).
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    /// The file's name without `.yaml`.
    pub(super) stem: &'static str,
}

pub(super) const NAMESPACE: Kind = Kind { api_version: "v1", kind: "Namespace", stem: "namespace" };
pub(super) const VIRTUAL_SERVICE: Kind =
    Kind { api_version: "networking.istio.io/v1", kind: "VirtualService", stem: "virtual-service" };
pub(super) const DESTINATION_RULE: Kind =
    Kind { api_version: "networking.istio.io/v1", kind: "DestinationRule", stem: "destination-rule" };
pub(super) const GATEWAY: Kind = Kind { api_version: "networking.istio.io/v1", kind: "Gateway", stem: "gateway" };
pub(super) const ENVOY_FILTER: Kind =
    Kind { api_version: "networking.istio.io/v1alpha3", kind: "EnvoyFilter", stem: "envoy-filter" };
pub(super) const AUTHORIZATION_POLICY: Kind =
    Kind { api_version: "security.istio.io/v1", kind: "AuthorizationPolicy", stem: "authorization-policy" };
pub(super) const PEER_AUTHENTICATION: Kind =
    Kind { api_version: "security.istio.io/v1", kind: "PeerAuthentication", stem: "peer-authentication" };

impl Kind {
    /// `KIND.yaml`.
    pub(super) fn file(self) -> Text {
        smol_str::format_smolstr!("{}.yaml", self.stem)
    }

    /// `KIND.NAME.yaml`.
    pub(super) fn file_of(self, name: &str) -> Text {
        smol_str::format_smolstr!("{}.{name}.yaml", self.stem)
    }
}

/// Where a resource goes, in the cluster and in the folder.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `metadata.namespace`; empty for a resource without one.
    pub(super) namespace: Text,
    /// `metadata.name`.
    pub(super) name: Text,
    /// The file.
    pub(super) path: FilePath,
    /// The declaration that causes it.
    pub(super) span: Span,
}

/// A whole object.
#[derive(Debug, serde::Serialize)]
pub(super) struct Object<'a, S> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<S>,
}

/// `metadata`. Nothing in it changes from one rendering to the next.
#[derive(Debug, Clone, Copy, serde::Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    annotations: Pairs<'a>,
    labels: Pairs<'a>,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
}

/// The label on everything that is written here; raw resources pass as they are.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "meshc");

/// What differs in `metadata` from one kind to another.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks<'a> {
    /// Annotations, sorted by key.
    pub(super) annotations: &'a [(&'a str, &'a str)],
    /// One more label, whose key sorts behind `app.kubernetes.io/managed-by`.
    pub(super) label: Option<(&'a str, &'a str)>,
}

/// Hands an object to the sink. `held` is the `spec` under a hold, where weights of a release are in it.
pub(super) fn put<S: Serialize>(
    sink: &mut impl Sink,
    kind: Kind,
    place: Place,
    marks: Marks<'_>,
    spec: Option<S>,
    held: Option<S>,
) {
    let Place { namespace, name, path, span } = place;
    let labels = match marks.label {
        Some(label) => &[MANAGED_BY, label][..],
        None => &[MANAGED_BY][..],
    };
    let head = Head {
        api_version: Text::new_static(kind.api_version),
        kind: Text::new_static(kind.kind),
        namespace: namespace.clone(),
        name: name.clone(),
        path,
        span,
    };
    let metadata = Metadata {
        annotations: Pairs::Borrowed(marks.annotations),
        labels: Pairs::Borrowed(labels),
        name: &name,
        namespace: &namespace,
    };
    let object = |spec| Object { api_version: kind.api_version, kind: kind.kind, metadata, spec };
    let held = held.map(|spec| object(Some(spec)));
    sink.put(head, &object(spec), held.as_ref());
}

/// A map of texts, already sorted by key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pairs<'a> {
    /// Of this crate's own words.
    Borrowed(&'a [(&'a str, &'a str)]),
    /// Of the mesh.
    Owned(&'a [(Text, Text)]),
}

impl Pairs<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Pairs::Borrowed(pairs) => pairs.is_empty(),
            Pairs::Owned(pairs) => pairs.is_empty(),
        }
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Pairs::Borrowed(pairs) => serializer.collect_map(pairs.iter().map(|(key, value)| (key, value))),
            Pairs::Owned(pairs) => serializer.collect_map(pairs.iter().map(|(key, value)| (key, value))),
        }
    }
}

/// `selector: {matchLabels: …}` of the security kinds.
#[derive(Debug, serde::Serialize)]
pub(super) struct WorkloadSelector<'a> {
    #[serde(rename = "matchLabels")]
    pub(super) match_labels: Pairs<'a>,
}

/// A value that is written as its `Display` text: durations, numbers that must be strings, joined names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AsText<T>(pub(super) T);

impl<T: Display> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A duration as Istio stores it.
pub(super) type Duration = AsText<Millis>;

/// An object with one key, which is not known when the types are written.
#[derive(Debug)]
pub(super) struct Single<K, V>(pub(super) K, pub(super) V);

impl<K: Serialize, V: Serialize> Serialize for Single<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&self.0, &self.1)?;
        map.end()
    }
}

/// Two texts with a slash between them: `namespace/name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slashed<'a>(pub(super) &'a str, pub(super) &'a str);

impl Display for Slashed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}
