//! "Did you mean": the nearest of the names that would have been right.

/// The candidate that `wrong` is most likely a misspelling of, if one is near enough.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One edit in three letters: `frontned` finds `frontend`, `web` does not find `api`.
    let length = wrong.chars().count();
    let limit = (length / 3).max(1);
    let lower = wrong.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let within =
                !lower.is_empty() && (candidate.contains(&lower) || lower.contains(candidate)) && lower.len() > 3;
            // Names of other lengths are that many edits away: most of a large mesh need not be compared.
            if !within && candidate.chars().count().abs_diff(length) > limit {
                return None;
            }
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance <= limit || within).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Names for a message: `` `a`, `b` and `c` ``, at most `most` of them.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(most).map(|name| format!("`{name}`")).collect();
    match (shown.split_last(), names.len().saturating_sub(most)) {
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
