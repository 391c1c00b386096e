//! `no X [key]`: what a higher layer takes away from a lower one.

use super::args::Args;
use super::service::{Lowering, SETTINGS};
use super::setting::{Field, OutlierField, PoolField, PortKey, RetryField};
use super::{access, value};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::model::PathPattern;
use crate::model::traffic::LimitKey;
use crate::suggest;
use crate::syntax::tree::Statement;

pub(super) fn lower(statement: &Statement, into: &mut Lowering<'_>) {
    let mut args = Args::new(statement, "`no SETTING [KEY]`", Code::MalformedSetting);
    let Some(word) = args.take("the setting to remove", into.out) else { return };
    let field = match word.text.as_str() {
        "mtls" => {
            into.out.add(
                Diagnostic::new(Code::CannotRemove, statement.span, "`mtls` cannot be removed, only stated")
                    .help("write the mode that is meant: `mtls strict`, `mtls permissive` or `mtls disable`"),
            );
            return;
        }
        "allow" => match args.take("the caller to remove", into.out) {
            Some(word) if word.text == "none" => Some(Field::AllowNone),
            Some(word) => access::caller(word, &mut args, into.out).map(|caller| Field::Allow(caller, None)),
            None => None,
        },
        "expose" => match args.take("the host to remove", into.out) {
            Some(word) => {
                let path = args.peek().filter(|next| next.text.starts_with('/'));
                if path.is_some() {
                    args.take("a path", into.out);
                }
                let path: Option<PathPattern> = path.and_then(|next| value::path(&next.text).ok());
                Some(Field::Expose(word.text.clone(), path))
            }
            None => None,
        },
        "port" => {
            let arrow = args.take_keyword("->").is_some();
            let key = if arrow { PortKey::Container } else { PortKey::Service };
            args.take_as("the port to remove", value::port, into.out).map(|port| Field::Port(key(port)))
        }
        "rate-limit" => {
            if args.take_keyword("per").is_some() {
                let read = |word: &str| match word {
                    "caller" => Ok(LimitKey::Caller),
                    "client-ip" => Ok(LimitKey::ClientIp),
                    _ => Err(value::choice(word, &["caller", "client-ip"])),
                };
                args.take_as("`caller` or `client-ip`", read, into.out).map(Field::RateLimit)
            } else {
                Some(Field::AnyRateLimit)
            }
        }
        "retry" => part(&mut args, into, Field::AnyRetry, |name| {
            [RetryField::PerTry, RetryField::On, RetryField::Backoff, RetryField::Budget]
                .into_iter()
                .find(|field| field.name() == name)
                .map(Field::Retry)
        }),
        "connection-pool" => part(&mut args, into, Field::AnyPool, |name| {
            PoolField::ALL.into_iter().find(|field| field.name() == name).map(Field::Pool)
        }),
        "outlier-detection" => part(&mut args, into, Field::AnyOutlier, |name| {
            OutlierField::ALL.into_iter().find(|field| field.name() == name).map(Field::Outlier)
        }),
        "canary" => part(&mut args, into, Field::AnyCanary, |name| match name {
            "stage" => Some(Field::Stages),
            "require" => Some(Field::Require),
            "on" => Some(Field::NoData),
            "after" => Some(Field::Failures),
            "keep" => Some(Field::Keep),
            "confidence" => Some(Field::Confidence),
            _ => None,
        }),
        "rpcs" => args.take("the gRPC service", into.out).map(|word| Field::Rpcs(word.text.clone())),
        name => match simple(name) {
            Some(field) => Some(field),
            None => {
                let names = || SETTINGS.iter().map(|setting| setting.name);
                let mut diagnostic =
                    Diagnostic::new(Code::UnknownSetting, word.span, format!("a service has no setting `{name}`"));
                if let Some(near) = suggest::nearest(name, names()) {
                    diagnostic = diagnostic.suggest(format!("did you mean `no {near}`?"), word.span, near);
                }
                if !statement.broken {
                    into.out.add(diagnostic);
                }
                return;
            }
        },
    };
    let Some(field) = field else { return };
    args.finish(false, into.out);
    into.remove(field, statement.span);
}

/// The whole of a block, or one of its fields.
fn part(
    args: &mut Args<'_>,
    into: &mut Lowering<'_>,
    whole: Field,
    find: impl FnOnce(&str) -> Option<Field>,
) -> Option<Field> {
    if args.peek().is_none() {
        return Some(whole);
    }
    let name = whole.path();
    let read = |word: &str| find(word).ok_or_else(|| format!("`{name}` has no `{word}`"));
    args.take_as("a field", read, into.out)
}

fn simple(name: &str) -> Option<Field> {
    Some(match name {
        "selector" => Field::Selector,
        "service-account" => Field::ServiceAccount,
        "also" => Field::Also,
        "headless" => Field::Headless,
        "replicas" => Field::Replicas,
        "version" => Field::Version,
        "timeout" => Field::Timeout,
        "connect-timeout" => Field::ConnectTimeout,
        "idle-timeout" => Field::IdleTimeout,
        "not-idempotent" => Field::NotIdempotent,
        "owner" => Field::Owner,
        "protos" => Field::Protos,
        "raw" => Field::Raw,
        _ => return None,
    })
}
