//! `jq` rewrites JSON values with a jq program, compiled once.
//!
//! See `README.md` for the configuration.

mod envelope;
mod functions;
mod plan;
mod run;
mod setting;
mod syntax;
mod value;

use std::cell::RefCell;
use std::ops::Range;

use envelope::Envelope;
use functions::regex::Cache;
use json_scan::Document;
use run::{Exit, Machine};
use setting::{Context, Programs, Set};
use sluicebox_plugin::{Emit, Error, Fields, Plugin, Record, Stage, Verdict, emit};
use value::Source;

pub use setting::Config;

/// The plugin.
pub struct Jq {
    programs: Programs,
    /// The values of the last record; its memory stays.
    document: Document,
    regexes: RefCell<Cache>,
    /// What was made of the last record, one thing behind the other; its memory stays.
    written: Vec<u8>,
    results: Vec<Written>,
}

/// A result: where its value is written, and what else is set of the record.
struct Written {
    value: Range<usize>,
    /// Whether it is the record's value as it was.
    is_untouched: bool,
    set: Set,
}

impl Plugin for Jq {
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE;

    fn init(config: Config, _stage: &Stage) -> Result<Self, Error> {
        Ok(Jq {
            programs: Programs::compile(config)?,
            document: Document::default(),
            regexes: RefCell::default(),
            written: Vec::new(),
            results: Vec::new(),
        })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let Some(json) = record.value() else { return Ok(Verdict::Keep) };
        self.run(json, record)?;
        let emits = |result: &'a Written| -> Emit<'a> {
            if result.is_untouched {
                return emit();
            }
            let emit = emit().value(&self.written[result.value.clone()]);
            result.set.apply(emit, record, &self.written)
        };
        Ok(match self.results.as_slice() {
            [] => Verdict::Drop,
            [result] if result.is_untouched => Verdict::Keep,
            [result] => emits(result).into(),
            results => Verdict::EmitAll(results.iter().map(emits).collect()),
        })
    }

    fn needs(&self) -> Fields {
        self.programs.needs()
    }
}

impl Jq {
    fn run(&mut self, json: &[u8], record: &Record<'_>) -> Result<(), Error> {
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
        let envelope = Envelope::new(record);
        let context = Context { source, envelope: &envelope, regexes: &self.regexes };
        let programs = &self.programs;
        let sets_nothing = programs.set_nothing();
        let outcome = Machine::new(&programs.program, source, &envelope, &self.regexes).run(input, &mut |result| {
            let is_untouched = sets_nothing && is_held && source.is_whole(&result);
            let start = written.len();
            if !is_untouched {
                source.write(&result, written);
            }
            let value = start..written.len();
            let set = if sets_nothing { Set::default() } else { programs.set(context, &result, written)? };
            results.push(Written { value, is_untouched, set });
            Ok(())
        });
        outcome.map_err(|exit| words(source, exit).into())
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
mod random;
#[cfg(test)]
mod tests;
