//! A program as it is written: a tree, each part with its place where an error may have to name it.

mod lexer;
mod operators;
mod parser;
mod patterns;
mod strings;
mod terms;

use std::rc::Rc;

pub(crate) use parser::{parse, parse_definitions};

/// What is wrong with a program, and where: an offset in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub at: usize,
    pub message: String,
    /// What to do about it, where there is something to suggest.
    pub help: Option<String>,
}

/// Characters of a line that are shown around what is wrong in it.
const SHOWN: usize = 100;
/// How many of them may stand before it.
const BEFORE: usize = 60;

impl Wrong {
    pub fn new(at: usize, message: impl Into<String>) -> Wrong {
        Wrong { at, message: message.into(), help: None }
    }

    /// The message with line and column, both from 1; below it the line with a caret, and what to do about it.
    pub fn describe(&self, program: &str) -> String {
        let before = program.get(..self.at).unwrap_or(program);
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let skip = column.saturating_sub(BEFORE);
        let text = program.split('\n').nth(line).unwrap_or_default();
        let shown: String = text.chars().skip(skip).take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let caret = column - skip + 1;
        let help = self.help.iter().map(|help| format!("\n  {help}")).collect::<String>();
        format!(
            "line {}, column {}: {}\n  {}\n  {:>caret$}{help}",
            line + 1,
            column + 1,
            self.message,
            shown.trim_end(),
            '^'
        )
    }
}

/// An expression.
#[derive(Debug)]
pub(crate) enum Ast {
    Identity,
    RecurseDefault,
    Number(f64),
    String(Option<Rc<str>>, Vec<Part>),
    Format(Rc<str>, usize),
    Variable(Rc<str>, usize),
    /// `$__loc__`, with its line.
    Location(usize),
    Index(Box<Ast>, Box<Ast>),
    Slice(Box<Ast>, Option<Box<Ast>>, Option<Box<Ast>>),
    Each(Box<Ast>),
    Try(Box<Ast>, Option<Box<Ast>>),
    Array(Option<Box<Ast>>),
    Object(Vec<(Ast, Ast)>),
    Negative(Box<Ast>),
    Pipe(Box<Ast>, Box<Ast>),
    Comma(Box<Ast>, Box<Ast>),
    Binary(Binary, Box<Ast>, Box<Ast>),
    If(Box<Ast>, Box<Ast>, Option<Box<Ast>>),
    Reduce(Box<Ast>, Vec<Pattern>, Box<Ast>, Box<Ast>),
    Foreach(Box<Ast>, Vec<Pattern>, Box<Ast>, Box<Ast>, Option<Box<Ast>>),
    Bind(Box<Ast>, Vec<Pattern>, Box<Ast>),
    Label(Rc<str>, Box<Ast>),
    Break(Rc<str>, usize),
    Define(Rc<Definition>, Box<Ast>),
    Call(Rc<str>, Vec<Rc<Ast>>, usize),
}

/// A part of a string: its text, or an expression in it.
#[derive(Debug)]
pub(crate) enum Part {
    Text(String),
    Expression(Ast),
}

/// A function that a program defines.
#[derive(Debug)]
pub(crate) struct Definition {
    pub name: Rc<str>,
    pub parameters: Vec<Parameter>,
    pub body: Ast,
}

/// A parameter of a function: an expression, or (`$name`) its values one after the other.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub name: Rc<str>,
    pub is_value: bool,
}

/// What a value is taken apart by.
#[derive(Debug)]
pub(crate) enum Pattern {
    Variable(Rc<str>),
    Array(Vec<Pattern>),
    /// For each key: the variable that gets the value itself, the key, and what the value is taken apart by.
    Object(Vec<(Option<Rc<str>>, Ast, Option<Pattern>)>),
}

/// An operator between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Math(Math),
    Compare(Compare),
    And,
    Or,
    Alternative,
    Assign,
    Update,
    MathUpdate(Math),
    AlternativeUpdate,
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Math {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
