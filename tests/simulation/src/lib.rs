//! Deterministic simulation of Sluicebox: the real source, workers, chain, sink, tracker and transactions, on simulated
//! threads and time, against a simulated Kafka. See README.md.

pub mod check;
pub mod client;
pub mod cluster;
pub mod draw;
pub mod fault;
pub mod history;
pub mod instance;
pub mod log;
pub mod network;
pub mod pipeline;
pub mod play;
pub mod plugin;
pub mod scenario;
pub mod scheduler;
pub mod script;
pub mod shrink;
pub mod watchdog;
pub mod world;
