//! Writes what statements make of a record.

use crate::columns::Field;
use crate::copy::{Copy, comma};
use crate::failure::Failure;
use crate::functions::array;
use crate::json;
use crate::machine::{Fault, Frame};
use crate::program::Program;
use crate::query::{Nulls, Query};
use crate::row::{Change, Row};
use crate::statement::{All, Item, Named, Role, Statement};
use crate::value::Value;
use crate::write;

/// The most records that are made of one.
const MAX_ROWS: usize = 100_000;
/// The most bytes that are written for one record.
const MAX_BYTES: usize = 64 << 20;

/// Where the results of one record go.
pub(crate) struct Writer<'m, 'a> {
    pub query: &'a Query,
    /// The text that the fields lie in.
    pub json: &'a str,
    pub fields: &'m [Field],
    pub out: &'m mut Vec<u8>,
    pub rows: &'m mut Vec<Row>,
    pub headers: &'m mut Vec<(usize, Change)>,
}

/// Why a record is refused: what was being made, the expression in it, and what is wrong.
#[cold]
fn refusal(what: &str, program: &Program, fault: &Fault) -> String {
    let label = fault.label.and_then(|label| program.labels.get(label as usize));
    match label {
        Some(label) if label.place.line > 0 => {
            let place = label.place;
            format!("{what}: {} (line {}, column {}): {}", label.text, place.line, place.column, fault.failure)
        }
        Some(label) => format!("{what}: {}: {}", label.text, fault.failure),
        None => format!("{what}: {}", fault.failure),
    }
}

pub(crate) fn evaluate<'a>(what: &str, program: &'a Program, frame: &Frame<'a>) -> Result<Value<'a>, String> {
    program.run(frame).map_err(|fault| refusal(what, program, &fault))
}

