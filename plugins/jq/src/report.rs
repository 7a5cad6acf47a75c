//! What is wrong with a program, for whoever wrote it.

use jaq_core::compile::{Errors as CompileErrors, Undefined};
use jaq_core::load::{Error, Errors as LoadErrors};

use crate::program::ABSENT;

/// Why a program cannot be read.
pub(crate) fn load(code: &str, errors: &LoadErrors<&str, ()>) -> String {
    let mut lines = Vec::new();
    for (_, error) in errors {
        match error {
            Error::Io(modules) => {
                lines.extend(modules.iter().map(|(name, why)| format!("{}: {why}", place(code, name))));
            }
            Error::Lex(errors) => lines.extend(errors.iter().map(|(wanted, at)| wrong(code, wanted.as_str(), at))),
            Error::Parse(errors) => lines.extend(errors.iter().map(|(wanted, at)| wrong(code, wanted.as_str(), at))),
        }
    }
    lines.join("; ")
}

/// Why a program cannot be compiled: it names what is not there.
pub(crate) fn compile(code: &str, errors: &CompileErrors<&str, ()>) -> String {
    let undefined = |(name, kind): &(&str, Undefined)| {
        let place = place(code, name);
        match kind {
            Undefined::Filter(_) if ABSENT.contains(name) => {
                format!("{place}: `{name}` is not available, as a plugin cannot reach outside")
            }
            Undefined::Filter(arity) => format!("{place}: undefined filter `{name}/{arity}`"),
            other => format!("{place}: undefined {} `{name}`", other.as_str()),
        }
    };
    errors.iter().flat_map(|(_, errors)| errors).map(undefined).collect::<Vec<_>>().join("; ")
}

fn wrong(code: &str, wanted: &str, at: &str) -> String {
    let found = at.chars().next().map_or("the end".to_owned(), |_| {
        let word: String = at.chars().take_while(|character| !character.is_whitespace()).take(20).collect();
        format!("`{word}`")
    });
    format!("{}: expected {wanted}, found {found}", place(code, at))
}

/// The line and column of a part of the program, both from 1.
fn place(code: &str, part: &str) -> String {
    let offset = part.as_ptr().addr().checked_sub(code.as_ptr().addr());
    let before = offset.and_then(|offset| code.get(..offset)).unwrap_or(code);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}
