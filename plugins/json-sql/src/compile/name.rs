//! Names: fields of the record, what is beside its value, and elements that were unfolded.

use sqlparser::ast::{AccessExpr, Expr, Ident, Subscript, UnaryOperator, Value as Literal};

use super::literal::text_of;
use super::{Compiler, Operand, at, unavailable};
use crate::error::{QueryError, suggestion};
use crate::program::{Constant, Key, Source, Step};
use crate::tokens::{HEADERS, place};
use crate::value::Kind;

/// What names mean in a statement.
#[derive(Clone, Copy, Default)]
pub(crate) struct Names<'q> {
    /// What the record may be called in front of a field.
    pub table: &'q [String],
    /// The name of the elements that FROM unfolds.
    pub element: Option<&'q str>,
}

/// What is there of a record beside its fields.
const SPECIAL: [&str; 7] = ["__key", "__timestamp", "__topic", "__partition", "__offset", HEADERS, "__value"];

impl Compiler<'_, '_> {
    pub(super) fn name(&mut self, expr: &Expr) -> Result<Operand, QueryError> {
        if self.context.grouping.is_some() {
            let message = format!("{} is neither in GROUP BY nor in an aggregate", super::shown(expr));
            return Err(
                QueryError::new(at(expr), message).help("add it to GROUP BY, or say which one: min(..), max(..)")
            );
        }
        match expr {
            Expr::Identifier(name) => self.path(std::slice::from_ref(name), &[], expr),
            Expr::CompoundIdentifier(names) => self.path(names, &[], expr),
            Expr::CompoundFieldAccess { root, access_chain } => match &**root {
                Expr::Identifier(name) => self.path(std::slice::from_ref(name), access_chain, expr),
                Expr::CompoundIdentifier(names) => self.path(names, access_chain, expr),
                other => {
                    let operand = self.expression(other)?;
                    self.steps(operand, &[], access_chain, expr)
                }
            },
            other => Err(unavailable(other, "this expression is")),
        }
    }

    fn path(&mut self, names: &[Ident], chain: &[AccessExpr], expr: &Expr) -> Result<Operand, QueryError> {
        let (first, rest) = names.split_first().expect("a name has at least one part");
        let plain = first.quote_style.is_none();
        let table = self.context.names.table;
        if !rest.is_empty() && table.contains(&first.value) {
            return self.path(rest, chain, expr);
        }
        if self.context.names.element == Some(first.value.as_str()) {
            self.element(0);
            return self.steps(Operand::default(), rest, chain, expr);
        }
        if plain && first.value.starts_with("__") {
            return self.special_name(first, rest, chain, expr);
        }
        self.context.warnings.field(names);
        let mut path: Vec<String> = names.iter().map(|name| name.value.clone()).collect();
        let mut chain = chain;
        while let Some((key, after)) = chain.split_first() {
            match key_of(key) {
                Some(Key::Name(name)) => path.push(name),
                _ => break,
            }
            chain = after;
        }
        self.column(&path);
        self.steps(Operand::default(), &[], chain, expr)
    }

    fn column(&mut self, path: &[String]) {
        self.context.needs.value = true;
        let column = self.context.columns.add(path);
        self.push(Step::Column(column as u32));
    }

