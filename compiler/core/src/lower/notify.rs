//! `notify webhook-file "FILE" on aborted` and `notify command "PROGRAM", "ARGUMENT"`: who is told what became of a
//! release.

use super::declaration::{NotifyDecl, NotifyEvent, NotifyTarget};
use super::scope::setting;
use crate::diagnostic::Diagnostics;
use crate::source::{Spanned, Text};
use crate::suggest;
use crate::syntax::tree::Statement;

pub(super) fn notify(statement: &Statement, into: &mut Vec<Spanned<NotifyDecl>>, out: &mut Diagnostics) {
    let form = "`notify webhook-file \"FILE\" on aborted, failed` or `notify command \"PROGRAM\", \"ARGUMENT\"`";
    let mut args = setting(statement, form);
    let target = if args.take_keyword("webhook-file").is_some() {
        args.take_as("the file that holds the URL", file, out).map(NotifyTarget::WebhookFile)
    } else if args.take_keyword("command").is_some() {
        let words = args.take_list("a program", out);
        words.map(|words| NotifyTarget::Command(words.iter().map(|word| word.text.clone()).collect()))
    } else {
        let at = args.peek().map_or(args.statement().head().after(), |word| word.span);
        return args.fail(at, "expected `webhook-file` or `command`", out);
    };
    let Some(target) = target else { return };
    let mut events = Vec::new();
    if args.take_keyword("on").is_some() {
        let Some(words) = args.take_list("an event", out) else { return };
        for word in words {
            match NotifyEvent::ALL.into_iter().find(|event| event.name() == word.text) {
                Some(event) => events.push(event),
                None => {
                    let known =
                        suggest::list(NotifyEvent::ALL.iter().map(|event| event.name()), NotifyEvent::ALL.len());
                    return args.fail(word.span, format!("expected an event ({known}), found `{}`", word.text), out);
                }
            }
        }
    } else {
        events.extend(NotifyEvent::ALL);
    }
    args.finish(false, out);
    into.push(Spanned::new(NotifyDecl { target, events }, statement.span));
}

/// Whoever knows such a URL can post there, so that it does not belong in a file that is committed.
fn file(word: &str) -> Result<Text, String> {
    if word.contains("://") {
        return Err(
            "a webhook's URL is a secret: write it into a file that is not committed, and name that file".to_owned()
        );
    }
    if word.is_empty() { Err("expected a file, found nothing".to_owned()) } else { Ok(Text::new(word)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::syntax::parse;

    fn lowered(text: &str) -> (Vec<NotifyDecl>, Vec<(Code, String)>) {
        let (file, problems) = parse(crate::source::FileId(0), text);
        assert!(problems.is_empty(), "{text}");
        let (mut into, mut out) = (Vec::new(), Diagnostics::default());
        file.statements.iter().for_each(|statement| notify(statement, &mut into, &mut out));
        let found = out.iter().map(|finding| (finding.code, format!("{finding:?}"))).collect();
        (into.into_iter().map(|decl| decl.value).collect(), found)
    }

    #[test]
    fn whoever_is_told_is_told_everything_unless_events_are_named() {
        let (decls, found) = lowered(
            "notify webhook-file \"secrets/hook\"\nnotify command mesh-notify, \"a b\" on aborted, rolled-back\n",
        );
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(decls[0].target, NotifyTarget::WebhookFile("secrets/hook".into()));
        assert_eq!(decls[0].events, NotifyEvent::ALL);
        assert_eq!(decls[1].target, NotifyTarget::Command(vec!["mesh-notify".into(), "a b".into()]));
        assert_eq!(decls[1].events, [NotifyEvent::Aborted, NotifyEvent::RolledBack]);
    }

    #[test]
    fn what_is_wrong_is_said_and_nobody_is_told() {
        for (text, says) in [
            ("notify webhook-file \"https://example.com/hook\"", "is a secret"),
            ("notify webhook \"x\"", "expected `webhook-file` or `command`"),
            ("notify command x on abort", "expected an event"),
            ("notify command x on", "an event"),
            ("notify command", "a program"),
            ("notify command x y", "y"),
        ] {
            let (decls, found) = lowered(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].0 == Code::MalformedSetting && found[0].1.contains(says), "{text}: {found:?}");
            assert!(decls.is_empty() || text.ends_with(" y"), "{text}");
        }
    }
}
