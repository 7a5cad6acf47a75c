//! The host side of plugins: loading components, running instances, and what crosses the boundary.
//!
//! An [`Engine`] loads a file as a [`Plugin`]; each stage of each worker starts an [`Instance`] of it and hands it
//! batches. wasmtime's types do not leave this module.

mod answer;
mod cache;
mod clock;
pub mod config_schema;
mod counters;
mod describe;
mod engine;
mod error;
mod exports;
mod grants;
mod instance;
mod limits;
mod load;
mod log;
mod packed;
mod plugin_instance;
mod post_return;
mod precompile;
mod records;
mod state;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trap;
mod unfolded;
mod unpack;
mod wire;

pub use answer::{Answer, Change, HeadersChange, OutputName, Produced, Verdict};
pub use cache::CacheDirs;
pub use clock::TICK;
pub use counters::Counters;
pub use describe::{Import, memory_minimum};
pub use engine::{Engine, EngineError};
pub use error::{CallError, LoadError, StartError, Ungranted};
pub use instance::{Instance, Manifest, StageSetup};
pub use load::{Interface, Plugin};
pub use plugin_instance::{PluginInstance, StartPlugin};
pub use precompile::{PrecompileError, Precompiler};
pub use unpack::{PackedResult, unpack};
pub use wire::Fields;
