//! Order and equality of values.

use std::cmp::Ordering;

use json_scan::same;

use crate::Failure;
use crate::json;
use crate::number::no_operator;
use crate::time::arithmetic::moment;
use crate::value::Value;

/// How two values that are not NULL are ordered; `symbol` is the operator, for the error.
#[inline]
pub(crate) fn order(symbol: &str, one: &Value<'_>, other: &Value<'_>) -> Result<Ordering, Failure> {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => Ok(one.cmp(other)),
        (Value::Int(one), Value::Int(other)) => Ok(one.cmp(other)),
        _ => order_others(symbol, one, other),
    }
}

fn order_others(symbol: &str, one: &Value<'_>, other: &Value<'_>) -> Result<Ordering, Failure> {
    Ok(match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Bytes(one), Value::Bytes(other)) => one.cmp(other),
        (Value::Time(one), Value::Time(other)) => one.cmp(other),
        (Value::Interval(one), Value::Interval(other)) => one.cmp(*other),
        (Value::Array(one), Value::Array(other)) => return order_arrays(symbol, one, other),
        _ if one.kind().is_number() && other.kind().is_number() => match (one, other) {
            (Value::Float(_), _) | (_, Value::Float(_)) => order_floats(one.float()?, other.float()?),
            _ => one.decimal()?.cmp(other.decimal()?),
        },
        _ => match (moment(one), moment(other)) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => return Err(no_operator(symbol, one, other)),
        },
    })
}

/// NaN is equal to itself and greater than all others.
fn order_floats(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

fn order_arrays(symbol: &str, one: &[Value<'_>], other: &[Value<'_>]) -> Result<Ordering, Failure> {
    for (one, other) in one.iter().zip(other) {
        let order = match (one.is_null(), other.is_null()) {
            (false, false) => order(symbol, one, other)?,
            (one, other) => one.cmp(&other), // NULL comes last
        };
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(one.len().cmp(&other.len()))
}

/// Whether two values that are not NULL are equal.
#[inline]
pub(crate) fn equal(symbol: &str, one: &Value<'_>, other: &Value<'_>) -> Result<bool, Failure> {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => Ok(same(one.as_bytes(), other.as_bytes())),
        (Value::Json(one), Value::Json(other)) => Ok(json::equal(one, other)),
        (Value::Array(one), Value::Array(other)) => {
            if one.len() != other.len() {
                return Ok(false);
            }
            for (one, other) in one.iter().zip(*other) {
                if distinct(one, other)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => order(symbol, one, other).map(Ordering::is_eq),
    }
}

/// Whether two values differ, where NULL is equal to NULL.
pub(crate) fn distinct(one: &Value<'_>, other: &Value<'_>) -> Result<bool, Failure> {
    match (one.is_null(), other.is_null()) {
        (false, false) => equal("=", one, other).map(|equal| !equal),
        (one, other) => Ok(one != other),
    }
}
