//! JSON: operators that step into it, and questions about it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use json_scan::escape;

use super::{Function, MANY, Run, Scope, strict};
use crate::Failure;
use crate::failure::Answer;
use crate::json;
use crate::value::{Kind, Value};

const TEXT: Option<Kind> = Some(Kind::Text);
const BOOL: Option<Kind> = Some(Kind::Bool);
const INT: Option<Kind> = Some(Kind::Int);
const JSON: Option<Kind> = Some(Kind::Json);
const ARRAY: Option<Kind> = Some(Kind::Array);

const TYPE_OF: Run = |_, args| {
    Ok(Value::Text(match &args[0] {
        Value::Json(raw) => match raw.as_bytes().first() {
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b'"') => "string",
            Some(b't' | b'f') => "boolean",
            Some(b'n') => "null",
            _ => "number",
        },
        Value::Bool(_) => "boolean",
        Value::Array(_) => "array",
        value if value.kind().is_number() => "number",
        _ => "string",
    }))
};
const ARRAY_LENGTH: Run = |scope, args| match &args[0] {
    Value::Text(text) => array_length(json::checked(text)?),
    other => array_length(raw(scope, other)?),
};
const PATH: Run = |scope, args| Ok(follow(scope, args)?.map_or(Value::Null, Value::Json));
const PATH_TEXT: Run = |scope, args| follow(scope, args)?.map_or(Ok(Value::Null), |raw| as_text(scope, raw));

pub(super) const FUNCTIONS: &[Function] = &[
    strict("->", (2, 2), JSON, |_, args| Ok(arrow(args)?.map_or(Value::Null, Value::Json))),
    strict("->>", (2, 2), TEXT, |scope, args| arrow(args)?.map_or(Ok(Value::Null), |raw| as_text(scope, raw))),
    strict("#>", (2, 2), JSON, |scope, args| hash_arrow(scope, args, &path(&args[1])?)).with_path(hash_arrow),
    strict("#>>", (2, 2), TEXT, |scope, args| hash_long_arrow(scope, args, &path(&args[1])?))
        .with_path(hash_long_arrow),
    strict("?", (2, 2), BOOL, |scope, args| {
        let key = args[1].text()?;
        let raw = raw(scope, &args[0])?;
        let is_key = |text: &str| text.starts_with('"') && json::string(text, scope.arena) == key;
        // To PostgreSQL a string by itself is an array of one.
        let mut found = is_key(raw) || (raw.starts_with('{') && json::field(raw, key).is_some());
        json::each_element(raw, |item| found |= is_key(item));
        Ok(Value::Bool(found))
    }),
    strict("@>", (2, 2), BOOL, |scope, args| contains(scope, &args[0], &args[1])),
    strict("<@", (2, 2), BOOL, |scope, args| contains(scope, &args[1], &args[0])),
    strict("json_typeof", (1, 1), TEXT, TYPE_OF),
    strict("jsonb_typeof", (1, 1), TEXT, TYPE_OF),
    strict("json_array_length", (1, 1), INT, ARRAY_LENGTH),
    strict("jsonb_array_length", (1, 1), INT, ARRAY_LENGTH),
    strict("json_extract_path", (2, MANY), JSON, PATH),
    strict("jsonb_extract_path", (2, MANY), JSON, PATH),
    strict("json_extract_path_text", (2, MANY), TEXT, PATH_TEXT),
    strict("jsonb_extract_path_text", (2, MANY), TEXT, PATH_TEXT),
    strict("extractjsonfield", (2, 2), TEXT, extract_json_field),
    strict("is_json_string", (1, 1), BOOL, |_, args| {
        Ok(Value::Bool(matches!(&args[0], Value::Text(text) if json::checked(text).is_ok())))
    }),
    strict("json_keys", (1, 1), ARRAY, |scope, args| keys(scope, &args[0])),
    strict("map_keys", (1, 1), ARRAY, |scope, args| keys(scope, &args[0])),
    strict("map_values", (1, 1), ARRAY, |scope, args| {
        let mut items = Vec::new();
        json::each_field(raw_or_text(scope, &args[0])?, |_, raw| items.push(json::load(raw, scope.arena)));
        scope.arena.array(&items)
    }),
];

/// A value as JSON text; an SQL array is written as one.
pub(super) fn raw<'a>(scope: &Scope<'a>, value: &Value<'a>) -> Result<&'a str, Failure> {
    match value {
        Value::Json(raw) => Ok(raw),
        Value::Array(_) => scope.json(|out| crate::write::json(value, out)),
        other => Err(Failure::kind("jsonb", other)),
    }
}

