//! `set` sets the key, headers and timestamp of records, from fields of their JSON value or to fixed text.
//!
//! See `README.md` for the configuration.

mod config;
mod time;

use std::borrow::Cow;

use config::{From, Timestamp};
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
            && let Some(key) = found(key, record)?
        {
            emit = emit.key(key);
        }
        if !self.headers.is_empty() {
            emit = self.with_headers(emit, record)?;
        }
        if let Some(timestamp) = &self.timestamp
            && let Some(json) = record.value()
            && let Some(value) = json_scan::find(json, &timestamp.field)?.filter(|value| value.kind() != Kind::Null)
        {
            let milliseconds = value.text().and_then(|text| time::milliseconds(&text, timestamp.unit));
            emit =
                emit.timestamp(milliseconds.ok_or_else(|| {
                    format!("timestamp: expected {}, found {}", timestamp.unit.describe(), value.raw())
                })?);
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
            // A record without a value keeps the header that it has.
            if let Some(value) = found(from, record)? {
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

/// What is to be set: null where a field is null or missing. None where the record has no value to look into.
fn found<'a>(from: &'a From, record: &Record<'a>) -> Result<Option<Bytes<'a>>, Error> {
    let field = match from {
        From::Value(text) => return Ok(Some(text.as_bytes().into())),
        From::Field(field) => field,
    };
    let Some(json) = record.value() else { return Ok(None) };
    Ok(Some(bytes(json, field)?))
}

/// A field as bytes: a string says what it says, anything else is written as in the record.
fn bytes<'a>(json: &'a [u8], field: &Path) -> Result<Bytes<'a>, Error> {
    let Some(value) = json_scan::find(json, field)? else { return Ok(Bytes::NULL) };
    Ok(match (value.kind(), value.string()) {
        (Kind::Null, _) => Bytes::NULL,
        (_, Some(Cow::Borrowed(text))) => text.as_bytes().into(),
        (_, Some(Cow::Owned(text))) => text.into_bytes().into(),
        (_, None) => value.raw().as_bytes().into(),
    })
}

sluicebox_plugin::export!(Set);

#[cfg(test)]
mod tests;
