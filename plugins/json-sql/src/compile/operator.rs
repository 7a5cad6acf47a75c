//! Operators that have something on their left.

use sqlparser::ast::{BinaryOperator, CastKind, Expr};

use super::literal::text_of;
use super::{Compiler, Operand, at, builtin, unavailable};
use crate::error::QueryError;
use crate::program::{Constant, Step};
use crate::refuse;
use crate::types::Type;
use crate::value::Kind;

/// What an expression begins with, where that is an expression.
pub(super) fn left_of(expr: &Expr) -> Option<&Expr> {
    Some(match expr {
        Expr::BinaryOp { left, .. } | Expr::AnyOp { left, .. } | Expr::AllOp { left, .. } => left,
        Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr)
        | Expr::IsUnknown(expr)
        | Expr::IsNotUnknown(expr)
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::IsDistinctFrom(expr, _)
        | Expr::IsNotDistinctFrom(expr, _) => expr,
        Expr::In { expr, .. } | Expr::Between { expr, .. } | Expr::Cast { expr, .. } => expr,
        Expr::Like { expr, .. } | Expr::ILike { expr, .. } | Expr::SimilarTo { expr, .. } => expr,
        Expr::AtTimeZone { timestamp, .. } => timestamp,
        _ => return None,
    })
}

impl Compiler<'_, '_> {
    /// An operator, what is on its left being on the stack.
    pub(super) fn operator(&mut self, expr: &Expr, left: Operand) -> Result<Operand, QueryError> {
        match expr {
            Expr::BinaryOp { left: before, op, right } => self.binary(before, left, op, right, expr),
            Expr::AnyOp { compare_op, right, .. } => self.any(compare_op, right, "any", expr),
            Expr::AllOp { compare_op, right, .. } => self.any(compare_op, right, "all", expr),
            Expr::IsTrue(_) => Ok(self.call("is true", 1, expr)),
            Expr::IsNotTrue(_) => Ok(self.negated("is true", 1, expr)),
            Expr::IsFalse(_) => Ok(self.call("is false", 1, expr)),
            Expr::IsNotFalse(_) => Ok(self.negated("is false", 1, expr)),
            Expr::IsUnknown(_) => Ok(self.call("is unknown", 1, expr)),
            Expr::IsNotUnknown(_) => Ok(self.negated("is unknown", 1, expr)),
            Expr::IsNull(_) => Ok(self.call("is null", 1, expr)),
            Expr::IsNotNull(_) => Ok(self.call("is not null", 1, expr)),
            Expr::IsDistinctFrom(before, right) => {
                self.compared(before, right);
                self.pair("is distinct from", before, left, right, expr)
            }
            Expr::IsNotDistinctFrom(before, right) => {
                self.compared(before, right);
                self.pair("is not distinct from", before, left, right, expr)
            }
            Expr::In { expr: before, target, negated, .. } => self.is_in(before, left, target, *negated, expr),
            Expr::Between { expr: before, negated, low, high } => {
                let operand = self.between(before, left, low, high, expr)?;
                Ok(if *negated { self.call("not ", 1, expr) } else { operand })
            }
            Expr::Cast { kind, expr: before, data_type, format: None } => {
                self.cast(kind, before, left, data_type, expr)
            }
            Expr::Like { negated, any: false, expr: before, pattern, escape_char } => {
                self.compared(before, pattern);
                self.pattern("like", *negated, pattern, escape_char.as_deref(), expr)
            }
            Expr::ILike { negated, any: false, expr: before, pattern, escape_char } => {
                self.compared(before, pattern);
                self.pattern("ilike", *negated, pattern, escape_char.as_deref(), expr)
            }
            Expr::SimilarTo { negated, expr: before, pattern, escape_char } => {
                self.compared(before, pattern);
                self.pattern("similar to", *negated, pattern, escape_char.as_deref(), expr)
            }
            Expr::AtTimeZone { time_zone, .. } => {
                self.expression(time_zone)?;
                Ok(self.call("at time zone", 2, expr))
            }
            other => Err(unavailable(other, "this expression is")),
        }
    }

