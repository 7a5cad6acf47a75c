//! Makes a plan of a program that has been parsed. What has no place in a plan has none here: the answer is none.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::path::{Opt, Part as TermPart};
use json_scan::fingerprint;

use super::plan::{Change, End, Expr, Function, Index, Literal, Part, Plan, PlanKey, Stream};
use super::value::Value;

/// The plan of a program and of the one for the output.
pub(super) fn plan(program: &str, output: Option<&str>) -> Option<Plan> {
    let parse = |code| jaq_core::load::parse(code, |parser| parser.term());
    let mut translator = Translator::default();
    for name in TYPES {
        translator.literal(name.to_owned(), None);
    }
    let program = translator.stream(&parse(program)?)?;
    let output = match output {
        Some(output) => Some(translator.expr(&parse(output)?)?),
        None => None,
    };
    Some(Plan { program, output, keys: translator.keys, literals: translator.literals })
}

/// What `type` says of each kind of value: the first strings of every plan.
const TYPES: [&str; 6] = ["null", "boolean", "number", "string", "array", "object"];

#[derive(Default)]
struct Translator {
    keys: Vec<PlanKey>,
    literals: Vec<Literal>,
}

impl Translator {
    fn stream(&mut self, term: &Term<&str>) -> Option<Stream> {
        match term {
            Term::BinOp(left, BinaryOp::Pipe(None), right) => {
                let (left, right) = (self.stream(left)?, self.stream(right)?);
                Some(left.then(right))
            }
            Term::Path(from, path) => {
                let is_each = |(part, _): &(TermPart<_>, Opt)| matches!(part, TermPart::Range(None, None));
                let mut stream = Stream::One(self.expr(from)?);
                for (n, parts) in path.0.split(is_each).enumerate() {
                    let path = Stream::One(Expr::Path(self.path(parts)?));
                    stream = if n == 0 { stream.then(path) } else { stream.for_each(path) };
                }
                path.0
                    .iter()
                    .filter(|part| is_each(part))
                    .all(|(_, opt)| matches!(opt, Opt::Essential))
                    .then_some(stream)
            }
            term => self.expr(term).map(Stream::One),
        }
    }

    fn expr(&mut self, term: &Term<&str>) -> Option<Expr> {
        Some(match term {
            Term::Id => Expr::Input,
            Term::Num(number) => Expr::Value(self.number(number)?),
            Term::Neg(term) => match &**term {
                Term::Num(number) => Expr::Value(self.number(&format!("-{number}"))?),
                _ => return None,
            },
            Term::Str(None, parts) => self.string(parts)?,
            Term::Obj(fields) => self.object(fields)?,
            Term::IfThenElse(branches, otherwise) => self.branches(branches, otherwise.as_deref())?,
            Term::Path(from, path) => {
                let from = self.expr(from)?;
                from.then(Expr::Path(self.path(&path.0)?))
            }
            Term::BinOp(left, op, right) => self.binary(left, op, right)?,
            Term::Call(name, arguments) => self.call(name, arguments)?,
            _ => return None,
        })
    }

    fn binary(&mut self, left: &Term<&str>, op: &BinaryOp<&str>, right: &Term<&str>) -> Option<Expr> {
        let change = match op {
            BinaryOp::Assign => Change::Set(Box::new(self.expr(right)?)),
            BinaryOp::Update => Change::With(Box::new(self.expr(right)?)),
            BinaryOp::UpdateAlt => Change::Default(Box::new(self.expr(right)?)),
            BinaryOp::UpdateMath(math) => Change::Math(*math, Box::new(self.expr(right)?)),
            _ => {
                let (left, right) = (Box::new(self.expr(left)?), Box::new(self.expr(right)?));
                return match op {
                    BinaryOp::Pipe(None) => Some(left.then(*right)),
                    BinaryOp::Alt => Some(Expr::Alternative(left, right)),
                    BinaryOp::Or => Some(Expr::Logic(left, true, right)),
                    BinaryOp::And => Some(Expr::Logic(left, false, right)),
                    BinaryOp::Math(math) => Some(Expr::Math(left, *math, right)),
                    BinaryOp::Cmp(compare) => Some(Expr::Compare(left, *compare, right)),
                    _ => None,
                };
            }
        };
        Some(Expr::Update(self.targets(left)?, change))
    }

