//! What the configuration sets of a record beside its value: an expression for each, evaluated on each result.

use std::cell::RefCell;
use std::ops::Range;

use serde::Deserialize;
use sluicebox_plugin::{Bytes, Emit, Fields, Record};

use crate::envelope::{self, Envelope};
use crate::functions::regex::Cache;
use crate::plan::{self, Program, RecordPart};
use crate::run::{Exit, Machine};
use crate::value::{Source, Value};
use crate::words;

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    program: String,
    output: Option<String>,
    key: Option<String>,
    headers: Option<String>,
    timestamp: Option<String>,
}

/// The compiled programs of a stage.
pub(crate) struct Programs {
    pub program: Program,
    output: Option<Program>,
    key: Option<Program>,
    headers: Option<Program>,
    timestamp: Option<Program>,
}

/// What is set of a record; the bytes lie in a buffer.
#[derive(Debug, Default)]
pub(crate) struct Set {
    output: Option<String>,
    /// The key; none within is null.
    key: Option<Option<Range<usize>>>,
    /// Headers by their names; none is to be removed.
    headers: Vec<(String, Option<Range<usize>>)>,
    timestamp: Option<i64>,
}

/// What the programs run with.
#[derive(Clone, Copy)]
pub(crate) struct Context<'r> {
    pub source: Source<'r>,
    pub envelope: &'r Envelope<'r>,
    pub regexes: &'r RefCell<Cache>,
}

impl Programs {
    /// Compiles what the configuration says. The error names the key, the line and the column.
    pub fn compile(config: Config) -> Result<Programs, String> {
        let compile = |key, code: &str| plan::compile(code).map_err(|error| format!("config.{key}: {error}"));
        let optional = |key, code: Option<String>| code.map(|code| compile(key, &code)).transpose();
        Ok(Programs {
            program: compile("program", &config.program)?,
            output: optional("output", config.output)?,
            key: optional("key", config.key)?,
            headers: optional("headers", config.headers)?,
            timestamp: optional("timestamp", config.timestamp)?,
        })
    }

    /// The fields of a record that the programs name. Headers that are set are merged into those that are there.
    pub fn needs(&self) -> Fields {
        let optional = [&self.output, &self.key, &self.headers, &self.timestamp];
        let programs = optional.into_iter().flatten().chain([&self.program]);
        let named = programs.fold(Fields::VALUE, |fields, program| fields.and(envelope::fields(&program.needs)));
        if self.headers.is_some() { named.and(envelope::fields(&[RecordPart::Headers])) } else { named }
    }

    /// Whether the value is all that is set.
    pub fn set_nothing(&self) -> bool {
        self.output.is_none() && self.key.is_none() && self.headers.is_none() && self.timestamp.is_none()
    }

    /// What is set for a result, its bytes at the end of `written`.
    pub fn set(&self, context: Context<'_>, result: &Value, written: &mut Vec<u8>) -> Result<Set, Exit> {
        let mut set = Set::default();
        let source = context.source;
        if let Some(output) = &self.output {
            set.output = match one(context, "output", output, result)? {
                None | Some(Value::Null) => None,
                Some(name) => Some(text(source, "output", "a string or null", &name)?),
            };
        }
        if let Some(key) = &self.key {
            set.key = one(context, "key", key, result)?.map(|key| bytes(source, &key, written));
        }
        if let Some(headers) = &self.headers {
            match one(context, "headers", headers, result)? {
                None | Some(Value::Null) => {}
                Some(value) => {
                    let Some(object) = source.object(value.clone()) else {
                        return Err(wrong(source, "headers", "an object or null", &value));
                    };
                    for entry in object.entries() {
                        let name = source.str(&entry.key).unwrap_or_default().to_owned();
                        set.headers.push((name, bytes(source, &entry.value, written)));
                    }
                }
            }
        }
        if let Some(timestamp) = &self.timestamp {
            set.timestamp = match one(context, "timestamp", timestamp, result)? {
                None | Some(Value::Null) => None,
                Some(value) => match source.number(&value) {
                    Some(number) if (0.0..9.0e15).contains(&number) => Some(number as i64),
                    _ => return Err(wrong(source, "timestamp", "milliseconds since 1970, or null", &value)),
                },
            };
        }
        Ok(set)
    }
}

impl Set {
    /// The emitted record with what is set of it.
    pub fn apply<'a>(&'a self, emit: Emit<'a>, record: &Record<'a>, written: &'a [u8]) -> Emit<'a> {
        let bytes = |span: &Option<Range<usize>>| match span {
            Some(span) => Bytes::from(&written[span.clone()]),
            None => Bytes::NULL,
        };
        let mut emit = match &self.output {
            Some(output) => emit.to(output),
            None => emit,
        };
        if let Some(key) = &self.key {
            emit = emit.key(bytes(key));
        }
        if let Some(timestamp) = self.timestamp {
            emit = emit.timestamp(timestamp);
        }
        if self.headers.is_empty() {
            return emit;
        }
        let is_left = |name: &str| !self.headers.iter().any(|(set, _)| set == name);
        let emit = emit.headers(record.headers().filter(|(name, _)| is_left(name)));
        let set = self.headers.iter().filter(|(_, value)| value.is_some());
        set.fold(emit, |emit, (name, value)| emit.header(name, bytes(value)))
    }
}

/// The one result of a program; none where it has none.
fn one(context: Context<'_>, name: &str, program: &Program, result: &Value) -> Result<Option<Value>, Exit> {
    let machine = Machine::new(program, context.source, context.envelope, context.regexes);
    let mut found: Option<Value> = None;
    let outcome = machine.run(result.clone(), &mut |value| match found.replace(value) {
        None => Ok(()),
        Some(_) => Err(Exit::error("it has several results for one record; it must have one, or none")),
    });
    match outcome {
        Ok(()) => Ok(found),
        Err(exit) => Err(Exit::error(format!("{name}: {}", words(context.source, exit)))),
    }
}

/// Appends a string as its bytes, anything else as JSON; null is none.
fn bytes(source: Source<'_>, value: &Value, written: &mut Vec<u8>) -> Option<Range<usize>> {
    let start = written.len();
    match source.str(value) {
        Some(text) => written.extend_from_slice(text.as_bytes()),
        None if matches!(value, Value::Null) => return None,
        None => source.write(value, written),
    }
    Some(start..written.len())
}

fn text(source: Source<'_>, name: &str, expected: &str, value: &Value) -> Result<String, Exit> {
    source.str(value).map(str::to_owned).ok_or_else(|| wrong(source, name, expected, value))
}

fn wrong(source: Source<'_>, name: &str, expected: &str, value: &Value) -> Exit {
    Exit::error(format!("{name}: expected {expected}, found {}", source.json(value)))
}
