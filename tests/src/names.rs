//! Names that no other test has, nor an earlier run against the same brokers.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A name for topics, groups and pipelines that begins with `prefix`.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    format!("{prefix}-{millis:x}-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
