//! Queries over many records that come to an end: with GROUP BY, aggregates, ORDER BY, DISTINCT and LIMIT.

mod accumulator;
pub(crate) mod aggregate;
pub(crate) mod grouping;
mod key;
mod plan;
mod rows;

use std::collections::HashMap;

use accumulator::Accumulator;
use plan::{Groups, Plan};
use rows::Rows;

use crate::arena::Arena;
use crate::cache::Cache;
use crate::error::{Place, QueryError};
use crate::functions::Scope;
use crate::input::{Input, Needs};
use crate::machine::Frame;
use crate::program::Constant;
use crate::row::Memory;
use crate::value::Value;
use crate::warning::QueryWarning;
use crate::writer::{Writer, evaluate};

/// The most bytes that a query holds of groups and of rows that it sorts.
const MAX_HELD: usize = 512 << 20;

/// Whether more records can change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// They can.
    More,
    /// All rows that LIMIT allows are there.
    Enough,
}

/// Why a record makes no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowError {
    /// Its value is not what a query reads: JSON, an object.
    Unreadable(String),
    /// An expression has no value for it, or the query holds too much.
    Failed(String),
}

/// A query over many records.
///
/// ```
/// use json_sql::{Input, TableQuery};
///
/// let mut query = TableQuery::compile("SELECT status, count(*) FROM input GROUP BY status ORDER BY 2 DESC")?;
/// let mut rows = Vec::new();
/// for status in ["paid", "new", "paid"] {
///     let value = format!(r#"{{"status": "{status}"}}"#);
///     let record = Input { value: Some(value.as_bytes()), ..Input::default() };
///     query.add(&record, &mut |row| rows.push(String::from_utf8_lossy(row).into_owned())).expect("the record fits");
/// }
/// query.finish(&mut |row| rows.push(String::from_utf8_lossy(row).into_owned())).expect("there are few groups");
/// assert_eq!(rows, [r#"{"status":"paid","count":2}"#, r#"{"status":"new","count":1}"#]);
/// # Ok::<(), json_sql::QueryError>(())
/// ```
#[derive(Debug)]
pub struct TableQuery {
    plan: Plan,
    memory: Memory,
    groups: HashMap<Vec<u8>, Group>,
    /// The groups in the order in which they began.
    begun: Vec<Vec<u8>>,
    rows: Rows,
    held: usize,
}

#[derive(Debug)]
struct Group {
    keys: Vec<Constant>,
    accumulators: Vec<Accumulator>,
}

impl TableQuery {
    /// Compiles one SELECT. What its table is called is left to the caller.
    ///
    /// # Errors
    /// What cannot be read or is not available, with its place.
    pub fn compile(text: &str) -> Result<TableQuery, QueryError> {
        let plan = plan::compile(text).map_err(|error| error.of(text))?;
        let rows = Rows::default();
        let (memory, groups) = (Memory::default(), HashMap::default());
        Ok(TableQuery { plan, memory, groups, begun: Vec::new(), rows, held: 0 })
    }

    /// The table that the query reads, and where it is named.
    pub fn table(&self) -> (&str, Place) {
        (&self.plan.table.0, self.plan.table.1)
    }

    /// What the query says and most likely does not mean.
    pub fn warnings(&self) -> &[QueryWarning] {
        self.plan.query.warnings()
    }

    /// What of a record the query reads.
    pub fn needs(&self) -> Needs {
        self.plan.query.needs()
    }

    /// Whether rows come only when all records have been read.
    pub fn waits_for_the_end(&self) -> bool {
        self.plan.groups.is_some() || !self.plan.order.is_empty()
    }

    /// Takes a record. Each row that is ready goes to `out`, a JSON object.
    ///
    /// # Errors
    /// Why it makes no row.
    pub fn add(&mut self, input: &Input<'_>, out: &mut dyn FnMut(&[u8])) -> Result<Flow, RowError> {
        let TableQuery { plan, memory, groups, begun, rows, held } = self;
        if plan.limit == Some(0) {
            return Ok(Flow::Enough);
        }
        memory.clear();
        let Memory { arena, cache, out: bytes, rows: written, fields, order, headers } = memory;
        let arena = &*arena;
        let (cells, json) = plan.query.read(input, arena, fields, order).map_err(RowError::Unreadable)?;
        let scope = Scope { arena, cache };
        let mut frame = Frame::new(scope, cells, input, Vec::new());
        let mut writer = Writer { query: &plan.query, json, fields, out: bytes, rows: written, headers };
        let elements = match &plan.from {
            Some(from) => writer.elements("UNNEST", from, &frame).map_err(RowError::Failed)?,
            None => &[],
        };
        let times = if plan.from.is_some() { elements.len() } else { 1 };
        let mut flow = Flow::More;
        for at in 0..times {
            frame.elements.clear();
            frame.elements.extend(elements.get(at));
            match &plan.groups {
                Some(by) => *held += group(by, &frame, groups, begun).map_err(RowError::Failed)?,
                None => {
                    writer.filtered(0, &plan.query.statements[0], &mut frame).map_err(RowError::Failed)?;
                    flow = rows.take(plan, &mut writer, &frame, held, out).map_err(RowError::Failed)?;
                }
            }
            if *held > MAX_HELD {
                let text = format!("the query holds more than {} MiB of groups or rows", MAX_HELD >> 20);
                return Err(RowError::Failed(format!("{text}; narrow it with WHERE, or add LIMIT")));
            }
            if flow == Flow::Enough {
                break;
            }
        }
        Ok(flow)
    }

