//! What end-to-end tests stand on: the program `sluice` as a process, Kafka as its clients see it, and an audit of
//! what went in against what came out. Nothing here knows the program from inside.
//!
//! Everything waits for a condition up to a deadline, and panics with what it saw instead. A prerequisite that is
//! missing is a failure that says what to do.

mod audit;
mod feeder;
mod group;
mod kafka;
mod log;
mod murmur2;
mod names;
mod needs;
mod pipeline;
mod process;
mod reader;
mod record;
mod wait;

pub use audit::{Audit, audit};
pub use feeder::Feeder;
pub use group::Group;
pub use kafka::Kafka;
pub use log::LogLine;
pub use murmur2::java_partition;
pub use names::unique;
pub use needs::{plugin, program, repository};
pub use pipeline::{Folder, Pipeline};
pub use process::{Finished, Sluice, sluice};
pub use reader::Reading;
pub use record::{Header, Record, Stored};
pub use wait::{LIMIT, wait_for};
