//! Every page of `docs/diagnostics`: its wrong example gives its code and nothing else, what the compiler suggests
//! there repairs it, and its right example gives nothing.

use std::collections::BTreeSet;

use meshc_core::code::Code;
use meshc_core::diagnostic::Severity;
use meshc_core::source::Span;

use super::support::markdown::{fences, section};
use super::support::project::{Compiled, Texts};
use super::support::{assert_none, repository};

/// The fences of a section as a project: the first `mesh` is `shop.mesh`, others name their file.
pub(super) fn project(section: &str) -> Result<Texts, String> {
    let mut texts = Texts::default();
    for fence in fences(section) {
        let path = match (fence.file, fence.language) {
            (Some(file), _) => file,
            (None, "mesh") if !texts.0.contains_key("shop.mesh") => "shop.mesh",
            (None, language) => {
                return Err(format!("the fence `{language}` on line {} names no file", fence.line));
            }
        };
        if texts.0.insert(path.to_owned(), fence.text.to_owned()).is_some() {
            return Err(format!("`{path}` stands there twice"));
        }
    }
    if texts.0.is_empty() { Err("it has no example".to_owned()) } else { Ok(texts) }
}

fn example(code: Code, heading: &str) -> Result<Texts, String> {
    let section = section(code.page(), heading).ok_or("is missing")?;
    match (code, heading) {
        (Code::TooMany, "Wrong") => Ok(written_out(section)),
        _ => project(section),
    }
}

/// The one example that is too long for its page, which shows how it goes on.
fn written_out(section: &str) -> Texts {
    let numbers = || (1..=513).map(|number| format!("c{number:03}"));
    for shown in ["allow c001 to GET /c001/**", "allow c513 to GET /c513/**"] {
        assert!(section.contains(shown), "the page shows `{shown}`");
    }
    let callers: String = numbers().map(|name| format!("caller {name}\n")).collect();
    let allows: String = numbers().map(|name| format!("  allow {name} to GET /{name}/**\n")).collect();
    let text = format!(
        "mesh shop {{ namespace shop; mtls strict; authorization deny-by-default }}\n{callers}service files {{\n  \
         port 8080 http\n{allows}}}\nenvironment local {{ target istio 1.31 }}\n"
    );
    Texts::named([("shop.mesh", text.as_str())])
}

/// Calls `check` for the example below a heading of every page, and fails with all that it returns.
fn on_every_page(heading: &str, check: impl Fn(Code, &Texts) -> Vec<String>) {
    let mut problems = Vec::new();
    for &code in Code::ALL {
        let found = match example(code, heading) {
            Ok(texts) => check(code, &texts),
            Err(why) => vec![why],
        };
        problems.extend(found.into_iter().map(|problem| format!("{code}, {heading}: {problem}")));
    }
    assert_none(&problems);
}

#[test]
fn every_page_belongs_to_a_code() {
    let files: BTreeSet<String> = std::fs::read_dir(repository("docs/diagnostics"))
        .expect("the pages")
        .map(|entry| entry.expect("a page").file_name().to_string_lossy().into_owned())
        .collect();
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(files, codes);
    for &code in Code::ALL {
        assert!(code.page().starts_with(&format!("# {code}\n")), "{code} has another title");
    }
}

#[test]
fn the_wrong_example_gives_the_code_and_nothing_else() {
    on_every_page("Wrong", |code, texts| {
        let compiled = texts.compile();
        let mut problems: Vec<String> =
            compiled.found.iter().filter(|d| d.code != code).map(|d| format!("gives {}", compiled.line(d))).collect();
        if !compiled.found.iter().any(|d| d.code == code) {
            problems.push("does not give its code".to_owned());
        }
        problems
    });
}

#[test]
fn the_right_example_gives_nothing() {
    on_every_page("Right", |code, texts| {
        let compiled = texts.compile();
        // A page about a note may keep it: a note asks for no change.
        let tolerated = |d: &&meshc_core::diagnostic::Diagnostic| d.code == code && d.severity == Severity::Note;
        compiled.found.iter().filter(|d| !tolerated(d)).map(|d| format!("gives {}", compiled.line(d))).collect()
    });
}

/// The texts after a suggestion.
fn repaired(texts: &Texts, compiled: &Compiled, edits: &[(Span, String)]) -> Texts {
    let mut repaired = texts.clone();
    let mut edits = edits.to_vec();
    // From the end, so that the places of the others stay.
    edits.sort_by_key(|(span, _)| std::cmp::Reverse((span.file, span.start)));
    for (span, text) in edits {
        let path = compiled.project.sources.file(span.file).path.to_string();
        let file = repaired.0.get_mut(&path).expect("an edit of a file of the project");
        file.replace_range(span.range(), &text);
    }
    repaired
}

#[test]
fn every_suggestion_removes_its_diagnostic() {
    let mut tried = 0;
    let mut problems = Vec::new();
    for &code in Code::ALL {
        let Ok(texts) = example(code, "Wrong") else {
            continue;
        };
        let compiled = texts.compile();
        for diagnostic in &compiled.found {
            let Some(suggestion) = &diagnostic.suggestion else {
                continue;
            };
            tried += 1;
            let after = repaired(&texts, &compiled, &suggestion.edits).compile();
            let stays =
                |d: &&meshc_core::diagnostic::Diagnostic| d.code == diagnostic.code && d.message == diagnostic.message;
            let new = after.found.iter().filter(|d| !compiled.found.iter().any(|old| old.message == d.message));
            if after.found.iter().any(|d| stays(&d)) {
                problems.push(format!("{code}: `{}` leaves {}", suggestion.text, compiled.line(diagnostic)));
            }
            problems.extend(new.map(|d| format!("{code}: `{}` gives {}", suggestion.text, after.line(d))));
        }
    }
    assert!(tried > 10, "only {tried} suggestions were tried");
    assert_none(&problems);
}
