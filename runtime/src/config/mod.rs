//! Configuration: parse (shape), then plan (resolved, validated, typed).

mod addresses;
mod beside;
mod error;
mod expand;
mod file;
mod find;
mod fingerprint;
mod json;
mod load;
mod native;
mod pattern;
pub mod plan;
mod planner;
mod plugins;
mod print;
mod properties;
mod property_defaults;
mod property_names;
mod property_values;
mod scalar;
mod secret;
mod shape;
mod show;
mod stages;
mod together;
mod topics;
mod written;

#[cfg(test)]
mod tests;

pub use beside::{AsWritten, Beside, Destination};
pub use error::{Diagnostic, Errors, Position, Warning};
pub(crate) use error::{Source, did_you_mean};
pub use expand::Env;
pub use file::schema;
pub(crate) use file::{Grants, Limits};
pub use find::find;
pub(crate) use json::Json;
pub use load::{PlanOptions, finding, has_shape, load, load_text, plugin_folders};
pub(crate) use load::{read, source};
pub use native::{librdkafka_version, sasl_mechanisms};
pub use pattern::TopicPattern;
pub(crate) use planner::Planner;
pub use print::print;
pub(crate) use shape::{Kind, parse};
pub(crate) use stages::{grants, limits};
pub use together::check_together;
pub(crate) use topics::name;
pub(crate) use written::{Located, Map, Written};
