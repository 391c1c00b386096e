//! Correct texts, and texts with one fault where the fault is all there is to see.

use super::*;

fn statements(text: &str) -> String {
    let (file, diagnostics) = read(text);
    assert_eq!(diagnostics, [], "{text}");
    form(&file.statements)
}

/// Each fault as its place in the text and its message.
fn faults(text: &str) -> Vec<(&str, String)> {
    let (_, diagnostics) = read(text);
    diagnostics.into_iter().map(|found| (&text[found.primary.span.range()], found.message)).collect()
}

/// The only fault of a text: what it points at, its message, and what is left when its suggestion is applied.
#[track_caller]
fn check_fault(text: &str, at: std::ops::Range<usize>, message: &str, repaired_form: Option<&str>) {
    let (_, diagnostics) = read(text);
    let [fault] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!((fault.message.as_str(), fault.primary.span.range()), (message, at));
    assert_eq!(repaired(text, fault).map(|text| statements(&text)).as_deref(), repaired_form);
}

#[test]
fn newlines_and_semicolons_end_statements() {
    assert_eq!(statements("a b\nc;d ;; e\n\n;\nf"), "a b; c; d; e; f");
    assert_eq!(statements(""), "");
    assert_eq!(statements("\n# nothing\n"), "");
}

#[test]
fn a_comma_continues() {
    assert_eq!(statements("a b,\n    c , d\ne"), "a b, c, d; e");
    assert_eq!(statements("a b, # why\n  # and this\n  c"), "a b, c");
    assert_eq!(
        statements("service x {\n allow a,\n service,\n gateway to b\n}"),
        "service x { allow a, service, gateway to b }"
    );
}

#[test]
fn blocks_nest() {
    assert_eq!(statements("a { b { c; d 1 }; e }\nf {}"), "a { b { c; d 1 }; e }; f {}");
    assert_eq!(statements("a {\n  b {\n    c\n  }}\nf { }"), "a { b { c } }; f {}");
}

#[test]
fn indentation_means_nothing() {
    let flat = "namespace a {\nservice b {\nallow c\nretry 2 {\non d\n}\n}\nservice e\n}\nservice f {\n}";
    let wild = "   namespace a {\nservice b {\n      allow c\n retry 2 {\n on d\n    }\n}\n  service e\n        }\n service f {\n    }";
    let expected = "namespace a { service b { allow c; retry 2 { on d } }; service e }; service f {}";
    assert_eq!((statements(flat), statements(wild)), (expected.to_owned(), expected.to_owned()));
}

