//! What is left of texts with braces missing or too many.

use super::*;

/// What is reported, as `line:column message`, and what is read.
#[track_caller]
fn check(text: &str, reported: &[&str], statements: &str) {
    let (file, diagnostics) = read(text);
    let place = |diagnostic: &Diagnostic| {
        let before = &text[..diagnostic.primary.span.start as usize];
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
        format!("{}:{column} {}", before.matches('\n').count() + 1, diagnostic.message)
    };
    assert_eq!(diagnostics.iter().map(place).collect::<Vec<_>>(), reported);
    assert_eq!(form(&file.statements), statements);
}

#[test]
fn a_missing_brace_is_reported_where_it_was_opened() {
    let text = "service a {\n  allow b\n\n## c\nservice c {\n  allow d\n}\n";
    let (file, diagnostics) = read(text);
    assert_eq!(form(&file.statements), "!service a { allow b }; service c { allow d }");
    assert_eq!(file.statements[1].docs.len(), 1);
    let [fault] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!(fault.message, "expected `}` at the end of the block of `service a`");
    assert_eq!(fault.primary.span.range(), 10..11);
    assert_eq!(fault.primary.text, "this `{` is never closed");
    let related: Vec<_> = fault.related.iter().map(|label| (&text[label.span.range()], label.text.as_str())).collect();
    assert_eq!(related, [("service", "`service` begins here, behind the block")]);
    assert_eq!(
        repaired(text, fault).as_deref(),
        Some("service a {\n  allow b\n}\n\n## c\nservice c {\n  allow d\n}\n")
    );
}

#[test]
fn a_missing_brace_without_indentation() {
    check(
        "service a {\nallow b\nservice c {\nallow d\n}",
        &["1:11 expected `}` at the end of the block of `service a`"],
        "!service a { allow b }; service c { allow d }",
    );
    check(
        "environment a {\nservice b {\nallow c\nservice d {\nallow e\n}\nhost f as g\n}\nuse h",
        &["2:11 expected `}` at the end of the block of `service b`"],
        "environment a { !service b { allow c }; service d { allow e }; host f as g }; use h",
    );
    check(
        "mesh a {\nnamespace b\nnamespace c {\nservice d\n}",
        &["1:8 expected `}` at the end of the block of `mesh a`"],
        "!mesh a { namespace b }; namespace c { service d }",
    );
}

#[test]
fn a_missing_brace_of_an_inner_block() {
    check(
        "preset a {\n  canary {\n    stage 5%\n}\npreset b {\n}\n",
        &["2:10 expected `}` at the end of the block of `canary`"],
        "!preset a { !canary { stage 5% } }; preset b {}",
    );
    check(
        "environment a {\n  deploy { folder a; branch b\n  sync flux\n  service c { d }\n}\n",
        &["2:10 expected `}` at the end of the block of `deploy`"],
        "!environment a { !deploy { folder a; branch b }; sync flux; service c { d } }",
    );
}

#[test]
fn several_missing_braces_are_one_fault() {
    let text = "namespace a {\n  service b {\n    retry 2 { on c # why\n";
    let (file, diagnostics) = read(text);
    assert_eq!(form(&file.statements), "!namespace a { !service b { !retry 2 { on c } } }");
    let [fault] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!(fault.message, "expected `}` at the end of the block of `retry`");
    assert_eq!(
        repaired(text, fault).as_deref(),
        Some("namespace a {\n  service b {\n    retry 2 { on c } # why\n  }\n}\n")
    );
}

#[test]
fn a_declaration_in_the_first_column_closes_all() {
    check(
        "environment a {\n  service b {\n    allow c\nservice d {\n  allow e\n}\n",
        &["2:13 expected `}` at the end of the block of `service b`"],
        "!environment a { !service b { allow c } }; service d { allow e }",
    );
}

