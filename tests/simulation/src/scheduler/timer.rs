//! Actions that are due at a moment, on no thread, in the order in which they were asked for.

use super::Nanos;

type Action = Box<dyn FnOnce()>;

pub(super) struct Timer {
    pub(super) at: Nanos,
    pub(super) number: u64,
    pub(super) action: Action,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Timer) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Timer) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Timer) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
