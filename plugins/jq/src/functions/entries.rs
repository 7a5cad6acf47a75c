//! `to_entries`, `from_entries` and what they share with `with_entries`.

use std::rc::Rc;

use super::{Named, strings};
use crate::run::{Exit, Flow, Machine};
use crate::value::{Object, Value, hash};

pub(super) const TABLE: &[Named] = &[("to_entries", 0, to_entries), ("from_entries", 0, from_entries)];

thread_local! {
    /// The hashes of the two keys, which are computed once.
    static HASHES: (u64, u64) = (hash("key"), hash("value"));
}

/// `{key, value}`
pub(crate) fn pair(key: Value, value: Value) -> Value {
    let (key_hash, value_hash) = HASHES.with(|hashes| *hashes);
    let mut pair = Object::with_capacity(2);
    pair.push(Value::string("key"), key_hash, key);
    pair.push(Value::string("value"), value_hash, value);
    Value::object(pair)
}

fn to_entries(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    if let Some(elements) = machine.source.array(input.clone()) {
        let pairs = elements.iter().enumerate().map(|(at, element)| pair(Value::Number(at as f64), element.clone()));
        return Ok(Value::array(pairs.collect()));
    }
    match machine.source.object(input.clone()) {
        Some(object) => {
            let pairs = object.entries().iter().map(|entry| pair(entry.key.clone(), entry.value.clone()));
            Ok(Value::array(pairs.collect()))
        }
        None => Err(strings::no_keys(machine, &input)),
    }
}

fn from_entries(machine: &Machine<'_>, input: Value, _: &mut [Value]) -> Result<Value, Exit> {
    let shown = input.clone();
    let mut made = Made::default();
    if machine.source.each(input, |pair| made.add(machine, pair))? {
        Ok(made.finish())
    } else {
        Err(strings::cannot_iterate(machine, &shown))
    }
}

/// An object that is made of pairs.
#[derive(Default)]
pub(crate) struct Made(Object);

impl Made {
    /// Adds a pair, whose key and value may have any of the names that jq knows.
    pub fn add(&mut self, machine: &Machine<'_>, pair: Value) -> Flow {
        let (key_hash, value_hash) = HASHES.with(|hashes| *hashes);
        if let Value::Object(made) = &pair
            && let [key, value] = made.entries()
            && key.hash == key_hash
            && value.hash == value_hash
            && machine.source.str(&key.key) == Some("key")
            && machine.source.str(&value.key) == Some("value")
            && machine.source.str(&key.value).is_some()
        {
            let (key, value) = (key.value.clone(), value.value.clone());
            self.0.set(machine.source, key, value);
            return Ok(());
        }
        let Some(fields) = machine.source.object(pair.clone()) else {
            let message = match pair {
                Value::Null => "Cannot use null (null) as object key".to_owned(),
                pair => format!("Cannot index {} with string \"key\"", pair.kind().name()),
            };
            return Err(Exit::error(message));
        };
        let get = |name: &str| fields.get(machine.source, name, hash(name));
        // As jq has it: the first that is neither null nor false, `false` itself among keys, and null.
        let key =
            ["key", "k", "name", "Name", "K", "Key"].into_iter().map(get).fold(None, |found: Option<&Value>, next| {
                match found {
                    None | Some(Value::Null) => next.or(found),
                    Some(_) => found,
                }
            });
        let key = match key {
            Some(Value::Null) | None => Value::string("null"),
            Some(key @ (Value::Bool(_) | Value::Number(_) | Value::Decimal(_))) => {
                Value::text(machine.source.json(key))
            }
            Some(key) if machine.source.str(key).is_some() => key.clone(),
            Some(key) => {
                return Err(Exit::error(format!("Cannot use {} as object key", machine.shown(key))));
            }
        };
        let value = ["value", "v", "Value", "V"].into_iter().find_map(get).cloned().unwrap_or_default();
        self.0.set(machine.source, key, value);
        Ok(())
    }

    pub fn finish(self) -> Value {
        Value::Object(Rc::new(self.0))
    }
}
