//! What repeats: `reduce` and `foreach`, `range`, `recurse`, `while`, `until`, `repeat`, `limit` and `skip`.

use super::focus::Focus;
use super::{Env, Exit, Flow, Machine};
use crate::plan::{Expr, Fold};
use crate::value::Value;

impl<'p> Machine<'p> {
    pub(super) fn reduce<F: Focus>(
        &self,
        fold: &'p Fold,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        self.many(&fold.init, env, input.clone(), &mut |init: F| {
            let mut state = Some(init);
            self.many(&fold.source, env, input.value().clone(), &mut |value: Value| {
                self.bind(&fold.bindings, env, input.value(), value, &mut |inside| {
                    let old = state.take().unwrap_or_else(|| F::made(Value::Null));
                    match F::single(self, &fold.update, inside, old) {
                        Ok(Ok(new)) => state = Some(new),
                        Ok(Err(Exit::Empty)) => {}
                        Ok(Err(exit)) => return Err(exit),
                        Err(old) => self.many(&fold.update, inside, old, &mut |new: F| {
                            state = Some(new);
                            Ok(())
                        })?,
                    }
                    Ok(())
                })
            })?;
            out(state.take().unwrap_or_else(|| F::made(Value::Null)))
        })
    }

    pub(super) fn foreach<F: Focus>(
        &self,
        fold: &'p Fold,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        self.many(&fold.init, env, input.clone(), &mut |init: F| {
            let mut state = init;
            self.many(&fold.source, env, input.value().clone(), &mut |value: Value| {
                self.bind(&fold.bindings, env, input.value(), value, &mut |inside| {
                    let old = std::mem::replace(&mut state, F::made(Value::Null));
                    let mut kept = Some(old.clone());
                    let result = self.many(&fold.update, inside, old, &mut |new: F| {
                        kept = Some(new.clone());
                        match &fold.extract {
                            Some(extract) => self.many(extract, inside, new, out),
                            None => out(new),
                        }
                    });
                    if let Some(kept) = kept {
                        state = kept;
                    }
                    result
                })
            })
        })
    }

    /// The numbers from one to before another, by a step.
    pub(super) fn range(&self, from: &Value, to: &Value, by: &Value, out: &mut dyn FnMut(Value) -> Flow) -> Flow {
        let bounds = (self.source.number(from), self.source.number(to), self.source.number(by));
        let (Some(mut at), Some(to), Some(by)) = bounds else {
            return Err(Exit::error("Range bounds must be numeric"));
        };
        while (by > 0.0 && at < to) || (by < 0.0 && at > to) {
            out(Value::Number(at))?;
            let next = at + by;
            if next == at {
                return Err(Exit::error("range has no end, as its step is too small for its numbers"));
            }
            at = next;
        }
        Ok(())
    }

    /// `.. ` with a step of one's own: the focus, then what the step leads to.
    pub(super) fn recurse<F: Focus>(
        &self,
        step: &'p Expr,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        let _deeper = self.deeper()?;
        let mut input = input;
        loop {
            out(input.clone())?;
            match F::single(self, step, env, input) {
                Ok(Ok(next)) => input = next,
                Ok(Err(Exit::Empty)) => return Ok(()),
                Ok(Err(exit)) => return Err(exit),
                Err(input) => return self.many(step, env, input, &mut |next: F| self.recurse(step, env, next, out)),
            }
        }
    }

    /// `..`
    pub(super) fn recurse_all<F: Focus>(&self, input: F, out: &mut dyn FnMut(F) -> Flow) -> Flow {
        let _deeper = self.deeper()?;
        out(input.clone())?;
        match input.value() {
            Value::Array(_) | Value::Elements(_) | Value::Object(_) | Value::Fields(_) => {
                self.each(input, &mut |below: F| self.recurse_all(below, out))
            }
            _ => Ok(()),
        }
    }

    /// `def _while: if condition then ., (update | _while) else empty end`
    pub(super) fn repeat_while<F: Focus>(
        &self,
        condition: &'p Expr,
        update: &'p Expr,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        let _deeper = self.deeper()?;
        let mut input = input;
        loop {
            if !condition.single {
                return self.many(condition, env, input.value().clone(), &mut |value: Value| {
                    if !value.is_true() {
                        return Ok(());
                    }
                    out(input.clone())?;
                    self.many(update, env, input.clone(), &mut |next: F| {
                        self.repeat_while(condition, update, env, next, out)
                    })
                });
            }
            match self.one(condition, env, input.value().clone()) {
                Ok(value) if value.is_true() => {}
                Ok(_) | Err(Exit::Empty) => return Ok(()),
                Err(exit) => return Err(exit),
            }
            out(input.clone())?;
            match F::single(self, update, env, input) {
                Ok(Ok(next)) => input = next,
                Ok(Err(Exit::Empty)) => return Ok(()),
                Ok(Err(exit)) => return Err(exit),
                Err(input) => {
                    return self
                        .many(update, env, input, &mut |next: F| self.repeat_while(condition, update, env, next, out));
                }
            }
        }
    }

    /// `def _until: if condition then . else (update | _until) end`
    pub(super) fn until<F: Focus>(
        &self,
        condition: &'p Expr,
        update: &'p Expr,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        let _deeper = self.deeper()?;
        let mut input = input;
        loop {
            if !condition.single {
                return self.many(condition, env, input.value().clone(), &mut |value: Value| match value.is_true() {
                    true => out(input.clone()),
                    false => self
                        .many(update, env, input.clone(), &mut |next: F| self.until(condition, update, env, next, out)),
                });
            }
            match self.one(condition, env, input.value().clone()) {
                Ok(value) if value.is_true() => return out(input),
                Ok(_) => {}
                Err(Exit::Empty) => return Ok(()),
                Err(exit) => return Err(exit),
            }
            match F::single(self, update, env, input) {
                Ok(Ok(next)) => input = next,
                Ok(Err(Exit::Empty)) => return Ok(()),
                Ok(Err(exit)) => return Err(exit),
                Err(input) => {
                    return self.many(update, env, input, &mut |next: F| self.until(condition, update, env, next, out));
                }
            }
        }
    }

    /// The first so many results.
    pub(super) fn limit<F: Focus>(
        &self,
        count: &Value,
        of: &'p Expr,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        let mut left = self.count(count, "limit")?;
        if left <= 0.0 {
            return Ok(());
        }
        let label = self.label();
        let result = self.many(of, env, input, &mut |value: F| {
            left -= 1.0;
            out(value)?;
            if left > 0.0 { Ok(()) } else { Err(Exit::Break(label)) }
        });
        match result {
            Err(Exit::Break(broken)) if broken == label => Ok(()),
            other => other,
        }
    }

    /// The results but for the first so many.
    pub(super) fn skip<F: Focus>(
        &self,
        count: &Value,
        of: &'p Expr,
        env: &Env<'p>,
        input: F,
        out: &mut dyn FnMut(F) -> Flow,
    ) -> Flow {
        let mut left = self.count(count, "skip")?;
        self.many(of, env, input, &mut |value: F| {
            if left > 0.0 {
                left -= 1.0;
                return Ok(());
            }
            out(value)
        })
    }

    fn count(&self, count: &Value, name: &str) -> Result<f64, Exit> {
        match self.source.number(count) {
            Some(number) if number < 0.0 => Err(Exit::error(format!("{name} doesn't support negative count"))),
            Some(number) => Ok(number),
            None => Err(Exit::error(format!("{name} takes a number, and not {}", self.shown(count)))),
        }
    }
}
