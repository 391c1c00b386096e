//! Names that are asked for again and again: a mesh may have thousands of names and thousands of misspelt ones, and
//! comparing all with all would take minutes.

use super::{Wrong, joined};
use crate::source::Text;

/// So many names are simply compared, each with what was written.
const FEW: usize = 250;
/// Names of many of which the distance is computed, the likeliest first.
const COMPARED: usize = 100;
/// Names of many that are looked at for each length that may be meant: letters that they do not share tell most apart.
const LOOKED_AT: usize = 4_000;

/// Names that may have been meant.
#[derive(Debug, Default)]
pub struct Candidates {
    /// Sorted by length, first letter and text.
    names: Vec<Candidate>,
    /// The texts sorted; empty where there are few.
    sorted: Vec<Text>,
    /// The first ones in the order given, for messages.
    first: Vec<Text>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// In characters.
    length: usize,
    /// The first letter, in lower case.
    first: Option<char>,
    text: Text,
    letters: Letters,
}

/// Which letters a text has: a set of bits, one for each letter and digit, one for all that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Letters(u64);

impl Letters {
    fn of(lower: &str) -> Self {
        let bit = |byte: u8| match byte {
            b'a'..=b'z' => byte - b'a',
            b'0'..=b'9' => 26 + byte - b'0',
            _ => 36,
        };
        Self(lower.bytes().fold(0, |letters, byte| letters | 1 << bit(byte)))
    }

    /// Edits that it takes at least to get from one to the other: each brings one new letter and takes one away.
    fn distance(self, other: Letters) -> usize {
        let only = |a: u64, b: u64| (a & !b).count_ones();
        only(self.0, other.0).max(only(other.0, self.0)) as usize
    }
}

impl Candidates {
    /// These names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        const SHOWN: usize = 12;
        let candidate = |name: &str| {
            let lower = name.to_lowercase();
            let (length, first) = (name.chars().count(), lower.chars().next());
            Candidate { length, first, text: Text::new(name), letters: Letters::of(&lower) }
        };
        let mut names: Vec<Candidate> = names.into_iter().map(candidate).collect();
        let first = names.iter().take(SHOWN).map(|name| name.text.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let mut sorted = Vec::new();
        if names.len() > FEW {
            sorted.extend(names.iter().map(|name| name.text.clone()));
            sorted.sort_unstable();
        }
        Self { names, sorted, first }
    }

