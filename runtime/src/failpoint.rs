//! Failpoints: places where a test lets the process crash. They are there with the feature `failpoints` alone, which
//! nothing that is shipped has.

#[cfg(feature = "failpoints")]
use std::sync::atomic::{AtomicU64, Ordering};

/// A place in the way of a record where a crash tells most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failpoint {
    /// Everything is acknowledged, and the offsets are not committed yet.
    Acknowledged,
    /// A transaction has its offsets, and is not committed yet.
    OffsetsSent,
}

impl Failpoint {
    /// The place's name, for `SLUICE_FAILPOINT`.
    pub fn name(self) -> &'static str {
        match self {
            Failpoint::Acknowledged => "acknowledged",
            Failpoint::OffsetsSent => "offsets-sent",
        }
    }
}

/// Ends the process on the spot where the variable `SLUICE_FAILPOINT` names this place as `NAME:N`, when it is come to
/// for the N-th time.
#[cfg(feature = "failpoints")]
pub fn reach(place: Failpoint) {
    static REACHED: AtomicU64 = AtomicU64::new(0);
    let Ok(wanted) = std::env::var("SLUICE_FAILPOINT") else { return };
    let Some((name, times)) = wanted.split_once(':') else { return };
    if name == place.name() && (REACHED.fetch_add(1, Ordering::Relaxed) + 1).to_string() == times {
        eprintln!("failpoint {name} reached: aborting");
        std::process::abort();
    }
}

/// Does nothing: there are no failpoints in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn reach(_place: Failpoint) {}
