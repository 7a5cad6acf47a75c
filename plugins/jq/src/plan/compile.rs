//! Compiles a program.

use std::rc::Rc;

use super::builtins::{self, Builtin};
use super::scope::{Meaning, Scope};
use super::steps::{deletion, target};
use super::suggest;
use super::{Expr, FieldName, Fold, Format, Function, JoinPart, Key, Kind, Program, RecordPart, Special};
use crate::syntax::{Ast, Binary, Definition, Part, Wrong, parse};
use crate::value::{Object, Value, hash};

/// How large a program may become when functions are put in where they are called.
const MAX_SIZE: usize = 100_000;

/// Compiles a program. The error says what is wrong, in which line and column.
pub(crate) fn compile(program: &str) -> Result<Program, String> {
    let compiled = parse(program).and_then(|ast| {
        let mut compiler = Compiler::new()?;
        let main = compiler.expr(&ast, &Scope::default(), 0)?;
        let functions = compiler.functions.into_iter().flatten().collect();
        let mut program = Program { main, functions, needs: compiler.needs };
        program.settle();
        Ok(program)
    });
    compiled.map_err(|wrong| wrong.describe(program))
}

/// A compiler at work.
pub(super) struct Compiler<'d> {
    pub definitions: &'d [Rc<Definition>],
    /// The functions that call themselves; none while one is being compiled.
    pub functions: Vec<Option<Function>>,
    pub needs: Vec<RecordPart>,
    pub size: usize,
    /// Where the call in the program is whose function of jq's own is being compiled.
    pub called_at: Option<usize>,
}

impl Compiler<'static> {
    fn new() -> Result<Self, Wrong> {
        Ok(Compiler {
            definitions: builtins::definitions(),
            functions: Vec::new(),
            needs: Vec::new(),
            size: 0,
            called_at: None,
        })
    }
}

