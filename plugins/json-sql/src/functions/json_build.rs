//! JSON that is made.

use super::json::{Field, Object, path, raw, raw_or_text, write_object};
use super::{Function, MANY, Run, Scope, lenient, strict};
use crate::Failure;
use crate::cast::to_text;
use crate::copy::{self, Copy};
use crate::failure::Answer;
use crate::json;
use crate::value::{Kind, Value};
use crate::write;

const JSON: Option<Kind> = Some(Kind::Json);
const TEXT: Option<Kind> = Some(Kind::Text);

const OBJECT: Run = |scope, args| object(scope, args);
const BUILD_ARRAY: Run = |scope, args| {
    let items = scope.arena.array(args)?;
    raw(scope, &items).map(Value::Json)
};
const TO_JSON: Run = |scope, args| Ok(Value::Json(of(scope, &args[0])?));
const STRIP_NULLS: Run = |scope, args| {
    let raw = raw(scope, &args[0])?;
    let stripped = scope.json(|out| {
        strip(raw, out);
        Ok(())
    });
    stripped.map(Value::Json)
};

const SCALAR: &str = "cannot set path in scalar";

pub(super) const FUNCTIONS: &[Function] = &[
    lenient("json_build_object", (0, MANY), JSON, OBJECT),
    lenient("jsonb_build_object", (0, MANY), JSON, OBJECT),
    lenient("json_build_array", (0, MANY), JSON, BUILD_ARRAY),
    lenient("jsonb_build_array", (0, MANY), JSON, BUILD_ARRAY),
    strict("to_json", (1, 1), JSON, TO_JSON),
    strict("to_jsonb", (1, 1), JSON, TO_JSON),
    lenient("to_json_string", (1, 1), TEXT, |scope, args| of(scope, &args[0]).map(Value::Text)),
    strict("json_strip_nulls", (1, 1), JSON, STRIP_NULLS),
    strict("jsonb_strip_nulls", (1, 1), JSON, STRIP_NULLS),
    strict("jsonb_set", (3, 4), JSON, |scope, args| {
        // What is wrong with other arguments is said before what is wrong with the path.
        args.get(3).map_or(Ok(true), Value::bool)?;
        container(scope, &args[0], SCALAR)?;
        jsonb_set(scope, args, &path(&args[1])?)
    })
    .with_path(jsonb_set),
    strict("json_array_contains", (2, 2), Some(Kind::Bool), |scope, args| {
        let wanted = of(scope, &args[1])?;
        let mut found = false;
        json::each_element(raw_or_text(scope, &args[0])?, |item| found |= json::equal(item, wanted));
        Ok(Value::Bool(found))
    }),
    strict("as_map", (2, 2), JSON, |scope, args| {
        let (keys, values) = (super::array::items(scope, &args[0])?, super::array::items(scope, &args[1])?);
        let pairs: Vec<_> = keys.iter().zip(values).flat_map(|(key, value)| [*key, *value]).collect();
        object(scope, &pairs)
    }),
    strict("map_union", (2, 2), JSON, |scope, args| {
        super::json::concat(scope, raw(scope, &args[0])?, raw(scope, &args[1])?)
    }),
    strict("#-", (2, 2), JSON, |scope, args| hash_minus(scope, args, &path(&args[1])?)).with_path(hash_minus),
];

