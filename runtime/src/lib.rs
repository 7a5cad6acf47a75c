//! Sluicebox: Kafka in, a chain of sandboxed WebAssembly plugins, Kafka out.

pub mod batch;
pub mod config;
pub mod plugin;
