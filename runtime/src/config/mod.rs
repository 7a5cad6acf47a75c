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
pub(crate) use error::{Source, did_you_mean};
pub use expand::Env;
pub use file::schema;
pub(crate) use file::{Grants, Limits};
pub use find::{distinct_names, find};
pub(crate) use json::Json;
pub use load::{PlanOptions, finding, has_shape, load, load_text, plugin_folders};
pub(crate) use load::{read, source};
pub(crate) use planner::Planner;
pub use secret::redact;
pub(crate) use shape::{Kind, parse};
pub(crate) use stages::{grants, limits};
pub(crate) use topics::name;
pub(crate) use written::{Located, Map, Written};
