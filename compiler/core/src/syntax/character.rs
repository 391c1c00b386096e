//! Characters that should not be in a text: a reader cannot see them, so that a text would mean something else than
//! it seems to.

use super::fault::Fault;
use super::token::{Kind, Token};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Span};

/// One fault for each run of such characters.
pub(crate) fn faults(id: FileId, text: &str, tokens: &[Token]) -> Vec<Fault> {
    // Almost every text ends here: one pass over its bytes.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return Vec::new();
    }
    let mut faults: Vec<Fault> = Vec::new();
    let mut token = 0;
    let mut run_end = usize::MAX;
    for (at, character) in text.char_indices() {
        let Some(oddity) = Oddity::of(character) else { continue };
        while tokens.get(token).is_some_and(|token| token.end as usize <= at) {
            token += 1;
        }
        let kind = tokens.get(token).map_or(Kind::Newline, |token| token.kind);
        if oddity != Oddity::Deceives && kind != Kind::Word {
            continue;
        }
        let span = Span::new(id, at, at + character.len_utf8());
        if run_end == at
            && let Some(last) = faults.last_mut()
        {
            last.widen(span);
        } else {
            faults.push(oddity.fault(character, span, kind));
        }
        run_end = at + character.len_utf8();
    }
    faults
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Oddity {
    /// Changes what a reader sees: not even a comment may hold it.
    Deceives,
    /// Looks like a space. Fine within quotes and comments.
    Space,
    /// Looks like nothing. Fine within quotes and comments, where it joins letters and emoji.
    Nothing,
}

impl Oddity {
    fn of(character: char) -> Option<Oddity> {
        match character {
            '\n' | '\t' => None,
            // Unicode 16, PropList.txt: Bidi_Control. They reorder what is shown (CVE-2021-42574).
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                Some(Oddity::Deceives)
            }
            _ if character.is_control() => Some(Oddity::Deceives),
            ' ' => None,
            _ if character.is_whitespace() => Some(Oddity::Space),
            '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => Some(Oddity::Nothing),
            _ => None,
        }
    }

    fn fault(self, character: char, span: Span, kind: Kind) -> Fault {
        let code = character as u32;
        let (what, with) = match self {
            Oddity::Deceives => ("the control character", ""),
            Oddity::Space => ("the character", " "),
            Oddity::Nothing => ("the invisible character", ""),
        };
        let mut diagnostic = Diagnostic::new(Code::Syntax, span, format!("found {what} U+{code:04X}"));
        diagnostic = match self {
            Oddity::Space => diagnostic.help("it looks like a space and is none").suggest("write a space", span, with),
            Oddity::Deceives | Oddity::Nothing => diagnostic.help("nobody can see it").suggest("remove it", span, with),
        };
        // A comment belongs to no statement, so none is broken by it.
        match kind.is_comment() {
            true => Fault::new(diagnostic),
            false => Fault::new(diagnostic).breaking(span.start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn found(text: &str) -> Vec<(std::ops::Range<usize>, String)> {
        let (_, diagnostics) = parse(FileId(0), text);
        diagnostics.into_iter().map(|d| (d.primary.span.range(), d.message)).collect()
    }

    #[test]
    fn what_cannot_be_seen_is_found() {
        assert_eq!(found("use a\u{7}\u{7}b"), [(5..7, "found the control character U+0007".into())]);
        assert_eq!(found("use\u{a0}a"), [(3..5, "found the character U+00A0".into())]);
        assert_eq!(found("use a\u{200b}"), [(5..8, "found the invisible character U+200B".into())]);
        assert_eq!(found("# a\u{202e}b\nuse a"), [(3..6, "found the control character U+202E".into())]);
        assert_eq!(found("use a\r\n"), [(5..6, "found the control character U+000D".into())]);
    }

    #[test]
    fn letters_of_every_script_and_spaces_in_quotes_are_fine() {
        assert_eq!(found("owner \"a\u{a0}b\" café 日本 # a\u{a0}\u{200d}b\n"), []);
    }

    #[test]
    fn only_the_statement_is_broken() {
        let (file, _) = parse(FileId(0), "use a\u{7}\nservice b { x }\n# \u{7}\nservice c");
        assert_eq!(file.statements.iter().map(|s| s.broken).collect::<Vec<_>>(), [true, false, false]);
    }

    #[test]
    fn suggestions_repair() {
        for text in ["use\u{a0}\u{a0}a", "use a\u{200b}b", "use \"\u{1}\""] {
            let (_, diagnostics) = parse(FileId(0), text);
            let edits = &diagnostics[0].suggestion.as_ref().expect("a suggestion").edits;
            let mut text = text.to_owned();
            text.replace_range(edits[0].0.range(), &edits[0].1);
            assert_eq!(found(&text), []);
        }
    }
}
