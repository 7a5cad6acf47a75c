//! How far a command has come that reads a topic to its end.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often progress is shown on a terminal.
const SHOW_INTERVAL: Duration = Duration::from_millis(500);
/// How often progress is logged where there is no terminal.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of a read, on standard error: one line that changes on a terminal, log lines elsewhere.
pub struct ReadProgress {
    terminal: bool,
    due: Instant,
    shown: bool,
}

impl ReadProgress {
    /// Returns the progress of a read that begins now.
    pub fn new() -> ReadProgress {
        let terminal = std::io::stderr().is_terminal();
        let mut progress = ReadProgress { terminal, due: Instant::now(), shown: false };
        progress.due += progress.interval();
        progress
    }

    fn interval(&self) -> Duration {
        if self.terminal { SHOW_INTERVAL } else { LOG_INTERVAL }
    }

    /// Says how far the read is, where that is due.
    pub fn show(&mut self, topic: &str, read: u64, total: i64) {
        let now = Instant::now();
        if now < self.due {
            return;
        }
        self.due = now + self.interval();
        if self.terminal {
            self.shown = true;
            // A line that a terminal does not take is no reason to stop reading.
            let _ = write!(std::io::stderr(), "\r\x1b[Kreading {topic}: {read} of at most {total}");
        } else {
            tracing::info!(target: "dlq", topic, read, total, "reading the topic");
        }
    }

    /// Takes the line off the terminal.
    pub fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

impl Default for ReadProgress {
    fn default() -> Self {
        ReadProgress::new()
    }
}
