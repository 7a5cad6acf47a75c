//! Conversions between types.

use crate::Failure;
use crate::arena::Arena;
use crate::decimal::Decimal;
use crate::failure::Answer;
use crate::json;
use crate::time::civil::checked_timestamp;
use crate::time::interval::Interval;
use crate::time::{DAY, YEAR_2000, arithmetic, parse};
use crate::types::Type;
use crate::value::Value;
use crate::write;

/// A value as a type; NULL stays NULL.
pub(crate) fn cast<'a>(value: &Value<'a>, to: &Type, arena: &'a Arena) -> Answer<'a> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    // JSON that an operator left as JSON is cast by what it says.
    if let (Value::Json(raw), false) = (value, matches!(to, Type::Json | Type::Text(_))) {
        return match (json::load(raw, arena), to) {
            (Value::Null, _) => Err("cannot cast jsonb null to another type".into()),
            (Value::Json(raw), Type::Array(element)) => cast_elements(raw, element, arena),
            (scalar @ Value::Bool(_), Type::Bool) => Ok(scalar),
            (number, Type::Int(_) | Type::Decimal(_) | Type::Float | Type::Real) if number.kind().is_number() => {
                cast(&number, to, arena)
            }
            _ => Err(cannot(value, to)),
        };
    }
    match to {
        Type::Bool => to_bool(value),
        Type::Int(bits) => to_int(value, *bits),
        Type::Decimal(precision) => to_decimal(value, *precision),
        Type::Float => to_float(value).map(Value::Float),
        Type::Real => to_real(value),
        Type::Text(max) => to_text(value, *max, arena),
        Type::Json => to_json(value, arena),
        Type::Bytes => to_bytes(value, arena),
        Type::Date => match value {
            Value::Date(_) => Ok(*value),
            Value::Timestamp(micros) | Value::Timestamptz(micros) => Ok(Value::Date(micros.div_euclid(DAY) as i32)),
            Value::Text(text) => parse::date(text).map(Value::Date),
            other => Err(cannot(other, to)),
        },
        Type::Time(digits) => match value {
            Value::Time(micros) => Ok(Value::Time(rounded_time(*micros, *digits))),
            Value::Timestamp(micros) | Value::Timestamptz(micros) => {
                Ok(Value::Time(rounded_time(micros.rem_euclid(DAY), *digits)))
            }
            Value::Interval(span) => Ok(Value::Time(rounded_time(span.micros.rem_euclid(DAY), *digits))),
            Value::Text(text) => Ok(Value::Time(rounded_time(parse::time(text)?, *digits))),
            other => Err(cannot(other, to)),
        },
        Type::Timestamp(digits) => match (value, arithmetic::moment(value)) {
            (Value::Text(text), _) => Ok(Value::Timestamp(rounded(parse::timestamp(text)?, *digits)?)),
            (_, Some(micros)) => Ok(Value::Timestamp(rounded(micros, *digits)?)),
            (other, None) => Err(cannot(other, to)),
        },
        Type::Timestamptz(digits) => match (value, arithmetic::moment(value)) {
            (Value::Text(text), _) => Ok(Value::Timestamptz(rounded(parse::timestamptz(text)?, *digits)?)),
            (_, Some(micros)) => Ok(Value::Timestamptz(rounded(micros, *digits)?)),
            (other, None) => Err(cannot(other, to)),
        },
        Type::Interval => match value {
            Value::Interval(_) => Ok(*value),
            Value::Time(micros) => Ok(Value::Interval(Interval { micros: *micros, ..Interval::default() })),
            Value::Text(text) => parse::interval(text).map(Value::Interval),
            other => Err(cannot(other, to)),
        },
        Type::Array(element) => to_array(value, element, arena),
    }
}

#[cold]
fn cannot(value: &Value<'_>, to: &Type) -> Failure {
    format!("cannot cast {value} to {}", to.kind().name()).into()
}

#[cold]
fn invalid(text: &str, kind: &str) -> Failure {
    let text: String = text.chars().take(60).collect();
    format!("invalid input for {kind}: {text:?}").into()
}

/// Microseconds with so many digits of the second's fraction; half is rounded away from the year 2000, where
/// PostgreSQL's own count begins.
fn rounded(micros: i64, digits: u32) -> Result<i64, Failure> {
    let unit = 10i64.pow(6 - digits);
    let since = micros - YEAR_2000;
    let up = (since.abs() + unit / 2) / unit * unit;
    checked_timestamp(i128::from(YEAR_2000 + up * since.signum()))
}

/// A time of the day with so many digits of the second's fraction.
fn rounded_time(micros: i64, digits: u32) -> i64 {
    let unit = 10i64.pow(6 - digits);
    (micros + unit / 2) / unit * unit
}

fn to_bool<'a>(value: &Value<'a>) -> Answer<'a> {
    match value {
        Value::Bool(_) => Ok(*value),
        Value::Int(int) => Ok(Value::Bool(*int != 0)),
        Value::Text(text) => {
            let word = trimmed(text).to_ascii_lowercase();
            let starts = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
            if starts("true", 1) || starts("yes", 1) || word == "on" || word == "1" {
                Ok(Value::Bool(true))
            } else if starts("false", 1) || starts("no", 1) || starts("off", 2) || word == "0" {
                Ok(Value::Bool(false))
            } else {
                Err(invalid(text, "boolean"))
            }
        }
        other => Err(cannot(other, &Type::Bool)),
    }
}

/// Without the white space that C's `isspace` knows.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
}

