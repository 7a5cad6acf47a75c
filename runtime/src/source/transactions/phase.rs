//! The phases of a transaction, from its beginning to its end.

/// How far the transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The first is about to begin.
    Beginning,
    /// Workers write.
    Open,
    /// The gate is closed, and the last writers are leaving.
    Closing,
    /// What was written is being acknowledged.
    Flushing,
    /// It is being committed.
    Committing,
    /// It is being aborted.
    Aborting,
    /// The next has begun, and partitions are still to go back.
    Rewinding,
}

impl Phase {
    /// The word for it in views.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Beginning => "beginning",
            Phase::Open => "open",
            Phase::Closing => "closing",
            Phase::Flushing => "flushing",
            Phase::Committing => "committing",
            Phase::Aborting => "aborting",
            Phase::Rewinding => "rewinding",
        }
    }
}
