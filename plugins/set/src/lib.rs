//! `set` sets the key, headers and timestamp of records, from fields of their JSON value or to fixed text.
//!
//! See `README.md` for the configuration.

mod config;
mod time;

use std::borrow::Cow;
use std::fmt::Display;

use config::{From, Missing, MissingTime, Timestamp};
use json_scan::{Kind, Path};
use sluicebox_plugin::{Bytes, Emit, Error, Fields, Plugin, Record, Stage, Verdict, emit};

pub use config::Config;

/// The plugin.
#[derive(Debug)]
pub struct Set {
    key: Option<From>,
    headers: Vec<(String, Option<From>)>,
    timestamp: Option<Timestamp>,
    tee: Option<String>,
}

impl Plugin for Set {
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE.and(Fields::HEADERS);

    fn init(config: Config, stage: &Stage) -> Result<Self, Error> {
        Ok(config.resolve(stage)?)
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let mut emit = emit();
        if let Some(key) = &self.key
            && let Some(key) = found(key, record, "key")?
        {
            emit = emit.key(key);
        }
        if !self.headers.is_empty() {
            emit = self.with_headers(emit, record)?;
        }
        if let Some(timestamp) = &self.timestamp
            && let Some(json) = record.value()
            && let Some(milliseconds) = timestamp.read(json)?
        {
            emit = emit.timestamp(milliseconds);
        }
        Ok(match &self.tee {
            Some(output) => vec![emit.clone(), emit.to(output)].into(),
            None => emit.into(),
        })
    }

    fn needs(&self) -> Fields {
        let froms = self.headers.iter().filter_map(|(_, from)| from.as_ref()).chain(&self.key);
        let reads = self.timestamp.is_some() || froms.into_iter().any(|from| matches!(from, From::Field(_)));
        let value = if reads { Fields::VALUE } else { Fields::NONE };
        if self.headers.is_empty() { value } else { value.and(Fields::HEADERS) }
    }
}

impl Set {
    /// The headers that are there, those that are set in place of any of their name.
    fn with_headers<'a>(&'a self, emit: Emit<'a>, record: &Record<'a>) -> Result<Emit<'a>, Error> {
        let mut set: Vec<(&'a str, Option<Bytes<'a>>)> = Vec::with_capacity(self.headers.len());
        for (name, from) in &self.headers {
            let Some(from) = from else {
                set.push((name, None));
                continue;
            };
            // A record without a value, or without the field, keeps the headers that it has.
            if let Some(value) = found(from, record, format_args!("header {name}"))? {
                set.push((name, value.as_slice().is_some().then_some(value)));
            }
        }
        let is_left = |name: &str| !set.iter().any(|(other, _)| *other == name);
        let emit = emit.headers(record.headers().filter(|(name, _)| is_left(name)));
        Ok(set.into_iter().fold(emit, |emit, (name, value)| match value {
            Some(value) => emit.header(name, value),
            None => emit,
        }))
    }
}

impl Timestamp {
    /// The time that a record's field says; none where the record keeps the one that it has.
    fn read(&self, json: &[u8]) -> Result<Option<i64>, Error> {
        let Some(value) = json_scan::find(json, &self.field)?.filter(|value| value.kind() != Kind::Null) else {
            return match self.missing {
                MissingTime::Keep => Ok(None),
                MissingTime::Reject => Err(missing("timestamp", &self.name)),
            };
        };
        let milliseconds = value.text().and_then(|text| time::milliseconds(&text, self.unit));
        let wrong = || format!("timestamp: expected {}, found {}", self.unit.describe(), value.raw());
        Ok(Some(milliseconds.ok_or_else(wrong)?))
    }
}

/// What is to be set; none where what is there stays. `what` it is set to, for the reason of a reject.
fn found<'a>(from: &'a From, record: &Record<'a>, what: impl Display) -> Result<Option<Bytes<'a>>, Error> {
    let field = match from {
        From::Value(text) => return Ok(Some(text.as_bytes().into())),
        From::Field(field) => field,
    };
    let Some(json) = record.value() else { return Ok(None) };
    match (bytes(json, &field.path)?, field.missing) {
        (Some(value), _) => Ok(Some(value)),
        (None, Missing::Keep) => Ok(None),
        (None, Missing::Null) => Ok(Some(Bytes::NULL)),
        (None, Missing::Reject) => Err(missing(what, &field.name)),
    }
}

/// Why a record is rejected that lacks a field.
fn missing(what: impl Display, field: &str) -> Error {
    format!("{what}: the field {field} is missing or null").into()
}

/// A field as bytes: a string says what it says, anything else is written as in the record. None where it is null or
/// missing.
fn bytes<'a>(json: &'a [u8], field: &Path) -> Result<Option<Bytes<'a>>, Error> {
    let Some(value) = json_scan::find(json, field)? else { return Ok(None) };
    Ok(match (value.kind(), value.string()) {
        (Kind::Null, _) => None,
        (_, Some(Cow::Borrowed(text))) => Some(text.as_bytes().into()),
        (_, Some(Cow::Owned(text))) => Some(text.into_bytes().into()),
        (_, None) => Some(value.raw().as_bytes().into()),
    })
}

sluicebox_plugin::export!(Set);

#[cfg(test)]
mod tests;
