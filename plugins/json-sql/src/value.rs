//! The values of expressions.

use std::fmt;

use crate::Failure;
use crate::decimal::Decimal;
use crate::time::interval::Interval;

/// A value: small, and copied freely; what is long lies in the record, in the program or in the memory of one run.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// NULL
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number of 64 bits.
    Int(i64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// A double-precision number.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// JSON as it is written: an object, an array, or a scalar that an operator has left as JSON.
    Json(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01, of no zone.
    Timestamp(i64),
    /// Microseconds since 1970-01-01 in UTC.
    Timestamptz(i64),
    /// A span of time.
    Interval(Interval),
    /// An SQL array.
    Array(&'a [Value<'a>]),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// NULL
    Null,
    /// `boolean`
    Bool,
    /// `bigint`
    Int,
    /// `numeric`
    Decimal,
    /// `double precision`
    Float,
    /// `text`
    Text,
    /// `jsonb`
    Json,
    /// `bytea`
    Bytes,
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    Timestamptz,
    /// `interval`
    Interval,
    /// An array.
    Array,
}

impl Kind {
    /// What users call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "NULL",
            Kind::Bool => "boolean",
            Kind::Int => "bigint",
            Kind::Decimal => "numeric",
            Kind::Float => "double precision",
            Kind::Text => "text",
            Kind::Json => "jsonb",
            Kind::Bytes => "bytea",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::Timestamp => "timestamp",
            Kind::Timestamptz => "timestamptz",
            Kind::Interval => "interval",
            Kind::Array => "array",
        }
    }

    /// Whether it is one of the three kinds of numbers.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Kind::Int | Kind::Decimal | Kind::Float)
    }
}

impl<'a> Value<'a> {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) => Kind::Int,
            Value::Decimal(_) => Kind::Decimal,
            Value::Float(_) => Kind::Float,
            Value::Text(_) => Kind::Text,
            Value::Json(_) => Kind::Json,
            Value::Bytes(_) => Kind::Bytes,
            Value::Date(_) => Kind::Date,
            Value::Time(_) => Kind::Time,
            Value::Timestamp(_) => Kind::Timestamp,
            Value::Timestamptz(_) => Kind::Timestamptz,
            Value::Interval(_) => Kind::Interval,
            Value::Array(_) => Kind::Array,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    #[inline]
    pub(crate) fn text(&self) -> Result<&'a str, Failure> {
        match self {
            Value::Text(text) => Ok(text),
            other => Err(Failure::kind("text", other)),
        }
    }

    /// A text, or nothing for NULL.
    pub(crate) fn text_or_null(&self) -> Result<Option<&'a str>, Failure> {
        if self.is_null() { Ok(None) } else { self.text().map(Some) }
    }

    #[inline]
    pub(crate) fn int(&self) -> Result<i64, Failure> {
        match self {
            Value::Int(int) => Ok(*int),
            other => Err(Failure::kind("integer", other)),
        }
    }

    /// An integer of the 32 bits that PostgreSQL has for positions and lengths.
    pub(crate) fn int32(&self) -> Result<i64, Failure> {
        let int = self.int()?;
        i32::try_from(int).map(i64::from).map_err(|_| "integer out of range: a position or length has 32 bits".into())
    }

    #[inline]
    pub(crate) fn bool(&self) -> Result<bool, Failure> {
        match self {
            Value::Bool(bool) => Ok(*bool),
            other => Err(Failure::kind("boolean", other)),
        }
    }

    /// Any number as a double.
    pub(crate) fn float(&self) -> Result<f64, Failure> {
        match self {
            Value::Int(int) => Ok(*int as f64),
            Value::Decimal(decimal) => Ok(decimal.to_f64()),
            Value::Float(float) => Ok(*float),
            other => Err(Failure::kind("number", other)),
        }
    }

    /// A whole or decimal number as a decimal.
    pub(crate) fn decimal(&self) -> Result<Decimal, Failure> {
        match self {
            Value::Int(int) => Ok(Decimal::from_int(*int)),
            Value::Decimal(decimal) => Ok(*decimal),
            other => Err(Failure::kind("number", other)),
        }
    }

    pub(crate) fn array(&self) -> Result<&'a [Value<'a>], Failure> {
        match self {
            Value::Array(array) => Ok(array),
            other => Err(Failure::kind("array", other)),
        }
    }

    pub(crate) fn interval(&self) -> Result<Interval, Failure> {
        match self {
            Value::Interval(interval) => Ok(*interval),
            other => Err(Failure::kind("interval", other)),
        }
    }
}

/// The value as a message shows it: its kind, and what it says where that is short.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |text: &str| {
            let cut: String = text.chars().take(40).collect();
            if cut.len() < text.len() { format!("{cut}…") } else { cut }
        };
        match self {
            Value::Text(text) => write!(f, "text {:?}", short(text)),
            Value::Json(text) => write!(f, "jsonb {}", short(text)),
            Value::Int(int) => write!(f, "bigint {int}"),
            Value::Decimal(decimal) => write!(f, "numeric {decimal}"),
            Value::Float(float) => write!(f, "double precision {float}"),
            Value::Bool(bool) => write!(f, "boolean {bool}"),
            other => f.write_str(other.kind().name()),
        }
    }
}
