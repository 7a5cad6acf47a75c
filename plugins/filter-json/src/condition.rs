//! What a field has to be.

use json_scan::{Kind, Value};
use regex_lite::Regex;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// What a field has to be.
#[derive(Debug)]
pub(crate) enum Condition {
    /// Equal to one of these.
    OneOf(Vec<Scalar>),
    /// A text, number or truth value in which the pattern occurs.
    Matches(Regex),
    /// There, or not there.
    Exists(bool),
}

impl Condition {
    /// Whether a field fits; none: it is missing.
    pub fn fits(&self, field: Option<Value<'_>>) -> bool {
        match (self, field) {
            (Condition::Exists(wanted), field) => field.is_some() == *wanted,
            (_, None) => false,
            (Condition::OneOf(list), Some(value)) => list.iter().any(|scalar| scalar.is(&value)),
            (Condition::Matches(pattern), Some(value)) => value.text().is_some_and(|text| pattern.is_match(&text)),
        }
    }
}

/// A value to compare with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    /// A whole number of up to 64 bits, compared exactly.
    Whole(i128),
    /// Any other number.
    Real(f64),
    Text(String),
}

impl Scalar {
    /// Whether a value of a record says the same. Numbers are compared by value: `1` is `1.0`.
    fn is(&self, value: &Value<'_>) -> bool {
        match (self, value.kind()) {
            (Scalar::Null, Kind::Null) => true,
            (Scalar::Bool(wanted), Kind::Bool) => (value.raw() == "true") == *wanted,
            (Scalar::Text(wanted), Kind::String) => value.string().is_some_and(|text| text == wanted.as_str()),
            (Scalar::Whole(wanted), Kind::Number) => match value.raw().parse::<i128>() {
                Ok(whole) => whole == *wanted,
                Err(_) => value.raw().parse() == Ok(*wanted as f64),
            },
            (Scalar::Real(wanted), Kind::Number) => value.raw().parse() == Ok(*wanted),
            _ => false,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string, a number, true, false or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Whole(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Whole(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Real(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }
}
