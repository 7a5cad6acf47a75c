//! Arrays: SQL's own, and those of JSON, whose elements are taken as values.

use super::{Function, Scope, lenient, strict};
use crate::Failure;
use crate::compare::{distinct, order};
use crate::failure::Answer;
use crate::json;
use crate::value::{Kind, Value};

const INT: Option<Kind> = Some(Kind::Int);
const BOOL: Option<Kind> = Some(Kind::Bool);
const ARRAY: Option<Kind> = Some(Kind::Array);

/// The most elements of which each is compared with each.
const MAX_COMPARED: usize = 10_000;

pub(super) const FUNCTIONS: &[Function] = &[
    lenient("array", (0, super::MANY), ARRAY, |scope, args| scope.arena.array(args)),
    strict("array_length", (1, 2), INT, |scope, args| {
        let len = items(scope, &args[0])?.len() as i64;
        match args.get(1) {
            None => Ok(Value::Int(len)),
            // PostgreSQL's: an empty array has no dimension.
            Some(dimension) => Ok(if dimension.int()? == 1 && len > 0 { Value::Int(len) } else { Value::Null }),
        }
    }),
    strict("cardinality", (1, 1), INT, |scope, args| Ok(Value::Int(items(scope, &args[0])?.len() as i64))),
    lenient("array_position", (2, 2), INT, |scope, args| {
        if args[0].is_null() {
            return Ok(Value::Null);
        }
        let at = position(items(scope, &args[0])?, &args[1])?;
        Ok(at.map_or(Value::Null, |at| Value::Int(at as i64 + 1)))
    }),
    lenient("array_contains", (2, 2), BOOL, |scope, args| {
        if args[0].is_null() {
            return Ok(Value::Null);
        }
        position(items(scope, &args[0])?, &args[1]).map(|at| Value::Bool(at.is_some()))
    }),
    lenient("array_append", (2, 2), ARRAY, |scope, args| {
        scope.arena.array(&[items_or_none(scope, &args[0])?, &args[1..]].concat())
    }),
    lenient("array_prepend", (2, 2), ARRAY, |scope, args| {
        scope.arena.array(&[&args[..1], items_or_none(scope, &args[1])?].concat())
    }),
    lenient("array_cat", (2, 2), ARRAY, |scope, args| {
        if args[0].is_null() && args[1].is_null() {
            return Ok(Value::Null);
        }
        scope.arena.array(&[items_or_none(scope, &args[0])?, items_or_none(scope, &args[1])?].concat())
    }),
    lenient("array_remove", (2, 2), ARRAY, |scope, args| {
        if args[0].is_null() {
            return Ok(Value::Null);
        }
        keep(scope, items(scope, &args[0])?, |item, _| distinct(item, &args[1]))
    }),
    strict("array_distinct", (1, 1), ARRAY, |scope, args| unique(scope, items(scope, &args[0])?)),
    strict("array_union", (2, 2), ARRAY, |scope, args| {
        unique(scope, &[items(scope, &args[0])?, items(scope, &args[1])?].concat())
    }),
    strict("array_intersect", (2, 2), ARRAY, |scope, args| {
        let others = items(scope, &args[1])?;
        keep(scope, items(scope, &args[0])?, |item, kept| {
            Ok(position(others, item)?.is_some() && position(kept, item)?.is_none())
        })
    }),
    strict("array_except", (2, 2), ARRAY, |scope, args| {
        let others = items(scope, &args[1])?;
        keep(scope, items(scope, &args[0])?, |item, kept| {
            Ok(position(others, item)?.is_none() && position(kept, item)?.is_none())
        })
    }),
    strict("array_max", (1, 1), None, |scope, args| extreme(scope, args, |order| order.is_gt())),
    strict("array_min", (1, 1), None, |scope, args| extreme(scope, args, |order| order.is_lt())),
    strict("array_sort", (1, 2), ARRAY, sort),
    strict("subscript ", (2, 2), None, |scope, args| match (&args[0], &args[1]) {
        (Value::Array(items), Value::Int(index)) => {
            let at = usize::try_from(*index).ok().and_then(|index| index.checked_sub(1));
            Ok(at.and_then(|at| items.get(at)).copied().unwrap_or(Value::Null))
        }
        (Value::Json(raw), Value::Int(index)) => {
            Ok(json::element(raw, *index).map_or(Value::Null, |raw| json::load(raw, scope.arena)))
        }
        (Value::Json(raw), Value::Text(key)) => {
            Ok(json::field(raw, key).map_or(Value::Null, |raw| json::load(raw, scope.arena)))
        }
        (Value::Array(_) | Value::Json(_), index) => Err(Failure::kind("an index or a name", index)),
        (other, _) => Err(Failure::kind("array or jsonb", other)),
    }),
    strict("slice", (3, 3), ARRAY, |scope, args| {
        let (from, to) = (args[1].int()?, args[2].int()?);
        slice(scope, items(scope, &args[0])?, from, to)
    }),
];

