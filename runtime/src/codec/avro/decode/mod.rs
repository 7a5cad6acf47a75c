//! From data to JSON text.

mod compile;
mod plan;
mod read;
mod resolve;
mod run;
mod skip;

use self::compile::{Compiler, Of};
use self::plan::{Op, Plan};
use super::{DecodeError, Limits, Logical, ResolveError, Schema};

/// Decodes the data of one writer's schema.
#[derive(Debug)]
pub struct Decoder {
    plan: Plan,
    root: Op,
    limits: Limits,
}

impl Decoder {
    /// Compiles the plan from the writer's schema to JSON text, resolved to the reader's schema where one is given.
    ///
    /// # Errors
    /// What is written with `writer` can never be read as `reader`.
    pub fn new(
        writer: &Schema,
        reader: Option<&Schema>,
        logical: Logical,
        limits: Limits,
    ) -> Result<Decoder, ResolveError> {
        let of = reader.map_or(Of::Writer(writer.root), |reader| Of::Both(writer.root, reader.root));
        let (plan, root) = Compiler::new(writer, reader, logical).compile(of).map_err(ResolveError)?;
        Ok(Decoder { plan, root, limits })
    }

    /// Appends the JSON text of one datum, which takes all of `bytes`. What is appended before an error is the
    /// caller's to take off.
    ///
    /// # Errors
    /// The bytes are no datum of the schema, or go beyond the limits; the error names the field.
    pub fn decode(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        run::decode(&self.plan, self.root, bytes, self.limits, out).map_err(DecodeError)
    }
}
