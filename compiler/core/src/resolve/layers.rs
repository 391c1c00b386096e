//! Layers: presets, then the service, then the environment. A higher layer replaces what it states again, by key,
//! and removes what it says `no` to. What a removal does not find, and what one layer states twice, are errors.

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::setting::{CallerKey, Change, Field, Key, Layer, Setting};
use crate::source::{Span, Text};
use crate::suggest;

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
        let below = self.entries.len();
        let mut gone = vec![false; below];
        for change in &layer.changes {
            let key = qualified(&change.key, namespace);
            match &change.value {
                None => self.remove(&key, change, &mut gone, out),
                Some(value) => {
                    for (entry, gone) in self.entries.iter().zip(&mut gone) {
                        *gone |= replaces(&key, &entry.key);
                    }
                    self.entries.push(Entry { key, value, span: change.span, origin });
                }
            }
        }
        if gone.contains(&true) {
            let mut index = 0;
            self.entries.retain(|_| {
                index += 1;
                !gone.get(index - 1).copied().unwrap_or(false)
            });
        }
    }

    fn remove(&mut self, key: &Key, change: &Change, gone: &mut [bool], out: &mut Diagnostics) {
        let mut found = false;
        for (entry, gone) in self.entries.iter().zip(gone.iter_mut()) {
            if removes(key, &entry.key) && !*gone {
                *gone = true;
                found = true;
            }
        }
        if let Field::Allow(caller, None) = &key.field {
            self.removed_callers.push((caller.clone(), change.span));
        }
        if !found {
            let words = key.field.words();
            let mut diagnostic =
                Diagnostic::new(Code::RemovesNothing, change.span, format!("`no {words}` removes nothing"))
                    .label("no lower layer states it here");
            let stated: Vec<String> = self.entries.iter().map(|entry| entry.key.field.words()).collect();
            diagnostic = match suggest::nearest(&words, stated.iter().map(String::as_str)) {
                Some(near) if near != words => diagnostic.help(format!("did you mean `no {near}`?")),
                _ => diagnostic.suggest("remove the line", change.span, ""),
            };
            out.add(diagnostic);
        }
    }

    /// The entry about a field of the service itself.
    pub fn find(&self, field: &Field) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.key.port.is_none() && entry.key.field == *field)
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
