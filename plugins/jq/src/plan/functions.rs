//! Calls: of functions that the program or jq defines, of parameters, and of what is built in.

use std::cell::Cell;
use std::rc::Rc;

use super::compile::{Compiler, constant_text};
use super::scope::{self, Meaning, Named, Scope, calls};
use super::{Bindings, Call, Expr, Function, Kind, Match, MatchMode, Pattern};
use crate::functions::regex::{Flags, Regex};
use crate::syntax::{Ast, Definition, Wrong};
use crate::value::Value;

impl Compiler<'_> {
    pub(super) fn define(&mut self, definition: &Rc<Definition>, scope: &Scope, level: u32) -> Scope {
        let function = scope::Function { definition: definition.clone(), level, number: Cell::new(None) };
        scope.with(&definition.name, Meaning::Function(function))
    }

    pub(super) fn call(
        &mut self,
        name: &Rc<str>,
        arguments: &[Rc<Ast>],
        at: usize,
        scope: &Scope,
        level: u32,
    ) -> Result<Kind, Wrong> {
        if let Some(named) = scope.function(name, arguments.len()) {
            let named = named.clone();
            return match &named.meaning {
                Meaning::Argument(ast, caller) => Ok(self.expr(ast, caller, level)?.kind),
                Meaning::Function(function) if calls(&function.definition.body, name, arguments.len()) => {
                    self.call_function(&named, function, arguments, scope, level)
                }
                Meaning::Function(function) => self.put_in(&function.definition, &named.outer, arguments, scope, level),
                Meaning::Parameter(parameter) => Ok(Kind::Argument(level - 1 - parameter)),
                Meaning::Variable(_) | Meaning::Label(_) => Err(Wrong::new(at, "this is no function")),
            };
        }
        let defined =
            |definition: &&Rc<Definition>| definition.name == *name && definition.parameters.len() == arguments.len();
        let Some(definition) = self.definitions.iter().find(defined).cloned() else {
            return self.builtin(name, arguments, at, scope, level);
        };
        let outermost = self.called_at;
        self.called_at = outermost.or(Some(at));
        let result = self.call_defined(&definition, arguments, scope, level);
        self.called_at = outermost;
        result
    }

    /// A function that jq defines: it sees the others of jq and nothing of the program.
    fn call_defined(
        &mut self,
        definition: &Rc<Definition>,
        arguments: &[Rc<Ast>],
        scope: &Scope,
        level: u32,
    ) -> Result<Kind, Wrong> {
        let defined = self.define(definition, &Scope::default(), level);
        match defined.function(&definition.name, arguments.len()).cloned() {
            Some(named) if calls(&definition.body, &definition.name, arguments.len()) => match &named.meaning {
                Meaning::Function(function) => self.call_function(&named, function, arguments, scope, level),
                _ => Ok(Kind::Input),
            },
            _ => self.put_in(definition, &Scope::default(), arguments, scope, level),
        }
    }

    /// Puts a function in where it is called: its parameters mean the arguments.
    fn put_in(
        &mut self,
        definition: &Definition,
        outer: &Scope,
        arguments: &[Rc<Ast>],
        scope: &Scope,
        level: u32,
    ) -> Result<Kind, Wrong> {
        let mut inside = outer.clone();
        let mut values = Vec::new();
        let mut inner_level = level;
        for (parameter, argument) in definition.parameters.iter().zip(arguments) {
            if parameter.is_value {
                let value = self.expr(argument, scope, inner_level)?;
                // A variable or constant needs no binding of its own, but a name.
                values.push(value);
                inside = inside.with(&parameter.name, Meaning::Variable(inner_level));
                inner_level += 1;
            }
            inside = inside.with(&parameter.name, Meaning::Argument(argument.clone(), scope.clone()));
        }
        let body = self.expr(&definition.body, &inside, inner_level)?;
        let bound = values.into_iter().rfold(body, |body, value| {
            let bindings = Bindings { patterns: vec![Pattern::Variable(0)], count: 1 };
            Expr::new(Kind::Bind(value.into(), bindings, body.into()))
        });
        Ok(bound.kind)
    }

    fn call_function(
        &mut self,
        named: &Rc<Named>,
        function: &scope::Function,
        arguments: &[Rc<Ast>],
        scope: &Scope,
        level: u32,
    ) -> Result<Kind, Wrong> {
        let definition = &function.definition;
        let number = match function.number.get() {
            Some(number) => number,
            None => {
                let number = self.functions.len();
                self.functions.push(None);
                function.number.set(Some(number));
                let mut inside = Scope::default().with_named(named);
                let mut inner_level = function.level;
                for parameter in &definition.parameters {
                    let meaning = match parameter.is_value {
                        true => Meaning::Variable(inner_level),
                        false => Meaning::Parameter(inner_level),
                    };
                    inside = inside.with(&parameter.name, meaning);
                    inner_level += 1;
                }
                let body = self.expr(&definition.body, &inside, inner_level)?;
                self.functions[number] = Some(Function { body, single: true });
                number
            }
        };
        let mut compiled = Vec::new();
        for (parameter, argument) in definition.parameters.iter().zip(arguments) {
            compiled.push((parameter.is_value, self.expr(argument, scope, level)?));
        }
        Ok(Kind::Call(Call { function: number, outward: level - function.level, arguments: compiled }))
    }

    /// A use of a regular expression. One that is constant is compiled now.
    pub(super) fn matching(
        &mut self,
        mode: MatchMode,
        global: bool,
        arguments: &[Rc<Ast>],
        at: usize,
        scope: &Scope,
        level: u32,
    ) -> Result<Kind, Wrong> {
        let replaces = mode == MatchMode::Sub;
        let pattern = self.boxed(&arguments[0], scope, level)?;
        let replacement = if replaces { Some(self.boxed(&arguments[1], scope, level)?) } else { None };
        let flags = match arguments.get(1 + usize::from(replaces)) {
            Some(flags) => self.boxed(flags, scope, level)?,
            None => Expr::boxed(Kind::Constant(Value::Null)),
        };
        let mut regex = None;
        if let (Kind::Constant(pattern), Kind::Constant(flags)) = (&pattern.kind, &flags.kind)
            && let Some(pattern) = constant_text(pattern)
            && (matches!(flags, Value::Null) || constant_text(flags).is_some())
        {
            let flags = Flags::parse(&constant_text(flags).unwrap_or_default(), global);
            let compiled = flags.and_then(|flags| Regex::new(&pattern, flags));
            regex = Some(Rc::new(compiled.map_err(|error| self.wrong(at, error))?));
        }
        // An expression that is not constant is told whether it is to look for all matches by its mode.
        let flags = if global && regex.is_none() { Expr::boxed(global_flags(flags)) } else { flags };
        Ok(Kind::Match(Match { mode, pattern, flags, regex, replacement }))
    }
}

/// `flags + "g"`
fn global_flags(flags: Box<Expr>) -> Kind {
    let global = Expr::boxed(Kind::Constant(Value::string("g")));
    Kind::Math(crate::syntax::Math::Add, flags, global)
}
