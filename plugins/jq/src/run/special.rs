//! The functions that take expressions.

use super::focus::{Focus, Place};
use super::{Env, Exit, Flow, Machine};
use crate::functions::{entries, strings};
use crate::plan::{Expr, Special};
use crate::syntax::Math;
use crate::value::Value;
use sluicebox_plugin::log;

impl<'p> Machine<'p> {
    /// Those that lead from a focus to others.
    pub(super) fn special<F: Focus>(
        &self,
        special: Special,
        arguments: &'p [Expr],
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        match (special, arguments) {
            (Special::Empty, _) => Ok(()),
            (Special::Select, [condition]) => {
                self.many(condition, env, input.value().clone(), &mut |value: Value| match value.is_true() {
                    true => out(input.clone()),
                    false => Ok(()),
                })
            }
            (Special::RecurseDefault, _) => self.recurse_all(input, out),
            (Special::Recurse, [step]) => self.recurse(step, env, input, out),
            (Special::First, [of]) => {
                let label = self.label();
                let mut first = None;
                let result = self.many(of, env, input, &mut |value: F| {
                    first = Some(value);
                    Err(Exit::Break(label))
                });
                match result {
                    Err(Exit::Break(broken)) if broken == label => first.map_or(Ok(()), out),
                    other => other,
                }
            }
            (Special::Last, [of]) => {
                let mut last = None;
                self.many(of, env, input, &mut |value: F| {
                    last = Some(value);
                    Ok(())
                })?;
                last.map_or(Ok(()), out)
            }
            (Special::Limit, [count, of]) => self.many(count, env, input.value().clone(), &mut |count: Value| {
                self.limit(&count, of, env, input.clone(), out)
            }),
            (Special::Skip, [count, of]) => self.many(count, env, input.value().clone(), &mut |count: Value| {
                self.skip(&count, of, env, input.clone(), out)
            }),
            (Special::Until, [condition, update]) => self.until(condition, update, env, input, out),
            (Special::While, [condition, update]) => self.repeat_while(condition, update, env, input, out),
            (Special::Repeat, [of]) => loop {
                self.many(of, env, input.clone(), out)?;
            },
            (Special::GetPath, [path]) => {
                self.many(path, env, input.value().clone(), &mut |path: Value| out(self.at_path(input.clone(), path)?))
            }
            (Special::Debug, _) => {
                log::debug(format_args!("[\"DEBUG:\",{}]", self.source.json(input.value())));
                out(input)
            }
            (Special::DebugMessage, [message]) => {
                self.many(message, env, input.value().clone(), &mut |message: Value| {
                    log::debug(format_args!("[\"DEBUG:\",{}]", self.source.json(&message)));
                    Ok(())
                })?;
                out(input)
            }
            (Special::Stderr, _) => {
                log::debug(self.source.json(input.value()));
                out(input)
            }
            _ => self.special_values(special, arguments, env, input.into_value(), &mut |value| out(F::made(value))),
        }
    }

    /// Those that make any number of values.
    fn special_values(
        &self,
        special: Special,
        arguments: &'p [Expr],
        env: &Env<'p>,
        input: Value,
        out: &mut dyn FnMut(Value) -> Flow,
    ) -> Flow {
        match (special, arguments) {
            (Special::Path, [of]) => {
                self.many(of, env, Place::root(input), &mut |place: Place| out(Value::array(place.keys(self)?)))
            }
            (Special::Range, [to]) => self
                .many(to, env, input, &mut |to: Value| self.range(&Value::Number(0.0), &to, &Value::Number(1.0), out)),
            (Special::Range, [from, to]) => self.many(from, env, input.clone(), &mut |from: Value| {
                self.many(to, env, input.clone(), &mut |to: Value| self.range(&from, &to, &Value::Number(1.0), out))
            }),
            (Special::Range, [from, to, by]) => self.many(from, env, input.clone(), &mut |from: Value| {
                self.many(to, env, input.clone(), &mut |to: Value| {
                    self.many(by, env, input.clone(), &mut |by: Value| self.range(&from, &to, &by, out))
                })
            }),
            (Special::Walk, [with]) => self.walk(with, env, input, out),
            _ => match self.special_value(special, arguments, env, input) {
                Ok(value) => out(value),
                Err(Exit::Empty) => Ok(()),
                Err(exit) => Err(exit),
            },
        }
    }

