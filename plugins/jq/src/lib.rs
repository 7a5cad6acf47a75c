//! `jq` rewrites JSON values with a jq program, compiled once.
//!
//! See `README.md` for the configuration.

mod functions;
mod plan;
mod run;
mod syntax;
mod value;

use std::cell::RefCell;
use std::ops::Range;

use functions::regex::Cache;
use json_scan::Document;
use plan::{Program, RecordPart};
use run::{Exit, Machine};
use serde::Deserialize;
use sluicebox_plugin::{Emit, Error, Fields, Plugin, Record, Stage, Verdict, emit};
use value::{Source, Value};

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    program: String,
    output: Option<String>,
}

/// The plugin.
pub struct Jq {
    program: Program,
    output: Option<Program>,
    /// The record's values, and the text of one that a document cannot hold.
    document: Document,
    regexes: RefCell<Cache>,
    /// The results on the last record, one behind the other; its memory stays.
    written: Vec<u8>,
    results: Vec<Written>,
}

/// A result: where it is written, and the output it goes to.
struct Written {
    span: Range<usize>,
    output: Option<String>,
}

impl Plugin for Jq {
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE;

    fn init(config: Config, _stage: &Stage) -> Result<Self, Error> {
        let compile = |key, code: &str| plan::compile(code).map_err(|error| format!("config.{key}: {error}"));
        Ok(Jq {
            program: compile("program", &config.program)?,
            output: config.output.map(|output| compile("output", &output)).transpose()?,
            document: Document::default(),
            regexes: RefCell::default(),
            written: Vec::new(),
            results: Vec::new(),
        })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let Some(json) = record.value() else { return Ok(Verdict::Keep) };
        self.run(json)?;
        let emits = |result: &'a Written| -> Emit<'a> {
            let emit = emit().value(&self.written[result.span.clone()]);
            match &result.output {
                Some(output) => emit.to(output),
                None => emit,
            }
        };
        Ok(match self.results.as_slice() {
            [] => Verdict::Drop,
            [result] => emits(result).into(),
            results => Verdict::EmitAll(results.iter().map(emits).collect()),
        })
    }
}

impl Jq {
    fn run(&mut self, json: &[u8]) -> Result<(), Error> {
        let (text, is_held) = match self.document.read(json) {
            Some(text) => (text, true),
            None => {
                json_scan::validate(json)?;
                (std::str::from_utf8(json)?, false)
            }
        };
        let source = Source { document: &self.document, text };
        let input = if is_held { source.node(0) } else { value::parse(source, text)? };
        let (written, results) = (&mut self.written, &mut self.results);
        written.clear();
        results.clear();
        let record = |_: RecordPart| Ok(Value::Null);
        let machine = Machine::new(&self.program, source, &record, &self.regexes);
        let names = self.output.as_ref().map(|output| Machine::new(output, source, &record, &self.regexes));
        let outcome = machine.run(input, &mut |result| {
            let start = written.len();
            source.write(&result, written);
            let output = names.as_ref().map(|names| output_of(names, result)).transpose()?.flatten();
            results.push(Written { span: start..written.len(), output });
            Ok(())
        });
        outcome.map_err(|exit| words(source, exit).into())
    }
}

/// The output that a result goes to; none: on to the next stage.
fn output_of(names: &Machine<'_>, result: Value) -> Result<Option<String>, Exit> {
    let mut found: Option<Value> = None;
    let outcome = names.run(result, &mut |name| match found.replace(name) {
        None => Ok(()),
        Some(_) => Err(Exit::error("it names several outputs for one result; it must name one, or none with null")),
    });
    outcome.map_err(|exit| Exit::error(format!("output: {}", words(names.source, exit))))?;
    match found {
        None | Some(Value::Null) => Ok(None),
        Some(name) => match names.source.str(&name) {
            Some(name) => Ok(Some(name.to_owned())),
            None => {
                let found = names.source.json(&name);
                Err(Exit::error(format!("output: expected a string or null, found {found}")))
            }
        },
    }
}

/// Why a program ended, for people.
fn words(source: Source<'_>, exit: Exit) -> String {
    match exit {
        Exit::Error(error) => run::describe(source, &error),
        Exit::Passing(exit) => words(source, *exit),
        Exit::Empty | Exit::Break(_) => "break".to_owned(),
    }
}

sluicebox_plugin::export!(Jq);

#[cfg(test)]
mod tests;
