//! What the suite is asked to do.

use std::ffi::OsString;

use lexopt::Arg::{Long, Value};
use lexopt::ValueExt as _;

/// What to do with what is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Run,
    List,
}

/// The command line.
#[derive(Debug)]
pub struct Options {
    pub task: Task,
    /// All scenarios, with the numbers of the promises; else the short set.
    pub is_whole: bool,
    /// How often each is run, with one seed after the other.
    pub repeat: u64,
    /// The first seed: it decides the workload, and when faults strike.
    pub seed: u64,
    /// Words, each of which a scenario's title must contain.
    pub filters: Vec<String>,
}

impl Options {
    /// Reads them.
    pub fn parse(mut arguments: lexopt::Parser) -> Result<Options, lexopt::Error> {
        let mut options = Options { task: Task::Run, is_whole: false, repeat: 1, seed: 1, filters: Vec::new() };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("whole") => options.is_whole = true,
                Long("repeat") => options.repeat = arguments.value()?.parse()?,
                Long("seed") => options.seed = arguments.value()?.parse()?,
                Long("list") => options.task = Task::List,
                // Those of libtest that mean nothing here: everything is shown, one after the other.
                Long("nocapture" | "no-capture" | "quiet") => {}
                Long("format" | "test-threads") => _ = arguments.value()?,
                Value(word) => options.filters.push(text(word)?),
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }
}

fn text(word: OsString) -> Result<String, lexopt::Error> {
    word.into_string().map_err(lexopt::Error::NonUnicodeValue)
}
