//! SQL by hand: one query on what a pipeline's topics hold, read from outside of any group.

mod read;
mod table;

use json_sql::{Place, QueryError, TableQuery};

use crate::config::did_you_mean;
use crate::config::plan::{Plan, Target};

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

/// Compiles a query and finds the topics of its table: names, or patterns that begin with `^`.
///
/// # Errors
/// What is wrong with the query.
pub fn prepare(plan: &Plan, text: &str) -> Result<(TableQuery, Vec<String>), AskError> {
    let query = TableQuery::compile(text)?;
    let (name, place) = query.table();
    let topics = topics_of(plan, name).map_err(|message| AskError::Table { place, message })?;
    Ok((query, topics))
}

/// The topics of a table.
fn topics_of(plan: &Plan, table: &str) -> Result<Vec<String>, String> {
    match table {
        INPUT => return Ok(plan.input.topics.clone()),
        DLQ => {
            let topic = plan.dlq.as_ref().map(|dlq| vec![dlq.topic.name.clone()]);
            return topic.ok_or_else(|| format!("the pipeline {} has no `dlq`", plan.name));
        }
        _ => {}
    }
    match plan.outputs.iter().find(|output| &*output.name == table).map(|output| &output.target) {
        Some(Target::Topic(topic)) => Ok(vec![topic.name.clone()]),
        Some(Target::Drop) => Err(format!("the output {table} drops its records: there is no topic to read")),
        None => {
            let outputs = plan.outputs.iter().filter(|output| matches!(output.target, Target::Topic(_)));
            let names: Vec<&str> = [INPUT, DLQ].into_iter().chain(outputs.map(|output| &*output.name)).collect();
            let meant = did_you_mean(table, names.iter().copied());
            let hint = meant.map_or_else(String::new, |meant| format!("; {meant}"));
            Err(format!("there is no table {table}: there are {}{hint}", names.join(", ")))
        }
    }
}