#[test]
fn a_missing_open_brace() {
    let text = "service a is b\n  allow c\n\n  timeout 2s\n}\nservice d { e }\n";
    check(
        text,
        &["1:15 expected `{` after the head of `service a`"],
        "!service a is b { allow c; timeout 2s }; service d { e }",
    );
    let fixed = repaired(text, &read(text).1[0]).expect("a suggestion");
    assert!(fixed.starts_with("service a is b {\n  allow c\n"), "{fixed}");
    check(
        "service a\nallow c\n}\nservice d { e }\n",
        &["1:10 expected `{` after the head of `service a`"],
        "!service a { allow c }; service d { e }",
    );
    check(
        "namespace a {\n  service b\n    allow c\n  }\n  service d { e }\n}\n",
        &["2:12 expected `{` after the head of `service b`"],
        "namespace a { !service b { allow c }; service d { e } }",
    );
    check(
        "preset a {\n  canary\n    stage 5%\n  }\n  timeout 2s\n}\n",
        &["2:9 expected `{` after the head of `canary`"],
        "!preset a { !canary { stage 5% }; timeout 2s }",
    );
    check(
        "environment a\nsync b\nhost c as d\nnamespace e as f\nservice g { h }\nsync i\n}\nuse j",
        &["1:14 expected `{` after the head of `environment a`"],
        "!environment a { sync b; host c as d; namespace e as f; service g { h }; sync i }; use j",
    );
}

#[test]
fn a_missing_open_brace_on_one_line() {
    let text = "service a is b, c allow d, e; timeout 2s }\nservice f { g }";
    check(
        text,
        &["1:18 expected `{` after the head of `service a`"],
        "!service a is b, c { !allow d, e; timeout 2s }; service f { g }",
    );
    assert_eq!(
        repaired(text, &read(text).1[0]).as_deref(),
        Some("service a is b, c { allow d, e; timeout 2s }\nservice f { g }")
    );
    check(
        "environment a {\n  service b canary { c } }\n  service d { e }\n}\n",
        &["2:12 expected `{` after the head of `service b`"],
        "environment a { !service b { !canary { c } }; service d { e } }",
    );
    check(
        "service a {\n  retry 2 per-try 600ms }\n  timeout 2s\n}\nservice b",
        &["2:25 found `}` and no `{` that it closes"],
        "!service a { !retry 2 per-try 600ms; timeout 2s }; service b",
    );
}

/// `caller a` is whole: an empty line keeps it apart from what follows.
#[test]
fn a_block_without_a_head_is_nobodys() {
    check(
        "caller a\n\n## service b {\n  allow c\n  timeout 2s\n}\nservice d { e }",
        &["6:1 found `}` and no `{` that it closes"],
        "caller a; !allow c; !timeout 2s; service d { e }",
    );
}

#[test]
fn a_brace_too_many() {
    check("service a { b }\n}\nservice c", &["2:1 found `}` and no `{` that it closes"], "service a { b }; service c");
    check(
        "service a {\n  b }\n  c\n}\nservice d",
        &["2:5 found `}` and no `{` that it closes"],
        "!service a { !b; c }; service d",
    );
    check(
        "service a {{\n  b\n}\nservice c { d }",
        &["1:12 expected the words of a statement before `{`"],
        "!service a {}; service c { d }",
    );
}

/// Balanced, so nothing is missing: it was written there on purpose.
#[test]
fn a_declaration_in_a_block_of_settings() {
    check(
        "service a {\n  timeout 2s\n  service b {\n    c\n  }\n}\nservice d { e }",
        &["3:3 found the declaration `service` in the block of `service a`"],
        "!service a { timeout 2s; !service b { c } }; service d { e }",
    );
}

#[test]
fn only_the_innermost_declaration_is_broken() {
    check(
        "namespace a {\n  owner @b,,@c\n  service d { e f,,g }\n  service h\n}\n",
        &["2:12 expected a word between two commas"],
        "namespace a { !owner @b, @c; !service d { !e f, g }; service h }",
    );
}

#[test]
fn each_declaration_reports_its_first_fault() {
    check(
        "service a {\n  b c,,d\n  e \"\n}\nservice f {\n  g,\n}\n",
        &[
            "2:7 expected a word between two commas",
            "6:4 expected a word after `,`, found none at the end of the statement",
        ],
        "!service a { !b c, d; !e \"\" }; !service f { !g }",
    );
}
