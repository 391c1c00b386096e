//! Presets: each is built on its parents once, and a service on its presets.

use std::collections::BTreeMap;

use super::layers::{Draft, Origin};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::declaration::{Declarations, PresetDecl};
use crate::lower::lookup::Lookup;
use crate::lower::setting::{CallerKey, Field, Key, Layer};
use crate::source::{Spanned, Text};
use crate::stdlib;
use crate::suggest::Candidates;

/// Every preset, built on its parents.
#[derive(Debug, Default)]
pub struct Presets<'a> {
    built: BTreeMap<&'a str, Built<'a>>,
    /// The names of all presets.
    known: Candidates,
    names_missing: bool,
}

/// Presets within presets. Real ones have three; the limit keeps building them from running out of stack, and from
/// carrying the settings of all through each of thousands.
const DEEPEST: usize = 64;

/// A preset on its parents.
#[derive(Debug)]
struct Built<'a> {
    draft: Draft<'a>,
    /// Presets in a row, this one included; nothing where there were too many, which was reported.
    depth: Option<usize>,
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
        let names: Vec<&str> = by_name.keys().copied().collect();
        let known = Candidates::new(names.iter().copied());
        let mut presets = Presets { built: BTreeMap::new(), known, names_missing: declarations.names_missing };
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
        let mut depth = Some(1);
        for parent in &preset.parents {
            if path.contains(&parent.value.as_str()) {
                let cycle = format!("{} -> {}", path.join(" -> "), parent.value);
                out.add(
                    Diagnostic::new(Code::PresetCycle, parent.span, format!("`{}` is built on itself", parent.value))
                        .note(format!("the cycle is {cycle}"))
                        .help("take one `is` away"),
                );
            } else if let Some((known, _)) = by_name.get_key_value(parent.value.as_str()) {
                if path.len() <= DEEPEST {
                    self.build_one(known, by_name, path, out);
                }
                let below = self.built.get(known).map_or(Some(DEEPEST + 1), |built| built.depth);
                depth = depth.zip(below).map(|(depth, below)| depth.max(below + 1));
                if depth.is_some_and(|depth| depth > DEEPEST + 1) {
                    let message = format!("`{name}` is built on more than {DEEPEST} presets in a row");
                    let diagnostic = Diagnostic::new(Code::TooMany, parent.span, message);
                    out.add(diagnostic.help("take some presets on the way together, or take one `is` away"));
                    depth = None;
                }
            }
        }
        path.pop();
        // Unqualified callers stay so: each service that is this preset has its own namespace.
        let known = |parent: &Spanned<Text>| by_name.contains_key(parent.value.as_str());
        let exist = preset.parents.iter().filter(|parent| known(parent) || self.check(parent, out));
        let parents: Vec<&Spanned<Text>> = exist.filter(|_| depth.is_some()).collect();
        let mut draft = self.combine(parents, &preset.layer, None, out);
        draft.lay(&preset.layer, Origin::Preset(&preset.name.value), &Text::default(), out);
        self.built.insert(name, Built { draft: unqualified(draft), depth });
    }

    /// Whether a preset exists; reports it where not.
    fn check(&self, name: &Spanned<Text>, out: &mut Diagnostics) -> bool {
        if self.built.contains_key(name.value.as_str()) {
            return true;
        }
        if self.names_missing {
            return false;
        }
        let mut diagnostic =
            Diagnostic::new(Code::UnknownPreset, name.span, format!("no preset is named `{}`", name.value));
        let page = stdlib::PAGES.iter().find(|(_, text)| {
            text.lines()
                .any(|line| line.strip_prefix("preset ").and_then(|rest| rest.split(' ').next()) == Some(&name.value))
        });
        diagnostic = match (page, self.known.nearest(&name.value)) {
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
        let mut lookup = Lookup::default();
        for name in names {
            let Some(preset) = self.built.get(name.value.as_str()) else { continue };
            for entry in &preset.draft.entries {
                let mut entry = entry.clone();
                if let (Some(namespace), Field::Allow(CallerKey::Named(of @ None, _), _)) =
                    (namespace, &mut entry.key.field)
                {
                    *of = Some(namespace.clone());
                }
                let same =
                    |index: &usize| draft.entries.get(*index).is_some_and(|known| same_field(&known.key, &entry.key));
                let other = lookup.of(&entry.key).filter(same).min();
                match other.and_then(|at| Some((draft.entries.get(at)?, stated_by.get(at)?))) {
                    // The same line reached twice, through a common parent, is no conflict.
                    Some((known, _)) if known.span == entry.span => {}
                    Some((_, first)) if first.value == name.value => {
                        lookup.push(&entry.key, draft.entries.iter().map(|known| &known.key));
                        draft.entries.push(entry);
                        stated_by.push(name);
                    }
                    Some((known, first)) => {
                        if decides.first_about(&entry.key, |change| decided_by(&change.key, &entry.key)).is_none() {
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
                        lookup.push(&entry.key, draft.entries.iter().map(|known| &known.key));
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
pub(super) fn same_field(a: &Key, b: &Key) -> bool {
    a.port == b.port
        && match (&a.field, &b.field) {
            (Field::Allow(a, _), Field::Allow(b, _)) => a == b,
            (a, b) => a == b,
        }
}

/// Whether a change of the service settles what presets state.
pub(super) fn decided_by(change: &Key, preset: &Key) -> bool {
    change.port == preset.port
        && (change.field.covers(&preset.field)
            || match (&change.field, &preset.field) {
                (Field::Allow(CallerKey::Named(_, a), _), Field::Allow(CallerKey::Named(_, b), _)) => a == b,
                (Field::AllowNone, Field::Allow(..)) => true,
                _ => false,
            })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    /// What is found in a row of presets, each built on the one before or behind it.
    fn row(length: usize, backwards: bool) -> Vec<Code> {
        let preset = |at: usize| match (at, backwards) {
            (0, false) => "preset p000 { timeout 1s }\n".to_owned(),
            (at, false) => format!("preset p{at:03} is p{:03} {{ retry 1 }}\n", at - 1),
            (at, true) if at + 1 == length => format!("preset p{at:03} {{ timeout 1s }}\n"),
            (at, true) => format!("preset p{at:03} is p{:03} {{ retry 1 }}\n", at + 1),
        };
        let text: String = (0..length).map(preset).collect();
        let mut out = Diagnostics::default();
        let declarations = crate::lower::lower(&crate::syntax::parse(FileId(0), &text).0, &mut out);
        Presets::build(&declarations, &mut out);
        out.iter().map(|found| found.code).collect()
    }

    #[test]
    fn rows_of_presets_have_an_end() {
        for backwards in [false, true] {
            assert_eq!(row(DEEPEST + 1, backwards), [], "{backwards}");
            assert_eq!(row(DEEPEST + 2, backwards), [Code::TooMany], "{backwards}");
            assert!(row(3_000, backwards).len() < 60, "{backwards}");
        }
    }
}
