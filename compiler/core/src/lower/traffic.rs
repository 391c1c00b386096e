//! How calls behave: timeouts, repeats, limits, ejection.

use super::access;
use super::args::Args;
use super::service::{Lowering, lower_fields};
use super::setting::{Field, OutlierField, PoolField, RateDecl, RetryField, Setting};
use super::value;
use crate::code::Code;
use crate::model::traffic::{CONDITIONS, LimitKey};
use crate::source::Spanned;
use crate::syntax::tree::Statement;

pub(super) fn timeout(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    duration(Field::Timeout, args, into);
}

pub(super) fn connect_timeout(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    duration(Field::ConnectTimeout, args, into);
}

pub(super) fn idle_timeout(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    duration(Field::IdleTimeout, args, into);
}

/// A field whose only word is a duration.
pub(super) fn duration(field: Field, args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(duration) = args.take_as("a duration", value::duration, into.out) else { return };
    args.finish(false, into.out);
    into.set(field, Setting::Duration(duration), args.statement().span);
}

/// A field whose only word is a number.
pub(super) fn count(field: Field, args: &mut Args<'_>, into: &mut Lowering<'_>) {
    // Istio keeps these as int32 or uint32; the smaller of the two serves both.
    let Some(number) = args.take_as("a number", |w| value::number(w, 1..=2_147_483_647), into.out) else { return };
    args.finish(false, into.out);
    into.set(field, Setting::Number(number), args.statement().span);
}

pub(super) fn retry(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let statement = args.statement();
    if args.peek().is_some() {
        let read = |word: &str| {
            value::number(word, 1..=10).map_err(|reason| match word {
                "0" | "none" => "no repeats are what a service without `retry` has; \
                                 to remove those of a preset write `no retry`"
                    .to_owned(),
                _ => format!("{reason}; the number counts repeats after the first try"),
            })
        };
        let Some(attempts) = args.take_as("a number of repeats", read, into.out) else { return };
        args.finish(true, into.out);
        into.set(Field::Retry(RetryField::Attempts), Setting::Number(attempts), statement.head());
    } else if statement.block.is_none() {
        args.take("a number of repeats", into.out);
        return;
    }
    let Some(block) = &statement.block else { return };
    lower_fields(
        "retry",
        block,
        &["per-try", "on", "backoff", "budget"],
        into,
        |keyword, statement, into| match keyword {
            "per-try" => {
                let mut args = Args::new(statement, "`per-try 600ms`", Code::MalformedSetting);
                duration(Field::Retry(RetryField::PerTry), &mut args, into);
            }
            "on" => conditions(statement, into),
            "backoff" => {
                let mut args = Args::new(statement, "`backoff 25ms`", Code::MalformedSetting);
                duration(Field::Retry(RetryField::Backoff), &mut args, into);
            }
            _ => budget(statement, into),
        },
    );
}

fn conditions(statement: &Statement, into: &mut Lowering<'_>) {
    let mut args = Args::new(statement, "`on connect-failure, refused-stream`", Code::MalformedSetting);
    let Some(words) = args.take_list("a condition", into.out) else { return };
    let mut conditions: Vec<Spanned<_>> = Vec::new();
    for word in words {
        let status = word.text.parse::<u16>().is_ok_and(|status| (100..=599).contains(&status));
        if !status && !CONDITIONS.contains(&word.text.as_str()) {
            return args.fail(word.span, value::choice(&word.text, CONDITIONS), into.out);
        }
        if conditions.iter().any(|known| known.value == word.text) {
            return args.fail(word.span, format!("the condition `{}` is stated twice", word.text), into.out);
        }
        conditions.push(Spanned::new(word.text.clone(), word.span));
    }
    args.finish(false, into.out);
    into.set(Field::Retry(RetryField::On), Setting::Conditions(conditions), statement.span);
}