    /// Hands over the rows that waited for the end.
    ///
    /// # Errors
    /// An expression has no value for a group, or rows cannot be sorted.
    pub fn finish(mut self, out: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        if let Some(by) = &self.plan.groups {
            // Without GROUP BY there is one group, also of no records.
            if by.keys.is_empty() && self.groups.is_empty() {
                let accumulators = by.aggregates.iter().map(Accumulator::new).collect();
                self.groups.insert(Vec::new(), Group { keys: Vec::new(), accumulators });
                self.begun.push(Vec::new());
            }
            for key in &self.begun {
                let Some(mut group) = self.groups.remove(key) else { continue };
                let flow = finish_group(&self.plan, &mut group, &mut self.rows, &mut self.held, out)?;
                if flow == Flow::Enough {
                    return Ok(());
                }
            }
        }
        self.rows.finish(&self.plan, out)
    }
}

/// Takes a row into its group. Returns how many bytes more are held.
fn group<'a>(
    by: &'a Groups,
    frame: &Frame<'a>,
    groups: &mut HashMap<Vec<u8>, Group>,
    begun: &mut Vec<Vec<u8>>,
) -> Result<usize, String> {
    if let Some(filter) = &by.filter
        && !is_true("WHERE", &evaluate("WHERE", filter, frame)?)?
    {
        return Ok(0);
    }
    let (mut key, mut keys) = (Vec::new(), Vec::new());
    for program in &by.keys {
        let value = evaluate("GROUP BY", program, frame)?;
        key::push(&value, &mut key).map_err(|failure| format!("GROUP BY: {failure}"))?;
        keys.push(value);
    }
    // All values first: a row counts in each aggregate or in none.
    let mut values = Vec::with_capacity(by.aggregates.len());
    for aggregate in &by.aggregates {
        let is_taken = match &aggregate.filter {
            Some(filter) => is_true("FILTER", &evaluate(&aggregate.text, filter, frame)?)?,
            None => true,
        };
        let value = match &aggregate.argument {
            Some(argument) if is_taken => Some(evaluate(&aggregate.text, argument, frame)?),
            _ => is_taken.then_some(Value::Bool(true)),
        };
        values.push(value);
    }
    let mut grown = 0;
    let group = match groups.get_mut(&key) {
        Some(group) => group,
        None => {
            let keys: Vec<Constant> = keys.iter().map(Constant::of).collect();
            grown += 2 * key.len() + 200 + keys.iter().map(Constant::size).sum::<usize>() + 150 * by.aggregates.len();
            begun.push(key.clone());
            let accumulators = by.aggregates.iter().map(Accumulator::new).collect();
            groups.entry(key).or_insert(Group { keys, accumulators })
        }
    };
    for ((accumulator, aggregate), value) in group.accumulators.iter_mut().zip(&by.aggregates).zip(values) {
        let Some(value) = value else { continue };
        grown +=
            accumulator.add(&value, frame.scope.arena).map_err(|failure| format!("{}: {failure}", aggregate.text))?;
    }
    Ok(grown)
}

/// Whether a condition holds.
fn is_true(what: &str, value: &Value<'_>) -> Result<bool, String> {
    match value {
        Value::Bool(bool) => Ok(*bool),
        Value::Null => Ok(false),
        other => Err(format!("{what}: {}", crate::Failure::kind("boolean", other))),
    }
}

/// Makes the row of a group.
fn finish_group(
    plan: &Plan,
    group: &mut Group,
    rows: &mut Rows,
    held: &mut usize,
    out: &mut dyn FnMut(&[u8]),
) -> Result<Flow, String> {
    let Some(by) = &plan.groups else { return Ok(Flow::More) };
    let (arena, cache, input) = (Arena::default(), Cache::default(), Input::default());
    let scope = Scope { arena: &arena, cache: &cache };
    let mut elements = Vec::new();
    for key in &group.keys {
        elements.push(key.value(&arena).map_err(|failure| failure.to_string())?);
    }
    for (accumulator, aggregate) in group.accumulators.iter_mut().zip(&by.aggregates) {
        elements.push(accumulator.finish(&arena).map_err(|failure| format!("{}: {failure}", aggregate.text))?);
    }
    let mut frame = Frame::new(scope, &[], &input, elements);
    let mut memory = Memory::default();
    let Memory { out: bytes, rows: written, fields, headers, .. } = &mut memory;
    let mut writer = Writer { query: &plan.query, json: "", fields, out: bytes, rows: written, headers };
    writer.filtered(0, &plan.query.statements[0], &mut frame)?;
    rows.take(plan, &mut writer, &frame, held, out)
}
