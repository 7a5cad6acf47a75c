//! `jq` rewrites JSON values with a jq program, compiled once.
//!
//! See `README.md` for the configuration.

mod fast;
mod log;
mod program;
mod read;
mod report;
mod write;

use std::ops::Range;

use jaq_json::Val;
use serde::Deserialize;
use sluicebox_plugin::{Emit, Error, Fields, Plugin, Record, Stage, Verdict, emit};

use fast::Fast;
use program::Program;

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
    /// The same programs, where they are simple enough to run without a tree.
    fast: Option<Fast>,
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
        log::connect();
        let compile = |key, code: &str| Program::compile(code).map_err(|error| format!("config.{key}: {error}"));
        Ok(Jq {
            program: compile("program", &config.program)?,
            fast: Fast::new(&config.program, config.output.as_deref()),
            output: config.output.map(|output| compile("output", &output)).transpose()?,
            written: Vec::new(),
            results: Vec::new(),
        })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let Some(json) = record.value() else { return Ok(Verdict::Keep) };
        if !self.run_fast(json) {
            self.run(json)?;
        }
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
    /// Runs the programs without a tree, if they and the record allow it.
    fn run_fast(&mut self, json: &[u8]) -> bool {
        let Some(fast) = &mut self.fast else { return false };
        self.written.clear();
        self.results.clear();
        fast.run(json, &mut self.written, |answer| {
            self.results.push(Written { span: answer.span, output: answer.output.map(str::to_owned) });
        })
    }

    fn run(&mut self, json: &[u8]) -> Result<(), Error> {
        let input = read::json(json)?;
        self.written.clear();
        self.results.clear();
        for result in self.program.run(input) {
            let result = result?;
            let start = self.written.len();
            write::json(&result, &mut self.written)?;
            let output = self.output.as_ref().map(|output| output_of(output, result)).transpose()?.flatten();
            self.results.push(Written { span: start..self.written.len(), output });
        }
        Ok(())
    }
}

/// The output that a result goes to; none: on to the next stage.
fn output_of(output: &Program, result: Val) -> Result<Option<String>, String> {
    let mut names = output.run(result);
    let name = names.next().transpose().map_err(|error| format!("output: {error}"))?;
    if names.next().is_some() {
        return Err("output: it names several outputs for one result; it must name one, or none with null".into());
    }
    match name {
        None | Some(Val::Null) => Ok(None),
        Some(Val::TStr(name)) => Ok(Some(String::from_utf8_lossy(&name).into_owned())),
        Some(other) => Err(format!("output: expected a string or null, found {other}")),
    }
}

sluicebox_plugin::export!(Jq);

#[cfg(test)]
mod tests;