/// The elements of an SQL array or of a JSON array.
pub(crate) fn items<'a>(scope: &Scope<'a>, value: &Value<'a>) -> Result<&'a [Value<'a>], Failure> {
    let raw = match value {
        Value::Array(items) => return Ok(items),
        Value::Json(raw) if raw.starts_with('[') => raw,
        other => return Err(Failure::kind("array", other)),
    };
    let mut items = Vec::new();
    json::each_element(raw, |item| items.push(json::load(item, scope.arena)));
    scope.arena.array(&items)?.array()
}

fn items_or_none<'a>(scope: &Scope<'a>, value: &Value<'a>) -> Result<&'a [Value<'a>], Failure> {
    if value.is_null() { Ok(&[]) } else { items(scope, value) }
}

/// Elements from one place to another, both counted from 1.
pub(crate) fn slice<'a>(scope: &Scope<'a>, items: &[Value<'a>], from: i64, to: i64) -> Answer<'a> {
    let len = items.len() as i64;
    let (from, to) = (from.clamp(1, len + 1), to.clamp(0, len));
    scope.arena.array(if from <= to { &items[from as usize - 1..to as usize] } else { &[] })
}

fn position(items: &[Value<'_>], wanted: &Value<'_>) -> Result<Option<usize>, Failure> {
    for (at, item) in items.iter().enumerate() {
        if !distinct(item, wanted)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// The elements that a condition holds for; it is told which have been kept so far.
fn keep<'a>(
    scope: &Scope<'a>,
    items: &[Value<'a>],
    condition: impl Fn(&Value<'a>, &[Value<'a>]) -> Result<bool, Failure>,
) -> Answer<'a> {
    if items.len() > MAX_COMPARED {
        return Err("the array has more than 10000 elements".into());
    }
    let mut kept = Vec::new();
    for item in items {
        if condition(item, &kept)? {
            kept.push(*item);
        }
    }
    scope.arena.array(&kept)
}

fn unique<'a>(scope: &Scope<'a>, items: &[Value<'a>]) -> Answer<'a> {
    keep(scope, items, |item, kept| Ok(position(kept, item)?.is_none()))
}

fn extreme<'a>(scope: &Scope<'a>, args: &[Value<'a>], wins: fn(std::cmp::Ordering) -> bool) -> Answer<'a> {
    let mut best = Value::Null;
    for item in items(scope, &args[0])?.iter().filter(|item| !item.is_null()) {
        if best.is_null() || wins(order("<", item, &best)?) {
            best = *item;
        }
    }
    Ok(best)
}

fn sort<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let descending = match args.get(1) {
        None => false,
        Some(direction) => match direction.text()?.to_ascii_uppercase().as_str() {
            "ASC" | "ASCENDING" => false,
            "DESC" | "DESCENDING" => true,
            _ => return Err("a direction is 'ASC' or 'DESC'".into()),
        },
    };
    let mut items = items(scope, &args[0])?.to_vec();
    let mut failure = None;
    items.sort_by(|one, other| {
        match (one.is_null(), other.is_null()) {
            (false, false) => {
                let order = order("<", one, other).unwrap_or_else(|error| {
                    failure = Some(error);
                    std::cmp::Ordering::Equal
                });
                if descending { order.reverse() } else { order }
            }
            (one, other) => one.cmp(&other), // NULL comes last
        }
    });
    failure.map_or_else(|| scope.arena.array(&items), Err)
}
