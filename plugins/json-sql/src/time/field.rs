//! Parts of dates and times: `extract`, `date_part` and `date_trunc`.

use super::civil::{Civil, Clock, iso_weekday, split};
use super::interval::Interval;
use super::{DAY, HOUR, MINUTE, SECOND};
use crate::Failure;
use crate::decimal::Decimal;
use crate::value::Value;

/// A part of a date, a time or a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Millennium,
    Century,
    Decade,
    Year,
    IsoYear,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Milliseconds,
    Microseconds,
    Epoch,
    Timezone,
}

impl Field {
    /// The part that a name of PostgreSQL's means.
    pub fn find(name: &str) -> Option<Field> {
        Some(match name.to_ascii_lowercase().as_str() {
            "millennium" | "millennia" | "mil" | "mils" => Field::Millennium,
            "century" | "centuries" | "c" | "cent" => Field::Century,
            "decade" | "decades" | "dec" | "decs" => Field::Decade,
            "year" | "years" | "y" | "yr" | "yrs" => Field::Year,
            "isoyear" => Field::IsoYear,
            "quarter" | "qtr" => Field::Quarter,
            "month" | "months" | "mon" | "mons" => Field::Month,
            "week" | "weeks" | "w" => Field::Week,
            "day" | "days" | "d" => Field::Day,
            "dow" => Field::DayOfWeek,
            "isodow" => Field::IsoDayOfWeek,
            "doy" => Field::DayOfYear,
            "hour" | "hours" | "h" | "hr" | "hrs" => Field::Hour,
            "minute" | "minutes" | "m" | "min" | "mins" => Field::Minute,
            "second" | "seconds" | "s" | "sec" | "secs" => Field::Second,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => Field::Milliseconds,
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" => Field::Microseconds,
            "epoch" => Field::Epoch,
            "timezone" => Field::Timezone,
            _ => return None,
        })
    }

    fn named(name: &str) -> Result<Field, Failure> {
        Field::find(name).ok_or_else(|| {
            let name: String = name.chars().take(40).collect();
            format!("no unit {name:?}; there are year, quarter, month, week, day, hour, minute, second and others")
                .into()
        })
    }
}

fn not_in(kind: &str) -> Failure {
    format!("a {kind} has no such field").into()
}

/// A part of a value, as `extract` gives it.
pub(crate) fn extract(name: &str, value: &Value<'_>) -> Result<Decimal, Failure> {
    let field = Field::named(name)?;
    match value {
        Value::Date(days) => {
            if matches!(
                field,
                Field::Hour
                    | Field::Minute
                    | Field::Second
                    | Field::Milliseconds
                    | Field::Microseconds
                    | Field::Timezone
            ) {
                return Err(not_in("date"));
            }
            if field == Field::Epoch {
                return Ok(Decimal::from_int(i64::from(*days) * 86_400));
            }
            of_moment(field, i64::from(*days) * DAY)
        }
        Value::Timestamp(_) if field == Field::Timezone => Err(not_in("timestamp")),
        Value::Timestamp(micros) | Value::Timestamptz(micros) => of_moment(field, *micros),
        Value::Time(micros) => match field {
            Field::Epoch => Decimal::new(i128::from(*micros), 6),
            Field::Hour | Field::Minute | Field::Second | Field::Milliseconds | Field::Microseconds => {
                of_clock(field, Clock::from_micros(*micros))
            }
            _ => Err(not_in("time")),
        },
        Value::Interval(span) => of_interval(field, *span),
        other => Err(Failure::kind("timestamp", other)),
    }
}

/// The same as a double, as `date_part` gives it: rounded where PostgreSQL rounds it.
pub(crate) fn part(name: &str, value: &Value<'_>) -> Result<f64, Failure> {
    // What cannot be had of a value is refused there.
    let exact = extract(name, value)?;
    let field = Field::named(name)?;
    Ok(match (field, value) {
        (Field::Epoch, Value::Timestamp(micros) | Value::Timestamptz(micros) | Value::Time(micros)) => seconds(*micros),
        (Field::Epoch, Value::Interval(span)) => {
            let (years, months) = (span.months / 12, span.months % 12);
            let mut sum = seconds(span.micros);
            sum += 365.25 * DAY_SECONDS * f64::from(years);
            sum += 30.0 * DAY_SECONDS * f64::from(months);
            sum + DAY_SECONDS * f64::from(span.days)
        }
        (Field::Second | Field::Milliseconds, Value::Timestamp(micros) | Value::Timestamptz(micros)) => {
            of_minute(field, micros.rem_euclid(MINUTE))
        }
        (Field::Second | Field::Milliseconds, Value::Time(micros)) => of_minute(field, micros % MINUTE),
        (Field::Second | Field::Milliseconds, Value::Interval(span)) => of_minute(field, span.micros % MINUTE),
        _ => exact.to_f64(),
    })
}

const DAY_SECONDS: f64 = (DAY / SECOND) as f64;

fn seconds(micros: i64) -> f64 {
    micros as f64 / SECOND as f64
}

/// Seconds or milliseconds of microseconds within a minute: whole seconds and the rest are added as doubles.
fn of_minute(field: Field, micros: i64) -> f64 {
    let (whole, rest) = ((micros / SECOND) as f64, (micros % SECOND) as f64);
    if field == Field::Second { whole + rest / 1e6 } else { whole * 1e3 + rest / 1e3 }
}

