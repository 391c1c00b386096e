//! JSON patches against rendered resources, in the shape of kustomize's `patches:`, so that a team's existing patches
//! move over unchanged. An environment's patches are read once ([`read`]), then applied to its resources as they are
//! rendered, from several threads; at the end those that found nothing are reported ([`Patches::report`]).

mod apply;
mod located;
mod operation;
mod origin;
mod read;
mod replace;
mod report;
mod selector;
mod strategic;
mod target;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::HashMap;
use serde_json::Value;

use crate::bundle::Head;
use crate::code::Code;
use crate::source::{Span, Text};
use operation::Operation;
use target::{Field, Pattern, Target};

pub(crate) use apply::Refusal;
pub use read::{read, referenced_files};
pub use report::Failure;

/// The patches of one environment, in the order in which they are stated and applied.
#[derive(Debug, Default)]
pub struct Patches {
    list: Vec<Patch>,
    /// Patches by what they name literally: kind, name and namespace, in [`KEYED`]'s order, each a bit of the first
    /// index. So a resource meets the few patches that name it, and those that name nothing, and not all of them.
    index: [HashMap<[Text; 3], Vec<usize>>; 8],
}

/// The fields that the index knows.
const KEYED: [Field; 3] = [Field::Kind, Field::Name, Field::Namespace];

/// One entry of `patches:`.
#[derive(Debug)]
struct Patch {
    target: Target,
    /// The line of `target`.
    span: Span,
    operations: Vec<Operation>,
    /// The statement that names the file.
    stated_at: Span,
    /// Whether it has found a resource.
    matched: AtomicBool,
}

impl Patch {
    fn new(target: Target, span: Span, operations: Vec<Operation>, stated_at: Span) -> Self {
        Self { target, span, operations, stated_at, matched: AtomicBool::new(false) }
    }
}

/// The patches whose target has a resource, by its head; selectors are looked at when they are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matches(Vec<usize>);

impl Matches {
    /// Whether no patch can touch the resource, so that it may be written as it is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Patches {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    fn push(&mut self, patch: Patch) {
        let literal = |field| patch.target.field(field).and_then(Pattern::literal);
        let key = KEYED.map(|field| literal(field).map(Text::from));
        let bits = (0..).zip(&key).filter(|(_, text)| text.is_some()).map(|(bit, _)| 1_usize << bit).sum::<usize>();
        if let Some(map) = self.index.get_mut(bits) {
            map.entry(key.map(Option::unwrap_or_default)).or_default().push(self.list.len());
        }
        self.list.push(patch);
    }

    /// The patches whose target has a resource, as far as its head tells.
    pub fn matches(&self, head: &Head) -> Matches {
        let mut found: Vec<usize> = Vec::new();
        for (bits, map) in self.index.iter().enumerate().filter(|(_, map)| !map.is_empty()) {
            let mut bit = 0;
            let key = KEYED.map(|field| {
                let named = bits >> bit & 1 == 1;
                bit += 1;
                if named { Text::from(field.of(head)) } else { Text::default() }
            });
            found.extend(map.get(&key).into_iter().flatten());
        }
        found.retain(|index| self.list.get(*index).is_some_and(|patch| patch.target.matches_head(head)));
        found.sort_unstable();
        Matches(found)
    }

    /// Applies `matches`, which [`Patches::matches`] gave for `head`, to the resource: each patch wholly or not at
    /// all, in order, up to the first that fails. `guard` may refuse what a patch has made of the resource.
    pub(crate) fn apply(
        &self,
        matches: &Matches,
        head: &Head,
        object: &mut Value,
        guard: &dyn Fn(&Value) -> Option<Refusal>,
    ) -> Result<(), Box<Failure>> {
        let mut result = Ok(());
        for index in &matches.0 {
            let Some(patch) = self.list.get(*index) else { continue };
            if !patch.target.matches_object(object) {
                continue;
            }
            patch.matched.store(true, Ordering::Relaxed);
            if result.is_err() {
                // Later patches are not applied to a resource that lacks an earlier one, but they found it.
                continue;
            }
            let guard = |object: &Value| identity(head, object).or_else(|| guard(object));
            result = apply::apply(&patch.operations, object, &guard)
                .map_err(|refused| Box::new(Failure::new(*index, refused.0, refused.1, head)));
        }
        drop_empty(object);
        result
    }
}

/// Empty labels and annotations are left out, as the API server stores them (`omitempty` of ObjectMeta) and kustomize
/// writes them.
fn drop_empty(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in ["annotations", "labels"] {
            if metadata.get(key).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
                metadata.remove(key);
            }
        }
    }
}

/// What a patch may not change, as routes, locks and rollbacks name the resource by it.
fn identity(head: &Head, object: &Value) -> Option<Refusal> {
    let metadata = object.get("metadata");
    let of_metadata = |key: &str| metadata.and_then(|metadata| metadata.get(key));
    let fields = [
        ("/apiVersion", object.get("apiVersion"), &head.api_version),
        ("/kind", object.get("kind"), &head.kind),
        ("/metadata/name", of_metadata("name"), &head.name),
        ("/metadata/namespace", of_metadata("namespace"), &head.namespace),
    ];
    let changed = fields.into_iter().find(|(_, value, expected)| match value {
        Some(value) => value.as_str() != Some(expected.as_str()),
        None => !expected.is_empty(),
    });
    changed.map(|(path, _, expected)| {
        let why = format!("it changes `{path}`, which is `{expected}`: a patch cannot move or rename a resource");
        Refusal::new(Code::OwnedResource, why)
    })
}
