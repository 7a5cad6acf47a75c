//! The admin endpoint of a process: health, metrics, an API over views of its pipelines, and a page.
//!
//! It runs on a thread and a runtime of its own, reads what pipelines publish, and asks for changes by handles; it
//! never reaches into a pipeline's loop. Whoever reads slowly, or not at all, holds up nobody.

pub mod access;
pub mod address;
pub mod api;
pub mod body;
mod bottleneck;
pub mod client;
pub mod desk;
pub mod dev;
mod guard;
mod history;
pub mod metrics;
mod openapi;
pub mod page;
pub mod problem;
pub mod registry;
pub mod replays;
pub mod route;
pub mod routes;
mod server;
pub mod sse;
mod stall;
mod state;
#[cfg(test)]
mod tests;
mod views;

pub use self::access::{Right, TokenFiles};
pub use self::address::Address;
pub use self::registry::{Entry, Registry, Request};
pub use self::route::{AppState, Routes};
pub use self::server::{AdminOptions, AdminServer};
