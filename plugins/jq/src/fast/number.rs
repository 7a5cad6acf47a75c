//! Arithmetic and comparisons, where they are those of jaq beyond doubt.

use std::cmp::Ordering;

use jaq_core::ops::{Cmp, Math};
use json_scan::Kind;

use super::machine::{Exit, Machine, Outcome};
use super::value::Value;

/// Up to here every whole number is a float too.
const EXACT: u64 = 1 << 53;

#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Machine<'_> {
    pub fn math(&mut self, left: Value, math: Math, right: Value) -> Outcome {
        if math == Math::Add {
            match (self.kind(left), self.kind(right)) {
                (Kind::Null, _) => return Ok(right),
                (_, Kind::Null) => return Ok(left),
                (Kind::String, Kind::String) => return self.concat(left, right),
                (Kind::Object, Kind::Object) => return self.merge(left, right),
                _ => {}
            }
        }
        let (left, right) = (self.number(left)?, self.number(right)?);
        let result = match (left, right) {
            (Number::Int(left), Number::Int(right)) if math != Math::Div => {
                let result = match math {
                    Math::Add => left.checked_add(right),
                    Math::Sub => left.checked_sub(right),
                    Math::Mul => left.checked_mul(right),
                    Math::Div | Math::Rem => left.checked_rem(right),
                };
                return result.map(Value::Int).ok_or(Exit::Unsure);
            }
            _ => math.run(left.float()?, right.float()?),
        };
        finite(result).map(Value::Float)
    }

    fn concat(&mut self, left: Value, right: Value) -> Outcome {
        let start = self.made.len();
        self.append(left)?;
        self.append(right)?;
        Ok(self.text_from(start))
    }

    pub fn compare(&mut self, left: Value, compare: Cmp, right: Value) -> Outcome {
        let order = self.order(left, right)?;
        Ok(Value::Bool(compare.run(&order, &Ordering::Equal)))
    }

    fn order(&mut self, left: Value, right: Value) -> Outcome<Ordering> {
        let (kind, other) = (self.kind(left), self.kind(right));
        if kind != other {
            return Ok((kind as u8).cmp(&(other as u8)));
        }
        match kind {
            Kind::Null => Ok(Ordering::Equal),
            Kind::Bool => Ok(self.bool(left).cmp(&self.bool(right))),
            Kind::Number => match (self.number(left)?, self.number(right)?) {
                (Number::Int(left), Number::Int(right)) => Ok(left.cmp(&right)),
                (left, right) => left.float()?.partial_cmp(&right.float()?).ok_or(Exit::Unsure),
            },
            Kind::String => {
                let (left, right) = (self.plain(left)?, self.plain(right)?);
                Ok(self.string(left).cmp(&self.string(right)))
            }
            Kind::Array | Kind::Object => Err(Exit::Unsure),
        }
    }

    /// A number to compute with.
    fn number(&self, value: Value) -> Outcome<Number> {
        match value {
            Value::Int(int) => Ok(Number::Int(int)),
            Value::Float(float) => Ok(Number::Float(float)),
            Value::Literal(at) => self.plan.literals[at as usize].number.map(Number::Float).ok_or(Exit::Unsure),
            Value::Node(at) if self.document.node(at).kind == Kind::Number => {
                let raw = self.raw(at);
                match whole(raw) {
                    Some(int) => Ok(Number::Int(int)),
                    None if raw.contains(['.', 'e', 'E']) => {
                        finite(raw.parse().map_err(|_| Exit::Unsure)?).map(Number::Float)
                    }
                    None => Err(Exit::Unsure),
                }
            }
            _ => Err(Exit::Unsure),
        }
    }
}

impl Number {
    fn float(self) -> Outcome<f64> {
        match self {
            Number::Int(int) if int.unsigned_abs() <= EXACT => Ok(int as f64),
            Number::Int(_) => Err(Exit::Unsure),
            Number::Float(float) => Ok(float),
        }
    }
}

fn finite(float: f64) -> Outcome<f64> {
    if float.is_finite() { Ok(float) } else { Err(Exit::Unsure) }
}

/// Reads a whole number of at most 18 digits that is written in the one way JSON has for it; none of `-0`.
pub(super) fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let (first, rest) = digits.split_first()?;
    let canonical = first.is_ascii_digit() && (*first != b'0' || text.len() == 1);
    if digits.len() > 18 || !canonical {
        return None;
    }
    let mut number = i64::from(first - b'0');
    for digit in rest {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Some(if digits.len() == text.len() { number } else { -number })
}

/// Hands the decimal digits of a whole number to `take`, with its sign.
pub(super) fn with_digits(int: i64, take: impl FnOnce(&str)) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = int.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if int < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    take(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}