    /// Those that have at most one result.
    #[inline(never)]
    pub(super) fn special_value(
        &self,
        special: Special,
        arguments: &'p [Expr],
        env: &Env<'p>,
        input: Value,
    ) -> Result<Value, Exit> {
        match (special, arguments) {
            (Special::IsEmpty, [of]) => match self.first(of, env, input) {
                Ok(_) => Ok(Value::Bool(false)),
                Err(Exit::Empty) => Ok(Value::Bool(true)),
                Err(exit) => Err(exit),
            },
            (Special::Any, [of, condition]) => self.exists(of, condition, true, env, input).map(Value::Bool),
            (Special::All, [of, condition]) => self.exists(of, condition, false, env, input).map(|no| Value::Bool(!no)),
            (Special::Map, [with]) => {
                let mut elements = Vec::new();
                self.each(input, &mut |element: Value| {
                    self.many(with, env, element, &mut |value: Value| {
                        elements.push(value);
                        Ok(())
                    })
                })?;
                Ok(Value::array(elements))
            }
            (Special::Add, [of]) => {
                let mut sum = Value::Null;
                self.many(of, env, input, &mut |value: Value| {
                    sum = self.math(Math::Add, std::mem::take(&mut sum), value)?;
                    Ok(())
                })?;
                Ok(sum)
            }
            (Special::WithEntries, [with]) => {
                let mut made = entries::Made::default();
                let object = match self.source.object(input.clone()) {
                    Some(object) => object,
                    None => return self.with_elements(with, env, input),
                };
                for entry in object.entries() {
                    let pair = entries::pair(entry.key.clone(), entry.value.clone());
                    self.many(with, env, pair, &mut |pair: Value| made.add(self, pair))?;
                }
                Ok(made.finish())
            }
            (Special::SortBy | Special::GroupBy | Special::UniqueBy | Special::MinBy | Special::MaxBy, [by]) => {
                self.sorted(special, by, env, input)
            }
            // Whatever else has one result is run like what has many.
            _ => {
                let mut result = Err(Exit::Empty);
                let mut take = |value: Value| {
                    result = Ok(value);
                    Ok(())
                };
                match special {
                    Special::Walk | Special::Path | Special::Range => {
                        self.special_values(special, arguments, env, input, &mut take)?;
                    }
                    _ => self.special(special, arguments, env, input, &mut take)?,
                }
                result
            }
        }
    }

    /// `with_entries` of an array, whose keys are numbers: an error, as no object has them.
    fn with_elements(&self, with: &'p Expr, env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        let Some(elements) = self.source.array(input.clone()) else { return Err(strings::no_keys(self, &input)) };
        let mut made = entries::Made::default();
        for (at, element) in elements.iter().enumerate() {
            let pair = entries::pair(Value::Number(at as f64), element.clone());
            self.many(with, env, pair, &mut |pair: Value| made.add(self, pair))?;
        }
        Ok(made.finish())
    }

    /// Whether a condition is, for some result, `wanted`.
    fn exists(
        &self,
        of: &'p Expr,
        condition: &'p Expr,
        wanted: bool,
        env: &Env<'p>,
        input: Value,
    ) -> Result<bool, Exit> {
        let label = self.label();
        let result = self.many(of, env, input, &mut |value: Value| {
            self.many(condition, env, value, &mut |holds: Value| match holds.is_true() == wanted {
                true => Err(Exit::Break(label)),
                false => Ok(()),
            })
        });
        match result {
            Ok(()) => Ok(false),
            Err(Exit::Break(broken)) if broken == label => Ok(true),
            Err(exit) => Err(exit),
        }
    }

    /// `def walk(f): def w: if type == "object" then map_values(w) elif type == "array" then map(w) else . end | f; w`
    fn walk(&self, with: &'p Expr, env: &Env<'p>, input: Value, out: &mut dyn FnMut(Value) -> Flow) -> Flow {
        let _deeper = self.deeper()?;
        let walked = match &input {
            Value::Fields(_) | Value::Object(_) => {
                let Some(mut object) = self.source.object(input) else { return Ok(()) };
                let mut dropped = Vec::new();
                let fields = super::own(&mut object);
                for at in 0..fields.len() {
                    let old = std::mem::take(fields.at(at));
                    let mut new = None;
                    self.walk(with, env, old, &mut |value| {
                        new.get_or_insert(value);
                        Ok(())
                    })?;
                    match new {
                        Some(new) => *fields.at(at) = new,
                        None => dropped.push(at),
                    }
                }
                if !dropped.is_empty() {
                    let mut at = 0;
                    fields.retain(|_| {
                        at += 1;
                        !dropped.contains(&(at - 1))
                    });
                }
                Value::Object(object)
            }
            Value::Elements(_) | Value::Array(_) => {
                let mut elements = Vec::with_capacity(self.source.count(&input));
                self.each(input, &mut |element: Value| {
                    self.walk(with, env, element, &mut |value| {
                        elements.push(value);
                        Ok(())
                    })
                })?;
                Value::array(elements)
            }
            _ => input,
        };
        self.many(with, env, walked, out)
    }
}
