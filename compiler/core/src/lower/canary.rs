//! Versions, and the plan by which a release goes.

use super::args::Args;
use super::service::{Lowering, lower_fields};
use super::setting::{Field, Gate, Manual, Metric, NoData, Relative, Setting, Stage, Threshold};
use super::traffic::duration;
use super::value;
use crate::code::Code;
use crate::model::release::VersionDecl;
use crate::source::Spanned;
use crate::syntax::tree::Statement;

pub(super) fn version(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    let Some(word) = args.take("a version, the value of the pods' `version` label", into.out) else { return };
    let stable = match value::label_value(&word.text) {
        Ok(text) => Spanned::new(text, word.span),
        Err(reason) => return args.fail(word.span, reason, into.out),
    };
    let mut next = None;
    if args.take_keyword("->").is_some() {
        let Some(word) = args.take("the version to release", into.out) else { return };
        match value::label_value(&word.text) {
            Ok(text) if text == stable.value => {
                return args.fail(word.span, format!("`{text}` is released onto itself"), into.out);
            }
            Ok(text) => next = Some(Spanned::new(text, word.span)),
            Err(reason) => return args.fail(word.span, reason, into.out),
        }
    }
    args.finish(false, into.out);
    into.set(Field::Version, Setting::Version(VersionDecl { stable, next }), args.statement().span);
}

pub(super) fn canary(args: &mut Args<'_>, into: &mut Lowering<'_>) {
    args.finish(true, into.out);
    let Some(block) = &args.statement().block else {
        return args.fail(args.statement().span.after(), "expected a block", into.out);
    };
    let mut stages: Vec<Stage> = Vec::new();
    let names = ["stage", "abort", "require", "on", "after", "keep", "confidence"];
    lower_fields("canary", block, &names, into, |keyword, statement, into| match keyword {
        "stage" => stages.extend(stage(statement, into)),
        "abort" => abort(statement, into),
        "require" => require(statement, into),
        "on" => no_data(statement, into),
        "after" => failures(statement, into),
        "confidence" => confidence(statement, into),
        _ => {
            duration(Field::Keep, &mut Args::new(statement, "`keep 24h`", Code::MalformedSetting), into);
        }
    });
    if let (Some(first), Some(last)) = (stages.first(), stages.last()) {
        let span = first.span.to(last.span);
        into.set(Field::Stages, Setting::Stages(stages), span);
    }
}

fn stage(statement: &Statement, into: &mut Lowering<'_>) -> Option<Stage> {
    let form = "`stage 5% for 2m`, `stage 50% for 10m approve` or `stage 50% pause`";
    let mut args = Args::new(statement, form, Code::MalformedSetting);
    let weight = args.take_as("a share of the traffic", |w| value::percent(w, 1..=100), into.out)?;
    let mut length = None;
    if args.take_keyword("for").is_some() {
        length = Some(args.take_as("a duration", value::duration, into.out)?);
    }
    let mut manual = Manual::No;
    if args.take_keyword("approve").is_some() {
        manual = Manual::Approve;
    } else if let Some(word) = args.take_keyword("pause") {
        if length.is_some() {
            let message = "a stage with `pause` lasts until somebody goes on, and has no duration";
            args.fail(word, message, into.out);
            return None;
        }
        manual = Manual::Pause;
    }
    args.finish(false, into.out);
    Some(Stage { span: statement.span, weight, duration: length, manual })
}

fn abort(statement: &Statement, into: &mut Lowering<'_>) {
    let form = "`abort when error-rate > 1%`, `abort when latency p99 > 500ms` or `abort when query \"…\" > 3`";
    let mut args = Args::new(statement, form, Code::MalformedSetting);
    if args.take_keyword("when").is_none() {
        args.fail(statement.head().after(), "expected `when` after `abort`", into.out);
        return;
    }
    let read = |word: &str| match word {
        "error-rate" | "latency" | "query" => Ok(word.to_owned()),
        _ => Err(value::choice(word, &["error-rate", "latency", "query"])),
    };
    let Some(name) = args.take_as("`error-rate`, `latency` or `query`", read, into.out) else { return };
    let metric = match name.as_str() {
        "error-rate" => Metric::ErrorRate,
        "latency" => {
            let read = |word: &str| match word.strip_prefix('p').map(|digits| value::number(digits, 1..=99)) {
                Some(Ok(quantile)) => Ok(quantile),
                _ => Err(format!("expected a quantile such as `p99` or `p50`, found `{word}`")),
            };
            match args.take_as("a quantile such as `p99`", read, into.out) {
                Some(quantile) => Metric::Latency(quantile),
                None => return,
            }
        }
        _ => match args.take("a PromQL query in quotes", into.out) {
            Some(word) => Metric::Query(word.text.clone()),
            None => return,
        },
    };
    if args.take_keyword(">").is_none() {
        let at = args.peek().map_or(statement.head().after(), |word| word.span);
        args.fail(at, "expected `>` and a threshold", into.out);
        return;
    }
    let word = args.peek().map_or("", |word| word.text.as_str());
    let threshold = match metric {
        Metric::Latency(_) if word.ends_with('%') => args.take_as("percents", whole_percent, into.out),
        Metric::ErrorRate => args.take_as("percents", any_percent, into.out),
        Metric::Latency(_) => args.take_as("a duration", value::duration, into.out).map(Threshold::Duration),
        Metric::Query(_) => {
            let read = |word: &str| match word.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(number),
                _ => Err(format!("expected a number, found `{word}`")),
            };
            args.take_as("a number", read, into.out).map(Threshold::Number)
        }
    };
    let Some(threshold) = threshold else { return };
    let Some(relative) = relative(&mut args, &metric, threshold, into) else { return };
    args.finish(false, into.out);
    let key = match relative {
        Relative::No => metric.name(),
        Relative::Above | Relative::Of => format!("{} to stable", metric.name()),
    };
    let gate = Gate { metric, threshold, relative };
    into.set(Field::Abort(key.into()), Setting::Abort(gate), statement.span);
}

