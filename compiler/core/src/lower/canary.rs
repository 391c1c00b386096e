//! Versions, and the plan by which a release goes.

use super::args::Args;
use super::service::{Lowering, lower_fields};
use super::setting::{Field, Gate, Metric, NoData, Setting, Stage, Threshold};
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
    let names = ["stage", "abort", "require", "on", "after", "keep"];
    lower_fields("canary", block, &names, into, |keyword, statement, into| match keyword {
        "stage" => stages.extend(stage(statement, into)),
        "abort" => abort(statement, into),
        "require" => require(statement, into),
        "on" => no_data(statement, into),
        "after" => failures(statement, into),
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
    let mut args = Args::new(statement, "`stage 5% for 2m` or `stage 50% for 10m approve`", Code::MalformedSetting);
    let weight = args.take_as("a share of the traffic", |w| value::percent(w, 1..=100), into.out)?;
    let mut length = None;
    if args.take_keyword("for").is_some() {
        length = Some(args.take_as("a duration", value::duration, into.out)?);
    }
    let approve = args.take_keyword("approve").is_some();
    args.finish(false, into.out);
    Some(Stage { span: statement.span, weight, duration: length, approve })
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
    let threshold = match metric {
        Metric::ErrorRate => args.take_as("percents", value::fine_percent, into.out).map(Threshold::Percent),
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
    args.finish(false, into.out);
    let key = match &metric {
        Metric::ErrorRate => "error-rate".into(),
        Metric::Latency(quantile) => format!("latency p{quantile}").into(),
        Metric::Query(query) => format!("query \"{query}\"").into(),
    };
    into.set(Field::Abort(key), Setting::Abort(Gate { metric, threshold }), statement.span);
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
