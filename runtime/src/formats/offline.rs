//! Formats without Kafka: schema files are checked, and records are given by hand.

use std::sync::Arc;

use super::outputs::OutputCodecs;
use super::{Formats, FormattedOutput, SchemaText, compile, fixed};
use crate::config::Position;
use crate::config::plan::{InputFormat, OutputSchema, Plan};
use crate::registry::{LocalSchemas, Registry, SchemaCache};

impl Formats {
    /// Checks the schema files of a plan.
    ///
    /// # Errors
    /// The first that cannot be used: where the pipeline file names it, and why.
    pub fn check_files(plan: &Plan) -> Result<(), (Position, String)> {
        for format in [&plan.input.formats.key, &plan.input.formats.value].into_iter().flatten() {
            if let Some(Err(why)) = fixed(format) {
                let at = format.schema.as_ref().map(|file| file.at.0).unwrap_or_default();
                return Err((at, why));
            }
            if let Some(file) = &format.reader {
                SchemaText::of_file(file, format.format)
                    .map_or(Ok(()), |text| text.decoder(&without_reader(format)).map(|_| ()))
                    .map_err(|why| (file.at.0, format!("{}: {why}", file.path.display())))?;
            }
        }
        for output in &plan.outputs {
            for format in [&output.formats.key, &output.formats.value].into_iter().flatten() {
                let OutputSchema::File(file) = &format.schema else { continue };
                SchemaText::of_file(file, format.format)
                    .map_or(Ok(()), |text| text.encoder(format).map(|_| ()))
                    .map_err(|why| (file.at.0, format!("{}: {why}", file.path.display())))?;
            }
        }
        Ok(())
    }

    /// Returns the formats of a plan for records that people give by hand. A key or value that is JSON text is as
    /// plugins see it; any other is as it lies in the topic, and is decoded. What goes to an output has to fit its
    /// schema and stays JSON. Schemas are those of files, and of `schemas` as far as it has them; `missed` is called
    /// with why one of an output is not there.
    ///
    /// # Errors
    /// A schema file cannot be used: why.
    pub fn by_hand(
        plan: &Plan,
        schemas: Option<LocalSchemas>,
        missed: &mut dyn FnMut(&str),
    ) -> Result<Option<Arc<Formats>>, String> {
        if !plan.has_formats() {
            return Ok(None);
        }
        let schemas: Option<Arc<dyn Registry>> = schemas.map(|schemas| Arc::new(schemas) as _);
        let codecs = OutputCodecs::by_hand(&plan.outputs, schemas.as_deref(), missed)?;
        let outputs: Vec<_> = plan.outputs.iter().map(FormattedOutput::of).collect();
        let compile = compile(outputs.len());
        let schemas = schemas.map(|schemas| SchemaCache::new(&plan.name, schemas, compile).that_believes_at_once());
        let formats = Formats::of_input(plan.input.formats.clone(), schemas)?;
        Ok(Some(Arc::new(Formats { outputs, codecs, by_hand: true, ..formats })))
    }
}

fn without_reader(format: &InputFormat) -> InputFormat {
    InputFormat { reader: None, ..format.clone() }
}
