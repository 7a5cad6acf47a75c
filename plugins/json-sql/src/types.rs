//! The types that a query may cast to.

use sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, TimezoneInfo, TypeModifier};

use crate::error::suggestion;
use crate::value::Kind;

/// The names of types.
const NAMES: [&str; 16] = [
    "boolean",
    "smallint",
    "int",
    "bigint",
    "numeric",
    "real",
    "double precision",
    "text",
    "varchar",
    "bytea",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "jsonb",
];

/// A type that a query names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Bool,
    /// A whole number of so many bits.
    Int(u32),
    /// Precision and scale, where they are given.
    Decimal(Option<(u32, i32)>),
    Float,
    /// `real`: a double that is rounded to single precision.
    Real,
    /// The most characters, where they are given.
    Text(Option<usize>),
    Json,
    Bytes,
    Date,
    /// The digits of the fraction of a second; so for the next three.
    Time(u32),
    Timestamp(u32),
    Timestamptz(u32),
    Interval,
    Array(Box<Type>),
}

impl Type {
    /// The kind of its values.
    pub fn kind(&self) -> Kind {
        match self {
            Type::Bool => Kind::Bool,
            Type::Int(_) => Kind::Int,
            Type::Decimal(_) => Kind::Decimal,
            Type::Float | Type::Real => Kind::Float,
            Type::Text(_) => Kind::Text,
            Type::Json => Kind::Json,
            Type::Bytes => Kind::Bytes,
            Type::Date => Kind::Date,
            Type::Time(_) => Kind::Time,
            Type::Timestamp(_) => Kind::Timestamp,
            Type::Timestamptz(_) => Kind::Timestamptz,
            Type::Interval => Kind::Interval,
            Type::Array(_) => Kind::Array,
        }
    }

    /// The type that a query names; the error says what there is instead.
    pub fn read(written: &DataType) -> Result<Type, String> {
        Ok(match written {
            DataType::Bool | DataType::Boolean => Type::Bool,
            DataType::SmallInt(None) | DataType::Int2(None) => Type::Int(16),
            DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => Type::Int(32),
            DataType::BigInt(None) | DataType::Int8(None) => Type::Int(64),
            DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => Type::Decimal(precision(info)?),
            DataType::Real | DataType::Float4 => Type::Real,
            DataType::Float(ExactNumberInfo::Precision(1..=24)) => Type::Real,
            DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 | DataType::Float(_) => Type::Float,
            DataType::Text | DataType::String(None) => Type::Text(None),
            DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) => {
                Type::Text(characters(length)?)
            }
            DataType::JSON | DataType::JSONB => Type::Json,
            DataType::Bytea | DataType::Bytes(None) => Type::Bytes,
            DataType::Date => Type::Date,
            DataType::Time(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                Type::Time(fraction(*digits)?)
            }
            DataType::Timestamp(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                Type::Timestamp(fraction(*digits)?)
            }
            DataType::Timestamp(digits, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
                Type::Timestamptz(fraction(*digits)?)
            }
            DataType::Interval { fields: None, precision: None } => Type::Interval,
            DataType::Array(ArrayElemTypeDef::SquareBracket(element, None)) => match Type::read(element)? {
                Type::Array(_) => return Err("arrays of arrays are not available".into()),
                element => Type::Array(Box::new(element)),
            },
            DataType::Char(_) | DataType::Character(_) => {
                return Err("char(n), which is filled with spaces, is not available; use varchar(n) or rpad".into());
            }
            DataType::Custom(name, modifiers) => return custom(&name.to_string(), modifiers),
            other => {
                return Err(format!("no type {other}; there are {} and arrays of them", NAMES.join(", ")));
            }
        })
    }
}

fn custom(name: &str, modifiers: &[TypeModifier]) -> Result<Type, String> {
    match name.to_ascii_lowercase().as_str() {
        "string" if modifiers.is_empty() => Ok(Type::Text(None)),
        "decimal" | "numeric" if modifiers.is_empty() => Ok(Type::Decimal(None)),
        _ => Err(format!(
            "no type {name}; {}",
            suggestion(name, NAMES).unwrap_or_else(|| format!("there are {}", NAMES.join(", ")))
        )),
    }
}

fn precision(info: &ExactNumberInfo) -> Result<Option<(u32, i32)>, String> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(None),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    match (u32::try_from(precision), i32::try_from(scale)) {
        (Ok(precision @ 1..=38), Ok(scale @ -38..=38)) => Ok(Some((precision, scale))),
        _ => Err("the precision of numeric lies between 1 and 38, its scale between -38 and 38".into()),
    }
}

fn characters(length: &Option<CharacterLength>) -> Result<Option<usize>, String> {
    match length {
        None => Ok(None),
        Some(CharacterLength::IntegerLength { length: length @ 1..=10_485_760, unit: None }) => {
            Ok(Some(*length as usize))
        }
        Some(_) => Err("the length of varchar lies between 1 and 10485760".into()),
    }
}

fn fraction(digits: Option<u64>) -> Result<u32, String> {
    match digits {
        None => Ok(6),
        Some(digits @ 0..=6) => Ok(digits as u32),
        Some(_) => Err("a second has at most 6 digits behind the point".into()),
    }
}
