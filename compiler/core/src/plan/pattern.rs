//! Sets of texts that policies tell apart. Policies name texts exactly or with one star (`/cart/*`, `*/cart`, `*`), and
//! what they say of a text depends on nothing but which of these match. So a handful of texts stands for all of them:
//! each that is named, and one for every prefix with every suffix.

use std::collections::BTreeSet;

use crate::source::Text;

/// What stands for the star in a text that represents a class: no policy can name it, so that it is like every text
/// that none names.
const ANYTHING: &str = "\u{1}";

/// Texts that match a pattern, without those that match an exception.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Matching {
    /// A text, or one with a star for any characters.
    pub pattern: Text,
    /// Patterns within it that are not meant. Sorted.
    pub except: Vec<Text>,
}

impl Matching {
    /// Whether a text is meant.
    pub fn contains(&self, text: &str) -> bool {
        matches(&self.pattern, text) && !self.except.iter().any(|pattern| matches(pattern, text))
    }

    /// Whether every text is meant.
    pub fn is_everything(&self) -> bool {
        self.pattern == "*" && self.except.is_empty()
    }
}

/// Whether a pattern matches a text, as Istio does: exact, `prefix*`, `*suffix`, `*`; and `prefix*suffix`, which only
/// stands for what a prefix and a suffix have in common.
pub fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((prefix, suffix)) => text.starts_with(prefix) && text.ends_with(suffix),
    }
}

/// Whether all texts of the class `inner` are of the class `outer`.
pub(super) fn within(inner: &str, outer: &str) -> bool {
    match (inner.split_once('*'), outer.split_once('*')) {
        (None, _) => matches(outer, inner),
        (Some(_), None) => false,
        (Some((prefix, suffix)), Some((outer_prefix, outer_suffix))) => {
            prefix.starts_with(outer_prefix) && suffix.ends_with(outer_suffix)
        }
    }
}

/// A text of the class, which the narrower classes do not have.
pub(super) fn representative(class: &str) -> String {
    class.replacen('*', ANYTHING, 1)
}

/// The classes of texts that these patterns tell apart, sorted; `*`, of texts that none names, is always one.
pub(super) fn classes<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Vec<Text> {
    let (mut exact, mut prefixes, mut suffixes) = (BTreeSet::new(), BTreeSet::from([""]), BTreeSet::from([""]));
    for pattern in patterns {
        match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
            (Some(prefix), _) => drop(prefixes.insert(prefix)),
            (None, Some(suffix)) => drop(suffixes.insert(suffix)),
            (None, None) => drop(exact.insert(Text::new(pattern))),
        }
    }
    let mut out = exact;
    for prefix in &prefixes {
        out.extend(suffixes.iter().map(|suffix| smol_str::format_smolstr!("{prefix}*{suffix}")));
    }
    out.into_iter().collect()
}

/// Classes that have one answer in common: all of `whole` without `except`.
#[derive(Debug)]
pub(super) struct Group<'a, C, V> {
    pub(super) whole: &'a C,
    /// The widest classes within it that have another answer.
    pub(super) except: Vec<&'a C>,
    pub(super) answer: &'a V,
}

/// Says the same of classes in as few groups as there are: a class within another that has its answer is not named.
/// Classes without an answer (`is_none`) are in no group. `classes` are distinct and closed under intersection.
pub(super) fn groups<'a, C: PartialEq, V: PartialEq>(
    classes: &'a [(C, V)],
    within: impl Fn(&C, &C) -> bool,
    is_none: impl Fn(&V) -> bool,
) -> Vec<Group<'a, C, V>> {
    let strictly = |inner: &C, outer: &C| inner != outer && within(inner, outer);
    let width = |class: &C| classes.iter().filter(|(other, _)| strictly(class, other)).count();
    let mut order: Vec<(usize, &'a (C, V))> = classes.iter().map(|entry| (width(&entry.0), entry)).collect();
    order.sort_by_key(|(width, _)| *width);
    let mut wholes: Vec<&'a (C, V)> = Vec::new();
    for (_, entry) in order {
        let (class, answer) = entry;
        let covered = |(whole, of_whole): &(C, V)| {
            of_whole == answer
                && strictly(class, whole)
                && !classes
                    .iter()
                    .any(|(between, other)| other != answer && strictly(class, between) && strictly(between, whole))
        };
        if !is_none(answer) && !wholes.iter().any(|whole| covered(whole)) {
            wholes.push(entry);
        }
    }
    let group = |(whole, answer): &'a (C, V)| {
        let others = || classes.iter().filter(|(class, other)| other != answer && strictly(class, whole));
        let widest = |class: &C| !others().any(|(wider, _)| strictly(class, wider));
        let except = others().map(|(class, _)| class).filter(|class| widest(class)).collect();
        Group { whole, except, answer }
    };
    wholes.into_iter().map(group).collect()
}

/// [`groups`] of classes of texts.
pub(super) fn text_groups<V: PartialEq>(classes: &[(Text, V)], is_none: impl Fn(&V) -> bool) -> Vec<(Matching, &V)> {
    groups(classes, |inner, outer| within(inner, outer), is_none)
        .into_iter()
        .map(|Group { whole, except, answer }| {
            let mut except: Vec<Text> = except.into_iter().cloned().collect();
            except.sort();
            (Matching { pattern: whole.clone(), except }, answer)
        })
        .collect()
}
