//! Write Sluicebox plugins in Rust: an init and one function from a
//! record to a verdict.
//!
//! ```
//! use sluicebox_plugin::{Error, Fields, Plugin, Record, Stage, Verdict, emit};
//!
//! struct Shout;
//!
//! impl Plugin for Shout {
//!     type Config = ();
//!     const NEEDS: Fields = Fields::VALUE;
//!
//!     fn init((): (), _stage: &Stage) -> Result<Self, Error> {
//!         Ok(Shout)
//!     }
//!
//!     fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
//!         let Some(value) = record.value() else { return Ok(Verdict::Keep) };
//!         Ok(emit().value(std::str::from_utf8(value)?.to_uppercase()).into()) // not UTF-8: rejected, with the reason
//!     }
//! }
//!
//! sluicebox_plugin::export!(Shout);
//! ```
//!
//! Build it as a `cdylib` for `wasm32-unknown-unknown`. What a record can become is [`Verdict`]; what an error
//! does is told at [`Error`]; how to test a plugin without WebAssembly at [`testing`].
//!
//! An instance of a plugin lives as long as its stage does, and sees the records of the partitions that its
//! worker owns. It must not count on seeing all records of a key for ever: partitions move, and a plugin that
//! traps starts again from `init`.

mod allocator;
#[cfg(any(target_arch = "wasm32", test))]
mod buffers;
mod config;
mod emit;
mod fields;
mod instance;
pub mod log;
mod message;
pub mod metrics;
pub mod packed;
mod plugin;
mod record;
mod stage;
pub mod testing;
mod verdict;

#[doc(hidden)]
pub mod glue;

#[doc(hidden)]
pub use allocator::Allocator;
pub use emit::{Bytes, Change, Emit, emit};
pub use fields::Fields;
pub use plugin::{Error, Failure, Plugin};
pub use record::{Headers, Record, Source};
pub use stage::Stage;
pub use verdict::Verdict;
