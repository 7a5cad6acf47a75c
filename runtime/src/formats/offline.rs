//! Formats without Kafka: schema files are checked, and records are JSON already and only have to fit.

use std::sync::Arc;

use super::outputs::OutputCodecs;
use super::{Formats, FormattedOutput, SchemaText, fixed};
use crate::config::Position;
use crate::config::plan::{InputFormat, OutputSchema, Plan};
use crate::registry::Registry;

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

    /// Returns the formats of a plan for records that are JSON text already: nothing is decoded, and what goes to an
    /// output has to fit its schema and stays JSON. Schemas are those of files, and where a registry is given and
    /// answers, those of the registry; `missed` is called with why one is not there.
    ///
    /// # Errors
    /// A schema file cannot be used: why.
    pub fn of_json(
        plan: &Plan,
        registry: Option<&Arc<dyn Registry>>,
        missed: &mut dyn FnMut(&str),
    ) -> Result<Option<Arc<Formats>>, String> {
        if !plan.has_formats() {
            return Ok(None);
        }
        let codecs = OutputCodecs::of_json(&plan.outputs, registry.map(|registry| &**registry as _), missed)?;
        let outputs = plan.outputs.iter().map(FormattedOutput::of).collect();
        let (input, fixed) = (Default::default(), [None, None]);
        Ok(Some(Arc::new(Formats { input, outputs, fixed, codecs, schemas: None, stays_json: true })))
    }
}

fn without_reader(format: &InputFormat) -> InputFormat {
    InputFormat { reader: None, ..format.clone() }
}
