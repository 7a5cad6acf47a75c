//! What a plugin says through `log.write`: bounded in length and rate, and kept for the report of a trap. What is
//! hidden of the records that it was called with is masked; for that, words wait for the end of the call. What it says
//! at the start of an instance is written once, and not again by each worker.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::wire::Level;
use crate::show::{Hidden, Mask};

/// Bytes of a message; the rest is cut.
pub(super) const MAX_MESSAGE: usize = 4096;
/// Messages of an instance in each window.
const MAX_IN_WINDOW: u32 = 100;
const WINDOW: Duration = Duration::from_secs(1);
/// Messages of starts that are remembered; one that says more is heard each time.
const MAX_SAID: usize = 100;

/// What the instances of a plugin have said at their starts.
#[derive(Debug, Default)]
pub(super) struct Said(Mutex<HashSet<String>>);

impl Said {
    fn is_new(&self, message: &str) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.contains(message) {
            return false;
        }
        if said.len() < MAX_SAID {
            said.insert(message.to_owned());
        }
        true
    }
}

/// One instance's voice in the host's log.
#[derive(Debug)]
pub(super) struct PluginLog {
    pipeline: Arc<str>,
    stage: Arc<str>,
    window: Instant,
    in_window: u32,
    suppressed: u64,
    last_error: Option<String>,
    // None: nothing is hidden.
    mask: Option<Mask>,
    // Said in a call that is not over.
    held: Vec<(Level, String)>,
    // While the instance starts: what others said when they did.
    said: Option<Arc<Said>>,
}

impl PluginLog {
    pub(super) fn new(pipeline: Arc<str>, stage: Arc<str>, mask: Mask) -> PluginLog {
        let mask = Some(mask).filter(|mask| !mask.is_off());
        let (window, held) = (Instant::now(), Vec::new());
        PluginLog { pipeline, stage, window, in_window: 0, suppressed: 0, last_error: None, mask, held, said: None }
    }

    /// The instance starts: what others have said when they did is not written again.
    pub(super) fn begin_start(&mut self, said: Arc<Said>) {
        self.said = Some(said);
    }

    /// The instance has started.
    pub(super) fn end_start(&mut self) {
        self.said = None;
    }

    /// Writes a message, or counts it where the plugin has said too much.
    pub(super) fn write(&mut self, level: Level, message: &str, now: Instant) {
        let message = &message[..message.floor_char_boundary(MAX_MESSAGE)];
        if level == Level::Error {
            self.last_error = Some(message.to_owned());
        }
        if self.said.as_ref().is_some_and(|said| !said.is_new(message)) || !self.admit(now) {
            return;
        }
        match self.mask {
            // There are no more than fit into a window.
            Some(_) => self.held.push((level, message.to_owned())),
            None => self.tell(level, message),
        }
    }

    /// Writes what was said in a call that is over, masked. `collect` is asked for what is hidden, where something was
    /// said.
    pub(super) fn tell_held(&mut self, collect: impl FnOnce(&Mask, &mut Hidden)) {
        let (Some(mask), false) = (&self.mask, self.held.is_empty()) else { return };
        let mut hidden = Hidden::default();
        collect(mask, &mut hidden);
        for (level, message) in std::mem::take(&mut self.held) {
            self.tell(level, &hidden.scrub(&message));
        }
    }

    fn tell(&self, level: Level, message: &str) {
        let (pipeline, stage) = (&*self.pipeline, &*self.stage);
        match level {
            Level::Error => tracing::error!(target: "plugin", pipeline, stage, "{message}"),
            Level::Warn => tracing::warn!(target: "plugin", pipeline, stage, "{message}"),
            Level::Info => tracing::info!(target: "plugin", pipeline, stage, "{message}"),
            Level::Debug => tracing::debug!(target: "plugin", pipeline, stage, "{message}"),
        }
    }

    /// The last error since [`PluginLog::forget_error`].
    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Forgets the last error: a trap is explained by what was said in its own call.
    pub(super) fn forget_error(&mut self) {
        self.last_error = None;
    }

    /// Says how many messages were left out, once their window is over.
    pub(super) fn report_suppressed(&mut self, now: Instant) {
        if self.suppressed > 0 && now.duration_since(self.window) >= WINDOW {
            self.say_suppressed();
        }
    }

