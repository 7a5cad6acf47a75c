//! Expressions of any number of results, on values and on places.

use super::env::Binding;
use super::focus::Focus;
use super::one::variable;
use super::{Env, Exit, Flow, Machine};
use crate::functions::strings;
use crate::plan::{Call, Expr, FieldName, JoinPart, Kind};
use crate::value::{Object, Value};

impl<'p> Machine<'p> {
    /// Hands each result of an expression to `out`.
    pub(super) fn many<F: Focus>(
        &self,
        expr: &'p Expr,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        match F::single(self, expr, env, input) {
            Ok(Ok(value)) => out(value),
            Ok(Err(Exit::Empty)) => Ok(()),
            Ok(Err(exit)) => Err(exit),
            Err(input) => self.dispatch(expr, env, input, out),
        }
    }

    /// The same for an expression that may have many. Calls in last place take no stack.
    pub(super) fn dispatch<F: Focus>(
        &self,
        expr: &'p Expr,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        let _deeper = self.deeper()?;
        let (mut expr, mut input, mut held) = (expr, input, None);
        loop {
            let env = held.as_ref().unwrap_or(env);
            match &expr.kind {
                Kind::Input => return out(input),
                Kind::Pipe(first, rest) => match F::single(self, first, env, input) {
                    Ok(Ok(value)) => {
                        input = value;
                        expr = rest;
                    }
                    Ok(Err(Exit::Empty)) => return Ok(()),
                    Ok(Err(exit)) => return Err(exit),
                    Err(input) => {
                        return self.dispatch(first, env, input, &mut |value| self.many(rest, env, value, out));
                    }
                },
                Kind::Comma(first, rest) => {
                    self.many(first, env, input.clone(), out)?;
                    expr = rest;
                }
                Kind::If(condition, then, otherwise) if condition.single => {
                    match self.one(condition, env, input.value().clone()) {
                        Ok(value) => expr = if value.is_true() { then } else { otherwise },
                        Err(Exit::Empty) => return Ok(()),
                        Err(exit) => return Err(exit),
                    }
                }
                Kind::If(condition, then, otherwise) => {
                    return self.many(condition, env, input.value().clone(), &mut |value: Value| {
                        self.many(if value.is_true() { then } else { otherwise }, env, input.clone(), out)
                    });
                }
                Kind::Bind(source, bindings, body) => {
                    return self.many(source, env, input.value().clone(), &mut |value: Value| {
                        self.bind(bindings, env, input.value(), value, &mut |inside| {
                            self.many(body, inside, input.clone(), out)
                        })
                    });
                }
                Kind::Call(call) if call.arguments.iter().all(|(is_value, argument)| !is_value || argument.single) => {
                    held = match self.call_env(call, env, input.value()) {
                        Ok(inside) => Some(inside),
                        Err(Exit::Empty) => return Ok(()),
                        Err(exit) => return Err(exit),
                    };
                    expr = &self.program.functions[call.function].body;
                }
                Kind::Call(call) => return self.call_each(call, env, input, out),
                Kind::Argument(steps) => match env.get(*steps) {
                    Some(Binding::Closure(closure, around)) => {
                        let around = around.clone();
                        expr = closure;
                        held = Some(around);
                    }
                    _ => return Ok(()),
                },
                _ => return self.navigate(expr, env, input, out),
            }
        }
    }

    /// A call with arguments that have many values: once for each combination.
    fn call_each<F: Focus>(&self, call: &'p Call, env: &Env<'p>, input: F, out: &mut dyn FnMut(F) -> Flow) -> Flow {
        let inside = env.outward(call.outward).clone();
        self.call_from(call, 0, env, inside, &input, out)
    }

    fn call_from<F: Focus>(
        &self,
        call: &'p Call,
        at: usize,
        env: &Env<'p>,
        inside: Env<'p>,
        input: &F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        match call.arguments.get(at) {
            None => self.many(&self.program.functions[call.function].body, &inside, input.clone(), out),
            Some((true, argument)) => self.many(argument, env, input.value().clone(), &mut |value: Value| {
                self.call_from(call, at + 1, env, inside.value(value), input, out)
            }),
            Some((false, argument)) => {
                let inside = inside.with(Binding::Closure(argument, env.clone()));
                self.call_from(call, at + 1, env, inside, input, out)
            }
        }
    }

    /// Steps from a focus to those below it, and what catches errors.
    #[inline(never)]
    fn navigate<F: Focus>(&self, expr: &'p Expr, env: &Env<'p>, input: F, out: &mut dyn FnMut(F) -> Flow) -> Flow {
        match &expr.kind {
            Kind::Field(of, key) => self.many(of, env, input, &mut |of: F| {
                of.check(self)?;
                let value = self.field(of.value().clone(), key)?;
                out(of.below(|| key.value.clone(), value))
            }),
            Kind::Index(of, at) => self.many(at, env, input.value().clone(), &mut |at: Value| {
                self.many(of, env, input.clone(), &mut |of: F| {
                    of.check(self)?;
                    let value = self.index(of.value().clone(), &at)?;
                    out(of.below(|| at.clone(), value))
                })
            }),
            Kind::Slice(of, from, to) => self.many(from, env, input.value().clone(), &mut |from: Value| {
                self.many(to, env, input.value().clone(), &mut |to: Value| {
                    self.many(of, env, input.clone(), &mut |of: F| {
                        of.check(self)?;
                        let value = self.slice(of.value().clone(), &from, &to)?;
                        out(of.below(|| self.slice_key(&from, &to), value))
                    })
                })
            }),
            Kind::Each(of) => self.many(of, env, input, &mut |of: F| self.each(of, out)),
            Kind::Try(of, handler) => self.tried(of, handler.as_deref(), env, input, out),
            Kind::Alternative(left, right) => self.alternative(left, right, env, input, out),
            Kind::Label(body) => {
                let label = self.label();
                match self.many(body, &env.with(Binding::Label(label)), input, out) {
                    Err(Exit::Break(broken)) if broken == label => Ok(()),
                    other => other,
                }
            }
            Kind::Reduce(fold) => self.reduce(fold, env, input, out),
            Kind::Foreach(fold) => self.foreach(fold, env, input, out),
            Kind::Break(_) => self.one(expr, env, Value::Null).map(|_| ()),
            Kind::Special(special, arguments) => self.special(*special, arguments, env, input, out),
            _ => self.made(expr, env, input.into_value(), &mut |value| out(F::made(value))),
        }
    }

    /// The elements of an array or values of an object.
    pub(super) fn each<F: Focus>(&self, of: F, out: &mut dyn FnMut(F) -> Flow) -> Flow {
        of.check(self)?;
        let value = of.value().clone();
        match &value {
            Value::Fields(_) | Value::Object(_) => {
                let Some(object) = self.source.object(value) else { return Ok(()) };
                for entry in object.entries() {
                    out(of.below(|| entry.key.clone(), entry.value.clone()))?;
                }
                Ok(())
            }
            _ => {
                let mut at = 0.0;
                let is_iterable = self.source.each(value, |element| {
                    let key = at;
                    at += 1.0;
                    out(of.below(|| Value::Number(key), element))
                })?;
                if is_iterable { Ok(()) } else { Err(strings::cannot_iterate(self, of.value())) }
            }
        }
    }

    /// What catches the errors of an expression, and not those of what comes after it.
    fn tried<F: Focus>(
        &self,
        of: &'p Expr,
        handler: Option<&'p Expr>,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        let result = self.many(of, env, input, &mut |value: F| out(value).map_err(pass));
        match result {
            Err(Exit::Error(error)) => match handler {
                Some(handler) => self.many(handler, env, F::made(*error), out),
                None => Ok(()),
            },
            Err(Exit::Passing(exit)) => Err(*exit),
            other => other,
        }
    }

    /// `left // right`
    fn alternative<F: Focus>(
        &self,
        left: &'p Expr,
        right: &'p Expr,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        let mut found = false;
        let result = self.many(left, env, input.clone(), &mut |value: F| {
            if !value.value().is_true() {
                return Ok(());
            }
            found = true;
            out(value).map_err(pass)
        });
        match result {
            Err(Exit::Passing(exit)) => Err(*exit),
            Err(exit @ Exit::Break(_)) => Err(exit),
            _ if found => Ok(()),
            _ => self.many(right, env, input, out),
        }
    }

    /// What makes values that lie at no path: each combination of what is in it.
    fn made(&self, expr: &'p Expr, env: &Env<'p>, input: Value, out: &mut dyn FnMut(Value) -> Flow) -> Flow {
        match &expr.kind {
            _ if expr.single => self.many(expr, env, input, out),
            Kind::Variable(steps) => out(variable(env, *steps)),
            Kind::Negative(of) => self.many(of, env, input, &mut |value: Value| out(self.negative(value)?)),
            Kind::Math(math, left, right) => self.many(right, env, input.clone(), &mut |right: Value| {
                self.many(left, env, input.clone(), &mut |left: Value| out(self.math(*math, left, right.clone())?))
            }),
            Kind::Compare(compare, left, right) => self.many(right, env, input.clone(), &mut |right: Value| {
                self.many(left, env, input.clone(), &mut |left: Value| {
                    out(Value::Bool(self.compare(*compare, &left, &right)))
                })
            }),
            Kind::And(left, right) | Kind::Or(left, right) => {
                let decided = matches!(expr.kind, Kind::Or(..));
                self.many(left, env, input.clone(), &mut |left: Value| {
                    if left.is_true() == decided {
                        return out(Value::Bool(decided));
                    }
                    self.many(right, env, input.clone(), &mut |right: Value| out(Value::Bool(right.is_true())))
                })
            }
            Kind::Object(fields) => self.objects(fields, Object::default(), env, &input, out),
            Kind::Join(format, parts) => self.strings(*format, parts, Vec::new(), env, &input, out),
            Kind::Native(run, arguments) => self
                .combinations(arguments, Vec::new(), env, &input, &mut |values| out(run(self, input.clone(), values)?)),
            Kind::Assign(target, value) => self.many(value, env, input.clone(), &mut |value: Value| {
                out(self.assign(target, env, input.clone(), &value)?)
            }),
            Kind::MathUpdate(math, target, value) => self.many(value, env, input.clone(), &mut |value: Value| {
                out(self.update(target, env, input.clone(), &mut |old| self.math(*math, old, value.clone()))?)
            }),
            Kind::AlternativeUpdate(target, value) => self.many(value, env, input.clone(), &mut |value: Value| {
                let new = |old: Value| Ok(if old.is_true() { old } else { value.clone() });
                out(self.update(target, env, input.clone(), &mut { new })?)
            }),
            Kind::Match(of) => self.matches(of, env, input, out),
            _ => Err(Exit::error("the expression has no results")),
        }
    }

    /// The objects with each combination of keys and values.
    fn objects(
        &self,
        fields: &'p [(FieldName, Expr)],
        object: Object,
        env: &Env<'p>,
        input: &Value,
        out: &mut dyn FnMut(Value) -> Flow,
    ) -> Flow {
        let Some(((name, value), rest)) = fields.split_first() else { return out(Value::object(object)) };
        let mut with_key = |key: Value| {
            self.many(value, env, input.clone(), &mut |value: Value| {
                let mut object = object.clone();
                object.set(self.source, key.clone(), value);
                self.objects(rest, object, env, input, out)
            })
        };
        match name {
            FieldName::Constant(key) => with_key(key.value.clone()),
            FieldName::Computed(name) => self.many(name, env, input.clone(), &mut |key: Value| {
                self.check_key(&key)?;
                with_key(key)
            }),
        }
    }

    /// The strings with each combination of what is in them: the last expression varies slowest.
    fn strings(
        &self,
        format: crate::plan::Format,
        parts: &'p [JoinPart],
        behind: Vec<String>,
        env: &Env<'p>,
        input: &Value,
        out: &mut dyn FnMut(Value) -> Flow,
    ) -> Flow {
        match parts.split_last() {
            None => out(Value::text(behind.iter().rev().map(String::as_str).collect())),
            Some((JoinPart::Text(text), rest)) => {
                let behind = behind.iter().cloned().chain([text.to_string()]).collect();
                self.strings(format, rest, behind, env, input, out)
            }
            Some((JoinPart::Expression(expr), rest)) => self.many(expr, env, input.clone(), &mut |value: Value| {
                let mut text = String::new();
                crate::functions::format::append(self, format, &value, &mut text)?;
                let behind = behind.iter().cloned().chain([text]).collect();
                self.strings(format, rest, behind, env, input, out)
            }),
        }
    }

    /// Each combination of arguments: the first one varies fastest.
    fn combinations(
        &self,
        arguments: &'p [Expr],
        values: Vec<Value>,
        env: &Env<'p>,
        input: &Value,
        take: &mut dyn FnMut(&mut [Value]) -> Flow,
    ) -> Flow {
        let Some((last, rest)) = arguments.split_last() else { return take(&mut values.clone()) };
        self.many(last, env, input.clone(), &mut |value: Value| {
            let values = [value].into_iter().chain(values.iter().cloned()).collect();
            self.combinations(rest, values, env, input, take)
        })
    }
}

/// An error of what comes after, on its way through what catches errors.
pub(super) fn pass(exit: Exit) -> Exit {
    match exit {
        Exit::Error(_) | Exit::Passing(_) => Exit::Passing(Box::new(exit)),
        Exit::Empty | Exit::Break(_) => exit,
    }
}
