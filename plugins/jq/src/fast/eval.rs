//! Runs a plan on a record.

use json_scan::Kind;

use super::machine::{Exit, Machine, Outcome};
use super::number;
use super::plan::{End, Expr, Function, Index, Part, Stream};
use super::value::{Field, Key, Value};

impl Machine<'_> {
    /// Hands each result of a stream to `take`.
    pub fn each(
        &mut self,
        stream: &Stream,
        input: Value,
        take: &mut dyn FnMut(&mut Self, Value) -> Outcome<()>,
    ) -> Outcome<()> {
        let (Stream::One(first) | Stream::Each(first, _)) = stream;
        let result = match self.eval(first, input) {
            Err(Exit::Empty) => return Ok(()),
            result => result?,
        };
        match stream {
            Stream::One(_) => take(self, result),
            Stream::Each(_, rest) => self.each_element(result, rest, take),
        }
    }

    fn each_element(
        &mut self,
        of: Value,
        stream: &Stream,
        take: &mut dyn FnMut(&mut Self, Value) -> Outcome<()>,
    ) -> Outcome<()> {
        match of {
            Value::Node(at) if matches!(self.document.node(at).kind, Kind::Array | Kind::Object) => {
                let document = self.document;
                document.children(at).try_for_each(|(child, _)| self.each(stream, Value::Node(child), take))
            }
            Value::Fields(start, end) => (start..end).try_for_each(|at| {
                let value = self.fields[at as usize].value;
                self.each(stream, value, take)
            }),
            _ => Err(Exit::Unsure),
        }
    }

    /// The name that the program for the output gives a result: a string or null.
    pub fn name(&mut self, program: &Expr, result: Value) -> Outcome {
        match self.eval(program, result) {
            Err(Exit::Empty) => Ok(Value::Null),
            Ok(name) if self.kind(name) == Kind::Null => Ok(Value::Null),
            Ok(name) => self.plain(name),
            Err(Exit::Unsure) => Err(Exit::Unsure),
        }
    }

    pub fn eval(&mut self, expr: &Expr, input: Value) -> Outcome {
        match expr {
            Expr::Input => Ok(input),
            Expr::Empty => Err(Exit::Empty),
            Expr::Value(value) => Ok(*value),
            Expr::Path(parts) => parts.iter().try_fold(input, |value, part| self.part(value, part)),
            Expr::Pipe(left, right) => {
                let value = self.eval(left, input)?;
                self.eval(right, value)
            }
            Expr::If(condition, then, otherwise) => {
                let condition = self.eval(condition, input)?;
                self.eval(if self.is_true(condition) { then } else { otherwise }, input)
            }
            Expr::Logic(left, decides, right) => {
                let left = self.eval(left, input)?;
                if self.is_true(left) == *decides {
                    return Ok(Value::Bool(*decides));
                }
                let right = self.eval(right, input)?;
                Ok(Value::Bool(self.is_true(right)))
            }
            Expr::Alternative(left, right) => match self.eval(left, input) {
                Ok(value) if self.is_true(value) => Ok(value),
                Err(Exit::Unsure) => Err(Exit::Unsure),
                Ok(_) | Err(Exit::Empty) => self.eval(right, input),
            },
            Expr::Math(left, math, right) => {
                let left = self.eval(left, input)?;
                let right = self.eval(right, input)?;
                self.math(left, *math, right)
            }
            Expr::Compare(left, compare, right) => {
                let left = self.eval(left, input)?;
                let right = self.eval(right, input)?;
                self.compare(left, *compare, right)
            }
            Expr::Object(fields) => self.object(fields, input),
            Expr::Join(parts) => self.join(parts, input),
            Expr::Update(paths, change) => self.update_all(paths, change, input),
            Expr::Call(function, argument) => {
                let argument = self.eval(argument, input)?;
                self.call(*function, argument)
            }
            Expr::Affix(end, affix) => {
                let affix = self.eval(affix, input)?;
                self.has_affix(input, *end, affix)
            }
        }
    }

    fn part(&self, value: Value, part: &Part) -> Outcome {
        if self.kind(value) == Kind::Null {
            return Ok(Value::Null);
        }
        let found = match part.index {
            Index::Key(key) => self.field(value, key),
            Index::Element(place) => self.element(value, place),
        };
        match found {
            Err(Exit::Unsure) if part.optional && self.kind(value) != Kind::Object => Err(Exit::Empty),
            found => found,
        }
    }

    /// The value of a key; null where it is missing.
    fn field(&self, value: Value, key: u32) -> Outcome {
        Ok(self.place(value, key)?.map_or(Value::Null, |(_, value)| value))
    }

    /// Which field of an object has this key, and its value.
    pub fn place(&self, object: Value, key: u32) -> Outcome<Option<(usize, Value)>> {
        let wanted = &self.plan.keys[key as usize];
        let (place, key, value) = match object {
            Value::Node(at) if self.document.node(at).kind == Kind::Object => {
                let mut fields = self.document.children(at).enumerate();
                match fields.find(|(_, (_, node))| node.fingerprint == wanted.fingerprint) {
                    Some((place, (at, _))) => (place, Key::Node(at), Value::Node(at)),
                    None => return Ok(None),
                }
            }
            Value::Fields(start, end) => {
                let mut fields = self.fields[start as usize..end as usize].iter().enumerate();
                match fields.find(|(_, field)| field.fingerprint == wanted.fingerprint) {
                    Some((place, field)) => (place, field.key, field.value),
                    None => return Ok(None),
                }
            }
            _ => return Err(Exit::Unsure),
        };
        if self.key(key) == wanted.text { Ok(Some((place, value))) } else { Err(Exit::Unsure) }
    }

    fn element(&self, value: Value, place: i64) -> Outcome {
        match value {
            Value::Node(at) if self.document.node(at).kind == Kind::Array => {
                let count = if place < 0 { self.document.children(at).count() as i64 } else { 0 };
                let place = usize::try_from(place + count).ok();
                let found = place.and_then(|place| self.document.children(at).nth(place));
                Ok(found.map_or(Value::Null, |(at, _)| Value::Node(at)))
            }
            _ => Err(Exit::Unsure),
        }
    }

    fn object(&mut self, fields: &[(u32, Expr)], input: Value) -> Outcome {
        let values = self.eval_all(fields.iter().map(|(_, value)| value), input)?;
        let start = self.fields.len();
        for ((key, _), value) in fields.iter().zip(&self.waiting[values..]) {
            let fingerprint = self.plan.keys[*key as usize].fingerprint;
            self.fields.push(Field { key: Key::Plan(*key), fingerprint, value: *value });
        }
        self.waiting.truncate(values);
        Ok(self.fields_from(start))
    }

    fn join(&mut self, parts: &[Expr], input: Value) -> Outcome {
        let values = self.eval_all(parts, input)?;
        let start = self.made.len();
        for at in values..self.waiting.len() {
            self.append(self.waiting[at])?;
        }
        self.waiting.truncate(values);
        Ok(self.text_from(start))
    }

    /// Evaluates each expression, then leaves the values waiting; from where on.
    fn eval_all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>, input: Value) -> Outcome<usize> {
        let start = self.waiting.len();
        for expr in exprs {
            match self.eval(expr, input) {
                Ok(value) => self.waiting.push(value),
                Err(exit) => {
                    self.waiting.truncate(start);
                    return Err(exit);
                }
            }
        }
        Ok(start)
    }

    fn call(&mut self, function: Function, value: Value) -> Outcome {
        let start = self.made.len();
        match function {
            Function::Not => Ok(Value::Bool(!self.is_true(value))),
            Function::Length => self.length(value),
            Function::Type => Ok(Value::Literal(self.kind(value) as u32)),
            Function::ToString if self.kind(value) == Kind::String => Ok(value),
            Function::ToString => {
                self.append(value)?;
                Ok(self.text_from(start))
            }
            Function::ToNumber if self.kind(value) == Kind::Number => Ok(value),
            Function::ToNumber => {
                let text = self.plain(value)?;
                self.string(text).and_then(number::whole).map(Value::Int).ok_or(Exit::Unsure)
            }
            Function::Downcase | Function::Upcase if self.kind(value) == Kind::String => {
                self.append(value)?;
                let made = &mut self.made[start..];
                match function {
                    Function::Downcase => made.make_ascii_lowercase(),
                    _ => made.make_ascii_uppercase(),
                }
                Ok(self.text_from(start))
            }
            Function::Downcase | Function::Upcase => Err(Exit::Unsure),
            Function::Has(key) if self.kind(value) == Kind::Object => {
                Ok(Value::Bool(self.place(value, key)?.is_some()))
            }
            Function::Has(_) => Err(Exit::Unsure),
        }
    }

    fn has_affix(&mut self, text: Value, end: End, affix: Value) -> Outcome {
        let (text, affix) = (self.plain(text)?, self.plain(affix)?);
        let text = self.string(text).ok_or(Exit::Unsure)?;
        let affix = self.string(affix).ok_or(Exit::Unsure)?;
        Ok(Value::Bool(match end {
            End::Start => text.starts_with(affix),
            End::End => text.ends_with(affix),
        }))
    }

    fn length(&mut self, value: Value) -> Outcome {
        let length = match self.kind(value) {
            Kind::Null => 0,
            Kind::String => {
                let text = self.plain(value)?;
                self.string(text).unwrap_or_default().chars().count()
            }
            Kind::Array | Kind::Object => match value {
                Value::Node(at) => self.document.children(at).count(),
                Value::Fields(start, end) => (end - start) as usize,
                _ => return Err(Exit::Unsure),
            },
            Kind::Bool | Kind::Number => return Err(Exit::Unsure),
        };
        Ok(Value::Int(length as i64))
    }
}
