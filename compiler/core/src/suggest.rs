//! "Did you mean": the nearest of the names that would have been right.

mod candidates;

pub use candidates::Candidates;

/// The candidate that `wrong` is most likely a misspelling of, if one is near enough. For a few candidates, or for one
/// question; [`Candidates`] answers many.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = Wrong::new(wrong);
    candidates.into_iter().filter_map(|candidate| wrong.compare(candidate)).min().map(|(_, candidate)| candidate)
}

/// What was written, prepared for comparing.
struct Wrong {
    lower: String,
    /// In characters.
    length: usize,
    /// How many edits away a name may be.
    limit: usize,
}

impl Wrong {
    fn new(wrong: &str) -> Self {
        let length = wrong.chars().count();
        // One edit in three letters: `frontned` finds `frontend`, `web` does not find `api`.
        Self { lower: wrong.to_lowercase(), length, limit: (length / 3).max(1) }
    }

    /// How far a candidate is away, if it is near enough.
    fn compare<'a>(&self, candidate: &'a str) -> Option<(usize, &'a str)> {
        let lower = self.lower.as_str();
        let within = !lower.is_empty() && (candidate.contains(lower) || lower.contains(candidate)) && lower.len() > 3;
        // Names of other lengths are that many edits away: most of a large mesh need not be compared.
        if !within && candidate.chars().count().abs_diff(self.length) > self.limit {
            return None;
        }
        let distance = strsim::damerau_levenshtein(lower, &candidate.to_lowercase());
        (distance <= self.limit || within).then_some((distance, candidate))
    }
}

/// Names for a message: `` `a`, `b` and `c` ``, at most `most` of them.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(most).map(|name| format!("`{name}`")).collect();
    joined(&shown, names.count())
}

/// The first names of `count`, for a message.
pub fn list_of<'a>(first: impl IntoIterator<Item = &'a str>, count: usize) -> String {
    let shown: Vec<String> = first.into_iter().map(|name| format!("`{name}`")).collect();
    joined(&shown, count.saturating_sub(shown.len()))
}

fn joined(shown: &[String], more: usize) -> String {
    match (shown.split_last(), more) {
        (None, _) => String::new(),
        (Some((last, [])), 0) => last.clone(),
        (Some((last, rest)), 0) => format!("{} and {last}", rest.join(", ")),
        (Some(_), more) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("frontned", ["frontend", "cart"]), Some("frontend"));
        assert_eq!(nearest("tiemout", ["timeout", "retry"]), Some("timeout"));
        assert_eq!(nearest("web", ["api", "db"]), None);
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(list(["a"], 3), "`a`");
        assert_eq!(list(["a", "b", "c"], 3), "`a`, `b` and `c`");
        assert_eq!(list(["a", "b", "c"], 2), "`a`, `b` and 1 more");
    }
}
