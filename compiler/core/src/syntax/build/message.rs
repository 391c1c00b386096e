//! What is said about each fault of the text.

use super::super::fault::Fault;
use super::super::place::Declaration;
use super::super::tree::Word;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Suggestion};
use crate::source::Span;

fn fault(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::Syntax, span, message)
}

/// A statement as messages name it: with its name if it declares something.
pub(super) fn title(words: &[Word]) -> String {
    match words {
        [keyword, name, ..] if !keyword.quoted && Declaration::of(&keyword.text).is_some() => {
            format!("`{} {}`", keyword.text, name.text)
        }
        [keyword, ..] => format!("`{}`", keyword.text),
        [] => "the block".to_owned(),
    }
}

pub(super) fn unterminated(span: Span) -> Fault {
    let quote = Span { end: span.start + 1, ..span };
    Fault::new(
        fault(span, "expected `\"` before the end of the line")
            .related(quote, "the quoted text begins here")
            .help("close the quoted text on its line; `\\\"` is a quote within it, and `\\n` begins a new line in it"),
    )
}

pub(super) fn unknown_escape(span: Span, escape: &str) -> Fault {
    Fault::new(fault(span, format!("expected `\\\"`, `\\\\` or `\\n`, found `{escape}`")).suggest(
        "write a backslash as `\\\\`",
        span,
        format!("\\{escape}"),
    ))
}

pub(super) fn trailing_comma(comma: Span, place: &str) -> Fault {
    Fault::new(
        fault(comma, format!("expected a word after `,`, found none {place}"))
            .help("a word in quotes is never taken for the beginning of a declaration")
            .suggest("remove `,`", comma, ""),
    )
}

pub(super) fn two_commas(comma: Span) -> Fault {
    Fault::new(fault(comma, "expected a word between two commas").suggest("remove one `,`", comma, ""))
}

pub(super) fn leading_comma(comma: Span) -> Fault {
    Fault::new(fault(comma, "expected a word before `,`").suggest("remove `,`", comma, ""))
}

/// A list whose comma stands at the beginning of the next line in place of the end of its own.
pub(super) fn comma_on_next_line(comma: Span, last: Span) -> Fault {
    let mut diagnostic = fault(comma, "expected `,` at the end of the line that is continued")
        .related(last.after(), "the statement ends here without `,`");
    diagnostic.suggestion = Some(Suggestion {
        text: "move `,` to the end of the line before".to_owned(),
        edits: vec![(last.after(), ",".to_owned()), (comma, String::new())],
    });
    Fault::new(diagnostic)
}

pub(super) fn no_line_end(close: Span, word: Span, text: &str, indent: &str) -> Fault {
    let between = Span { start: close.end, end: word.start, ..close };
    Fault::new(
        fault(word, format!("expected the end of the line after `}}`, found `{text}`"))
            .related(close, "the statement ends here")
            .suggest("begin a new line", between, format!("\n{indent}")),
    )
}

pub(super) fn block_without_words(open: Span) -> Fault {
    Fault::new(
        fault(open, "expected the words of a statement before `{`")
            .help("write what the block belongs to before it, or remove `{` and its `}`"),
    )
}

pub(super) fn block_on_next_line(open: Span, head: &[Word], last: Span) -> Fault {
    Fault::new(
        fault(open, format!("expected `{{` on the line of {}", title(head)))
            .related(last.after(), "the statement ends with its line")
            .suggest("move `{` to the line before", Span { start: last.end, ..open }, " {"),
    )
}

pub(super) fn too_deep(open: Span, limit: usize) -> Fault {
    Fault::new(fault(open, format!("expected at most {limit} blocks within one another")))
}

/// `alone`: no word stands before it on its line, so that it is more likely too many than its `{` missing.
pub(super) fn never_opened(close: Span, alone: bool) -> Fault {
    let diagnostic = fault(close, "found `}` and no `{` that it closes");
    Fault::new(match alone {
        true => diagnostic.suggest("remove `}`", close, ""),
        false => diagnostic.help("remove `}`, or insert the `{` that belongs to it"),
    })
}

pub(super) fn missing_open(head: &[Word], last: Span, close: Span) -> Fault {
    Fault::new(
        fault(last.after(), format!("expected `{{` after the head of {}", title(head)))
            .related(close, "this `}` closes a block that was never opened")
            .suggest("insert `{`", last.after(), " {"),
    )
}

pub(super) fn misplaced(keyword: Span, text: &str, within: &[Word], open: Span) -> Fault {
    Fault::new(
        fault(keyword, format!("found the declaration `{text}` in the block of {}", title(within)))
            .related(open, "the block begins here")
            .help("move the declaration out of the block"),
    )
}

/// `innermost` is the block that is reported; `others` are open around it and missing their `}` too.
pub(super) fn missing_close(
    (words, open): (&[Word], Span),
    others: impl Iterator<Item = Span>,
    (noticed, why): (Span, &str),
    edits: Vec<(Span, String)>,
) -> Fault {
    let mut diagnostic = fault(open, format!("expected `}}` at the end of the block of {}", title(words)))
        .label("this `{` is never closed")
        .related(noticed, why);
    for other in others {
        diagnostic = diagnostic.related(other, "nor is this one");
    }
    diagnostic.suggestion = Some(Suggestion { text: "insert `}`".to_owned(), edits });
    Fault::new(diagnostic)
}