#[test]
fn words_may_be_almost_anything() {
    assert_eq!(statements(r#"80 -> 8080 @x a/** 1% é=日 :-)"#), "80 -> 8080 @x a/** 1% é=日 :-)");
    assert_eq!(statements(r#"a "b c" "{,;#" "\"\\\n" "é""#), r#"a "b c" "{,;#" "\"\\\n" "é""#);
    let (file, _) = read("\"service\" a");
    assert_eq!(file.statements[0].keyword(), "", "a quoted word is no keyword");
}

#[test]
fn spans_are_as_written() {
    let text = "a \"é\", b { c }\n";
    let statement = &read(text).0.statements[0];
    let written: Vec<&str> = statement.words.iter().map(|word| &text[word.span.range()]).collect();
    assert_eq!(written, ["a", "\"é\"", "b"]);
    assert_eq!(&text[statement.span.range()], "a \"é\", b { c }");
    let block = statement.block.as_ref().expect("a block");
    assert_eq!((&text[block.open.range()], &text[block.close.expect("closed").range()]), ("{", "}"));
}

#[test]
fn docs_belong_to_the_statement_below() {
    let docs = |text: &str| -> Vec<Vec<String>> {
        let (file, _) = read(text);
        let docs = |statement: &Statement| statement.docs.iter().map(|doc| text[doc.range()].to_owned()).collect();
        file.statements.iter().map(docs).collect()
    };
    assert_eq!(docs("## one\n## two\na\nb"), [vec!["## one", "## two"], vec![]]);
    assert_eq!(docs("## far\n\na"), [Vec::<String>::new()]);
    assert_eq!(docs("## before\n# a comment\na"), [Vec::<String>::new()]);
    assert_eq!(docs("a ## behind\nb"), [Vec::<String>::new(), vec![]]);
    assert_eq!(docs("### divider\na"), [Vec::<String>::new()]);
    assert_eq!(docs("x {\n## last\n}\na"), [Vec::<String>::new(), vec![]]);
    assert_eq!(docs("  ## of a block\nx {\n}"), [["## of a block"]]);
}

#[test]
fn commas_too_many() {
    check_fault("a b, , c", 5..6, "expected a word between two commas", Some("a b, c"));
    check_fault("a b,\n\nc", 3..4, "expected a word after `,`, found none at the end of the statement", Some("a b; c"));
    check_fault("a b,; c", 3..4, "expected a word after `,`, found none at the end of the statement", Some("a b; c"));
    check_fault("a b,", 3..4, "expected a word after `,`, found none at the end of the statement", Some("a b"));
    check_fault("a b, {}", 3..4, "expected a word after `,`, found none before `{`", Some("a b {}"));
    check_fault("a { b, }", 5..6, "expected a word after `,`, found none before `}`", Some("a { b }"));
    check_fault("a; , b", 3..4, "expected a word before `,`", Some("a; b"));
    check_fault("a b\n  , c", 6..7, "expected `,` at the end of the line that is continued", Some("a b, c"));
}

/// A declaration is not taken for the rest of a list; where none may stand, it is one.
#[test]
fn a_list_ends_before_a_declaration() {
    let at_end = "expected a word after `,`, found none at the end of the statement";
    check_fault("use a,\nservice b {}", 5..6, at_end, Some("use a; service b {}"));
    assert_eq!(statements("use a,\n service, b"), "use a, service, b");
    assert_eq!(statements("use a,\n \"service\" b"), "use a, \"service\" b");
}

#[test]
fn quotes_end_on_their_line() {
    let message = "expected `\"` before the end of the line";
    check_fault("a \"b c\nd", 2..6, message, None);
    let (file, _) = read("a \"b c  \nd");
    assert_eq!(form(&file.statements), "!a \"b c\"; d");
    check_fault("a { b \"c }\nd", 6..10, message, None);
    assert_eq!(form(&read("a { b \"c }\nd").0.statements), "a { !b \"c }\" }; d");
    check_fault("a \"b {\n c\n}\nd", 2..6, message, None);
    assert_eq!(form(&read("a \"b {\n c\n}\nd").0.statements), "!a \"b\" { c }; d");
}

#[test]
fn escapes_are_three() {
    check_fault(r#"a "b\dc""#, 4..6, r#"expected `\"`, `\\` or `\n`, found `\d`"#, Some(r#"a "b\\dc""#));
    assert_eq!(read(r#"a "b\dc""#).0.statements[0].words[1].text, r"b\dc");
}

#[test]
fn a_statement_ends_with_its_block() {
    check_fault("a { b } c", 8..9, "expected the end of the line after `}`, found `c`", Some("a { b }; c"));
    let (file, _) = read("a { b } c { d }");
    assert_eq!(form(&file.statements), "a { b }; c { d }", "nothing is in doubt");
}

#[test]
fn blocks_have_a_head_on_their_line() {
    check_fault("a b\n  {\n c\n}", 6..7, "expected `{` on the line of `a`", Some("a b { c }"));
    check_fault("{ a }\nb", 0..1, "expected the words of a statement before `{`", None);
    assert_eq!(form(&read("{ a; service c { d } }\nb").0.statements), "service c { d }; b");
    assert_eq!(form(&read("a {} {}\nb").0.statements), "a {}; b");
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| "a { ".repeat(depth) + &"}".repeat(depth) + "\nb";
    assert_eq!(faults(&nested(64)), []);
    assert_eq!(faults(&nested(65)), [("{", "expected at most 64 blocks within one another".to_owned())]);
    assert!(form(&read(&nested(65)).0.statements).ends_with("; b"));
}
