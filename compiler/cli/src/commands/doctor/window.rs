//! Sync windows of Argo CD: when an AppProject keeps commits from being applied (argo-cd 3.6,
//! pkg/apis/application/v1alpha1/types.go, `SyncWindows`).

use serde_json::Value;

/// Minutes of a day.
const DAY: i64 = 24 * 60;
/// How far "tonight" reaches, in minutes.
pub(super) const TONIGHT: i64 = 12 * 60;
/// The longest window that is looked back for, in minutes: a year, so that no start is missed.
const LONGEST: i64 = 366 * DAY;

/// A sync window.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) allows: bool,
    /// Whether a person may sync all the same.
    pub(super) manual: bool,
    schedule: Schedule,
    /// How long it is open, in minutes.
    minutes: i64,
    /// As it is written, for people.
    pub(super) written: String,
}

/// When the windows keep commits from being applied.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// Now.
    Now,
    /// From this minute since 1970 on.
    From(i64),
    /// Not until tomorrow.
    Never,
}

impl Window {
    /// Reads a window. The error says what cannot be known from here.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
        let (kind, schedule, duration, zone) = (text("kind"), text("schedule"), text("duration"), text("timeZone"));
        let written = format!("{kind} at `{schedule}` for {duration}");
        if !matches!(zone, "" | "UTC" | "Etc/UTC") {
            return Err(format!("{written} in {zone}, whose clock is not known here"));
        }
        let schedule = Schedule::parse(schedule).ok_or_else(|| format!("{written}, which cannot be read"))?;
        let minutes = minutes(duration).ok_or_else(|| format!("{written}, which cannot be read"))?;
        let manual = value.get("manualSync").and_then(Value::as_bool).unwrap_or(false);
        Ok(Self { allows: kind == "allow", manual, schedule, minutes: minutes.min(LONGEST), written })
    }

    /// Whether it is open in a minute since 1970, in UTC.
    fn is_open(&self, minute: i64) -> bool {
        (0..self.minutes).any(|ago| self.schedule.starts(minute - ago))
    }
}

/// When commits are kept back: a deny window is open, or there are allow windows and none is.
pub(super) fn denied(windows: &[Window], now: i64) -> Denied {
    let kept_back = |minute: i64| {
        let open = |allows: bool| windows.iter().any(|window| window.allows == allows && window.is_open(minute));
        open(false) || (windows.iter().any(|window| window.allows) && !open(true))
    };
    if kept_back(now) {
        return Denied::Now;
    }
    // Every five minutes: a window that is shorter hardly matters.
    let later = (5..=TONIGHT).step_by(5).map(|more| now + more);
    later.into_iter().find(|minute| kept_back(*minute)).map_or(Denied::Never, Denied::From)
}

/// Five fields of cron, as Argo CD reads them (robfig/cron v3: minute, hour, day of month, month, day of week).
#[derive(Debug)]
struct Schedule {
    fields: [u64; 5],
    /// Both days are restricted: then one of them is enough.
    either_day: bool,
}

/// Smallest and largest value of each field.
const RANGES: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Schedule {
    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = words.as_slice() else { return None };
        let words = [minute, hour, day, month, weekday];
        let mut fields = [0; 5];
        for ((field, word), (index, range)) in fields.iter_mut().zip(words).zip(RANGES.into_iter().enumerate()) {
            for part in word.split(',') {
                *field |= set(part, range, index)?;
            }
        }
        let starred = |word: &str| word.starts_with('*') || word.starts_with('?');
        Some(Self { fields, either_day: !starred(day) && !starred(weekday) })
    }

    /// Whether it starts in a minute since 1970.
    fn starts(&self, minute: i64) -> bool {
        let [minutes, hours, days, months, weekdays] = self.fields;
        let (day, of_day) = (minute.div_euclid(DAY), minute.rem_euclid(DAY));
        let has = |set: u64, value: i64| u32::try_from(value).is_ok_and(|value| value < 64 && set >> value & 1 == 1);
        if !has(minutes, of_day % 60) || !has(hours, of_day / 60) {
            return false;
        }
        let (month, of_month) = date(day);
        // 1970 began on a Thursday.
        let (by_date, by_weekday) = (has(days, of_month), has(weekdays, (day + 4).rem_euclid(7)));
        has(months, month) && if self.either_day { by_date || by_weekday } else { by_date && by_weekday }
    }
}

