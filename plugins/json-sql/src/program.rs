//! A compiled expression: steps on a stack, one after the other.

use crate::Failure;
use crate::arena::Arena;
use crate::error::Place;
use crate::functions::{Run, RunPath};
use crate::set::Set;
use crate::types::Type;
use crate::value::Value;

/// An expression as steps.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub steps: Vec<Step>,
    pub constants: Vec<Constant>,
    pub labels: Vec<Label>,
    pub paths: Vec<Vec<Key>>,
    pub types: Vec<Type>,
    /// The constants of each IN.
    pub sets: Vec<Set>,
    /// The steps of paths that are known beforehand.
    pub texts: Vec<Vec<String>>,
}

/// A step. Jumps go forward only, so every program ends.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// Pushes a constant.
    Constant(u32),
    /// Pushes what a column of the record holds.
    Column(u32),
    /// Pushes something of the record beside its value.
    Source(Source),
    /// Pushes the header that a constant names.
    Header(u32),
    /// Pushes the element that an UNNEST has come to.
    Element(u32),
    /// Replaces the top by what is at a path in it.
    Path(u32),
    /// Replaces so many values by what a function makes of them.
    Call { run: Run, count: u8, is_strict: bool, label: u32 },
    /// The same of a strict function whose second argument is a path that is known beforehand.
    CallPath { run: RunPath, count: u8, path: u32, label: u32 },
    /// Replaces the top by whether it is one of some constants.
    In { set: u32, label: u32 },
    /// Replaces the top by the same as a type; with `is_try` by NULL where that fails.
    Cast { to: u32, is_try: bool, label: u32 },
    /// Goes on elsewhere if the top is false, and keeps it.
    JumpIfFalse { to: u32, label: u32 },
    /// Goes on elsewhere if the top is true, and keeps it.
    JumpIfTrue { to: u32, label: u32 },
    /// Replaces the two on top by their conjunction.
    And(u32),
    /// Replaces the two on top by their disjunction.
    Or(u32),
    /// Takes the top away and goes on elsewhere unless it is true.
    PopJumpUnlessTrue { to: u32, label: u32 },
    /// Goes on elsewhere if the top is not NULL, and keeps it; else takes it away.
    JumpIfNotNull(u32),
    /// Goes on elsewhere.
    Jump(u32),
    /// Pushes the value so far below the top once more.
    Pick(u32),
    /// Takes the value below the top away.
    Nip,
}

impl Step {
    /// Whether what it pushes differs from record to record.
    pub fn reads_record(&self) -> bool {
        matches!(self, Step::Column(_) | Step::Source(_) | Step::Header(_) | Step::Element(_))
    }

    /// Where it may go on, if that is not the next step.
    pub fn target(&mut self) -> Option<&mut u32> {
        match self {
            Step::JumpIfFalse { to, .. }
            | Step::JumpIfTrue { to, .. }
            | Step::PopJumpUnlessTrue { to, .. }
            | Step::JumpIfNotNull(to)
            | Step::Jump(to) => Some(to),
            _ => None,
        }
    }
}

/// What of a record is there beside its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Key,
    Timestamp,
    Topic,
    Partition,
    Offset,
}

/// A step into JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    Name(String),
    /// From 0; less than 0 counts from the end.
    Index(i64),
}

/// A constant of a query.
#[derive(Clone, Debug)]
pub(crate) enum Constant {
    /// What borrows nothing.
    Plain(Value<'static>),
    Text(String),
    Json(String),
    Bytes(Vec<u8>),
    Array(Vec<Constant>),
}

/// An expression of the query, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub text: String,
    pub place: Place,
}

impl Program {
    /// What an UNNEST has come to.
    pub fn element(element: usize) -> Program {
        Program { steps: vec![Step::Element(element as u32)], ..Program::default() }
    }
}

impl Constant {
    /// Any number as a double.
    pub fn number(&self) -> Option<f64> {
        match self {
            Constant::Plain(value) => value.float().ok(),
            _ => None,
        }
    }

    /// Bytes that it takes, roughly.
    pub fn size(&self) -> usize {
        size_of::<Constant>()
            + match self {
                Constant::Plain(_) => 0,
                Constant::Text(text) | Constant::Json(text) => text.len(),
                Constant::Bytes(bytes) => bytes.len(),
                Constant::Array(items) => items.iter().map(Constant::size).sum(),
            }
    }

    /// A text.
    pub fn into_text(self) -> Option<String> {
        match self {
            Constant::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn of(value: &Value<'_>) -> Constant {
        match value {
            Value::Text(text) => Constant::Text((*text).to_owned()),
            Value::Json(raw) => Constant::Json((*raw).to_owned()),
            Value::Bytes(bytes) => Constant::Bytes(bytes.to_vec()),
            Value::Array(items) => Constant::Array(items.iter().map(Constant::of).collect()),
            Value::Null => Constant::Plain(Value::Null),
            Value::Bool(bool) => Constant::Plain(Value::Bool(*bool)),
            Value::Int(int) => Constant::Plain(Value::Int(*int)),
            Value::Decimal(decimal) => Constant::Plain(Value::Decimal(*decimal)),
            Value::Float(float) => Constant::Plain(Value::Float(*float)),
            Value::Date(days) => Constant::Plain(Value::Date(*days)),
            Value::Time(micros) => Constant::Plain(Value::Time(*micros)),
            Value::Timestamp(micros) => Constant::Plain(Value::Timestamp(*micros)),
            Value::Timestamptz(micros) => Constant::Plain(Value::Timestamptz(*micros)),
            Value::Interval(span) => Constant::Plain(Value::Interval(*span)),
        }
    }

    #[inline]
    pub fn value<'a>(&'a self, arena: &'a Arena) -> Result<Value<'a>, Failure> {
        match self {
            Constant::Plain(value) => Ok(*value),
            Constant::Text(text) => Ok(Value::Text(text)),
            other => other.other_value(arena),
        }
    }

    #[inline(never)]
    fn other_value<'a>(&'a self, arena: &'a Arena) -> Result<Value<'a>, Failure> {
        Ok(match self {
            Constant::Plain(value) => *value,
            Constant::Text(text) => Value::Text(text),
            Constant::Json(raw) => Value::Json(raw),
            Constant::Bytes(bytes) => Value::Bytes(bytes),
            Constant::Array(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| item.value(arena)).collect();
                arena.array(&items?)?
            }
        })
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Constant(at) => write!(f, "Constant({at})"),
            Step::Column(at) => write!(f, "Column({at})"),
            Step::Call { count, .. } => write!(f, "Call({count})"),
            _ => f.write_str("Step"),
        }
    }
}
