//! The examples of the repository: they compile without a word, are written as `meshc fmt` writes them, and a slip of
//! the hand in one of them is told once, where it is.

mod deletion;

use meshc_core::source::FileId;
use meshc_core::syntax;

use super::support::project::{Texts, examples};
use super::support::{assert_none, expect};

#[test]
fn every_example_compiles_without_a_diagnostic() {
    let mut problems = Vec::new();
    for example in examples() {
        let compiled = Texts::example(&example).compile();
        problems.extend(compiled.lines().into_iter().map(|line| format!("{example}: {line}")));
        assert!(!compiled.rendered.is_empty(), "{example} has no environment");
        for (environment, rendered) in &compiled.rendered {
            if rendered.bundle.resources == 0 {
                problems.push(format!("{example}: renders nothing for {environment}"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_example_has_the_canonical_form() {
    let mut problems = Vec::new();
    for example in examples() {
        for (path, text) in Texts::example(&example).mesh_files() {
            let (file, _) = syntax::parse(FileId(0), text);
            match syntax::format(&file, text) {
                None => problems.push(format!("{example}, {path}: cannot be formatted")),
                Some(formatted) if formatted == *text => {}
                Some(formatted) => problems.push(expect::diff(path.as_ref(), text, &formatted)),
            }
        }
    }
    assert_none(&problems);
}
