//! Arithmetic on numbers, and on dates and times where the operator has it for them.

use crate::Failure;
use crate::decimal::Decimal;
use crate::failure::Answer;
use crate::time::arithmetic as time;
use crate::value::{Kind, Value};

const OVERFLOW: &str = "bigint out of range";
const NO_ZERO: &str = "division by zero";

/// How two numbers are taken: the wider kind of both.
enum Pair {
    Ints(i64, i64),
    Decimals(Decimal, Decimal),
    Floats(f64, f64),
}

#[inline]
fn pair(symbol: &str, one: &Value<'_>, other: &Value<'_>) -> Result<Pair, Failure> {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => Ok(Pair::Ints(*one, *other)),
        _ if !one.kind().is_number() || !other.kind().is_number() => Err(no_operator(symbol, one, other)),
        (Value::Float(_), _) | (_, Value::Float(_)) => Ok(Pair::Floats(one.float()?, other.float()?)),
        _ => Ok(Pair::Decimals(one.decimal()?, other.decimal()?)),
    }
}

/// An operator has no meaning for values of these kinds.
#[cold]
pub(crate) fn no_operator(symbol: &str, one: &Value<'_>, other: &Value<'_>) -> Failure {
    let text = |value: &Value<'_>| matches!(value.kind(), Kind::Text);
    let hint = if text(one) != text(other) { "; cast one of them, like x::bigint or x::text" } else { "" };
    format!("no operator {symbol} for {one} and {other}{hint}").into()
}

fn float<'a>(result: f64, one: f64, other: f64) -> Answer<'a> {
    if result.is_infinite() && one.is_finite() && other.is_finite() {
        return Err("double precision out of range: overflow".into());
    }
    Ok(Value::Float(result))
}

#[inline]
pub(crate) fn add<'a>(one: &Value<'a>, other: &Value<'a>) -> Answer<'a> {
    match pair("+", one, other) {
        Ok(Pair::Ints(one, other)) => one.checked_add(other).map(Value::Int).ok_or_else(|| OVERFLOW.into()),
        Ok(Pair::Decimals(one, other)) => one.add(other).map(Value::Decimal),
        Ok(Pair::Floats(one, other)) => float(one + other, one, other),
        Err(failure) => time::add(one, other)?.ok_or(failure),
    }
}

#[inline]
pub(crate) fn subtract<'a>(one: &Value<'a>, other: &Value<'a>) -> Answer<'a> {
    match pair("-", one, other) {
        Ok(Pair::Ints(one, other)) => one.checked_sub(other).map(Value::Int).ok_or_else(|| OVERFLOW.into()),
        Ok(Pair::Decimals(one, other)) => one.sub(other).map(Value::Decimal),
        Ok(Pair::Floats(one, other)) => float(one - other, one, other),
        Err(failure) => time::subtract(one, other)?.ok_or(failure),
    }
}

#[inline]
pub(crate) fn multiply<'a>(one: &Value<'a>, other: &Value<'a>) -> Answer<'a> {
    match pair("*", one, other) {
        Ok(Pair::Ints(one, other)) => one.checked_mul(other).map(Value::Int).ok_or_else(|| OVERFLOW.into()),
        Ok(Pair::Decimals(one, other)) => one.mul(other).map(Value::Decimal),
        Ok(Pair::Floats(one, other)) => {
            let result = one * other;
            if result == 0.0 && one != 0.0 && other != 0.0 {
                return Err("double precision out of range: underflow".into());
            }
            float(result, one, other)
        }
        Err(failure) => match (one, other) {
            (Value::Interval(span), factor) | (factor, Value::Interval(span)) if factor.kind().is_number() => {
                span.scale(factor.float()?).map(Value::Interval)
            }
            _ => Err(failure),
        },
    }
}

pub(crate) fn divide<'a>(one: &Value<'a>, other: &Value<'a>) -> Answer<'a> {
    match pair("/", one, other) {
        Ok(Pair::Ints(_, 0)) => Err(NO_ZERO.into()),
        Ok(Pair::Ints(one, other)) => one.checked_div(other).map(Value::Int).ok_or_else(|| OVERFLOW.into()),
        Ok(Pair::Decimals(one, other)) => one.div(other).map(Value::Decimal),
        Ok(Pair::Floats(_, 0.0)) => Err(NO_ZERO.into()),
        Ok(Pair::Floats(one, other)) => {
            let result = one / other;
            if result == 0.0 && one != 0.0 && other.is_finite() {
                return Err("double precision out of range: underflow".into());
            }
            float(result, one, other)
        }
        Err(failure) => match (one, other) {
            (Value::Interval(span), divisor) if divisor.kind().is_number() => {
                let divisor = divisor.float()?;
                if divisor == 0.0 { Err(NO_ZERO.into()) } else { span.divide(divisor).map(Value::Interval) }
            }
            _ => Err(failure),
        },
    }
}

pub(crate) fn modulo<'a>(one: &Value<'a>, other: &Value<'a>) -> Answer<'a> {
    match pair("%", one, other)? {
        Pair::Ints(_, 0) => Err(NO_ZERO.into()),
        Pair::Ints(one, other) => Ok(Value::Int(one.wrapping_rem(other))),
        Pair::Decimals(one, other) => one.rem(other).map(Value::Decimal),
        Pair::Floats(..) => Err(no_operator("%", one, other)),
    }
}

pub(crate) fn power<'a>(one: &Value<'a>, other: &Value<'a>) -> Answer<'a> {
    let (base, exponent) = (one.float()?, other.float()?);
    if base == 0.0 && exponent < 0.0 {
        return Err("zero raised to a negative power is undefined".into());
    }
    if base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0 {
        return Err("a negative number raised to a power that is not whole is complex".into());
    }
    let result = base.powf(exponent);
    if result == 0.0 && base != 0.0 && base.is_finite() && exponent.is_finite() {
        return Err("double precision out of range: underflow".into());
    }
    float(result, base, exponent)
}

pub(crate) fn negate<'a>(value: &Value<'a>) -> Answer<'a> {
    match value {
        Value::Int(int) => int.checked_neg().map(Value::Int).ok_or_else(|| OVERFLOW.into()),
        Value::Decimal(decimal) => Ok(Value::Decimal(decimal.negate())),
        Value::Float(float) => Ok(Value::Float(-float)),
        Value::Interval(span) => span.negate().map(Value::Interval),
        other => Err(Failure::kind("number", other)),
    }
}

pub(crate) fn absolute<'a>(value: &Value<'a>) -> Answer<'a> {
    match value {
        Value::Int(int) => int.checked_abs().map(Value::Int).ok_or_else(|| OVERFLOW.into()),
        Value::Decimal(decimal) if decimal.is_negative() => Ok(Value::Decimal(decimal.negate())),
        Value::Float(float) => Ok(Value::Float(float.abs())),
        Value::Decimal(_) => Ok(*value),
        other => Err(Failure::kind("number", other)),
    }
}

/// The digits of a double as PostgreSQL writes them: the shortest that read back as the same number.
pub(crate) fn write_float(float: f64, out: &mut String) {
    if float.is_nan() {
        return out.push_str("NaN");
    }
    if float.is_infinite() {
        return out.push_str(if float > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let text = format!("{float:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..15).contains(&exponent) {
        return out.push_str(&float.to_string());
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    out.push_str(&format!("{mantissa}e{sign}{:02}", exponent.abs()));
}
