//! Formats on the way of a record: decoded once before the first stage, encoded once after the chain.
//!
//! Nothing here waits: what a record needs and is not known yet is asked for elsewhere, and the caller comes again.

mod codec;
mod decode;
mod encode;
mod offline;
mod outputs;
mod record_decoder;
mod schema;
mod scratch;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use self::outputs::OutputCodecs;
pub use self::record_decoder::{DecodedParts, NotDecoded, RecordDecoder};
pub use self::schema::{KnownSchema, SchemaText};
pub use self::scratch::Scratch;
pub use self::wire::Part;
use crate::batch::Headers;
use crate::config::plan::{InputFormat, KeyValue, Output, OutputFormat, Plan};
use crate::registry::{Compile, Registry, SchemaCache, SchemaId};

/// The formats of a pipeline that runs, shared by its workers.
pub struct Formats {
    input: KeyValue<InputFormat>,
    outputs: Vec<FormattedOutput>,
    fixed: [Option<Fixed>; 2],
    codecs: OutputCodecs,
    schemas: Option<SchemaCache<KnownSchema>>,
    // Records are given by hand: what is JSON text is as plugins see it, and what leaves the chain stays JSON and only
    // has to fit.
    by_hand: bool,
}

/// An output's name, and how it is encoded.
struct FormattedOutput {
    name: Arc<str>,
    formats: KeyValue<OutputFormat>,
}

impl FormattedOutput {
    fn of(output: &Output) -> FormattedOutput {
        FormattedOutput { name: output.name.clone(), formats: output.formats.clone() }
    }
}

/// What a part of the input is decoded with, where records carry no id.
type Fixed = Result<codec::Decoder, String>;

/// How far the decoding of a record came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// It is decoded.
    Done,
    /// It cannot be decoded: why.
    Failed(String),
    /// The schema with this id is being asked for.
    Waits(SchemaId),
}

impl Formats {
    /// Returns the formats of a plan; none where it has none. Asks the registry for the schemas of the outputs.
    ///
    /// # Errors
    /// A schema cannot be had, or cannot be used: why. It may be tried again.
    pub fn new(plan: &Plan, registry: Option<&Arc<dyn Registry>>) -> Result<Option<Arc<Formats>>, String> {
        if !plan.has_formats() {
            return Ok(None);
        }
        let asked = registry.map(|registry| &**registry as &dyn Registry);
        let mut codecs = OutputCodecs::resolve(&plan.outputs, asked)?;
        if let Some(registry) = registry {
            codecs.keep_fresh(&plan.name, &plan.outputs, registry).map_err(|error| format!("{error:#}"))?;
        }
        let input = plan.input.formats.clone();
        let fixed = [&input.key, &input.value].map(|format| format.as_ref().and_then(fixed));
        if let Some(Err(why)) = fixed.iter().flatten().find(|decoder| decoder.is_err()) {
            return Err(why.clone());
        }
        let compile = || compile(plan.outputs.len());
        let schemas = registry.map(|registry| SchemaCache::new(&plan.name, registry.clone(), compile()));
        let outputs = plan.outputs.iter().map(FormattedOutput::of).collect();
        Ok(Some(Arc::new(Formats { input, outputs, fixed, codecs, schemas, by_hand: false })))
    }

    /// Returns whether the input is decoded.
    pub fn decodes(&self) -> bool {
        !self.input.is_empty()
    }

    /// Returns the name of an output.
    pub fn output_name(&self, output: usize) -> &Arc<str> {
        &self.outputs[output].name
    }

    /// Returns why the registry does not answer just now, where it does not.
    pub fn absence(&self) -> Option<Arc<str>> {
        self.schemas.as_ref()?.absence()
    }
}

/// Returns what makes of a schema what a pipeline with so many outputs needs of it.
fn compile(outputs: usize) -> Box<Compile<KnownSchema>> {
    Box::new(move |resolved| Ok(KnownSchema::new(resolved, outputs)))
}

/// Returns what a part of the input is decoded with where its records carry no id.
fn fixed(format: &InputFormat) -> Option<Fixed> {
    if let Some(decoder) = codec::Decoder::without_schema(format) {
        return Some(Ok(decoder));
    }
    let file = format.schema.as_ref()?;
    let text = SchemaText::of_file(file, format.format)?;
    let about = |why: String| format!("{}: {why}", file.path.display());
    Some(text.decoder(format).map_err(about))
}

/// Returns whether a header names a schema of one of these parts.
fn is_id(name: &[u8], parts: [bool; 2]) -> bool {
    let [key, value] = parts;
    key && name == Part::Key.header().as_bytes() || value && name == Part::Value.header().as_bytes()
}

/// Returns whether any header names a schema of one of these parts.
fn has_id(mut headers: Headers<'_>, parts: [bool; 2]) -> bool {
    headers.any(|(name, _)| is_id(name, parts))
}
