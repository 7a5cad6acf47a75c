//! What plugin authors need, in any language: new projects, builds, and what a built plugin is.
//!
//! A language is a row in [`Language`] and a file in `build/`; everything after its own tools is one way for all.

mod build;
mod component;
mod inspect;
mod language;
mod project;
mod tool;

pub use build::{Built, Request, build};
pub use component::Real;
pub use inspect::{Inspection, inspect, size};
pub use language::Language;
pub use project::{Kind, create};
