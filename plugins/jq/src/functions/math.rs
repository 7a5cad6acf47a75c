//! Functions of numbers.

use super::Named;
use crate::run::{Exit, Machine};
use crate::value::Value;

pub(super) const TABLE: &[Named] = &[
    ("floor", 0, |machine, input, _| one(machine, &input, f64::floor)),
    ("ceil", 0, |machine, input, _| one(machine, &input, f64::ceil)),
    ("round", 0, |machine, input, _| one(machine, &input, f64::round)),
    ("trunc", 0, |machine, input, _| one(machine, &input, f64::trunc)),
    ("rint", 0, |machine, input, _| one(machine, &input, libm::rint)),
    ("nearbyint", 0, |machine, input, _| one(machine, &input, libm::rint)),
    ("sqrt", 0, |machine, input, _| one(machine, &input, f64::sqrt)),
    ("cbrt", 0, |machine, input, _| one(machine, &input, libm::cbrt)),
    ("fabs", 0, |machine, input, _| one(machine, &input, f64::abs)),
    ("exp", 0, |machine, input, _| one(machine, &input, libm::exp)),
    ("exp2", 0, |machine, input, _| one(machine, &input, libm::exp2)),
    ("exp10", 0, |machine, input, _| one(machine, &input, libm::exp10)),
    ("expm1", 0, |machine, input, _| one(machine, &input, libm::expm1)),
    ("log", 0, |machine, input, _| one(machine, &input, libm::log)),
    ("log2", 0, |machine, input, _| one(machine, &input, libm::log2)),
    ("log10", 0, |machine, input, _| one(machine, &input, libm::log10)),
    ("log1p", 0, |machine, input, _| one(machine, &input, libm::log1p)),
    ("sin", 0, |machine, input, _| one(machine, &input, libm::sin)),
    ("cos", 0, |machine, input, _| one(machine, &input, libm::cos)),
    ("tan", 0, |machine, input, _| one(machine, &input, libm::tan)),
    ("asin", 0, |machine, input, _| one(machine, &input, libm::asin)),
    ("acos", 0, |machine, input, _| one(machine, &input, libm::acos)),
    ("atan", 0, |machine, input, _| one(machine, &input, libm::atan)),
    ("sinh", 0, |machine, input, _| one(machine, &input, libm::sinh)),
    ("cosh", 0, |machine, input, _| one(machine, &input, libm::cosh)),
    ("tanh", 0, |machine, input, _| one(machine, &input, libm::tanh)),
    ("asinh", 0, |machine, input, _| one(machine, &input, libm::asinh)),
    ("acosh", 0, |machine, input, _| one(machine, &input, libm::acosh)),
    ("atanh", 0, |machine, input, _| one(machine, &input, libm::atanh)),
    ("gamma", 0, |machine, input, _| one(machine, &input, libm::lgamma)),
    ("lgamma", 0, |machine, input, _| one(machine, &input, libm::lgamma)),
    ("tgamma", 0, |machine, input, _| one(machine, &input, libm::tgamma)),
    ("j0", 0, |machine, input, _| one(machine, &input, libm::j0)),
    ("j1", 0, |machine, input, _| one(machine, &input, libm::j1)),
    ("y0", 0, |machine, input, _| one(machine, &input, libm::y0)),
    ("y1", 0, |machine, input, _| one(machine, &input, libm::y1)),
    ("significand", 0, |machine, input, _| one(machine, &input, significand)),
    ("logb", 0, |machine, input, _| one(machine, &input, logb)),
    ("erf", 0, |machine, input, _| one(machine, &input, libm::erf)),
    ("erfc", 0, |machine, input, _| one(machine, &input, libm::erfc)),
    ("pow", 2, |machine, _, arguments| two(machine, arguments, libm::pow)),
    ("atan2", 2, |machine, _, arguments| two(machine, arguments, libm::atan2)),
    ("fmin", 2, |machine, _, arguments| two(machine, arguments, f64::min)),
    ("fmax", 2, |machine, _, arguments| two(machine, arguments, f64::max)),
    ("fmod", 2, |machine, _, arguments| two(machine, arguments, libm::fmod)),
    ("hypot", 2, |machine, _, arguments| two(machine, arguments, libm::hypot)),
    ("copysign", 2, |machine, _, arguments| two(machine, arguments, f64::copysign)),
    ("nextafter", 2, |machine, _, arguments| two(machine, arguments, libm::nextafter)),
    ("nexttoward", 2, |machine, _, arguments| two(machine, arguments, libm::nextafter)),
    ("drem", 2, |machine, _, arguments| two(machine, arguments, libm::remainder)),
    ("remainder", 2, |machine, _, arguments| two(machine, arguments, libm::remainder)),
    ("fdim", 2, |machine, _, arguments| two(machine, arguments, libm::fdim)),
    ("ldexp", 2, |machine, _, arguments| two(machine, arguments, scaled)),
    ("scalb", 2, |machine, _, arguments| two(machine, arguments, scaled)),
    ("scalbln", 2, |machine, _, arguments| two(machine, arguments, scaled)),
    ("jn", 2, |machine, _, arguments| two(machine, arguments, |order, number| libm::jn(order as i32, number))),
    ("yn", 2, |machine, _, arguments| two(machine, arguments, |order, number| libm::yn(order as i32, number))),
    ("fma", 3, fma),
    ("abs", 0, abs),
    ("frexp", 0, frexp),
    ("modf", 0, modf),
    ("lgamma_r", 0, lgamma_r),
    ("isinfinite", 0, |machine, input, _| is(machine, &input, f64::is_infinite)),
    ("isnan", 0, |machine, input, _| is(machine, &input, f64::is_nan)),
    ("isnormal", 0, |machine, input, _| is(machine, &input, f64::is_normal)),
    ("isfinite", 0, |machine, input, _| is(machine, &input, f64::is_finite)),
];

