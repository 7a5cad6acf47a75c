//! Text to arrays and back.

use super::{Function, MANY, Scope, lenient, strict};
use crate::Failure;
use crate::cast::to_text;
use crate::failure::Answer;
use crate::value::{Kind, Value};

const TEXT: Option<Kind> = Some(Kind::Text);
const ARRAY: Option<Kind> = Some(Kind::Array);

pub(super) const FUNCTIONS: &[Function] = &[
    strict("split_part", (3, 3), TEXT, split_part),
    lenient("string_to_array", (2, 3), ARRAY, string_to_array),
    strict("split", (2, 2), ARRAY, split),
    lenient("array_to_string", (2, 3), TEXT, array_to_string),
    lenient("array_join", (1, 2), TEXT, |scope, args| match args {
        [array] => array_to_string(scope, &[*array, Value::Text(","), Value::Text("null")]),
        args => array_to_string(scope, &[args[0], args[1], Value::Text("null")]),
    }),
    lenient("elt", (2, MANY), TEXT, |_, args| {
        let Value::Int(at) = args[0] else { return Ok(Value::Null) };
        Ok(usize::try_from(at).ok().filter(|at| *at > 0).and_then(|at| args.get(at)).copied().unwrap_or(Value::Null))
    }),
    lenient("field", (2, MANY), Some(Kind::Int), |_, args| {
        let Some(wanted) = args[0].text_or_null()? else { return Ok(Value::Int(0)) };
        let is_it = |other: &Value<'_>| matches!(other, Value::Text(text) if *text == wanted);
        Ok(Value::Int(args[1..].iter().position(is_it).map_or(0, |at| at as i64 + 1)))
    }),
];

fn split_part<'a>(_: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (text, between, at) = (args[0].text()?, args[1].text()?, args[2].int32()?);
    let part = match at {
        0 => return Err("field position must not be zero".into()),
        1 | -1 if between.is_empty() || text.is_empty() => Some(text),
        _ if between.is_empty() => None,
        1.. => text.split(between).nth((at - 1) as usize),
        _ => from_the_end(text, between, at.unsigned_abs() as usize),
    };
    Ok(Value::Text(part.unwrap_or("")))
}

/// The n-th part from the end, of those that are counted from the start.
fn from_the_end<'a>(text: &'a str, between: &str, at: usize) -> Option<&'a str> {
    let count = text.split(between).count();
    count.checked_sub(at).and_then(|at| text.split(between).nth(at))
}

fn string_to_array<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let Some(text) = args[0].text_or_null()? else { return Ok(Value::Null) };
    let null = args.get(2).map_or(Ok(None), Value::text_or_null)?;
    check_parts(scope, text, args[1].text_or_null()?)?;
    let item = |part: &'a str| if Some(part) == null { Value::Null } else { Value::Text(part) };
    let items: Vec<Value<'a>> = match args[1].text_or_null()? {
        _ if text.is_empty() => Vec::new(),
        None => characters(text).map(item).collect(),
        Some("") => vec![item(text)],
        Some(between) => text.split(between).map(item).collect(),
    };
    scope.arena.array(&items)
}

/// Checks that there is room for the parts before they are made; without a separator each character is one.
fn check_parts(scope: &Scope<'_>, text: &str, between: Option<&str>) -> Result<(), Failure> {
    let count = match between {
        None => text.len(),
        Some("") => 1,
        Some(between) => text.matches(between).count(),
    };
    scope.arena.check(count.saturating_mul(size_of::<Value<'_>>()))
}

/// Its characters, each as a text.
fn characters(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, character)| &text[at..at + character.len_utf8()])
}

/// ksqlDB's: without a separator it is parted between all characters.
fn split<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let (text, between) = (args[0].text()?, args[1].text()?);
    check_parts(scope, text, Some(between).filter(|between| !between.is_empty()))?;
    let items: Vec<_> = if between.is_empty() && !text.is_empty() {
        characters(text).map(Value::Text).collect()
    } else if between.is_empty() {
        vec![Value::Text(text)]
    } else {
        text.split(between).map(Value::Text).collect()
    };
    scope.arena.array(&items)
}

fn array_to_string<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    if args[0].is_null() || args[1].is_null() {
        return Ok(Value::Null);
    }
    let items = super::array::items(scope, &args[0])?;
    let (between, null) = (args[1].text()?, args.get(2).map_or(Ok(None), Value::text_or_null)?);
    let mut parts = Vec::new();
    for item in items {
        let text = match (item.is_null(), null) {
            (true, None) => continue,
            (true, Some(null)) => null,
            // A truth value is one letter here, as in PostgreSQL.
            (false, _) => match item {
                Value::Bool(true) => "t",
                Value::Bool(false) => "f",
                item => to_text(item, None, scope.arena)?.text()?,
            },
        };
        if !parts.is_empty() {
            parts.push(between);
        }
        parts.push(text);
    }
    scope.arena.concat(&parts)
}
