//! Settings of meshes, namespaces, callers, gateways and environments: each states a field once.

use super::args::Args;
use super::declaration::{CallerDecl, DeployDecl, GatewayDecl, PrometheusDecl, Scope, SyncEngine, TargetDecl};
use super::value;
use super::workload::{files, label_pairs, owner_name};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::target::{IstioVersion, Profile};
use crate::model::{Authorization, Injection, Listener};
use crate::source::{Span, Spanned, Text};
use crate::suggest;
use crate::syntax::tree::Statement;

/// States a field once; again is an error at both lines.
pub(crate) fn set_once<T>(slot: &mut Option<Spanned<T>>, value: T, span: Span, what: &str, out: &mut Diagnostics) {
    match slot {
        Some(first) => out.add(stated_twice(what, first.span, span)),
        None => *slot = Some(Spanned::new(value, span)),
    }
}

/// The fault of a field that is stated twice on one layer.
pub(crate) fn stated_twice(what: &str, first: Span, again: Span) -> Diagnostic {
    Diagnostic::new(Code::DuplicateSetting, again, format!("`{what}` is stated twice"))
        .label("stated again here")
        .related(first, "first stated here")
        .help("keep one of the two")
}

/// A cursor for a setting with this form.
pub(super) fn setting<'a>(statement: &'a Statement, form: &'a str) -> Args<'a> {
    Args::new(statement, form, Code::MalformedSetting)
}

/// A block has no such setting.
pub(super) fn unknown(place: &str, statement: &Statement, names: &[&str], out: &mut Diagnostics) {
    let Some(word) = statement.words.first().filter(|_| !statement.broken) else { return };
    let mut diagnostic =
        Diagnostic::new(Code::UnknownSetting, word.span, format!("{place} has no setting `{}`", word.text));
    diagnostic = match suggest::nearest(&word.text, names.iter().copied()) {
        Some(near) => diagnostic.suggest(format!("did you mean `{near}`?"), word.span, near),
        None => diagnostic.help(format!("the settings are {}", suggest::list(names.iter().copied(), usize::MAX))),
    };
    out.add(diagnostic);
}

/// The settings that meshes, namespaces and environments share. Returns whether the keyword is one of them.
pub(super) fn shared(statement: &Statement, scope: &mut Scope, out: &mut Diagnostics) -> bool {
    let span = statement.span;
    match statement.keyword() {
        "mtls" => {
            let mut args = setting(statement, "`mtls strict`");
            if let Some(mode) = args.take_as("`strict`, `permissive` or `disable`", value::mtls, out) {
                args.finish(false, out);
                set_once(&mut scope.mtls, mode, span, "mtls", out);
            }
        }
        "authorization" => {
            let mut args = setting(statement, "`authorization deny-by-default` or `authorization dry-run`");
            let read = |word: &str| match word {
                "deny-by-default" => Ok(Authorization::DenyByDefault),
                "dry-run" => Ok(Authorization::DryRun),
                _ => Err(value::choice(word, &["deny-by-default", "dry-run"])),
            };
            if let Some(mode) = args.take_as("`deny-by-default` or `dry-run`", read, out) {
                args.finish(false, out);
                set_once(&mut scope.authorization, mode, span, "authorization", out);
            }
        }
        "owner" => {
            let mut args = setting(statement, "`owner @team`");
            if let Some(owner) = owner_name(&mut args, out) {
                args.finish(false, out);
                set_once(&mut scope.owner, owner, span, "owner", out);
            }
        }
        "injection" => injection(statement, scope, out),
        "inventory" => {
            let mut args = setting(statement, "`inventory \"kubernetes/*.yaml\"`");
            scope.inventory.extend(files(&mut args, out).unwrap_or_default());
        }
        "protos" => {
            let mut args = setting(statement, "`protos \"protos/shop.proto\"`");
            scope.protos.extend(files(&mut args, out).unwrap_or_default());
        }
        "raw" => {
            let mut args = setting(statement, "`raw \"file.yaml\"`");
            scope.raw.extend(files(&mut args, out).unwrap_or_default());
        }
        _ => return false,
    }
    true
}