    fn negated(&mut self, name: &str, count: usize, expr: &Expr) -> Operand {
        self.call(name, count, expr);
        self.call("not ", 1, expr)
    }

    fn binary(
        &mut self,
        before: &Expr,
        left: Operand,
        op: &BinaryOperator,
        right: &Expr,
        expr: &Expr,
    ) -> Result<Operand, QueryError> {
        let name = match op {
            BinaryOperator::And | BinaryOperator::Or => return self.junction(before, left, op, right, expr),
            BinaryOperator::Eq => "=",
            BinaryOperator::NotEq => "<>",
            BinaryOperator::Lt => "<",
            BinaryOperator::LtEq => "<=",
            BinaryOperator::Gt => ">",
            BinaryOperator::GtEq => ">=",
            BinaryOperator::Plus => "+",
            BinaryOperator::Minus => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Modulo => "%",
            BinaryOperator::PGExp => "^",
            BinaryOperator::StringConcat => "||",
            BinaryOperator::BitwiseAnd => "&",
            BinaryOperator::BitwiseOr => "|",
            BinaryOperator::PGBitwiseXor => "#",
            BinaryOperator::PGBitwiseShiftLeft => "<<",
            BinaryOperator::PGBitwiseShiftRight => ">>",
            BinaryOperator::PGRegexMatch => "~",
            BinaryOperator::PGRegexIMatch => "~*",
            BinaryOperator::PGRegexNotMatch => "!~",
            BinaryOperator::PGRegexNotIMatch => "!~*",
            BinaryOperator::PGLikeMatch => "like",
            BinaryOperator::PGILikeMatch => "ilike",
            BinaryOperator::PGNotLikeMatch => "not like",
            BinaryOperator::PGNotILikeMatch => "not ilike",
            BinaryOperator::PGStartsWith => "starts_with",
            BinaryOperator::Arrow => "->",
            BinaryOperator::LongArrow => "->>",
            BinaryOperator::HashArrow => "#>",
            BinaryOperator::HashLongArrow => "#>>",
            BinaryOperator::HashMinus => "#-",
            BinaryOperator::AtArrow => "@>",
            BinaryOperator::ArrowAt => "<@",
            BinaryOperator::Question => "?",
            other => return Err(refuse::operator(&other.to_string(), at(expr))),
        };
        match name {
            "!~" | "!~*" | "not like" | "not ilike" => {
                self.compared(before, right);
                self.expression(right)?;
                let name = name.trim_start_matches(['!', 'n', 'o', 't', ' ']);
                self.check_pattern(name, right)?;
                Ok(self.negated(name, 2, expr))
            }
            "~" | "~*" | "like" | "ilike" | "starts_with" | "->" | "->>" | "#>" | "#>>" | "#-" | "?" => {
                if matches!(name, "->" | "->>" | "#>" | "#>>" | "#-" | "?") {
                    self.adopt(left, Kind::Json, before)?;
                }
                match name {
                    "->" | "->>" if self.element_name(right).is_none() => {
                        self.context.warnings.arrow(name, before, right, expr);
                    }
                    "~" | "~*" | "like" | "ilike" => self.compared(before, right),
                    _ => {}
                }
                let path = self.expression(right)?;
                self.check_pattern(name, right)?;
                let operand = self.call(name, 2, expr);
                self.know_path(builtin(name), path);
                Ok(operand)
            }
            "=" | "<>" | "<" | "<=" | ">" | ">=" => {
                self.compared(before, right);
                self.pair(name, before, left, right, expr)
            }
            _ => self.pair(name, before, left, right, expr),
        }
    }

