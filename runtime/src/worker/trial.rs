//! A trial: a chain by itself, without brokers. What leaves it is handed over instead of written.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::ChainContext;
use super::chain::{Chain, Step};
use super::event::{WorkerEvent, WorkerEvents};
use super::in_flight::{ChainOutput, InFlightBatch};
use super::trace::StageTrace;
use crate::batch::{Arena, Batch, Offset, Partition, Record, Source};
use crate::error::PipelineError;
use crate::failure::Failure;
use crate::formats::Formats;
use crate::kafka::TopicPartition;
use crate::lease::Lease;
use crate::plugin::Counters;
use crate::rt::{self, Receiver, Wakeup};
use crate::sink::event::{SinkEvent, SinkEvents};
use crate::sink::receipt::{OpenSpan, Span};
use crate::stage::Stage;
use crate::stage::timeouts::StageTimeouts;

/// How long a schema is waited for: longer than it takes to be sure that the registry does not know it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What leaves the chain.
pub enum Left<'a> {
    /// A record for an output.
    Output(LeftOutput<'a>),
    /// The dead letter of an input record.
    DeadLetter(&'a Record, &'a Failure),
}

/// A record that leaves the chain for an output.
pub struct LeftOutput<'a> {
    /// The output's number.
    pub output: usize,
    /// The record.
    pub record: &'a Record,
    /// The stage that it left; where it came to the end of the chain, the last.
    pub stage: usize,
    /// Which emitted record of each stage up to that one it was, e.g. `0/2`.
    pub path: String,
}

/// A chain with one partition to itself, and no circuit breaker.
pub struct Trial {
    chain: Chain,
    default_output: u32,
    lease: Arc<Lease>,
    next: Offset,
    trace: Option<Arc<dyn StageTrace>>,
    dropped: u64,
    events: WorkerEvents,
    told: Receiver<WorkerEvent>,
    sink_events: SinkEvents,
}

impl Trial {
    /// Returns a trial of these stages, with these formats, on partition 0 of a topic, from offset 0 on.
    pub fn new(stages: Vec<Stage>, formats: Option<Arc<Formats>>, default_output: u32, topic: &Arc<str>) -> Trial {
        let at = TopicPartition { topic: topic.clone(), partition: Partition(0) };
        Trial::at(stages, formats, default_output, at, Offset(0))
    }

    /// Returns a trial of these stages, with these formats, on a partition, from this offset on.
    pub fn at(
        stages: Vec<Stage>,
        formats: Option<Arc<Formats>>,
        default_output: u32,
        at: TopicPartition,
        next: Offset,
    ) -> Trial {
        let (sender, told) = rt::channel();
        // What becomes of spans decides nothing where nothing is committed.
        let (ignored, _) = rt::channel::<SinkEvent>();
        Trial {
            chain: Chain::new(stages).with_formats(&Arc::default(), formats),
            default_output,
            lease: Arc::new(Lease::new(at, 0, 0)),
            next,
            trace: None,
            dropped: 0,
            events: WorkerEvents::new(sender, Wakeup::default()),
            told,
            sink_events: SinkEvents::new(ignored, Wakeup::default()),
        }
    }

    /// Shows what each stage makes of each batch to `trace`.
    #[must_use]
    pub fn traced(self, trace: Arc<dyn StageTrace>) -> Trial {
        Trial { trace: Some(trace), ..self }
    }

    /// Takes the records that `fill` puts into a batch through the chain, where they are called again at once as often
    /// as their stages say. A schema that is not known yet is waited for. What leaves is handed to `left` in the order
    /// of the input, with the arena that it lies in. `fill` is given the batch and the first record's offset.
    ///
    /// # Errors
    /// What would stop the pipeline, after all that it would deliver before.
    pub fn take(
        &mut self,
        fill: impl FnOnce(&mut Batch, Offset),
        left: &mut dyn FnMut(&Arena, Left<'_>),
    ) -> Result<(), PipelineError> {
        // The end of the last batch's span, which is never sealed here, has revoked the lease that it was under.
        self.lease = Arc::new(Lease::new(self.lease.at.clone(), 0, 0));
        let mut batch = Batch::default();
        let topic = self.lease.at.topic.clone();
        let topic_field = batch.arena.push(topic.as_bytes());
        batch.sources.push(Source { topic, topic_field, partition: self.lease.at.partition, replay: None });
        let first = self.next;
        fill(&mut batch, first);
        self.next = Offset(first.0 + batch.records.len() as i64);
        let span = Span { lease: self.lease.clone(), first, end: self.next };
        let mut in_flight = InFlightBatch::default();
        in_flight.begin(batch, [OpenSpan::new(span, self.sink_events.clone())], None);
        if self.advance(&mut in_flight) {
            self.hand_over(&mut in_flight, left);
        }
        self.dropped += in_flight.dropped;
        drop(in_flight);
        // Nothing else that is told decides anything where nothing is committed.
        let error = |event| if let WorkerEvent::Failed(error) = event { Some(error) } else { None };
        self.told.drain().into_iter().find_map(error).map_or(Ok(()), Err)
    }

    /// Takes a batch through the chain; returns whether it came through.
    fn advance(&mut self, batch: &mut InFlightBatch) -> bool {
        let [tripped, cut_off, stopping] = [const { AtomicBool::new(false) }; 3];
        let ctx = ChainContext {
            worker: 0,
            breakers: &[],
            timeouts: &StageTimeouts::default(),
            default_output: self.default_output,
            events: &self.events,
            tripped: &tripped,
            cut_off: &cut_off,
            stopping: &stopping,
            goes_back_after: None,
            outcomes: None,
            trace: self.trace.as_deref(),
        };
        let begun = rt::now();
        loop {
            match self.chain.advance(batch, &ctx) {
                Step::Completed => return true,
                Step::RetryLater { backoff, .. } if self.chain.waits_for_schema(batch) => {
                    if rt::now() - begun >= PATIENCE {
                        let error =
                            anyhow::anyhow!("its schema is not known yet, so it waits: {}", self.chain.absence());
                        self.events.send(WorkerEvent::Failed(PipelineError::Other(error)));
                        return false;
                    }
                    rt::sleep(backoff);
                }
                // Nothing else is there that it could hold up.
                Step::RetryLater { .. } => {}
                Step::Abandoned | Step::ProbeFailed | Step::LookaheadDone => return false,
            }
        }
    }

    fn hand_over(&self, batch: &mut InFlightBatch, left: &mut dyn FnMut(&Arena, Left<'_>)) {
        batch.leaving.sort_by_key(ChainOutput::input);
        for leaving in &batch.leaving {
            let input = &batch.batch.records[leaving.input() as usize];
            if !self.lease.covers(input.offset) {
                continue;
            }
            left(
                &batch.batch.arena,
                match leaving {
                    ChainOutput::Output { output, record, origin, stage } => {
                        let stages = self.chain.stages().len();
                        Left::Output(LeftOutput {
                            output: *output as usize,
                            record,
                            stage: (*stage).min(stages.saturating_sub(1)),
                            path: batch.path(*origin, (*stage + 1).min(stages)),
                        })
                    }
                    ChainOutput::DeadLetter { failure, .. } => {
                        Left::DeadLetter(input, &batch.failures[*failure as usize])
                    }
                },
            );
        }
    }

    /// Has the next record have this offset.
    pub fn seek(&mut self, next: Offset) {
        self.next = next;
    }

    /// Returns how many records stages dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns what each stage's plugin has counted so far.
    pub fn counters(&self) -> impl Iterator<Item = &Counters> {
        self.chain.stages().iter().map(Stage::counters)
    }
}