    fn branches(&mut self, branches: &[(Term<&str>, Term<&str>)], otherwise: Option<&Term<&str>>) -> Option<Expr> {
        let otherwise = otherwise.map_or(Some(Expr::Input), |otherwise| self.expr(otherwise))?;
        branches.iter().rev().try_fold(otherwise, |otherwise, (condition, then)| {
            Some(Expr::If(Box::new(self.expr(condition)?), Box::new(self.expr(then)?), Box::new(otherwise)))
        })
    }

    fn call(&mut self, name: &str, arguments: &[Term<&str>]) -> Option<Expr> {
        let function = match (name, arguments) {
            ("empty", []) => return Some(Expr::Empty),
            ("null", []) => return Some(Expr::Value(Value::Null)),
            ("true", []) => return Some(Expr::Value(Value::Bool(true))),
            ("false", []) => return Some(Expr::Value(Value::Bool(false))),
            ("select", [condition]) => {
                let condition = Box::new(self.expr(condition)?);
                return Some(Expr::If(condition, Box::new(Expr::Input), Box::new(Expr::Empty)));
            }
            ("del", [paths]) => return Some(Expr::Update(self.targets(paths)?, Change::With(Box::new(Expr::Empty)))),
            ("startswith", [affix]) => return Some(Expr::Affix(End::Start, Box::new(self.expr(affix)?))),
            ("endswith", [affix]) => return Some(Expr::Affix(End::End, Box::new(self.expr(affix)?))),
            ("not", []) => Function::Not,
            ("length", []) => Function::Length,
            ("tostring", []) => Function::ToString,
            ("tonumber", []) => Function::ToNumber,
            ("type", []) => Function::Type,
            ("ascii_downcase", []) => Function::Downcase,
            ("ascii_upcase", []) => Function::Upcase,
            ("has", [key]) => Function::Has(self.key(constant(key)?)),
            _ => return None,
        };
        Some(Expr::Call(function, Box::new(Expr::Input)))
    }

    /// The paths, of keys alone, that an update goes to.
    fn targets(&mut self, term: &Term<&str>) -> Option<Vec<Vec<u32>>> {
        match term {
            Term::BinOp(left, BinaryOp::Comma, right) => {
                let (mut targets, others) = (self.targets(left)?, self.targets(right)?);
                targets.extend(others);
                Some(targets)
            }
            Term::Id => Some(vec![Vec::new()]),
            Term::Path(from, path) if matches!(**from, Term::Id) => {
                let parts = self.path(&path.0)?.into_iter();
                let key = |part: Part| match part {
                    Part { index: Index::Key(key), optional: false } => Some(key),
                    _ => None,
                };
                Some(vec![parts.map(key).collect::<Option<_>>()?])
            }
            _ => None,
        }
    }

    fn path(&mut self, parts: &[(TermPart<Term<&str>>, Opt)]) -> Option<Vec<Part>> {
        let part = |(part, opt): &(TermPart<Term<&str>>, Opt)| {
            let TermPart::Index(index) = part else { return None };
            let index = match constant(index) {
                Some(key) => Index::Key(self.key(key)),
                None => match self.expr(index)? {
                    Expr::Value(Value::Int(place)) => Index::Element(place),
                    _ => return None,
                },
            };
            Some(Part { index, optional: matches!(opt, Opt::Optional) })
        };
        parts.iter().map(part).collect()
    }