/// `above stable` or `of stable` behind a threshold. An absolute error rate is at most 100 %, and a latency in percent
/// needs something that it is a share of.
fn relative(args: &mut Args<'_>, metric: &Metric, threshold: Threshold, into: &mut Lowering<'_>) -> Option<Relative> {
    let at = args.peek().map_or(args.statement().head().after(), |word| word.span);
    let relative = if args.take_keyword("above").is_some() {
        Relative::Above
    } else if args.take_keyword("of").is_some() {
        Relative::Of
    } else {
        Relative::No
    };
    if relative != Relative::No && args.take_keyword("stable").is_none() {
        let at = args.peek().map_or(args.statement().head().after(), |word| word.span);
        args.fail(at, "expected `stable`", into.out);
        return None;
    }
    let fault = match (metric, threshold, relative) {
        (Metric::Query(_), _, Relative::Above | Relative::Of) => {
            Some("a query of one's own has no counterpart for the stable version; compare in the query itself")
        }
        (Metric::Latency(_), Threshold::Percent(_), Relative::No | Relative::Above) => {
            Some("percents of a latency are written `> 150% of stable`")
        }
        (Metric::Latency(_), Threshold::Duration(_), Relative::Of) => {
            Some("a share of the stable version's latency is in percent: `> 150% of stable`")
        }
        (Metric::ErrorRate, Threshold::Percent(percent), Relative::No | Relative::Above) if percent > 100.0 => {
            Some("no more than `100%` of the requests can fail")
        }
        _ => None,
    };
    match fault {
        Some(fault) => {
            args.fail(at, fault, into.out);
            None
        }
        None => Some(relative),
    }
}

/// `0.5%`, or more than `100%` where it is a share of something else.
fn any_percent(word: &str) -> Result<Threshold, String> {
    value::fine_percent(word).map(Threshold::Percent).or_else(|fault| whole_percent(word).map_err(|_| fault))
}

fn whole_percent(word: &str) -> Result<Threshold, String> {
    value::percent(word, 1..=10_000).map(|percent| Threshold::Percent(f64::from(percent)))
}

fn require(statement: &Statement, into: &mut Lowering<'_>) {
    let mut args = Args::new(statement, "`require 200 requests`", Code::MalformedSetting);
    let Some(number) = args.take_as("a number", |w| value::number(w, 1..=1_000_000_000), into.out) else { return };
    if args.take_keyword("requests").is_none() {
        let at = args.peek().map_or(statement.head().after(), |word| word.span);
        return args.fail(at, "expected `requests` after the number", into.out);
    }
    args.finish(false, into.out);
    into.set(Field::Require, Setting::Number(number), statement.span);
}

fn no_data(statement: &Statement, into: &mut Lowering<'_>) {
    let mut args = Args::new(statement, "`on no-data hold` or `on no-data rollback`", Code::MalformedSetting);
    if args.take_keyword("no-data").is_none() {
        let at = args.peek().map_or(statement.head().after(), |word| word.span);
        return args.fail(at, "expected `no-data` after `on`", into.out);
    }
    let read = |word: &str| match word {
        "hold" => Ok(NoData::Hold),
        "rollback" => Ok(NoData::Rollback),
        _ => Err(value::choice(word, &["hold", "rollback"])),
    };
    let Some(rule) = args.take_as("`hold` or `rollback`", read, into.out) else { return };
    args.finish(false, into.out);
    into.set(Field::NoData, Setting::NoData(rule), statement.span);
}

fn failures(statement: &Statement, into: &mut Lowering<'_>) {
    let mut args = Args::new(statement, "`after 3 failures`", Code::MalformedSetting);
    let Some(number) = args.take_as("a number", |w| value::number(w, 1..=1_000), into.out) else { return };
    if args.take_keyword("failures").is_none() && args.take_keyword("failure").is_none() {
        let at = args.peek().map_or(statement.head().after(), |word| word.span);
        return args.fail(at, "expected `failures` after the number", into.out);
    }
    args.finish(false, into.out);
    into.set(Field::Failures, Setting::Number(number), statement.span);
}

fn confidence(statement: &Statement, into: &mut Lowering<'_>) {
    let mut args = Args::new(statement, "`confidence 95%`", Code::MalformedSetting);
    let Some(number) = args.take_as("percents", |w| value::percent(w, 50..=99), into.out) else { return };
    args.finish(false, into.out);
    into.set(Field::Confidence, Setting::Number(number), statement.span);
}
