//! What a program does, in the words of the fast way.

use jaq_core::ops::{Cmp, Math};

use super::value::Value;

/// A program, and the one for the output.
pub(crate) struct Plan {
    pub program: Stream,
    pub output: Option<Expr>,
    pub keys: Vec<PlanKey>,
    pub literals: Vec<Literal>,
}

/// A key that a program names.
pub(crate) struct PlanKey {
    pub text: String,
    pub fingerprint: u64,
    /// The key in JSON, with its colon.
    pub json: Vec<u8>,
}

/// A string or a decimal number in a program.
pub(crate) struct Literal {
    pub text: String,
    /// Of a number: its value, which is finite.
    pub number: Option<f64>,
}

/// What has any number of results.
pub(crate) enum Stream {
    One(Expr),
    /// For each element of what the expression results in: the stream.
    Each(Expr, Box<Stream>),
}

/// What has one result, or none.
pub(crate) enum Expr {
    Input,
    Empty,
    Value(Value),
    /// What lies there in the input.
    Path(Vec<Part>),
    Pipe(Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `and`, or `or`: whether the left side alone decides, where it is this.
    Logic(Box<Expr>, bool, Box<Expr>),
    Alternative(Box<Expr>, Box<Expr>),
    Math(Box<Expr>, Math, Box<Expr>),
    Compare(Box<Expr>, Cmp, Box<Expr>),
    /// Fields, by the places of their keys in the plan.
    Object(Vec<(u32, Expr)>),
    /// A string with expressions in it.
    Join(Vec<Expr>),
    /// The input with changes where the paths lead, one after the other.
    Update(Vec<Vec<u32>>, Change),
    Call(Function, Box<Expr>),
    /// Whether the input, a string, has the other at one of its ends.
    Affix(End, Box<Expr>),
}

/// An end of a string.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Start,
    End,
}

/// A part of a path.
pub(crate) struct Part {
    pub index: Index,
    /// Whether there is no result, and no error, where the value is of a kind that cannot be looked into.
    pub optional: bool,
}

pub(crate) enum Index {
    Key(u32),
    /// An element, counted from the end where negative.
    Element(i64),
}

/// What comes where a path leads. All but `With` are evaluated on the input of the whole update.
pub(crate) enum Change {
    Set(Box<Expr>),
    Math(Math, Box<Expr>),
    /// Only in place of null and false.
    Default(Box<Expr>),
    /// Evaluated on what is there; no result removes it.
    With(Box<Expr>),
}

/// What is called on a value, and perhaps on another.
#[derive(Clone, Copy)]
pub(crate) enum Function {
    Not,
    Length,
    ToString,
    ToNumber,
    Type,
    Downcase,
    Upcase,
    /// Whether there is this key.
    Has(u32),
}
