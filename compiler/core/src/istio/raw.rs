//! Raw resources: what the language does not know passes through as it is.

use super::names::{self, file_safe, kebab};
use crate::bundle::{FilePath, Head, Sink};
use crate::model::RawResource;
use crate::source::Text;

/// Hands a raw resource to the sink. `service` is empty for one of the namespace.
pub(super) fn put(raw: &RawResource, namespace: &Text, service: &Text, sink: &mut impl Sink) {
    let text = |pointer| Text::new(raw.value.pointer(pointer).and_then(|value| value.as_str()).unwrap_or(""));
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    let file = smol_str::format_smolstr!("{}.{}.yaml", kebab(&kind), file_safe(&name));
    let path = FilePath { service: service.clone(), ..names::namespace_file(namespace, file) };
    let head = Head {
        api_version: text("/apiVersion"),
        namespace: text("/metadata/namespace"),
        kind,
        name,
        path,
        span: raw.span,
    };
    sink.put(head, &raw.value, None);
}
