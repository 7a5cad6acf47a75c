//! SQL by hand: one query on what a pipeline's topics hold, read from outside of any group.

mod asked;
mod read;
mod table;

use json_sql::{Place, QueryError, TableQuery};

use crate::config::did_you_mean;
use crate::config::plan::{InputFormat, KeyValue, Plan, Target};

pub use read::{Progressed, Read, Start};
pub use table::Columns;

/// The tables that every pipeline has.
const INPUT: &str = "input";
const DLQ: &str = "dlq";

/// Why a query cannot be asked: whoever wrote it can change that.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The query itself.
    #[error("{0}")]
    Query(#[from] QueryError),
    /// The table that it names.
    #[error("line {}, column {}: {message}", place.line, place.column)]
    Table {
        /// Where it is named.
        place: Place,
        /// What is wrong, and what there is instead.
        message: String,
    },
}

/// What a query reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its topics: names, or patterns that begin with `^`.
    pub topics: Vec<String>,
    /// How the keys and values of its records are decoded.
    pub formats: KeyValue<InputFormat>,
}

/// Compiles a query and finds its table.
///
/// # Errors
/// What is wrong with the query.
pub fn prepare(plan: &Plan, text: &str) -> Result<(TableQuery, Table), AskError> {
    let query = TableQuery::compile(text)?;
    let (name, place) = query.table();
    let table = table(plan, name).map_err(|message| AskError::Table { place, message })?;
    Ok((query, table))
}

/// The table of this name.
fn table(plan: &Plan, name: &str) -> Result<Table, String> {
    match name {
        INPUT => return Ok(Table { topics: plan.input.topics.clone(), formats: plan.input.formats.clone() }),
        DLQ => {
            let dlq = plan.dlq.as_ref().ok_or_else(|| format!("the pipeline {} has no `dlq`", plan.name))?;
            // A dead letter is the record as it came in.
            return Ok(Table { topics: vec![dlq.topic.name.clone()], formats: plan.input.formats.clone() });
        }
        _ => {}
    }
    let output = plan.outputs.iter().find(|output| &*output.name == name);
    match output.map(|output| (&output.target, &output.formats)) {
        Some((Target::Topic(topic), formats)) => {
            let KeyValue { key, value } = formats;
            let [key, value] = [key, value].map(|format| format.as_ref().map(InputFormat::of_output));
            Ok(Table { topics: vec![topic.name.clone()], formats: KeyValue { key, value } })
        }
        Some((Target::Drop, _)) => Err(format!("the output {name} drops its records: there is no topic to read")),
        None => {
            let outputs = plan.outputs.iter().filter(|output| matches!(output.target, Target::Topic(_)));
            let names: Vec<&str> = [INPUT, DLQ].into_iter().chain(outputs.map(|output| &*output.name)).collect();
            let meant = did_you_mean(name, names.iter().copied());
            let hint = meant.map_or_else(String::new, |meant| format!("; {meant}"));
            Err(format!("there is no table {name}: there are {}{hint}", names.join(", ")))
        }
    }
}
