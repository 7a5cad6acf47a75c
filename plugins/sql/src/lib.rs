//! `sql` filters, projects, routes and unfolds JSON records with SQL, compiled once.
//!
//! See `README.md` for the configuration, and `docs/sql.md` for the language.

use std::borrow::Cow;

use json_sql::{Change, Input, Memory, Nulls, Query, Row};
use serde::Deserialize;
use sluicebox_plugin::{Bytes, Emit, Error, Fields, Plugin, Record, Stage, Verdict, emit, log};

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    query: String,
    #[serde(default)]
    nulls: NullResults,
    #[serde(default)]
    tombstones: Tombstones,
}

/// How results that are NULL are written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NullResults {
    #[default]
    Keep,
    Omit,
}

/// What becomes of a record without a value.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tombstones {
    #[default]
    Keep,
    Drop,
    Reject,
}

/// The plugin.
#[derive(Debug)]
pub struct Sql {
    query: Query,
    /// The output of each statement; none: on to the next stage.
    outputs: Vec<Option<String>>,
    tombstones: Tombstones,
    /// What the last record became; its memory stays.
    memory: Memory,
}

impl Plugin for Sql {
    type Config = Config;
    const NEEDS: Fields = Fields::ALL;

    fn init(config: Config, stage: &Stage) -> Result<Self, Error> {
        let nulls = match config.nulls {
            NullResults::Keep => Nulls::Keep,
            NullResults::Omit => Nulls::Omit,
        };
        let query = Query::compile(&config.query, nulls).map_err(|error| format!("config.query: {error}"))?;
        for warning in query.warnings() {
            log::warn(format_args!("config.query: {warning}"));
        }
        let mut outputs = Vec::new();
        for output in query.outputs() {
            if let Some((name, place)) = output {
                let at = format!("config.query: line {}, column {}", place.line, place.column);
                stage.check_output(name).map_err(|error| format!("{at}: {error}"))?;
            }
            outputs.push(output.map(|(name, _)| name.to_owned()));
        }
        Ok(Sql { query, outputs, tombstones: config.tombstones, memory: Memory::default() })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let needs = self.query.needs();
        let value = record.value();
        if needs.value && value.is_none() {
            return Ok(match self.tombstones {
                Tombstones::Keep => Verdict::Keep,
                Tombstones::Drop => Verdict::Drop,
                Tombstones::Reject => Verdict::Reject(Cow::Borrowed("the value is null")),
            });
        }
        let source = if needs.source { record.source() } else { None };
        let headers: Vec<_> = if needs.headers { record.headers().collect() } else { Vec::new() };
        let input = Input {
            value,
            key: record.key(),
            timestamp: record.timestamp(),
            topic: source.map_or("", |source| source.topic),
            partition: source.map_or(0, |source| source.partition),
            offset: source.map_or(0, |source| source.offset),
            headers: &headers,
        };
        self.query.run(&input, &mut self.memory)?;
        Ok(match self.memory.rows() {
            [] => Verdict::Drop,
            [row] if self.outputs[row.statement].is_none() && is_unchanged(row, &self.memory) => Verdict::Keep,
            [row] => self.emits(row, record).into(),
            rows => Verdict::EmitAll(rows.iter().map(|row| self.emits(row, record)).collect()),
        })
    }

    fn needs(&self) -> Fields {
        let needs = self.query.needs();
        let fields = [
            (needs.value, Fields::VALUE),
            (needs.key, Fields::KEY),
            (needs.timestamp, Fields::TIMESTAMP),
            (needs.source, Fields::SOURCE),
            (needs.headers, Fields::HEADERS),
        ];
        fields.iter().filter(|(needed, _)| *needed).fold(Fields::NONE, |all, (_, field)| all.and(*field))
    }
}

fn is_unchanged(row: &Row, memory: &Memory) -> bool {
    row.value == Change::Inherit
        && row.key == Change::Inherit
        && row.timestamp.is_none()
        && memory.headers(row).is_empty()
}

impl Sql {
    fn emits<'a>(&'a self, row: &Row, record: &Record<'a>) -> Emit<'a> {
        let mut made = emit();
        made.output = self.outputs[row.statement].as_deref().map(Cow::Borrowed);
        made.value = self.change(&row.value);
        made.key = self.change(&row.key);
        made.timestamp = row.timestamp;
        let set = self.memory.headers(row);
        if !set.is_empty() {
            let name = |number: usize| self.query.header(row.statement, number);
            let mut headers: Vec<(Cow<'a, str>, Bytes<'a>)> = record
                .headers()
                .filter(|(other, _)| !set.iter().any(|(number, _)| name(*number) == *other))
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
            // One that is set to NULL is left out.
            for (number, change) in set {
                if let Some(value) = self.memory.bytes(change) {
                    headers.push((name(*number).into(), value.into()));
                }
            }
            made.headers = Some(headers);
        }
        made
    }

    fn change<'a>(&'a self, change: &Change) -> sluicebox_plugin::Change<'a> {
        match change {
            Change::Inherit => sluicebox_plugin::Change::Inherit,
            Change::Null => sluicebox_plugin::Change::Null,
            set => self
                .memory
                .bytes(set)
                .map_or(sluicebox_plugin::Change::Null, |bytes| sluicebox_plugin::Change::Set(bytes.into())),
        }
    }
}

sluicebox_plugin::export!(Sql);

#[cfg(test)]
mod tests;
