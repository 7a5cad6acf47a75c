//! What a scalar can become: words, numbers, durations, sizes.

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::error::{did_you_mean, one_of};

/// Why a text is no `T`: what it should be, and a near name.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What is expected: `a whole number`.
    pub expected: String,
    /// A suggestion.
    pub help: Option<String>,
}

impl Mismatch {
    fn expected(what: &str) -> Self {
        Mismatch { expected: what.to_owned(), help: None }
    }
}

/// What a scalar can become.
pub trait FromText: Sized {
    /// Types an expanded text.
    fn from_text(text: &str) -> Result<Self, Mismatch>;
    /// How an editor is told.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
    /// How a bound of this type is shown.
    fn shown(&self) -> String;
}

impl FromText for String {
    fn from_text(text: &str) -> Result<Self, Mismatch> {
        Ok(text.to_owned())
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }

    fn shown(&self) -> String {
        self.clone()
    }
}

impl FromText for bool {
    fn from_text(text: &str) -> Result<Self, Mismatch> {
        text.parse().map_err(|_| Mismatch::expected("true or false"))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl FromText for usize {
    fn from_text(text: &str) -> Result<Self, Mismatch> {
        text.parse().map_err(|_| {
            let is_negative = text.parse::<i64>().is_ok_and(|number| number < 0);
            Mismatch::expected(if is_negative { "a whole number from 0 on" } else { "a whole number" })
        })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl FromText for f64 {
    fn from_text(text: &str) -> Result<Self, Mismatch> {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| Mismatch::expected("a number"))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl FromText for Duration {
    fn from_text(text: &str) -> Result<Self, Mismatch> {
        let mismatch = || Mismatch { expected: "a duration such as 5ms, 30s or 2m".to_owned(), help: unit_for(text) };
        let signed: jiff::SignedDuration = text.parse().map_err(|_| mismatch())?;
        Duration::try_from(signed).map_err(|_| mismatch())
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["5ms", "30s", "2m"] })
    }

    fn shown(&self) -> String {
        jiff::SignedDuration::try_from(*self).map_or_else(|_| format!("{self:?}"), |signed| format!("{signed:#}"))
    }
}

/// Seconds above which a number without a unit is rather meant to be milliseconds, as Kafka's own settings are.
const MANY_SECONDS: f64 = 300.0;

/// What to write in place of a number without a unit.
fn unit_for(text: &str) -> Option<String> {
    let number: f64 = text.parse().ok()?;
    if number <= 0.0 || !number.is_finite() {
        return None;
    }
    Some(match number < MANY_SECONDS {
        true => format!("add a unit, such as {text}s, or {text}ms"),
        false => format!("add a unit, such as {text}ms"),
    })
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

/// A size with the binary unit that is nearest to what is written: `1MiB` for `1MB`, `1m` and `1 MiB/s`.
fn binary_unit_for(text: &str) -> Option<String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit.trim_start().chars().next()?.to_ascii_lowercase() {
        'k' => "KiB",
        'm' => "MiB",
        'g' => "GiB",
        _ => return None,
    };
    (!number.is_empty()).then(|| format!("{number}{unit}"))
}

/// The units of a [`Size`], largest first.
const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl FromText for Size {
    fn from_text(text: &str) -> Result<Self, Mismatch> {
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim_end(), *bytes)));
        let (number, unit) = unit.unwrap_or((text, 1));
        let bytes = number.parse().ok().and_then(|number: usize| number.checked_mul(unit));
        bytes.map(Size).ok_or_else(|| {
            let expected = "a size such as 256KiB, 1MiB or a number of bytes".to_owned();
            Mismatch { expected, help: binary_unit_for(text).map(|size| format!("did you mean {size}?")) }
        })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "examples": ["256KiB", "1MiB"] },
        ] })
    }

    fn shown(&self) -> String {
        let unit = UNITS.iter().find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes));
        unit.map_or_else(|| self.0.to_string(), |(unit, bytes)| format!("{}{unit}", self.0 / bytes))
    }
}

/// One of several words: an enum whose variants serde knows by name.
pub trait Choice: DeserializeOwned + JsonSchema + fmt::Debug {
    /// What to do about a word that is none of them, and is often written.
    fn instead_of(_: &str) -> Option<&'static str> {
        None
    }
}

impl<T: Choice> FromText for T {
    fn from_text(text: &str) -> Result<Self, Mismatch> {
        T::deserialize(text.into_deserializer()).map_err(|NotAmong(names)| Mismatch {
            expected: one_of(names),
            help: T::instead_of(text).map(str::to_owned).or_else(|| did_you_mean(text, names.iter().copied())),
        })
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

/// The names that serde would have taken for a variant.
#[derive(Debug)]
struct NotAmong(&'static [&'static str]);

impl fmt::Display for NotAmong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {}", one_of(self.0))
    }
}

impl std::error::Error for NotAmong {}

impl serde::de::Error for NotAmong {
    fn custom<M: fmt::Display>(_: M) -> Self {
        NotAmong(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        NotAmong(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::Delivery;

    #[test]
    fn durations_need_a_unit() {
        for (text, millis) in [("5ms", 5), ("1s", 1_000), ("1.5s", 1_500), ("2m", 120_000), ("1h 1m", 3_660_000)] {
            assert_eq!(Duration::from_text(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "-1s", "1mo", "s", "99999999999999999999s"] {
            assert!(Duration::from_text(text).is_err(), "{text}");
        }
        for (text, with_unit) in [("30", "30s, or 30ms"), ("5000", "5000ms"), ("1.5", "1.5s, or 1.5ms")] {
            let help = Duration::from_text(text).unwrap_err().help.unwrap();
            assert_eq!(help, format!("add a unit, such as {with_unit}"));
        }
    }

    #[test]
    fn sizes_are_bytes_or_binary_units() {
        for (text, bytes) in [("0", 0), ("100", 100), ("1KiB", 1 << 10), ("256 MiB", 256 << 20), ("4GiB", 4 << 30)] {
            assert_eq!(Size::from_text(text), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "1MB", "1.5MiB", "-1", "MiB", "99999999999GiB"] {
            assert!(Size::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_decimal_unit_leads_to_the_binary_one() {
        for (text, size) in [("1MB", "1MiB"), ("512k", "512KiB"), ("2 G", "2GiB")] {
            assert_eq!(Size::from_text(text).unwrap_err().help.unwrap(), format!("did you mean {size}?"));
        }
        assert_eq!(Size::from_text("1.5MiB").unwrap_err().help, None);
    }

    #[test]
    fn shown_sizes_read_back_as_themselves() {
        for bytes in [0, 1, 1023, 1 << 10, 3 << 20, 4 << 30] {
            assert_eq!(Size::from_text(&Size(bytes).shown()), Ok(Size(bytes)));
        }
    }

    #[test]
    fn a_wrong_word_names_the_right_ones() {
        assert_eq!(Delivery::from_text("exactly_once"), Ok(Delivery::ExactlyOnce));
        let mismatch = Delivery::from_text("exactly-once").unwrap_err();
        assert_eq!(mismatch.expected, "at_least_once or exactly_once");
        assert_eq!(mismatch.help.unwrap(), "did you mean \"exactly_once\"?");
    }
}
