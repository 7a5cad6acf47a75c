//! The functions that queries may call.

pub(crate) mod array;
pub(crate) mod encoding;
mod hash;
mod java_time;
pub(crate) mod json;
mod json_build;
pub(crate) mod like;
mod mask;
pub(crate) mod math;
pub(crate) mod operator;
pub(crate) mod regex;
mod split;
mod text;
mod time;
mod trigonometry;

use crate::Failure;
use crate::arena::Arena;
use crate::cache::Cache;
use crate::failure::Answer;
use crate::value::{Kind, Value};

/// What functions have beside their arguments.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub arena: &'a Arena,
    pub cache: &'a Cache,
}

impl<'a> Scope<'a> {
    /// JSON that a function writes.
    pub fn json(&self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>) -> Result<&'a str, Failure> {
        self.cache.written(write, |json| {
            let text = json_scan::text(json).map_err(|invalid| Failure::from(invalid.to_string()))?;
            self.arena.str(text)
        })
    }
}

/// A function's code.
pub(crate) type Run = for<'a> fn(&Scope<'a>, &[Value<'a>]) -> Answer<'a>;

/// The same of a function whose second argument is a path, with the steps of that.
pub(crate) type RunPath = for<'a> fn(&Scope<'a>, &[Value<'a>], &[String]) -> Answer<'a>;

/// A function: what it is called, what it takes and gives.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub name: &'static str,
    /// The fewest and the most arguments.
    pub arguments: (u8, u8),
    /// Whether it is NULL as soon as one of its arguments is.
    pub is_strict: bool,
    /// What it gives, where that is always the same.
    pub returns: Option<Kind>,
    pub run: Run,
    /// What runs where its second argument is a path that is known beforehand.
    pub run_path: Option<RunPath>,
}

impl Function {
    const fn with_path(mut self, run_path: RunPath) -> Function {
        self.run_path = Some(run_path);
        self
    }
}

/// As many arguments as one likes.
pub(crate) const MANY: u8 = 100;

/// A function that is NULL as soon as one of its arguments is.
const fn strict(name: &'static str, arguments: (u8, u8), returns: Option<Kind>, run: Run) -> Function {
    Function { name, arguments, is_strict: true, returns, run, run_path: None }
}

/// A function that is called with NULLs too.
const fn lenient(name: &'static str, arguments: (u8, u8), returns: Option<Kind>, run: Run) -> Function {
    Function { name, arguments, is_strict: false, returns, run, run_path: None }
}

const TABLES: [&[Function]; 14] = [
    array::FUNCTIONS,
    encoding::FUNCTIONS,
    hash::FUNCTIONS,
    json::FUNCTIONS,
    json_build::FUNCTIONS,
    java_time::FUNCTIONS,
    mask::FUNCTIONS,
    math::FUNCTIONS,
    operator::FUNCTIONS,
    regex::FUNCTIONS,
    split::FUNCTIONS,
    text::FUNCTIONS,
    time::FUNCTIONS,
    trigonometry::FUNCTIONS,
];

/// The function of a name, which has any case.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// All functions, in no order.
pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    TABLES.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<_> = all().map(|function| function.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
