//! What authors need: new pipelines, and for plugins in any language new projects, builds, and a description of a
//! built plugin.
//!
//! A language is a row in [`Language`] and a file in `build/`. What follows a language's own tools is the same for all.

mod build;
mod component;
mod inspect;
mod language;
mod list;
mod pipeline_project;
mod project;
mod schema;
mod tool;
mod usage;

pub use build::{Built, Request, build};
pub use component::Real;
pub use inspect::{Inspection, inspect, size};
pub use language::Language;
pub use list::{Listed, PluginFolders, table};
pub use pipeline_project::{Example, create_pipeline};
pub use project::{Kind, create};
pub use usage::{WrongUse, wrong_use};

/// The custom section of a component that has the plugin's version, as tools for WebAssembly metadata read it.
const VERSION_SECTION: &str = "version";
