//! Each token of each example is deleted, in turn, and the whole project compiled: nothing panics, at most one fault
//! is of syntax, the other declarations are read as before, and what follows from the fault folds into one finding.

use std::ops::Range;

use meshc_core::code::Code;
use meshc_core::source::FileId;
use meshc_core::syntax;
use meshc_core::syntax::tree::{Statement, Word};

use crate::support::assert_none;
use crate::support::project::{Texts, examples};

/// Words, quoted words and punctuation; no comments and no line ends.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match next {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            '{' | '}' | ',' | ';' => 1,
            _ if next.is_whitespace() => next.len_utf8(),
            _ => rest.find(|c: char| c.is_whitespace() || "{},;\"#".contains(c)).unwrap_or(rest.len()),
        };
        if next != '#' && !next.is_whitespace() {
            tokens.push(at..at + length);
        }
        at += length;
    }
    tokens
}

/// A declaration with its words and blocks, however it is laid out.
fn form(statement: &Statement) -> String {
    let word = |word: &Word| format!("{}{:?}", if word.comma_before { "," } else { "" }, word.text);
    let words: Vec<String> = statement.words.iter().map(word).collect();
    let block = statement.block.as_ref().map(|block| block.statements.iter().map(form).collect::<Vec<_>>().join(";"));
    words.join(" ") + &block.map_or(String::new(), |block| format!("{{{block}}}"))
}

/// The declarations of a file with their extent: those outside of every block, and the services and callers of
/// namespaces and environments.
fn declarations(text: &str) -> Vec<(Range<usize>, String)> {
    let (file, _) = syntax::parse(FileId(0), text);
    let mut list = Vec::new();
    for statement in &file.statements {
        let inner = statement.block.iter().flat_map(|block| &block.statements);
        let inner: Vec<&Statement> = inner.filter(|inner| ["service", "caller"].contains(&inner.keyword())).collect();
        if inner.is_empty() {
            list.push((statement.span.range(), form(statement)));
        }
        list.extend(inner.into_iter().map(|statement| (statement.span.range(), form(statement))));
    }
    list
}

/// What is wrong after one deletion, and how many findings it gave.
fn delete(texts: &Texts, path: &str, token: &Range<usize>) -> (Vec<String>, Vec<String>) {
    let text = &texts.0[path];
    let mut less = text.clone();
    less.replace_range(token.clone(), "");
    let mut problems = Vec::new();
    // The token belongs to the declaration around it, or to the head of a namespace or environment.
    let after: Vec<String> = declarations(&less).into_iter().map(|(_, form)| form).collect();
    for (extent, form) in declarations(text) {
        let outside = token.start < extent.start || extent.end < token.end;
        if outside && !after.contains(&form) {
            problems.push(format!("lost {form}"));
        }
    }
    let compiled = texts.clone().with(path, less).compile();
    let syntax = compiled.found.iter().filter(|diagnostic| diagnostic.code == Code::Syntax).count();
    if syntax > 1 {
        problems.push(format!("{syntax} findings of syntax"));
    }
    (problems, compiled.lines())
}

#[test]
fn one_missing_token_is_told_once() {
    let mut problems = Vec::new();
    let (mut told, mut legal) = (0, Vec::new());
    for example in examples() {
        let texts = Texts::example(&example);
        for (path, text) in texts.mesh_files().filter(|(path, _)| !path.starts_with("..")) {
            let tokens = tokens(text);
            let results = in_parallel(&tokens, |token| delete(&texts, path, token));
            for (token, (faults, found)) in tokens.iter().zip(results) {
                let line = text[..token.start].matches('\n').count() + 1;
                let what = format!("{example}, {path}:{line} without `{}`", &text[token.clone()]);
                problems.extend(faults.into_iter().map(|fault| format!("{what}: {fault}")));
                match found.len() {
                    0 => legal.push(what),
                    1 => told += 1,
                    several => problems.push(format!("{what}: {several} findings\n    {}", found.join("\n    "))),
                }
            }
        }
    }
    println!("{told} deletions give one finding, {} another mesh:\n{}", legal.len(), legal.join("\n"));
    if told < 500 || legal.len() * 50 > told {
        problems.push(format!("{told} deletions are told, {} are not", legal.len()));
    }
    assert_none(&problems);
}

/// Results in the order of the items.
fn in_parallel<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let chunk = items.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let f = &f;
        let parts: Vec<_> =
            items.chunks(chunk).map(|part| scope.spawn(move || part.iter().map(f).collect::<Vec<R>>())).collect();
        parts.into_iter().flat_map(|part| part.join().expect("compiling panics")).collect()
    })
}
