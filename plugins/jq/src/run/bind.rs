//! Binds values to the variables of patterns.

use super::{Env, Exit, Flow, Machine};
use crate::plan::{Bindings, Pattern};
use crate::value::Value;

impl<'p> Machine<'p> {
    /// Runs `body` with each way in which a value fits the patterns. Where an alternative ends in an error, the next
    /// one is tried.
    pub(super) fn bind(
        &self,
        bindings: &'p Bindings,
        env: &Env<'p>,
        input: &Value,
        value: Value,
        body: &mut dyn FnMut(&Env<'p>) -> Flow,
    ) -> Flow {
        let _deeper = self.deeper()?;
        if let [Pattern::Variable(_)] = bindings.patterns[..] {
            return body(&env.value(value));
        }
        let (last, others) = match bindings.patterns.split_last() {
            Some(split) => split,
            None => return Ok(()),
        };
        for pattern in others {
            match self.bind_one(pattern, bindings.count, env, input, value.clone(), body) {
                Err(Exit::Error(_)) => {}
                other => return other,
            }
        }
        self.bind_one(last, bindings.count, env, input, value, body)
    }

    fn bind_one(
        &self,
        pattern: &'p Pattern,
        count: usize,
        env: &Env<'p>,
        input: &Value,
        value: Value,
        body: &mut dyn FnMut(&Env<'p>) -> Flow,
    ) -> Flow {
        let mut variables = vec![Value::Null; count];
        self.take_apart(pattern, value, env, input, &mut variables, &mut |variables| {
            let inside = variables.iter().fold(env.clone(), |env, value| env.value(value.clone()));
            body(&inside)
        })
    }

    /// Sets the variables of a pattern, in each way that there is.
    fn take_apart(
        &self,
        pattern: &'p Pattern,
        value: Value,
        env: &Env<'p>,
        input: &Value,
        variables: &mut Vec<Value>,
        then: &mut dyn FnMut(&mut Vec<Value>) -> Flow,
    ) -> Flow {
        let _deeper = self.deeper()?;
        match pattern {
            Pattern::Variable(at) => {
                variables[*at] = value;
                then(variables)
            }
            Pattern::Array(elements) => self.take_elements(elements, 0, &value, env, input, variables, then),
            Pattern::Object(fields) => self.take_fields(fields, &value, env, input, variables, then),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of one step of a recursion")]
    fn take_elements(
        &self,
        elements: &'p [Pattern],
        at: usize,
        value: &Value,
        env: &Env<'p>,
        input: &Value,
        variables: &mut Vec<Value>,
        then: &mut dyn FnMut(&mut Vec<Value>) -> Flow,
    ) -> Flow {
        let Some((first, rest)) = elements.split_first() else { return then(variables) };
        if !matches!(value, Value::Null | Value::Array(_) | Value::Elements(_)) {
            return Err(self.cannot_index(value, &Value::Number(at as f64)));
        }
        let element = self.index(value.clone(), &Value::Number(at as f64))?;
        self.take_apart(first, element, env, input, variables, &mut |variables| {
            self.take_elements(rest, at + 1, value, env, input, variables, then)
        })
    }

    fn take_fields(
        &self,
        fields: &'p [(Option<usize>, crate::plan::Expr, Option<Pattern>)],
        value: &Value,
        env: &Env<'p>,
        input: &Value,
        variables: &mut Vec<Value>,
        then: &mut dyn FnMut(&mut Vec<Value>) -> Flow,
    ) -> Flow {
        let Some(((variable, key, pattern), rest)) = fields.split_first() else { return then(variables) };
        let keys = self.collect(key, env, input.clone())?;
        for key in keys {
            if self.source.str(&key).is_none() {
                return Err(Exit::error(format!("Cannot index {} with {}", value.kind().name(), key.kind().name())));
            }
            let field = self.index(value.clone(), &key)?;
            if let Some(at) = variable {
                variables[*at] = field.clone();
            }
            match pattern {
                Some(pattern) => self.take_apart(pattern, field, env, input, variables, &mut |variables| {
                    self.take_fields(rest, value, env, input, variables, then)
                })?,
                None => self.take_fields(rest, value, env, input, variables, then)?,
            }
        }
        Ok(())
    }
}
