//! What holds for every project: the same bytes whatever the order of files and their line ends, and an answer, never
//! a panic, whatever the text.

mod layout;

use meshc_core::compile::Compilation;
use meshc_core::diagnostic::{Diagnostics, Severity};
use meshc_core::project;
use meshc_core::state::State;
use meshc_core::world::{MemoryWorld, ReadError, World};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

use super::support::folders;
use super::support::project::{Texts, examples};

/// Examples and golden cases.
fn projects() -> Vec<Texts> {
    let golden = folders("tests/golden").into_iter().map(|folder| Texts::of_folder(&folder));
    let golden = golden.filter(|texts| texts.mesh_files().next().is_some());
    examples().iter().map(|example| Texts::example(example)).chain(golden).collect()
}

#[test]
fn rendering_twice_gives_the_same_bytes() {
    for texts in projects() {
        assert_eq!(texts.compile().files(), texts.compile().files());
    }
}

#[test]
fn windows_line_ends_change_nothing() {
    for texts in projects() {
        let windows = texts.0.iter().map(|(path, text)| (path.clone(), text.replace('\n', "\r\n")));
        let windows = Texts(windows.collect());
        assert_ne!(windows.0, texts.0);
        assert_eq!(windows.compile().files(), texts.compile().files());
    }
}

/// A disk that lists its files the other way round.
struct Reversed(MemoryWorld);

impl World for Reversed {
    fn read(&self, path: &str, boundary: &str) -> Result<String, ReadError> {
        self.0.read(path, boundary)
    }

    fn mesh_files(&self) -> Result<Vec<String>, ReadError> {
        self.0.mesh_files().map(|files| files.into_iter().rev().collect())
    }

    fn list(&self, folder: &str, boundary: &str) -> Result<Vec<String>, ReadError> {
        self.0.list(folder, boundary).map(|files| files.into_iter().rev().collect())
    }
}

#[test]
fn the_order_of_files_changes_nothing() {
    let mut tried = 0;
    for texts in projects().into_iter().filter(|texts| !texts.0.keys().any(|path| path.starts_with("state/"))) {
        let mut found = Diagnostics::default();
        let world = Reversed(MemoryWorld { files: texts.0.clone() });
        let project = project::load(&world, &mut found);
        let compilation = Compilation::new(&project, &mut found);
        for (environment, rendered) in &texts.compile().rendered {
            let reversed = compilation.render(environment, &State::default());
            assert_eq!(reversed.bundle.files, rendered.bundle.files);
            assert!(!reversed.bundle.files.is_empty());
            tried += usize::from(texts.mesh_files().count() > 1);
        }
    }
    assert!(tried > 5, "projects of one file have no order");
}

/// One slip of a hand or of a merge.
#[derive(Debug, Clone)]
enum Slip {
    Delete(Index, usize),
    Repeat(Index, usize),
    Insert(Index, String),
    /// What stands elsewhere.
    Copy(Index, Index, usize),
}

fn slip() -> impl Strategy<Value = Slip> {
    let snippet = prop_oneof![
        proptest::sample::select(vec![
            "{",
            "}",
            ",",
            ";",
            "\"",
            "#",
            "##",
            "\n",
            "no ",
            "service ",
            "is ",
            "{}",
            "{ { ",
            "->",
            "-",
            "%",
            "0",
            "\u{0}",
            "\t",
            "\r",
            "99999999999999999999",
            "1.5ms",
            "é",
            "- ",
            ": ",
            "&a ",
            "*a",
            "!!binary ",
            "---\n",
            "|",
            "message x {",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
    ];
    prop_oneof![
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Slip::Delete(at, length)),
        (any::<Index>(), 1..80_usize).prop_map(|(at, length)| Slip::Repeat(at, length)),
        (any::<Index>(), snippet).prop_map(|(at, text)| Slip::Insert(at, text)),
        (any::<Index>(), any::<Index>(), 1..80_usize).prop_map(|(from, to, length)| Slip::Copy(from, to, length)),
    ]
}

impl Slip {
    fn apply(&self, text: &str) -> String {
        let characters: Vec<char> = text.chars().collect();
        let place = |index: &Index| index.index(characters.len() + 1);
        let run = |at: usize, length: usize| &characters[at..(at + length).min(characters.len())];
        let (at, removed, inserted) = match self {
            Slip::Delete(at, length) => (place(at), *length, String::new()),
            Slip::Repeat(at, length) => (place(at), 0, run(place(at), *length).iter().collect()),
            Slip::Insert(at, text) => (place(at), 0, text.clone()),
            Slip::Copy(from, to, length) => (place(to), 0, run(place(from), *length).iter().collect()),
        };
        let rest = &characters[(at + removed).min(characters.len())..];
        characters[..at].iter().collect::<String>() + &inserted + &rest.iter().collect::<String>()
    }
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    /// Mutations of real files: `.mesh` files, manifests, proto files, patches and states alike.
    #[test]
    fn nothing_panics_on_files_with_slips(
        example in any::<Index>(),
        slips in proptest::collection::vec((any::<Index>(), slip()), 1..4),
    ) {
        let examples = examples();
        let mut texts = Texts::example(&examples[example.index(examples.len())])
            .with("state/prod/boutique/productcatalogservice.json", r#"{"schema": 1, "stable": "v1", "canary": "v2", "weight": 5}"#);
        for (file, slip) in slips {
            // Most slips in what the language itself reads.
            let mesh: Vec<String> = texts.mesh_files().map(|(path, _)| path.clone()).collect();
            let all: Vec<String> = texts.0.keys().cloned().chain(mesh.iter().cycle().take(texts.0.len()).cloned()).collect();
            let path = &all[file.index(all.len())];
            let changed = slip.apply(&texts.0[path]);
            texts = texts.with(path, changed);
        }
        let compiled = texts.compile();
        let faulty = compiled.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        let whole = compiled.rendered.values().all(|rendered| rendered.bundle.resources > 0);
        prop_assert!(faulty || whole, "nothing is rendered, and nothing says why");
        for diagnostic in &compiled.found {
            let spans = diagnostic.related.iter().map(|label| label.span).chain([diagnostic.primary.span]);
            for span in spans {
                let text = &compiled.project.sources.file(span.file).text;
                prop_assert!(text.get(span.range()).is_some(), "{}: {span:?} is no text", compiled.line(diagnostic));
            }
        }
    }
}