    /// AND and OR: the right side is not run where the left one decides.
    fn junction(
        &mut self,
        before: &Expr,
        left: Operand,
        op: &BinaryOperator,
        right: &Expr,
        expr: &Expr,
    ) -> Result<Operand, QueryError> {
        self.adopt(left, Kind::Bool, before)?;
        let label = self.label(expr);
        let is_and = *op == BinaryOperator::And;
        let jump =
            self.jump(if is_and { Step::JumpIfFalse { to: 0, label } } else { Step::JumpIfTrue { to: 0, label } });
        let operand = self.expression(right)?;
        self.adopt(operand, Kind::Bool, right)?;
        self.push(if is_and { Step::And(label) } else { Step::Or(label) });
        self.land(jump);
        Ok(Operand { kind: Some(Kind::Bool), literal: None })
    }

    /// An operator of two values, of which one in quotes takes the type of the other.
    fn pair(
        &mut self,
        name: &str,
        before: &Expr,
        left: Operand,
        right: &Expr,
        expr: &Expr,
    ) -> Result<Operand, QueryError> {
        let operand = self.expression(right)?;
        self.agree(name, before, left, right, operand)?;
        // Beside something that may be JSON, a text in quotes is JSON if that is.
        let may_be_json = |one: Operand, other: Operand| one.literal.is_some() && other.kind.is_none();
        let is_open = name == "||" && (may_be_json(left, operand) || may_be_json(operand, left));
        let kind = self.call(if is_open { "|| literal" } else { name }, 2, expr).kind;
        Ok(Operand { kind: kind.or(arithmetic(name, left.kind, operand.kind)), literal: None })
    }

    pub(super) fn agree(
        &mut self,
        name: &str,
        before: &Expr,
        left: Operand,
        right: &Expr,
        operand: Operand,
    ) -> Result<(), QueryError> {
        let is_moment = |kind| matches!(kind, Kind::Timestamp | Kind::Timestamptz | Kind::Time);
        // Beside a moment, and beside a factor of a span, a text is a span.
        let taken = |kind: Kind| match (name, kind) {
            ("||", Kind::Json | Kind::Bytes) => kind,
            ("||", _) | ("-", Kind::Json) => Kind::Text,
            ("+", kind) if is_moment(kind) => Kind::Interval,
            ("*" | "/", Kind::Interval) => Kind::Float,
            (_, kind) => kind,
        };
        if matches!(name, "@>" | "<@") && left.kind != Some(Kind::Array) && operand.kind != Some(Kind::Array) {
            self.adopt(left, Kind::Json, before)?;
            return self.adopt(operand, Kind::Json, right);
        }
        if left.literal.is_none()
            && let Some(kind) = left.kind
        {
            self.adopt(operand, taken(kind), right)?;
        }
        if operand.literal.is_none()
            && let Some(kind) = operand.kind
        {
            self.adopt(left, taken(kind), before)?;
        }
        Ok(())
    }

    fn between(
        &mut self,
        before: &Expr,
        left: Operand,
        low: &Expr,
        high: &Expr,
        expr: &Expr,
    ) -> Result<Operand, QueryError> {
        self.compared(before, low);
        self.compared(before, high);
        self.push(Step::Pick(0));
        let operand = self.expression(low)?;
        self.agree(">=", before, left, low, operand)?;
        self.call(">=", 2, expr);
        let label = self.label(expr);
        let jump = self.jump(Step::JumpIfFalse { to: 0, label });
        self.push(Step::Pick(1));
        let operand = self.expression(high)?;
        self.agree("<=", before, left, high, operand)?;
        self.call("<=", 2, expr);
        self.push(Step::And(label));
        self.land(jump);
        self.push(Step::Nip);
        Ok(Operand { kind: Some(Kind::Bool), literal: None })
    }

    fn cast(
        &mut self,
        kind: &CastKind,
        before: &Expr,
        left: Operand,
        written: &sqlparser::ast::DataType,
        expr: &Expr,
    ) -> Result<Operand, QueryError> {
        let to = Type::read(written).map_err(|message| QueryError::new(at(before), message))?;
        let is_try = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
        let label = self.label(expr);
        let kind = to.kind();
        self.program.types.push(to);
        let to = self.program.types.len() as u32 - 1;
        self.push(Step::Cast { to, is_try, label });
        if let (Some(literal), false) = (left.literal, is_try) {
            self.fold_cast(literal, to, before)?;
        }
        Ok(Operand { kind: Some(kind), literal: None })
    }

