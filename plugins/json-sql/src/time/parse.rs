//! Dates, times and spans from text.

use super::civil::{Civil, checked_date, checked_timestamp};
use super::interval::Interval;
use super::{DAY, HOUR, MINUTE, SECOND, zone};
use crate::Failure;

/// What a text says of a moment.
struct Moment {
    days: i64,
    micros: i64,
    /// Microseconds east of UTC, if a zone is named.
    offset: Option<i64>,
}

fn invalid(kind: &str, text: &str) -> Failure {
    let text: String = text.chars().take(60).collect();
    format!("invalid input for {kind}: {text:?}").into()
}

/// `2026-11-29`
pub(crate) fn date(text: &str) -> Result<i32, Failure> {
    let moment = moment(text.trim()).ok_or_else(|| invalid("date", text))?;
    checked_date(i128::from(moment.days))
}

/// `2026-11-29 12:30:00`; a zone at its end is passed over.
pub(crate) fn timestamp(text: &str) -> Result<i64, Failure> {
    let moment = moment(text.trim()).ok_or_else(|| invalid("timestamp", text))?;
    checked_timestamp(i128::from(moment.days) * i128::from(DAY) + i128::from(moment.micros))
}

/// `2026-11-29T12:30:00+02:00`; without a zone it is UTC.
pub(crate) fn timestamptz(text: &str) -> Result<i64, Failure> {
    let moment = moment(text.trim()).ok_or_else(|| invalid("timestamptz", text))?;
    let local = i128::from(moment.days) * i128::from(DAY) + i128::from(moment.micros);
    checked_timestamp(local - i128::from(moment.offset.unwrap_or(0)))
}

/// `12:30:00.5`
pub(crate) fn time(text: &str) -> Result<i64, Failure> {
    clock(text.trim()).ok_or_else(|| invalid("time", text))
}

