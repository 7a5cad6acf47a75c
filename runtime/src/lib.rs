//! Sluicebox: Kafka in, a chain of sandboxed WebAssembly plugins, Kafka out.

pub mod admin;
pub mod authoring;
pub mod batch;
pub mod cli;
pub mod config;
pub mod counters;
pub mod daemon;
pub mod dev;
pub mod dlq;
pub mod error;
pub mod event_sender;
pub mod explain;
pub mod failpoint;
pub mod failure;
pub mod kafka;
pub mod lease;
pub mod limits;
pub mod log;
pub mod pipeline;
pub mod plugin;
pub mod readable;
pub mod ready;
pub mod record_text;
pub mod rt;
pub mod show;
pub mod sink;
pub mod source;
pub mod stage;
pub mod taps;

pub mod testing;
pub mod tracker;
pub mod view;
pub mod watch;
pub mod worker;