impl Compiler<'_> {
    pub(super) fn boxed(&mut self, ast: &Ast, scope: &Scope, level: u32) -> Result<Box<Expr>, Wrong> {
        self.expr(ast, scope, level).map(Box::new)
    }

    pub(super) fn expr(&mut self, ast: &Ast, scope: &Scope, level: u32) -> Result<Expr, Wrong> {
        self.size += 1;
        if self.size > MAX_SIZE {
            return Err(Wrong::new(0, "the program is too large with all functions put in where they are called"));
        }
        self.kind(ast, scope, level).map(Expr::new)
    }

    fn kind(&mut self, ast: &Ast, scope: &Scope, level: u32) -> Result<Kind, Wrong> {
        let mut boxed = |ast: &Ast| self.boxed(ast, scope, level);
        Ok(match ast {
            Ast::Identity => Kind::Input,
            Ast::RecurseDefault => Kind::Special(Special::RecurseDefault, Vec::new()),
            Ast::Number(number) => Kind::Constant(Value::Number(*number)),
            Ast::String(format, parts) => return self.string(format.as_deref(), parts, scope, level),
            Ast::Format(name, at) => {
                let format =
                    Format::named(name).ok_or_else(|| Wrong::new(*at, format!("there is no format `@{name}`")))?;
                Kind::Format(format)
            }
            Ast::Variable(name, at) => return self.variable(name, *at, scope, level),
            Ast::Location(line) => Kind::Constant(location(*line)),
            Ast::Index(of, at) => {
                let (of, at) = (boxed(of)?, boxed(at)?);
                match constant_key(&at) {
                    Some(key) if matches!(of.kind, Kind::Record(RecordPart::Headers)) => Kind::Header(key.text),
                    Some(key) => Kind::Field(of, key),
                    None => Kind::Index(of, at),
                }
            }
            Ast::Slice(of, from, to) => {
                let mut bound = |ast: &Option<Box<Ast>>| match ast {
                    Some(ast) => boxed(ast),
                    None => Ok(Expr::boxed(Kind::Constant(Value::Null))),
                };
                let (from, to) = (bound(from)?, bound(to)?);
                Kind::Slice(boxed(of)?, from, to)
            }
            Ast::Each(of) => Kind::Each(boxed(of)?),
            Ast::Try(of, handler) => Kind::Try(boxed(of)?, handler.as_deref().map(boxed).transpose()?),
            Ast::Array(None) => Kind::Constant(Value::array(Vec::new())),
            Ast::Array(Some(of)) => Kind::Array(boxed(of)?),
            Ast::Object(fields) => return self.object(fields, scope, level),
            Ast::Negative(of) => match boxed(of)?.kind {
                Kind::Constant(Value::Number(number)) => Kind::Constant(Value::Number(0.0 - number)),
                kind => Kind::Negative(Expr::boxed(kind)),
            },
            Ast::Pipe(one, other) => Kind::Pipe(boxed(one)?, boxed(other)?),
            Ast::Comma(one, other) => Kind::Comma(boxed(one)?, boxed(other)?),
            Ast::Binary(operator, one, other) => {
                let (one, other) = (boxed(one)?, boxed(other)?);
                binary(*operator, one, other)
            }
            Ast::If(condition, then, otherwise) => {
                let otherwise = match otherwise {
                    Some(otherwise) => boxed(otherwise)?,
                    None => Expr::boxed(Kind::Input),
                };
                Kind::If(boxed(condition)?, boxed(then)?, otherwise)
            }
            Ast::Reduce(source, patterns, init, update) => {
                Kind::Reduce(self.fold(source, patterns, init, update, None, scope, level)?)
            }
            Ast::Foreach(source, patterns, init, update, extract) => {
                Kind::Foreach(self.fold(source, patterns, init, update, extract.as_deref(), scope, level)?)
            }
            Ast::Bind(source, patterns, body) => {
                let source = self.boxed(source, scope, level)?;
                let (bindings, inside, level) = self.bindings(patterns, scope, level)?;
                Kind::Bind(source, bindings, self.boxed(body, &inside, level)?)
            }
            Ast::Label(name, body) => {
                Kind::Label(self.boxed(body, &scope.with(name, Meaning::Label(level)), level + 1)?)
            }
            Ast::Break(name, at) => match scope.label(name) {
                Some(label) => Kind::Break(level - 1 - label),
                None => return Err(self.wrong(*at, format!("undefined label `${name}`"))),
            },
            Ast::Define(definition, rest) => {
                let inside = self.define(definition, scope, level);
                return self.kind(rest, &inside, level);
            }
            Ast::Call(name, arguments, at) => return self.call(name, arguments, *at, scope, level),
        })
    }

    #[expect(clippy::too_many_arguments, reason = "these are the parts of the syntax")]
    fn fold(
        &mut self,
        source: &Ast,
        patterns: &[crate::syntax::Pattern],
        init: &Ast,
        update: &Ast,
        extract: Option<&Ast>,
        scope: &Scope,
        level: u32,
    ) -> Result<Box<Fold>, Wrong> {
        let source = self.expr(source, scope, level)?;
        let init = self.expr(init, scope, level)?;
        let (bindings, inside, level) = self.bindings(patterns, scope, level)?;
        let update = self.expr(update, &inside, level)?;
        let extract = extract.map(|extract| self.expr(extract, &inside, level)).transpose()?;
        Ok(Box::new(Fold { source, bindings, init, update, extract }))
    }

    fn string(&mut self, format: Option<&str>, parts: &[Part], scope: &Scope, level: u32) -> Result<Kind, Wrong> {
        if let [Part::Text(text)] = parts {
            return Ok(Kind::Constant(Value::string(text)));
        }
        let format = format.and_then(Format::named).unwrap_or(Format::Text);
        let mut compiled = Vec::new();
        for part in parts {
            compiled.push(match part {
                Part::Text(text) => JoinPart::Text(text.as_str().into()),
                Part::Expression(ast) => JoinPart::Expression(self.expr(ast, scope, level)?),
            });
        }
        Ok(Kind::Join(format, compiled))
    }

    fn object(&mut self, fields: &[(Ast, Ast)], scope: &Scope, level: u32) -> Result<Kind, Wrong> {
        let mut compiled = Vec::new();
        for (key, value) in fields {
            let key = self.expr(key, scope, level)?;
            let value = self.expr(value, scope, level)?;
            let key = match constant_key(&key) {
                Some(key) => FieldName::Constant(key),
                None if matches!(key.kind, Kind::Constant(_)) => {
                    return Err(self.wrong(0, "an object has a key that is not a string".into()));
                }
                None => FieldName::Computed(key),
            };
            compiled.push((key, value));
        }
        Ok(constant_object(&compiled).map_or(Kind::Object(compiled), Kind::Constant))
    }

    fn variable(&mut self, name: &str, at: usize, scope: &Scope, level: u32) -> Result<Kind, Wrong> {
        if let Some(variable) = scope.variable(name) {
            return Ok(Kind::Variable(level - 1 - variable));
        }
        let part = match name {
            "key" => RecordPart::Key,
            "headers" => RecordPart::Headers,
            "timestamp" => RecordPart::Timestamp,
            "topic" => RecordPart::Topic,
            "partition" => RecordPart::Partition,
            "offset" => RecordPart::Offset,
            "ENV" => return Err(self.wrong(at, "`$ENV` is not available, as a plugin cannot reach outside".into())),
            _ => return Err(self.wrong(at, format!("undefined variable `${name}`"))),
        };
        if !self.needs.contains(&part) {
            self.needs.push(part);
        }
        Ok(Kind::Record(part))
    }

    /// What is wrong at a place of the program, or in what it calls.
    pub(super) fn wrong(&self, at: usize, message: String) -> Wrong {
        Wrong::new(self.called_at.unwrap_or(at), message)
    }

    /// A function of jq's own.
    pub(super) fn builtin(
        &mut self,
        name: &str,
        arguments: &[Rc<Ast>],
        at: usize,
        scope: &Scope,
        level: u32,
    ) -> Result<Kind, Wrong> {
        match builtins::find(name, arguments.len()) {
            Some(Builtin::Native(run)) => {
                let compiled = arguments.iter().map(|argument| self.expr(argument, scope, level));
                Ok(Kind::Native(run, compiled.collect::<Result<_, _>>()?))
            }
            Some(Builtin::Special(special)) => {
                let compiled = arguments.iter().map(|argument| self.expr(argument, scope, level));
                Ok(Kind::Special(special, compiled.collect::<Result<_, _>>()?))
            }
            Some(Builtin::Delete) => {
                let path = self.expr(&arguments[0], scope, level)?;
                Ok(Kind::Delete(deletion(path)))
            }
            Some(Builtin::Constant(value)) => Ok(Kind::Constant(value)),
            Some(Builtin::Match(mode, global)) => self.matching(mode, global, arguments, at, scope, level),
            None => {
                let wrong = self.wrong(at, builtins::missing(name, arguments.len()));
                Err(Wrong { help: suggest::suggestion(name, scope.functions()), ..wrong })
            }
        }
    }
}

