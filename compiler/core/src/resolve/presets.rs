//! Presets: each is built on its parents once, and a service on its presets.

use std::collections::BTreeMap;

use super::layers::{Draft, Origin};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::declaration::{Declarations, PresetDecl};
use crate::lower::setting::{CallerKey, Field, Key, Layer};
use crate::source::{Spanned, Text};
use crate::{stdlib, suggest};

/// Every preset, built on its parents.
#[derive(Debug, Default)]
pub struct Presets<'a> {
    built: BTreeMap<&'a str, Draft<'a>>,
    names_missing: bool,
}

impl<'a> Presets<'a> {
    /// Builds all presets. Cycles and unknown parents are reported, and a preset named twice.
    pub fn build(declarations: &'a Declarations, out: &mut Diagnostics) -> Self {
        let mut by_name: BTreeMap<&str, &PresetDecl> = BTreeMap::new();
        for preset in &declarations.presets {
            match by_name.get(preset.name.value.as_str()) {
                Some(first) => out.add(
                    Diagnostic::new(
                        Code::DuplicateDeclaration,
                        preset.name.span,
                        format!("the preset `{}` is declared twice", preset.name.value),
                    )
                    .related(first.name.span, "first declared here"),
                ),
                None => {
                    by_name.insert(&preset.name.value, preset);
                }
            }
        }
        let mut presets = Presets { built: BTreeMap::new(), names_missing: declarations.names_missing };
        let names: Vec<&str> = by_name.keys().copied().collect();
        for name in names {
            presets.build_one(name, &by_name, &mut Vec::new(), out);
        }
        presets
    }

    fn build_one(
        &mut self,
        name: &'a str,
        by_name: &BTreeMap<&'a str, &'a PresetDecl>,
        path: &mut Vec<&'a str>,
        out: &mut Diagnostics,
    ) {
        let Some(preset) = by_name.get(name).filter(|_| !self.built.contains_key(name)) else { return };
        path.push(name);
        for parent in &preset.parents {
            if path.contains(&parent.value.as_str()) {
                let cycle = format!("{} -> {}", path.join(" -> "), parent.value);
                out.add(
                    Diagnostic::new(Code::PresetCycle, parent.span, format!("`{}` is built on itself", parent.value))
                        .note(format!("the cycle is {cycle}"))
                        .help("take one `is` away"),
                );
            } else if let Some((known, _)) = by_name.get_key_value(parent.value.as_str()) {
                self.build_one(known, by_name, path, out);
            }
        }
        path.pop();
        // Unqualified callers stay so: each service that is this preset has its own namespace.
        let parents: Vec<&Spanned<Text>> =
            preset.parents.iter().filter(|p| by_name.contains_key(p.value.as_str()) || self.check(p, out)).collect();
        let mut draft = self.combine(parents, &preset.layer, None, out);
        draft.lay(&preset.layer, Origin::Preset(&preset.name.value), &Text::default(), out);
        self.built.insert(name, unqualified(draft));
    }

    /// Whether a preset exists; reports it where not.
    fn check(&self, name: &Spanned<Text>, out: &mut Diagnostics) -> bool {
        if self.built.contains_key(name.value.as_str()) {
            return true;
        }
        if self.names_missing {
            return false;
        }
        let names = self.built.keys().copied();
        let mut diagnostic =
            Diagnostic::new(Code::UnknownPreset, name.span, format!("no preset is named `{}`", name.value));
        let page = stdlib::PAGES.iter().find(|(_, text)| {
            text.lines()
                .any(|line| line.strip_prefix("preset ").and_then(|rest| rest.split(' ').next()) == Some(&name.value))
        });
        diagnostic = match (page, suggest::nearest(&name.value, names.clone())) {
            (Some((page, _)), _) => diagnostic.help(format!("it is in the standard library: write `use std/{page}`")),
            (None, Some(near)) => diagnostic.suggest(format!("did you mean `{near}`?"), name.span, near),
            (None, None) => {
                diagnostic.help("declare it with `preset`, or take it from the standard library with `use`")
            }
        };
        out.add(diagnostic);
        false
    }

    /// The presets that a service or an environment's block names, merged; two that set one field are in conflict
    /// unless `decides` states it. `namespace` is where unqualified callers live.
    pub fn of(
        &self,
        names: &'a [Spanned<Text>],
        decides: &Layer,
        namespace: &Text,
        out: &mut Diagnostics,
    ) -> Draft<'a> {
        let known = names.iter().filter(|name| self.check(name, out)).collect();
        self.combine(known, decides, Some(namespace), out)
    }

    fn combine(
        &self,
        names: Vec<&'a Spanned<Text>>,
        decides: &Layer,
        namespace: Option<&Text>,
        out: &mut Diagnostics,
    ) -> Draft<'a> {
        let mut draft = Draft::default();
        let mut stated_by: Vec<&Spanned<Text>> = Vec::new();
        for name in names {
            let Some(preset) = self.built.get(name.value.as_str()) else { continue };
            for entry in &preset.entries {
                let mut entry = entry.clone();
                if let (Some(namespace), Field::Allow(CallerKey::Named(of @ None, _), _)) =
                    (namespace, &mut entry.key.field)
                {
                    *of = Some(namespace.clone());
                }
                let other = draft.entries.iter().position(|known| same_field(&known.key, &entry.key));
                match other.and_then(|at| Some((draft.entries.get(at)?, stated_by.get(at)?))) {
                    // The same line reached twice, through a common parent, is no conflict.
                    Some((known, _)) if known.span == entry.span => {}
                    Some((_, first)) if first.value == name.value => {
                        draft.entries.push(entry);
                        stated_by.push(name);
                    }
                    Some((known, first)) => {
                        if !decides.changes.iter().any(|change| decided_by(&change.key, &entry.key)) {
                            let words = entry.key.field.words();
                            out.add(
                                Diagnostic::new(
                                    Code::PresetConflict,
                                    name.span,
                                    format!("`{}` and `{}` both set `{words}`", first.value, name.value),
                                )
                                .related(known.span, format!("`{}` sets it here", first.value))
                                .related(entry.span, format!("`{}` sets it here", name.value))
                                .help(format!("state `{words}` here, or use only one of the presets")),
                            );
                        }
                    }
                    None => {
                        draft.entries.push(entry);
                        stated_by.push(name);
                    }
                }
            }
        }
        draft
    }

    /// Names of all presets, for completion.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.built.keys().copied()
    }
}

/// Callers of a preset have the empty namespace only while it is built.
fn unqualified(mut draft: Draft<'_>) -> Draft<'_> {
    for entry in &mut draft.entries {
        if let Field::Allow(CallerKey::Named(namespace, _), _) = &mut entry.key.field
            && namespace.as_ref().is_some_and(|namespace| namespace.is_empty())
        {
            *namespace = None;
        }
    }
    draft
}

/// Whether two presets that state these are in conflict.
fn same_field(a: &Key, b: &Key) -> bool {
    a.port == b.port
        && match (&a.field, &b.field) {
            (Field::Allow(a, _), Field::Allow(b, _)) => a == b,
            (a, b) => a == b,
        }
}

/// Whether a change of the service settles what presets state.
fn decided_by(change: &Key, preset: &Key) -> bool {
    change.port == preset.port
        && (change.field.covers(&preset.field)
            || match (&change.field, &preset.field) {
                (Field::Allow(CallerKey::Named(_, a), _), Field::Allow(CallerKey::Named(_, b), _)) => a == b,
                (Field::AllowNone, Field::Allow(..)) => true,
                _ => false,
            })
}
