//! What becomes of a value when something in it is removed.

use std::rc::Rc;

use super::{Exit, Machine, own};
use crate::value::{List, Value, hash};

type Path = Rc<List>;

impl Machine<'_> {
    /// A value without what is at these paths. All of them are meant as the value is before.
    pub(crate) fn remove_paths(&self, of: Value, paths: Vec<Value>) -> Result<Value, Exit> {
        let mut sorted: Vec<Path> = Vec::with_capacity(paths.len());
        for path in paths {
            match self.source.array(path) {
                Some(path) => sorted.push(path),
                None => return Err(Exit::error("Path must be specified as an array")),
            }
        }
        super::sorting::stable_sort(&mut sorted, |one, other| {
            self.source.order(&Value::Array(one.clone()), &Value::Array(other.clone()))
        });
        match sorted.first() {
            None => Ok(of),
            Some(path) if path.is_empty() => Ok(Value::Null),
            Some(_) => self.remove_sorted(of, &sorted, 0),
        }
    }

    /// The same with paths in their order, which have their first `start` keys in common.
    fn remove_sorted(&self, of: Value, paths: &[Path], start: usize) -> Result<Value, Exit> {
        let _deeper = self.deeper()?;
        let (mut value, mut removed, mut rest) = (of, Vec::new(), paths);
        while let Some(key) = rest.first().map(|path| path[start].clone()) {
            let count = rest.iter().take_while(|path| self.source.equal(&path[start], &key)).count().max(1);
            let (group, others) = rest.split_at(count);
            rest = others;
            if group[0].len() == start + 1 {
                removed.push(key); // what lies below it goes with it
            } else if !matches!(self.index(value.clone(), &key)?, Value::Null) {
                value = self.change_key(value, &key, &mut |old| self.remove_sorted(old, group, start + 1))?;
            }
        }
        self.remove_keys(value, removed)
    }

    /// A value without these keys, all meant as the value is before.
    fn remove_keys(&self, of: Value, keys: Vec<Value>) -> Result<Value, Exit> {
        if !matches!(of, Value::Array(_) | Value::Elements(_)) {
            return keys.into_iter().try_fold(of, |value, key| self.remove_key(value, &key));
        }
        let count = self.source.count(&of);
        let mut is_kept = vec![true; count];
        for key in keys {
            match &key {
                Value::Number(_) | Value::Decimal(_) => {
                    let place = self.place(&of, self.source.number(&key).unwrap_or(f64::NAN));
                    if let Some(kept) = place.and_then(|place| is_kept.get_mut(place)) {
                        *kept = false;
                    }
                }
                Value::Object(_) | Value::Fields(_) => {
                    let (from, to) = self.slice_bounds(&key)?;
                    let (start, end) = self.slice_range(count, &from, &to)?;
                    is_kept[start..end].fill(false);
                }
                _ => return Err(Exit::error(format!("Cannot delete field at {} index of array", key.kind().name()))),
            }
        }
        let Some(mut elements) = self.source.array(of) else { return Ok(Value::Null) };
        let mut kept = is_kept.into_iter();
        own(&mut elements).retain(|_| kept.next().unwrap_or_default());
        Ok(Value::Array(elements))
    }

    /// A value without a key.
    pub(super) fn remove_key(&self, of: Value, key: &Value) -> Result<Value, Exit> {
        if matches!(of, Value::Null) {
            return Ok(of);
        }
        if matches!(of, Value::Array(_) | Value::Elements(_)) {
            return self.remove_keys(of, vec![key.clone()]);
        }
        let name = of.kind().name();
        let Some(mut object) = self.source.object(of) else {
            return Err(Exit::error(format!("Cannot delete fields from {name}")));
        };
        let Some(text) = self.source.str(key) else {
            return Err(Exit::error(format!("Cannot delete field at {} index of object", key.kind().name())));
        };
        own(&mut object).remove(self.source, text, hash(text));
        Ok(Value::Object(object))
    }
}
