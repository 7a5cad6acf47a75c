//! What the program writes to its standard error, line by line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use serde_json::Value;

/// One line of the log.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// As it was written.
    pub text: String,
    /// Its fields, where it is a JSON object; else null.
    fields: Value,
}

impl LogLine {
    fn new(text: String) -> LogLine {
        let fields = serde_json::from_str(&text).unwrap_or_default();
        LogLine { text, fields }
    }

    /// A field as text; numbers too. Empty where there is none.
    pub fn field(&self, name: &str) -> String {
        match &self.fields[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// The message.
    pub fn message(&self) -> String {
        self.field("message")
    }

    /// Whether it is logged as an error.
    pub fn is_error(&self) -> bool {
        self.field("level") == "ERROR"
    }

    /// Whether it is a status line of this pipeline.
    pub fn is_status_of(&self, pipeline: &str) -> bool {
        self.field("target") == "status" && self.field("pipeline") == pipeline
    }
}

/// The lines so far, filled by a thread until the program closes its end.
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<LogLine>>>,
    reader: Option<JoinHandle<()>>,
}

impl Log {
    /// The lines of `source`, copied into a file where there is one.
    pub(crate) fn of(source: impl Read + Send + 'static, mut copy: Option<File>) -> Log {
        let lines: Arc<Mutex<Vec<LogLine>>> = Arc::default();
        let filled = lines.clone();
        let reader = thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n') {
                let Ok(line) = line else { return };
                if let Some(file) = &mut copy {
                    // The copy is for people who look for a fault: where the disk is full they have the rest.
                    let _ = file.write_all(&line).and_then(|()| file.write_all(b"\n"));
                }
                let line = LogLine::new(String::from_utf8_lossy(&line).into_owned());
                filled.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Log { lines, reader: Some(reader) }
    }

    pub(crate) fn lines(&self) -> MutexGuard<'_, Vec<LogLine>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the program has closed its end.
    pub(crate) fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }

    /// The end of it, for failures.
    pub(crate) fn tail(&self) -> String {
        const SHOWN: usize = 40;
        let lines = self.lines();
        let shown: Vec<&str> = lines.iter().skip(lines.len().saturating_sub(SHOWN)).map(|line| &*line.text).collect();
        shown.join("\n")
    }
}
