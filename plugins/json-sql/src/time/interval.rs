//! Spans of time.

use std::cmp::Ordering;

use super::{DAY, HOUR, MINUTE, SECOND};
use crate::Failure;

/// A span: months, days and microseconds apart, as months and days differ in length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) micros: i64,
}

fn too_long() -> Failure {
    "interval out of range".into()
}

impl Interval {
    pub(crate) fn add(self, other: Interval) -> Result<Interval, Failure> {
        let sum = |one: i32, other: i32| one.checked_add(other).ok_or_else(too_long);
        Ok(Interval {
            months: sum(self.months, other.months)?,
            days: sum(self.days, other.days)?,
            micros: self.micros.checked_add(other.micros).ok_or_else(too_long)?,
        })
    }

    pub(crate) fn negate(self) -> Result<Interval, Failure> {
        Ok(Interval {
            months: self.months.checked_neg().ok_or_else(too_long)?,
            days: self.days.checked_neg().ok_or_else(too_long)?,
            micros: self.micros.checked_neg().ok_or_else(too_long)?,
        })
    }

    fn scaled(self, by: impl Fn(f64) -> f64) -> Result<Interval, Failure> {
        let whole = |float: f64| {
            let in_range = float.is_finite() && float >= f64::from(i32::MIN) && float <= f64::from(i32::MAX);
            if in_range { Ok(float as i32) } else { Err(too_long()) }
        };
        let rounded = |float: f64| (float * SECOND as f64).round_ties_even() / SECOND as f64;
        let (months, days) = (by(f64::from(self.months)), by(f64::from(self.days)));
        let mut result = Interval { months: whole(months)?, days: whole(days)?, micros: 0 };
        let mut month_days = rounded((months - f64::from(result.months)) * 30.0);
        let mut seconds = rounded((days - f64::from(result.days) + month_days - month_days.trunc()) * DAY as f64 / 1e6);
        if seconds.abs() >= 86_400.0 {
            let whole_days = (seconds / 86_400.0).trunc();
            result.days = result.days.checked_add(whole_days as i32).ok_or_else(too_long)?;
            seconds -= whole_days * 86_400.0;
        }
        month_days = month_days.trunc();
        result.days = result.days.checked_add(month_days as i32).ok_or_else(too_long)?;
        let micros = (by(self.micros as f64) + seconds * SECOND as f64).round_ties_even();
        if !(micros.is_finite() && micros >= i64::MIN as f64 && micros < i64::MAX as f64) {
            return Err(too_long());
        }
        result.micros = micros as i64;
        Ok(result)
    }

    /// The span divided, which is not the same as the reciprocal times: as in PostgreSQL, to the last digit.
    pub(crate) fn divide(self, divisor: f64) -> Result<Interval, Failure> {
        self.scaled(|part| part / divisor)
    }

    /// The span so many times; fractions of months become days, those of days time, as in PostgreSQL.
    pub(crate) fn scale(self, factor: f64) -> Result<Interval, Failure> {
        self.scaled(|part| part * factor)
    }

    /// Its length, with months of 30 days and days of 24 hours.
    fn length(self) -> i128 {
        (i128::from(self.months) * 30 + i128::from(self.days)) * i128::from(DAY) + i128::from(self.micros)
    }

    pub(crate) fn cmp(self, other: Interval) -> Ordering {
        self.length().cmp(&other.length())
    }
}

/// As PostgreSQL writes it: `1 year 2 mons 3 days 04:05:06.7`.
impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut is_first = true;
        let mut was_negative = false;
        for (count, unit) in [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")] {
            if count == 0 {
                continue;
            }
            let sign = if was_negative && count > 0 { "+" } else { "" };
            let space = if is_first { "" } else { " " };
            write!(f, "{space}{sign}{count} {unit}{}", if count == 1 { "" } else { "s" })?;
            (is_first, was_negative) = (false, count < 0);
        }
        if is_first || self.micros != 0 {
            let sign = match self.micros {
                micros if micros < 0 => "-",
                _ if was_negative => "+",
                _ => "",
            };
            let space = if is_first { "" } else { " " };
            let micros = self.micros.unsigned_abs();
            let (hour, minute, second) = (HOUR as u64, MINUTE as u64, SECOND as u64);
            let (hours, minutes, seconds) = (micros / hour, micros % hour / minute, micros % minute / second);
            write!(f, "{space}{sign}{hours:02}:{minutes:02}:{seconds:02}")?;
            super::format::fraction(f, (micros % second) as i64)?;
        }
        Ok(())
    }
}
