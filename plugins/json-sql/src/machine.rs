//! Runs programs.

use std::cell::RefCell;

use crate::Failure;
use crate::arena::List;
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
    /// The stack of the program that runs.
    stack: RefCell<List<'a>>,
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
    pub fn run<'a>(&'a self, frame: &Frame<'a>) -> Result<Value<'a>, Fault> {
        let arena = frame.scope.arena;
        let stack = &mut *frame.stack.borrow_mut();
        stack.clear();
        let mut at = 0;
        while let Some(step) = self.steps.get(at) {
            at += 1;
            match *step {
                Step::Constant(constant) => stack.push(self.constants[constant as usize].value(arena)?),
                Step::Column(column) => stack.push(frame.column(column)),
                Step::Source(source) => stack.push(frame.source(source)),
                Step::Header(name) => {
                    let header = frame.header(self.constants[name as usize].value(arena)?)?;
                    stack.push(header);
                }
                Step::Element(element) => {
                    stack.push(frame.elements.get(element as usize).copied().unwrap_or(Value::Null));
                }
                Step::Path(path) => {
                    let top = top(stack);
                    *top = walk(top, &self.paths[path as usize], frame);
                }
                Step::Call { run, count, is_strict, label } => {
                    let start = stack.len() - usize::from(count);
                    let args = &stack[start..];
                    let value = if is_strict && args.iter().any(Value::is_null) {
                        Value::Null
                    } else {
                        run(&frame.scope, args).map_err(|failure| Fault { failure, label: Some(label) })?
                    };
                    stack.truncate(start);
                    stack.push(value);
                }
                Step::CallPath { run, count, path, label } => {
                    let start = stack.len() - usize::from(count);
                    let args = &stack[start..];
                    let value = if args.iter().any(Value::is_null) {
                        Value::Null
                    } else {
                        let path = &self.texts[path as usize];
                        run(&frame.scope, args, path).map_err(|failure| Fault { failure, label: Some(label) })?
                    };
                    stack.truncate(start);
                    stack.push(value);
                }
                Step::In { set, label } => {
                    let top = top(stack);
                    let found = self.sets[set as usize].has(top, arena);
                    *top = found.map_err(|failure| Fault { failure, label: Some(label) })?;
                }
                Step::Cast { to, is_try, label } => {
                    let top = top(stack);
                    *top = match cast(top, &self.types[to as usize], arena) {
                        Ok(value) => value,
                        Err(_) if is_try => Value::Null,
                        Err(failure) => return Err(Fault { failure, label: Some(label) }),
                    };
                }
                Step::JumpIfFalse { to, label } => {
                    if truth(top(stack), label)? == Some(false) {
                        at = to as usize;
                    }
                }
                Step::JumpIfTrue { to, label } => {
                    if truth(top(stack), label)? == Some(true) {
                        at = to as usize;
                    }
                }
                Step::And(label) => {
                    let (other, one) = (pop(stack), top(stack));
                    *one = match (truth(one, label)?, truth(&other, label)?) {
                        (Some(false), _) | (_, Some(false)) => Value::Bool(false),
                        (Some(true), Some(true)) => Value::Bool(true),
                        _ => Value::Null,
                    };
                }
                Step::Or(label) => {
                    let (other, one) = (pop(stack), top(stack));
                    *one = match (truth(one, label)?, truth(&other, label)?) {
                        (Some(true), _) | (_, Some(true)) => Value::Bool(true),
                        (Some(false), Some(false)) => Value::Bool(false),
                        _ => Value::Null,
                    };
                }
                Step::PopJumpUnlessTrue { to, label } => {
                    if truth(&pop(stack), label)? != Some(true) {
                        at = to as usize;
                    }
                }
                Step::JumpIfNotNull(to) => {
                    if top(stack).is_null() {
                        stack.pop();
                    } else {
                        at = to as usize;
                    }
                }
                Step::Jump(to) => at = to as usize,
                Step::Pick(below) => stack.push(stack[stack.len() - 1 - below as usize]),
                Step::Nip => {
                    let value = pop(stack);
                    *top(stack) = value;
                }
            }
        }
        Ok(pop(stack))
    }
}

const NOT_EMPTY: &str = "each step finds on the stack what it takes";

/// The value on top.
#[inline]
fn top<'s, 'a>(stack: &'s mut List<'a>) -> &'s mut Value<'a> {
    stack.last_mut().expect(NOT_EMPTY)
}

/// Takes the value on top away.
#[inline]
fn pop<'a>(stack: &mut List<'a>) -> Value<'a> {
    stack.pop().expect(NOT_EMPTY)
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
    /// A record, or what stands in place of one.
    pub fn new(scope: Scope<'a>, cells: &'a Cells<'a>, input: &'a Input<'a>, elements: Vec<Value<'a>>) -> Frame<'a> {
        Frame { scope, cells, input, elements, stack: RefCell::new(scope.arena.list()) }
    }

    /// What a column holds.
    #[inline]
    pub fn column(&self, column: u32) -> Value<'a> {
        self.cells[column as usize].map_or(Value::Null, |raw| json::load(raw, self.scope.arena))
    }

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
