//! The only file that names pest: a text to tokens, and from there to statements.

use pest::Parser;

use super::token::{Kind, Token};
use super::tree::File;
use super::{build, character, fault};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Span};

// The derived `Rule` is public and cannot carry docs, so it gets a module of its own.
mod grammar {
    #![allow(missing_docs, unreachable_pub)]

    #[derive(pest_derive::Parser)]
    #[grammar = "syntax/mesh.pest"]
    pub struct Skeleton;
}

use grammar::{Rule, Skeleton};

/// Reads a text. Never fails: what could not be understood is marked [`broken`](super::tree::Statement::broken) and
/// reported as [`Code::Syntax`], and the rest is whole. Reports at most one fault for each statement outside of every
/// block, in the order of the text.
///
/// `text` is what [`SourceMap`](crate::source::SourceMap) holds: LF line ends, less than 4 GiB.
pub fn parse(id: FileId, text: &str) -> (File, Vec<Diagnostic>) {
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err(at) => {
            let nothing = File { id, statements: Vec::new(), comments: Vec::new() };
            return (nothing, vec![Diagnostic::new(Code::Syntax, Span::new(id, at, at), "the text cannot be read")]);
        }
    };
    let comments = tokens.iter().filter(|token| token.kind.is_comment()).map(|token| token.span(id)).collect();
    let odd = character::faults(id, text, &tokens);
    if odd.is_empty()
        && let Some(statements) = build::strict(id, text, &tokens)
    {
        return (File { id, statements, comments }, Vec::new());
    }
    let (mut statements, mut faults) = build::recover(id, text, &tokens);
    faults.extend(odd);
    let diagnostics = fault::settle(&mut statements, faults);
    (File { id, statements, comments }, diagnostics)
}

/// The tokens of a text. The grammar covers every text, so `Err`, the offset where matching ended, is left for texts
/// beyond 4 GiB, whose offsets do not fit.
fn tokens(text: &str) -> Result<Vec<Token>, usize> {
    u32::try_from(text.len()).map_err(|_| 0_usize)?;
    let pairs = Skeleton::parse(Rule::file, text).map_err(|error| match error.location {
        pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at,
    })?;
    // Five bytes a token is what real files have; a guess that is too low costs a copy, nothing else.
    let mut tokens = Vec::with_capacity(text.len() / 5);
    for pair in pairs {
        let span = pair.as_span();
        let kind = match pair.as_rule() {
            Rule::word => Kind::Word,
            Rule::mark => match span.as_str() {
                "\n" => Kind::Newline,
                "," => Kind::Comma,
                ";" => Kind::Semicolon,
                "{" => Kind::Open,
                _ => Kind::Close,
            },
            // Three and more are a divider, not a text about what follows.
            Rule::comment if span.as_str().starts_with("##") && !span.as_str().starts_with("###") => Kind::Doc,
            Rule::comment => Kind::Comment,
            Rule::quoted => Kind::Quoted,
            Rule::unterminated => Kind::Unterminated,
            // No tokens of their own: the first two are silent, the third is empty.
            Rule::file | Rule::escape | Rule::EOI => continue,
        };
        tokens.push(Token { kind, start: span.start() as u32, end: span.end() as u32 });
    }
    Ok(tokens)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The tokens of a text.
    pub(crate) fn tokens_of(text: &str) -> Vec<Token> {
        tokens(text).expect("the grammar covers every text")
    }

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        tokens_of(text).iter().map(|token| (token.kind, token.text(text))).collect()
    }

    #[test]
    fn tokens_of_every_kind() {
        assert_eq!(
            kinds("a.b\t\"c d\",{}; # x\n## y\n### z"),
            [
                (Kind::Word, "a.b"),
                (Kind::Quoted, "\"c d\""),
                (Kind::Comma, ","),
                (Kind::Open, "{"),
                (Kind::Close, "}"),
                (Kind::Semicolon, ";"),
                (Kind::Comment, "# x"),
                (Kind::Newline, "\n"),
                (Kind::Doc, "## y"),
                (Kind::Newline, "\n"),
                (Kind::Comment, "### z"),
            ]
        );
    }

    #[test]
    fn every_character_is_of_some_token() {
        for character in (0..=0x2ff).chain(0x2000..0x2070).chain([0xfeff, 0x1f600]).filter_map(char::from_u32) {
            let text = format!("a{character}b");
            let covered: usize = kinds(&text).iter().map(|(_, text)| text.len()).sum();
            let space = usize::from(matches!(character, ' ' | '\t'));
            assert_eq!(covered + space, text.len(), "{character:?}");
        }
    }

    #[test]
    fn a_quote_ends_on_its_line() {
        assert_eq!(kinds(r#""a\"b" c"#), [(Kind::Quoted, r#""a\"b""#), (Kind::Word, "c")]);
        assert_eq!(kinds("\"a }\nb"), [(Kind::Unterminated, "\"a }"), (Kind::Newline, "\n"), (Kind::Word, "b")]);
        assert_eq!(
            kinds("\"a\\\n\""),
            [(Kind::Unterminated, "\"a\\"), (Kind::Newline, "\n"), (Kind::Unterminated, "\"")]
        );
        assert_eq!(kinds("x# \""), [(Kind::Word, "x"), (Kind::Comment, "# \"")]);
    }
}
