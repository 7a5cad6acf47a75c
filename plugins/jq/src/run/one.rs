//! Expressions that have at most one result: it is returned.

use super::env::Binding;
use super::{Env, Exit, Machine};
use crate::functions::{format, strings};
use crate::plan::{Call, Expr, FieldName, Format, JoinPart, Kind, Pattern, Special};
use crate::value::{Object, Value};

impl<'p> Machine<'p> {
    /// The result of an expression that has at most one. Calls in last place take no stack.
    pub(super) fn one(&self, expr: &'p Expr, env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        match &expr.kind {
            Kind::Input => return Ok(input),
            Kind::Constant(value) => return Ok(value.clone()),
            Kind::Field(of, key) if matches!(of.kind, Kind::Input) => return self.field(input, key),
            Kind::Variable(steps) => return Ok(variable(env, *steps)),
            _ => {}
        }
        let _deeper = self.deeper()?;
        let (mut expr, mut input, mut held) = (expr, input, None);
        loop {
            let env = held.as_ref().unwrap_or(env);
            match &expr.kind {
                Kind::Pipe(first, rest) => {
                    input = self.one(first, env, input)?;
                    expr = rest;
                }
                Kind::If(condition, then, otherwise) => {
                    let holds = self.one(condition, env, input.clone())?.is_true();
                    expr = if holds { then } else { otherwise };
                }
                Kind::Bind(source, bindings, body) if matches!(bindings.patterns[..], [Pattern::Variable(_)]) => {
                    let value = self.one(source, env, input.clone())?;
                    held = Some(env.value(value));
                    expr = body;
                }
                Kind::Call(call) => {
                    held = Some(self.call_env(call, env, &input)?);
                    expr = &self.program.functions[call.function].body;
                }
                Kind::Label(body) => {
                    let label = self.label();
                    let inside = env.with(Binding::Label(label));
                    return match self.one(body, &inside, input) {
                        Err(Exit::Break(broken)) if broken == label => Err(Exit::Empty),
                        other => other,
                    };
                }
                Kind::Field(of, key) => {
                    let of = self.one(of, env, input)?;
                    return self.field(of, key);
                }
                Kind::Input => return Ok(input),
                Kind::Constant(value) => return Ok(value.clone()),
                Kind::Variable(steps) => return Ok(variable(env, *steps)),
                _ => return self.one_of(expr, env, input),
            }
        }
    }

    /// An argument that is a value or closure, for each parameter, on top of where the function is defined.
    pub(super) fn call_env(&self, call: &'p Call, env: &Env<'p>, input: &Value) -> Result<Env<'p>, Exit> {
        let mut inside = env.outward(call.outward).clone();
        for (is_value, argument) in &call.arguments {
            inside = match (is_value, &argument.kind) {
                (true, _) => inside.value(self.one(argument, env, input.clone())?),
                (false, Kind::Argument(steps)) => match env.get(*steps) {
                    Some(closure) => inside.with(closure.clone()),
                    None => inside,
                },
                (false, _) => inside.with(Binding::Closure(argument, env.clone())),
            };
        }
        Ok(inside)
    }

    #[inline(never)]
    fn one_of(&self, expr: &'p Expr, env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        match &expr.kind {
            Kind::Record(part) => self.record.part(*part, self.source),
            Kind::Header(name) => self.record.header(name),
            Kind::Index(of, at) => {
                let at = self.one(at, env, input.clone())?;
                self.index(self.one(of, env, input)?, &at)
            }
            Kind::Slice(of, from, to) => {
                let from = self.one(from, env, input.clone())?;
                let to = self.one(to, env, input.clone())?;
                self.slice(self.one(of, env, input)?, &from, &to)
            }
            Kind::Try(of, handler) => self.one_tried(of, handler.as_deref(), env, input),
            Kind::Array(of) => self.collect(of, env, input).map(Value::array),
            Kind::Object(fields) => self.one_object(fields, env, input),
            Kind::Negative(of) => self.negative(self.one(of, env, input)?),
            Kind::Math(math, left, right) => {
                let right = self.one(right, env, input.clone())?;
                let left = self.one(left, env, input)?;
                self.math(*math, left, right)
            }
            Kind::Compare(compare, left, right) => {
                let right = self.one(right, env, input.clone())?;
                let left = self.one(left, env, input)?;
                Ok(Value::Bool(self.compare(*compare, &left, &right)))
            }
            Kind::And(left, right) => {
                let holds = self.one(left, env, input.clone())?.is_true();
                Ok(Value::Bool(holds && self.one(right, env, input)?.is_true()))
            }
            Kind::Or(left, right) => {
                let holds = self.one(left, env, input.clone())?.is_true();
                Ok(Value::Bool(holds || self.one(right, env, input)?.is_true()))
            }
            Kind::Alternative(left, right) => match self.one(left, env, input.clone()) {
                Ok(value) if value.is_true() => Ok(value),
                Ok(_) | Err(Exit::Empty | Exit::Error(_)) => self.one(right, env, input),
                Err(other) => Err(other),
            },
            Kind::Break(steps) => Err(match env.get(*steps) {
                Some(Binding::Label(label)) => Exit::Break(*label),
                _ => Exit::Empty,
            }),
            Kind::Join(format, parts) => self.one_string(*format, parts, env, input),
            Kind::Format(format) => format::apply(self, *format, input),
            Kind::Native(run, arguments) => self.one_native(*run, arguments, env, input),
            Kind::Special(special, arguments) => self.one_special(*special, arguments, env, input),
            Kind::Match(of) => self.one_match(of, env, input),
            Kind::Assign(target, value) => {
                let value = self.one(value, env, input.clone())?;
                self.assign(target, env, input, &value)
            }
            Kind::Update(target, with) => self.update(target, env, input, &mut |old| self.first(with, env, old)),
            Kind::MathUpdate(math, target, value) => {
                let value = self.one(value, env, input.clone())?;
                self.update(target, env, input, &mut |old| self.math(*math, old, value.clone()))
            }
            Kind::AlternativeUpdate(target, value) => {
                let value = self.one(value, env, input.clone())?;
                self.update(target, env, input, &mut |old| Ok(if old.is_true() { old } else { value.clone() }))
            }
            Kind::Delete(targets) => targets.iter().try_fold(input, |input, target| self.delete(target, env, input)),
            _ => self.one_of_many(expr, env, input),
        }
    }

    /// The one result of what is run like what has many.
    fn one_of_many(&self, expr: &'p Expr, env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        let mut result = Err(Exit::Empty);
        self.dispatch(expr, env, input, &mut |value: Value| {
            result = Ok(value);
            Ok(())
        })?;
        result
    }

    fn one_tried(&self, of: &'p Expr, handler: Option<&'p Expr>, env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        match self.one(of, env, input) {
            Err(Exit::Error(error)) => match handler {
                Some(handler) => self.one(handler, env, *error),
                None => Err(Exit::Empty),
            },
            other => other,
        }
    }

    fn one_object(&self, fields: &'p [(FieldName, Expr)], env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        let mut object = Object::with_capacity(fields.len());
        for (name, value) in fields {
            match name {
                FieldName::Constant(key) => {
                    let value = self.one(value, env, input.clone())?;
                    *object.slot(self.source, &key.value, key.hash) = value;
                }
                FieldName::Computed(name) => {
                    let key = self.one(name, env, input.clone())?;
                    self.check_key(&key)?;
                    let value = self.one(value, env, input.clone())?;
                    object.set(self.source, key, value);
                }
            }
        }
        Ok(Value::object(object))
    }

    fn one_string(&self, format: Format, parts: &'p [JoinPart], env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        let mut text = String::new();
        for part in parts {
            match part {
                JoinPart::Text(part) => text.push_str(part),
                JoinPart::Expression(expr) => {
                    let value = self.one(expr, env, input.clone())?;
                    format::append(self, format, &value, &mut text)?;
                }
            }
        }
        Ok(Value::text(text))
    }

    fn one_native(
        &self,
        run: crate::functions::Run,
        arguments: &'p [Expr],
        env: &Env<'p>,
        input: Value,
    ) -> Result<Value, Exit> {
        match arguments {
            [] => run(self, input, &mut []),
            [one] => {
                let one = self.one(one, env, input.clone())?;
                run(self, input, &mut [one])
            }
            _ => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.one(argument, env, input.clone())?);
                }
                run(self, input, &mut values)
            }
        }
    }

    /// The results of an expression.
    pub(super) fn collect(&self, of: &'p Expr, env: &Env<'p>, input: Value) -> Result<Vec<Value>, Exit> {
        let mut elements = Vec::new();
        self.many(of, env, input, &mut |value: Value| {
            elements.push(value);
            Ok(())
        })?;
        Ok(elements)
    }

    /// The first result of an expression.
    pub(super) fn first(&self, of: &'p Expr, env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        if of.single {
            return self.one(of, env, input);
        }
        let mut first = Err(Exit::Empty);
        let label = self.label();
        match self.many(of, env, input, &mut |value: Value| {
            first = Ok(value);
            Err(Exit::Break(label))
        }) {
            Err(Exit::Break(broken)) if broken == label => first,
            Err(other) => Err(other),
            Ok(()) => first,
        }
    }

    fn one_special(&self, special: Special, arguments: &'p [Expr], env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        match special {
            Special::Select => match self.one(&arguments[0], env, input.clone())?.is_true() {
                true => Ok(input),
                false => Err(Exit::Empty),
            },
            Special::Empty => Err(Exit::Empty),
            Special::First => self.first(&arguments[0], env, input),
            Special::Map => self.map(&arguments[0], env, input),
            _ => self.special_value(special, arguments, env, input),
        }
    }

    /// `[.[] | f]`
    fn map(&self, f: &'p Expr, env: &Env<'p>, input: Value) -> Result<Value, Exit> {
        let mut elements = Vec::with_capacity(self.source.count(&input).min(1 << 16));
        let shown = input.clone();
        let is_iterable = self.source.each(input, |element| {
            self.many(f, env, element, &mut |value: Value| {
                elements.push(value);
                Ok(())
            })
        })?;
        if is_iterable { Ok(Value::array(elements)) } else { Err(strings::cannot_iterate(self, &shown)) }
    }
}

/// The value of a variable.
#[inline]
pub(super) fn variable(env: &Env<'_>, steps: u32) -> Value {
    match env.get(steps) {
        Some(Binding::Value(value)) => value.clone(),
        _ => Value::Null,
    }
}
