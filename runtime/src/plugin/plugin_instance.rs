//! The seam between a stage and its plugin: what a stage needs of a running plugin, whoever runs it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::answer::Answer;
use super::counters::Counters;
use super::error::{CallError, StartError};
use super::instance::{Instance, StageSetup};
use super::load::Plugin;
use super::wire::Fields;
use crate::batch::{Arena, Record, Source};

/// A running plugin. There are two implementations: wasmtime's [`Instance`], and the simulated plugins of tests.
pub trait PluginInstance: Send {
    /// Has the plugin process some of a batch's records. On success `answer` holds a verdict for each record, and what
    /// it points to lies in `arena`; on an error `arena` is as it was and `answer` is empty.
    ///
    /// Where the plugin instance [`needs`](PluginInstance::needs) headers, the caller keeps back records with a header
    /// name that is not UTF-8.
    ///
    /// # Errors
    /// After all but [`CallError::Retry`] and [`CallError::Fatal`] the plugin instance must be restarted before the
    /// next call.
    fn process(
        &mut self,
        arena: &mut Arena,
        sources: &[Source],
        records: &[Record],
        answer: &mut Answer,
    ) -> Result<(), CallError>;

    /// Replaces a failed plugin instance by a fresh one. Its counters go on.
    ///
    /// # Errors
    /// The plugin does not start again; the plugin instance stays failed.
    fn restart(&mut self) -> Result<(), StartError>;

    /// Returns the fields of a record that the plugin reads. They never change.
    fn needs(&self) -> Fields;

    /// Returns what the plugin has counted since it was first started.
    fn counters(&self) -> &Counters;

    /// Returns the bytes of memory that the plugin instance has now.
    fn memory(&self) -> usize;
}

/// A plugin that stages start instances of. There are two implementations: the loaded [`Plugin`], and the simulated
/// plugins of tests.
pub trait StartPlugin: Clone + Send + 'static {
    /// Returns what tells the plugin's versions apart (`sha256:<hex>`).
    fn digest(&self) -> &str;

    /// Starts an instance. Once `cancel` is set its calls end soon.
    ///
    /// # Errors
    /// The plugin's own, or that it fails to start.
    fn start(&self, setup: &StageSetup, cancel: Arc<AtomicBool>) -> Result<Box<dyn PluginInstance>, StartError>;
}

impl StartPlugin for Plugin {
    fn digest(&self) -> &str {
        Plugin::digest(self)
    }

    fn start(&self, setup: &StageSetup, cancel: Arc<AtomicBool>) -> Result<Box<dyn PluginInstance>, StartError> {
        Ok(Box::new(self.instantiate(setup, cancel)?))
    }
}

impl PluginInstance for Instance {
    fn process(
        &mut self,
        arena: &mut Arena,
        sources: &[Source],
        records: &[Record],
        answer: &mut Answer,
    ) -> Result<(), CallError> {
        Instance::process(self, arena, sources, records, answer)
    }

    fn restart(&mut self) -> Result<(), StartError> {
        Instance::restart(self)
    }

    fn needs(&self) -> Fields {
        Instance::needs(self)
    }

    fn counters(&self) -> &Counters {
        Instance::counters(self)
    }

    fn memory(&self) -> usize {
        Instance::memory(self)
    }
}