fn moment(text: &str) -> Option<Moment> {
    let mut parts = text.splitn(3, '-');
    let (year, month, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (day, rest) = rest.split_at(digits);
    if !(4..=5).contains(&year.len()) || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let days = Civil::new(number(year)?, number(month)?, number(day)?)?.days();
    let rest = rest.strip_prefix(['T', 't']).unwrap_or(rest).trim_start();
    if rest.is_empty() {
        return Some(Moment { days, micros: 0, offset: None });
    }
    let zone_at = rest.find(['+', '-', 'Z', 'z', 'U']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let offset = match zone {
        "" => None,
        "Z" | "z" | "UTC" => Some(0),
        zone => Some(zone::offset(zone)?),
    };
    Some(Moment { days, micros: clock(time.trim_end())?, offset })
}

/// Microseconds after midnight; 24:00 is the end of the day.
fn clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (number(parts.next()?)?, number(parts.next()?)?, parts.next().unwrap_or("0"));
    let (second, micros) = seconds(second)?;
    if parts.next().is_some() || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let total = hour * HOUR + minute * MINUTE + second * SECOND + micros;
    (total <= DAY).then_some(total)
}

/// Seconds and microseconds of `6.789`, rounded to microseconds.
fn seconds(text: &str) -> Option<(i64, i64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || fraction.len() > 18 {
        return None;
    }
    let micros = if fraction.is_empty() {
        0
    } else {
        (format!("0.{fraction}").parse::<f64>().ok()? * SECOND as f64).round_ties_even() as i64
    };
    Some((number(whole)?, micros))
}

fn number(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// `1 day 02:03:04`, `2 hours 30 minutes`, `P1DT2H`, `-1 month`.
pub(crate) fn interval(text: &str) -> Result<Interval, Failure> {
    let read = match text.trim().strip_prefix('P') {
        Some(iso) => iso_interval(iso),
        None => words_interval(text.trim()),
    };
    read.unwrap_or_else(|| Err(invalid("interval", text)))
}

/// The span that a count of a unit makes; none for an unknown unit.
pub(crate) fn unit(name: &str, count: f64) -> Option<Result<Interval, Failure>> {
    let months = |months: i32| Interval { months, ..Interval::default() };
    let days = |days: i32| Interval { days, ..Interval::default() };
    let micros = |micros: i64| Interval { micros, ..Interval::default() };
    let name = name.to_ascii_lowercase();
    let one = match name.as_str() {
        "millennium" | "millennia" | "millenniums" => months(12_000),
        "century" | "centuries" | "c" => months(1200),
        "decade" | "decades" => months(120),
        "year" | "years" | "y" | "yr" | "yrs" => months(12),
        "quarter" | "quarters" => months(3),
        "month" | "months" | "mon" | "mons" => months(1),
        "week" | "weeks" | "w" => days(7),
        "day" | "days" | "d" => days(1),
        "hour" | "hours" | "h" | "hr" | "hrs" => micros(HOUR),
        "minute" | "minutes" | "m" | "min" | "mins" => micros(MINUTE),
        "second" | "seconds" | "s" | "sec" | "secs" => micros(SECOND),
        "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => micros(1000),
        "microsecond" | "microseconds" | "us" | "usec" | "usecs" => micros(1),
        _ => return None,
    };
    Some(if one.months >= 12 {
        // Of a fraction of a year only whole months count.
        let total = (count * f64::from(one.months)).round_ties_even();
        if total.abs() > f64::from(i32::MAX) { Err("interval out of range".into()) } else { Ok(months(total as i32)) }
    } else {
        one.scale(count)
    })
}

fn words_interval(text: &str) -> Option<Result<Interval, Failure>> {
    let mut total = Interval::default();
    let mut words = text.split_ascii_whitespace().peekable();
    words.peek()?;
    let mut negate_all = false;
    while let Some(word) = words.next() {
        let part = if word.contains(':') {
            signed_clock(word)?
        } else if word.eq_ignore_ascii_case("ago") && words.peek().is_none() {
            negate_all = true;
            continue;
        } else {
            let split = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
            let (count, name) = word.split_at(split);
            let count = plain_number(count)?;
            let name = if name.is_empty() { words.next().unwrap_or("second") } else { name };
            match unit(name, count)? {
                Ok(part) => part,
                Err(failure) => return Some(Err(failure)),
            }
        };
        total = match total.add(part) {
            Ok(total) => total,
            Err(failure) => return Some(Err(failure)),
        };
    }
    Some(if negate_all { total.negate() } else { Ok(total) })
}

/// A count like `-1.5`, and not what else Rust reads as a float.
fn plain_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_plain = digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain && digits.bytes().any(|byte| byte.is_ascii_digit()))
}

/// `-01:02:03.5`, of any number of hours; of two parts they are hours and minutes.
fn signed_clock(text: &str) -> Option<Interval> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = digits.split(':');
    let (hours, minutes, rest) = (number(parts.next()?)?, number(parts.next()?)?, parts.next().unwrap_or("0"));
    let (second, micros) = seconds(rest)?;
    if parts.next().is_some() || minutes > 59 || second > 60 {
        return None;
    }
    let micros = hours * HOUR + minutes * MINUTE + second * SECOND + micros;
    Some(Interval { micros: if negative { -micros } else { micros }, ..Interval::default() })
}

/// What stands behind the `P` of a duration by ISO 8601.
fn iso_interval(text: &str) -> Option<Result<Interval, Failure>> {
    let (mut total, mut rest, mut is_time, mut any) = (Interval::default(), text, false, false);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T') {
            (is_time, rest) = (true, time);
            continue;
        }
        let at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (count, name) = (plain_number(&rest[..at])?, &rest[at..=at]);
        rest = &rest[at + 1..];
        let name = match (name, is_time) {
            ("Y", false) => "year",
            ("M", false) => "month",
            ("W", false) => "week",
            ("D", false) => "day",
            ("H", true) => "hour",
            ("M", true) => "minute",
            ("S", true) => "second",
            _ => return None,
        };
        total = match unit(name, count)?.and_then(|part| total.add(part)) {
            Ok(total) => total,
            Err(failure) => return Some(Err(failure)),
        };
        any = true;
    }
    any.then_some(Ok(total))
}