fn jsonb_set<'a>(scope: &Scope<'a>, args: &[Value<'a>], path: &[impl AsRef<str>]) -> Answer<'a> {
    let create = args.get(3).map_or(Ok(true), Value::bool)?;
    let target = container(scope, &args[0], SCALAR)?;
    let new = of(scope, &args[2])?;
    scope.json(|out| set(target, path, new, create, out)).map(Value::Json)
}

fn hash_minus<'a>(scope: &Scope<'a>, args: &[Value<'a>], path: &[impl AsRef<str>]) -> Answer<'a> {
    let target = container(scope, &args[0], "cannot delete path in scalar")?;
    if matches!(fields(target).len() + parts(target).len(), 0) {
        return Ok(Value::Json(target));
    }
    scope.json(|out| remove(target, path, out)).map(Value::Json)
}

/// JSON that is an object or an array.
fn container<'a>(scope: &Scope<'a>, value: &Value<'a>, error: &str) -> Result<&'a str, Failure> {
    let raw = raw(scope, value)?;
    if raw.starts_with(['{', '[']) { Ok(raw) } else { Err(error.into()) }
}

/// A value as JSON.
pub(super) fn of<'a>(scope: &Scope<'a>, value: &Value<'a>) -> Result<&'a str, Failure> {
    match value {
        Value::Json(raw) => return Ok(raw),
        Value::Text(text) if json_scan::is_plain(text) => return scope.arena.concat(&["\"", text, "\""])?.text(),
        _ => {}
    }
    scope.json(|out| write::json(value, out))
}

/// An object of names and values in turn.
fn object<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    if args.len() % 2 == 1 {
        return Err("an object is built of names and values in turn; the last name has no value".into());
    }
    let mut object = Object::default();
    for pair in args.chunks_exact(2) {
        if pair[0].is_null() {
            return Err("the name of a field is NULL".into());
        }
        let key = to_text(&pair[0], None, scope.arena)?.text()?;
        object.set(key.into(), of(scope, &pair[1])?);
    }
    let mut out = Vec::new();
    write_object(&object.fields, &mut out);
    scope.arena.str(&String::from_utf8_lossy(&out)).map(Value::Json)
}

/// The depth is bounded, as the text is valid JSON; so it is below.
fn strip(raw: &str, out: &mut Vec<u8>) {
    match raw.as_bytes().first() {
        Some(b'{') => {
            out.push(b'{');
            json::each_field(raw, |key, value| {
                if value == "null" {
                    return;
                }
                if out.last() != Some(&b'{') {
                    out.push(b',');
                }
                json_scan::escape(&key, out);
                out.push(b':');
                strip(value, out);
            });
            out.push(b'}');
        }
        Some(b'[') => {
            out.push(b'[');
            let mut is_first = true;
            json::each_element(raw, |value| {
                if !std::mem::take(&mut is_first) {
                    out.push(b',');
                }
                strip(value, out);
            });
            out.push(b']');
        }
        _ => out.extend_from_slice(raw.as_bytes()),
    }
}

/// The place that a step means in an array of this length; none where it is no number.
fn place(key: &str, len: usize) -> Option<i64> {
    let index: i64 = key.parse().ok()?;
    Some(if index < 0 { index + len as i64 } else { index })
}

fn parts(raw: &str) -> Vec<&str> {
    let mut items = Vec::new();
    json::each_element(raw, |item| items.push(item));
    items
}

fn fields(raw: &str) -> Vec<Field<'_>> {
    let mut object = Object::default();
    object.extend(raw);
    object.fields
}

/// Writes JSON with something new at a path. The depth is bounded, as the JSON is valid.
fn set(raw: &str, path: &[impl AsRef<str>], new: &str, create: bool, out: &mut Vec<u8>) -> Result<(), Failure> {
    let Some((key, below)) = path.split_first() else {
        out.extend_from_slice(raw.as_bytes());
        return Ok(());
    };
    let key = key.as_ref();
    let mut result = Ok(());
    let change = |old: &str, out: &mut Vec<u8>| {
        if below.is_empty() {
            out.extend_from_slice(new.as_bytes());
        } else if let Err(failure) = set(old, below, new, create, out) {
            result = Err(failure);
        }
    };
    let added = Some(new).filter(|_| below.is_empty() && create);
    if raw.starts_with('{') {
        set_field(raw, key, added, change, out);
    } else if raw.starts_with('[') {
        set_element(raw, key, added, change, out)?;
    } else {
        out.extend_from_slice(raw.as_bytes());
    }
    result
}

/// Writes an object with a field changed, or added where it is missing.
fn set_field(raw: &str, key: &str, added: Option<&str>, mut change: impl FnMut(&str, &mut Vec<u8>), out: &mut Vec<u8>) {
    let (mut copy, mut found) = (Copy::of(raw), false);
    out.push(b'{');
    json::each_span(raw, |other, written, value| {
        if !other.is(key) {
            return copy.field(written, value, out);
        }
        found = true;
        copy.end(out);
        copy::comma(out);
        out.extend_from_slice(&raw.as_bytes()[written]);
        out.push(b':');
        change(&raw[value], out);
    });
    copy.end(out);
    if let (Some(new), false) = (added, found) {
        copy::comma(out);
        json_scan::escape(key, out);
        out.push(b':');
        out.extend_from_slice(new.as_bytes());
    }
    out.push(b'}');
}

