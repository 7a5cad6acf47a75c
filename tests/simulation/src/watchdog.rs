//! The watchdog: a history that hangs, because somebody waits with a lock held or turns in a circle without a wait, is
//! named.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long one history may take by the real clock.
const PATIENCE: u64 = 60;

/// Watches the histories of one process.
#[derive(Clone, Default)]
pub struct Watchdog {
    history: Arc<Mutex<(u64, &'static str)>>,
    turns: Arc<AtomicU64>,
}

/// Starts a watchdog, which ends the process where a history does not end.
pub fn start() -> Watchdog {
    let watchdog = Watchdog::default();
    let watched = watchdog.clone();
    std::thread::spawn(move || watched.run());
    watchdog
}

impl Watchdog {
    /// A history begins.
    pub fn watch(&self, seed: u64, kind: &'static str) {
        *self.history.lock().unwrap_or_else(PoisonError::into_inner) = (seed, kind);
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    fn run(&self) {
        let (mut last, mut since) = (0, 0);
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let turns = self.turns.load(Ordering::Relaxed);
            since = if turns == last { since + 1 } else { 0 };
            last = turns;
            if since > PATIENCE && turns > 0 {
                let (seed, kind) = *self.history.lock().unwrap_or_else(PoisonError::into_inner);
                println!("FAILED: {kind} --seed {seed} has not ended in {PATIENCE} s");
                std::process::abort();
            }
        }
    }
}
