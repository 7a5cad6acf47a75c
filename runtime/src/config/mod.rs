//! Configuration: parse (shape), then plan (resolved, validated, typed).

mod error;
mod expand;
mod file;
mod find;
mod json;
mod load;
mod native;
pub mod plan;
mod planner;
mod plugins;
mod properties;
mod property_names;
mod scalar;
mod secret;
mod shape;
mod stages;
mod topics;
mod written;

#[cfg(test)]
mod tests;

pub use error::{Diagnostic, Errors, Position, Warning};
pub use expand::Env;
pub use file::schema;
pub use find::{distinct_names, find};
pub use load::{PlanOptions, finding, has_shape, load, load_text};
pub use secret::redact;