/// Writes an array with an element changed, or added where it lies outside.
fn set_element(
    raw: &str,
    key: &str,
    added: Option<&str>,
    mut change: impl FnMut(&str, &mut Vec<u8>),
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let mut len = 0;
    json::each_element(raw, |_| len += 1);
    let wanted = place(key, len).ok_or_else(|| Failure::from("a step into an array is a number"))?;
    out.push(b'[');
    if let (Some(new), true) = (added, wanted < 0) {
        out.extend_from_slice(new.as_bytes());
    }
    let mut at = 0;
    json::each_element(raw, |value| {
        comma(out);
        if at == wanted {
            change(value, out)
        } else {
            out.extend_from_slice(value.as_bytes())
        }
        at += 1;
    });
    if let (Some(new), true) = (added, wanted >= at) {
        comma(out);
        out.extend_from_slice(new.as_bytes());
    }
    out.push(b']');
    Ok(())
}

/// Appends a comma, unless what comes next is the first of an array.
fn comma(out: &mut Vec<u8>) {
    if out.last() != Some(&b'[') {
        out.push(b',');
    }
}

fn write_array(items: &[&str], out: &mut Vec<u8>) {
    out.push(b'[');
    out.extend_from_slice(items.join(",").as_bytes());
    out.push(b']');
}

/// Of an object without a field, of an array without an element; of several at once where they are an array.
pub(super) fn without<'a>(scope: &Scope<'a>, args: &[Value<'a>]) -> Answer<'a> {
    let raw = raw(scope, &args[0])?;
    let keys = match &args[1] {
        Value::Array(items) => items,
        other => std::slice::from_ref(other),
    };
    let mut out = Vec::new();
    if raw.starts_with('{') {
        let mut fields = fields(raw);
        for key in keys {
            let key = key.text()?;
            fields.retain(|(other, _)| other != key);
        }
        write_object(&fields, &mut out);
    } else if raw.starts_with('[') {
        let mut items = parts(raw);
        for key in keys {
            match key {
                Value::Int(index) => {
                    let at = if *index < 0 { index.saturating_add(items.len() as i64) } else { *index };
                    if let Some(at) = usize::try_from(at).ok().filter(|at| *at < items.len()) {
                        items.remove(at);
                    }
                }
                key => {
                    let key = key.text()?;
                    items.retain(|item| !item.starts_with('"') || json::string(item, scope.arena) != key);
                }
            }
        }
        write_array(&items, &mut out);
    } else {
        return Err("cannot delete from scalar".into());
    }
    scope.arena.str(&String::from_utf8_lossy(&out)).map(Value::Json)
}

fn remove(raw: &str, path: &[impl AsRef<str>], out: &mut Vec<u8>) -> Result<(), Failure> {
    let Some((key, below)) = path.split_first() else {
        out.extend_from_slice(raw.as_bytes());
        return Ok(());
    };
    let key = key.as_ref();
    let mut inner = Vec::new();
    if raw.starts_with('{') {
        let mut fields = fields(raw);
        let at = fields.iter().position(|(other, _)| other == key);
        match at {
            Some(at) if below.is_empty() => {
                fields.remove(at);
            }
            Some(at) => remove(fields[at].1, below, &mut inner)?,
            None => {}
        }
        let value = String::from_utf8_lossy(&inner);
        if let (Some(at), false) = (at, below.is_empty()) {
            fields[at].1 = &value;
        }
        write_object(&fields, out);
    } else if raw.starts_with('[') {
        let mut items = parts(raw);
        let at = place(key, items.len()).ok_or_else(|| Failure::from("a step into an array is a number"))?;
        let at = usize::try_from(at).ok().filter(|at| *at < items.len());
        match at {
            Some(at) if below.is_empty() => {
                items.remove(at);
            }
            Some(at) => remove(items[at], below, &mut inner)?,
            None => {}
        }
        let value = String::from_utf8_lossy(&inner);
        if let (Some(at), false) = (at, below.is_empty()) {
            items[at] = &value;
        }
        write_array(&items, out);
    } else {
        out.extend_from_slice(raw.as_bytes());
    }
    Ok(())
}
