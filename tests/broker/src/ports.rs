//! Free ports on 127.0.0.1.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Below the range that Linux hands to outgoing connections (from 32768). A port of that range could be taken, by a
/// client that tries to connect to it and is given the same port for its own end, while its broker is down.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// A port that nobody listens on and that this process has not handed out before.
pub(crate) fn free() -> Result<u16> {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    // At random, because other processes look for ports at the same time.
    let random = RandomState::new();
    for attempt in 0..1_000_u32 {
        let step = random.hash_one(attempt) % u64::from(RANGE.end - RANGE.start);
        let port = RANGE.start + u16::try_from(step)?;
        if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            taken.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 between {} and {}", RANGE.start, RANGE.end)
}
