//! What a query may say by PostgreSQL's rules, and most likely does not mean.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use sqlparser::ast::{BinaryOperator, Expr, Ident};

use crate::compile::{at, shown};
use crate::error::Place;
use crate::tokens::place;

/// What ksqlDB has beside a record's columns, and where it is here.
const PSEUDO_COLUMNS: [(&str, &str); 6] = [
    ("ROWTIME", "the record's timestamp is __timestamp"),
    ("ROWKEY", "the record's key is __key"),
    ("ROWPARTITION", "the record's partition is __partition"),
    ("ROWOFFSET", "the record's offset is __offset"),
    ("WINDOWSTART", "there are no windows"),
    ("WINDOWEND", "there are no windows"),
];

/// Something that a query says and most likely does not mean, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryWarning {
    place: Place,
    message: String,
}

impl QueryWarning {
    /// Where it is.
    pub fn place(&self) -> Place {
        self.place
    }

    /// What it is, and what to write.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// One line: where and what.
impl fmt::Display for QueryWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.place.line, self.place.column, self.message)
    }
}

/// What is noticed while a query is compiled.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    /// By line and column.
    found: BTreeMap<(u64, u64), String>,
    /// How often each field is named.
    names: HashMap<String, u32>,
    quoted: Vec<Quoted>,
}

/// A name in double quotes where a text is more likely.
#[derive(Debug)]
struct Quoted {
    name: String,
    place: Place,
    /// What the record is called.
    table: String,
}

impl Warnings {
    /// Takes note of a field of the record that is read.
    pub fn field(&mut self, path: &[Ident]) {
        let Some(first) = path.first() else { return };
        self.name(&first.value);
        let pseudo = PSEUDO_COLUMNS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&first.value));
        if let (1, None, Some((_, instead))) = (path.len(), first.quote_style, pseudo) {
            let name = &first.value;
            let message = format!("{name} is a field of the value: {instead}; for the field write \"{name}\"");
            self.add(place(first.span.start), message);
        }
    }

    /// Takes note of a field that is named.
    pub fn name(&mut self, name: &str) {
        *self.names.entry(name.to_owned()).or_default() += 1;
    }

    /// Takes note of what something is compared with. Both are as they are written.
    pub fn compared(&mut self, left: &Expr, right: &Expr, table: Option<&String>) {
        let Expr::Identifier(Ident { value, quote_style: Some('"'), span }) = right else { return };
        // A text is on the left already, or a name that has to be in quotes: then these are known.
        let is_certain = match left {
            Expr::Value(_) | Expr::TypedString(_) => true,
            Expr::Identifier(name) => needs_quotes(name),
            Expr::CompoundIdentifier(names) => names.last().is_some_and(needs_quotes),
            _ => false,
        };
        if !is_certain {
            let table = table.map_or("input", String::as_str).to_owned();
            self.quoted.push(Quoted { name: value.clone(), place: place(span.start), table });
        }
    }

    /// Takes note of `->` or `->>`, `expr` being the whole.
    pub fn arrow(&mut self, operator: &str, left: &Expr, right: &Expr, expr: &Expr) {
        let Some((field, is_array)) = bare(right) else { return };
        let (whole, text) = (shown(expr), field.value.replace('\'', "''"));
        let instead = match dotted(left).filter(|_| operator == "->") {
            Some(left) => format!("{left}.{}", shown(right)),
            None => format!("{operator} '{text}'"),
        };
        let count = if is_array { " (elements count from 0)" } else { "" };
        let message = format!(
            "{whole} takes the name from the field {field}: write {instead}{count}, or {operator} ({}) if that is meant",
            shown(right)
        );
        // Of several in a row the last one says it of all.
        self.add(at(expr), message);
    }

    fn add(&mut self, place: Place, message: String) {
        self.found.insert((place.line, place.column), message);
    }

    /// All warnings, in the order of the query.
    pub fn finish(mut self) -> Vec<QueryWarning> {
        let mut suspects: HashMap<&str, u32> = HashMap::new();
        self.quoted.iter().for_each(|quoted| *suspects.entry(&quoted.name).or_default() += 1);
        for Quoted { name, place, table } in &self.quoted {
            // A name that stands elsewhere, too, is a field.
            if self.names.get(name).is_none_or(|times| *times <= suspects[name.as_str()]) {
                let (text, name) = (name.replace('\'', "''"), name.replace('"', "\"\""));
                let message = format!(
                    "\"{name}\" is a field: a text has single quotes, '{text}'; for the field write {table}.\"{name}\""
                );
                self.found.insert((place.line, place.column), message);
            }
        }
        self.found
            .into_iter()
            .map(|((line, column), message)| QueryWarning { place: Place { line, column }, message })
            .collect()
    }
}

fn needs_quotes(name: &Ident) -> bool {
    let begins_with_digit = name.value.starts_with(|c: char| c.is_ascii_digit());
    let has_others = name.value.chars().any(|c| !c.is_alphanumeric() && c != '_');
    name.quote_style.is_some() && (begins_with_digit || has_others)
}

/// The field that an expression is, and whether an element of it is meant; none where it begins with `__` or is more.
fn bare(expr: &Expr) -> Option<(&Ident, bool)> {
    let (name, is_array) = match expr {
        Expr::Identifier(name) => (name, false),
        Expr::CompoundFieldAccess { root, .. } => match &**root {
            Expr::Identifier(name) => (name, true),
            _ => return None,
        },
        _ => return None,
    };
    (!name.value.starts_with("__")).then_some((name, is_array))
}

/// A path as it is written with dots; none where it begins with something else than a field.
fn dotted(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => dotted(inner),
        Expr::CompoundIdentifier(_) => Some(shown(expr)),
        Expr::BinaryOp { left, op: BinaryOperator::Arrow, right } => {
            bare(right)?;
            Some(format!("{}.{}", dotted(left)?, shown(&**right)))
        }
        other => bare(other).map(|_| shown(other)),
    }
}
