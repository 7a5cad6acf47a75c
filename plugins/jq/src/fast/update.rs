//! Changes below a path. Nothing that has been made is changed: a change makes the object anew.

use json_scan::Kind;

use super::machine::{Exit, Machine, Outcome};
use super::plan::Change;
use super::value::{Field, Key, Value};

impl Machine<'_> {
    pub fn update_all(&mut self, paths: &[Vec<u32>], change: &Change, input: Value) -> Outcome {
        let operand = match change {
            Change::Set(operand) | Change::Math(_, operand) | Change::Default(operand) => self.eval(operand, input)?,
            Change::With(_) => Value::Null,
        };
        paths.iter().try_fold(input, |value, path| self.update(value, path, change, operand))
    }

    fn update(&mut self, value: Value, path: &[u32], change: &Change, operand: Value) -> Outcome {
        let Some((key, below)) = path.split_first() else {
            return match change {
                Change::Set(_) => Ok(operand),
                Change::Math(math, _) => self.math(value, *math, operand),
                Change::Default(_) if self.is_true(value) => Ok(value),
                Change::Default(_) => Ok(operand),
                Change::With(expr) => self.eval(expr, value),
            };
        };
        let place = self.place(value, *key)?;
        let old = place.map_or(Value::Null, |(_, old)| old);
        let new = match self.update(old, below, change, operand) {
            Err(Exit::Empty) => None,
            new => Some(new?),
        };
        match (place, new) {
            (None, None) => Ok(value),
            (None, Some(new)) => {
                let start = self.copy(value)?;
                let fingerprint = self.plan.keys[*key as usize].fingerprint;
                self.fields.push(Field { key: Key::Plan(*key), fingerprint, value: new });
                Ok(self.fields_from(start))
            }
            (Some((place, _)), Some(new)) => {
                let start = self.copy(value)?;
                self.fields[start + place].value = new;
                Ok(self.fields_from(start))
            }
            (Some((place, _)), None) => {
                let start = self.copy(value)?;
                self.remove(start, place);
                Ok(self.fields_from(start))
            }
        }
    }

    /// Removes one of the fields from `start` on. The last one takes its place, as it does in jaq.
    fn remove(&mut self, start: usize, place: usize) {
        self.fields.swap_remove(start + place);
    }

    /// Copies the fields of an object to the end; where they start there.
    pub fn copy(&mut self, object: Value) -> Outcome<usize> {
        let start = self.fields.len();
        match object {
            Value::Fields(first, end) => self.fields.extend_from_within(first as usize..end as usize),
            Value::Node(at) if self.document.node(at).kind == Kind::Object => {
                self.fields.extend(self.document.children(at).map(|(at, node)| Field {
                    key: Key::Node(at),
                    fingerprint: node.fingerprint,
                    value: Value::Node(at),
                }));
            }
            _ => return Err(Exit::Unsure),
        }
        Ok(start)
    }

    /// Both objects in one: of a key that both have, the value of the second at the place of the first.
    pub fn merge(&mut self, one: Value, other: Value) -> Outcome {
        let start = self.copy(one)?;
        let end = self.copy(other)?;
        let mut kept = end;
        for at in end..self.fields.len() {
            let field = self.fields[at];
            match self.fields[start..end].iter().position(|before| before.fingerprint == field.fingerprint) {
                Some(place) if self.key(self.fields[start + place].key) == self.key(field.key) => {
                    self.fields[start + place].value = field.value;
                }
                Some(_) => return Err(Exit::Unsure),
                None => {
                    self.fields[kept] = field;
                    kept += 1;
                }
            }
        }
        self.fields.truncate(kept);
        Ok(self.fields_from(start))
    }
}
