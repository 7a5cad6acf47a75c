//! What cuts the ends of strings.

use super::{Named, strings::part};
use crate::run::{Exit, Machine};
use crate::value::Value;

pub(super) const TABLE: &[Named] = &[
    ("trim", 0, |machine, input, _| trim(machine, input, true, true)),
    ("ltrim", 0, |machine, input, _| trim(machine, input, true, false)),
    ("rtrim", 0, |machine, input, _| trim(machine, input, false, true)),
    ("ltrimstr", 1, |machine, input, arguments| cut(machine, input, &arguments[0], true, false)),
    ("rtrimstr", 1, |machine, input, arguments| cut(machine, input, &arguments[0], false, true)),
    ("trimstr", 1, |machine, input, arguments| cut(machine, input, &arguments[0], true, true)),
];

fn trim(machine: &Machine<'_>, input: Value, left: bool, right: bool) -> Result<Value, Exit> {
    let Some(text) = machine.source.str(&input) else {
        return Err(Exit::error(format!("{} cannot be trimmed", machine.shown(&input))));
    };
    let start = if left { text.len() - text.trim_start().len() } else { 0 };
    let end = if right { text.trim_end().len().max(start) } else { text.len() };
    Ok(part(&input, text, start, end))
}

fn cut(machine: &Machine<'_>, input: Value, what: &Value, left: bool, right: bool) -> Result<Value, Exit> {
    let (Some(text), Some(what)) = (machine.source.str(&input), machine.source.str(what)) else {
        let name = if left { "startswith" } else { "endswith" };
        return Err(Exit::error(format!("{name}() requires string inputs")));
    };
    let start = if left && text.starts_with(what) { what.len() } else { 0 };
    let end = if right && text[start..].ends_with(what) { text.len() - what.len() } else { text.len() };
    if start == 0 && end == text.len() {
        return Ok(input);
    }
    Ok(part(&input, text, start, end))
}
