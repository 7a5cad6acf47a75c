//! Literals, and the types that those in quotes take.

use sqlparser::ast::{DataType, Expr, Interval, Value as Literal};

use super::{Compiler, Operand, at, unavailable};
use crate::arena::Arena;
use crate::cast::cast;
use crate::decimal::Decimal;
use crate::error::QueryError;
use crate::program::{Constant, Step};
use crate::time::parse;
use crate::types::Type;
use crate::value::{Kind, Value};

impl Compiler<'_, '_> {
    pub(super) fn literal(&mut self, expr: &Expr) -> Result<Operand, QueryError> {
        match expr {
            Expr::Value(value) => match &value.value {
                Literal::Number(digits, _) => self.number(digits, expr),
                Literal::Boolean(bool) => self.plain(Value::Bool(*bool)),
                Literal::Null => self.plain(Value::Null),
                Literal::Placeholder(name) => Err(QueryError::new(at(expr), format!("no value is given for {name}"))),
                other => match text_of(other) {
                    Some(text) => {
                        let literal = Some(self.constant(Constant::Text(text)));
                        Ok(Operand { kind: Some(Kind::Text), literal })
                    }
                    None => Err(unavailable(expr, "this kind of literal is")),
                },
            },
            Expr::TypedString(typed) => {
                let text = text_of(&typed.value.value).ok_or_else(|| unavailable(expr, "this kind of literal is"))?;
                let kind = self.typed(&text, &typed.data_type, expr)?;
                Ok(Operand::of(Some(kind)))
            }
            Expr::Interval(interval) => self.interval(interval, expr),
            other => Err(unavailable(other, "this expression is")),
        }
    }

    fn plain(&mut self, value: Value<'static>) -> Result<Operand, QueryError> {
        self.constant(Constant::Plain(value));
        Ok(Operand::of(Some(value.kind()).filter(|kind| *kind != Kind::Null)))
    }

    /// A number as it is written, with a sign or without.
    pub(super) fn number(&mut self, digits: &str, expr: &Expr) -> Result<Operand, QueryError> {
        let plain = digits.replace('_', "");
        let unsigned = plain.trim_start_matches('-');
        let radix = match unsigned.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("0x") => 16,
            Some("0o") => 8,
            Some("0b") => 2,
            _ => 10,
        };
        let wrong = |message: String| QueryError::new(at(expr), message);
        if radix != 10 {
            let int =
                i64::from_str_radix(&unsigned[2..], radix).map_err(|_| wrong(format!("{digits} is no number")))?;
            return self.plain(Value::Int(if plain.len() > unsigned.len() { -int } else { int }));
        }
        if let Ok(int) = plain.parse() {
            return self.plain(Value::Int(int));
        }
        match Decimal::parse(&plain) {
            Ok(Some(decimal)) => self.plain(Value::Decimal(decimal)),
            Ok(None) => Err(wrong(format!("{digits} is no number"))),
            Err(failure) => Err(wrong(failure.to_string()).help("write it in quotes and cast it: '1e100'::float8")),
        }
    }

    /// A text as a constant of a type.
    fn typed(&mut self, text: &str, written: &DataType, expr: &Expr) -> Result<Kind, QueryError> {
        let to = Type::read(written).map_err(|message| QueryError::new(at(expr), message))?;
        let arena = Arena::default();
        let value = cast(&Value::Text(text), &to, &arena);
        let value = value.map_err(|failure| QueryError::new(at(expr), failure.to_string()))?;
        self.constant(Constant::of(&value));
        Ok(to.kind())
    }

    /// `INTERVAL '1 day'`, `INTERVAL '1' DAY`
    fn interval(&mut self, interval: &Interval, expr: &Expr) -> Result<Operand, QueryError> {
        let text = match &*interval.value {
            Expr::Value(value) => match &value.value {
                Literal::Number(digits, _) => Some(digits.clone()),
                other => text_of(other),
            },
            _ => None,
        };
        let help = "write it like INTERVAL '1 day'; times a number it is n * INTERVAL '1 day'";
        let Some(mut text) = text.filter(|_| interval.last_field.is_none()) else {
            return Err(unavailable(expr, "this form of INTERVAL is").help(help));
        };
        if let Some(unit) = &interval.leading_field {
            text = format!("{text} {unit}");
        }
        let wrong = |failure: crate::Failure| QueryError::new(at(expr), failure.to_string()).help(help);
        let span = parse::interval(&text).map_err(wrong)?;
        self.plain(Value::Interval(span))
    }

    /// Gives a text in quotes the kind of what it is used with; other operands stay.
    pub(super) fn adopt(&mut self, operand: Operand, kind: Kind, expr: &Expr) -> Result<(), QueryError> {
        let to = match (operand.literal, kind) {
            (None, _) | (_, Kind::Text | Kind::Null | Kind::Array) => return Ok(()),
            (_, Kind::Bool) => Type::Bool,
            (_, Kind::Int) => Type::Int(64),
            (_, Kind::Decimal) => Type::Decimal(None),
            (_, Kind::Float) => Type::Float,
            (_, Kind::Json) => Type::Json,
            (_, Kind::Bytes) => Type::Bytes,
            (_, Kind::Date) => Type::Date,
            (_, Kind::Time) => Type::Time(6),
            (_, Kind::Timestamp) => Type::Timestamp(6),
            (_, Kind::Timestamptz) => Type::Timestamptz(6),
            (_, Kind::Interval) => Type::Interval,
        };
        let Some(Step::Constant(constant)) = operand.literal.and_then(|step| self.program.steps.get(step)).copied()
        else {
            return Ok(());
        };
        let arena = Arena::default();
        let old = self.program.constants[constant as usize].clone();
        let value = old.value(&arena).and_then(|text| cast(&text, &to, &arena));
        let value = value.map_err(|failure| QueryError::new(at(expr), failure.to_string()))?;
        self.program.constants[constant as usize] = Constant::of(&value);
        Ok(())
    }
}

/// What a literal says that is a text.
pub(crate) fn text_of(literal: &Literal) -> Option<String> {
    match literal {
        Literal::SingleQuotedString(text)
        | Literal::EscapedStringLiteral(text)
        | Literal::UnicodeStringLiteral(text)
        | Literal::NationalStringLiteral(text) => Some(text.clone()),
        Literal::DollarQuotedString(text) => Some(text.value.clone()),
        _ => None,
    }
}