    /// Names for a message: the first of them, at most `most` and at most 12.
    pub fn list(&self, most: usize) -> String {
        let shown: Vec<String> = self.first.iter().take(most).map(|name| format!("`{name}`")).collect();
        joined(&shown, self.names.len().saturating_sub(shown.len()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name that `wrong` is most likely a misspelling of, if one is near enough. Of a few names it is the one that
    /// [`nearest`](super::nearest) finds. Of many the likely ones are compared: of much the same length, with the same
    /// first letter before others, with mostly the same letters; and those that begin with what was written, or are
    /// some words of it.
    pub fn nearest(&self, wrong: &str) -> Option<&str> {
        let wrong = Wrong::new(wrong);
        if self.names.len() <= FEW {
            let compared = self.names.iter().filter_map(|name| wrong.compare(&name.text));
            return compared.min().map(|(_, name)| name);
        }
        let alike = self.alike(&wrong);
        alike.into_iter().chain(self.around(&wrong)).min().map(|(_, name)| name)
    }

    /// The nearest among names of much the same length.
    fn alike(&self, wrong: &Wrong) -> Option<(usize, &str)> {
        let letters = Letters::of(&wrong.lower);
        let first = wrong.lower.chars().next();
        let mut best: Option<(usize, &str)> = None;
        let mut compared = 0;
        for off in 0..=wrong.limit {
            // The lengths differ by as many edits at least.
            if best.is_some_and(|(distance, _)| distance < off) {
                break;
            }
            let lengths = [wrong.length.checked_sub(off), (off > 0).then_some(wrong.length + off)];
            for length in lengths.into_iter().flatten() {
                let same = self.between((length, first), (length, first));
                let all = self.between((length, None), (length, Some(char::MAX)));
                let others = all.iter().filter(|name| name.first != first);
                for name in same.iter().chain(others).take(LOOKED_AT) {
                    let most = best.map_or(wrong.limit, |(distance, _)| distance);
                    if name.letters.distance(letters) > most {
                        continue;
                    }
                    compared += 1;
                    if compared > COMPARED {
                        return best;
                    }
                    best = best.into_iter().chain(wrong.compare(&name.text)).min();
                }
            }
        }
        best
    }

    /// The names from one length and first letter to another.
    fn between(&self, from: (usize, Option<char>), to: (usize, Option<char>)) -> &[Candidate] {
        let start = self.names.partition_point(|name| (name.length, name.first) < from);
        let end = self.names.partition_point(|name| (name.length, name.first) <= to);
        self.names.get(start..end).unwrap_or_default()
    }

    /// The nearest among names that begin with what was written, and those that are some words of it.
    fn around(&self, wrong: &Wrong) -> Option<(usize, &str)> {
        let lower = wrong.lower.as_str();
        let start = self.sorted.partition_point(|name| name.as_str() < lower);
        let longer = self.sorted.iter().skip(start).take_while(|name| name.starts_with(lower)).take(COMPARED);
        let is_end = |(_, letter): &(usize, char)| !letter.is_alphanumeric();
        let ends: Vec<usize> = lower.char_indices().filter(is_end).map(|(at, _)| at).take(16).collect();
        let starts = || std::iter::once(0).chain(ends.iter().map(|at| at + 1));
        let parts = starts().flat_map(|from| {
            ends.iter()
                .copied()
                .chain([lower.len()])
                .filter_map(move |to| lower.get(from..to))
                .filter(|p| !p.is_empty())
        });
        let known = parts.filter_map(|part| {
            let at = self.sorted.binary_search_by(|name| name.as_str().cmp(part)).ok()?;
            self.sorted.get(at)
        });
        longer.chain(known).filter_map(|name| wrong.compare(name)).min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::nearest;
    use super::*;

    fn many(odd: &[&str]) -> Candidates {
        let names: Vec<String> = (0..5_000).map(|i| format!("service-{}", i * 7919)).collect();
        Candidates::new(names.iter().map(String::as_str).chain(odd.iter().copied()))
    }

    #[test]
    fn a_misspelt_name_is_found_among_thousands() {
        let names = many(&["frontend", "payment-ledger", "GetCart"]);
        for (wrong, right) in [
            ("frontned", "frontend"),
            ("rfontend", "frontend"),
            ("fronten", "frontend"),
            ("frontend-v2", "frontend"),
            ("eu-frontend-v2", "frontend"),
            ("payment", "payment-ledger"),
            ("paymnt-leger", "payment-ledger"),
            ("GetCrat", "GetCart"),
            ("servise-7919", "service-7919"),
        ] {
            assert_eq!(names.nearest(wrong), Some(right), "{wrong}");
        }
        assert_eq!(names.nearest("nothing-like-it"), None);
        assert_eq!(names.nearest(""), None);
    }

    #[test]
    fn long_lists_end_with_their_rest() {
        assert_eq!(Candidates::new(["b", "a", "c"]).list(2), "`b`, `a` and 1 more");
        assert_eq!(Candidates::new([]).list(2), "");
        assert!(many(&[]).list(9).ends_with(" and 4991 more"));
    }

    proptest! {
        #[test]
        fn of_a_few_names_it_is_the_nearest(names in prop::collection::vec("[a-cA-C-]{0,6}", 0..40), wrong in "[a-cA-C-]{0,8}") {
            let all = || names.iter().map(String::as_str);
            let candidates = Candidates::new(all());
            prop_assert_eq!(candidates.nearest(&wrong), nearest(&wrong, all()));
        }

        #[test]
        fn letters_never_tell_apart_what_is_near(a in "[a-z0-9-]{0,12}", b in "[a-z0-9-]{0,12}") {
            prop_assert!(Letters::of(&a).distance(Letters::of(&b)) <= strsim::damerau_levenshtein(&a, &b));
        }

        #[test]
        fn what_is_found_among_many_is_near(wrong in "[a-z0-9-]{0,20}") {
            let names = many(&["frontend", "cart"]);
            if let Some(found) = names.nearest(&wrong) {
                prop_assert!(Wrong::new(&wrong).compare(found).is_some());
            }
        }
    }
}