    fn object(&mut self, fields: &[(Term<&str>, Option<Term<&str>>)]) -> Option<Expr> {
        let mut object: Vec<(u32, Expr)> = Vec::new();
        for (key, value) in fields {
            let key = self.key(constant(key)?);
            if object.iter().any(|(other, _)| *other == key) {
                return None;
            }
            let value = match value {
                Some(value) => self.expr(value)?,
                None => Expr::Path(vec![Part { index: Index::Key(key), optional: false }]),
            };
            object.push((key, value));
        }
        Some(Expr::Object(object))
    }

    fn string(&mut self, parts: &[StrPart<&str, Term<&str>>]) -> Option<Expr> {
        if let Some(text) = text(parts) {
            return Some(Expr::Value(self.literal(text, None)));
        }
        let part = |part: &StrPart<&str, Term<&str>>| match part {
            StrPart::Str(text) => Some(Expr::Value(self.literal((*text).to_owned(), None))),
            StrPart::Char(character) => Some(Expr::Value(self.literal(character.to_string(), None))),
            StrPart::Term(term) => self.expr(term),
        };
        Some(Expr::Join(parts.iter().map(part).collect::<Option<_>>()?))
    }

    fn number(&mut self, number: &str) -> Option<Value> {
        if let Ok(int) = number.parse() {
            return Some(Value::Int(int));
        }
        let float: f64 = number.parse().ok()?;
        (float.is_finite() && number.contains(['.', 'e', 'E'])).then(|| self.literal(number.to_owned(), Some(float)))
    }

    fn literal(&mut self, text: String, number: Option<f64>) -> Value {
        self.literals.push(Literal { text, number });
        Value::Literal(self.literals.len() as u32 - 1)
    }

    /// The place of a key in the plan.
    fn key(&mut self, text: String) -> u32 {
        let known = self.keys.iter().position(|key| key.text == text);
        let at = known.unwrap_or_else(|| {
            let mut json = Vec::new();
            json_scan::escape(&text, &mut json);
            json.push(b':');
            self.keys.push(PlanKey { fingerprint: fingerprint(text.as_bytes()), text, json });
            self.keys.len() - 1
        });
        at as u32
    }
}

/// What a string says that has no expressions in it.
fn constant(term: &Term<&str>) -> Option<String> {
    match term {
        Term::Str(None, parts) => text(parts),
        _ => None,
    }
}

fn text(parts: &[StrPart<&str, Term<&str>>]) -> Option<String> {
    let part = |part: &StrPart<&str, Term<&str>>| match part {
        StrPart::Str(text) => Some((*text).to_owned()),
        StrPart::Char(character) => Some(character.to_string()),
        StrPart::Term(_) => None,
    };
    parts.iter().map(part).collect()
}

impl Expr {
    /// The other on the result of this.
    fn then(self, other: Expr) -> Expr {
        match (self, other) {
            (Expr::Input, other) => other,
            (expr, Expr::Input) => expr,
            (Expr::Path(mut parts), Expr::Path(others)) => {
                parts.extend(others);
                Expr::Path(parts)
            }
            (expr, Expr::Path(parts)) if parts.is_empty() => expr,
            (expr, Expr::Call(function, input)) if matches!(*input, Expr::Input) => {
                Expr::Call(function, Box::new(expr))
            }
            (expr, other) => Expr::Pipe(Box::new(expr), Box::new(other)),
        }
    }
}

impl Stream {
    /// The other on each result of this.
    fn then(self, other: Stream) -> Stream {
        match (self, other) {
            (Stream::One(expr), Stream::One(other)) => Stream::One(expr.then(other)),
            (Stream::One(expr), Stream::Each(from, rest)) => Stream::Each(expr.then(from), rest),
            (Stream::Each(from, rest), other) => Stream::Each(from, Box::new(rest.then(other))),
        }
    }

    /// The other on each element of the results of this.
    fn for_each(self, other: Stream) -> Stream {
        match self {
            Stream::One(from) => Stream::Each(from, Box::new(other)),
            Stream::Each(from, rest) => Stream::Each(from, Box::new(rest.for_each(other))),
        }
    }
}
