//! Arithmetic and comparisons.

use std::rc::Rc;

use super::{Exit, Machine, own};
use crate::syntax::{Compare, Math};
use crate::value::{Object, Value};

/// How long a string may become by multiplication.
const MAX_LENGTH: usize = 1 << 28;

impl Machine<'_> {
    #[inline]
    pub(crate) fn math(&self, math: Math, left: Value, right: Value) -> Result<Value, Exit> {
        if let (Some(one), Some(other)) = (self.source.number(&left), self.source.number(&right)) {
            return match math {
                Math::Add => Ok(Value::Number(one + other)),
                Math::Subtract => Ok(Value::Number(one - other)),
                Math::Multiply => Ok(Value::Number(one * other)),
                Math::Divide if other != 0.0 => Ok(Value::Number(one / other)),
                Math::Divide | Math::Remainder => self.divide(math, one, other, &left, &right),
            };
        }
        match math {
            Math::Add => self.add(left, right),
            Math::Subtract => self.subtract(left, right),
            Math::Multiply => self.multiply(left, right),
            Math::Divide => match (self.source.str(&left), self.source.str(&right)) {
                (Some(text), Some(separator)) => Ok(crate::functions::strings::split(self, &left, text, separator)),
                _ => Err(self.refused(&left, &right, "divided")),
            },
            Math::Remainder => Err(self.refused(&left, &right, "divided (remainder)")),
        }
    }

    fn divide(&self, math: Math, one: f64, other: f64, left: &Value, right: &Value) -> Result<Value, Exit> {
        if math == Math::Divide {
            return Err(self.refused(left, right, "divided because the divisor is zero"));
        }
        if one.is_nan() || other.is_nan() {
            return Ok(Value::Number(f64::NAN));
        }
        let (one, other) = (one as i64, other as i64); // as jq does: towards zero, and to what fits
        if other == 0 {
            return Err(self.refused(left, right, "divided (remainder) because the divisor is zero"));
        }
        Ok(Value::Number(one.checked_rem(other).unwrap_or_default() as f64))
    }

    fn add(&self, left: Value, right: Value) -> Result<Value, Exit> {
        match (left, right) {
            (Value::Null, other) | (other, Value::Null) => Ok(other),
            (Value::Text(mut one), other) if self.source.str(&other).is_some() => {
                own(&mut one).push_str(self.source.str(&other).unwrap_or_default());
                Ok(Value::Text(one))
            }
            (left, right) => match (self.source.str(&left), self.source.str(&right)) {
                (Some(one), Some(other)) => {
                    let mut text = String::with_capacity(one.len() + other.len());
                    text.push_str(one);
                    text.push_str(other);
                    Ok(Value::text(text))
                }
                _ => self.add_nested(left, right),
            },
        }
    }

    fn add_nested(&self, left: Value, right: Value) -> Result<Value, Exit> {
        match (&left, &right) {
            (Value::Array(_) | Value::Elements(_), Value::Array(_) | Value::Elements(_)) => {
                let (Some(mut one), Some(other)) = (self.source.array(left), self.source.array(right)) else {
                    return Ok(Value::Null);
                };
                match Rc::try_unwrap(other) {
                    Ok(other) => own(&mut one).extend(other.into_vec()),
                    Err(other) => own(&mut one).extend(other.iter().cloned()),
                }
                Ok(Value::Array(one))
            }
            (Value::Object(_) | Value::Fields(_), Value::Object(_) | Value::Fields(_)) => {
                let (Some(mut one), Some(other)) = (self.source.object(left), self.source.object(right)) else {
                    return Ok(Value::Null);
                };
                let object = own(&mut one);
                match Rc::try_unwrap(other) {
                    Ok(other) => {
                        other.into_entries().into_iter().for_each(|entry| object.set_entry(self.source, entry))
                    }
                    Err(other) => other.entries().iter().for_each(|entry| object.set_entry(self.source, entry.clone())),
                }
                Ok(Value::Object(one))
            }
            _ => Err(self.refused(&left, &right, "added")),
        }
    }

    fn subtract(&self, left: Value, right: Value) -> Result<Value, Exit> {
        match (&left, &right) {
            (Value::Array(_) | Value::Elements(_), Value::Array(_) | Value::Elements(_)) => {
                let (Some(mut one), Some(other)) = (self.source.array(left), self.source.array(right)) else {
                    return Ok(Value::Null);
                };
                own(&mut one).retain(|element| !other.iter().any(|removed| self.source.equal(element, removed)));
                Ok(Value::Array(one))
            }
            _ => Err(self.refused(&left, &right, "subtracted")),
        }
    }

    fn multiply(&self, left: Value, right: Value) -> Result<Value, Exit> {
        let repeated = match (self.source.str(&left), self.source.str(&right)) {
            (Some(text), None) => self.source.number(&right).map(|count| (text, count)),
            (None, Some(text)) => self.source.number(&left).map(|count| (text, count)),
            _ => None,
        };
        if let Some((text, count)) = repeated {
            if count.is_nan() || count < 0.0 {
                return Ok(Value::Null);
            }
            if text.len() as f64 * count > MAX_LENGTH as f64 {
                return Err(Exit::error("Repeat string result too long"));
            }
            return Ok(Value::text(text.repeat(count as usize)));
        }
        match (&left, &right) {
            (Value::Object(_) | Value::Fields(_), Value::Object(_) | Value::Fields(_)) => self.merge(left, right),
            _ => Err(self.refused(&left, &right, "multiplied")),
        }
    }

    /// Both objects in one; what is an object in both, in the same way.
    fn merge(&self, left: Value, right: Value) -> Result<Value, Exit> {
        let _deeper = self.deeper()?;
        let (Some(mut one), Some(other)) = (self.source.object(left), self.source.object(right)) else {
            return Ok(Value::Null);
        };
        let object: &mut Object = own(&mut one);
        for entry in other.entries() {
            let key = self.source.str(&entry.key).unwrap_or_default();
            let is_object = |value: &Value| matches!(value, Value::Object(_) | Value::Fields(_));
            match object.find(self.source, key, entry.hash) {
                Some(place) if is_object(&entry.value) && is_object(&object.entries()[place].value) => {
                    let old = std::mem::take(object.at(place));
                    *object.at(place) = self.merge(old, entry.value.clone())?;
                }
                _ => object.set_entry(self.source, entry.clone()),
            }
        }
        Ok(Value::Object(one))
    }

    pub(super) fn negative(&self, value: Value) -> Result<Value, Exit> {
        match self.source.number(&value) {
            Some(number) => Ok(Value::Number(0.0 - number)),
            None => Err(Exit::error(format!("{} cannot be negated", self.shown(&value)))),
        }
    }

    pub(super) fn compare(&self, compare: Compare, left: &Value, right: &Value) -> bool {
        match compare {
            Compare::Equal => self.source.equal(left, right),
            Compare::Unequal => !self.source.equal(left, right),
            Compare::Less => self.source.order(left, right).is_lt(),
            Compare::LessOrEqual => self.source.order(left, right).is_le(),
            Compare::Greater => self.source.order(left, right).is_gt(),
            Compare::GreaterOrEqual => self.source.order(left, right).is_ge(),
        }
    }

    #[cold]
    pub(super) fn refused(&self, left: &Value, right: &Value, what: &str) -> Exit {
        Exit::error(format!("{} and {} cannot be {what}", self.shown(left), self.shown(right)))
    }

    /// A value in an error: its type, and the beginning of its text.
    #[cold]
    pub(crate) fn shown(&self, value: &Value) -> String {
        let json = self.source.json(value);
        let name = value.kind().name();
        if json.len() <= 30 {
            return format!("{name} ({json})");
        }
        let end = (0..=26).rev().find(|end| json.is_char_boundary(*end)).unwrap_or_default();
        format!("{name} ({}...)", &json[..end])
    }
}
