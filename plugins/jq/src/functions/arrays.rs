//! Functions of arrays and objects.

use super::{Named, containment, strings};
use crate::run::{Exit, Machine, own, stable_sort};
use crate::syntax::Math;
use crate::value::{List, Type, Value, hash};

pub(super) const TABLE: &[Named] = &[
    ("length", 0, length),
    ("keys", 0, |machine, input, _| keys(machine, input, true)),
    ("keys_unsorted", 0, |machine, input, _| keys(machine, input, false)),
    ("has", 1, has),
    ("contains", 1, |machine, input, arguments| containment::contains(machine, &input, &arguments[0]).map(Value::Bool)),
    ("add", 0, add),
    ("sort", 0, sort),
    ("unique", 0, unique),
    ("min", 0, |machine, input, _| extreme(machine, input, false)),
    ("max", 0, |machine, input, _| extreme(machine, input, true)),
    ("reverse", 0, reverse),
    ("flatten", 0, |machine, input, _| flatten(machine, input, f64::INFINITY)),
    ("flatten", 1, flatten_to),
    ("indices", 1, indices),
    ("transpose", 0, transpose),
    ("bsearch", 1, bsearch),
    ("setpath", 2, set_path),
    ("delpaths", 1, delete_paths),
];

fn length(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let length = match input.kind() {
        Type::Null => 0.0,
        Type::False | Type::True => return Err(Exit::error(format!("{} has no length", machine.shown(&input)))),
        Type::Number => machine.source.number(&input).unwrap_or_default().abs(),
        Type::String => {
            let text = machine.source.str(&input).unwrap_or_default();
            (if text.is_ascii() { text.len() } else { text.chars().count() }) as f64
        }
        Type::Array | Type::Object => machine.source.count(&input) as f64,
    };
    Ok(Value::Number(length))
}

fn keys(machine: &Machine<'_>, input: Value, sorted: bool) -> Result<Value, Exit> {
    match input.kind() {
        Type::Array => {
            let count = machine.source.count(&input);
            Ok(Value::array((0..count).map(|at| Value::Number(at as f64)).collect()))
        }
        Type::Object => {
            let object = machine.source.object(input).unwrap_or_default();
            let keys = match sorted {
                true => object.sorted(machine.source).into_iter().map(|entry| entry.key.clone()).collect(),
                false => object.entries().iter().map(|entry| entry.key.clone()).collect(),
            };
            Ok(Value::array(keys))
        }
        _ => Err(strings::no_keys(machine, &input)),
    }
}

fn has(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    let key = &arguments[0];
    let (kind, key_kind) = (input.kind(), key.kind());
    match (kind, key_kind) {
        (Type::Array, Type::Number) => {
            let at = machine.source.number(key).unwrap_or(f64::NAN);
            Ok(Value::Bool(at >= 0.0 && at < machine.source.count(&input) as f64))
        }
        (Type::Object, Type::String) => {
            let name = machine.source.str(key).unwrap_or_default();
            let has = match &input {
                Value::Fields(at) => {
                    let hash = hash(name);
                    machine.source.document.children(*at).any(|(_, node)| {
                        let text = &machine.source.text[node.key_start as usize..node.key_end as usize];
                        node.fingerprint == hash && text == name
                    })
                }
                Value::Object(object) => object.find(machine.source, name, hash(name)).is_some(),
                _ => false,
            };
            Ok(Value::Bool(has))
        }
        _ => {
            let message = format!("Cannot check whether {} has a {} key", kind.name(), key_kind.name());
            Err(Exit::error(message))
        }
    }
}

fn add(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let shown = input.clone();
    let mut sum = Value::Null;
    let is_iterable = machine.source.each(input, |element| {
        sum = machine.math(Math::Add, std::mem::take(&mut sum), element)?;
        Ok(())
    })?;
    if is_iterable { Ok(sum) } else { Err(strings::cannot_iterate(machine, &shown)) }
}

fn elements(machine: &Machine<'_>, input: Value, what: &str) -> Result<std::rc::Rc<List>, Exit> {
    match machine.source.array(input.clone()) {
        Some(elements) => Ok(elements),
        None => Err(Exit::error(format!("{} cannot be {what}, as it is not an array", machine.shown(&input)))),
    }
}

fn sort(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let mut elements = self::elements(machine, input, "sorted")?;
    stable_sort(own(&mut elements).as_mut_slice(), |one, other| machine.source.order(one, other));
    Ok(Value::Array(elements))
}

fn unique(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let mut elements = self::elements(machine, input, "sorted")?;
    let sorted = own(&mut elements);
    stable_sort(sorted, |one, other| machine.source.order(one, other));
    sorted.dedup_by(|one, other| machine.source.order(other, one).is_eq());
    Ok(Value::Array(elements))
}

fn extreme(machine: &Machine<'_>, input: Value, greatest: bool) -> Result<Value, Exit> {
    let elements = self::elements(machine, input, "searched")?;
    let found = elements.iter().reduce(|found, next| {
        let is_less = machine.source.order(next, found).is_lt();
        if is_less == greatest { found } else { next }
    });
    Ok(found.cloned().unwrap_or_default())
}

