//! A started plugin: from a packed batch to packed verdicts. The same in a component and in native tests.

use crate::packed::{BatchReader, ResultWriter};
use crate::plugin::describe;
use crate::{Failure, Fields, Plugin, Stage, Verdict, config};

/// A plugin and the buffers that its verdicts are written to.
#[derive(Debug)]
pub struct Instance<P> {
    plugin: P,
    result: ResultWriter,
}

impl<P: Plugin> Instance<P> {
    /// Reads the configuration and starts the plugin; the error is for whoever wrote the pipeline file.
    pub fn start(stage: &Stage, json: &str) -> Result<Instance<P>, String> {
        let plugin = P::init(config::read(json)?, stage).map_err(|error| describe(&*error))?;
        Ok(Instance { plugin, result: ResultWriter::default() })
    }

    /// The fields that it reads.
    pub fn needs(&self) -> Fields {
        self.plugin.needs()
    }

    /// Judges a batch. The result is good until the next call.
    pub fn process(&mut self, index: &[u8], data: &[u8]) -> Result<&ResultWriter, Failure> {
        let batch = BatchReader::new(index, data);
        self.result.start(batch.len());
        for record in batch {
            match self.plugin.process(&record) {
                Ok(verdict) => self.result.push(&verdict),
                Err(error) => match error.downcast::<Failure>() {
                    Ok(failure) => return Err(*failure),
                    Err(error) => self.result.push(&Verdict::reject(describe(&*error))),
                },
            }
        }
        Ok(&self.result)
    }
}
