//! Tests of pipelines and of plugins: the real chain on records that a file names, against what the file expects. No
//! broker.

mod case;
mod difference;
mod emit;
mod file;
mod find;
mod matches;
mod report;
mod subject;
mod suite;
mod update;

#[cfg(test)]
mod tests;

pub use difference::{Difference, Line};
pub use find::{TestFile, find};
pub use report::junit;
pub use suite::{Outcome, PluginSource, Suite, Tested};
