//! A query: its statements, run on one record after the other.

use sqlparser::ast::Statement as SqlStatement;
use sqlparser::parser::{Parser, ParserError};

use crate::arena::Arena;
use crate::cache::Cache;
use crate::columns::{Cells, Columns, Field, Order};
use crate::dialect::JsonSqlDialect;
use crate::error::{Place, QueryError, suggestion};
use crate::functions::Scope;
use crate::input::{Input, Needs};
use crate::machine::Frame;
use crate::program::{Constant, Program};
use crate::refuse;
use crate::row::Memory;
use crate::statement::{self, Statement};
use crate::tokens;
use crate::value::Value;
use crate::warning::{QueryWarning, Warnings};
use crate::writer::Writer;

/// How deep brackets lie inside one another.
const MAX_BRACKETS: usize = 50;
/// The most statements of a query.
const MAX_STATEMENTS: usize = 100;
/// Words that are often misspelt.
const WORDS: [&str; 20] = [
    "SELECT", "INSERT", "INTO", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "CASE", "WHEN",
    "THEN", "ELSE", "END", "CAST", "EXCEPT", "REPLACE",
];

/// How a result that is NULL is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nulls {
    /// As `null`.
    #[default]
    Keep,
    /// Not at all.
    Omit,
}

/// A query that has been compiled.
#[derive(Debug)]
pub struct Query {
    pub(crate) statements: Vec<Statement>,
    pub(crate) columns: Columns,
    pub(crate) nulls: Nulls,
    pub(crate) needs: Needs,
    pub(crate) warnings: Vec<QueryWarning>,
}

impl Query {
    /// Compiles a query: one SELECT, or several statements with `;` between them.
    ///
    /// # Errors
    /// What cannot be read or is not available, with its place.
    pub fn compile(text: &str, nulls: Nulls) -> Result<Query, QueryError> {
        compile(text, nulls).map_err(|error| error.of(text))
    }

    /// What the query says and most likely does not mean.
    pub fn warnings(&self) -> &[QueryWarning] {
        &self.warnings
    }

    /// What of a record the query reads.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// The outputs that the statements name, in their order, with the places of the names; none of a statement
    /// whose records go on.
    pub fn outputs(&self) -> impl Iterator<Item = Option<(&str, Place)>> {
        self.statements.iter().map(|statement| statement.output.as_deref().map(|name| (name, statement.place)))
    }

    /// The name of a header that a statement sets.
    pub fn header(&self, statement: usize, number: usize) -> &str {
        &self.statements[statement].headers[number].0
    }

    /// Runs the query on a record. What it makes of it is in the memory afterwards; nothing where the record does
    /// not fit.
    ///
    /// # Errors
    /// Why the record is refused: its value is no JSON, or an expression has no value for it, which is then named.
    pub fn run(&self, input: &Input<'_>, memory: &mut Memory) -> Result<(), String> {
        memory.clear();
        let Memory { arena, cache, out, rows, fields, order, headers } = memory;
        let arena = &*arena;
        let (cells, json) = self.read(input, arena, fields, order)?;
        let scope = Scope { arena, cache };
        let mut frame = Frame::new(scope, cells, input, Vec::new());
        let mut writer = Writer { query: self, json, fields, out, rows, headers };
        for number in 0..self.statements.len() {
            writer.statement(number, &mut frame)?;
        }
        Ok(())
    }

    /// Reads the columns of a record, and the places of all fields where they are copied. Returns the text that these
    /// lie in beside the columns.
    pub(crate) fn read<'a>(
        &self,
        input: &Input<'a>,
        arena: &'a Arena,
        fields: &mut Vec<Field>,
        order: &mut Order,
    ) -> Result<(&'a Cells<'a>, &'a str), String> {
        let cells = arena.fill(self.columns.len(), None);
        if !self.needs.value {
            return Ok((cells, ""));
        }
        let value = input.value.ok_or("the value is null")?;
        let copies = self.statements.iter().any(Statement::copies_fields);
        let read = self.columns.read(value, cells, copies.then_some(fields), order);
        let (json, is_object) = read.map_err(|invalid| invalid.to_string())?;
        if !is_object && (copies || self.columns.has_fields()) {
            return Err("the value is JSON, but no object: a query reads the fields of an object".into());
        }
        Ok((cells, json))
    }
}

