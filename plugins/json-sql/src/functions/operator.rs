//! Operators, under names that no call can have.

use super::{Function, MANY, Scope, lenient, strict};
use crate::Failure;
use crate::compare::{distinct, equal, order};
use crate::failure::Answer;
use crate::number;
use crate::value::{Kind, Value};

const BOOL: Option<Kind> = Some(Kind::Bool);
const INT: Option<Kind> = Some(Kind::Int);

pub(super) const FUNCTIONS: &[Function] = &[
    strict("=", (2, 2), BOOL, |_, args| equal("=", &args[0], &args[1]).map(Value::Bool)),
    strict("<>", (2, 2), BOOL, |_, args| equal("<>", &args[0], &args[1]).map(|equal| Value::Bool(!equal))),
    strict("<", (2, 2), BOOL, |_, args| order("<", &args[0], &args[1]).map(|order| Value::Bool(order.is_lt()))),
    strict("<=", (2, 2), BOOL, |_, args| order("<=", &args[0], &args[1]).map(|order| Value::Bool(order.is_le()))),
    strict(">", (2, 2), BOOL, |_, args| order(">", &args[0], &args[1]).map(|order| Value::Bool(order.is_gt()))),
    strict(">=", (2, 2), BOOL, |_, args| order(">=", &args[0], &args[1]).map(|order| Value::Bool(order.is_ge()))),
    lenient("is distinct from", (2, 2), BOOL, |_, args| distinct(&args[0], &args[1]).map(Value::Bool)),
    lenient("is not distinct from", (2, 2), BOOL, |_, args| {
        distinct(&args[0], &args[1]).map(|distinct| Value::Bool(!distinct))
    }),
    lenient("is null", (1, 1), BOOL, |_, args| Ok(Value::Bool(args[0].is_null()))),
    lenient("is not null", (1, 1), BOOL, |_, args| Ok(Value::Bool(!args[0].is_null()))),
    lenient("is true", (1, 1), BOOL, |_, args| is(&args[0], Some(true))),
    lenient("is false", (1, 1), BOOL, |_, args| is(&args[0], Some(false))),
    lenient("is unknown", (1, 1), BOOL, |_, args| is(&args[0], None)),
    strict("not ", (1, 1), BOOL, |_, args| args[0].bool().map(|bool| Value::Bool(!bool))),
    strict("+", (2, 2), None, |_, args| number::add(&args[0], &args[1])),
    strict("-", (2, 2), None, |scope, args| match args[0] {
        Value::Json(_) => super::json_build::without(scope, args),
        _ => number::subtract(&args[0], &args[1]),
    }),
    strict("*", (2, 2), None, |_, args| number::multiply(&args[0], &args[1])),
    strict("/", (2, 2), None, |_, args| number::divide(&args[0], &args[1])),
    strict("%", (2, 2), None, |_, args| number::modulo(&args[0], &args[1])),
    strict("^", (2, 2), Some(Kind::Float), |_, args| number::power(&args[0], &args[1])),
    strict("negative ", (1, 1), None, |_, args| number::negate(&args[0])),
    strict("positive ", (1, 1), None, |_, args| match args[0].kind() {
        kind if kind.is_number() => Ok(args[0]),
        _ => Err(Failure::kind("number", &args[0])),
    }),
    strict("&", (2, 2), INT, |_, args| bits(args, |one, other| one & other)),
    strict("|", (2, 2), INT, |_, args| bits(args, |one, other| one | other)),
    strict("#", (2, 2), INT, |_, args| bits(args, |one, other| one ^ other)),
    strict("bits not", (1, 1), INT, |_, args| args[0].int().map(|int| Value::Int(!int))),
    strict("<<", (2, 2), INT, |_, args| bits(args, |one, other| one.wrapping_shl(other as u32))),
    strict(">>", (2, 2), INT, |_, args| bits(args, |one, other| one.wrapping_shr(other as u32))),
    lenient("||", (2, 2), None, concat),
    lenient("|| literal", (2, 2), None, |scope, args| match (&args[0], &args[1]) {
        (Value::Json(one), Value::Text(other)) => super::json::concat(scope, one, crate::json::checked(other)?),
        (Value::Text(one), Value::Json(other)) => super::json::concat(scope, crate::json::checked(one)?, other),
        _ => concat(scope, args),
    }),
    lenient("in", (1, MANY), BOOL, is_in),
    lenient("nullif", (2, 2), None, |_, args| {
        let is_equal = !args[0].is_null() && !args[1].is_null() && equal("=", &args[0], &args[1])?;
        Ok(if is_equal { Value::Null } else { args[0] })
    }),
    lenient("greatest", (1, MANY), None, |_, args| extreme(args, |order| order.is_gt())),
    lenient("least", (1, MANY), None, |_, args| extreme(args, |order| order.is_lt())),
    lenient("= any", (2, 2), BOOL, |scope, args| any(scope, args, "=", true)),
    lenient("<> any", (2, 2), BOOL, |scope, args| any(scope, args, "<>", true)),
    lenient("< any", (2, 2), BOOL, |scope, args| any(scope, args, "<", true)),
    lenient("<= any", (2, 2), BOOL, |scope, args| any(scope, args, "<=", true)),
    lenient("> any", (2, 2), BOOL, |scope, args| any(scope, args, ">", true)),
    lenient(">= any", (2, 2), BOOL, |scope, args| any(scope, args, ">=", true)),
    lenient("= all", (2, 2), BOOL, |scope, args| any(scope, args, "=", false)),
    lenient("<> all", (2, 2), BOOL, |scope, args| any(scope, args, "<>", false)),
    lenient("< all", (2, 2), BOOL, |scope, args| any(scope, args, "<", false)),
    lenient("<= all", (2, 2), BOOL, |scope, args| any(scope, args, "<=", false)),
    lenient("> all", (2, 2), BOOL, |scope, args| any(scope, args, ">", false)),
    lenient(">= all", (2, 2), BOOL, |scope, args| any(scope, args, ">=", false)),
];