    fn special_name(
        &mut self,
        name: &Ident,
        rest: &[Ident],
        chain: &[AccessExpr],
        expr: &Expr,
    ) -> Result<Operand, QueryError> {
        let (needs, here) = (&mut *self.context.needs, place(name.span.start));
        let (source, kind) = match name.value.as_str() {
            "__key" => {
                needs.key = true;
                (Source::Key, None)
            }
            "__timestamp" => {
                needs.timestamp = true;
                (Source::Timestamp, Some(Kind::Int))
            }
            "__topic" | "__partition" | "__offset" => {
                needs.source = true;
                match name.value.as_str() {
                    "__topic" => (Source::Topic, Some(Kind::Text)),
                    "__partition" => (Source::Partition, Some(Kind::Int)),
                    _ => (Source::Offset, Some(Kind::Int)),
                }
            }
            "__value" => {
                self.column(&[]);
                return self.steps(Operand::default(), rest, chain, expr);
            }
            HEADERS => {
                let (Some((first, after)), true) = (chain.split_first(), rest.is_empty()) else {
                    return Err(QueryError::new(here, "name a header").help("write it like __headers['name']"));
                };
                let Some(Key::Name(header)) = key_of(first) else {
                    return Err(QueryError::new(here, "a header is named by a text").help("write __headers['name']"));
                };
                needs.headers = true;
                self.program.constants.push(Constant::Text(header));
                self.push(Step::Header(self.program.constants.len() as u32 - 1));
                return self.steps(Operand::default(), &[], after, expr);
            }
            other => {
                let error = QueryError::new(here, format!("there is no {other}"));
                let hint = suggestion(other, SPECIAL).unwrap_or_default();
                let help = format!("{hint} A field of this name is written \"{other}\", in double quotes");
                return Err(error.help(help.trim_start()));
            }
        };
        self.push(Step::Source(source));
        if let (Some(first), _) | (None, Some(first)) =
            (rest.first().map(|name| name.value.as_str()), chain.first().map(|_| "["))
        {
            return Err(QueryError::new(here, format!("{} has nothing in it, so no {first}", name.value)));
        }
        Ok(Operand::of(kind))
    }

    /// Steps into the value on the stack.
    fn steps(
        &mut self,
        operand: Operand,
        names: &[Ident],
        chain: &[AccessExpr],
        expr: &Expr,
    ) -> Result<Operand, QueryError> {
        let mut operand = operand;
        let mut path: Vec<Key> = names.iter().map(|name| Key::Name(name.value.clone())).collect();
        for access in chain {
            match key_of(access) {
                Some(key) => path.push(key),
                _ => {
                    self.flush(&mut path);
                    operand = self.subscript(access, expr)?;
                    continue;
                }
            }
            operand = Operand::default();
        }
        if !path.is_empty() {
            operand = Operand::default();
        }
        self.flush(&mut path);
        Ok(operand)
    }

    fn flush(&mut self, path: &mut Vec<Key>) {
        if !path.is_empty() {
            self.program.paths.push(std::mem::take(path));
            self.push(Step::Path(self.program.paths.len() as u32 - 1));
        }
    }

    fn subscript(&mut self, access: &AccessExpr, expr: &Expr) -> Result<Operand, QueryError> {
        match access {
            AccessExpr::Subscript(Subscript::Index { index }) => {
                self.expression(index)?;
                Ok(self.call("subscript ", 2, expr))
            }
            AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride: None }) => {
                for (bound, default) in [(lower_bound, i64::MIN), (upper_bound, i64::MAX)] {
                    match bound {
                        Some(bound) => {
                            self.expression(bound)?;
                        }
                        None => {
                            self.constant(Constant::Plain(crate::Value::Int(default)));
                        }
                    }
                }
                Ok(self.call("slice", 3, expr))
            }
            _ => {
                Err(QueryError::new(at(expr), "this step into a value is not available").help("write a.b or a['b'][0]"))
            }
        }
    }
}

/// A step that is known beforehand.
pub(crate) fn key_of(access: &AccessExpr) -> Option<Key> {
    match access {
        AccessExpr::Dot(Expr::Identifier(name)) => Some(Key::Name(name.value.clone())),
        AccessExpr::Subscript(Subscript::Index { index }) => match index {
            Expr::Value(value) => match &value.value {
                Literal::Number(digits, _) => digits.parse().ok().map(Key::Index),
                other => text_of(other).map(Key::Name),
            },
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
                Expr::Value(value) => match &value.value {
                    Literal::Number(digits, _) => digits.parse::<i64>().ok().map(|index| Key::Index(-index)),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}
