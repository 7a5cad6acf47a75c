//! Patterns, with their variables numbered.

use std::rc::Rc;

use super::compile::{Compiler, constant_key};
use super::scope::{Meaning, Scope};
use super::{Bindings, Kind, Pattern};
use crate::syntax::{self, Wrong};

impl Compiler<'_> {
    /// The bindings of some alternatives, and the names and level inside of them.
    pub(super) fn bindings(
        &mut self,
        patterns: &[syntax::Pattern],
        scope: &Scope,
        level: u32,
    ) -> Result<(Bindings, Scope, u32), Wrong> {
        let mut names = Vec::new();
        patterns.iter().for_each(|pattern| collect(pattern, &mut names));
        let compiled = patterns.iter().map(|pattern| self.pattern(pattern, &names, scope, level));
        let patterns = compiled.collect::<Result<_, _>>()?;
        let mut inside = scope.clone();
        for (at, name) in names.iter().enumerate() {
            inside = inside.with(name, Meaning::Variable(level + at as u32));
        }
        Ok((Bindings { patterns, count: names.len() }, inside, level + names.len() as u32))
    }

    fn pattern(
        &mut self,
        pattern: &syntax::Pattern,
        names: &[Rc<str>],
        scope: &Scope,
        level: u32,
    ) -> Result<Pattern, Wrong> {
        let number = |name: &Rc<str>| names.iter().position(|other| other == name).unwrap_or_default();
        Ok(match pattern {
            syntax::Pattern::Variable(name) => Pattern::Variable(number(name)),
            syntax::Pattern::Array(elements) => {
                let elements = elements.iter().map(|element| self.pattern(element, names, scope, level));
                Pattern::Array(elements.collect::<Result<_, _>>()?)
            }
            syntax::Pattern::Object(fields) => {
                let mut compiled = Vec::new();
                for (name, key, pattern) in fields {
                    let key = self.expr(key, scope, level)?;
                    if matches!(key.kind, Kind::Constant(_)) && constant_key(&key).is_none() {
                        return Err(self.wrong(0, "a pattern has a key that is not a string".into()));
                    }
                    let below = pattern.as_ref().map(|below| self.pattern(below, names, scope, level)).transpose()?;
                    compiled.push((name.as_ref().map(number), key, below));
                }
                Pattern::Object(compiled)
            }
        })
    }
}

/// The names of a pattern's variables, each once.
fn collect(pattern: &syntax::Pattern, names: &mut Vec<Rc<str>>) {
    let mut add = |name: &Rc<str>| {
        if !names.contains(name) {
            names.push(name.clone());
        }
    };
    match pattern {
        syntax::Pattern::Variable(name) => add(name),
        syntax::Pattern::Array(elements) => elements.iter().for_each(|element| collect(element, names)),
        syntax::Pattern::Object(fields) => {
            for (name, _, pattern) in fields {
                name.iter().for_each(|name| {
                    if !names.contains(name) {
                        names.push(name.clone());
                    }
                });
                if let Some(pattern) = pattern {
                    collect(pattern, names);
                }
            }
        }
    }
}
