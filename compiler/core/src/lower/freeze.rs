//! `freeze fri 16:00 to mon 08:00`, `freeze 2026-12-20 to 2027-01-03`: when no release advances. Times are UTC: a
//! clock that is put forward has hours that do not exist.

use super::scope::setting;
use crate::diagnostic::Diagnostics;
use crate::model::release::Freeze;
use crate::source::{Span, Spanned};
use crate::syntax::tree::Statement;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

pub(super) fn freeze(statement: &Statement, into: &mut Vec<Spanned<Freeze>>, out: &mut Diagnostics) {
    let mut args = setting(statement, "`freeze fri 16:00 to mon 08:00` or `freeze 2026-12-20 to 2027-01-03`");
    let what = "a day of the week or a date";
    let Some(from) = args.take_as(what, day, out) else { return };
    let from_minute = match from {
        Day::Week(_) => args.take_as("a time such as `16:00`", minute, out),
        Day::Date(_) => Some(0),
    };
    let Some(from_minute) = from_minute else { return };
    if args.take_keyword("to").is_none() {
        let at: Span = args.peek().map_or(args.statement().head().after(), |word| word.span);
        return args.fail(at, "expected `to` and the end", out);
    }
    let at = args.peek().map_or(args.statement().head().after(), |word| word.span);
    let Some(to) = args.take_as(what, day, out) else { return };
    let freeze = match (from, to) {
        (Day::Week(from), Day::Week(to)) => {
            let Some(to_minute) = args.take_as("a time such as `08:00`", minute, out) else { return };
            Freeze::Weekly(from * MINUTES + from_minute, to * MINUTES + to_minute)
        }
        // The last day is frozen too.
        (Day::Date(from), Day::Date(to)) if from <= to => Freeze::Once(from * SECONDS, (to + 1) * SECONDS),
        (Day::Date(_), Day::Date(_)) => return args.fail(at, "the end lies before the beginning", out),
        _ => return args.fail(at, "expected two days of the week, or two dates", out),
    };
    args.finish(false, out);
    into.push(Spanned::new(freeze, statement.span));
}

/// Minutes of a day.
const MINUTES: u32 = 24 * 60;
/// Seconds of a day.
const SECONDS: i64 = 24 * 3_600;

#[derive(Clone, Copy)]
enum Day {
    /// 0 is Monday.
    Week(u32),
    /// Days since 1970.
    Date(i64),
}

fn day(word: &str) -> Result<Day, String> {
    if let Some(day) = (0_u32..).zip(DAYS).find_map(|(day, name)| (name == word).then_some(day)) {
        return Ok(Day::Week(day));
    }
    date(word).map(Day::Date).ok_or_else(|| format!("expected a day such as `fri` or `2026-12-20`, found `{word}`"))
}

/// Days since 1970 of `2026-12-20`, by the proleptic Gregorian calendar.
fn date(word: &str) -> Option<i64> {
    let mut parts = word.split('-');
    let mut next = |digits: usize| {
        let part = parts.next().filter(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))?;
        part.parse::<i64>().ok()
    };
    let (year, month, day) = (next(4)?, next(2)?, next(2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if parts.next().is_some() || year < 1970 || !(1..=length).contains(&day) {
        return None;
    }
    let before: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    let last = year - 1;
    let leaps = |year: i64| year / 4 - year / 100 + year / 400;
    Some((year - 1970) * 365 + leaps(last) - leaps(1969) + before + day - 1)
}

fn minute(word: &str) -> Result<u32, String> {
    let two = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| digits)
    };
    word.split_once(':')
        .and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)))
        .filter(|(hour, minute)| *hour < 24 && *minute < 60)
        .map(|(hour, minute)| hour * 60 + minute)
        .ok_or_else(|| format!("expected a time of the day such as `16:00`, found `{word}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_1970() {
        for (text, days) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(11_016)),
            ("2026-11-25", Some(20_782)),
            ("2100-03-01", Some(47_541)),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-00-10", None),
            ("2026-1-1", None),
            ("2026-01-01-01", None),
        ] {
            assert_eq!(date(text), days, "{text}");
        }
    }

    #[test]
    fn times_are_two_digits_each() {
        assert_eq!(minute("16:05"), Ok(965));
        for wrong in ["24:00", "8:00", "08:60", "0800", ""] {
            assert!(minute(wrong).is_err(), "{wrong}");
        }
    }
}
