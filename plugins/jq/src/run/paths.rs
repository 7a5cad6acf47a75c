//! What lies at a key or path of a value, and what becomes of a value when that is set or removed.

use std::rc::Rc;

use super::focus::Focus;
use super::{Exit, Machine, own};
use crate::plan::Key;
use crate::value::{List, Object, Value, hash};

/// The most elements an array may get by setting one of them.
const MAX_ELEMENTS: f64 = 536_870_911.0;

impl Machine<'_> {
    #[inline]
    pub(super) fn field(&self, of: Value, key: &Key) -> Result<Value, Exit> {
        match self.source.field(&of, &key.text, key.hash) {
            Some(value) => Ok(value),
            None if matches!(of, Value::Null) => Ok(Value::Null),
            None => Err(self.cannot_index(&of, &key.value)),
        }
    }

    /// `of[at]`
    pub(super) fn index(&self, of: Value, at: &Value) -> Result<Value, Exit> {
        if let Some(key) = self.source.str(at) {
            return match self.source.field(&of, key, hash(key)) {
                Some(value) => Ok(value),
                None if matches!(of, Value::Null) => Ok(Value::Null),
                None => Err(self.cannot_index(&of, at)),
            };
        }
        match (&of, at) {
            (Value::Null, Value::Number(_) | Value::Decimal(_) | Value::Null) => Ok(Value::Null),
            (Value::Array(_) | Value::Elements(_), Value::Number(_) | Value::Decimal(_)) => {
                let at = self.source.number(at).unwrap_or(f64::NAN);
                match self.place(&of, at) {
                    Some(place) => Ok(self.source.element(&of, place).unwrap_or_default()),
                    None => Ok(Value::Null),
                }
            }
            (Value::Array(_) | Value::Elements(_), Value::Array(_) | Value::Elements(_)) => {
                crate::functions::arrays::indices(self, of, &mut [at.clone()])
            }
            (Value::Null | Value::Array(_) | Value::Elements(_), Value::Object(_) | Value::Fields(_)) => {
                let (from, to) = self.slice_bounds(at)?;
                self.slice(of, &from, &to)
            }
            (_, Value::Object(_) | Value::Fields(_)) if self.source.str(&of).is_some() => {
                let (from, to) = self.slice_bounds(at)?;
                self.slice(of, &from, &to)
            }
            _ => Err(self.cannot_index(&of, at)),
        }
    }

    /// The place of an element, from the end where it is negative.
    pub(super) fn place(&self, of: &Value, at: f64) -> Option<usize> {
        if at.is_nan() {
            return None;
        }
        let at = at.floor();
        let at = if at < 0.0 { at + self.source.count(of) as f64 } else { at };
        (0.0..MAX_ELEMENTS).contains(&at).then_some(at as usize)
    }

    #[cold]
    pub(super) fn cannot_index(&self, of: &Value, at: &Value) -> Exit {
        match self.source.str(at) {
            Some(_) => Exit::error(format!("Cannot index {} with {}", of.kind().name(), self.source.json(at))),
            None => Exit::error(format!("Cannot index {} with {}", of.kind().name(), at.kind().name())),
        }
    }

    pub(super) fn check_key(&self, key: &Value) -> Result<(), Exit> {
        match self.source.str(key) {
            Some(_) => Ok(()),
            None => Err(Exit::error(format!("Object keys must be strings, and not {}", self.shown(key)))),
        }
    }

    /// The key of a slice, as paths have it.
    pub(super) fn slice_key(&self, from: &Value, to: &Value) -> Value {
        let mut key = Object::default();
        key.push(Value::string("start"), hash("start"), from.clone());
        key.push(Value::string("end"), hash("end"), to.clone());
        Value::object(key)
    }

    pub(super) fn slice_bounds(&self, key: &Value) -> Result<(Value, Value), Exit> {
        let bound = |name: &str| self.source.field(key, name, hash(name)).unwrap_or_default();
        Ok((bound("start"), bound("end")))
    }

    pub(super) fn slice(&self, of: Value, from: &Value, to: &Value) -> Result<Value, Exit> {
        match &of {
            Value::Null => Ok(Value::Null),
            Value::Array(_) | Value::Elements(_) => {
                let (start, end) = self.slice_range(self.source.count(&of), from, to)?;
                let Some(elements) = self.source.array(of) else { return Ok(Value::Null) };
                Ok(Value::array(elements[start..end].to_vec()))
            }
            Value::Span(..) | Value::Short(..) | Value::Text(_) => {
                let text = self.source.str(&of).unwrap_or_default();
                let count = if text.is_ascii() { text.len() } else { text.chars().count() };
                let (start, end) = self.slice_range(count, from, to)?;
                let (start, end) = match text.is_ascii() {
                    true => (start, end),
                    false => (byte_offset(text, start), byte_offset(text, end)),
                };
                Ok(crate::functions::strings::part(&of, text, start, end))
            }
            _ => Err(Exit::error(format!("Cannot index {} with object", of.kind().name()))),
        }
    }

    /// The bounds of a slice of so many.
    pub(super) fn slice_range(&self, count: usize, from: &Value, to: &Value) -> Result<(usize, usize), Exit> {
        let bound = |value: &Value, missing: f64| match value {
            Value::Null => Ok(missing),
            _ => self
                .source
                .number(value)
                .ok_or_else(|| Exit::error("Start and end indices of an array slice must be numbers")),
        };
        let count = count as f64;
        let (from, to) = (bound(from, 0.0)?, bound(to, count)?);
        let from = if from.is_nan() { 0.0 } else { from };
        let to = if to.is_nan() { count } else { to };
        let clamp = |at: f64| (if at < 0.0 { at + count } else { at }).clamp(0.0, count);
        let start = clamp(from).floor();
        let end = clamp(to).ceil().max(start);
        Ok((start as usize, end as usize))
    }

    /// What lies at a path below a focus; null where there is nothing.
    pub(super) fn at_path<F: Focus>(&self, of: F, path: Value) -> Result<F, Exit> {
        let Some(keys) = self.source.array(path) else {
            return Err(Exit::error("Path must be specified as an array"));
        };
        let mut at = of;
        at.check(self)?;
        for key in keys.iter() {
            let value = match at.value() {
                Value::Null => Value::Null,
                value => self.index(value.clone(), key)?,
            };
            at = at.below(|| key.clone(), value);
        }
        Ok(at)
    }

    /// A value with something else at a path: what `change` makes of what is there.
    pub(crate) fn change_at(
        &self,
        of: Value,
        path: &[Value],
        change: &mut dyn FnMut(Value) -> Result<Value, Exit>,
    ) -> Result<Value, Exit> {
        let Some((key, below)) = path.split_first() else { return change(of) };
        let _deeper = self.deeper()?;
        self.change_key(of, key, &mut |old| self.change_at(old, below, change))
    }

    /// A value with something else at a key. A change that has no result leaves null.
    pub(super) fn change_key(
        &self,
        of: Value,
        key: &Value,
        change: &mut dyn FnMut(Value) -> Result<Value, Exit>,
    ) -> Result<Value, Exit> {
        if let Some(text) = self.source.str(key) {
            let mut object = match of {
                Value::Null => Rc::new(Object::default()),
                of => match self.source.object(of.clone()) {
                    Some(object) => {
                        drop(of);
                        object
                    }
                    None => return Err(self.cannot_index(&of, key)),
                },
            };
            let slot = own(&mut object).slot(self.source, key, hash(text));
            *slot = change(std::mem::take(slot))?;
            return Ok(Value::Object(object));
        }
        match key {
            Value::Number(_) | Value::Decimal(_) => {
                self.change_element(of, self.source.number(key).unwrap_or(f64::NAN), key, change)
            }
            Value::Object(_) | Value::Fields(_) => self.change_slice(of, key, change),
            _ if matches!(of, Value::Array(_) | Value::Elements(_)) => {
                Err(Exit::error(format!("Cannot update field at array index of array with {}", self.shown(key))))
            }
            _ => Err(self.cannot_index(&of, key)),
        }
    }

    fn change_element(
        &self,
        of: Value,
        at: f64,
        key: &Value,
        change: &mut dyn FnMut(Value) -> Result<Value, Exit>,
    ) -> Result<Value, Exit> {
        let count = self.source.count(&of) as f64;
        let mut elements = match of {
            Value::Null => Rc::new(List::default()),
            Value::Array(elements) => elements,
            of => match self.source.array(of.clone()) {
                Some(elements) => elements,
                None => return Err(self.cannot_index(&of, key)),
            },
        };
        if at.is_nan() {
            return Err(Exit::error("Cannot set array element at NaN index"));
        }
        let at = at.floor();
        let at = if at < 0.0 { at + count } else { at };
        if at < 0.0 {
            return Err(Exit::error("Out of bounds negative array index"));
        }
        if at > MAX_ELEMENTS {
            return Err(Exit::error("Array index too large"));
        }
        let at = at as usize;
        let old = match elements.get(at) {
            Some(_) => std::mem::take(&mut own(&mut elements)[at]),
            None => Value::Null,
        };
        let new = change(old)?;
        let all = own(&mut elements);
        if at >= all.len() {
            let more = at + 1 - all.len();
            all.try_reserve(more).map_err(|_| Exit::error("Array index too large"))?;
            all.resize(at + 1, Value::Null);
        }
        all[at] = new;
        Ok(Value::Array(elements))
    }

    fn change_slice(
        &self,
        of: Value,
        key: &Value,
        change: &mut dyn FnMut(Value) -> Result<Value, Exit>,
    ) -> Result<Value, Exit> {
        let (from, to) = self.slice_bounds(key)?;
        let is_null = matches!(of, Value::Null);
        let mut elements = match of {
            Value::Null => Rc::new(List::default()),
            of => match self.source.array(of.clone()) {
                Some(elements) => elements,
                None if self.source.str(&of).is_some() => return Err(Exit::error("Cannot update string slices")),
                None => {
                    return Err(Exit::error(format!("Cannot update field at object index of {}", of.kind().name())));
                }
            },
        };
        let (start, end) = self.slice_range(elements.len(), &from, &to)?;
        let old = if is_null { Value::Null } else { Value::array(elements[start..end].to_vec()) };
        let new = change(old)?;
        let Some(new) = self.source.array(new) else {
            return Err(Exit::error("A slice of an array can only be assigned another array"));
        };
        own(&mut elements).splice(start..end, new.iter().cloned());
        Ok(Value::Array(elements))
    }
}

/// Where so many characters of a text end.
fn byte_offset(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}
