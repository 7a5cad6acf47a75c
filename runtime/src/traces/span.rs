//! What is recorded of a batch with sampled records: a span for the batch, one for each step that it takes, and one for
//! each output that carries a context on. It becomes OTLP on the exporter's thread.

use std::sync::Arc;

use super::context::{SpanId, TraceContext, TraceId};

/// Links, and events of one kind, that a span has at the most; more are only counted.
pub const MOST: usize = 128;

/// A batch, or a part of one that has gone on by itself after a wait.
#[derive(Debug)]
pub struct BatchSpan {
    /// Its trace.
    pub trace: TraceId,
    /// Its id.
    pub id: SpanId,
    /// Of a part, the batch that it was part of.
    pub parent: Option<SpanId>,
    /// When the worker took it, in nanoseconds since the epoch.
    pub begin: u64,
    /// When it was over, in nanoseconds since the epoch.
    pub end: u64,
    /// The partitions that its records came from.
    pub partitions: Vec<(Arc<str>, i32)>,
    /// How many records it has.
    pub messages: usize,
    /// The sampled ones, in order.
    pub sampled: Vec<SampledInput>,
    /// Sampled ones that are not listed.
    pub more_sampled: usize,
    /// The steps that it took, in order.
    pub steps: Vec<StepSpan>,
    /// Outputs that carry a context on, in the order in which their headers lie in the batch's arena.
    pub sends: Vec<SendSpan>,
    /// What has left the chain; none: the records were given back, to be read again.
    pub written: Option<Written>,
}

/// An input record that is sampled.
#[derive(Clone, Debug)]
pub struct SampledInput {
    /// Its number in the batch.
    pub input: u32,
    /// The number of its partition in [`BatchSpan::partitions`].
    pub partition: u32,
    /// Its offset.
    pub offset: i64,
    /// Whether its value is null.
    pub is_tombstone: bool,
    /// The context that it came with.
    pub context: Option<TraceContext>,
    /// The `tracestate` that came with that.
    pub state: Option<Box<str>>,
}

/// What a batch goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Before the first stage, where there are formats.
    Decode,
    /// The stage of this number.
    Stage(usize),
    /// Behind the last stage, where there are formats.
    Encode,
}

/// A batch in one step.
#[derive(Debug)]
pub struct StepSpan {
    /// Which.
    pub step: Step,
    /// Its id.
    pub id: SpanId,
    /// When it began, in nanoseconds since the epoch.
    pub begin: u64,
    /// When it was over; 0 while it is not.
    pub end: u64,
    /// Records that came into it.
    pub records: usize,
    /// What became of them.
    pub counts: StepCounts,
    /// Calls of the plugin.
    pub calls: u64,
    /// What happened, in order.
    pub events: Vec<StepEvent>,
    /// Events that are not listed.
    pub more_events: usize,
}

/// What became of the records of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepCounts {
    /// They went on as they came.
    pub kept: usize,
    /// They ended there.
    pub dropped: usize,
    /// Others went on in their place.
    pub emitted: usize,
    /// They failed.
    pub failed: usize,
}

/// Something that happened in a step.
#[derive(Debug)]
pub struct StepEvent {
    /// When, in nanoseconds since the epoch.
    pub at: u64,
    /// What.
    pub what: Happened,
}

/// What can happen in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// So many records began to wait for a retry, or for a schema.
    Waits(usize),
    /// So many calls of the plugin failed, and were made again with fewer records.
    CallsFailed(u64),
    /// A sampled record failed: its number in [`BatchSpan::sampled`], and the class.
    RecordFailed(u32, &'static str),
}

/// An output that carries a context on.
#[derive(Debug)]
pub struct SendSpan {
    /// Its id.
    pub id: SpanId,
    /// The number of its input in [`BatchSpan::sampled`].
    pub sampled: u32,
    /// The number of the output.
    pub output: u32,
    /// Where its headers lie in the batch's arena, which tells it from others.
    pub headers_at: u32,
    /// When it was handed to the producer, in nanoseconds since the epoch; 0: it was not.
    pub at: u64,
}

/// What has left the chain of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Output records.
    pub outputs: usize,
    /// Dead letters.
    pub dead_letters: usize,
}

impl BatchSpan {
    /// Returns how many spans it makes.
    pub fn spans(&self) -> usize {
        1 + self.steps.len() + self.sends.len()
    }

    /// Returns the number of a sampled input, if the input is one.
    pub fn sampled_number(&self, input: u32) -> Option<u32> {
        self.sampled.binary_search_by_key(&input, |sampled| sampled.input).ok().map(|number| number as u32)
    }

    /// Returns the trace that an output of a sampled input belongs to, and its parent there.
    pub fn parent_of_output(&self, sampled: u32) -> (TraceId, SpanId) {
        match &self.sampled[sampled as usize].context {
            Some(context) => (context.trace, context.span),
            None => (self.trace, self.id),
        }
    }
}

impl StepSpan {
    /// Adds an event, as far as there is room.
    pub fn add(&mut self, at: u64, what: Happened) {
        if self.events.len() < MOST {
            self.events.push(StepEvent { at, what });
        } else {
            self.more_events += 1;
        }
    }
}