impl<'a> Writer<'_, 'a> {
    /// Runs a statement.
    pub fn statement(&mut self, number: usize, frame: &mut Frame<'a>) -> Result<(), String> {
        let statement = &self.query.statements[number];
        frame.elements.clear();
        let Some(from) = &statement.from else {
            return self.filtered(number, statement, frame);
        };
        let elements = self.elements("UNNEST", from, frame)?;
        for element in elements {
            frame.elements.clear();
            frame.elements.push(*element);
            self.filtered(number, statement, frame)?;
        }
        Ok(())
    }

    /// The elements of an array; none of NULL.
    pub fn elements(&self, what: &str, program: &'a Program, frame: &Frame<'a>) -> Result<&'a [Value<'a>], String> {
        let value = evaluate(what, program, frame)?;
        if value.is_null() {
            return Ok(&[]);
        }
        array::items(&frame.scope, &value).map_err(|failure| format!("{what}: {failure}"))
    }

    /// Writes the rows of one element, or of the record where nothing is unfolded.
    pub fn filtered(&mut self, number: usize, statement: &'a Statement, frame: &mut Frame<'a>) -> Result<(), String> {
        if let Some(filter) = &statement.filter {
            match evaluate("WHERE", filter, frame)? {
                Value::Bool(true) => {}
                Value::Bool(false) | Value::Null => return Ok(()),
                other => return Err(format!("WHERE: {}", Failure::kind("boolean", &other))),
            }
        }
        if statement.unfolded.is_empty() {
            return self.row(number, statement, frame);
        }
        if frame.elements.is_empty() {
            frame.elements.push(Value::Null);
        }
        let mut arrays = Vec::with_capacity(statement.unfolded.len());
        for program in &statement.unfolded {
            arrays.push(self.elements("UNNEST", program, frame)?);
        }
        for at in 0..arrays.iter().map(|array| array.len()).max().unwrap_or(0) {
            frame.elements.truncate(1);
            frame.elements.extend(arrays.iter().map(|array| array.get(at).copied().unwrap_or(Value::Null)));
            self.row(number, statement, frame)?;
        }
        Ok(())
    }

    /// Writes one record.
    fn row(&mut self, number: usize, statement: &'a Statement, frame: &Frame<'a>) -> Result<(), String> {
        if self.rows.len() == MAX_ROWS {
            return Err(format!("the record makes more than {MAX_ROWS} records"));
        }
        let mut row = Row { statement: number, ..Row::default() };
        if !statement.keeps_value() {
            let start = self.out.len();
            self.value(statement, frame)?;
            if self.out.len() > MAX_BYTES {
                return Err("the record makes more than 64 MiB".into());
            }
            row.value = Change::Set(start..self.out.len());
        }
        if let Some(key) = &statement.key {
            let key = evaluate("__key", key, frame)?;
            row.key = self.bytes(&key).map_err(|failure| format!("__key: {failure}"))?;
        }
        if let Some(timestamp) = &statement.timestamp {
            row.timestamp = milliseconds(&evaluate("__timestamp", timestamp, frame)?)?;
        }
        row.headers.start = self.headers.len();
        for (at, (name, program)) in statement.headers.iter().enumerate() {
            let value = evaluate(name, program, frame)?;
            let change = self.bytes(&value).map_err(|failure| format!("{name}: {failure}"))?;
            self.headers.push((at, change));
        }
        row.headers.end = self.headers.len();
        self.rows.push(row);
        Ok(())
    }

    fn value(&mut self, statement: &'a Statement, frame: &Frame<'a>) -> Result<(), String> {
        self.out.push(b'{');
        for item in &statement.items {
            match item {
                Item::Field(named) => self.field(named, frame)?,
                Item::All(all) if !all.of_element => self.fields(all, frame)?,
                Item::All(All { without, replaced, .. }) => {
                    let Some(Value::Json(raw)) = frame.elements.first().copied() else {
                        return Err("UNNEST: an element is no object, so it has no fields for .*".into());
                    };
                    let mut fields = Vec::new();
                    let is_object = json::each_field(raw, |key, value| fields.push((key.into_owned(), value)));
                    is_object.ok_or("UNNEST: an element is no object, so it has no fields for .*")?;
                    for (key, value) in fields {
                        let mut quoted = Vec::new();
                        json_scan::escape(&key, &mut quoted);
                        self.copy(&String::from_utf8_lossy(&quoted), value, without, replaced, frame)?;
                    }
                }
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Copies the fields of the record, but for those that are to go or to be replaced.
    fn fields(&mut self, all: &'a All, frame: &Frame<'a>) -> Result<(), String> {
        let mut copy = Copy::of(self.json);
        for field in self.fields {
            match all.role(field.name) {
                Role::Copied => {
                    let span = |(start, end): (u32, u32)| start as usize..end as usize;
                    copy.field(span(field.key), span(field.value), self.out);
                }
                Role::Gone => {}
                Role::Replaced(by) => {
                    copy.end(self.out);
                    self.field(&all.replaced[by], frame)?;
                }
            }
        }
        copy.end(self.out);
        Ok(())
    }

    /// Copies a field as it stands, unless it is to go or to be replaced.
    fn copy(
        &mut self,
        key: &str,
        value: &str,
        without: &[String],
        replaced: &'a [Named],
        frame: &Frame<'a>,
    ) -> Result<(), String> {
        if without.iter().any(|name| says(key, name)) {
            return Ok(());
        }
        if let Some(named) = replaced.iter().find(|named| says(key, &named.name)) {
            return self.field(named, frame);
        }
        comma(self.out);
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b':');
        self.out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn field(&mut self, named: &'a Named, frame: &Frame<'a>) -> Result<(), String> {
        let omit = self.query.nulls == Nulls::Omit;
        // What is only passed on is passed on as it is written.
        if let Some(column) = named.program.as_column() {
            let raw = frame.cells[column].unwrap_or("null");
            if !(omit && raw == "null") {
                comma(self.out);
                self.out.extend_from_slice(&named.key);
                self.out.extend_from_slice(raw.as_bytes());
            }
            return Ok(());
        }
        let value = named
            .program
            .run(frame)
            .map_err(|fault| refusal(&format!("column {}", named.name), &named.program, &fault))?;
        if omit && value.is_null() {
            return Ok(());
        }
        comma(self.out);
        self.out.extend_from_slice(&named.key);
        write::json(&value, self.out).map_err(|failure| format!("column {}: {failure}", named.name))
    }

    /// A value as a key or header.
    fn bytes(&mut self, value: &Value<'_>) -> Result<Change, Failure> {
        let start = self.out.len();
        match value {
            Value::Null => return Ok(Change::Null),
            Value::Bytes(bytes) => self.out.extend_from_slice(bytes),
            Value::Text(text) => self.out.extend_from_slice(text.as_bytes()),
            other => {
                let mut text = String::new();
                write::text(other, &mut text)?;
                self.out.extend_from_slice(text.as_bytes());
            }
        }
        Ok(Change::Set(start..self.out.len()))
    }
}

/// Whether a key, as it is written with its quotes, is this name.
#[inline]
fn says(key: &str, name: &str) -> bool {
    let inside = &key[1..key.len() - 1];
    if inside.len() == name.len() {
        return inside == name;
    }
    inside.contains('\\') && {
        let mut plain = String::new();
        json_scan::unescape(inside, &mut plain);
        plain == name
    }
}

/// What a timestamp is set to; NULL leaves it.
fn milliseconds(value: &Value<'_>) -> Result<Option<i64>, String> {
    let milliseconds = match value {
        Value::Null => return Ok(None),
        Value::Int(milliseconds) => *milliseconds,
        other => match crate::time::arithmetic::moment(other) {
            Some(micros) => micros.div_euclid(1000),
            None => return Err(format!("__timestamp: {}", Failure::kind("milliseconds or a timestamp", other))),
        },
    };
    if milliseconds < 0 {
        return Err(format!("__timestamp: {milliseconds} lies before 1970, which Kafka does not take"));
    }
    Ok(Some(milliseconds))
}
