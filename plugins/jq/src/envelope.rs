//! The record around the value, as a program sees it.

use std::cell::OnceCell;

use sluicebox_plugin::{Fields, Record};

use crate::plan::RecordPart;
use crate::run::Exit;
use crate::value::{Object, Source, Value};

/// A record beside its value.
pub(crate) struct Envelope<'r> {
    record: &'r Record<'r>,
    /// `$headers`, once they have been asked for.
    headers: OnceCell<Value>,
}

impl<'r> Envelope<'r> {
    pub fn new(record: &'r Record<'r>) -> Envelope<'r> {
        Envelope { record, headers: OnceCell::new() }
    }

    /// What a variable says.
    pub fn part(&self, part: RecordPart, source: Source<'_>) -> Result<Value, Exit> {
        Ok(match part {
            RecordPart::Key => match self.record.key() {
                Some(key) => text(key, "$key")?,
                None => Value::Null,
            },
            RecordPart::Headers => match self.headers.get() {
                Some(headers) => headers.clone(),
                None => {
                    let mut headers = Object::default();
                    for (name, value) in self.record.headers() {
                        headers.set(source, Value::string(name), header(name, value)?);
                    }
                    self.headers.get_or_init(|| Value::object(headers)).clone()
                }
            },
            RecordPart::Timestamp => number(self.record.timestamp()),
            RecordPart::Topic => self.record.source().map_or(Value::Null, |source| Value::string(source.topic)),
            RecordPart::Partition => number(self.record.source().map(|source| i64::from(source.partition))),
            RecordPart::Offset => number(self.record.source().map(|source| source.offset)),
        })
    }

    /// `$headers.NAME`, whatever the other headers are: the last one of the name.
    pub fn header(&self, name: &str) -> Result<Value, Exit> {
        let last = self.record.headers().filter(|(other, _)| *other == name).last();
        last.map_or(Ok(Value::Null), |(name, value)| header(name, value))
    }
}

fn header(name: &str, value: Option<&[u8]>) -> Result<Value, Exit> {
    value.map_or(Ok(Value::Null), |value| text(value, &format!("the header {name}")))
}

fn text(bytes: &[u8], name: &str) -> Result<Value, Exit> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Value::string(text)),
        Err(_) => Err(Exit::error(format!("{name} is not UTF-8, and cannot be used as text"))),
    }
}

fn number(number: Option<i64>) -> Value {
    number.map_or(Value::Null, |number| Value::Number(number as f64))
}

/// What a plugin has to ask for, so that a program sees these parts.
pub(crate) fn fields(parts: &[RecordPart]) -> Fields {
    parts.iter().fold(Fields::NONE, |fields, part| {
        fields.and(match part {
            RecordPart::Key => Fields::KEY,
            RecordPart::Headers => Fields::HEADERS,
            RecordPart::Timestamp => Fields::TIMESTAMP,
            RecordPart::Topic | RecordPart::Partition | RecordPart::Offset => Fields::SOURCE,
        })
    })
}
