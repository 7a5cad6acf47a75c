//! Why a partition is not fetched.

/// A reason not to fetch a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PauseReason {
    /// What waits of it for a retry leaves no room for more.
    RetryPending = 1,
    /// A circuit breaker is open.
    BreakerOpen = 2,
    /// It is being given up, or the pipeline ends.
    Revoking = 4,
    /// Its transaction is void, and it is still to go back.
    Rewinding = 8,
    /// It moves to another worker.
    Moving = 16,
    /// An operator has asked for it.
    Operator = 32,
    /// What comes of it may not be written at the moment.
    Unauthorized = 64,
}

impl PauseReason {
    /// All of them.
    const ALL: [PauseReason; 7] = [
        PauseReason::RetryPending,
        PauseReason::BreakerOpen,
        PauseReason::Revoking,
        PauseReason::Rewinding,
        PauseReason::Moving,
        PauseReason::Operator,
        PauseReason::Unauthorized,
    ];

    /// The word for it in views.
    pub fn as_str(self) -> &'static str {
        match self {
            PauseReason::RetryPending => "retry",
            PauseReason::BreakerOpen => "breaker",
            PauseReason::Revoking => "revoke",
            PauseReason::Rewinding => "rewind",
            PauseReason::Moving => "move",
            PauseReason::Operator => "operator",
            PauseReason::Unauthorized => "authorization",
        }
    }
}

/// A set of reasons: a partition is fetched when none holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pauses(u8);

impl Pauses {
    /// Sets or lifts a reason. Returns whether fetching is to stop (`true`) or to go on (`false`) because of that.
    pub fn set(&mut self, reason: PauseReason, on: bool) -> Option<bool> {
        let before = *self;
        self.0 = if on { self.0 | reason as u8 } else { self.0 & !(reason as u8) };
        (before.any() != self.any()).then_some(on)
    }

    /// Returns whether a reason holds.
    pub fn has(self, reason: PauseReason) -> bool {
        self.0 & reason as u8 != 0
    }

    /// Returns the reasons that hold.
    pub fn iter(self) -> impl Iterator<Item = PauseReason> {
        PauseReason::ALL.into_iter().filter(move |reason| self.has(*reason))
    }

    /// Returns whether any reason holds.
    pub fn any(self) -> bool {
        self.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetching_stops_with_the_first_reason_and_goes_on_after_the_last() {
        let mut pauses = Pauses::default();
        assert_eq!(pauses.set(PauseReason::Revoking, true), Some(true));
        assert_eq!(pauses.set(PauseReason::BreakerOpen, true), None);
        assert_eq!(pauses.set(PauseReason::BreakerOpen, true), None);
        assert_eq!(pauses.set(PauseReason::Revoking, false), None);
        assert!(pauses.has(PauseReason::BreakerOpen) && !pauses.has(PauseReason::Revoking));
        assert_eq!(pauses.set(PauseReason::BreakerOpen, false), Some(false));
        assert_eq!(pauses.set(PauseReason::BreakerOpen, false), None);
    }
}
