//! A trial: a chain by itself, without brokers. What leaves it is handed over instead of written.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::ChainContext;
use super::chain::{Chain, Step};
use super::event::{WorkerEvent, WorkerEvents};
use super::in_flight::{ChainOutput, InFlightBatch};
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

/// What leaves the chain.
pub enum Left<'a> {
    /// A record for the output of this number.
    Output(usize, &'a Record),
    /// The dead letter of an input record.
    DeadLetter(&'a Record, &'a Failure),
}

/// A chain with one partition to itself, and no circuit breaker.
pub struct Trial {
    chain: Chain,
    default_output: u32,
    lease: Arc<Lease>,
    next: Offset,
    dropped: u64,
    events: WorkerEvents,
    told: Receiver<WorkerEvent>,
    sink_events: SinkEvents,
}

impl Trial {
    /// Returns a trial of these stages, with these formats, on partition 0 of a topic, from offset 0 on.
    pub fn new(stages: Vec<Stage>, formats: Option<Arc<Formats>>, default_output: u32, topic: &Arc<str>) -> Trial {
        let (sender, told) = rt::channel();
        // What becomes of spans decides nothing where nothing is committed.
        let (ignored, _) = rt::channel::<SinkEvent>();
        let at = TopicPartition { topic: topic.clone(), partition: Partition(0) };
        Trial {
            chain: Chain::new(stages).with_formats(formats),
            default_output,
            lease: Arc::new(Lease::new(at, 0, 0)),
            next: Offset(0),
            dropped: 0,
            events: WorkerEvents::new(sender, Wakeup::default()),
            told,
            sink_events: SinkEvents::new(ignored, Wakeup::default()),
        }
    }

    /// Takes the records that `fill` puts into a batch through the chain, where they are called again at once as often
    /// as their stages say. What leaves is handed to `left` in the order of the input, with the arena that it lies in.
    /// `fill` is given the batch and the first record's offset.
    ///
    /// # Errors
    /// What would stop the pipeline, after all that it would deliver before.
    pub fn take(
        &mut self,
        fill: impl FnOnce(&mut Batch, Offset),
        left: &mut dyn FnMut(&Arena, Left<'_>),
    ) -> Result<(), PipelineError> {
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
        let (tripped, cut_off) = (AtomicBool::new(false), AtomicBool::new(false));
        let ctx = ChainContext {
            worker: 0,
            breakers: &[],
            timeouts: &StageTimeouts::default(),
            default_output: self.default_output,
            events: &self.events,
            tripped: &tripped,
            cut_off: &cut_off,
            outcomes: None,
        };
        loop {
            match self.chain.advance(batch, &ctx) {
                Step::Completed => return true,
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
                    ChainOutput::Output { output, record, .. } => Left::Output(*output as usize, record),
                    ChainOutput::DeadLetter { failure, .. } => {
                        Left::DeadLetter(input, &batch.failures[*failure as usize])
                    }
                },
            );
        }
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
