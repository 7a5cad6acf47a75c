//! The last warnings and errors, kept in memory for whoever looks later.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines that are kept.
const LINES: usize = 200;
/// Bytes that are kept of one message.
const MESSAGE: usize = 4 << 10;

static KEPT: Mutex<VecDeque<KeptLine>> = Mutex::new(VecDeque::new());

/// A warning or an error.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptLine {
    /// When it was logged.
    pub time: jiff::Timestamp,
    /// Whether it is an error.
    pub is_error: bool,
    /// The pipeline, where it is about one.
    pub pipeline: Option<String>,
    /// The stage, where it is about one.
    pub stage: Option<String>,
    /// What is said.
    pub message: String,
    /// What else is said, by name.
    pub fields: Map<String, Value>,
}

/// Returns the last 200 warnings and errors, the oldest first.
pub fn kept_lines() -> Vec<KeptLine> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

/// Keeps warnings and errors.
pub struct RingLayer;

impl<S: Subscriber> Layer<S> for RingLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > Level::WARN {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields { mut message, mut all } = fields;
        message.truncate(message.floor_char_boundary(MESSAGE));
        let mut text = |name: &str| match all.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (pipeline, stage) = (text("pipeline"), text("stage"));
        let (time, is_error) = (jiff::Timestamp::now(), level == Level::ERROR);
        let line = KeptLine { time, is_error, pipeline, stage, message, fields: all };
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    all: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.all.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" { self.message.push_str(value) } else { self.put(field, value.into()) }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.put(field, format!("{value:?}").into());
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn warnings_are_kept_with_what_they_are_about_and_the_oldest_are_forgotten() {
        let subscriber = tracing_subscriber::registry().with(RingLayer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("not kept");
            for offset in 0..LINES + 1 {
                tracing::warn!(pipeline = "ring", stage = %"mask", offset, "line {offset}");
            }
        });
        let lines: Vec<_> = kept_lines().into_iter().filter(|line| line.pipeline.as_deref() == Some("ring")).collect();
        assert!(lines.len() <= LINES);
        let last = lines.last().unwrap();
        assert_eq!((last.message.as_str(), last.stage.as_deref(), last.is_error), ("line 200", Some("mask"), false));
        assert_eq!(last.fields["offset"], LINES);
        assert_ne!(lines[0].message, "line 0");
    }
}