fn number(machine: &Machine<'_>, value: &Value) -> Result<f64, Exit> {
    match machine.source.number(value) {
        Some(number) => Ok(number),
        None => Err(Exit::error(format!("{} number required", machine.shown(value)))),
    }
}

fn one(machine: &Machine<'_>, input: &Value, run: fn(f64) -> f64) -> Result<Value, Exit> {
    Ok(Value::Number(run(number(machine, input)?)))
}

fn two(machine: &Machine<'_>, arguments: &[Value], run: fn(f64, f64) -> f64) -> Result<Value, Exit> {
    Ok(Value::Number(run(number(machine, &arguments[0])?, number(machine, &arguments[1])?)))
}

fn is(machine: &Machine<'_>, input: &Value, run: fn(f64) -> bool) -> Result<Value, Exit> {
    Ok(Value::Bool(run(number(machine, input)?)))
}

fn fma(machine: &Machine<'_>, _: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    let [one, two, three] = arguments else { return Ok(Value::Null) };
    let numbers = (number(machine, one)?, number(machine, two)?, number(machine, three)?);
    Ok(Value::Number(libm::fma(numbers.0, numbers.1, numbers.2)))
}

fn abs(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    match machine.source.number(&input) {
        Some(number) if number < 0.0 => Ok(Value::Number(-number)),
        Some(_) => Ok(input),
        None => Err(Exit::error(format!("{} has no absolute value", machine.shown(&input)))),
    }
}

fn frexp(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let number = number(machine, &input)?;
    let (fraction, exponent) = if number.is_finite() { libm::frexp(number) } else { (number, 0) };
    Ok(Value::array(vec![Value::Number(fraction), Value::Number(f64::from(exponent))]))
}

fn modf(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let number = number(machine, &input)?;
    let whole = number.trunc();
    let fraction = if number.is_infinite() { 0.0_f64.copysign(number) } else { number - whole };
    Ok(Value::array(vec![Value::Number(fraction), Value::Number(whole)]))
}

fn lgamma_r(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let (gamma, sign) = libm::lgamma_r(number(machine, &input)?);
    Ok(Value::array(vec![Value::Number(gamma), Value::Number(f64::from(sign))]))
}

fn significand(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() { number } else { libm::frexp(number).0 * 2.0 }
}

fn logb(number: f64) -> f64 {
    if number == 0.0 {
        f64::NEG_INFINITY
    } else if number.is_infinite() {
        f64::INFINITY
    } else if number.is_nan() {
        number
    } else {
        f64::from(libm::frexp(number).1 - 1)
    }
}

fn scaled(number: f64, exponent: f64) -> f64 {
    libm::ldexp(number, exponent as i32)
}
