//! What is counted of one stage.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::histogram::{CallRecords, CallTime, Histogram};
use super::{Counter, Gauge};
use crate::failure::Class;

/// Names of a plugin's own counters that are kept for each stage.
pub const MAX_PLUGIN_NAMES: usize = 100;
/// Bytes that are kept of such a name.
pub const MAX_PLUGIN_NAME: usize = 64;

/// What is counted of one stage, over all workers.
#[derive(Debug, Default)]
pub struct StageCounters {
    /// Records by the plugin's verdict, in the order of [`Verdict`](crate::plugin::Verdict).
    verdicts: [Counter; 5],
    /// Calls of the plugin.
    pub calls: Counter,
    /// Nanoseconds that those took.
    pub nanoseconds: Counter,
    /// How long each call took, in nanoseconds.
    pub call_time: Histogram<CallTime>,
    /// How many records each call had.
    pub call_records: Histogram<CallRecords>,
    /// Bytes of memory that all its plugin instances have now.
    pub memory: Gauge,
    /// Records that were called again because they were to be retried.
    pub retries: Counter,
    restarts: [Counter; Class::ALL.len()],
    pub(super) dead_letters: [Counter; Class::ALL.len()],
    plugin: Mutex<BTreeMap<String, u64>>,
    /// Counts of the plugin that were not kept, because it counts under too many names.
    pub plugin_ignored: Counter,
}

impl StageCounters {
    /// Returns how many records got this verdict.
    pub fn verdicts(&self, verdict: crate::plugin::Verdict) -> u64 {
        self.verdicts[verdict as usize].get()
    }

    /// Returns how often a plugin instance was restarted after a call that failed in this way.
    pub fn restarts(&self, class: Class) -> u64 {
        self.restarts[class as usize].get()
    }

    /// Returns how many dead letters of this class were acknowledged.
    pub fn dead_letters(&self, class: Class) -> u64 {
        self.dead_letters[class as usize].get()
    }

    /// Returns the plugin's own counters, by name.
    pub fn plugin(&self) -> Vec<(String, u64)> {
        let plugin = self.plugin.lock().unwrap_or_else(PoisonError::into_inner);
        plugin.iter().map(|(name, value)| (name.clone(), *value)).collect()
    }

    /// Adds to one of the plugin's own counters. A long name is cut; a new one beyond the bound is only counted as
    /// ignored.
    pub fn count_plugin(&self, name: &str, delta: u64) {
        let name = &name[..name.floor_char_boundary(MAX_PLUGIN_NAME)];
        let mut plugin = self.plugin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = plugin.get_mut(name) {
            *value = value.saturating_add(delta);
        } else if plugin.len() < MAX_PLUGIN_NAMES {
            plugin.insert(name.to_owned(), delta);
        } else {
            self.plugin_ignored.add(1);
        }
    }

    /// Adds what one worker has tallied, and empties the tally.
    pub fn add(&self, tally: &mut StageTally) {
        let StageTally { verdicts, calls, time, retries, restarts } = std::mem::take(tally);
        self.calls.add(calls);
        self.nanoseconds.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.retries.add(retries);
        std::iter::zip(&self.verdicts, verdicts).for_each(|(counter, count)| counter.add(count));
        std::iter::zip(&self.restarts, restarts).for_each(|(counter, count)| counter.add(count));
    }
}

/// What one worker counts of a stage until it adds it to the [`StageCounters`].
#[derive(Debug, Default)]
pub struct StageTally {
    /// Records by verdict.
    pub verdicts: [u64; 5],
    /// Calls of the plugin.
    pub calls: u64,
    /// How long those took.
    pub time: Duration,
    /// Records that were called again because they were to be retried.
    pub retries: u64,
    /// Restarts of the plugin instance, by the class of the failure before each.
    pub restarts: [u64; Class::ALL.len()],
}
