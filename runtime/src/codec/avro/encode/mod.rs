//! From JSON text to data.

mod items;
mod plan;
mod record;
mod run;
mod scalar;
mod union;

use self::plan::{Op, Plan};
use super::{EncodeError, Limits, Schema, SchemaError, UnknownFields};

/// Encodes JSON text to the data of one schema.
#[derive(Debug)]
pub struct Encoder {
    plan: Plan,
    root: Op,
    unknown_fields: UnknownFields,
    limits: Limits,
}

impl Encoder {
    /// Compiles the plan from JSON text to the schema's data.
    ///
    /// # Errors
    /// The schema's defaults are beyond every bound.
    pub fn new(schema: &Schema, unknown_fields: UnknownFields, limits: Limits) -> Result<Encoder, SchemaError> {
        let (plan, root) = plan::compile(schema)?;
        Ok(Encoder { plan, root, unknown_fields, limits })
    }

    /// Appends the data of one JSON text. What is appended before an error is the caller's to take off.
    ///
    /// # Errors
    /// The text is no JSON, does not fit the schema, or goes beyond the limits; the error names the field.
    pub fn encode(&self, json: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        run::encode(self, json, out).map_err(EncodeError)
    }
}
