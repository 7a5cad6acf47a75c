//! A second way to run a program, without a tree: for programs of the kind that most stages have, and for records
//! that hold no surprise. Where it is not certain of what jaq would say (an error among that), it says nothing, and
//! jaq runs.

mod eval;
mod machine;
mod number;
mod plan;
mod translate;
mod update;
mod value;
mod write;

use std::ops::Range;

use json_scan::Document;
use machine::{Exit, Machine};
use plan::Plan;
use value::{Field, Value};

/// A program that can be run this way, and the memory that its runs share.
pub(crate) struct Fast {
    plan: Plan,
    document: Document,
    memory: Memory,
}

/// What a run makes on its way; emptied before each.
#[derive(Default)]
struct Memory {
    /// The fields of objects, those of one side by side.
    fields: Vec<Field>,
    /// The strings, one behind the other.
    text: String,
    /// Values that wait for those beside them.
    waiting: Vec<Value>,
}

/// A result of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    /// Where it has been written.
    pub span: Range<usize>,
    /// What the program for the output says of it; none for null and for no result.
    pub output: Option<&'a str>,
}

impl Fast {
    /// The plan of a program and of the one for the output, both of which jaq has compiled; none where one of them
    /// has something in it that has no place in a plan.
    pub fn new(program: &str, output: Option<&str>) -> Option<Fast> {
        let plan = translate::plan(program, output)?;
        Some(Fast { plan, document: Document::default(), memory: Memory::default() })
    }

    /// Runs the program on a text: appends each result, compact, to `json`, and tells of it. False where jaq has to
    /// run; what has been appended and told then is worth nothing.
    pub fn run(&mut self, text: &[u8], json: &mut Vec<u8>, mut tell: impl FnMut(Answer<'_>)) -> bool {
        let Some(text) = self.document.read(text) else { return false };
        let Memory { fields, text: made, waiting } = &mut self.memory;
        fields.clear();
        made.clear();
        waiting.clear();
        let plan = &self.plan;
        let mut machine = Machine { plan, document: &self.document, source: text, fields, made, waiting };
        let outcome = machine.each(&plan.program, Value::Node(0), &mut |machine, result| {
            let start = json.len();
            machine.write(result, json);
            let name = plan.output.as_ref().map_or(Ok(Value::Null), |output| machine.name(output, result))?;
            tell(Answer { span: start..json.len(), output: machine.string(name) });
            Ok(())
        });
        !matches!(outcome, Err(Exit::Unsure))
    }
}

#[cfg(test)]
mod tests;