/// The values of one part of a field, as bits: `*`, `5`, `1-5`, `*/15`, `mon-fri`, `5/10`.
fn set(part: &str, (low, high): (u32, u32), field: usize) -> Option<u64> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
        None => (part, None),
    };
    let value = |word: &str| {
        let names: &[&str] = match field {
            3 => &MONTHS,
            4 => &DAYS,
            _ => &[],
        };
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(word));
        let number = named.and_then(|index| u32::try_from(index).ok()).map(|index| index + low);
        number.or_else(|| word.parse().ok()).filter(|number| (low..=high).contains(number))
    };
    let (first, last) = match range.split_once('-') {
        _ if range == "*" || range == "?" => (low, high),
        Some((first, last)) => (value(first)?, value(last)?),
        None if step.is_some() => (value(range)?, high),
        None => (value(range)?, value(range)?),
    };
    let step = usize::try_from(step.unwrap_or(1)).ok()?;
    Some((first..=last).step_by(step).fold(0, |bits, number| bits | 1 << number))
}

/// Month and day of month, from days since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn date(days: i64) -> (i64, i64) {
    let shifted = days + 719_468;
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * index + 2) / 5 + 1;
    (if index < 10 { index + 3 } else { index - 9 }, day)
}

/// A duration of Go's, in minutes: `1h30m`.
fn minutes(text: &str) -> Option<i64> {
    let mut seconds = 0.0_f64;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let size = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * size;
        rest = after;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is bounded where it is used")]
    Some((seconds / 60.0).ceil() as i64)
}

/// A minute since 1970 as people say it: `03:00 UTC`.
pub(super) fn clock(minute: i64) -> String {
    let of_day = minute.rem_euclid(DAY);
    format!("{:02}:{:02} UTC", of_day / 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2026-11-25 20:00, a Wednesday.
    const NOW: i64 = 1_795_636_800 / 60;

    fn window(kind: &str, schedule: &str, duration: &str) -> Window {
        Window::read(&json!({"kind": kind, "schedule": schedule, "duration": duration})).unwrap()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), (1, 1));
        assert_eq!(date(NOW / DAY), (11, 25));
        assert_eq!(date(11_016), (2, 29), "2000 had a leap day");
        assert_eq!(date(11_017), (3, 1));
        assert_eq!(clock(NOW), "20:00 UTC");
    }

    #[test]
    fn a_deny_window_denies_while_it_is_open() {
        let denies = |schedule: &str, duration: &str| denied(&[window("deny", schedule, duration)], NOW);
        assert_eq!(denies("0 19 * * *", "2h"), Denied::Now);
        assert_eq!(denies("0 19 * * *", "1h"), Denied::Never, "it has just ended");
        assert_eq!(denies("0 3 * * *", "30m"), Denied::From(NOW + 7 * 60));
        assert_eq!(denies("0 20 * * sat,sun", "24h"), Denied::Never);
        assert_eq!(denies("0 0 * * mon", "120h"), Denied::Now, "Monday to Friday");
        assert_eq!(denies("0 20 25 11 *", "1m"), Denied::Now);
        assert_eq!(denies("0 20 1 * wed", "1m"), Denied::Now, "of two days one is enough");
        assert_eq!(denies("*/15 * * * *", "1m"), Denied::Now);
        assert_eq!(denies("0 9 * * *", "1h"), Denied::Never, "that is tomorrow");
    }

    #[test]
    fn without_an_open_allow_window_nothing_is_allowed() {
        assert_eq!(denied(&[], NOW), Denied::Never);
        assert_eq!(denied(&[window("allow", "0 9 * * mon-fri", "8h")], NOW), Denied::Now);
        assert_eq!(denied(&[window("allow", "0 18 * * *", "4h")], NOW), Denied::From(NOW + 120));
        let both = [window("allow", "* * * * *", "1h"), window("deny", "0 20 * * *", "1h")];
        assert_eq!(denied(&both, NOW), Denied::Now, "deny wins");
    }

    #[test]
    fn what_cannot_be_known_is_said() {
        let read = |value: Value| Window::read(&value).unwrap_err();
        let zone = json!({"kind": "deny", "schedule": "0 3 * * *", "duration": "1h", "timeZone": "Europe/Amsterdam"});
        assert_eq!(read(zone), "deny at `0 3 * * *` for 1h in Europe/Amsterdam, whose clock is not known here");
        for (schedule, duration) in [("@daily", "1h"), ("0 3 * *", "1h"), ("61 * * * *", "1h"), ("0 3 * * *", "soon")] {
            let text = read(json!({"kind": "deny", "schedule": schedule, "duration": duration}));
            assert!(text.ends_with("which cannot be read"), "{text}");
        }
    }
}
