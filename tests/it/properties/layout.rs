//! Texts of the language in every layout: what `format` makes of them means the same, keeps every comment, and stays
//! as it is when it is formatted again.

use meshc_core::source::{FileId, SourceMap};
use meshc_core::syntax;
use meshc_core::syntax::tree::{File, Statement};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// A statement before it is laid out.
#[derive(Debug, Clone)]
struct Sketch {
    docs: Vec<String>,
    words: Vec<(String, bool)>,
    block: Option<Vec<Sketch>>,
    comment: Option<String>,
    /// Layout: lines above, spaces before words, breaks after commas, one line or several.
    loose: u8,
}

fn word() -> impl Strategy<Value = String> {
    let plain = proptest::sample::select(vec![
        "port",
        "allow",
        "web",
        "payments/ledger",
        "->",
        "8080",
        "5%",
        "1000/min",
        "/cart/**",
        "GET|HEAD",
        ">",
        "3s",
        "no",
        "*.example.com",
        "app=web",
        "@shop",
        "é",
        "a#b",
    ]);
    prop_oneof![
        4 => plain.prop_map(|word| if word.contains('#') { format!("\"{word}\"") } else { word.to_owned() }),
        1 => proptest::sample::select(vec!["\"a b\"", "\"{\"", "\"\"", "\"x, y; z\"", "\"a # b\""]).prop_map(str::to_owned),
    ]
}

fn comment() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["# why", "#", "#tight", "# with { } and , and \"", "#  two  spaces"])
        .prop_map(str::to_owned)
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let parts = |block: BoxedStrategy<Option<Vec<Sketch>>>| {
        let docs = proptest::collection::vec(
            prop_oneof![Just("## What it is.".to_owned()), Just("##".to_owned()), comment()],
            0..3,
        );
        let words = proptest::collection::vec((word(), any::<bool>()), 1..5);
        (docs, words, block, proptest::option::of(comment()), any::<u8>())
            .prop_map(|(docs, words, block, comment, loose)| Sketch { docs, words, block, comment, loose })
    };
    let leaf = parts(Just(None).boxed());
    leaf.prop_recursive(3, 24, 5, move |inner| {
        parts(proptest::option::of(proptest::collection::vec(inner, 0..5)).boxed())
    })
}

impl Sketch {
    fn write(&self, out: &mut String) {
        let bit = |n: u8| self.loose & (1 << n) != 0;
        if bit(0) {
            out.push('\n');
        }
        for doc in &self.docs {
            out.push_str(if bit(1) { "     " } else { "" });
            out.push_str(doc);
            out.push('\n');
        }
        for (index, (word, comma)) in self.words.iter().enumerate() {
            if index > 0 {
                let separator = match (*comma, bit(2)) {
                    (true, true) => ",\n   ",
                    (true, false) => " , ",
                    (false, true) => "   ",
                    (false, false) => " ",
                };
                out.push_str(separator);
            }
            out.push_str(word);
        }
        if let Some(block) = &self.block {
            out.push_str(if bit(3) { " {" } else { "   {\n" });
            for inner in block {
                inner.write(out);
            }
            out.push('}');
        }
        match &self.comment {
            Some(comment) => {
                out.push_str("  ");
                out.push_str(comment);
                out.push('\n');
            }
            None => out.push_str(if bit(4) { " ;" } else { "\n" }),
        }
    }
}

/// What a text says: words, commas, blocks and docs, and its comments in order; not where they stand.
fn meaning(file: &File, text: &str) -> (Vec<String>, Vec<String>) {
    let mut sources = SourceMap::default();
    sources.add("a.mesh", text);
    fn form(statement: &Statement, sources: &SourceMap) -> String {
        let words = statement.words.iter().map(|word| (word.comma_before, word.quoted, word.text.as_str()));
        let block = statement
            .block
            .as_ref()
            .map(|block| block.statements.iter().map(|inner| form(inner, sources)).collect::<Vec<_>>());
        let docs: Vec<&str> = statement.docs.iter().map(|doc| sources.text(*doc).trim_end()).collect();
        format!("{docs:?} {:?} {block:?}", words.collect::<Vec<_>>())
    }
    let comments = file.comments.iter().map(|comment| sources.text(*comment).trim_end().to_owned());
    (file.statements.iter().map(|statement| form(statement, &sources)).collect(), comments.collect())
}

proptest! {
    #![proptest_config(Config { cases: 1000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn formatting_keeps_the_meaning_and_is_done_once(sketches in proptest::collection::vec(sketch(), 0..6)) {
        let mut text = String::new();
        sketches.iter().for_each(|sketch| sketch.write(&mut text));
        let (file, faults) = syntax::parse(FileId(0), &text);
        prop_assert!(faults.is_empty(), "{faults:?}\n{text}");
        let formatted = syntax::format(&file, &text).expect("a text without faults has a canonical form");
        let (again, faults) = syntax::parse(FileId(0), &formatted);
        prop_assert!(faults.is_empty(), "{faults:?}\n{text}\nbecame\n{formatted}");
        prop_assert_eq!(meaning(&again, &formatted), meaning(&file, &text), "{}\nbecame\n{}", &text, &formatted);
        let twice = syntax::format(&again, &formatted);
        prop_assert_eq!(twice.as_deref(), Some(formatted.as_str()), "{}", text);
    }
}
