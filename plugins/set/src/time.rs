//! Times in records, as milliseconds since 1970.

use serde::Deserialize;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
    /// Text like `2026-11-29T12:00:00.5+01:00`.
    Rfc3339,
}

impl Unit {
    /// What is expected, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Unit::S => "seconds since 1970",
            Unit::Ms => "milliseconds since 1970",
            Unit::Us => "microseconds since 1970",
            Unit::Ns => "nanoseconds since 1970",
            Unit::Rfc3339 => "a time like \"2026-11-29T12:00:00Z\"",
        }
    }
}

/// The time that a text says, in milliseconds since 1970; none where it says no time from 1970 on.
pub(crate) fn milliseconds(text: &str, unit: Unit) -> Option<i64> {
    let (multiply, divide) = match unit {
        Unit::S => (1000, 1),
        Unit::Ms => (1, 1),
        Unit::Us => (1, 1000),
        Unit::Ns => (1, 1_000_000),
        Unit::Rfc3339 => return rfc3339(text).filter(|time| *time >= 0),
    };
    let time = match text.parse::<i64>() {
        Ok(whole) => whole.checked_mul(multiply)? / divide,
        Err(_) => {
            let time = text.parse::<f64>().ok()? * multiply as f64 / divide as f64;
            (0.0..9.0e18).contains(&time).then_some(time as i64)?
        }
    };
    Some(time).filter(|time| *time >= 0)
}

/// Reads a time of RFC 3339.
fn rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, digits: usize| -> Option<i64> {
        let text = text.get(from..from + digits)?;
        if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
    };
    let is = |at: usize, allowed: &[u8]| bytes.get(at).is_some_and(|byte| allowed.contains(byte));
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let separated = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
    let in_range = (1..=12).contains(&month) && (1..=days(year, month)).contains(&day) && hour < 24 && minute < 60;
    if !separated || !in_range || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut fraction = 0;
    if is(at, b".") {
        let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let thousandths = text.get(at + 1..at + 1 + digits.min(3)).filter(|digits| !digits.is_empty())?;
        fraction = format!("{thousandths:0<3}").parse::<i64>().ok()?;
        at += 1 + digits;
    }
    let offset = if is(at, b"Zz") {
        at += 1;
        0
    } else {
        let sign = if is(at, b"+") { 1 } else { -1 };
        let (hours, minutes) = (number(at + 1, 2)?, number(at + 4, 2)?);
        if !is(at, b"+-") || !is(at + 3, b":") || hours > 23 || minutes > 59 {
            return None;
        }
        at += 6;
        sign * (hours * 60 + minutes)
    };
    if at != bytes.len() {
        return None;
    }
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset;
    Some((minutes * 60 + second) * 1000 + fraction)
}

/// The days of a month.
fn days(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_since_1970(next_year, next, 1) - days_since_1970(year, month, 1)
}

/// Days from 1970 to a date of the Gregorian calendar. Years count from March, so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_in_every_unit() {
        assert_eq!(milliseconds("1767225600", Unit::S), Some(1_767_225_600_000));
        assert_eq!(milliseconds("1767225600.25", Unit::S), Some(1_767_225_600_250));
        assert_eq!(milliseconds("1767225600001", Unit::Ms), Some(1_767_225_600_001));
        assert_eq!(milliseconds("1767225600001999", Unit::Us), Some(1_767_225_600_001));
        assert_eq!(milliseconds("1767225600001999999", Unit::Ns), Some(1_767_225_600_001));
        assert_eq!(milliseconds("2026-01-01T00:00:00Z", Unit::Rfc3339), Some(1_767_225_600_000));
        assert_eq!(milliseconds("2026-01-01T01:30:00.5+01:30", Unit::Rfc3339), Some(1_767_225_600_500));
        assert_eq!(milliseconds("2024-02-29t23:59:59.1239z", Unit::Rfc3339), Some(1_709_251_199_123));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "x", "-1", "1e30", "NaN", "9223372036854775807"] {
            assert_eq!(milliseconds(text, Unit::S), None, "{text}");
        }
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00Zx",
            "2026-01-01",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:00+0100",
        ] {
            assert_eq!(milliseconds(text, Unit::Rfc3339), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "\\PC{0,30}") {
            for unit in [Unit::S, Unit::Ms, Unit::Us, Unit::Ns, Unit::Rfc3339] {
                prop_assert!(milliseconds(&text, unit).is_none_or(|time| time >= 0));
            }
        }

        #[test]
        fn days_follow_one_another(year in 1970_i64..2400, month in 1_i64..13) {
            let last = days(year, month);
            let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            prop_assert!((28..=31).contains(&last));
            prop_assert_eq!(days_since_1970(year, month, last) + 1, days_since_1970(next_year, next, 1));
        }
    }
}
