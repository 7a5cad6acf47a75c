//! What an expression works on: a value, or a value with the path that leads to it.

use std::rc::Rc;

use super::{Env, Exit, Flow, Machine};
use crate::plan::Expr;
use crate::value::Value;

/// A value, or a value with its path. What does not care for paths runs on both.
pub(crate) trait Focus: Clone {
    fn value(&self) -> &Value;
    fn into_value(self) -> Value;
    /// What has been made, and lies at no path.
    fn made(value: Value) -> Self;
    /// What lies at a key of this.
    fn below(&self, key: impl FnOnce() -> Value, value: Value) -> Self;
    /// Checks that this lies at a path, before a step further.
    fn check(&self, machine: &Machine<'_>) -> Flow;
    /// Runs an expression that has at most one result, if that is the whole of it.
    fn single<'p>(
        machine: &Machine<'p>,
        expr: &'p Expr,
        env: &Env<'p>,
        input: Self,
    ) -> Result<Result<Self, Exit>, Self>;
}

impl Focus for Value {
    fn value(&self) -> &Value {
        self
    }

    fn into_value(self) -> Value {
        self
    }

    fn made(value: Value) -> Value {
        value
    }

    #[inline]
    fn below(&self, _key: impl FnOnce() -> Value, value: Value) -> Value {
        value
    }

    fn check(&self, _machine: &Machine<'_>) -> Flow {
        Ok(())
    }

    #[inline]
    fn single<'p>(
        machine: &Machine<'p>,
        expr: &'p Expr,
        env: &Env<'p>,
        input: Value,
    ) -> Result<Result<Value, Exit>, Value> {
        if expr.single { Ok(machine.one(expr, env, input)) } else { Err(input) }
    }
}

/// A value with the path that leads to it, or without where it has been made.
#[derive(Clone)]
pub(crate) struct Place {
    value: Value,
    path: Option<Path>,
}

/// A path: its keys, the last one first.
#[derive(Clone, Default)]
struct Path(Option<Rc<(Value, Path)>>);

impl Drop for Path {
    fn drop(&mut self) {
        // Without recursion, as a path may be long.
        let mut next = self.0.take();
        while let Some(Ok((_, mut path))) = next.map(Rc::try_unwrap) {
            next = path.0.take();
        }
    }
}

impl Place {
    /// A value at the start of all paths.
    pub fn root(value: Value) -> Place {
        Place { value, path: Some(Path::default()) }
    }

    /// The keys of the path from the start; an error where the value has been made.
    pub fn keys(self, machine: &Machine<'_>) -> Result<Vec<Value>, Exit> {
        self.check(machine)?;
        let mut keys = Vec::new();
        let mut path = self.path.as_ref();
        while let Some(Path(Some(step))) = path {
            keys.push(step.0.clone());
            path = Some(&step.1);
        }
        keys.reverse();
        Ok(keys)
    }
}

impl Focus for Place {
    fn value(&self) -> &Value {
        &self.value
    }

    fn into_value(self) -> Value {
        self.value
    }

    fn made(value: Value) -> Place {
        Place { value, path: None }
    }

    fn below(&self, key: impl FnOnce() -> Value, value: Value) -> Place {
        let path = self.path.as_ref().map(|path| Path(Some(Rc::new((key(), path.clone())))));
        Place { value, path }
    }

    fn check(&self, machine: &Machine<'_>) -> Flow {
        match self.path {
            Some(_) => Ok(()),
            None => {
                let shown = machine.shown(&self.value);
                Err(Exit::error(format!("Invalid path expression with result {shown}")))
            }
        }
    }

    fn single<'p>(_: &Machine<'p>, _: &'p Expr, _: &Env<'p>, input: Place) -> Result<Result<Place, Exit>, Place> {
        Err(input)
    }
}
