//! Standard error: log lines, and what commands say. A thread of its own writes it, so that a reader that is slow,
//! stuck or gone never delays or ends the program. What cannot be written is lost, and counted.

mod filter;
mod ring;

use std::collections::VecDeque;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use self::filter::{RateLimit, filter_layer, set_filter};
pub use self::ring::{KeptLine, RingLayer, kept_lines};

/// Bytes of lines that may wait to be written.
const CAPACITY: usize = 1 << 20;
/// How long a descriptor that somebody else has made non-blocking is left alone when it takes no more.
const BUSY_WAIT: Duration = Duration::from_millis(10);

static QUEUE: Queue = Queue::new();
static LOST: AtomicU64 = AtomicU64::new(0);

/// Starts the thread that writes standard error.
///
/// # Errors
/// The thread cannot be made, or there are no more file descriptors.
pub fn start() -> io::Result<()> {
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    thread::Builder::new().name("log".to_owned()).spawn(move || QUEUE.write_all_to(stderr))?;
    QUEUE.state().is_started = true;
    Ok(())
}

/// How many log lines were lost since the program started: standard error could not be written, or its reader was slow.
pub fn lines_lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Writes a message to standard error, behind all that was logged before. Waits until it is written, but no longer than
/// `patience`; none: as long as it takes. A message that cannot be written is lost.
pub fn say(message: impl Display, patience: Option<Duration>) {
    let line = format!("{message}\n").into_bytes();
    if !QUEUE.state().is_started {
        let _ = io::stderr().write_all(&line);
        return;
    }
    let deadline = patience.map(|patience| Instant::now() + patience);
    QUEUE.wait_until_written(deadline);
    QUEUE.push(line);
    QUEUE.wait_until_written(deadline);
}

/// Waits until everything that was logged is written, but no longer than `patience`.
pub fn flush(patience: Duration) {
    QUEUE.wait_until_written(Some(Instant::now() + patience));
}

/// Where the logger writes its lines, each with one call. Writing never fails and never waits.
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        QUEUE.push(line.to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines that wait to be written.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    // The thread is at a line that is no longer in the queue.
    is_writing: bool,
    is_started: bool,
}

impl Queue {
    const fn new() -> Queue {
        let state = State { lines: VecDeque::new(), bytes: 0, is_writing: false, is_started: false };
        Queue { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: Vec<u8>) {
        let mut state = self.state();
        if state.bytes + line.len() > CAPACITY && !state.lines.is_empty() {
            LOST.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        self.changed.notify_all();
    }

    fn wait_until_written(&self, deadline: Option<Instant>) {
        let mut state = self.state();
        while state.is_started && (state.is_writing || !state.lines.is_empty()) {
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return,
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Does not return.
    fn write_all_to(&self, mut stderr: File) {
        let mut told = 0;
        loop {
            let line = self.next();
            let written = write_line(&mut stderr, &line);
            let is_empty = {
                let mut state = self.state();
                state.is_writing = false;
                self.changed.notify_all();
                state.lines.is_empty()
            };
            if written.is_err() {
                LOST.fetch_add(1, Ordering::Relaxed);
            } else if is_empty && lines_lost() > told {
                let lost = lines_lost() - told;
                told += lost;
                tracing::warn!(target: "log", lost, "log lines were lost: standard error was not read or not writable, or one place complained too often");
            }
        }
    }

    fn next(&self) -> Vec<u8> {
        let mut state = self.state();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.bytes -= line.len();
                state.is_writing = true;
                return line;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn write_line(stderr: &mut File, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match stderr.write(line) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => line = &line[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(BUSY_WAIT),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Read as _;

    use super::*;

    fn queue() -> &'static Queue {
        let queue: &'static Queue = Box::leak(Box::new(Queue::new()));
        queue.state().is_started = true;
        queue
    }

    #[test]
    fn lines_that_nobody_reads_are_lost_and_delay_nobody() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (queue, lost) = (queue(), lines_lost());
        thread::spawn(move || queue.write_all_to(File::from(std::os::fd::OwnedFd::from(writer))));
        let line = vec![b'x'; 64 << 10];
        for _ in 0..100 {
            queue.push(line.clone());
        }
        assert!(lines_lost() > lost);
        // What was queued comes out once somebody reads, whole.
        let mut first = vec![0; 4 * line.len()];
        reader.read_exact(&mut first).unwrap();
        assert!(first.iter().all(|byte| *byte == b'x'));
    }

    #[test]
    fn a_full_device_loses_lines_and_ends_nothing() {
        let (queue, lost) = (queue(), lines_lost());
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        thread::spawn(move || queue.write_all_to(full));
        queue.push(b"a line\n".to_vec());
        queue.wait_until_written(None);
        queue.push(b"a line\n".to_vec());
        queue.wait_until_written(None);
        // The count of the second may still be on its way.
        assert!(lines_lost() > lost);
    }
}