fn of_moment(field: Field, micros: i64) -> Result<Decimal, Failure> {
    let (day, clock) = split(micros);
    let days = micros.div_euclid(DAY);
    let year = i64::from(day.year);
    let whole = match field {
        Field::Millennium => (year + 999) / 1000,
        Field::Century => (year + 99) / 100,
        Field::Decade => year / 10,
        Field::Year => year,
        Field::IsoYear => day.iso_week().0,
        Field::Quarter => i64::from((day.month - 1) / 3 + 1),
        Field::Month => i64::from(day.month),
        Field::Week => day.iso_week().1,
        Field::Day => i64::from(day.day),
        Field::DayOfWeek => iso_weekday(days) % 7,
        Field::IsoDayOfWeek => iso_weekday(days),
        Field::DayOfYear => day.day_of_year(),
        Field::Timezone => 0,
        Field::Epoch => return Decimal::new(i128::from(micros), 6),
        Field::Hour | Field::Minute | Field::Second | Field::Milliseconds | Field::Microseconds => {
            return of_clock(field, clock);
        }
    };
    Ok(Decimal::from_int(whole))
}

fn of_clock(field: Field, clock: Clock) -> Result<Decimal, Failure> {
    let micros = clock.second * SECOND + clock.micros;
    match field {
        Field::Hour => Ok(Decimal::from_int(clock.hour)),
        Field::Minute => Ok(Decimal::from_int(clock.minute)),
        Field::Second => Decimal::new(i128::from(micros), 6),
        Field::Milliseconds => Decimal::new(i128::from(micros), 3),
        _ => Ok(Decimal::from_int(micros)),
    }
}

fn of_interval(field: Field, span: Interval) -> Result<Decimal, Failure> {
    let (years, months) = (i64::from(span.months / 12), i64::from(span.months % 12));
    let whole = match field {
        Field::Millennium => years / 1000,
        Field::Century => years / 100,
        Field::Decade => years / 10,
        Field::Year => years,
        Field::Quarter => months / 3 + 1,
        Field::Month => months,
        Field::Day => i64::from(span.days),
        Field::Hour => span.micros / HOUR,
        Field::Minute => span.micros % HOUR / MINUTE,
        Field::Second => return Decimal::new(i128::from(span.micros % MINUTE), 6),
        Field::Milliseconds => return Decimal::new(i128::from(span.micros % MINUTE), 3),
        Field::Microseconds => span.micros % MINUTE,
        Field::Epoch => {
            // A year has 365.25 days, a month 30.
            let days = i128::from(years) * 1461 + i128::from(months) * 120 + i128::from(span.days) * 4;
            return Decimal::new(days * i128::from(DAY / 4) + i128::from(span.micros), 6);
        }
        _ => return Err(not_in("interval")),
    };
    Ok(Decimal::from_int(whole))
}

/// The start of the part that a value lies in.
pub(crate) fn truncate<'a>(name: &str, value: &Value<'a>) -> Result<Value<'a>, Failure> {
    let field = Field::named(name)?;
    match value {
        Value::Date(days) => Ok(Value::Timestamptz(truncate_moment(field, i64::from(*days) * DAY)?)),
        Value::Timestamp(micros) => Ok(Value::Timestamp(truncate_moment(field, *micros)?)),
        Value::Timestamptz(micros) => Ok(Value::Timestamptz(truncate_moment(field, *micros)?)),
        Value::Interval(span) => Ok(Value::Interval(truncate_interval(field, *span)?)),
        other => Err(Failure::kind("timestamp", other)),
    }
}

fn no_start() -> Failure {
    "this unit cannot be truncated to".into()
}

fn truncate_moment(field: Field, micros: i64) -> Result<i64, Failure> {
    let (days, day) = (micros.div_euclid(DAY), split(micros).0);
    let first = |year: i32, month: i32| {
        let day = Civil::new(i64::from(year), i64::from(month), 1);
        day.map(|day| day.days() * DAY)
            .ok_or_else(|| Failure::from("timestamp out of range: it lies outside of the years 1 to 9999"))
    };
    Ok(match field {
        Field::Microseconds => micros,
        Field::Milliseconds => micros - micros.rem_euclid(1000),
        Field::Second => micros - micros.rem_euclid(SECOND),
        Field::Minute => micros - micros.rem_euclid(MINUTE),
        Field::Hour => micros - micros.rem_euclid(HOUR),
        Field::Day => days * DAY,
        Field::Week => super::civil::checked_timestamp(i128::from(days - iso_weekday(days) + 1) * i128::from(DAY))?,
        Field::Month => first(day.year, day.month)?,
        Field::Quarter => first(day.year, (day.month - 1) / 3 * 3 + 1)?,
        Field::Year => first(day.year, 1)?,
        Field::Decade => first(day.year / 10 * 10, 1)?,
        Field::Century => first((day.year - 1) / 100 * 100 + 1, 1)?,
        Field::Millennium => first((day.year - 1) / 1000 * 1000 + 1, 1)?,
        _ => return Err(no_start()),
    })
}

fn truncate_interval(field: Field, span: Interval) -> Result<Interval, Failure> {
    let months = |unit: i32| Interval { months: span.months / unit * unit, ..Interval::default() };
    let micros = |unit: i64| Interval { micros: span.micros / unit * unit, ..span };
    Ok(match field {
        Field::Millennium => months(12_000),
        Field::Century => months(1200),
        Field::Decade => months(120),
        Field::Year => months(12),
        Field::Quarter => months(3),
        Field::Month => months(1),
        Field::Day => Interval { micros: 0, ..span },
        Field::Hour => micros(HOUR),
        Field::Minute => micros(MINUTE),
        Field::Second => micros(SECOND),
        Field::Milliseconds => micros(1000),
        Field::Microseconds => span,
        _ => return Err(no_start()),
    })
}
