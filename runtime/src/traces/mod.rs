//! Traces: what happens to sampled records, as spans for an OpenTelemetry collector.
//!
//! A worker holds a [`BatchTrace`] for a batch with sampled records, and nothing for any other. What it has recorded
//! goes to the exporter, which has a thread of its own and never makes a worker wait.

pub mod context;
mod export;
mod otlp;
mod sample;
pub mod span;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use self::context::{TraceContext, context_of, state_of};
pub use self::export::finish_exports;
use self::export::{Collector, Exporter, Pace};
use self::otlp::Names;
use self::sample::{Ids, Share};
use self::span::{BatchSpan, Happened, MOST, SampledInput, SendSpan, Step, StepCounts, StepSpan, Written};
use crate::batch::{Arena, Batch, HeaderList};
use crate::config::plan::{self, Plan};
use crate::counters::TraceCounters;
use crate::rt;

/// Traces the batches of one pipeline.
pub struct Tracer {
    share: Share,
    propagates: bool,
    ids: Ids,
    exporter: Exporter,
}

impl Tracer {
    /// Starts what a plan asks for.
    ///
    /// # Errors
    /// A file of certificates cannot be read; there is no thread.
    pub fn start(plan: &Plan, traces: &plan::Traces, counters: Arc<TraceCounters>) -> anyhow::Result<Arc<Tracer>> {
        let (collector, names) = (Collector::new(&plan.name, traces)?, Names::of(plan, traces));
        let exporter = Exporter::start(collector, names, Pace::default(), counters)?;
        Ok(Arc::new(Tracer {
            share: Share::new(traces.sample),
            propagates: traces.propagate,
            ids: Ids::new(),
            exporter,
        }))
    }

    /// Returns whether outputs of sampled records carry a context.
    pub fn propagates(&self) -> bool {
        self.propagates
    }

    /// Begins to trace a batch, where a record of it is sampled: one whose context says so, or one without a context
    /// that is in the sample.
    pub fn begin(self: &Arc<Self>, batch: &Batch) -> Option<BatchTrace> {
        let (mut sampled, mut more_sampled) = (Vec::new(), 0);
        let (mut source, mut seed) = (u32::MAX, 0);
        for (input, record) in batch.records.iter().enumerate() {
            let headers = batch.arena.headers(record.headers);
            let context = context_of(headers.clone());
            let is_sampled = match &context {
                Some(context) => context.is_sampled(),
                None => {
                    if record.source != source {
                        source = record.source;
                        let own = &batch.sources[source as usize];
                        seed = Share::seed(&own.topic, own.partition.0);
                    }
                    self.share.has(seed, record.offset.0)
                }
            };
            if !is_sampled {
                continue;
            }
            // Only outputs that carry a context on have to find every one of them again.
            if sampled.len() >= MOST && !self.propagates {
                more_sampled += 1;
                continue;
            }
            sampled.push(SampledInput {
                input: input as u32,
                partition: record.source,
                offset: record.offset.0,
                is_tombstone: record.value.is_null(),
                state: context.and_then(|_| state_of(headers)).map(Into::into),
                context,
            });
        }
        if sampled.is_empty() {
            return None;
        }
        let span = BatchSpan {
            trace: self.ids.trace(),
            id: self.ids.span(),
            parent: None,
            begin: rt::unix_ns(),
            end: 0,
            partitions: batch.sources.iter().map(|source| (source.topic.clone(), source.partition.0)).collect(),
            messages: batch.records.len(),
            sampled,
            more_sampled,
            steps: Vec::new(),
            sends: Vec::new(),
            written: None,
        };
        Some(BatchTrace { tracer: self.clone(), span: Some(Box::new(span)) })
    }

    /// Ends: what was recorded is still sent, until a moment at the most. Nobody is made to wait for that here: see
    /// [`finish_exports`].
    pub fn close(&self, deadline: Instant) {
        self.exporter.close(deadline);
    }
}

/// The trace of one batch. Where it is dropped before [`BatchTrace::written`], its records were given back.
pub struct BatchTrace {
    tracer: Arc<Tracer>,
    // None while it is dropped.
    span: Option<Box<BatchSpan>>,
}

impl Drop for BatchTrace {
    fn drop(&mut self) {
        if let Some(mut span) = self.span.take() {
            span.end = rt::unix_ns().max(span.begin);
            if let Some(step) = span.steps.last_mut().filter(|step| step.end == 0) {
                step.end = span.end.max(step.begin);
            }
            // What the producer did not take is no output.
            span.sends.retain(|send| send.at > 0);
            self.tracer.exporter.offer(*span);
        }
    }
}

impl BatchTrace {
    /// Begins a step with so many records, unless it has begun before a wait.
    pub fn enter(&mut self, step: Step, records: usize) {
        let Some(span) = &mut self.span else { return };
        if span.steps.last().is_some_and(|last| last.step == step && last.end == 0) {
            return;
        }
        span.steps.push(StepSpan {
            step,
            id: self.tracer.ids.span(),
            begin: rt::unix_ns(),
            end: 0,
            records,
            counts: StepCounts::default(),
            calls: 0,
            events: Vec::new(),
            more_events: 0,
        });
    }