fn binary(operator: Binary, one: Box<Expr>, other: Box<Expr>) -> Kind {
    match operator {
        Binary::Math(math) => Kind::Math(math, one, other),
        Binary::Compare(compare) => Kind::Compare(compare, one, other),
        Binary::And => Kind::And(one, other),
        Binary::Or => Kind::Or(one, other),
        Binary::Alternative => Kind::Alternative(one, other),
        Binary::Assign => Kind::Assign(target(*one), other),
        Binary::Update => Kind::Update(target(*one), other),
        Binary::MathUpdate(math) => Kind::MathUpdate(math, target(*one), other),
        Binary::AlternativeUpdate => Kind::AlternativeUpdate(target(*one), other),
    }
}

/// A key that is known now.
pub(super) fn constant_key(expr: &Expr) -> Option<Key> {
    match &expr.kind {
        Kind::Constant(value) => constant_text(value).map(|text| Key::new(&text)),
        _ => None,
    }
}

/// What a constant string says.
pub(super) fn constant_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some((**text).clone()),
        Value::Short(length, bytes) => String::from_utf8(bytes[..usize::from(*length)].to_vec()).ok(),
        _ => None,
    }
}

/// An object all of whose keys and values are known now.
fn constant_object(fields: &[(FieldName, Expr)]) -> Option<Value> {
    let mut object = Object::default();
    let mut keys: Vec<&str> = Vec::new();
    for field in fields {
        let (FieldName::Constant(key), Expr { kind: Kind::Constant(value), .. }) = field else { return None };
        if keys.contains(&&*key.text) {
            return None;
        }
        keys.push(&key.text);
        object.push(key.value.clone(), key.hash, value.clone());
    }
    Some(Value::object(object))
}

fn location(line: usize) -> Value {
    let mut object = Object::default();
    object.push(Value::string("file"), hash("file"), Value::string("<top-level>"));
    object.push(Value::string("line"), hash("line"), Value::Number(line as f64));
    Value::object(object)
}