fn is<'a>(value: &Value<'a>, wanted: Option<bool>) -> Answer<'a> {
    let bool = if value.is_null() { None } else { Some(value.bool()?) };
    Ok(Value::Bool(bool == wanted))
}

fn bits<'a>(args: &[Value<'a>], of: fn(i64, i64) -> i64) -> Answer<'a> {
    Ok(Value::Int(of(args[0].int()?, args[1].int()?)))
}

/// Texts one behind the other, or arrays, or JSON; NULL where one of them is.
fn concat<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    match (&args[0], &args[1]) {
        // An array beside NULL is the array, as in PostgreSQL.
        (Value::Array(_), Value::Null) => Ok(args[0]),
        (Value::Null, Value::Array(_)) => Ok(args[1]),
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Text(one), Value::Text(other)) => scope.arena.concat(&[one, other]),
        (Value::Array(one), Value::Array(other)) => scope.arena.array(&[*one, *other].concat()),
        (Value::Array(items), item) => scope.arena.array(&[*items, std::slice::from_ref(item)].concat()),
        (item, Value::Array(items)) => scope.arena.array(&[std::slice::from_ref(item), *items].concat()),
        (Value::Json(one), Value::Json(other)) => super::json::concat(scope, one, other),
        (Value::Bytes(one), Value::Bytes(other)) => scope.arena.bytes(&[*one, *other].concat()).map(Value::Bytes),
        (Value::Text(_), other) | (other, Value::Text(_)) => {
            let text = crate::cast::to_text(other, None, scope.arena)?.text()?;
            match (&args[0], &args[1]) {
                (Value::Text(one), _) => scope.arena.concat(&[one, text]),
                (_, other) => scope.arena.concat(&[text, other.text()?]),
            }
        }
        (one, other) => Err(number::no_operator("||", one, other)),
    }
}

/// Whether the first is one of the others; NULL where it is not and one of them, or it, is NULL.
fn is_in<'a>(_: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let mut answer = Value::Bool(false);
    for item in &args[1..] {
        if args[0].is_null() || item.is_null() {
            answer = Value::Null;
        } else if equal("=", &args[0], item)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(answer)
}

/// NULLs do not count.
fn extreme<'a>(args: &[Value<'a>], wins: fn(std::cmp::Ordering) -> bool) -> Answer<'a> {
    let mut best = Value::Null;
    for arg in args.iter().filter(|arg| !arg.is_null()) {
        if best.is_null() || wins(order("<", arg, &best)?) {
            best = *arg;
        }
    }
    // Of numbers of several kinds the result has the widest, whichever of them it is.
    let has = |kind| args.iter().any(|arg| arg.kind() == kind);
    Ok(match best.kind() {
        Kind::Int | Kind::Decimal if has(Kind::Float) => Value::Float(best.float()?),
        Kind::Int if has(Kind::Decimal) => Value::Decimal(best.decimal()?),
        _ => best,
    })
}

/// Compares the first with each item of the second: whether it holds for any, or for all.
fn any<'a>(scope: &Scope<'a>, args: &[Value<'a>], symbol: &str, any: bool) -> Answer<'a> {
    if args[1].is_null() {
        return Ok(Value::Null);
    }
    let mut answer = Value::Bool(!any);
    for item in super::array::items(scope, &args[1])? {
        if item.is_null() || args[0].is_null() {
            answer = Value::Null;
            continue;
        }
        let holds = match symbol {
            "=" => equal(symbol, &args[0], item)?,
            "<>" => !equal(symbol, &args[0], item)?,
            _ => {
                let order = order(symbol, &args[0], item)?;
                match symbol {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                }
            }
        };
        if holds == any {
            return Ok(Value::Bool(any));
        }
    }
    Ok(answer)
}