/// The value of a program of constants; none where it has none.
pub(crate) fn constant(program: &Program) -> Option<Constant> {
    let (arena, cache, input) = (Arena::default(), Cache::default(), Input::default());
    let scope = Scope { arena: &arena, cache: &cache };
    let frame = Frame::new(scope, &[], &input, Vec::new());
    let value: Value<'_> = program.run(&frame).ok()?;
    Some(Constant::of(&value))
}

/// The statements of a query, as the parser reads them.
pub(crate) fn parse(text: &str) -> Result<Vec<SqlStatement>, QueryError> {
    let tokens = tokens::read(text)?;
    let dialect = JsonSqlDialect::default();
    let parser = Parser::new(&dialect).with_recursion_limit(MAX_BRACKETS);
    let parsed = parser.with_tokens_with_locations(tokens).parse_statements();
    let parsed = parsed.map_err(|error| wrong(error, text))?;
    if parsed.is_empty() {
        return Err(QueryError::new(Place::default(), "the query is empty").help("write SELECT ... FROM input"));
    }
    if parsed.len() > MAX_STATEMENTS {
        let message = format!("there are {} statements; there may be {MAX_STATEMENTS}", parsed.len());
        return Err(QueryError::new(Place::default(), message));
    }
    Ok(parsed)
}

fn compile(text: &str, nulls: Nulls) -> Result<Query, QueryError> {
    let parsed = parse(text)?;
    let (mut columns, mut needs, mut statements) = (Columns::default(), Needs::default(), Vec::new());
    let mut warnings = Warnings::default();
    for statement in &parsed {
        statements.push(statement::compile(statement, &mut columns, &mut needs, &mut warnings)?);
    }
    Ok(Query { statements, columns, nulls, needs, warnings: warnings.finish() })
}

/// The parser's error with its place, which it writes at the end.
fn wrong(error: ParserError, query: &str) -> QueryError {
    let text = match error {
        ParserError::RecursionLimitExceeded => {
            let message = format!("there are more than {MAX_BRACKETS} brackets inside one another");
            return QueryError::new(Place::default(), message);
        }
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text,
    };
    let number = |text: &str| text.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok();
    let found = text.rsplit_once(" at Line: ").and_then(|(before, after)| {
        let (line, column) = after.split_once(", Column: ")?;
        Some((before, Place { line: number(line)?, column: number(column)? }))
    });
    let (message, place) = found.unwrap_or_else(|| (&text, end(query)));
    if message.starts_with("No infix parser for token ") {
        return refuse::operator(word_at(query, place), place);
    }
    let message = message.replace("Expected: ", "expected ").replace("found: ", "found ");
    let word = message.rsplit_once("found ").map_or("", |(_, word)| word);
    // What is misspelt is the word itself, or the one before it, which was then taken for a name.
    let known = |word: &str| suggestion(word, WORDS).filter(|_| word.len() > 2);
    let help = known(word).or_else(|| known(word_before(query, place)));
    let message = if word == "EOF" { message.replace("found EOF", "found the end") } else { message.clone() };
    let error = QueryError::new(place, message);
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}

/// Where a query ends.
fn end(query: &str) -> Place {
    let line = query.trim_end().lines().count().max(1) as u64;
    let column = query.trim_end().lines().last().map_or(0, |line| line.chars().count()) as u64 + 1;
    Place { line, column }
}

/// The word that begins at a place.
fn word_at(query: &str, place: Place) -> &str {
    let line = query.lines().nth(place.line.saturating_sub(1) as usize).unwrap_or_default();
    let at = line.char_indices().nth(place.column.saturating_sub(1) as usize).map_or(line.len(), |(at, _)| at);
    line[at..].split_whitespace().next().unwrap_or_default()
}

/// The word in front of a place.
fn word_before(query: &str, place: Place) -> &str {
    let line = query.lines().nth(place.line.saturating_sub(1) as usize).unwrap_or_default();
    let at = line.char_indices().nth(place.column.saturating_sub(1) as usize).map_or(line.len(), |(at, _)| at);
    line[..at].split_whitespace().last().unwrap_or_default()
}
