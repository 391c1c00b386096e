//! Layers: presets, then the service, then the environment. A higher layer replaces what it states again, by key,
//! and removes what it says `no` to. What a removal does not find, and what one layer states twice, are errors.

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::lookup::Lookup;
use crate::lower::setting::{CallerKey, Change, Field, Key, Layer, Setting};
use crate::source::{Span, Text};
use crate::suggest::Candidates;

/// Who states a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A preset.
    Preset(&'a Text),
    /// The service itself.
    Service,
    /// An environment, by a preset that its block names or by its own line.
    Environment(&'a Text),
}

/// One setting in effect.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// What it is about; callers carry their namespace.
    pub key: Key,
    /// The value.
    pub value: &'a Setting,
    /// The line.
    pub span: Span,
    /// Who states it.
    pub origin: Origin<'a>,
}

/// The settings of one service, merged.
#[derive(Debug, Clone, Default)]
pub struct Draft<'a> {
    /// In the order in which they were stated first.
    pub entries: Vec<Entry<'a>>,
    /// Callers that some layer removed on purpose, with the line.
    pub removed_callers: Vec<(CallerKey, Span)>,
}

impl<'a> Draft<'a> {
    /// Lays a layer over this draft. `namespace` is where unqualified callers live.
    pub fn lay(&mut self, layer: &'a Layer, origin: Origin<'a>, namespace: &Text, out: &mut Diagnostics) {
        let mut overlay = Overlay::new(self);
        overlay.lay(layer, origin, namespace, out);
        overlay.finish();
    }

    /// The entry about a field of the service itself.
    pub fn find(&self, field: &Field) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.key.port.is_none() && entry.key.field == *field)
    }
}

/// Several layers that are laid over one draft: what is looked up in it is prepared once for all of them.
pub(crate) struct Overlay<'d, 'a> {
    draft: &'d mut Draft<'a>,
    lookup: Lookup,
    /// Entries that are replaced or removed.
    gone: Vec<bool>,
    /// What a removal that finds nothing may have meant: made for the first of them.
    removable: Option<Candidates>,
}

impl<'d, 'a> Overlay<'d, 'a> {
    /// Nothing laid over a draft yet.
    pub(crate) fn new(draft: &'d mut Draft<'a>) -> Self {
        let lookup = Lookup::new(draft.entries.iter().map(|entry| &entry.key));
        let gone = vec![false; draft.entries.len()];
        Self { draft, lookup, gone, removable: None }
    }

    /// See [`Draft::lay`].
    pub(crate) fn lay(&mut self, layer: &'a Layer, origin: Origin<'a>, namespace: &Text, out: &mut Diagnostics) {
        let below = self.draft.entries.len();
        for change in &layer.changes {
            let key = qualified(&change.key, namespace);
            match &change.value {
                None => {
                    let found = self.drop_entries(&key, below, removes);
                    if let Field::Allow(caller, None) = &key.field {
                        self.draft.removed_callers.push((caller.clone(), change.span));
                    }
                    if !found {
                        out.add(self.removes_nothing(&key, change));
                    }
                }
                Some(value) => {
                    self.drop_entries(&key, below, replaces);
                    self.push(Entry { key, value, span: change.span, origin });
                }
            }
        }
    }

    /// States one entry in place of what is stated about the very same.
    pub(crate) fn state(&mut self, entry: Entry<'a>) {
        self.drop_entries(&entry.key, self.draft.entries.len(), |new, old| new == old);
        self.push(entry);
    }

    /// The draft is what all layers leave of it.
    pub(crate) fn finish(self) {
        if self.gone.contains(&true) {
            let mut gone = self.gone.into_iter();
            self.draft.entries.retain(|_| !gone.next().unwrap_or(false));
        }
    }

    fn push(&mut self, entry: Entry<'a>) {
        self.lookup.push(&entry.key, self.draft.entries.iter().map(|entry| &entry.key));
        self.draft.entries.push(entry);
        self.gone.push(false);
    }

    /// Drops those of the first `below` entries that `key` is about by a rule. Whether there was one.
    fn drop_entries(&mut self, key: &Key, below: usize, rule: fn(&Key, &Key) -> bool) -> bool {
        let mut found = false;
        for index in self.lookup.of(key).filter(|index| *index < below) {
            if let (Some(entry), Some(gone @ false)) = (self.draft.entries.get(index), self.gone.get_mut(index))
                && rule(key, &entry.key)
            {
                *gone = true;
                found = true;
            }
        }
        found
    }

    fn removes_nothing(&mut self, key: &Key, change: &Change) -> Diagnostic {
        let words = key.field.words();
        let diagnostic = Diagnostic::new(Code::RemovesNothing, change.span, format!("`no {words}` removes nothing"))
            .label("no lower layer states it here");
        let entries = &self.draft.entries;
        let removable = self.removable.get_or_insert_with(|| {
            let words: Vec<String> = entries.iter().map(|entry| entry.key.field.words()).collect();
            Candidates::new(words.iter().map(String::as_str))
        });
        match removable.nearest(&words) {
            Some(near) if near != words => diagnostic.help(format!("did you mean `no {near}`?")),
            _ => diagnostic.suggest("remove the line", change.span, ""),
        }
    }
}

/// The key with the namespace of its caller.
fn qualified(key: &Key, namespace: &Text) -> Key {
    match &key.field {
        Field::Allow(CallerKey::Named(None, name), port) => {
            Key { port: key.port, field: Field::Allow(CallerKey::Named(Some(namespace.clone()), name.clone()), *port) }
        }
        _ => key.clone(),
    }
}

/// Whether stating `new` on a higher layer replaces `old`.
fn replaces(new: &Key, old: &Key) -> bool {
    new.port == old.port
        && match (&new.field, &old.field) {
            (Field::Allow(a, _), Field::Allow(b, _)) => a == b,
            (Field::AllowNone, Field::Allow(..)) | (Field::Allow(..), Field::AllowNone) => true,
            (a, b) => a == b,
        }
}

/// Whether `no new` takes away `old`. Without a port, what its block states goes too.
fn removes(new: &Key, old: &Key) -> bool {
    let of_port = match (&new.field, old.port) {
        (Field::Port(port), Some(block)) => *port == block,
        _ => false,
    };
    of_port || new.port == old.port && new.field.covers(&old.field)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::presets::{decided_by, same_field};
    use super::*;

    /// Whether any rule of this stage, or the one against stating twice, may say so of these.
    pub(crate) fn are_about_one_thing(a: &Key, b: &Key) -> bool {
        let covers = a.port == b.port && (a.field.covers(&b.field) || b.field.covers(&a.field));
        covers || replaces(a, b) || removes(a, b) || same_field(a, b) || decided_by(b, a)
    }
}
