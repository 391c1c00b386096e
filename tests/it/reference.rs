//! Every example of the language reference and of the README is a project that compiles without a word.

use meshc_core::source::FileId;
use meshc_core::syntax;

use super::support::markdown::{Fence, fences};
use super::support::project::Texts;
use super::support::{assert_none, repository};

const PAGES: &[&str] = &["README.md", "docs/language.md"];

/// Projects of a page with the line of each: a `mesh` fence and the files that follow it up to the next.
fn projects<'a>(fences: &[Fence<'a>]) -> Vec<(usize, Texts)> {
    let mut projects: Vec<(usize, Texts)> = Vec::new();
    for fence in fences {
        match (fence.language, fence.file, projects.last_mut()) {
            ("mesh", file, _) => {
                projects.push((fence.line, Texts::named([(file.unwrap_or("shop.mesh"), fence.text)])));
            }
            (_, Some(file), Some((_, texts))) => {
                texts.0.insert(file.to_owned(), fence.text.to_owned());
            }
            _ => {}
        }
    }
    projects
}

#[test]
fn every_example_compiles_without_a_diagnostic() {
    let mut problems = Vec::new();
    for path in PAGES {
        let page = std::fs::read_to_string(repository(path)).expect("a page");
        let projects = projects(&fences(&page));
        assert!(!projects.is_empty(), "{path} has no example");
        for (line, texts) in projects {
            let compiled = texts.compile();
            problems.extend(compiled.lines().into_iter().map(|found| format!("{path}:{line}: {found}")));
            if compiled.files().is_empty() {
                problems.push(format!("{path}:{line}: renders nothing"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_fragment_parses() {
    let mut tried = 0;
    for path in PAGES {
        let page = std::fs::read_to_string(repository(path)).expect("a page");
        for fence in fences(&page).iter().filter(|fence| fence.language == "mesh-fragment") {
            let (_, found) = syntax::parse(FileId(0), fence.text);
            assert!(found.is_empty(), "{path}:{}: {found:?}", fence.line);
            tried += 1;
        }
    }
    assert!(tried > 0);
}

/// What the README shows as output is what comes out, but for the header and labels that it leaves away.
#[test]
fn the_readme_shows_what_is_rendered() {
    let page = std::fs::read_to_string(repository("README.md")).expect("the README");
    let fences = fences(&page);
    let (_, texts) = projects(&fences).swap_remove(0);
    let shown = fences.iter().find(|fence| fence.language == "yaml" && fence.file.is_none()).expect("an output");
    let path = "prod/shop/prices/authorization-policy.yaml";
    assert!(page.contains(&format!("`{path}`:")), "the README names {path}");
    let files = texts.compile().files();
    let rendered = files.get(path).expect("the README's file");
    let mut lines = rendered.lines();
    for line in shown.text.lines() {
        assert!(lines.any(|rendered| rendered == line), "{line:?} is not there, or not in this order:\n{rendered}");
    }
}
