//! What holds of every text.

use proptest::prelude::*;

use super::super::format;
use super::generate::{any_text, correct, mutated};
use super::*;
use crate::source::Span;

/// Comments as another reading finds them: line by line, quotes that end on their line left out.
fn comments(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let mut characters = line.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '#' => {
                    found.push(start + at..start + line.len());
                    break;
                }
                '"' => loop {
                    match characters.next() {
                        None | Some((_, '"')) => break,
                        Some((_, '\\')) => drop(characters.next()),
                        Some(_) => {}
                    }
                },
                _ => {}
            }
        }
        start += line.len() + 1;
    }
    found
}

/// A tree whose places contradict the text or one another.
fn misplaced(text: &str, file: &File, diagnostics: &[Diagnostic]) -> Option<String> {
    let sound = |span: Span| text.get(span.range()).is_some();
    fn walk(statements: &[Statement], within: std::ops::Range<u32>, sound: &dyn Fn(Span) -> bool) -> Option<String> {
        let mut from = within.start;
        for statement in statements {
            let span = statement.span;
            let words_sound = statement.words.iter().all(|word| sound(word.span) && span.contains(word.span));
            if statement.words.is_empty() || !words_sound || !sound(span) || !statement.docs.iter().all(|d| sound(*d)) {
                return Some(format!("{statement:?}"));
            }
            if span.start < from || span.end > within.end {
                return Some(format!("{span:?} is not within {from}..{}", within.end));
            }
            from = span.end;
            if let Some(block) = &statement.block {
                if !sound(block.open) || block.close.is_some_and(|close| !sound(close) || !span.contains(close)) {
                    return Some(format!("{block:?}"));
                }
                let end = block.close.map_or(span.end, |close| close.start);
                if let Some(found) = walk(&block.statements, block.open.end..end, sound) {
                    return Some(found);
                }
            }
        }
        None
    }
    let spans = diagnostics.iter().flat_map(|diagnostic| {
        let edits = diagnostic.suggestion.iter().flat_map(|suggestion| suggestion.edits.iter().map(|(span, _)| *span));
        diagnostic.related.iter().map(|label| label.span).chain(edits).chain([diagnostic.primary.span])
    });
    let unsound = spans.filter(|span| !sound(*span)).map(|span| format!("{span:?}")).next();
    unsound.or_else(|| walk(&file.statements, 0..text.len() as u32, &sound))
}

fn any_broken(statements: &[Statement]) -> bool {
    let inner = |statement: &Statement| statement.block.as_ref().is_some_and(|block| any_broken(&block.statements));
    statements.iter().any(|statement| statement.broken || inner(statement))
}

/// Words, blocks, `##` comments and their attachment, and all comments.
fn meaning(text: &str) -> (Vec<String>, Vec<String>) {
    fn docs(text: &str, statements: &[Statement], into: &mut Vec<String>) {
        for statement in statements {
            let docs: Vec<&str> = statement.docs.iter().map(|doc| text[doc.range()].trim_end()).collect();
            into.push(format!("{} {docs:?}", form_of(statement)));
            docs_of_block(text, statement, into);
        }
    }
    fn docs_of_block(text: &str, statement: &Statement, into: &mut Vec<String>) {
        if let Some(block) = &statement.block {
            docs(text, &block.statements, into);
        }
    }
    let (file, _) = read(text);
    let mut statements = Vec::new();
    docs(text, &file.statements, &mut statements);
    (statements, file.comments.iter().map(|comment| text[comment.range()].trim_end().to_owned()).collect())
}

fn check_any(text: &str) -> Result<(), TestCaseError> {
    let (file, diagnostics) = read(text);
    prop_assert_eq!(misplaced(text, &file, &diagnostics), None);
    let found: Vec<_> = file.comments.iter().map(|comment| comment.range()).collect();
    prop_assert_eq!(found, comments(text));
    // One for each statement outside of blocks at most, and one for what stands before the first.
    prop_assert!(diagnostics.len() <= file.statements.len() + 1);
    prop_assert!(diagnostics.is_sorted_by_key(|diagnostic| diagnostic.primary.span.start));
    prop_assert!(!any_broken(&file.statements) || !diagnostics.is_empty());
    prop_assert_eq!(format(&file, text).is_none(), !diagnostics.is_empty());
    Ok(())
}

fn check_correct(text: &str) -> Result<(), TestCaseError> {
    let (file, diagnostics) = read(text);
    prop_assert_eq!(diagnostics, []);
    let formatted = format(&file, text).unwrap_or_default();
    prop_assert_eq!(meaning(&formatted), meaning(text), "{}", &formatted);
    let (again, diagnostics) = read(&formatted);
    prop_assert_eq!(diagnostics, []);
    prop_assert_eq!(format(&again, &formatted), Some(formatted.clone()));
    prop_assert!(formatted.is_empty() || formatted.ends_with('\n') && !formatted.ends_with("\n\n"));
    prop_assert!(formatted.lines().all(|line| line.trim_end() == line) && !formatted.contains("\n\n\n"));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in any_text()) {
        check_any(&text)?;
    }

    #[test]
    fn mutated_files_are_read(text in mutated()) {
        check_any(&text)?;
    }

    #[test]
    fn formatting_keeps_the_meaning_and_is_done_once(text in correct()) {
        check_any(&text)?;
        check_correct(&text)?;
    }
}

#[test]
fn formatting_keeps_the_meaning_of_real_files() {
    for (name, text) in SKETCHES {
        check_correct(text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    }
}

/// Without a limit, whatever walks the tree would run out of stack.
#[test]
fn no_text_is_too_deep() {
    let deep = "a {\n".repeat(100_000);
    check_any(&deep).unwrap_or_else(|fault| panic!("{fault}"));
    check_any(&(deep + &"}\n".repeat(100_000))).unwrap_or_else(|fault| panic!("{fault}"));
}