fn injection(statement: &Statement, scope: &mut Scope, out: &mut Diagnostics) {
    let mut args = setting(statement, "`injection enabled` or `injection revision 1-31`");
    let read = |word: &str| match word {
        "enabled" | "revision" => Ok(word == "enabled"),
        _ => Err(value::choice(word, &["enabled", "revision"])),
    };
    let Some(enabled) = args.take_as("`enabled` or `revision`", read, out) else { return };
    let injection = if enabled {
        Some(Injection::Enabled)
    } else {
        args.take_as("the revision", value::label_value, out).map(Injection::Revision)
    };
    let Some(injection) = injection else { return };
    args.finish(false, out);
    set_once(&mut scope.injection, injection, statement.span, "injection", out);
}

/// `NS/NAME`.
fn qualified(word: &str) -> Result<(Text, Text), String> {
    match word.split_once('/') {
        Some((namespace, name)) => Ok((value::label(namespace)?, value::subdomain(name)?)),
        None => Err(format!("expected a namespace and a name such as `istio-system/{word}`, found `{word}`")),
    }
}

/// A setting of a caller.
pub(super) fn caller(statement: &Statement, decl: &mut CallerDecl, out: &mut Diagnostics) {
    match statement.keyword() {
        "service-account" => {
            let mut args = setting(statement, "`service-account NAME` or `service-account NAMESPACE/NAME`");
            let read = |word: &str| match word.contains('/') {
                true => qualified(word).map(|(namespace, name)| (Some(namespace), name)),
                false => value::subdomain(word).map(|name| (None, name)),
            };
            if let Some(account) = args.take_as("the name of a ServiceAccount", read, out) {
                args.finish(false, out);
                set_once(&mut decl.account, account, statement.span, "service-account", out);
            }
        }
        "sidecar" => {
            let mut args = setting(statement, "`sidecar none`");
            if args.take_keyword("none").is_none() {
                args.fail(statement.head().after(), "expected `none`", out);
            }
            args.finish(false, out);
            decl.no_sidecar = Some(statement.span);
        }
        _ => unknown("a caller", statement, &["service-account", "sidecar"], out),
    }
}

/// A setting of a gateway.
pub(super) fn gateway(statement: &Statement, decl: &mut GatewayDecl, out: &mut Diagnostics) {
    let span = statement.span;
    match statement.keyword() {
        "pods" => {
            let mut args = setting(statement, "`pods istio-system istio=ingressgateway`");
            let Some(namespace) = args.take_as("the namespace of the pods", value::label, out) else { return };
            let Some(labels) = label_pairs(&mut args, out) else { return };
            args.finish(false, out);
            set_once(&mut decl.pods, (namespace, labels), span, "pods", out);
        }
        "service-account" | "resource" => {
            let (form, slot, what) = match statement.keyword() {
                "resource" => ("`resource istio-system/public`", &mut decl.resource, "resource"),
                _ => ("`service-account istio-system/ingress`", &mut decl.account, "service-account"),
            };
            let mut args = setting(statement, form);
            if let Some(name) = args.take_as("a namespace and a name", qualified, out) {
                args.finish(false, out);
                set_once(slot, name, span, what, out);
            }
        }
        "listener" => {
            let mut args = setting(statement, "`listener 443`");
            if let Some(port) = args.take_as("a port of the gateway", value::port, out) {
                args.finish(false, out);
                set_once(&mut decl.listener, port, span, "listener", out);
            }
        }
        "trusted-proxies" => {
            let mut args = setting(statement, "`trusted-proxies 1`");
            let read = |word: &str| value::number(word, 0..=100);
            if let Some(number) = args.take_as("the number of proxies before the gateway", read, out) {
                args.finish(false, out);
                set_once(&mut decl.trusted_proxies, number, span, "trusted-proxies", out);
            }
        }
        "listen" => listen(statement, decl, out),
        _ => {
            let names = ["pods", "service-account", "resource", "listen", "listener", "trusted-proxies"];
            unknown("a gateway", statement, &names, out);
        }
    }
}

