//! The settings of a service, as they stand in services, presets and an environment's `service` blocks. One table
//! names them; reading, removal, suggestions and help all go through it.

use super::args::Args;
use super::setting::{Change, Field, Key, Layer, PortKey, Setting};
use super::{access, canary, removal, traffic, workload};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;
use crate::suggest;
use crate::syntax::tree::{Block, Statement};

/// One setting of the language.
pub struct SettingForm {
    /// Its keyword.
    pub name: &'static str,
    /// How it is written, for help.
    pub form: &'static str,
    /// Whether it may stand in the block of a port.
    pub in_port: bool,
    lower: fn(&mut Args<'_>, &mut Lowering<'_>),
}

/// Every setting of a service, in the order of the reference page.
pub const SETTINGS: &[SettingForm] = &[
    form("port", "`port 80 -> 8080 http`", false, workload::port),
    form("selector", "`selector app=web tier=front`", false, workload::selector),
    form("service-account", "`service-account web`", false, workload::service_account),
    form("also", "`also web-external, web-internal`", false, workload::also),
    form("headless", "`headless`", false, workload::headless),
    form("replicas", "`replicas 3`", false, workload::replicas),
    form("allow", "`allow web, payments/ledger to GetCart, GET /cart/** on 8080`", false, access::allow),
    form("expose", "`expose shop.example.com /cart/** on ingress`", false, access::expose),
    form("mtls", "`mtls strict`", true, workload::mtls),
    form("version", "`version v1` or `version v1 -> v2`", false, canary::version),
    form("canary", "`canary { stage 5% for 2m … }`", false, canary::canary),
    form("timeout", "`timeout 3s`", true, traffic::timeout),
    form("connect-timeout", "`connect-timeout 1s`", true, traffic::connect_timeout),
    form("idle-timeout", "`idle-timeout 10m`", true, traffic::idle_timeout),
    form("retry", "`retry 2 { per-try 600ms; on connect-failure, refused-stream }`", true, traffic::retry),
    form("not-idempotent", "`not-idempotent PlaceOrder` or `not-idempotent POST /cart`", true, traffic::not_idempotent),
    form("rate-limit", "`rate-limit 1000/min per client-ip burst 200 each proxy`", true, traffic::rate_limit),
    form("connection-pool", "`connection-pool { requests 1000 }`", true, traffic::connection_pool),
    form("outlier-detection", "`outlier-detection { consecutive-5xx 3; max-ejected 50% }`", true, traffic::outliers),
    form("owner", "`owner @team`", false, workload::owner),
    form("rpcs", "`rpcs shop.CartService GetCart, AddItem`", false, workload::rpcs),
    form("protos", "`protos \"protos/shop.proto\"`", false, workload::protos),
    form("raw", "`raw \"file.yaml\"`", false, workload::raw),
];

const fn form(
    name: &'static str,
    form: &'static str,
    in_port: bool,
    lower: fn(&mut Args<'_>, &mut Lowering<'_>),
) -> SettingForm {
    SettingForm { name, form, in_port, lower }
}

/// Where the settings of a block go.
pub(crate) struct Lowering<'a> {
    pub(crate) layer: &'a mut Layer,
    pub(crate) port: Option<PortKey>,
    pub(crate) out: &'a mut Diagnostics,
}

impl Lowering<'_> {
    /// States a field; the same field twice in a layer is an error at both lines.
    pub(crate) fn set(&mut self, field: Field, value: Setting, span: Span) {
        self.change(field, Some(value), span);
    }

    /// Removes a field of a lower layer.
    pub(crate) fn remove(&mut self, field: Field, span: Span) {
        self.change(field, None, span);
    }

    fn change(&mut self, field: Field, value: Option<Setting>, span: Span) {
        let key = Key { port: self.port, field };
        if let Some(first) = self.layer.first_within(&key, |change| same(change, &key, value.is_some())) {
            self.out.add(
                Diagnostic::new(Code::DuplicateSetting, span, format!("`{}` is stated twice", key.field.words()))
                    .label("stated again here")
                    .related(first.span, "first stated here")
                    .help("keep one of the two; an environment or another layer may replace it"),
            );
            return;
        }
        self.layer.push(Change { key, value, span });
    }
}

/// Whether a change of the same layer is about the same thing. `no X` and `X` may stand together only where `X` is
/// keyed more finely, as in `no allow a` beside `allow b`.
fn same(change: &Change, key: &Key, sets: bool) -> bool {
    let covered = change.key == *key
        || change.value.is_none() && sets && change.key.port == key.port && change.key.field.covers(&key.field)
        || change.value.is_some() && !sets && change.key.port == key.port && key.field.covers(&change.key.field);
    // Removing one path of a host and exposing it anew is how an exposure moves to another gateway.
    covered && !matches!(key.field, Field::Expose(..) if change.value.is_none() == sets)
}