/// A value as JSON text; a text is read as JSON, which ksqlDB's functions do.
pub(super) fn raw_or_text<'a>(scope: &Scope<'a>, value: &Value<'a>) -> Result<&'a str, Failure> {
    match value {
        Value::Text(text) => json::checked(text),
        other => raw(scope, other),
    }
}

fn arrow<'a>(args: &[Value<'a>]) -> Result<Option<&'a str>, Failure> {
    let raw = match &args[0] {
        Value::Json(raw) => raw,
        Value::Text(_) => return Err("expected jsonb, found text; cast it: x::jsonb -> 'a'".into()),
        other => return Err(Failure::kind("jsonb", other)),
    };
    match &args[1] {
        Value::Text(key) => Ok(json::field(raw, key)),
        // A scalar is taken as an array of itself, as in PostgreSQL.
        Value::Int(0 | -1) if !raw.starts_with(['{', '[']) => Ok(Some(raw)),
        Value::Int(index) => Ok(json::element(raw, *index)),
        other => Err(Failure::kind("a name or an index", other)),
    }
}

/// JSON as text: of a string what it says; of null nothing.
pub(crate) fn as_text<'a>(scope: &Scope<'a>, raw: &'a str) -> Answer<'a> {
    Ok(match raw.as_bytes().first() {
        Some(b'"') => Value::Text(json::string(raw, scope.arena)),
        Some(b'n') | None => Value::Null,
        _ => Value::Text(raw),
    })
}

/// The steps of a path: an array of texts, or `{a,b}`.
pub(super) fn path<'a>(value: &Value<'a>) -> Result<Vec<Cow<'a, str>>, Failure> {
    match value {
        Value::Array(items) => items.iter().map(|item| item.text().map(Cow::from)).collect(),
        Value::Text(text) => path_of(text),
        other => Err(Failure::kind("a path like '{a,b}'", other)),
    }
}

/// The steps of a path that is written `{a,b}`.
pub(crate) fn path_of(text: &str) -> Result<Vec<Cow<'_, str>>, Failure> {
    let inside = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let inside = inside.ok_or_else(|| Failure::from("a path is written '{a,b}'"))?;
    if inside.trim().is_empty() {
        return Ok(Vec::new());
    }
    fn plain(step: &str) -> Cow<'_, str> {
        match step.trim().strip_prefix('"').and_then(|step| step.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\").into(),
            None => step.trim().into(),
        }
    }
    Ok(inside.split(',').map(plain).collect())
}

fn walk<'a>(raw: &'a str, path: &[impl AsRef<str>]) -> Option<&'a str> {
    path.iter().try_fold(raw, |raw, key| json::step(raw, key.as_ref()))
}

fn hash_arrow<'a>(scope: &Scope<'a>, args: &[Value<'a>], path: &[impl AsRef<str>]) -> Answer<'a> {
    Ok(walk(raw(scope, &args[0])?, path).map_or(Value::Null, Value::Json))
}

fn hash_long_arrow<'a>(scope: &Scope<'a>, args: &[Value<'a>], path: &[impl AsRef<str>]) -> Answer<'a> {
    walk(raw(scope, &args[0])?, path).map_or(Ok(Value::Null), |raw| as_text(scope, raw))
}

fn follow<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Result<Option<&'a str>, Failure> {
    let path: Vec<_> = args[1..].iter().map(Value::text).collect::<Result<_, _>>()?;
    Ok(walk(raw(scope, &args[0])?, &path))
}

fn array_length<'a>(raw: &str) -> Answer<'a> {
    let mut len = 0;
    match json::each_element(raw, |_| len += 1) {
        Some(()) => Ok(Value::Int(len)),
        None => Err("cannot get array length of what is no array".into()),
    }
}

fn keys<'a>(scope: &Scope<'a>, value: &Value<'a>) -> Answer<'a> {
    let mut items = Vec::new();
    let mut failure = None;
    let found = json::each_field(raw_or_text(scope, value)?, |key, _| match scope.arena.text(&key) {
        Ok(key) => items.push(key),
        Err(error) => failure = Some(error),
    });
    match (found, failure) {
        (_, Some(failure)) => Err(failure),
        (Some(()), None) => scope.arena.array(&items),
        (None, None) => Ok(Value::Null),
    }
}

/// Two objects as one, of equal names the second's; two arrays one behind the other; a scalar is an array of itself.
pub(super) fn concat<'a>(scope: &Scope<'a>, one: &'a str, other: &'a str) -> Answer<'a> {
    let mut out = Vec::new();
    let inside = |raw: &'a str| if raw.starts_with('[') { raw[1..raw.len() - 1].trim() } else { raw };
    if one.starts_with('{') && other.starts_with('{') {
        let mut object = Object::default();
        object.extend(one);
        object.extend(other);
        write_object(&object.fields, &mut out);
    } else {
        out.push(b'[');
        out.extend_from_slice(inside(one).as_bytes());
        if !inside(one).is_empty() && !inside(other).is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(inside(other).as_bytes());
        out.push(b']');
    }
    scope.arena.str(&String::from_utf8_lossy(&out)).map(Value::Json)
}