fn reverse(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    if let Some(text) = machine.source.str(&input) {
        return Ok(Value::text(text.chars().rev().collect()));
    }
    match input {
        Value::Null => Ok(Value::array(Vec::new())),
        Value::Object(_) | Value::Fields(_) if machine.source.count(&input) == 0 => Ok(Value::array(Vec::new())),
        input => match machine.source.array(input.clone()) {
            Some(mut elements) => {
                drop(input);
                own(&mut elements).reverse();
                Ok(Value::Array(elements))
            }
            None => Err(Exit::error(format!("Cannot reverse {}", machine.shown(&input)))),
        },
    }
}

fn flatten_to(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    match machine.source.number(&arguments[0]) {
        Some(depth) if depth < 0.0 => Err(Exit::error("flatten depth must not be negative")),
        Some(depth) => flatten(machine, input, depth),
        None => Err(Exit::error(format!("flatten depth must be a number, and not {}", machine.shown(&arguments[0])))),
    }
}

/// Without recursion, as arrays may lie deep in one another.
fn flatten(machine: &Machine<'_>, input: Value, depth: f64) -> Result<Value, Exit> {
    let mut around: Vec<std::vec::IntoIter<Value>> = Vec::new();
    let mut flat = Vec::new();
    let mut outermost = Vec::new();
    let shown = input.clone();
    let is_iterable = machine.source.each(input, |element| {
        outermost.push(element);
        Ok::<(), Exit>(())
    })?;
    if !is_iterable {
        return Err(strings::cannot_iterate(machine, &shown));
    }
    drop(shown);
    around.push(outermost.into_iter());
    while let Some(level) = around.last_mut() {
        match level.next() {
            None => {
                around.pop();
            }
            Some(element @ (Value::Array(_) | Value::Elements(_))) if around.len() as f64 <= depth => {
                let elements = machine.source.array(element).unwrap_or_default();
                around.push(std::rc::Rc::unwrap_or_clone(elements).into_vec().into_iter());
            }
            Some(element) => flat.push(element),
        }
    }
    Ok(Value::array(flat))
}

pub(crate) fn indices(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    let wanted = &arguments[0];
    if matches!(input, Value::Null) {
        return Ok(Value::Null);
    }
    if let (Some(text), Some(part)) = (machine.source.str(&input), machine.source.str(wanted)) {
        return Ok(Value::array(text_indices(text, part)));
    }
    match (machine.source.array(input.clone()), machine.source.array(wanted.clone())) {
        (Some(elements), Some(part)) => {
            let is_here =
                |window: &[Value]| window.iter().zip(part.iter()).all(|(one, other)| machine.source.equal(one, other));
            if part.is_empty() {
                return Ok(Value::array(Vec::new()));
            }
            let found = elements.windows(part.len()).enumerate().filter(|(_, window)| is_here(window));
            Ok(Value::array(found.map(|(at, _)| Value::Number(at as f64)).collect()))
        }
        (Some(elements), None) => {
            let found = elements.iter().enumerate().filter(|(_, element)| machine.source.equal(element, wanted));
            Ok(Value::array(found.map(|(at, _)| Value::Number(at as f64)).collect()))
        }
        _ => {
            let message = format!("Cannot determine indices of {} in {}", machine.shown(wanted), machine.shown(&input));
            Err(Exit::error(message))
        }
    }
}

/// Where a part occurs in a text, in characters; occurrences may overlap.
fn text_indices(text: &str, part: &str) -> Vec<Value> {
    let mut found = Vec::new();
    if part.is_empty() {
        return found;
    }
    let (mut from, mut characters, mut counted) = (0, 0, 0);
    while let Some(at) = text[from..].find(part).map(|at| from + at) {
        characters += text[counted..at].chars().count();
        counted = at;
        found.push(Value::Number(characters as f64));
        from = at + text[at..].chars().next().map_or(1, char::len_utf8);
    }
    found
}

fn transpose(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let rows = elements(machine, input, "transposed")?;
    let mut lines = Vec::new();
    for row in rows.iter() {
        lines.push(match row {
            Value::Null => Default::default(),
            row => elements(machine, row.clone(), "transposed")?,
        });
    }
    let width = lines.iter().map(|line| line.len()).max().unwrap_or_default();
    let column = |at: usize| Value::array(lines.iter().map(|line| line.get(at).cloned().unwrap_or_default()).collect());
    Ok(Value::array((0..width).map(column).collect()))
}

fn bsearch(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    let Some(elements) = machine.source.array(input.clone()) else {
        return Err(Exit::error(format!("{} cannot be searched from", machine.shown(&input))));
    };
    let found = elements.binary_search_by(|element| machine.source.order(element, &arguments[0]));
    Ok(Value::Number(found.map_or_else(|at| -1.0 - at as f64, |at| at as f64)))
}

fn set_path(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    let Some(keys) = machine.source.array(std::mem::take(&mut arguments[0])) else {
        return Err(Exit::error("Path must be specified as an array"));
    };
    let value = std::mem::take(&mut arguments[1]);
    machine.change_at(input, &keys, &mut |_| Ok(value.clone()))
}

fn delete_paths(machine: &Machine<'_>, input: Value, arguments: &mut [Value]) -> Result<Value, Exit> {
    match machine.source.array(std::mem::take(&mut arguments[0])) {
        Some(paths) => machine.remove_paths(input, std::rc::Rc::unwrap_or_clone(paths).into_vec()),
        None => Err(Exit::error("Paths must be specified as an array")),
    }
}
