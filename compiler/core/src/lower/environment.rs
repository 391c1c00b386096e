//! `environment NAME { … }`: the target, the cluster's facts, names, overrides and patches.

use super::args::Args;
use super::declaration::{EnvironmentDecl, NamespaceDecl, Scope};
use super::scope::{self, set_once, setting, shared, unknown};
use super::workload::files;
use super::{caller_rest, head, lower_gateway, name, namespace_setting, service_rest, value};
use crate::diagnostic::Diagnostics;
use crate::source::{Spanned, Text};
use crate::syntax::tree::Statement;

const SETTINGS: &[&str] = &[
    "target",
    "sync",
    "prometheus",
    "deploy",
    "after",
    "settle",
    "freeze",
    "notify",
    "trust-domain",
    "cluster-domain",
    "inventory",
    "mtls",
    "authorization",
    "injection",
    "namespace",
    "host",
    "patch",
    "service",
    "caller",
    "gateway",
];

/// Lowers one opening of an environment.
pub(super) fn lower(statement: &Statement, out: &mut Diagnostics) -> Option<EnvironmentDecl> {
    let before = out.len();
    let mut args = head(statement, "`environment NAME { … }`");
    let name = name(&mut args, "the name of the environment", out)?;
    args.finish(true, out);
    let mut decl = EnvironmentDecl {
        name,
        broken: statement.broken,
        scope: Scope::default(),
        target: None,
        trust_domain: None,
        cluster_domain: None,
        sync: None,
        prometheus: None,
        deploy: None,
        after: None,
        settle: None,
        freezes: Vec::new(),
        notify: Vec::new(),
        namespace_names: Vec::new(),
        host_names: Vec::new(),
        patches: Vec::new(),
        services: Vec::new(),
        callers: Vec::new(),
        gateways: Vec::new(),
        namespaces: Vec::new(),
    };
    for inner in statement.block.iter().flat_map(|block| &block.statements) {
        lower_setting(inner, &mut decl, out);
    }
    decl.broken |= out.has_errors_since(before);
    Some(decl)
}

fn lower_setting(statement: &Statement, decl: &mut EnvironmentDecl, out: &mut Diagnostics) {
    let keyword = statement.keyword();
    let here = !matches!(keyword, "owner" | "protos" | "raw");
    if here && shared(statement, &mut decl.scope, out) {
        return;
    }
    match keyword {
        "target" => scope::target(statement, &mut decl.target, out),
        "sync" => scope::sync(statement, &mut decl.sync, out),
        "prometheus" => scope::prometheus(statement, &mut decl.prometheus, out),
        "deploy" => scope::deploy(statement, &mut decl.deploy, out),
        "after" => word(statement, "`after staging`", "an environment", value::label, &mut decl.after, out),
        "settle" => {
            let mut args = setting(statement, "`settle 2m`");
            if let Some(value) = args.take_as("a duration", value::duration, out) {
                args.finish(false, out);
                set_once(&mut decl.settle, value, statement.span, "settle", out);
            }
        }
        "freeze" => super::freeze::freeze(statement, &mut decl.freezes, out),
        "notify" => super::notify::notify(statement, &mut decl.notify, out),
        "trust-domain" => {
            let form = "`trust-domain shop.example.com`";
            word(statement, form, "a trust domain", value::subdomain, &mut decl.trust_domain, out);
        }
        "cluster-domain" => {
            let form = "`cluster-domain cluster.local`";
            word(statement, form, "the cluster's DNS suffix", value::subdomain, &mut decl.cluster_domain, out);
        }
        "namespace" => namespace(statement, decl, out),
        "host" => {
            let mut args = setting(statement, "`host shop.example.com as shop.staging.example.com`");
            if let Some(pair) = renaming(&mut args, "a host", value::host, out) {
                decl.host_names.push(pair);
            }
        }
        "patch" => {
            let mut args = setting(statement, "`patch \"patches/keepalive.yaml\"`");
            decl.patches.extend(files(&mut args, out).unwrap_or_default());
        }
        "service" | "caller" => {
            let mut args = head(statement, "`service [NAMESPACE/]NAME [is PRESET, …] { … }`");
            let Some((namespace, name)) = reference(&mut args, out) else { return };
            if keyword == "service" {
                decl.services.push(service_rest(statement, args, namespace, name, out));
            } else {
                decl.callers.push(caller_rest(statement, args, namespace, name, out));
            }
        }
        "gateway" => decl.gateways.extend(lower_gateway(statement, out)),
        _ => unknown("an environment", statement, SETTINGS, out),
    }
}

