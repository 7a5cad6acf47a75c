//! A program as it is run: names are resolved, functions that do not call themselves are put in where they are called,
//! and it is known which expressions have at most one result.

mod builtins;
mod compile;
mod functions;
mod patterns;
mod scope;
mod settle;
mod steps;
mod suggest;

use std::rc::Rc;

pub(crate) use compile::compile;

use crate::functions::Run;
use crate::functions::regex::Regex;
use crate::syntax::{Compare, Math};
use crate::value::{Value, hash};

/// A compiled program.
#[derive(Debug)]
pub(crate) struct Program {
    pub main: Expr,
    pub functions: Vec<Function>,
    /// Which parts of the record it names.
    pub needs: Vec<RecordPart>,
}

/// A function that calls itself.
#[derive(Debug)]
pub(crate) struct Function {
    pub body: Expr,
    pub single: bool,
}

/// An expression, and whether it has at most one result.
#[derive(Debug)]
pub(crate) struct Expr {
    pub kind: Kind,
    pub single: bool,
}

/// A part of the record beside its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordPart {
    Key,
    Headers,
    Timestamp,
    Topic,
    Partition,
    Offset,
}

/// A constant key of an object.
#[derive(Debug)]
pub(crate) struct Key {
    pub text: Rc<str>,
    pub value: Value,
    pub hash: u64,
}

/// What an expression does. Names of variables are the steps from the innermost binding outward.
#[derive(Debug)]
pub(crate) enum Kind {
    Input,
    Constant(Value),
    Variable(u32),
    Record(RecordPart),
    /// One header, whatever the others are.
    Header(Rc<str>),
    Field(Box<Expr>, Key),
    Index(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Box<Expr>, Box<Expr>),
    Each(Box<Expr>),
    Try(Box<Expr>, Option<Box<Expr>>),
    Array(Box<Expr>),
    Object(Vec<(FieldName, Expr)>),
    Negative(Box<Expr>),
    Pipe(Box<Expr>, Box<Expr>),
    Comma(Box<Expr>, Box<Expr>),
    Math(Math, Box<Expr>, Box<Expr>),
    Compare(Compare, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Alternative(Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Reduce(Box<Fold>),
    Foreach(Box<Fold>),
    Bind(Box<Expr>, Bindings, Box<Expr>),
    Label(Box<Expr>),
    Break(u32),
    Call(Call),
    Argument(u32),
    Assign(Target, Box<Expr>),
    Update(Target, Box<Expr>),
    MathUpdate(Math, Target, Box<Expr>),
    AlternativeUpdate(Target, Box<Expr>),
    Delete(Vec<Target>),
    Join(Format, Vec<JoinPart>),
    Format(Format),
    Native(Run, Vec<Expr>),
    Special(Special, Vec<Expr>),
    Match(Match),
}

/// The key of a field that is made.
#[derive(Debug)]
pub(crate) enum FieldName {
    Constant(Key),
    Computed(Expr),
}

/// A `reduce` or `foreach`.
#[derive(Debug)]
pub(crate) struct Fold {
    pub source: Expr,
    pub bindings: Bindings,
    pub init: Expr,
    pub update: Expr,
    pub extract: Option<Expr>,
}

/// What a value is bound to: alternatives, and how many variables they have together.
#[derive(Debug)]
pub(crate) struct Bindings {
    pub patterns: Vec<Pattern>,
    pub count: usize,
}

/// A pattern; variables are numbered.
#[derive(Debug)]
pub(crate) enum Pattern {
    Variable(usize),
    Array(Vec<Pattern>),
    Object(Vec<(Option<usize>, Expr, Option<Pattern>)>),
}

/// A call of a function that calls itself.
#[derive(Debug)]
pub(crate) struct Call {
    pub function: usize,
    /// The steps outward to where the function is defined.
    pub outward: u32,
    /// For each argument whether it is a value, and the expression.
    pub arguments: Vec<(bool, Expr)>,
}

/// What is assigned to, updated or deleted: a path of simple steps where it is one.
#[derive(Debug)]
pub(crate) struct Target {
    pub expr: Box<Expr>,
    pub steps: Option<Vec<Step>>,
}

/// A step of a simple path.
#[derive(Debug)]
pub(crate) enum Step {
    Key(Key),
    /// A key or place that does not depend on the input.
    At(Expr),
    Each,
    EachIfAny,
    Select(Expr),
}

/// A part of a string that is put together.
#[derive(Debug)]
pub(crate) enum JoinPart {
    Text(Rc<str>),
    Expression(Expr),
}

/// A format: `@name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Html,
    Uri,
    Urid,
    Csv,
    Tsv,
    Sh,
    Base64,
    Base64d,
    Base32,
    Base32d,
}

/// A function that takes expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    Empty,
    Path,
    Select,
    RecurseDefault,
    Recurse,
    First,
    Last,
    Limit,
    Skip,
    Until,
    While,
    Repeat,
    Range,
    IsEmpty,
    Any,
    All,
    Map,
    Add,
    WithEntries,
    SortBy,
    GroupBy,
    UniqueBy,
    MinBy,
    MaxBy,
    Walk,
    GetPath,
    Debug,
    DebugMessage,
    Stderr,
}

/// A use of a regular expression.
#[derive(Debug)]
pub(crate) struct Match {
    pub mode: MatchMode,
    pub pattern: Box<Expr>,
    pub flags: Box<Expr>,
    /// The regular expression, where pattern and flags are constant.
    pub regex: Option<Rc<Regex>>,
    /// What a match is replaced with.
    pub replacement: Option<Box<Expr>>,
}

/// What is done with matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchMode {
    Test,
    Match,
    Capture,
    Scan,
    Split,
    Splits,
    Sub,
}

impl Key {
    pub fn new(text: &str) -> Key {
        Key { text: text.into(), value: Value::string(text), hash: hash(text) }
    }
}

impl Expr {
    /// An expression; whether it has at most one result is found out at the end.
    pub fn new(kind: Kind) -> Expr {
        Expr { kind, single: true }
    }

    pub fn boxed(kind: Kind) -> Box<Expr> {
        Box::new(Expr::new(kind))
    }
}

impl Format {
    pub fn named(name: &str) -> Option<Format> {
        Some(match name {
            "text" => Format::Text,
            "json" => Format::Json,
            "html" => Format::Html,
            "uri" => Format::Uri,
            "urid" => Format::Urid,
            "csv" => Format::Csv,
            "tsv" => Format::Tsv,
            "sh" => Format::Sh,
            "base64" => Format::Base64,
            "base64d" => Format::Base64d,
            "base32" => Format::Base32,
            "base32d" => Format::Base32d,
            _ => return None,
        })
    }
}