fn to_int<'a>(value: &Value<'a>, bits: u32) -> Answer<'a> {
    let name = ["smallint", "integer", "bigint"][(bits.ilog2() - 4) as usize];
    let out_of_range = || Failure::from(format!("{name} out of range"));
    let int = match value {
        Value::Int(int) => *int,
        Value::Decimal(decimal) => decimal.to_int().ok_or_else(out_of_range)?,
        Value::Float(float) => {
            let rounded = float.round_ties_even();
            if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded) {
                return Err(out_of_range());
            }
            rounded as i64
        }
        Value::Bool(bool) if bits == 32 => i64::from(*bool),
        Value::Text(text) => {
            let digits = trimmed(text);
            let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
            if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(invalid(text, name));
            }
            digits.parse().map_err(|_| out_of_range())?
        }
        other => return Err(cannot(other, &Type::Int(bits))),
    };
    let limit = 1i128 << (bits - 1);
    if (-limit..limit).contains(&i128::from(int)) { Ok(Value::Int(int)) } else { Err(out_of_range()) }
}

fn to_decimal<'a>(value: &Value<'a>, precision: Option<(u32, i32)>) -> Answer<'a> {
    let decimal = match value {
        Value::Int(int) => Decimal::from_int(*int),
        Value::Decimal(decimal) => *decimal,
        Value::Float(float) => Decimal::from_f64(*float)?,
        Value::Text(text) => Decimal::parse(trimmed(text))?.ok_or_else(|| invalid(text, "numeric"))?,
        other => return Err(cannot(other, &Type::Decimal(None))),
    };
    let Some((precision, scale)) = precision else { return Ok(Value::Decimal(decimal)) };
    let rounded = decimal.round(scale)?;
    let unit = if scale < 0 { 10u128.pow(scale.unsigned_abs()) } else { 1 };
    if rounded.digits().unsigned_abs() / unit >= 10u128.pow(precision) {
        return Err(format!("numeric out of range: it does not fit in numeric({precision}, {scale})").into());
    }
    Ok(Value::Decimal(rounded))
}

fn to_float(value: &Value<'_>) -> Result<f64, Failure> {
    match value {
        Value::Text(text) => {
            let plain = trimmed(text);
            let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
            let float: f64 = match unsigned.to_ascii_lowercase().as_str() {
                "inf" | "infinity" | "nan" => return plain.parse().map_err(|_| invalid(text, "double precision")),
                _ => plain.parse().map_err(|_| invalid(text, "double precision"))?,
            };
            let is_zero =
                |text: &str| !text.split(['e', 'E']).next().unwrap_or("").contains(|c| ('1'..='9').contains(&c));
            if float.is_infinite() || float == 0.0 && !is_zero(unsigned) {
                return Err("double precision out of range".into());
            }
            Ok(float)
        }
        other if other.kind().is_number() => other.float(),
        other => Err(cannot(other, &Type::Float)),
    }
}

fn to_real<'a>(value: &Value<'a>) -> Answer<'a> {
    let float = to_float(value)?;
    let real = float as f32;
    if real.is_infinite() && float.is_finite() || real == 0.0 && float != 0.0 {
        return Err("real out of range".into());
    }
    // The shortest digits of the single-precision number, so that it is written as PostgreSQL writes it.
    Ok(Value::Float(real.to_string().parse().unwrap_or(f64::from(real))))
}

pub(crate) fn to_text<'a>(value: &Value<'a>, max: Option<usize>, arena: &'a Arena) -> Answer<'a> {
    let text = match value {
        Value::Null => return Ok(Value::Null),
        Value::Text(text) | Value::Json(text) => text,
        other => {
            let mut text = String::new();
            write::text(other, &mut text)?;
            arena.str(&text)?
        }
    };
    let end = max.and_then(|max| text.char_indices().nth(max)).map_or(text.len(), |(at, _)| at);
    Ok(Value::Text(&text[..end]))
}

fn to_json<'a>(value: &Value<'a>, arena: &'a Arena) -> Answer<'a> {
    match value {
        Value::Json(_) => Ok(*value),
        Value::Text(text) => json::checked(text).map(Value::Json),
        other => Err(format!("cannot cast {other} to jsonb; use to_jsonb(x)").into()),
    }
    .and_then(|json| if let Value::Json(raw) = json { arena.check(raw.len()).map(|()| json) } else { Ok(json) })
}

fn to_bytes<'a>(value: &Value<'a>, arena: &'a Arena) -> Answer<'a> {
    match value {
        Value::Bytes(_) => Ok(*value),
        Value::Text(text) => {
            let bytes = match text.strip_prefix("\\x") {
                Some(hex) => crate::functions::encoding::from_hex(hex)?,
                None => crate::functions::encoding::from_escaped(text)?,
            };
            arena.bytes(&bytes).map(Value::Bytes)
        }
        other => Err(cannot(other, &Type::Bytes)),
    }
}

fn to_array<'a>(value: &Value<'a>, element: &Type, arena: &'a Arena) -> Answer<'a> {
    match value {
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|item| cast(item, element, arena)).collect();
            arena.array(&items?)
        }
        other => Err(cannot(other, &Type::Array(Box::new(element.clone())))),
    }
}

/// The elements of a JSON array as those of an SQL array.
fn cast_elements<'a>(raw: &'a str, element: &Type, arena: &'a Arena) -> Answer<'a> {
    let mut items = Vec::new();
    let is_array = json::each_element(raw, |item| items.push(item));
    if is_array.is_none() {
        return Err("cannot cast a jsonb object to an array".into());
    }
    let items: Result<Vec<_>, _> = items
        .into_iter()
        .map(|item| match (json::load(item, arena), element) {
            (Value::Null, _) => Ok(Value::Null),
            (_, Type::Json) => Ok(Value::Json(item)),
            (loaded, element) => cast(&loaded, element, arena),
        })
        .collect();
    arena.array(&items?)
}
