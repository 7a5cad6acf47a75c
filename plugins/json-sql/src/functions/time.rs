//! Dates, times and spans: PostgreSQL's functions.

use super::{Function, Scope, strict};
use crate::Failure;
use crate::failure::Answer;
use crate::time::civil::{Civil, checked_timestamp};
use crate::time::interval::Interval;
use crate::time::{DAY, HOUR, MINUTE, SECOND, YEAR_2000, arithmetic, field, zone};
use crate::value::{Kind, Value};

const TEXT: Option<Kind> = Some(Kind::Text);
const DATE: Option<Kind> = Some(Kind::Date);
const STAMP: Option<Kind> = Some(Kind::Timestamp);
const ZONED: Option<Kind> = Some(Kind::Timestamptz);
const SPAN: Option<Kind> = Some(Kind::Interval);

pub(super) const FUNCTIONS: &[Function] = &[
    strict("extract", (2, 2), Some(Kind::Decimal), |_, args| {
        field::extract(args[0].text()?, &args[1]).map(Value::Decimal)
    }),
    strict("date_part", (2, 2), Some(Kind::Float), |_, args| field::part(args[0].text()?, &args[1]).map(Value::Float)),
    strict("date_trunc", (2, 3), None, date_trunc),
    strict("date_bin", (3, 3), None, |_, args| match (&args[1], &args[2]) {
        (Value::Timestamp(moment), Value::Timestamp(origin)) => {
            arithmetic::bin(args[0].interval()?, *moment, *origin).map(Value::Timestamp)
        }
        (moment, origin) => match (arithmetic::moment(moment), arithmetic::moment(origin)) {
            (Some(moment), Some(origin)) => {
                arithmetic::bin(args[0].interval()?, moment, origin).map(Value::Timestamptz)
            }
            _ => Err(Failure::kind("timestamp", moment)),
        },
    }),
    strict("to_char", (2, 2), TEXT, |scope, args| {
        let micros = match &args[0] {
            Value::Int(_) | Value::Decimal(_) | Value::Float(_) => {
                return Err("to_char of a number is not available; use round, lpad and ::text".into());
            }
            other => arithmetic::moment(other).ok_or_else(|| Failure::kind("timestamp", other))?,
        };
        let zone = if matches!(args[0], Value::Timestamptz(_)) { "UTC" } else { "" };
        scope.arena.text(&scope.cache.postgresql(args[1].text()?)?.format(micros, 0, zone))
    }),
    strict("to_timestamp", (1, 2), ZONED, |scope, args| match args {
        [seconds] => {
            let seconds = seconds.float()?;
            if !seconds.is_finite() || seconds.abs() > 1e12 {
                return Err("timestamp out of range: it lies outside of the years 1 to 9999".into());
            }
            // From the year 2000 on, so that rounding is PostgreSQL's.
            let since = (seconds - (YEAR_2000 / SECOND) as f64) * SECOND as f64;
            checked_timestamp(since.round_ties_even() as i128 + i128::from(YEAR_2000)).map(Value::Timestamptz)
        }
        _ => {
            let (local, offset) = scope.cache.postgresql(args[1].text()?)?.parse(args[0].text()?)?;
            checked_timestamp(i128::from(local) - i128::from(offset.unwrap_or(0))).map(Value::Timestamptz)
        }
    }),
    strict("to_date", (2, 2), DATE, |scope, args| {
        let (local, _) = scope.cache.postgresql(args[1].text()?)?.parse(args[0].text()?)?;
        Ok(Value::Date(local.div_euclid(DAY) as i32))
    }),
    strict("make_date", (3, 3), DATE, |_, args| {
        let day = Civil::new(args[0].int()?, args[1].int()?, args[2].int()?);
        let day = day.ok_or_else(|| Failure::from("date field value out of range"))?;
        Ok(Value::Date(day.days() as i32))
    }),
    strict("make_time", (3, 3), Some(Kind::Time), |_, args| make_time(args).map(Value::Time)),
    strict("make_timestamp", (6, 6), STAMP, |_, args| {
        let day = Civil::new(args[0].int()?, args[1].int()?, args[2].int()?);
        let day = day.ok_or_else(|| Failure::from("date field value out of range"))?;
        Ok(Value::Timestamp(day.days() * DAY + make_time(&args[3..])?))
    }),
    strict("make_interval", (1, 7), SPAN, make_interval),
    strict("justify_hours", (1, 1), SPAN, |_, args| {
        arithmetic::justify(args[0].interval()?, true, false).map(Value::Interval)
    }),
    strict("justify_days", (1, 1), SPAN, |_, args| {
        arithmetic::justify(args[0].interval()?, false, true).map(Value::Interval)
    }),
    strict("timezone", (2, 2), None, |scope, args| at_time_zone(scope, args[0].text()?, &args[1])),
    strict("at time zone", (2, 2), None, |scope, args| at_time_zone(scope, args[1].text()?, &args[0])),
    strict("convert_tz", (3, 3), None, |scope, args| {
        let moment = zone::to_moment(local(&args[0])?, &*scope.cache.zone(args[1].text()?)?)?;
        zone::to_local(moment, &*scope.cache.zone(args[2].text()?)?).map(Value::Timestamp)
    }),
];

