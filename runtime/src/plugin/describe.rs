//! What a loaded plugin is, for people: imports and what they need, exports, memory, how long a start takes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use wasmparser::{Parser, Payload};
use wasmtime::Store;

use super::error::StartError;
use super::grants;
use super::instance::StageSetup;
use super::load::Plugin;
use super::state::State;
use crate::config::plan::Limits;

/// Bytes of a page of WebAssembly's memory.
const PAGE: u64 = 64 << 10;

/// An interface that a plugin imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// `package/interface@version`.
    pub name: String,
    /// The YAML of a stage that grants it; none: always granted.
    pub grant: Option<&'static str>,
}

impl Plugin {
    /// What it imports, by name.
    pub fn imports(&self) -> Vec<Import> {
        let component = self.linked().component();
        let imports = component.component_type();
        let imports = imports.imports(component.engine());
        imports.map(|(name, _)| Import { name: name.to_owned(), grant: grants::grant_of(name) }).collect()
    }

    /// What it exports, by name.
    pub fn exports_by_name(&self) -> Vec<String> {
        let component = self.linked().component();
        component.component_type().exports(component.engine()).map(|(name, _)| name.to_owned()).collect()
    }

    /// Makes an instance, without its `init`, and says how long that takes.
    ///
    /// # Errors
    /// The plugin needs more memory or time than a stage has by default.
    pub fn time_to_instantiate(&self, limits: Limits) -> Result<Duration, StartError> {
        let setup = StageSetup {
            pipeline: "inspect".into(),
            stage: "inspect".into(),
            config: "null".to_owned(),
            outputs: Vec::new(),
            limits,
            env: Vec::new(),
            show: Default::default(),
        };
        let mut store = Store::new(self.linked().engine(), State::new(&setup, Arc::new(AtomicBool::new(false))));
        store.limiter(|state| &mut state.memory);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().deadline.tick()));
        let _ticking = self.clock().begin_call();
        store.set_epoch_deadline(1);
        let started = Instant::now();
        self.linked().instantiate(&mut store).map_err(|error| StartError::Trap {
            stage: setup.stage.to_string(),
            plugin: self.path().to_owned(),
            reason: format!("{error:#}"),
        })?;
        Ok(started.elapsed())
    }
}

/// The bytes of memory that a component's modules have when they start.
///
/// # Errors
/// The file is no component.
pub fn memory_minimum(component: &[u8]) -> wasmparser::Result<u64> {
    let mut pages = 0;
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::MemorySection(memories) = payload? {
            for memory in memories {
                pages += memory?.initial;
            }
        }
    }
    Ok(pages * PAGE)
}
