//! The rollback that needs no meshc: a script for git and a POSIX shell, and a Makefile in front of it, in the root of
//! the deploy repository. They are the same for all meshes and environments of a branch.

use std::borrow::Cow;

use crate::commit::Changes;
use crate::error::Result;
use crate::folder::Commit;

/// Both begin with this and a number, which grows with every change of theirs.
const MARK: &str = "# meshc rollback, version ";

/// Their names, and their texts.
const FILES: [(&str, &str); 2] = [
    ("Makefile", include_str!("../../../stdlib/templates/Makefile")),
    ("rollback.sh", include_str!("../../../stdlib/templates/rollback.sh")),
];

/// The line of the script that names the branch.
const BRANCH: &str = "\nbranch='main'\n";

/// The files, by path, for a branch.
pub fn files(branch: &str) -> [(&'static str, String); 2] {
    let line = format!("\nbranch='{}'\n", branch.replace('\'', r"'\''"));
    FILES.map(|(name, text)| (name, text.replacen(BRANCH, &line, 1)))
}

/// The branch that a script was written for.
pub fn branch_of(script: &str) -> Option<String> {
    let quoted = script.lines().find_map(|line| line.strip_prefix("branch='")?.strip_suffix('\''))?;
    Some(quoted.replace(r"'\''", "'"))
}

/// What the script and the Makefile change in a commit: they are written where they are not there, and where an older
/// version of them is. The second part names files of these names that somebody else wrote: they stay.
pub fn changes(tip: &Commit<'_>, branch: &str) -> Result<(Changes<'static>, Vec<&'static str>)> {
    let mut changes = Changes::new();
    let mut foreign = Vec::new();
    for (name, text) in files(branch) {
        if tip.entry(name)?.is_some() {
            // What is no file, or no text, is not ours.
            let there = tip.text(name).ok().flatten();
            match there.as_deref().and_then(version) {
                None => {
                    foreign.push(name);
                    continue;
                }
                Some(there) if Some(there) >= version(&text) => continue,
                Some(_) => {}
            }
        }
        changes.insert(name.to_owned(), Some(Cow::Owned(text)));
    }
    Ok((changes, foreign))
}

/// The version that a text says it is; nothing where it is none of these files.
fn version(text: &str) -> Option<u64> {
    text.lines().take(3).find_map(|line| line.strip_prefix(MARK)?.trim_end().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::commit::{Identity, create};
    use crate::program::Git;

    #[test]
    fn the_branch_is_a_word_of_the_shell() {
        for branch in ["main", "it's", "a`b$(c)\"d"] {
            let [_, (_, script)] = files(branch);
            assert_eq!(branch_of(&script).as_deref(), Some(branch));
        }
        let [_, (_, script)] = files("it's");
        assert!(script.contains("\nbranch='it'\\''s'\n"));
    }

    #[test]
    fn only_older_versions_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let repository = git2::Repository::init_bare(folder.path()).unwrap();
        let git = Git::new(folder.path(), Duration::from_secs(20));
        let identity = Identity::of(&git).unwrap();
        let after = |makefile: Option<&str>| {
            let texts: Changes<'_> =
                [("Makefile".to_owned(), makefile.map(Cow::Borrowed)), ("x".to_owned(), Some("x".into()))].into();
            let commit = create(&repository, &git, None, &texts, "m\n", &identity).unwrap();
            let (changes, foreign) = changes(&Commit::new(&repository, Some(commit)).unwrap(), "main").unwrap();
            (changes.into_keys().collect::<Vec<_>>(), foreign)
        };
        let both = vec!["Makefile".to_owned(), "rollback.sh".to_owned()];
        let script = vec!["rollback.sh".to_owned()];
        assert_eq!(after(None), (both.clone(), vec![]));
        assert_eq!(after(Some("# meshc rollback, version 0\nx\n")), (both, vec![]));
        assert_eq!(after(Some(&files("main")[0].1)), (script.clone(), vec![]));
        assert_eq!(after(Some("# meshc rollback, version 999\n")), (script.clone(), vec![]));
        assert_eq!(after(Some("all:\n\tcc x.c\n")), (script, vec!["Makefile"]));
    }
}
