//! Dates and times as text.

use std::fmt::{Result, Write};

use super::civil::{Civil, Clock, split};

/// The fraction of a second, without zeros at its end: `.5`, or nothing.
pub(crate) fn fraction(out: &mut impl Write, micros: i64) -> Result {
    if micros == 0 {
        return Ok(());
    }
    let text = format!("{micros:06}");
    write!(out, ".{}", text.trim_end_matches('0'))
}

/// `2026-11-29`
pub(crate) fn date(out: &mut impl Write, days: i32) -> Result {
    let Civil { year, month, day } = Civil::from_days(i64::from(days));
    write!(out, "{year:04}-{month:02}-{day:02}")
}

/// `12:30:00.5`
pub(crate) fn time(out: &mut impl Write, micros: i64) -> Result {
    let clock = Clock::from_micros(micros);
    write!(out, "{:02}:{:02}:{:02}", clock.hour, clock.minute, clock.second)?;
    fraction(out, clock.micros)
}

/// `2026-11-29 12:30:00.5`, with what is given between date and time.
pub(crate) fn timestamp(out: &mut impl Write, micros: i64, between: char) -> Result {
    let (day, clock) = split(micros);
    write!(out, "{:04}-{:02}-{:02}{between}", day.year, day.month, day.day)?;
    time(out, clock.to_micros())
}
