//! Signals of the process.

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::fleet::Fleet;

/// Signals that come closer together are one: some supervisors signal the process and its group.
const SAME_SIGNAL: Duration = Duration::from_millis(10);

/// Signals of the process, caught from the moment that this is made. One that nobody waits for yet is kept.
pub struct Signals {
    pub(super) terminate: Signal,
    pub(super) interrupt: Signal,
    pub(super) hang_up: Signal,
    // When one first asked for a stop.
    stop_asked: Option<Instant>,
}

impl Signals {
    /// Catches signals. Within a runtime.
    ///
    /// # Errors
    /// Handlers that cannot be made.
    pub fn catch() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            stop_asked: None,
        })
    }

    /// Waits for one that asks for a stop. Returns its name.
    pub async fn stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    pub(super) fn on_stop(&mut self, name: &str, fleet: &mut Fleet) {
        match self.stop_asked {
            Some(since) if since.elapsed() < SAME_SIGNAL => return,
            Some(_) => {
                tracing::warn!(target: "daemon", "{name} again: stopping at once, what is in flight stays uncommitted");
                // Nothing is flushed or left in order: that is what the second signal asks for.
                std::process::exit(1);
            }
            None => self.stop_asked = Some(Instant::now()),
        }
        tracing::info!(target: "daemon", "{name}: draining");
        fleet.stop();
    }
}
