//! What names mean at a place of a program.

use std::cell::Cell;
use std::rc::Rc;

use crate::syntax::{Ast, Definition};

/// The names at a place: the innermost, and those around it.
#[derive(Clone, Default)]
pub(super) struct Scope(Option<Rc<Named>>);

pub(super) struct Named {
    pub name: Rc<str>,
    pub meaning: Meaning,
    pub outer: Scope,
}

/// What a name means. A level is the number of bindings around something.
pub(super) enum Meaning {
    Variable(u32),
    Label(u32),
    /// A parameter of a function that calls itself.
    Parameter(u32),
    /// A parameter of a function that is put in where it is called: the argument, and what names mean there.
    Argument(Rc<Ast>, Scope),
    Function(Function),
}

/// A function: its level, and its number once it has been compiled as one that calls itself.
pub(super) struct Function {
    pub definition: Rc<Definition>,
    pub level: u32,
    pub number: Cell<Option<usize>>,
}

impl Scope {
    pub fn with(&self, name: &Rc<str>, meaning: Meaning) -> Scope {
        Scope(Some(Rc::new(Named { name: name.clone(), meaning, outer: self.clone() })))
    }

    /// The names from this one outward.
    pub fn with_named(&self, named: &Rc<Named>) -> Scope {
        Scope(Some(named.clone()))
    }

    fn all(&self) -> impl Iterator<Item = &Rc<Named>> {
        std::iter::successors(self.0.as_ref(), |named| named.outer.0.as_ref())
    }

    pub fn variable(&self, name: &str) -> Option<u32> {
        self.all().find_map(|named| match named.meaning {
            Meaning::Variable(level) if *named.name == *name => Some(level),
            _ => None,
        })
    }

    pub fn label(&self, name: &str) -> Option<u32> {
        self.all().find_map(|named| match named.meaning {
            Meaning::Label(level) if *named.name == *name => Some(level),
            _ => None,
        })
    }

    /// The names of functions, each with how many arguments it takes.
    pub fn functions(&self) -> impl Iterator<Item = (&str, usize)> {
        self.all().filter_map(|named| match &named.meaning {
            Meaning::Parameter(_) | Meaning::Argument(..) => Some((&*named.name, 0)),
            Meaning::Function(function) => Some((&*named.name, function.definition.parameters.len())),
            Meaning::Variable(_) | Meaning::Label(_) => None,
        })
    }

    /// What a call of this name with so many arguments means.
    pub fn function(&self, name: &str, arity: usize) -> Option<&Rc<Named>> {
        self.all().find(|named| {
            *named.name == *name
                && match &named.meaning {
                    Meaning::Parameter(_) | Meaning::Argument(..) => arity == 0,
                    Meaning::Function(function) => function.definition.parameters.len() == arity,
                    Meaning::Variable(_) | Meaning::Label(_) => false,
                }
        })
    }
}

/// Whether a program calls this function anywhere in it. Where the name has been given to something else inside, this
/// says yes all the same, which costs a little time and nothing else.
pub(super) fn calls(ast: &Ast, name: &str, arity: usize) -> bool {
    let mut found = false;
    visit(ast, &mut |ast| {
        if let Ast::Call(called, arguments, _) = ast {
            found |= **called == *name && arguments.len() == arity;
        }
    });
    found
}

/// Visits every part of a program.
fn visit(ast: &Ast, look: &mut dyn FnMut(&Ast)) {
    look(ast);
    let mut inside: Vec<&Ast> = Vec::new();
    match ast {
        Ast::Identity | Ast::RecurseDefault | Ast::Number(_) | Ast::Format(..) | Ast::Variable(..) => {}
        Ast::Location(_) | Ast::Break(..) => {}
        Ast::String(_, parts) => inside.extend(parts.iter().filter_map(|part| match part {
            crate::syntax::Part::Expression(ast) => Some(ast),
            crate::syntax::Part::Text(_) => None,
        })),
        Ast::Index(one, other) | Ast::Pipe(one, other) | Ast::Comma(one, other) | Ast::Binary(_, one, other) => {
            inside.extend([&**one, other])
        }
        Ast::Slice(of, from, to) => {
            inside.push(of);
            inside.extend(from.iter().chain(to).map(|ast| &**ast));
        }
        Ast::Each(of) | Ast::Negative(of) | Ast::Label(_, of) => inside.push(of),
        Ast::Try(of, handler) => {
            inside.push(of);
            inside.extend(handler.as_deref());
        }
        Ast::Array(of) => inside.extend(of.as_deref()),
        Ast::Object(fields) => inside.extend(fields.iter().flat_map(|(key, value)| [key, value])),
        Ast::If(condition, then, otherwise) => {
            inside.extend([&**condition, then]);
            inside.extend(otherwise.as_deref());
        }
        Ast::Reduce(source, patterns, init, update) => {
            inside.extend([&**source, init, update]);
            patterns.iter().for_each(|pattern| in_pattern(pattern, &mut inside));
        }
        Ast::Foreach(source, patterns, init, update, extract) => {
            inside.extend([&**source, init, update]);
            inside.extend(extract.as_deref());
            patterns.iter().for_each(|pattern| in_pattern(pattern, &mut inside));
        }
        Ast::Bind(source, patterns, body) => {
            inside.extend([&**source, body]);
            patterns.iter().for_each(|pattern| in_pattern(pattern, &mut inside));
        }
        Ast::Define(definition, rest) => inside.extend([&definition.body, rest]),
        Ast::Call(_, arguments, _) => inside.extend(arguments.iter().map(|argument| &**argument)),
    }
    for ast in inside {
        visit(ast, look);
    }
}

fn in_pattern<'a>(pattern: &'a crate::syntax::Pattern, inside: &mut Vec<&'a Ast>) {
    match pattern {
        crate::syntax::Pattern::Variable(_) => {}
        crate::syntax::Pattern::Array(elements) => elements.iter().for_each(|element| in_pattern(element, inside)),
        crate::syntax::Pattern::Object(fields) => {
            for (_, key, pattern) in fields {
                inside.push(key);
                if let Some(pattern) = pattern {
                    in_pattern(pattern, inside);
                }
            }
        }
    }
}
