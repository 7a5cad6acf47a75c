//! Functions of times, in UTC.

use super::calendar::Broken;
use super::{Named, strftime, strptime};
use crate::run::{Exit, Machine};
use crate::value::Value;

pub(super) const TABLE: &[Named] =
    &[("gmtime", 0, gmtime), ("mktime", 0, mktime), ("strftime", 1, format), ("strptime", 1, parse)];

fn gmtime(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let Some(seconds) = machine.source.number(&input) else {
        return Err(Exit::error("gmtime() requires a number"));
    };
    broken(seconds).map(|broken| to_value(&broken))
}

fn broken(seconds: f64) -> Result<Broken, Exit> {
    Broken::of(seconds).ok_or_else(|| Exit::error("error converting number of seconds since epoch to datetime"))
}

fn to_value(broken: &Broken) -> Value {
    let whole = [broken.year, broken.month, broken.day, broken.hour, broken.minute];
    let days = [broken.weekday, broken.yearday];
    let number = |whole: i64| Value::Number(whole as f64);
    let numbers =
        whole.into_iter().map(number).chain([Value::Number(broken.second)]).chain(days.into_iter().map(number));
    Value::array(numbers.collect())
}

/// The time that an array of at least six numbers means.
fn from_value(machine: &Machine<'_>, input: &Value, name: &str) -> Result<Broken, Exit> {
    let requires = |what: &str| Exit::error(format!("{name} requires {what}"));
    let elements = machine.source.array(input.clone()).ok_or_else(|| requires("array of 6 numbers"))?;
    if elements.len() < 6 {
        return Err(requires("array of 6 numbers"));
    }
    let mut numbers = [0.0; 8];
    for (number, element) in numbers.iter_mut().zip(elements.iter()) {
        *number = machine.source.number(element).ok_or_else(|| requires("parsed datetime inputs"))?;
    }
    if numbers.iter().any(|number| !number.is_finite() || number.abs() > 1e12) {
        return Err(requires("parsed datetime inputs"));
    }
    let whole = numbers.map(|number| number as i64);
    Ok(Broken {
        year: whole[0],
        month: whole[1],
        day: whole[2],
        hour: whole[3],
        minute: whole[4],
        second: numbers[5],
        weekday: whole[6],
        yearday: whole[7],
    })
}

fn mktime(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    if !matches!(input, Value::Array(_) | Value::Elements(_)) {
        return Err(Exit::error("mktime requires array of 6 numbers"));
    }
    from_value(machine, &input, "mktime").map(|broken| Value::Number(broken.seconds() as f64))
}

fn format(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    let broken = match machine.source.number(&input) {
        Some(seconds) => broken(seconds)?,
        None if matches!(input, Value::Array(_) | Value::Elements(_)) => from_value(machine, &input, "strftime/1")?,
        None => return Err(Exit::error("strftime/1 requires parsed datetime inputs")),
    };
    match machine.source.str(&arguments[0]) {
        Some(format) => Ok(Value::text(strftime::format(&broken, format))),
        None => Err(Exit::error("strftime/1 requires a string format")),
    }
}

fn parse(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    let Some(text) = machine.source.str(&input) else {
        return Err(Exit::error(format!(
            "strptime/1 requires string inputs and arguments, and not {}",
            machine.shown(&input)
        )));
    };
    let Some(format) = machine.source.str(&arguments[0]) else {
        return Err(Exit::error("strptime/1 requires string inputs and arguments"));
    };
    match strptime::parse(text, format) {
        Some(broken) => Ok(to_value(&broken)),
        None => Err(Exit::error(format!("date \"{text}\" does not match format \"{format}\""))),
    }
}