    /// Makes a constant of a text in quotes that is cast.
    fn fold_cast(&mut self, literal: usize, to: u32, before: &Expr) -> Result<(), QueryError> {
        let Some(Step::Constant(constant)) = self.program.steps.get(literal).copied() else { return Ok(()) };
        let arena = crate::arena::Arena::default();
        let text = self.program.constants[constant as usize].clone();
        let to = &self.program.types[to as usize];
        let value = text.value(&arena).and_then(|text| crate::cast::cast(&text, to, &arena));
        let value = value.map_err(|failure| QueryError::new(at(before), failure.to_string()))?;
        self.program.constants[constant as usize] = Constant::of(&value);
        self.program.steps.pop();
        Ok(())
    }

    fn pattern(
        &mut self,
        name: &str,
        negated: bool,
        pattern: &Expr,
        escape: Option<&Expr>,
        expr: &Expr,
    ) -> Result<Operand, QueryError> {
        self.expression(pattern)?;
        if let Some(escape) = escape {
            self.expression(escape)?;
        }
        let count = 2 + usize::from(escape.is_some());
        Ok(if negated { self.negated(name, count, expr) } else { self.call(name, count, expr) })
    }

    /// Checks a regular expression that is known beforehand.
    pub(super) fn check_pattern(&self, name: &str, pattern: &Expr) -> Result<(), QueryError> {
        let Expr::Value(value) = pattern else { return Ok(()) };
        let is_regex = name.starts_with('~') || name.starts_with("regexp_");
        let Some(text) = text_of(&value.value).filter(|_| is_regex) else { return Ok(()) };
        crate::functions::regex::compile(&crate::functions::regex::translated(&text), false)
            .map(|_| ())
            .map_err(|failure| QueryError::new(at(pattern), failure.to_string()))
    }

    fn any(&mut self, op: &BinaryOperator, right: &Expr, which: &str, expr: &Expr) -> Result<Operand, QueryError> {
        self.expression(right)?;
        let name = format!("{op} {which}");
        if crate::functions::find(&name).is_none() {
            return Err(unavailable(expr, &format!("{op} {} is", which.to_uppercase())));
        }
        Ok(self.call(&name, 2, expr))
    }
}

/// The kind of a sum and the like, where it follows from those of both sides.
fn arithmetic(name: &str, left: Option<Kind>, right: Option<Kind>) -> Option<Kind> {
    let (left, right) = (left?, right?);
    let is_moment = |kind| matches!(kind, Kind::Timestamp | Kind::Timestamptz);
    match (name, left, right) {
        ("+" | "-" | "*" | "/" | "%", left, right) if left.is_number() && right.is_number() => {
            let wider = [Kind::Float, Kind::Decimal].into_iter().find(|kind| [left, right].contains(kind));
            Some(wider.unwrap_or(Kind::Int))
        }
        ("+" | "-", Kind::Date, Kind::Int) | ("+", Kind::Int, Kind::Date) => Some(Kind::Date),
        ("-", Kind::Date, Kind::Date) => Some(Kind::Int),
        ("+" | "-", Kind::Date, Kind::Interval) | ("+", Kind::Interval, Kind::Date) => Some(Kind::Timestamp),
        ("+" | "-", kind, Kind::Interval) | ("+", Kind::Interval, kind) if is_moment(kind) => Some(kind),
        ("-", one, other) if is_moment(one) && is_moment(other) => Some(Kind::Interval),
        ("+" | "-" | "*" | "/", Kind::Interval, _) | ("*", _, Kind::Interval) => Some(Kind::Interval),
        ("||", Kind::Text, Kind::Text) => Some(Kind::Text),
        ("||", Kind::Array, _) | ("||", _, Kind::Array) => Some(Kind::Array),
        ("||", Kind::Json, Kind::Json) => Some(Kind::Json),
        _ => None,
    }
}