    fn admit(&mut self, now: Instant) -> bool {
        self.report_suppressed(now);
        if now.duration_since(self.window) >= WINDOW {
            self.window = now;
            self.in_window = 0;
        }
        if self.in_window == MAX_IN_WINDOW {
            self.suppressed += 1;
            return false;
        }
        self.in_window += 1;
        true
    }

    fn say_suppressed(&mut self) {
        let (pipeline, stage, count) = (&*self.pipeline, &*self.stage, self.suppressed);
        tracing::warn!(target: "plugin", pipeline, stage, "{count} suppressed: more than {MAX_IN_WINDOW} messages a second");
        self.suppressed = 0;
    }
}

impl Drop for PluginLog {
    fn drop(&mut self) {
        // It was said at a start, which has no records.
        self.tell_held(|_, _| {});
        if self.suppressed > 0 {
            self.say_suppressed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::Show;

    fn log() -> PluginLog {
        PluginLog::new("orders".into(), "redact".into(), Mask::default())
    }

    #[test]
    fn messages_beyond_the_rate_are_counted_and_not_written() {
        let mut log = log();
        let start = log.window;
        let written = (0..250).filter(|_| log.admit(start)).count();
        assert_eq!((written, log.suppressed), (100, 150));
    }

    #[test]
    fn a_new_window_lets_messages_through_again() {
        let mut log = log();
        let start = log.window;
        (0..250).for_each(|_| _ = log.admit(start));
        log.report_suppressed(start + WINDOW / 2);
        assert_eq!(log.suppressed, 150, "the window is not over");
        assert!(log.admit(start + WINDOW));
        assert_eq!(log.suppressed, 0, "reported");
    }

    #[test]
    fn what_is_hidden_waits_for_the_records_of_its_call() {
        let show = Show { off: true, ..Show::default() };
        let mut log = PluginLog::new("orders".into(), "redact".into(), Mask::new(&show));
        let now = log.window;
        log.write(Level::Error, "bad: ann@example.com", now);
        assert_eq!(log.held.len(), 1);
        let mut asked = false;
        log.tell_held(|_, hidden| {
            asked = true;
            hidden.add_bytes(b"ann@example.com");
        });
        assert!(asked && log.held.is_empty());
        log.tell_held(|_, _| panic!("nothing was said since"));
        for _ in 0..1000 {
            log.write(Level::Info, "x", now);
        }
        assert_eq!(log.held.len(), MAX_IN_WINDOW as usize - 1, "it takes no more memory");
        assert_eq!(log.last_error(), Some("bad: ann@example.com"), "a dead letter has the words as they are");
        let mut plain = self::log();
        plain.write(Level::Info, "x", now);
        assert!(plain.held.is_empty(), "where nothing is hidden nothing waits");
    }

    #[test]
    fn what_is_said_at_a_start_is_written_once() {
        let said = Arc::new(Said::default());
        let show = Show { off: true, ..Show::default() };
        let started = |words: &[&str]| {
            let mut log = PluginLog::new("orders".into(), "redact".into(), Mask::new(&show));
            let now = log.window;
            log.begin_start(Arc::clone(&said));
            words.iter().for_each(|word| log.write(Level::Warn, word, now));
            log.end_start();
            log.write(Level::Warn, "in a call", now);
            log.held.iter().map(|(_, word)| word.clone()).collect::<Vec<_>>()
        };
        assert_eq!(started(&["a", "b", "a"]), ["a", "b", "in a call"]);
        assert_eq!(started(&["a", "c"]), ["c", "in a call"]);
        let many: Vec<String> = (0..2 * MAX_SAID).map(|number| number.to_string()).collect();
        many.iter().for_each(|word| _ = started(&[word]));
        assert_eq!(said.0.lock().unwrap().len(), MAX_SAID, "it takes no more memory");
    }

    #[test]
    fn the_last_error_is_kept_cut_and_forgotten() {
        let mut log = log();
        let now = log.window;
        log.write(Level::Error, &"é".repeat(MAX_MESSAGE), now);
        log.write(Level::Info, "later", now);
        assert_eq!(log.last_error(), Some("é".repeat(MAX_MESSAGE / 2).as_str()));
        log.forget_error();
        assert_eq!(log.last_error(), None);
    }
}