/// A setting of one word.
fn word(
    statement: &Statement,
    form: &str,
    what: &str,
    read: fn(&str) -> Result<Text, String>,
    slot: &mut Option<Spanned<Text>>,
    out: &mut Diagnostics,
) {
    let mut args = setting(statement, form);
    let at = args.peek().map(|word| word.span);
    if let (Some(value), Some(at)) = (args.take_as(what, read, out), at) {
        args.finish(false, out);
        set_once(slot, value, at, statement.keyword(), out);
    }
}

/// `A as B`.
fn renaming(
    args: &mut Args<'_>,
    what: &str,
    read: fn(&str) -> Result<Text, String>,
    out: &mut Diagnostics,
) -> Option<(Spanned<Text>, Spanned<Text>)> {
    let from_span = args.peek().map(|word| word.span);
    let from = args.take_as(what, read, out)?;
    if args.take_keyword("as").is_none() {
        let at = args.peek().map_or(args.statement().head().after(), |word| word.span);
        args.fail(at, "expected `as` and the new name", out);
        return None;
    }
    let to_span = args.peek().map(|word| word.span);
    let to = args.take_as(what, read, out)?;
    args.finish(false, out);
    Some((Spanned::new(from, from_span?), Spanned::new(to, to_span?)))
}

/// `namespace A as B`, or `namespace A { … }` with overrides.
fn namespace(statement: &Statement, decl: &mut EnvironmentDecl, out: &mut Diagnostics) {
    let Some(block) = &statement.block else {
        let mut args = setting(statement, "`namespace shop as shop-dev` or `namespace shop { … }`");
        if let Some(pair) = renaming(&mut args, "a namespace", value::label, out) {
            decl.namespace_names.push(pair);
        }
        return;
    };
    let mut args = head(statement, "`namespace NAME { … }`");
    let Some(name) = name(&mut args, "the name of the namespace", out) else { return };
    args.finish(true, out);
    let mut namespace = NamespaceDecl { name: name.clone(), scope: Scope::default() };
    for inner in &block.statements {
        match inner.keyword() {
            "service" | "caller" => {
                let mut args = head(inner, "`service NAME [is PRESET, …] { … }`");
                let Some(inner_name) = super::name(&mut args, "a name", out) else { continue };
                if inner.keyword() == "service" {
                    decl.services.push(service_rest(inner, args, Some(name.clone()), inner_name, out));
                } else {
                    decl.callers.push(caller_rest(inner, args, Some(name.clone()), inner_name, out));
                }
            }
            _ => namespace_setting(inner, &mut namespace, out),
        }
    }
    decl.namespaces.push(namespace);
}

/// `NAME` or `NAMESPACE/NAME` of a service or caller that is overridden.
fn reference(args: &mut Args<'_>, out: &mut Diagnostics) -> Option<(Option<Spanned<Text>>, Spanned<Text>)> {
    let word = args.take("a name", out)?;
    let read = |text: &str| value::label(text).map(|text| Spanned::new(text, word.span));
    let parts = match word.text.split_once('/') {
        Some((namespace, name)) => read(namespace).and_then(|namespace| Ok((Some(namespace), read(name)?))),
        None => read(&word.text).map(|name| (None, name)),
    };
    match parts {
        Ok(parts) => Some(parts),
        Err(reason) => {
            args.fail(word.span, reason, out);
            None
        }
    }
}