fn budget(statement: &Statement, into: &mut Lowering<'_>) {
    let mut args = Args::new(statement, "`budget 20% min 3`", Code::MalformedSetting);
    let Some(percent) = args.take_as("a share of the requests", |w| value::percent(w, 0..=100), into.out) else {
        return;
    };
    let minimum = match args.take_keyword("min") {
        Some(_) => match args.take_as("a number", |w| value::number(w, 0..=1_000_000), into.out) {
            Some(minimum) => Some(minimum),
            None => return,
        },
        None => None,
    };
    args.finish(false, into.out);
    into.set(Field::Retry(RetryField::Budget), Setting::Budget(percent, minimum), statement.span);
}

pub(super) fn not_idempotent(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(operations) = access::operations(args, into.out) else { return };
    args.finish(false, into.out);
    into.set(Field::NotIdempotent, Setting::Operations(operations), args.statement().span);
}

pub(super) fn rate_limit(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some((requests, window_seconds)) = args.take_as("a rate", value::rate, into.out) else { return };
    let mut key = LimitKey::Total;
    if args.take_keyword("per").is_some() {
        let read = |word: &str| match word {
            "caller" => Ok(LimitKey::Caller),
            "client-ip" => Ok(LimitKey::ClientIp),
            _ => Err(value::choice(word, &["caller", "client-ip"])),
        };
        match args.take_as("`caller` or `client-ip`", read, into.out) {
            Some(read) => key = read,
            None => return,
        }
    }
    let mut burst = None;
    if args.take_keyword("burst").is_some() {
        match args.take_as("a number of requests", |w| value::number(w, 1..=1_000_000_000), into.out) {
            Some(read) => burst = Some(read),
            None => return,
        }
    }
    if let Some(shared) = args.take_keyword("shared") {
        let text = "`shared` limits need a service of their own and are reserved for a later version";
        return args.fail(shared, text, into.out);
    }
    let each = args.take_keyword("each").is_some() && args.take_keyword("proxy").is_some();
    if !each {
        let at = args.peek().map_or(args.statement().head().after(), |word| word.span);
        let text = "expected `each proxy`: a limit holds for each proxy, so that N pods let N times as much through";
        return args.fail(at, text, into.out);
    }
    args.finish(false, into.out);
    let decl = RateDecl { requests, window_seconds, burst };
    into.set(Field::RateLimit(key), Setting::RateLimit(decl), args.statement().span);
}

pub(super) fn connection_pool(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    args.finish(true, into.out);
    let Some(block) = &args.statement().block else {
        return args.fail(args.statement().span.after(), "expected a block", into.out);
    };
    let names = PoolField::ALL.map(PoolField::name);
    lower_fields("connection-pool", block, &names, into, |keyword, statement, into| {
        let Some(field) = PoolField::ALL.into_iter().find(|field| field.name() == keyword) else { return };
        let mut args = Args::new(statement, "`requests 1000`", Code::MalformedSetting);
        count(Field::Pool(field), &mut args, into);
    });
}

pub(super) fn outliers(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    args.finish(true, into.out);
    let Some(block) = &args.statement().block else {
        return args.fail(args.statement().span.after(), "expected a block", into.out);
    };
    let names = OutlierField::ALL.map(OutlierField::name);
    lower_fields("outlier-detection", block, &names, into, |keyword, statement, into| {
        let Some(outlier) = OutlierField::ALL.into_iter().find(|field| field.name() == keyword) else { return };
        let field = Field::Outlier(outlier);
        match outlier {
            OutlierField::Consecutive5xx | OutlierField::ConsecutiveGatewayErrors => {
                count(field, &mut Args::new(statement, "`consecutive-5xx 5`", Code::MalformedSetting), into);
            }
            OutlierField::Interval | OutlierField::Ejection => {
                duration(field, &mut Args::new(statement, "`interval 10s`", Code::MalformedSetting), into);
            }
            OutlierField::MaxEjected => {
                let mut args = Args::new(statement, "`max-ejected 50%`", Code::MalformedSetting);
                // 0 is taken for unset (istio 1.31, pilot/pkg/networking/core/cluster_traffic_policy.go).
                let read = |word: &str| value::percent(word, 1..=100);
                let Some(percent) = args.take_as("a share of the pods", read, into.out) else { return };
                args.finish(false, into.out);
                into.set(field, Setting::Number(percent), statement.span);
            }
        }
    });
}
