//! The functions that take values: each gets its input and its arguments.

pub(crate) mod arrays;
mod base;
pub(crate) mod calendar;
mod containment;
mod dates;
pub(crate) mod entries;
pub(crate) mod format;
mod math;
mod pattern;
pub(crate) mod regex;
mod strftime;
pub(crate) mod strings;
mod strptime;
mod trim;

use crate::run::{Exit, Machine};
use crate::value::Value;

/// A function.
pub(crate) type Run = for<'m> fn(&Machine<'m>, Value, &mut [Value]) -> Result<Value, Exit>;

/// A function with its name and the number of its arguments.
pub(crate) type Named = (&'static str, usize, Run);

const TABLES: [&[Named]; 6] = [strings::TABLE, trim::TABLE, arrays::TABLE, entries::TABLE, math::TABLE, dates::TABLE];

/// The function of a name.
pub(crate) fn find(name: &str, arity: usize) -> Option<Run> {
    let named = |(other, count, _): &&Named| *other == name && *count == arity;
    TABLES.iter().find_map(|table| table.iter().find(named)).map(|(_, _, run)| *run)
}

/// The names of all functions, with the numbers of their arguments.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, usize)> {
    TABLES.iter().flat_map(|table| table.iter().map(|(name, arity, _)| (*name, *arity)))
}
