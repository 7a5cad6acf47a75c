//! Runs programs.

use crate::Failure;
use crate::cast::cast;
use crate::columns::Cells;
use crate::functions::Scope;
use crate::input::Input;
use crate::json;
use crate::program::{Key, Program, Source, Step};
use crate::value::Value;

/// What a program runs on.
pub(crate) struct Frame<'a> {
    pub scope: Scope<'a>,
    pub cells: &'a Cells<'a>,
    pub input: &'a Input<'a>,
    /// What each UNNEST has come to.
    pub elements: Vec<Value<'a>>,
}

/// Why a program has no value, and the label of the step that failed.
pub(crate) struct Fault {
    pub failure: Failure,
    pub label: Option<u32>,
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Fault {
        Fault { failure, label: None }
    }
}

impl Program {
    /// The column that is all of the program.
    pub fn as_column(&self) -> Option<usize> {
        match self.steps.as_slice() {
            [Step::Column(column)] => Some(*column as usize),
            _ => None,
        }
    }

    /// The value of the expression.
    #[inline]
    pub fn run<'a>(&'a self, frame: &Frame<'a>) -> Result<Value<'a>, Fault> {
        let arena = frame.scope.arena;
        let stack = arena.fill(self.stack + 1, Value::Null);
        let (mut top, mut at) = (0, 0); // the values lie below `top`
        while let Some(step) = self.steps.get(at) {
            at += 1;
            match *step {
                Step::Constant(constant) => {
                    stack[top] = self.constants[constant as usize].value(arena)?;
                    top += 1;
                }
                Step::Column(column) => {
                    stack[top] = frame.cells[column as usize].map_or(Value::Null, |raw| json::load(raw, arena));
                    top += 1;
                }
                Step::Source(source) => {
                    stack[top] = frame.source(source);
                    top += 1;
                }
                Step::Header(name) => {
                    stack[top] = frame.header(self.constants[name as usize].value(arena)?)?;
                    top += 1;
                }
                Step::Element(element) => {
                    stack[top] = frame.elements.get(element as usize).copied().unwrap_or(Value::Null);
                    top += 1;
                }
                Step::Path(path) => {
                    stack[top - 1] = walk(&stack[top - 1], &self.paths[path as usize], frame);
                }
                Step::Call { run, count, is_strict, label } => {
                    let args = &stack[top - usize::from(count)..top];
                    let value = if is_strict && args.iter().any(Value::is_null) {
                        Value::Null
                    } else {
                        run(&frame.scope, args).map_err(|failure| Fault { failure, label: Some(label) })?
                    };
                    top -= usize::from(count);
                    stack[top] = value;
                    top += 1;
                }
                Step::Cast { to, is_try, label } => {
                    stack[top - 1] = match cast(&stack[top - 1], &self.types[to as usize], arena) {
                        Ok(value) => value,
                        Err(_) if is_try => Value::Null,
                        Err(failure) => return Err(Fault { failure, label: Some(label) }),
                    };
                }
                Step::JumpIfFalse { to, label } => {
                    if truth(&stack[top - 1], label)? == Some(false) {
                        at = to as usize;
                    }
                }
                Step::JumpIfTrue { to, label } => {
                    if truth(&stack[top - 1], label)? == Some(true) {
                        at = to as usize;
                    }
                }
                Step::And(label) => {
                    let pair = (truth(&stack[top - 2], label)?, truth(&stack[top - 1], label)?);
                    top -= 1;
                    stack[top - 1] = match pair {
                        (Some(false), _) | (_, Some(false)) => Value::Bool(false),
                        (Some(true), Some(true)) => Value::Bool(true),
                        _ => Value::Null,
                    };
                }
                Step::Or(label) => {
                    let pair = (truth(&stack[top - 2], label)?, truth(&stack[top - 1], label)?);
                    top -= 1;
                    stack[top - 1] = match pair {
                        (Some(true), _) | (_, Some(true)) => Value::Bool(true),
                        (Some(false), Some(false)) => Value::Bool(false),
                        _ => Value::Null,
                    };
                }
                Step::PopJumpUnlessTrue { to, label } => {
                    top -= 1;
                    if truth(&stack[top], label)? != Some(true) {
                        at = to as usize;
                    }
                }
                Step::JumpIfNotNull(to) => {
                    if stack[top - 1].is_null() {
                        top -= 1;
                    } else {
                        at = to as usize;
                    }
                }
                Step::Jump(to) => at = to as usize,
                Step::Pick(below) => {
                    stack[top] = stack[top - 1 - below as usize];
                    top += 1;
                }
                Step::Nip => {
                    top -= 1;
                    stack[top - 1] = stack[top];
                }
            }
        }
        Ok(stack[0])
    }
}

/// A truth value; none is NULL.
#[inline]
fn truth(value: &Value<'_>, label: u32) -> Result<Option<bool>, Fault> {
    match value {
        Value::Bool(bool) => Ok(Some(*bool)),
        Value::Null => Ok(None),
        other => Err(Fault { failure: Failure::kind("boolean", other), label: Some(label) }),
    }
}

/// What is at a path in a value; NULL where nothing is.
fn walk<'a>(value: &Value<'a>, path: &[Key], frame: &Frame<'a>) -> Value<'a> {
    let mut value = *value;
    for key in path {
        // Of an array of SQL's a number counts from 1; of JSON, from 0.
        if let (Value::Array(items), Key::Index(index)) = (value, key) {
            let at = usize::try_from(*index).ok().and_then(|index| index.checked_sub(1));
            value = at.and_then(|at| items.get(at)).copied().unwrap_or(Value::Null);
            continue;
        }
        value = match (value, key) {
            (Value::Json(raw), Key::Name(name)) => json::field(raw, name),
            (Value::Json(raw), Key::Index(index)) => json::element(raw, *index),
            _ => None,
        }
        .map_or(Value::Null, |raw| json::load(raw, frame.scope.arena));
    }
    value
}

impl<'a> Frame<'a> {
    fn source(&self, source: Source) -> Value<'a> {
        match source {
            Source::Key => self.input.key.map_or(Value::Null, bytes_or_text),
            Source::Timestamp => self.input.timestamp.map_or(Value::Null, Value::Int),
            Source::Topic => Value::Text(self.input.topic),
            Source::Partition => Value::Int(i64::from(self.input.partition)),
            Source::Offset => Value::Int(self.input.offset),
        }
    }

    fn header(&self, name: Value<'a>) -> Result<Value<'a>, Failure> {
        let name = name.text()?;
        let last = self.input.headers.iter().rfind(|(other, _)| *other == name);
        Ok(last.and_then(|(_, value)| *value).map_or(Value::Null, bytes_or_text))
    }
}

/// Bytes as text, if they are UTF-8.
fn bytes_or_text(bytes: &[u8]) -> Value<'_> {
    std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text)
}
