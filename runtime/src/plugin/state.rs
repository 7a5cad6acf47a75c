//! What the host keeps beside an instance in its Store.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::counters::Counters;
use super::instance::StageSetup;
use super::limits::{Deadline, MemoryLimit};
use super::log::PluginLog;
use crate::show::Mask;

/// One instance's side of the host.
#[derive(Debug)]
pub(super) struct State {
    pub(super) memory: MemoryLimit,
    pub(super) deadline: Deadline,
    pub(super) log: PluginLog,
    pub(super) counters: Counters,
    /// The variables that the plugin may see where it is granted any.
    pub(super) env: Vec<(String, String)>,
    /// Zero of the monotonic clock, so that it tells nothing of the machine.
    pub(super) started: Instant,
    /// Strings from the plugin, without an allocation for each.
    pub(super) text: String,
}

impl State {
    pub(super) fn new(setup: &StageSetup, cancel: Arc<AtomicBool>) -> State {
        State {
            memory: MemoryLimit::new(setup.limits.memory),
            deadline: Deadline::new(setup.limits.time, cancel),
            log: PluginLog::new(Arc::clone(&setup.pipeline), Arc::clone(&setup.stage), Mask::new(&setup.show)),
            counters: Counters::default(),
            env: setup.env.clone(),
            started: Instant::now(),
            text: String::new(),
        }
    }

    /// A new call starts: it has its own time, and is judged by what happens in it alone.
    pub(super) fn start_call(&mut self) {
        self.deadline.restart();
        self.memory.forget();
        self.log.forget_error();
    }
}
