//! Times for people: UTC, to the minute. Holds and commits have seconds since 1970.

/// "2026-11-25 03:02 UTC" of seconds since 1970.
pub(crate) fn shown(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", rest / 3600, rest / 60 % 60)
}

/// The date of a day, counted from 1970-01-01. Years begin in March here, so that a leap day is a year's last
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(shown(0), "1970-01-01 00:00 UTC");
        assert_eq!(shown(1_709_209_861), "2024-02-29 12:31 UTC");
        assert_eq!(shown(1_767_582_000), "2026-01-05 03:00 UTC");
        assert_eq!(shown(-1), "1969-12-31 23:59 UTC");
        assert_eq!(shown(4_107_542_399), "2100-02-28 23:59 UTC");
        assert_eq!(shown(4_107_542_400), "2100-03-01 00:00 UTC");
    }
}
