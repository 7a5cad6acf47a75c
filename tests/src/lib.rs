//! What end-to-end tests stand on: the program `sluice` as a process, Kafka as its clients see it, and an audit of
//! what went in against what came out. Nothing here knows the program from inside.
//!
//! Everything waits for a condition up to a deadline, and panics with what it saw instead. A prerequisite that is
//! missing is a failure that says what to do.

mod admin;
mod apicurio;
mod audit;
mod browser;
mod check;
mod collector;
mod commit_log;
mod commits;
mod feeder;
mod flow;
mod group;
mod kafka;
mod load;
mod log;
mod loopback;
mod murmur2;
mod names;
mod needs;
mod orders;
mod pipeline;
mod process;
mod proxy;
mod reader;
mod record;
mod registry;
mod rights;
mod roles;
mod token_endpoint;
mod wait;
mod workload;

pub use admin::{admin_script, promtool, schemathesis};
pub use apicurio::{Apicurio, confluent_clients, java_serdes};
pub use audit::{Audit, audit};
pub use browser::browser_script;
pub use check::{Evidence, Findings, check};
pub use collector::Collector;
pub use commit_log::{Commit, commit_log};
pub use commits::{CommitWatch, Sample, most_written};
pub use feeder::Feeder;
pub use flow::Flow;
pub use group::Group;
pub use kafka::Kafka;
pub use load::Load;
pub use log::LogLine;
pub use murmur2::java_partition;
pub use names::unique;
pub use needs::{plugin, program, program_with_failpoints, repository, target};
pub use orders::{Order, STATUSES, enriched, order_events, what_comes_of};
pub use pipeline::{Folder, Pipeline};
pub use process::{Finished, Sluice, sluice};
pub use proxy::{Proxy, Traffic};
pub use reader::Reading;
pub use record::{Header, Record, Stored};
pub use registry::{Mood, Registry};
pub use rights::{Forbidden, Guarded};
pub use token_endpoint::TokenEndpoint;
pub use wait::{LIMIT, give_up_waiting, wait_for, waited_for};
pub use workload::{Mix, Place, WRITER, Workload, fate, record_with};