fn listen(statement: &Statement, decl: &mut GatewayDecl, out: &mut Diagnostics) {
    let mut args = setting(statement, "`listen 443 https { credential shop-cert }`");
    let Some(port) = args.take_as("a port of the gateway", value::port, out) else { return };
    let read = |word: &str| match word {
        "http" | "https" => Ok(word == "https"),
        _ => Err(value::choice(word, &["http", "https"])),
    };
    let Some(https) = args.take_as("`http` or `https`", read, out) else { return };
    args.finish(true, out);
    let mut listener = Listener { span: statement.span, port, https, credential: None, redirect: false };
    for inner in statement.block.iter().flat_map(|block| &block.statements) {
        match inner.keyword() {
            "credential" => {
                let mut args = setting(inner, "`credential shop-cert`");
                listener.credential = args.take_as("the name of a Secret", value::subdomain, out);
                args.finish(false, out);
            }
            "redirect" => {
                let mut args = setting(inner, "`redirect https`");
                if args.take_keyword("https").is_none() {
                    args.fail(inner.head().after(), "expected `https`", out);
                }
                args.finish(false, out);
                listener.redirect = true;
            }
            _ => unknown("`listen`", inner, &["credential", "redirect"], out),
        }
    }
    match decl.listen.iter().find(|known| known.port == port) {
        Some(first) => out.add(stated_twice(&format!("listen {port}"), first.span, statement.span)),
        None => decl.listen.push(listener),
    }
}

/// `target istio 1.31 [profile stable]`.
pub(super) fn target(statement: &Statement, slot: &mut Option<Spanned<TargetDecl>>, out: &mut Diagnostics) {
    let mut args = setting(statement, "`target istio 1.31` or `target istio 1.31 profile stable`");
    let read = |word: &str| match word {
        "istio" => Ok(()),
        "linkerd" | "gateway-api" => {
            Err(format!("`{word}` is a target of a later version; this one renders for `istio`").into())
        }
        _ => Err(value::choice(word, &["istio"])),
    };
    if args.take_as("`istio`", read, out).is_none() {
        return;
    }
    let Some(word) = args.take("a version such as `1.31`", out) else { return };
    let parts: Vec<Option<u32>> = word.text.split('.').map(|part| part.parse().ok()).collect();
    let (Some(Some(major)), Some(Some(minor)), true) = (parts.first(), parts.get(1), parts.len() <= 3) else {
        return args.fail(word.span, format!("expected a version such as `1.31`, found `{}`", word.text), out);
    };
    let istio = IstioVersion { major: *major, minor: *minor };
    if istio < IstioVersion::OLDEST || istio > IstioVersion::NEWEST {
        out.add(
            Diagnostic::new(Code::UnsupportedTarget, word.span, format!("Istio {istio} is not rendered for"))
                .label(format!("expected {} to {}", IstioVersion::OLDEST, IstioVersion::NEWEST))
                .help("name the version that runs in this environment, or upgrade it first"),
        );
        return;
    }
    let mut profile = Profile::Default;
    if args.take_keyword("profile").is_some() {
        let read = |word: &str| match word {
            "default" => Ok(Profile::Default),
            "stable" => Ok(Profile::Stable),
            _ => Err(value::choice(word, &["default", "stable"])),
        };
        match args.take_as("`default` or `stable`", read, out) {
            Some(read) => profile = read,
            None => return,
        }
    }
    args.finish(false, out);
    set_once(slot, TargetDecl { istio, profile }, statement.span, "target", out);
}

