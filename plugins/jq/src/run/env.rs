//! The bindings around an expression.

use std::rc::Rc;

use crate::plan::Expr;
use crate::value::Value;

/// The innermost binding, and those around it.
#[derive(Clone, Default)]
pub(crate) struct Env<'p>(Option<Rc<Frame<'p>>>);

struct Frame<'p> {
    binding: Binding<'p>,
    outer: Env<'p>,
}

/// What a name is bound to.
#[derive(Clone)]
pub(crate) enum Binding<'p> {
    Value(Value),
    /// An argument that is an expression, and the bindings around it.
    Closure(&'p Expr, Env<'p>),
    Label(u32),
}

impl<'p> Env<'p> {
    pub fn with(&self, binding: Binding<'p>) -> Env<'p> {
        Env(Some(Rc::new(Frame { binding, outer: self.clone() })))
    }

    pub fn value(&self, value: Value) -> Env<'p> {
        self.with(Binding::Value(value))
    }

    /// The bindings from so many steps outward on.
    pub fn outward(&self, steps: u32) -> &Env<'p> {
        let mut env = self;
        for _ in 0..steps {
            match &env.0 {
                Some(frame) => env = &frame.outer,
                None => break,
            }
        }
        env
    }

    /// The binding so many steps outward.
    pub fn get(&self, steps: u32) -> Option<&Binding<'p>> {
        self.outward(steps).0.as_ref().map(|frame| &frame.binding)
    }
}