/// Lowers the statements of a block of settings.
pub(crate) fn lower_settings(block: &Block, layer: &mut Layer, port: Option<PortKey>, out: &mut Diagnostics) {
    for statement in &block.statements {
        let mut lowering = Lowering { layer, port, out };
        lower_setting(statement, &mut lowering);
    }
}

fn lower_setting(statement: &Statement, into: &mut Lowering<'_>) {
    let keyword = statement.keyword();
    if keyword == "no" {
        removal::lower(statement, into);
        return;
    }
    match SETTINGS.iter().find(|setting| setting.name == keyword) {
        Some(setting) if into.port.is_some() && !setting.in_port => {
            report(
                statement,
                format!("`{keyword}` does not stand in the block of a port"),
                &format!("write it in the service's block: {}", setting.form),
                into.out,
            );
        }
        Some(setting) => {
            let mut args = Args::new(statement, setting.form, Code::MalformedSetting);
            (setting.lower)(&mut args, into);
        }
        None => unknown(statement, into),
    }
}

fn unknown(statement: &Statement, into: &mut Lowering<'_>) {
    let Some(word) = statement.words.first().filter(|_| !statement.broken) else { return };
    let in_port = into.port.is_some();
    let names = || SETTINGS.iter().filter(move |s| s.in_port || !in_port).map(|s| s.name);
    let place = if in_port { "a port" } else { "a service" };
    let mut diagnostic =
        Diagnostic::new(Code::UnknownSetting, word.span, format!("{place} has no setting `{}`", word.text));
    diagnostic = match (elsewhere(&word.text), suggest::nearest(&word.text, names())) {
        (Some(help), _) => diagnostic.help(help),
        (None, Some(near)) => diagnostic.suggest(format!("did you mean `{near}`?"), word.span, near),
        (None, None) => diagnostic.help(format!("the settings are {}", suggest::list(names(), usize::MAX))),
    };
    into.out.add(diagnostic);
}

/// Words of Istio or of other blocks that are spelled otherwise here.
fn elsewhere(word: &str) -> Option<&'static str> {
    Some(match word {
        "retries" | "attempts" => "repeats are written `retry 2 { per-try 600ms; on … }`",
        "per-try" | "perTryTimeout" => "it belongs in the block of `retry`: `retry 2 { per-try 600ms }`",
        "stage" | "abort" | "require" => "it belongs in the block of `canary`",
        "weight" | "weights" => "weights are moved by `canary` and the recorded state, not stated",
        "subset" | "subsets" => "versions are written `version v1` or `version v1 -> v2`",
        "host" | "hosts" => "hosts are written `expose shop.example.com on GATEWAY`",
        "circuit-breaker" => "it is written `connection-pool { … }` and `outlier-detection { … }`",
        "deny" => "who is not allowed is refused: there is no `deny`; remove a caller with `no allow CALLER`",
        "consecutive-5xx" | "max-ejected" => "it belongs in the block of `outlier-detection`",
        "labels" => "pods are selected by `selector app=web`",
        "namespace" => "a service stands in the block of its namespace: `namespace shop { service … }`",
        _ => return None,
    })
}

/// A fault about a statement as a whole.
pub(crate) fn report(statement: &Statement, message: String, help: &str, out: &mut Diagnostics) {
    if !statement.broken {
        out.add(Diagnostic::new(Code::UnknownSetting, statement.head(), message).help(help));
    }
}

/// Lowers a block of fields that one keyword holds: `retry`, `connection-pool`, `outlier-detection`, `canary`.
pub(crate) fn lower_fields(
    owner: &str,
    block: &Block,
    names: &[&str],
    into: &mut Lowering<'_>,
    mut lower: impl FnMut(&str, &Statement, &mut Lowering<'_>),
) {
    for statement in &block.statements {
        let keyword = statement.keyword();
        if names.contains(&keyword) {
            lower(keyword, statement, into);
        } else if let (Some(word), false) = (statement.words.first(), statement.broken) {
            let mut diagnostic =
                Diagnostic::new(Code::UnknownSetting, word.span, format!("`{owner}` has no `{}`", word.text));
            diagnostic = match suggest::nearest(&word.text, names.iter().copied()) {
                Some(near) => diagnostic.suggest(format!("did you mean `{near}`?"), word.span, near),
                None => {
                    diagnostic.help(format!("the block of `{owner}` holds {}", suggest::list(names.iter().copied(), 9)))
                }
            };
            into.out.add(diagnostic);
        }
    }
}
