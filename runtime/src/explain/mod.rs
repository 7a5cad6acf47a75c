//! Explaining: takes a record through the chain once more, outside of any group, and tells what each stage makes of it
//! and what comes out. Nothing is written.
//!
//! The chain is the one that a worker runs, with plugin instances of its own that have seen no other record. Where
//! that, or the time, or a broker, may have made a difference, the explanation says so.

mod explanation;
mod fetch;
mod notes;
mod recorder;
mod run;
mod show;
mod tapped;
mod write;

pub use self::explanation::{
    Change, DeadLetterExplained, EarlierFailure, Explanation, FailureExplained, Outcome, Produced, StageExplained,
    StageVerdict,
};
pub use self::fetch::{FetchError, fetch_dead_letters, fetch_inputs};
pub use self::run::{Asked, Destinations, explain};
pub use self::tapped::Tapped;
pub use self::write::{Paint, write, write_tapped};
