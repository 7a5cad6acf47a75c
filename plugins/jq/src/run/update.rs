//! Assignments, updates and deletions.

use super::focus::Place;
use super::{Env, Exit, Flow, Machine, own};
use crate::functions::strings;
use crate::plan::{Step, Target};
use crate::value::Value;

/// What becomes of what lies at a path: the new value, or `Exit::Empty` where it is to be removed.
type Change<'c> = &'c mut dyn FnMut(Value) -> Result<Value, Exit>;

impl<'p> Machine<'p> {
    /// `target = value`
    pub(super) fn assign(&self, target: &'p Target, env: &Env<'p>, input: Value, value: &Value) -> Result<Value, Exit> {
        self.update(target, env, input, &mut |_| Ok(value.clone()))
    }

    /// The input with what `change` makes of everything that the target leads to. What it makes nothing of is removed.
    pub(super) fn update(
        &self,
        target: &'p Target,
        env: &Env<'p>,
        input: Value,
        change: Change<'_>,
    ) -> Result<Value, Exit> {
        if let Some(steps) = &target.steps {
            return match self.change_steps(steps, env, input, change) {
                Err(Exit::Empty) => Ok(Value::Null),
                other => other,
            };
        }
        let paths = self.paths(target, env, input.clone())?;
        let (mut value, mut removed) = (input, Vec::new());
        for path in paths {
            value = self.change_at(value, &path, &mut |old| match change(old) {
                Err(Exit::Empty) => {
                    removed.push(Value::array(path.clone()));
                    Ok(Value::Null)
                }
                other => other,
            })?;
        }
        self.remove_paths(value, removed)
    }

    /// `del(target)`
    pub(super) fn delete(&self, target: &'p Target, env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        match target.steps.as_deref() {
            Some(steps @ [Step::Key(_), ..]) => self.delete_keys(steps, input),
            Some(_) | None => {
                let paths = match &target.steps {
                    None => self.paths(target, env, input.clone())?,
                    Some(_) => return self.update(target, env, input, &mut |_| Err(Exit::Empty)),
                };
                self.remove_paths(input, paths.into_iter().map(Value::array).collect())
            }
        }
    }

    fn delete_keys(&self, steps: &'p [Step], of: Value) -> Result<Value, Exit> {
        let Some((Step::Key(key), below)) = steps.split_first() else { return Ok(of) };
        if matches!(of, Value::Null) {
            return Ok(of);
        }
        let old = self.source.field(&of, &key.text, key.hash);
        match (old, below) {
            (None, []) => self.remove_key(of, &key.value),
            (None, _) => Err(self.cannot_index(&of, &key.value)),
            (Some(Value::Null), [_, ..]) => Ok(of),
            (Some(_), _) => {
                let Some(mut object) = self.source.object(of) else { return Ok(Value::Null) };
                let fields = own(&mut object);
                if below.is_empty() {
                    fields.remove(self.source, &key.text, key.hash);
                } else {
                    let slot = fields.slot(self.source, &key.value, key.hash);
                    *slot = self.delete_keys(below, std::mem::take(slot))?;
                }
                Ok(Value::Object(object))
            }
        }
    }

    fn paths(&self, target: &'p Target, env: &Env<'p>, input: Value) -> Result<Vec<Vec<Value>>, Exit> {
        let mut paths = Vec::new();
        self.many(&target.expr, env, Place::root(input), &mut |place: Place| -> Flow {
            paths.push(place.keys(self)?);
            Ok(())
        })?;
        Ok(paths)
    }

    /// Follows steps and changes what is at their end.
    fn change_steps(&self, steps: &'p [Step], env: &Env<'p>, of: Value, change: Change<'_>) -> Result<Value, Exit> {
        let Some((step, below)) = steps.split_first() else { return change(of) };
        let _deeper = self.deeper()?;
        match step {
            Step::Key(key) => {
                let mut object = match of {
                    Value::Null => Default::default(),
                    Value::Object(object) => object,
                    of => match self.source.object(of.clone()) {
                        Some(object) => object,
                        None => return Err(self.cannot_index(&of, &key.value)),
                    },
                };
                let fields = own(&mut object);
                let slot = fields.slot(self.source, &key.value, key.hash);
                match self.change_steps(below, env, std::mem::take(slot), change) {
                    Ok(value) => *slot = value,
                    Err(Exit::Empty) => fields.remove(self.source, &key.text, key.hash),
                    Err(exit) => return Err(exit),
                }
                Ok(Value::Object(object))
            }
            Step::At(at) => {
                let at = self.one(at, env, Value::Null)?;
                let mut is_empty = false;
                let changed =
                    self.change_key(of, &at, &mut |old| match self.change_steps(below, env, old, change) {
                        Err(Exit::Empty) => {
                            is_empty = true;
                            Ok(if self.source.number(&at).is_some() { Value::Null } else { Value::array(Vec::new()) })
                        }
                        other => other,
                    })?;
                if is_empty { self.remove_key(changed, &at) } else { Ok(changed) }
            }
            Step::Each => self.change_each(below, env, of, change),
            Step::EachIfAny => match of {
                Value::Array(_) | Value::Elements(_) | Value::Object(_) | Value::Fields(_) => {
                    self.change_each(below, env, of, change)
                }
                _ => Ok(of),
            },
            Step::Select(condition) => {
                let mut of = of;
                let mut is_chosen = false;
                let mut often = false;
                self.many(condition, env, of.clone(), &mut |holds: Value| {
                    often |= is_chosen && holds.is_true();
                    is_chosen |= holds.is_true();
                    Ok(())
                })?;
                if is_chosen {
                    of = self.change_steps(below, env, of, change)?;
                }
                if often {
                    // The path has been named twice: it is changed twice.
                    of = self.change_steps(below, env, of, change)?;
                }
                Ok(of)
            }
        }
    }

    fn change_each(&self, below: &'p [Step], env: &Env<'p>, of: Value, change: Change<'_>) -> Result<Value, Exit> {
        match of {
            Value::Object(_) | Value::Fields(_) => {
                let Some(mut object) = self.source.object(of) else { return Ok(Value::Null) };
                let fields = own(&mut object);
                let mut removed = Vec::new();
                for at in 0..fields.len() {
                    let slot = fields.at(at);
                    match self.change_steps(below, env, std::mem::take(slot), change) {
                        Ok(value) => *slot = value,
                        Err(Exit::Empty) => removed.push(at),
                        Err(exit) => return Err(exit),
                    }
                }
                if !removed.is_empty() {
                    let mut at = 0;
                    fields.retain(|_| {
                        at += 1;
                        removed.binary_search(&(at - 1)).is_err()
                    });
                }
                Ok(Value::Object(object))
            }
            Value::Array(_) | Value::Elements(_) => {
                let Some(mut shared) = self.source.array(of) else { return Ok(Value::Null) };
                let elements = own(&mut shared);
                let mut kept = 0;
                for at in 0..elements.len() {
                    match self.change_steps(below, env, std::mem::take(&mut elements[at]), change) {
                        Ok(value) => {
                            elements[kept] = value;
                            kept += 1;
                        }
                        Err(Exit::Empty) => {}
                        Err(exit) => return Err(exit),
                    }
                }
                elements.truncate(kept);
                Ok(Value::Array(shared))
            }
            of => Err(strings::cannot_iterate(self, &of)),
        }
    }
}
