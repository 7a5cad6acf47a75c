//! SQL over JSON records, in the dialect of PostgreSQL: a query is compiled once and then run on one record after
//! the other, without building trees. Fields that a query does not name are passed over unread.
//!
//! ```
//! use json_sql::{Input, Memory, Nulls, Query};
//!
//! let query = Query::compile("SELECT id, quantity * price AS total FROM input WHERE quantity > 1", Nulls::Keep)?;
//! let mut memory = Memory::default();
//! let record = Input { value: Some(br#"{"id": "a", "quantity": 2, "price": 1.25}"#), ..Input::default() };
//! query.run(&record, &mut memory).expect("the record fits");
//! assert_eq!(memory.rows().len(), 1);
//! assert_eq!(memory.value(&memory.rows()[0]), Some(br#"{"id":"a","total":2.50}"#.as_slice()));
//! # Ok::<(), json_sql::QueryError>(())
//! ```

mod arena;
mod cache;
mod cast;
mod columns;
mod compare;
mod compile;
mod copy;
mod decimal;
mod dialect;
mod error;
mod failure;
mod from;
mod functions;
mod input;
mod json;
mod machine;
mod number;
mod program;
mod query;
mod refuse;
mod row;
mod set;
mod statement;
mod table;
mod time;
mod tokens;
mod types;
mod value;
mod warning;
mod wide;
mod write;
mod writer;

pub use decimal::Decimal;
pub use error::{Place, QueryError};
pub use failure::Failure;
pub use input::{Input, Needs};
pub use query::{Nulls, Query};
pub use row::{Change, Memory, Row};
pub use table::{Flow, RowError, TableQuery};
pub use time::interval::Interval;
pub use value::{Kind, Value};
pub use warning::QueryWarning;

/// The names of all functions that queries may call, without those that have a syntax of their own.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    functions::all().map(|function| function.name).filter(|name| {
        name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
    })
}
