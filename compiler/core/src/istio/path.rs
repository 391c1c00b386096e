//! Sets of paths: how they intersect, which is more specific, and how routes and policies spell them.

use std::cmp::Reverse;

use crate::model::PathPattern;

/// Paths of requests, borrowed from the mesh and normalised: everything below `/` is everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Paths<'a> {
    /// Every path.
    All,
    /// This path only.
    Exact(&'a str),
    /// `p` and everything below `p/`.
    Below(&'a str),
}

impl<'a> From<&'a PathPattern> for Paths<'a> {
    fn from(pattern: &'a PathPattern) -> Self {
        match pattern {
            PathPattern::All => Paths::All,
            PathPattern::Exact(path) => Paths::Exact(path),
            PathPattern::Below(path) => match path.trim_end_matches('/') {
                "" => Paths::All,
                path => Paths::Below(path),
            },
        }
    }
}

impl<'a> Paths<'a> {
    /// The paths that are in both. Two such sets either contain one another or share nothing.
    pub(super) fn intersection(self, other: Paths<'a>) -> Option<Paths<'a>> {
        if self.contains(other) {
            Some(other)
        } else if other.contains(self) {
            Some(self)
        } else {
            None
        }
    }

    /// Whether every path of `other` is in `self`.
    pub(super) fn contains(self, other: Paths<'_>) -> bool {
        match (self, other) {
            (Paths::All, _) => true,
            (_, Paths::All) => false,
            (Paths::Exact(a), Paths::Exact(b)) => a == b,
            (Paths::Exact(_), Paths::Below(_)) => false,
            (Paths::Below(a), Paths::Exact(b) | Paths::Below(b)) => {
                b.strip_prefix(a).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }

    /// Sorts the most specific first: exact before everything below, longer before shorter.
    pub(super) fn specificity(self) -> (u8, Reverse<usize>, &'a str) {
        match self {
            Paths::Exact(path) => (0, Reverse(path.len()), path),
            Paths::Below(path) => (1, Reverse(path.len()), path),
            Paths::All => (2, Reverse(0), ""),
        }
    }

    /// How a VirtualService matches it: one condition, or two for a path and what is below it. A lone prefix `/p`
    /// would take `/price` too.
    pub(super) fn conditions(self) -> impl Iterator<Item = UriMatch<'a>> {
        let (first, second) = match self {
            Paths::All => (UriMatch::Any, None),
            Paths::Exact(path) => (UriMatch::Exact(path), None),
            Paths::Below(path) => (UriMatch::Exact(path), Some(UriMatch::Below(path))),
        };
        std::iter::once(first).chain(second)
    }
}

/// One condition on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum UriMatch<'a> {
    /// None.
    Any,
    /// The whole path.
    Exact(&'a str),
    /// Prefix `p/`.
    Below(&'a str),
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Paths<'static>; 7] = [
        Paths::All,
        Paths::Exact("/a"),
        Paths::Exact("/ab"),
        Paths::Exact("/a/b"),
        Paths::Below("/a"),
        Paths::Below("/a/b"),
        Paths::Below("/ab"),
    ];
    const REQUESTS: [&str; 9] = ["/", "/a", "/ab", "/a/", "/a/b", "/a/b/c", "/a/bc", "/ab/c", "/b"];

    fn matches(paths: Paths<'_>, request: &str) -> bool {
        paths.conditions().any(|condition| match condition {
            UriMatch::Any => true,
            UriMatch::Exact(path) => request == path,
            UriMatch::Below(path) => request.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')),
        })
    }

    #[test]
    fn an_intersection_matches_what_both_match() {
        for a in ALL {
            for b in ALL {
                for request in REQUESTS {
                    let both = matches(a, request) && matches(b, request);
                    let one = a.intersection(b).is_some_and(|paths| matches(paths, request));
                    assert_eq!(both, one, "{a:?} and {b:?} on {request}");
                }
            }
        }
    }

    #[test]
    fn a_set_never_sorts_before_one_that_it_contains() {
        for a in ALL {
            for b in ALL {
                if a != b && a.contains(b) {
                    assert!(b.specificity() < a.specificity(), "{a:?} contains {b:?}");
                }
            }
        }
    }

    #[test]
    fn below_the_root_is_everything() {
        assert_eq!(Paths::from(&PathPattern::Below("/".into())), Paths::All);
        assert_eq!(Paths::from(&PathPattern::Below("".into())), Paths::All);
        assert_eq!(Paths::from(&PathPattern::Below("/a/".into())), Paths::Below("/a"));
    }
}
