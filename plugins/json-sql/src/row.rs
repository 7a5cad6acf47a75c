//! What queries make of records.

use std::ops::Range;

use crate::arena::Arena;
use crate::cache::Cache;
use crate::columns::{Field, Order};

/// A record that a query makes of another.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The statement that made it, from 0.
    pub statement: usize,
    /// The value.
    pub value: Change,
    /// The key.
    pub key: Change,
    /// Milliseconds since the epoch, where they are set.
    pub timestamp: Option<i64>,
    /// The headers that are set: where their names are in the statement, and their values.
    pub(crate) headers: Range<usize>,
}

/// What becomes of a part of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change {
    /// As it came.
    #[default]
    Inherit,
    /// Null.
    Null,
    /// These bytes of the [`Memory`].
    Set(Range<usize>),
}

/// The memory of runs, and what the last one made. It is kept from record to record.
#[derive(Debug, Default)]
pub struct Memory {
    pub(crate) arena: Arena,
    pub(crate) cache: Cache,
    pub(crate) out: Vec<u8>,
    pub(crate) rows: Vec<Row>,
    pub(crate) fields: Vec<Field>,
    pub(crate) order: Order,
    pub(crate) headers: Vec<(usize, Change)>,
}

impl Memory {
    /// The records that the last run made.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The bytes of a change; none for null and for what is inherited.
    pub fn bytes(&self, change: &Change) -> Option<&[u8]> {
        match change {
            Change::Set(range) => Some(&self.out[range.clone()]),
            Change::Inherit | Change::Null => None,
        }
    }

    /// The value of a row; none where it is inherited.
    pub fn value(&self, row: &Row) -> Option<&[u8]> {
        self.bytes(&row.value)
    }

    /// The headers that a row sets: the number of the statement's header, and its value.
    pub fn headers(&self, row: &Row) -> &[(usize, Change)] {
        &self.headers[row.headers.clone()]
    }

    pub(crate) fn clear(&mut self) {
        self.arena.reset();
        self.out.clear();
        self.rows.clear();
        self.fields.clear();
        self.headers.clear();
    }
}
