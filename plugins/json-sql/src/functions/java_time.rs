//! Dates and times: ksqlDB's functions, whose patterns are Java's.

use super::{Function, Run, Scope, strict};
use crate::Failure;
use crate::failure::Answer;
use crate::time::civil::{checked_date, checked_timestamp};
use crate::time::interval::Interval;
use crate::time::{DAY, SECOND, arithmetic, parse, zone};
use crate::value::{Kind, Value};

const TEXT: Option<Kind> = Some(Kind::Text);
const INT: Option<Kind> = Some(Kind::Int);
const DATE: Option<Kind> = Some(Kind::Date);
const TIME: Option<Kind> = Some(Kind::Time);
const ZONED: Option<Kind> = Some(Kind::Timestamptz);

const ADD: Run = |_, args| shift(args, 1);
const SUBTRACT: Run = |_, args| shift(args, -1);

pub(super) const FUNCTIONS: &[Function] = &[
    strict("format_timestamp", (2, 3), TEXT, |scope, args| format(scope, moment(&args[0])?, &args[1..])),
    strict("timestamptostring", (2, 3), TEXT, |scope, args| {
        format(scope, checked_timestamp(i128::from(args[0].int()?) * 1000)?, &args[1..])
    }),
    strict("format_date", (2, 2), TEXT, |scope, args| format(scope, moment(&args[0])?, &args[1..])),
    strict("datetostring", (2, 2), TEXT, |scope, args| {
        format(scope, i64::from(checked_date(i128::from(args[0].int()?))?) * DAY, &args[1..])
    }),
    strict("format_time", (2, 2), TEXT, |scope, args| match &args[0] {
        Value::Time(micros) => format(scope, *micros, &args[1..]),
        other => Err(Failure::kind("time", other)),
    }),
    strict("parse_timestamp", (2, 3), ZONED, |scope, args| parsed(scope, args).map(Value::Timestamptz)),
    strict("stringtotimestamp", (2, 3), INT, |scope, args| {
        parsed(scope, args).map(|micros| Value::Int(micros.div_euclid(1000)))
    }),
    strict("parse_date", (2, 2), DATE, |scope, args| {
        Ok(Value::Date(scope.cache.java(args[1].text()?)?.parse(args[0].text()?)?.0.div_euclid(DAY) as i32))
    }),
    strict("stringtodate", (2, 2), INT, |scope, args| {
        Ok(Value::Int(scope.cache.java(args[1].text()?)?.parse(args[0].text()?)?.0.div_euclid(DAY)))
    }),
    strict("parse_time", (2, 2), TIME, |scope, args| {
        Ok(Value::Time(scope.cache.java(args[1].text()?)?.parse(args[0].text()?)?.0.rem_euclid(DAY)))
    }),
    strict("from_unixtime", (1, 1), ZONED, |_, args| {
        checked_timestamp(i128::from(args[0].int()?) * 1000).map(Value::Timestamptz)
    }),
    strict("unix_timestamp", (1, 1), INT, |_, args| Ok(Value::Int(moment(&args[0])?.div_euclid(1000)))),
    strict("from_days", (1, 1), DATE, |_, args| checked_date(i128::from(args[0].int()?)).map(Value::Date)),
    strict("unix_date", (1, 1), INT, |_, args| match &args[0] {
        Value::Date(days) => Ok(Value::Int(i64::from(*days))),
        other => Err(Failure::kind("date", other)),
    }),
    strict("timestampadd", (3, 3), None, ADD),
    strict("timestampsub", (3, 3), None, SUBTRACT),
    strict("dateadd", (3, 3), None, ADD),
    strict("datesub", (3, 3), None, SUBTRACT),
    strict("timeadd", (3, 3), None, ADD),
    strict("timesub", (3, 3), None, SUBTRACT),
];

fn moment(value: &Value<'_>) -> Result<i64, Failure> {
    arithmetic::moment(value).ok_or_else(|| Failure::kind("timestamp", value))
}

/// `args` are the pattern and, where it is not UTC, the zone.
fn format<'a>(scope: &Scope<'a>, micros: i64, args: &[Value<'a>]) -> Answer<'a> {
    let pattern = scope.cache.java(args[0].text()?)?;
    let name = args.get(1).map_or(Ok("UTC"), Value::text)?;
    let local = zone::to_local(micros, &*scope.cache.zone(name)?)?;
    scope.arena.text(&pattern.format(local, local - micros, name))
}

/// A text, a pattern and, where the text has no zone, one for it.
fn parsed<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Result<i64, Failure> {
    let (local, offset) = scope.cache.java(args[1].text()?)?.parse(args[0].text()?)?;
    match (offset, args.get(2)) {
        (Some(offset), _) => checked_timestamp(i128::from(local) - i128::from(offset / SECOND * SECOND)),
        (None, Some(name)) => zone::to_moment(local, &*scope.cache.zone(name.text()?)?),
        (None, None) => Ok(local),
    }
}

/// A unit, how many of it, and what they are added to.
fn shift<'a>(args: &[Value<'a>], sign: i64) -> Answer<'a> {
    let unit = args[0].text()?;
    let count = args[1].int32()? * sign;
    let span: Interval = parse::unit(unit, count as f64).unwrap_or_else(|| {
        let unit: String = unit.chars().take(40).collect();
        Err(format!("no unit {unit:?}; there are days, hours, minutes, seconds and others").into())
    })?;
    match (arithmetic::add(&args[2], &Value::Interval(span))?, &args[2]) {
        (Some(Value::Timestamp(micros)), Value::Date(_)) => Ok(Value::Date(micros.div_euclid(DAY) as i32)),
        (Some(sum), _) => Ok(sum),
        (None, other) => Err(Failure::kind("timestamp", other)),
    }
}
