//! Dates, times and spans: the calendar, text, arithmetic and patterns.

pub(crate) mod arithmetic;
pub(crate) mod civil;
pub(crate) mod field;
pub(crate) mod format;
pub(crate) mod interval;
pub(crate) mod parse;
pub(crate) mod pattern;
mod pattern_text;
pub(crate) mod zone;

/// Microseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds of a minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// Microseconds of an hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Microseconds of a day.
pub(crate) const DAY: i64 = 24 * HOUR;
/// The start of the year 2000, from which PostgreSQL counts.
pub(crate) const YEAR_2000: i64 = 946_684_800 * SECOND;
