//! Counters that a plugin adds to through `metrics.count`.

use std::collections::BTreeMap;

/// Names that a stage may have; a plugin that makes names of record contents must not fill the host's memory.
const MAX_NAMES: usize = 256;
/// Bytes of a name.
const MAX_NAME: usize = 128;

/// A stage's counters by name. They go on counting when an instance is restarted.
#[derive(Debug, Default)]
pub struct Counters {
    values: BTreeMap<String, u64>,
    ignored: u64,
    changes: u64,
}

impl Counters {
    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.values.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The value under a name; none where the plugin has not counted under it.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.values.get(name).copied()
    }

    /// How many counts were ignored because there were too many names.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Returns a number that changes whenever something is counted: a cheap way to see that nothing was.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Adds to a counter. A long name is cut; a new name beyond the bound is ignored.
    pub fn add(&mut self, name: &str, delta: u64) {
        self.changes = self.changes.wrapping_add(1);
        let name = &name[..name.floor_char_boundary(MAX_NAME)];
        if let Some(value) = self.values.get_mut(name) {
            *value = value.saturating_add(delta);
        } else if self.values.len() < MAX_NAMES {
            self.values.insert(name.to_owned(), delta);
        } else {
            self.ignore(1);
        }
    }

    /// Counts counts that were ignored.
    pub fn ignore(&mut self, count: u64) {
        self.ignored = self.ignored.saturating_add(count);
    }

    /// Adds all that another set has counted.
    pub(super) fn add_all(&mut self, others: &Counters) {
        for (name, value) in others.iter() {
            self.add(name, value);
        }
        self.ignore(others.ignored);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_under_a_name_add_up() {
        let mut counters = Counters::default();
        counters.add("seen", 2);
        counters.add("seen", 3);
        counters.add("dropped", u64::MAX);
        counters.add("dropped", 1);
        assert_eq!(counters.iter().collect::<Vec<_>>(), [("dropped", u64::MAX), ("seen", 5)]);
    }

    #[test]
    fn a_plugin_cannot_make_names_without_end() {
        let mut counters = Counters::default();
        for number in 0..MAX_NAMES + 10 {
            counters.add(&number.to_string(), 1);
        }
        counters.add("0", 1);
        assert_eq!(counters.iter().count(), MAX_NAMES);
        assert_eq!(counters.ignored(), 10);
        assert_eq!(counters.get("0"), Some(2));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let mut counters = Counters::default();
        counters.add(&"ä".repeat(MAX_NAME), 1);
        counters.add(&format!("x{}", "ä".repeat(MAX_NAME)), 1);
        let lengths: Vec<_> = counters.iter().map(|(name, _)| name.len()).collect();
        assert_eq!(lengths, [127, 128]);
    }
}
