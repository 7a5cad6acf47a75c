//! Numbers.

use super::{Function, Run, Scope, strict};
use crate::Failure;
use crate::decimal::Decimal;
use crate::failure::Answer;
use crate::number;
use crate::value::{Kind, Value};

const FLOAT: Option<Kind> = Some(Kind::Float);
const INT: Option<Kind> = Some(Kind::Int);

const CEIL: Run = |_, args| whole(&args[0], Decimal::ceil, f64::ceil);
const POWER: Run = |_, args| number::power(&args[0], &args[1]);
const LOG10: Run = |_, args| logarithm(&args[0]).map(|float| Value::Float(float.log10()));

pub(super) const FUNCTIONS: &[Function] = &[
    strict("abs", (1, 1), None, |_, args| number::absolute(&args[0])),
    strict("ceil", (1, 1), None, CEIL),
    strict("ceiling", (1, 1), None, CEIL),
    strict("floor", (1, 1), None, |_, args| whole(&args[0], Decimal::floor, f64::floor)),
    strict("round", (1, 2), None, round),
    strict("trunc", (1, 2), None, trunc),
    strict("truncate", (1, 2), None, trunc),
    strict("sign", (1, 1), None, sign),
    strict("mod", (2, 2), None, |_, args| number::modulo(&args[0], &args[1])),
    strict("div", (2, 2), None, |_, args| match (&args[0], &args[1]) {
        (Value::Int(_), Value::Int(_)) => number::divide(&args[0], &args[1]),
        (one, other) => div(one.decimal()?, other.decimal()?),
    }),
    strict("power", (2, 2), FLOAT, POWER),
    strict("pow", (2, 2), FLOAT, POWER),
    strict("sqrt", (1, 1), FLOAT, |_, args| {
        let float = args[0].float()?;
        if float < 0.0 {
            return Err("cannot take square root of a negative number".into());
        }
        Ok(Value::Float(float.sqrt()))
    }),
    strict("cbrt", (1, 1), FLOAT, |_, args| args[0].float().map(|float| Value::Float(float.cbrt()))),
    strict("exp", (1, 1), FLOAT, |_, args| {
        let float = args[0].float()?;
        let result = float.exp();
        match result.is_infinite() && float.is_finite() || result == 0.0 && float.is_finite() {
            true => Err("double precision out of range".into()),
            false => Ok(Value::Float(result)),
        }
    }),
    strict("ln", (1, 1), FLOAT, |_, args| logarithm(&args[0]).map(|float| Value::Float(float.ln()))),
    strict("log", (1, 2), FLOAT, |scope, args| match args {
        [base, value] => {
            let base = logarithm(base)?.ln();
            if base == 0.0 { Err("division by zero".into()) } else { Ok(Value::Float(logarithm(value)?.ln() / base)) }
        }
        _ => LOG10(scope, args),
    }),
    strict("log10", (1, 1), FLOAT, LOG10),
    strict("gcd", (2, 2), INT, |_, args| gcd(args[0].int()?, args[1].int()?).map(Value::Int)),
    strict("lcm", (2, 2), INT, |_, args| {
        let (one, other) = (args[0].int()?, args[1].int()?);
        if one == 0 || other == 0 {
            return Ok(Value::Int(0));
        }
        let product = (one / gcd(one, other)?).checked_mul(other).and_then(i64::checked_abs);
        product.map(Value::Int).ok_or_else(|| "bigint out of range".into())
    }),
    strict("width_bucket", (4, 4), INT, width_bucket),
];

/// A whole number of a decimal or a double, the same kind of number; integers stay.
fn whole<'a>(value: &Value<'a>, decimal: fn(Decimal) -> Result<Decimal, Failure>, float: fn(f64) -> f64) -> Answer<'a> {
    match value {
        Value::Int(_) => Ok(*value),
        Value::Decimal(number) => decimal(*number).map(Value::Decimal),
        Value::Float(number) => Ok(Value::Float(float(*number))),
        other => Err(Failure::kind("number", other)),
    }
}

/// The number of digits behind the point that an argument asks for.
fn digits(value: &Value<'_>) -> Result<i32, Failure> {
    Ok(value.int32()?.clamp(-200, 200) as i32)
}

fn round<'a>(_: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    match args {
        [value] => whole(value, |number| number.round(0), f64::round_ties_even),
        [Value::Float(float), places] => {
            // PostgreSQL has none for doubles; ksqlDB has.
            Decimal::from_f64(*float)?.round(digits(places)?).map(|rounded| Value::Float(rounded.to_f64()))
        }
        [value, places] => value.decimal()?.round(digits(places)?).map(Value::Decimal),
        _ => Ok(Value::Null),
    }
}

fn trunc<'a>(_: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    match args {
        [value] => whole(value, |number| number.trunc(0), f64::trunc),
        [Value::Float(float), places] => {
            Decimal::from_f64(*float)?.trunc(digits(places)?).map(|cut| Value::Float(cut.to_f64()))
        }
        [value, places] => value.decimal()?.trunc(digits(places)?).map(Value::Decimal),
        _ => Ok(Value::Null),
    }
}

fn sign<'a>(_: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    match &args[0] {
        Value::Int(int) => Ok(Value::Int(int.signum())),
        Value::Decimal(decimal) => Ok(Value::Decimal(Decimal::from_int(decimal.digits().signum() as i64))),
        Value::Float(0.0) => Ok(Value::Float(0.0)),
        Value::Float(float) => Ok(Value::Float(float.signum())),
        other => Err(Failure::kind("number", other)),
    }
}

fn div<'a>(one: Decimal, other: Decimal) -> Answer<'a> {
    // The remainder is exact, so the rest is divided without rounding.
    let rest = one.rem(other)?;
    one.sub(rest)?.div(other)?.round(0).map(Value::Decimal)
}

fn logarithm(value: &Value<'_>) -> Result<f64, Failure> {
    let float = value.float()?;
    if float == 0.0 {
        Err("cannot take logarithm of zero".into())
    } else if float < 0.0 {
        Err("cannot take logarithm of a negative number".into())
    } else {
        Ok(float)
    }
}

fn gcd(one: i64, other: i64) -> Result<i64, Failure> {
    let (mut one, mut other) = (one.unsigned_abs(), other.unsigned_abs());
    while other != 0 {
        (one, other) = (other, one % other);
    }
    i64::try_from(one).map_err(|_| "bigint out of range".into())
}

fn width_bucket<'a>(_: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (value, low, high, count) = (args[0].float()?, args[1].float()?, args[2].float()?, args[3].int32()?);
    if count <= 0 {
        return Err("count must be greater than zero".into());
    }
    if value.is_nan() || !low.is_finite() || !high.is_finite() || low == high {
        return Err("lower and upper bound must be finite and differ".into());
    }
    let share = (value - low) / (high - low);
    Ok(Value::Int(if share < 0.0 {
        0
    } else if share >= 1.0 {
        count + 1
    } else {
        ((share * count as f64) as i64 + 1).min(count)
    }))
}