/// A field of an object that is put together.
pub(super) type Field<'a> = (Cow<'a, str>, &'a str);

/// An object that is put together: of equal names the last one counts, at the place of the first.
#[derive(Default)]
pub(super) struct Object<'a> {
    pub fields: Vec<Field<'a>>,
    /// Where each name is. An object may have as many fields as a record has room for.
    places: BTreeMap<Cow<'a, str>, usize>,
}

impl<'a> Object<'a> {
    /// Sets a field.
    pub fn set(&mut self, key: Cow<'a, str>, value: &'a str) {
        match self.places.get(&key) {
            Some(place) => self.fields[*place].1 = value,
            None => {
                self.places.insert(key.clone(), self.fields.len());
                self.fields.push((key, value));
            }
        }
    }

    /// Sets all fields of an object in JSON.
    pub fn extend(&mut self, raw: &'a str) {
        json::each_field(raw, |key, value| self.set(key, value));
    }
}

/// Appends an object with these fields.
pub(super) fn write_object(fields: &[Field<'_>], out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (key, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        escape(key, out);
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'}');
}

fn contains<'a>(scope: &Scope<'a>, outer: &Value<'a>, inner: &Value<'a>) -> Answer<'a> {
    if let (Value::Array(outer), Value::Array(inner)) = (outer, inner) {
        for item in *inner {
            let mut found = false;
            for other in *outer {
                found |= !item.is_null() && !other.is_null() && crate::compare::equal("@>", item, other)?;
            }
            if !found {
                return Ok(Value::Bool(false));
            }
        }
        return Ok(Value::Bool(true));
    }
    let (outer, inner) = (raw(scope, outer)?, raw(scope, inner)?);
    let holds = json_contains(outer, inner)
        || outer.starts_with('[') && !inner.starts_with(['[', '{']) && has_element(outer, inner);
    Ok(Value::Bool(holds))
}

fn has_element(outer: &str, inner: &str) -> bool {
    let mut found = false;
    json::each_element(outer, |item| found |= json_contains(item, inner));
    found
}

/// The depth is bounded, as both are valid JSON.
fn json_contains(outer: &str, inner: &str) -> bool {
    let mut holds = true;
    match (outer.as_bytes().first(), inner.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => {
            json::each_field(inner, |key, value| {
                holds = holds && json::field(outer, &key).is_some_and(|other| json_contains(other, value));
            });
        }
        (Some(b'['), Some(b'[')) => {
            json::each_element(inner, |item| holds = holds && has_element(outer, item));
        }
        (Some(b'{' | b'['), _) | (_, Some(b'{' | b'[')) => return false,
        _ => return json::equal(outer, inner),
    }
    holds
}

/// ksqlDB's: `$.a.b[0]`
fn extract_json_field<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let mut raw = raw_or_text(scope, &args[0])?;
    let path = args[1].text()?;
    let wrong = || Failure::from("a path is written like '$.a.b[0]'");
    let mut rest = path.strip_prefix('$').ok_or_else(wrong)?;
    while !rest.is_empty() {
        let found = if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']').ok_or_else(wrong)?;
            rest = after;
            match index.trim_matches(['\'', '"']) {
                key if key.len() < index.len() => json::field(raw, key),
                index => json::element(raw, index.parse().map_err(|_| wrong())?),
            }
        } else {
            let after = rest.strip_prefix('.').ok_or_else(wrong)?;
            let end = after.find(['.', '[']).unwrap_or(after.len());
            rest = &after[end..];
            json::field(raw, &after[..end])
        };
        match found {
            Some(found) => raw = found,
            None => return Ok(Value::Null),
        }
    }
    as_text(scope, raw)
}
