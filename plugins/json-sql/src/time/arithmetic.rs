//! Sums and differences of dates, times and spans.

use super::civil::{Civil, checked_date, checked_timestamp, month_days};
use super::interval::Interval;
use super::{DAY, HOUR};
use crate::Failure;
use crate::value::Value;

/// The sum, or nothing where these kinds have none.
pub(crate) fn add<'a>(one: &Value<'a>, other: &Value<'a>) -> Result<Option<Value<'a>>, Failure> {
    Ok(Some(match (one, other) {
        (Value::Date(days), Value::Int(more)) | (Value::Int(more), Value::Date(days)) => {
            Value::Date(checked_date(i128::from(*days) + i128::from(*more))?)
        }
        (Value::Date(days), Value::Time(micros)) | (Value::Time(micros), Value::Date(days)) => {
            Value::Timestamp(checked_timestamp(i128::from(*days) * i128::from(DAY) + i128::from(*micros))?)
        }
        (Value::Interval(one), Value::Interval(other)) => Value::Interval(one.add(*other)?),
        (moment, Value::Interval(span)) | (Value::Interval(span), moment) => return shifted(moment, *span),
        _ => return Ok(None),
    }))
}

/// The difference, or nothing where these kinds have none.
pub(crate) fn subtract<'a>(one: &Value<'a>, other: &Value<'a>) -> Result<Option<Value<'a>>, Failure> {
    Ok(Some(match (one, other) {
        (Value::Date(days), Value::Int(less)) => Value::Date(checked_date(i128::from(*days) - i128::from(*less))?),
        (Value::Date(one), Value::Date(other)) => Value::Int(i64::from(*one) - i64::from(*other)),
        (Value::Time(one), Value::Time(other)) => {
            Value::Interval(Interval { micros: one - other, ..Interval::default() })
        }
        (moment, Value::Interval(span)) => return shifted(moment, span.negate()?),
        _ => match (moment(one), moment(other)) {
            (Some(one), Some(other)) => {
                let span = one - other;
                Value::Interval(Interval { months: 0, days: (span / DAY) as i32, micros: span % DAY })
            }
            _ => return Ok(None),
        },
    }))
}

/// A date or timestamp in microseconds.
pub(crate) fn moment(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Date(days) => Some(i64::from(*days) * DAY),
        Value::Timestamp(micros) | Value::Timestamptz(micros) => Some(*micros),
        _ => None,
    }
}

fn shifted<'a>(value: &Value<'a>, span: Interval) -> Result<Option<Value<'a>>, Failure> {
    Ok(Some(match value {
        Value::Date(days) => Value::Timestamp(shift(i64::from(*days) * DAY, span)?),
        Value::Timestamp(micros) => Value::Timestamp(shift(*micros, span)?),
        Value::Timestamptz(micros) => Value::Timestamptz(shift(*micros, span)?),
        Value::Time(micros) => Value::Time((*micros + span.micros % DAY).rem_euclid(DAY)),
        Value::Interval(other) => Value::Interval(other.add(span)?),
        _ => return Ok(None),
    }))
}

/// A moment after a span: first the months, to the last day of the month where it is shorter, then the days, then
/// the time.
pub(crate) fn shift(micros: i64, span: Interval) -> Result<i64, Failure> {
    let (mut days, time) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    if span.months != 0 {
        let day = Civil::from_days(days);
        let months = i64::from(day.year) * 12 + i64::from(day.month) - 1 + i64::from(span.months);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        if !(1..=9999).contains(&year) {
            return Err("timestamp out of range: it lies outside of the years 1 to 9999".into());
        }
        let (year, month) = (year as i32, month as i32);
        days = Civil { year, month, day: day.day.min(month_days(year, month)) }.days();
    }
    let days = i128::from(days) + i128::from(span.days);
    checked_timestamp(days * i128::from(DAY))?;
    checked_timestamp(days * i128::from(DAY) + i128::from(time) + i128::from(span.micros))
}

/// The start of the stride, counted from an origin, that a moment lies in.
pub(crate) fn bin(stride: Interval, moment: i64, origin: i64) -> Result<i64, Failure> {
    if stride.months != 0 {
        return Err("a stride of months or years has no fixed length".into());
    }
    let stride = i128::from(stride.days) * i128::from(DAY) + i128::from(stride.micros);
    if stride <= 0 {
        return Err("the stride must be greater than zero".into());
    }
    let past = (i128::from(moment) - i128::from(origin)).rem_euclid(stride);
    checked_timestamp(i128::from(moment) - past)
}

/// A span with its hours of 24 taken as days, and days of 30 as months.
pub(crate) fn justify(span: Interval, hours: bool, days: bool) -> Result<Interval, Failure> {
    let mut result = span;
    if hours {
        let whole = i32::try_from(result.micros / DAY).map_err(|_| Failure::from("interval out of range"))?;
        result.days = result.days.checked_add(whole).ok_or_else(|| Failure::from("interval out of range"))?;
        result.micros %= DAY;
        if result.days > 0 && result.micros < 0 {
            (result.days, result.micros) = (result.days - 1, result.micros + 24 * HOUR);
        } else if result.days < 0 && result.micros > 0 {
            (result.days, result.micros) = (result.days + 1, result.micros - 24 * HOUR);
        }
    }
    if days {
        let months = result.months.checked_add(result.days / 30);
        result.months = months.ok_or_else(|| Failure::from("interval out of range"))?;
        result.days %= 30;
        if result.months > 0 && result.days < 0 {
            (result.months, result.days) = (result.months - 1, result.days + 30);
        } else if result.months < 0 && result.days > 0 {
            (result.months, result.days) = (result.months + 1, result.days - 30);
        }
    }
    Ok(result)
}