fn local(value: &Value<'_>) -> Result<i64, Failure> {
    arithmetic::moment(value).ok_or_else(|| Failure::kind("timestamp", value))
}

/// `x AT TIME ZONE zone`
fn at_time_zone<'a>(scope: &Scope<'a>, zone: &str, value: &Value<'a>) -> Answer<'a> {
    let zone = scope.cache.zone(zone)?;
    match value {
        Value::Timestamp(local) => zone::to_moment(*local, &zone).map(Value::Timestamptz),
        Value::Timestamptz(moment) => zone::to_local(*moment, &zone).map(Value::Timestamp),
        Value::Date(days) => zone::to_local(i64::from(*days) * DAY, &zone).map(Value::Timestamp),
        other => Err(Failure::kind("timestamp", other)),
    }
}

fn date_trunc<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (unit, value) = (args[0].text()?, &args[1]);
    let Some(zone) = args.get(2) else { return field::truncate(unit, value) };
    let zone = scope.cache.zone(zone.text()?)?;
    let local = zone::to_local(local(value)?, &zone)?;
    match field::truncate(unit, &Value::Timestamp(local))? {
        Value::Timestamp(start) => zone::to_moment(start, &zone).map(Value::Timestamptz),
        other => Ok(other),
    }
}

fn make_time(args: &[Value<'_>]) -> Result<i64, Failure> {
    let (hour, minute, second) = (args[0].int()?, args[1].int()?, args[2].float()?);
    let micros = (second * SECOND as f64).round_ties_even();
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..=60e6).contains(&micros) {
        return Err("time field value out of range".into());
    }
    Ok(hour * HOUR + minute * MINUTE + micros as i64)
}

/// Years, months, weeks, days, hours, minutes, seconds.
fn make_interval<'a>(_: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let out_of_range = || Failure::from("interval out of range");
    let part = |at: usize| args.get(at).map_or(Ok(0), Value::int32);
    let months = part(0)?.checked_mul(12).and_then(|months| months.checked_add(part(1).ok()?));
    let days = part(2)?.checked_mul(7).and_then(|days| days.checked_add(part(3).ok()?));
    part(1)?;
    part(3)?;
    let seconds = args.get(6).map_or(Ok(0.0), Value::float)?;
    let micros = (seconds * SECOND as f64).round_ties_even();
    if !micros.is_finite() || micros.abs() > 1e18 {
        return Err(out_of_range());
    }
    let narrow = |int: Option<i64>| int.and_then(|int| i32::try_from(int).ok()).ok_or_else(out_of_range);
    Ok(Value::Interval(Interval {
        months: narrow(months)?,
        days: narrow(days)?,
        micros: part(4)? * HOUR + part(5)? * MINUTE + micros as i64,
    }))
}
