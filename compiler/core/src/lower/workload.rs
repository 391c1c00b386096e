//! What a service is made of: ports, pods, accounts, files, owner.

use foldhash::{HashSet, HashSetExt};

use super::args::Args;
use super::service::{Lowering, lower_settings};
use super::setting::{Field, PortDecl, PortKey, Setting};
use super::value;
use crate::diagnostic::Diagnostics;
use crate::source::{Spanned, Text};

pub(super) fn port(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let statement = args.statement();
    let arrow_first = args.take_keyword("->").is_some();
    let Some(number) = spanned_port(args, into.out) else { return };
    let mut decl = if arrow_first {
        PortDecl { service: None, container: Some(number.clone()), protocol: None }
    } else {
        PortDecl { service: Some(number.clone()), container: None, protocol: None }
    };
    if !arrow_first && args.take_keyword("->").is_some() {
        let Some(container) = spanned_port(args, into.out) else { return };
        decl.container = Some(container);
    }
    if let Some(word) = args.peek().filter(|word| !word.comma_before) {
        let Some(protocol) = args.take_as("a protocol", value::protocol, into.out) else { return };
        decl.protocol = Some(Spanned::new(protocol, word.span));
    }
    args.finish(true, into.out);
    let key = if arrow_first { PortKey::Container(number.value) } else { PortKey::Service(number.value) };
    into.set(Field::Port(key), Setting::Port(decl), statement.head());
    if let Some(block) = &statement.block {
        lower_settings(block, into.layer, Some(key), into.out);
    }
}

pub(super) fn spanned_port(args: &mut Args<'_>, out: &mut Diagnostics) -> Option<Spanned<u16>> {
    let span = args.peek().map(|word| word.span);
    let port = args.take_as("a port", value::port, out)?;
    Some(Spanned::new(port, span?))
}

/// `key=value` pairs, as in `kubectl --selector` but separated by spaces.
pub(crate) fn label_pairs(args: &mut Args<'_>, out: &mut Diagnostics) -> Option<Vec<(Text, Text)>> {
    let mut pairs: Vec<(Text, Text)> = Vec::new();
    let mut keys: HashSet<&str> = HashSet::new();
    while args.peek().is_some() || pairs.is_empty() {
        let word = args.take("labels such as `app=web`", out)?;
        let Some((key, value)) = word.text.split_once('=') else {
            args.fail(word.span, format!("expected a label such as `app=web`, found `{}`", word.text), out);
            return None;
        };
        let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
        if value::label_value(name).is_err() || value::label_value(value).is_err() {
            args.fail(word.span, format!("`{}` is not a label that Kubernetes accepts", word.text), out);
            return None;
        }
        if !keys.insert(key) {
            args.fail(word.span, format!("the label `{key}` is stated twice"), out);
            return None;
        }
        pairs.push((key.into(), value.into()));
    }
    pairs.sort();
    Some(pairs)
}

pub(super) fn selector(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(pairs) = label_pairs(args, into.out) else { return };
    args.finish(false, into.out);
    into.set(Field::Selector, Setting::Selector(pairs), args.statement().span);
}

pub(super) fn service_account(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(name) = args.take_as("the name of a ServiceAccount", value::subdomain, into.out) else { return };
    args.finish(false, into.out);
    into.set(Field::ServiceAccount, Setting::Name(name), args.statement().span);
}

pub(super) fn also(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(words) = args.take_list("the name of a Service", into.out) else { return };
    let mut names = Vec::new();
    for word in words {
        match value::label(&word.text) {
            Ok(name) => names.push(Spanned::new(name, word.span)),
            Err(reason) => return args.fail(word.span, reason, into.out),
        }
    }
    args.finish(false, into.out);
    into.set(Field::Also, Setting::Names(names), args.statement().span);
}

pub(super) fn headless(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    args.finish(false, into.out);
    into.set(Field::Headless, Setting::Flag, args.statement().span);
}

pub(super) fn replicas(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(number) = args.take_as("a number of pods", |w| value::number(w, 1..=100_000), into.out) else { return };
    args.finish(false, into.out);
    into.set(Field::Replicas, Setting::Number(number), args.statement().span);
}

pub(super) fn mtls(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(mode) = args.take_as("`strict`, `permissive` or `disable`", value::mtls, into.out) else { return };
    args.finish(false, into.out);
    into.set(Field::Mtls, Setting::Mtls(mode), args.statement().span);
}

pub(super) fn owner(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(name) = owner_name(args, into.out) else { return };
    args.finish(false, into.out);
    into.set(Field::Owner, Setting::Name(name), args.statement().span);
}

/// `@team`: as CODEOWNERS spells teams and people, which is where owners end up.
pub(crate) fn owner_name(args: &mut Args<'_>, out: &mut Diagnostics) -> Option<Text> {
    let read = |word: &str| match word.strip_prefix('@') {
        Some(rest) if !rest.is_empty() => Ok(Text::new(word)),
        _ => Err(format!("expected a team such as `@shop`, found `{word}`")),
    };
    args.take_as("a team such as `@shop`", read, out)
}

pub(super) fn rpcs(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(service) = args.take("the full name of a gRPC service", into.out) else { return };
    let Some(words) = args.take_list("the name of an RPC", into.out) else { return };
    let identifier = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !text.is_empty();
    if let Some(word) = words.iter().find(|word| !identifier(&word.text)) {
        return args.fail(word.span, format!("`{}` is not the name of an RPC", word.text), into.out);
    }
    if !service.text.split('.').all(identifier) {
        return args.fail(service.span, format!("`{}` is not the full name of a gRPC service", service.text), into.out);
    }
    args.finish(false, into.out);
    let methods = words.iter().map(|word| word.text.clone()).collect();
    into.set(Field::Rpcs(service.text.clone()), Setting::Rpcs(methods), args.statement().span);
}

pub(super) fn protos(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(files) = files(args, into.out) else { return };
    into.set(Field::Protos, Setting::Files(files), args.statement().span);
}

pub(super) fn raw(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(files) = files(args, into.out) else { return };
    into.set(Field::Raw, Setting::Files(files), args.statement().span);
}

/// A list of quoted paths.
pub(crate) fn files(args: &mut Args<'_>, out: &mut Diagnostics) -> Option<Vec<Spanned<Text>>> {
    let words = args.take_list("a path in quotes", out)?;
    if let Some(word) = words.iter().find(|word| word.text.is_empty()) {
        args.fail(word.span, "a path is empty", out);
        return None;
    }
    args.finish(false, out);
    Some(words.into_iter().map(|word| Spanned::new(word.text.clone(), word.span)).collect())
}