/// `sync argo-cd|flux|none`.
pub(super) fn sync(statement: &Statement, slot: &mut Option<Spanned<SyncEngine>>, out: &mut Diagnostics) {
    let mut args = setting(statement, "`sync argo-cd`, `sync flux` or `sync none`");
    let read = |word: &str| match word {
        "argo-cd" => Ok(SyncEngine::ArgoCd),
        "flux" => Ok(SyncEngine::Flux),
        "none" => Ok(SyncEngine::None),
        _ => Err(value::choice(word, &["argo-cd", "flux", "none"])),
    };
    if let Some(engine) = args.take_as("`argo-cd`, `flux` or `none`", read, out) {
        args.finish(false, out);
        set_once(slot, engine, statement.span, "sync", out);
    }
}

/// `prometheus "URL" { bearer-token-file "…" }`.
pub(super) fn prometheus(statement: &Statement, slot: &mut Option<Spanned<PrometheusDecl>>, out: &mut Diagnostics) {
    const OPTIONS: &[&str] =
        &["bearer-token-file", "username", "password-file", "ca-file", "certificate-file", "key-file"];
    let mut args = setting(statement, "`prometheus \"http://prometheus.monitoring:9090\"`");
    let read = |word: &str| match word.strip_prefix("http://").or_else(|| word.strip_prefix("https://")) {
        Some(rest) if rest.contains('@') => Err("a password does not belong in a file that is committed; \
             use `username` and `password-file` in the block"
            .to_owned()),
        Some(rest) if !rest.is_empty() => Ok(Text::new(word)),
        _ => Err(format!("expected a URL such as `http://prometheus.monitoring:9090`, found `{word}`")),
    };
    let Some(url) = args.take_as("a URL", read, out) else { return };
    args.finish(true, out);
    let mut options = Vec::new();
    for inner in statement.block.iter().flat_map(|block| &block.statements) {
        if !OPTIONS.contains(&inner.keyword()) {
            unknown("`prometheus`", inner, OPTIONS, out);
            continue;
        }
        let mut args = setting(inner, "`bearer-token-file \"prometheus.token\"`");
        if let Some(word) = args.take("a value", out) {
            options.push((inner.keyword().into(), word.text.clone()));
            args.finish(false, out);
        }
    }
    set_once(slot, PrometheusDecl { url, options }, statement.head(), "prometheus", out);
}

/// `deploy { repository "…"; branch main; folder prod }`.
pub(super) fn deploy(statement: &Statement, slot: &mut Option<Spanned<DeployDecl>>, out: &mut Diagnostics) {
    setting(statement, "`deploy { repository \"…\"; branch main; folder prod }`").finish(true, out);
    let mut decl = DeployDecl::default();
    for inner in statement.block.iter().flat_map(|block| &block.statements) {
        let keyword = inner.keyword();
        if !["repository", "branch", "folder"].contains(&keyword) {
            unknown("`deploy`", inner, &["repository", "branch", "folder"], out);
            continue;
        }
        let mut args = setting(inner, "`repository \"git@git.example.com:shop/mesh-deploy.git\"`");
        let Some(word) = args.take("a value", out) else { continue };
        args.finish(false, out);
        let text = word.text.clone();
        match keyword {
            "repository" => match value::repository(&text) {
                Ok(()) => decl.repository = Some(Spanned::new(text, word.span)),
                Err(reason) => args.fail(word.span, reason, out),
            },
            "branch" => match value::branch(&text) {
                Ok(()) => decl.branch = Some(text),
                Err(reason) => args.fail(word.span, reason, out),
            },
            _ => {
                if value::label(&text).is_err() {
                    args.fail(word.span, format!("expected the name of a folder, found `{text}`"), out);
                }
                decl.folder = Some(text);
            }
        }
    }
    set_once(slot, decl, statement.head(), "deploy", out);
}