    fn step(&mut self) -> Option<&mut StepSpan> {
        self.span.as_mut()?.steps.last_mut().filter(|step| step.end == 0)
    }

    /// Counts calls of the plugin in the step that has begun, and those that failed and were made again.
    pub fn called(&mut self, calls: u64, failed: u64) {
        let now = rt::unix_ns();
        if let Some(step) = self.step() {
            step.calls += calls;
            if failed > 0 {
                step.add(now, Happened::CallsFailed(failed));
            }
        }
    }

    /// So many records of the step begin to wait.
    pub fn waits(&mut self, records: usize) {
        let now = rt::unix_ns();
        if let Some(step) = self.step() {
            step.add(now, Happened::Waits(records));
        }
    }

    /// A record of the step has failed; it is noted if its input is sampled.
    pub fn failed(&mut self, input: u32, class: &'static str) {
        let (now, number) = (rt::unix_ns(), self.span.as_ref().and_then(|span| span.sampled_number(input)));
        if let (Some(number), Some(step)) = (number, self.step()) {
            step.add(now, Happened::RecordFailed(number, class));
        }
    }

    /// The step that has begun is over.
    pub fn leave(&mut self, counts: StepCounts) {
        let now = rt::unix_ns();
        if let Some(step) = self.step() {
            step.counts = counts;
            step.end = now.max(step.begin);
        }
    }

    /// Returns the trace of a part of the batch that goes on by itself, where any of its inputs is sampled. `renumber`
    /// returns the number in the part of an input of this batch that is in it.
    pub fn fork(&self, part: &Batch, renumber: impl Fn(u32) -> Option<u32>) -> Option<BatchTrace> {
        let span = self.span.as_ref()?;
        let renumbered = |sampled: &SampledInput| {
            Some(SampledInput { input: renumber(sampled.input)?, partition: 0, ..sampled.clone() })
        };
        let sampled: Vec<SampledInput> = span.sampled.iter().filter_map(renumbered).collect();
        if sampled.is_empty() {
            return None;
        }
        let part = BatchSpan {
            trace: span.trace,
            id: self.tracer.ids.span(),
            parent: Some(span.id),
            begin: rt::unix_ns(),
            end: 0,
            partitions: part.sources.iter().map(|source| (source.topic.clone(), source.partition.0)).collect(),
            messages: part.records.len(),
            sampled,
            more_sampled: 0,
            steps: Vec::new(),
            sends: Vec::new(),
            written: None,
        };
        Some(BatchTrace { tracer: self.tracer.clone(), span: Some(Box::new(part)) })
    }

    /// Returns whether outputs of sampled inputs carry a context.
    pub fn propagates(&self) -> bool {
        self.tracer.propagates
    }

    /// Returns the headers of an output of this input with the context of a span of its own, where the input is
    /// sampled; they lie at the end of the arena.
    pub fn propagate(&mut self, input: u32, output: u32, arena: &mut Arena, headers: HeaderList) -> Option<HeaderList> {
        let span = self.span.as_mut()?;
        let number = span.sampled_number(input)?;
        let id = self.tracer.ids.span();
        let (trace, _) = span.parent_of_output(number);
        let came = &span.sampled[number as usize];
        let own = TraceContext::of(trace, id, came.context.as_ref());
        let list = with_context(arena, headers, &own, came);
        span.sends.push(SendSpan { id, sampled: number, output, headers_at: list.at, at: 0 });
        Some(list)
    }

    /// The producer has taken the output with these headers.
    pub fn sent(&mut self, headers: HeaderList) {
        let Some(span) = &mut self.span else { return };
        if let Ok(number) = span.sends.binary_search_by_key(&headers.at, |send| send.headers_at) {
            span.sends[number].at = rt::unix_ns();
        }
    }

    /// All that came of the batch is written: the end of its span.
    pub fn written(mut self, written: Written) {
        if let Some(span) = &mut self.span {
            span.written = Some(written);
        }
    }
}

/// Appends headers with this context in place of any other.
fn with_context(arena: &mut Arena, headers: HeaderList, own: &TraceContext, came: &SampledInput) -> HeaderList {
    let mut scratch = Arena::default();
    let (mut has_state, is_ours) = (false, came.context.is_some());
    let kept = arena.headers(headers).filter(|(name, _)| {
        let is_state = *name == context::TRACESTATE;
        has_state |= is_state;
        // A state without a valid context belongs to nothing.
        *name != context::TRACEPARENT && (is_ours || !is_state)
    });
    let kept: Vec<_> = kept.collect();
    let text = own.format();
    let state = came.state.as_deref().filter(|_| !has_state).map(|state| (context::TRACESTATE, Some(state.as_bytes())));
    let added = std::iter::once((context::TRACEPARENT, Some(&text[..]))).chain(state);
    let list = scratch.push_headers(kept.into_iter().chain(added));
    let at = arena.push(scratch.bytes()).at;
    HeaderList { at, ..list }
}
