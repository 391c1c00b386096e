//! Who may call, and what is exposed.

use super::args::Args;
use super::service::Lowering;
use super::setting::{AllowDecl, CallerKey, Change, ExposeDecl, Field, Key, OperationDecl, OperationKind, Setting};
use super::value;
use super::workload::spanned_port;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::PathPattern;
use crate::source::{Span, Spanned, Text};
use crate::syntax::tree::Word;

/// The methods that HTTP and its PATCH extension define, and that Kiali accepts (KIA0102).
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];

pub(super) fn allow(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let span = args.statement().span;
    if let Some(none) = args.take_keyword("none") {
        args.finish(false, into.out);
        let stated = |change: &Change| matches!(change.key.field, Field::Allow(..)) && change.value.is_some();
        if let Some(change) = into.layer.first_about(&Key { port: None, field: Field::AllowNone }, stated) {
            return conflict(none, change.span, into.out);
        }
        return into.set(Field::AllowNone, Setting::Flag, span);
    }
    let Some(words) = args.take_list("a caller, `anyone` or `none`", into.out) else { return };
    let operations = match args.take_keyword("to") {
        Some(_) => match operations(args, into.out) {
            Some(operations) => operations,
            None => return,
        },
        None => Vec::new(),
    };
    let port = match args.take_keyword("on") {
        Some(_) => match spanned_port(args, into.out) {
            Some(port) => Some(port),
            None => return,
        },
        None => None,
    };
    args.finish(false, into.out);
    let none = |change: &Change| change.key.field == Field::AllowNone && change.value.is_some();
    let anyone = Key { port: None, field: Field::Allow(CallerKey::Anyone, None) };
    if let Some(change) = into.layer.first_about(&anyone, none) {
        return conflict(span, change.span, into.out);
    }
    for word in words {
        let Some(key) = caller(word, args, into.out) else { return };
        let decl = AllowDecl { caller: word.span, operations: operations.clone(), port: port.clone() };
        let field = Field::Allow(key, port.as_ref().map(|port| port.value));
        into.set(field, Setting::Allow(decl), span.to(span));
    }
}

fn conflict(here: Span, there: Span, out: &mut Diagnostics) {
    out.add(
        Diagnostic::new(Code::ConflictingAllow, here, "`allow none` stands beside callers")
            .related(there, "the other statement")
            .help("keep the callers, or `allow none` alone"),
    );
}

/// `anyone`, `name` or `namespace/name`.
pub(super) fn caller(word: &Word, args: &mut Args<'_>, out: &mut Diagnostics) -> Option<CallerKey> {
    if word.text == "anyone" && !word.quoted {
        return Some(CallerKey::Anyone);
    }
    let (namespace, name) = match word.text.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, word.text.as_str()),
    };
    match (namespace.map(value::label).transpose(), value::label(name)) {
        (Ok(namespace), Ok(name)) => Some(CallerKey::Named(namespace, name)),
        (Err(reason), _) | (_, Err(reason)) => {
            args.fail(word.span, format!("expected a caller such as `web` or `payments/ledger`: {reason}"), out);
            None
        }
    }
}

/// `A, B` of RPCs, `GET|HEAD /path` or `/path`.
pub(super) fn operations(args: &mut Args<'_>, out: &mut Diagnostics) -> Option<Vec<OperationDecl>> {
    let mut list = Vec::new();
    loop {
        list.push(operation(args, out)?);
        if !args.at_comma() {
            return Some(list);
        }
    }
}

fn operation(args: &mut Args<'_>, out: &mut Diagnostics) -> Option<OperationDecl> {
    let word = args.take("an RPC, a path, or a method and a path", out)?;
    if word.text.starts_with('/') {
        let path = read_path(word, args, out)?;
        return Some(OperationDecl { span: word.span, kind: OperationKind::Http(Vec::new(), path) });
    }
    if let Some(next) = args.peek().filter(|next| next.text.starts_with('/') && !next.comma_before) {
        let methods = methods(word, args, out)?;
        args.take("a path", out)?;
        let path = read_path(next, args, out)?;
        return Some(OperationDecl { span: word.span.to(next.span), kind: OperationKind::Http(methods, path) });
    }
    if METHODS.contains(&word.text.as_str()) {
        args.fail(word.span.after(), format!("expected a path after `{}`, such as `/cart` or `/**`", word.text), out);
        return None;
    }
    let identifier = |c: char| c.is_ascii_alphanumeric() || "_./".contains(c);
    if !word.text.chars().all(identifier) || !word.text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        args.fail(word.span, format!("expected an RPC, a path, or a method and a path, found `{}`", word.text), out);
        return None;
    }
    Some(OperationDecl { span: word.span, kind: OperationKind::Rpc(word.text.clone()) })
}

fn methods(word: &Word, args: &mut Args<'_>, out: &mut Diagnostics) -> Option<Vec<Text>> {
    let mut methods: Vec<Text> = Vec::new();
    for method in word.text.split('|') {
        if !METHODS.contains(&method) {
            let mut refusal = value::choice(method, METHODS);
            refusal.near = refusal.near.map(|near| word.text.replacen(method, &near, 1));
            args.fail(word.span, refusal, out);
            return None;
        }
        if !methods.iter().any(|known| known == method) {
            methods.push(method.into());
        }
    }
    methods.sort();
    Some(methods)
}

fn read_path(word: &Word, args: &mut Args<'_>, out: &mut Diagnostics) -> Option<PathPattern> {
    match value::path(&word.text) {
        Ok(path) => Some(path),
        Err(reason) => {
            args.fail(word.span, reason, out);
            None
        }
    }
}

pub(super) fn expose(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(word) = args.take("a host", into.out) else { return };
    let host = match value::host(&word.text) {
        Ok(host) => Spanned::new(host, word.span),
        Err(reason) => return args.fail(word.span, reason, into.out),
    };
    let mut path = PathPattern::All;
    if let Some(word) = args.peek().filter(|word| word.text.starts_with('/')) {
        args.take("a path", into.out);
        match read_path(word, args, into.out) {
            Some(read) => path = read,
            None => return,
        }
    }
    if args.take_keyword("on").is_none() {
        let at = args.peek().map_or(args.statement().head().after(), |word| word.span);
        return args.fail(at, "expected `on` and the gateway that serves the host", into.out);
    }
    let Some(word) = args.take("a gateway", into.out) else { return };
    let gateway = Spanned::new(word.text.clone(), word.span);
    let port = match args.take_keyword("port") {
        Some(_) => match spanned_port(args, into.out) {
            Some(port) => Some(port),
            None => return,
        },
        None => None,
    };
    args.finish(false, into.out);
    let field = Field::Expose(host.value.clone(), Some(path.clone()));
    into.set(field, Setting::Expose(ExposeDecl { host, path, gateway, port }), args.statement().span);
}
