//! The two steps of a chain that are no stages: decoding before the first one, and encoding after the last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ChainContext;
use super::chain::Step;
use super::event::BreakerTrip;
use super::in_flight::{ChainOutput, InFlightBatch};
use super::observer::{BatchObserver, discard_revoked, trip};
use super::recorded;
use crate::config::plan::Hold;
use crate::failure::{Class, Failure};
use crate::formats::{Decoded, Formats, Scratch};
use crate::kafka::TopicPartition;
use crate::lease::Lease;
use crate::registry::SchemaId;
use crate::rt;
use crate::stage::{Observer, RecordState, SettledCount};
use crate::traces::span;

/// How long a partition waits for a schema before it is logged, and how often then.
const SAID_AFTER: Duration = Duration::from_secs(5);
const SAID_AGAIN: Duration = Duration::from_secs(30);
/// The shortest and the longest time to the next look whether a schema is known.
const LOOK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// Decoding and encoding in one worker.
pub(super) struct FormatSteps {
    pipeline: Arc<str>,
    formats: Arc<Formats>,
    scratch: Scratch,
    stages: usize,
    waiting: Vec<Waiting>,
    // Time in codecs since it was last asked for.
    spent: Duration,
}

/// A partition that waits for a schema.
struct Waiting {
    lease: Arc<Lease>,
    since: Instant,
    said: Option<Instant>,
}

impl FormatSteps {
    /// Returns the steps of a pipeline around so many stages.
    pub(super) fn new(pipeline: Arc<str>, formats: Arc<Formats>, stages: usize) -> FormatSteps {
        let (scratch, waiting) = Default::default();
        FormatSteps { pipeline, formats, scratch, stages, waiting, spent: Duration::ZERO }
    }

    /// Returns how long decoding and encoding took since it was last asked.
    pub(super) fn take_spent(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }

    /// Returns why the registry does not answer just now, where it does not.
    pub(super) fn absence(&self) -> Option<Arc<str>> {
        self.formats.absence()
    }

    /// Decodes the records of a batch. Those that do not fit leave the chain.
    ///
    /// # Errors
    /// The schema of some of them is not known yet, or it is a probe that ends here.
    pub(super) fn decode(&mut self, batch: &mut InFlightBatch, ctx: &ChainContext<'_>) -> Result<(), Step> {
        if !self.formats.decodes() {
            batch.decoded = true;
            return Ok(());
        }
        if !batch.waiting {
            batch.progress.reset(batch.records.len());
            batch.waiting = true;
        }
        recorded::enter(batch, span::Step::Decode);
        discard_revoked(&batch.spans, &batch.records, &mut batch.progress);
        let waits = self.decode_pending(batch);
        self.count_decoded(batch, ctx)?;
        if let Some((source, id)) = waits {
            recorded::waits(batch);
            return Err(self.wait(batch, source, id));
        }
        (batch.waiting, batch.decoded) = (false, true);
        if !self.waiting.is_empty() {
            self.goes_on(batch);
        }
        recorded::leave(batch);
        self.sort(batch);
        Ok(())
    }

    /// Decodes what can be decoded. Returns the source and the schema of the first record that waits.
    fn decode_pending(&mut self, batch: &mut InFlightBatch) -> Option<(u32, SchemaId)> {
        self.scratch.begin_batch();
        let (begun, mut waits) = (rt::now(), None);
        for index in 0..batch.records.len() {
            if !batch.progress.is_pending(index) {
                continue;
            }
            let raw = batch.batch.records[batch.origins[index].input as usize];
            let record = &mut batch.records[index];
            match self.formats.decode(&mut self.scratch, &mut batch.batch.arena, &raw, record) {
                Decoded::Done => batch.progress.settle(index, RecordState::Keep),
                Decoded::Failed(why) => batch.progress.fail(index, Class::Decode, why, 1),
                Decoded::Waits(id) => _ = waits.get_or_insert((raw.source, id)),
            }
        }
        self.spent += rt::now() - begun;
        waits
    }

    fn count_decoded(&self, batch: &mut InFlightBatch, ctx: &ChainContext<'_>) -> Result<(), Step> {
        let settled = batch.progress.take_settled();
        let is_done = batch.progress.pending() == 0;
        batch.probed |= is_done && batch.probe == Some(self.stages) && batch.any_is_ours();
        let mut observer = BatchObserver {
            ctx,
            stage: self.stages,
            name: "decode".into(),
            spans: &batch.spans,
            records: &batch.records,
            probe: batch.probe,
            ahead: batch.ahead,
            has_called: false,
            timed_out_since: None,
        };
        if settled.total > 0 {
            observer.settled(&batch.progress, settled);
        }
        if observer.is_no_better(&batch.progress) {
            return Err(Step::ProbeFailed);
        }
        if is_done && batch.ahead && batch.probe == Some(self.stages) {
            return Err(Step::LookaheadDone);
        }
        Ok(())
    }

    /// A partition waits for a schema: the others go on.
    fn wait(&mut self, batch: &InFlightBatch, source: u32, id: SchemaId) -> Step {
        if batch.probe.is_some() {
            return Step::ProbeFailed;
        }
        let now = rt::now();
        let Some(span) = &batch.spans[source as usize] else { return Step::Abandoned };
        self.waiting.retain(|waiting| !waiting.lease.is_revoked());
        let found = self.waiting.iter().position(|waiting| Arc::ptr_eq(&waiting.lease, span.lease()));
        let index = found.unwrap_or_else(|| {
            self.waiting.push(Waiting { lease: span.lease().clone(), since: now, said: None });
            self.waiting.len() - 1
        });
        let waiting = &mut self.waiting[index];
        let (waits, since_said) = (now - waiting.since, waiting.said.map(|at| now - at));
        if waits >= SAID_AFTER && since_said.is_none_or(|since| since >= SAID_AGAIN) {
            waiting.said = Some(now);
            let why = self.formats.absence();
            let why = why.as_deref().unwrap_or("the registry is asked once more whether it does not know it");
            let seconds = waits.as_secs();
            let TopicPartition { topic, partition } = &waiting.lease.at;
            tracing::warn!(
                target: "formats", pipeline = %self.pipeline, %topic, partition = partition.0, schema = %id, seconds,
                "the partition waits for schema {id} and goes on by itself once that is known: {why}"
            );
        }
        Step::RetryLater { hold: Hold::Partition, backoff: (waits / 4).clamp(LOOK.0, LOOK.1) }
    }

    fn goes_on(&mut self, batch: &InFlightBatch) {
        self.waiting.retain(|waiting| {
            let is_its = |lease: &Arc<Lease>| Arc::ptr_eq(&waiting.lease, lease);
            let goes_on = batch.spans.iter().flatten().any(|span| is_its(span.lease()));
            if goes_on && waiting.said.is_some() {
                let seconds = (rt::now() - waiting.since).as_secs();
                let TopicPartition { topic, partition } = &waiting.lease.at;
                tracing::info!(
                    target: "formats", pipeline = %self.pipeline, %topic, partition = partition.0, seconds,
                    "the partition goes on"
                );
            }
            !goes_on
        });
    }

    /// What could not be decoded becomes a dead letter.
    fn sort(&self, batch: &mut InFlightBatch) {
        if batch.progress.all_kept() {
            return;
        }
        let mut kept = 0;
        for index in 0..batch.records.len() {
            match batch.progress.states()[index] {
                RecordState::Keep => {
                    (batch.records[kept], batch.origins[kept]) = (batch.records[index], batch.origins[index]);
                    kept += 1;
                }
                RecordState::Failed(number) if !batch.ahead => {
                    let failed = batch.progress.failed()[number as usize].clone();
                    let (class, reason, attempts) = (failed.class, failed.reason, failed.attempts);
                    let (stage, path, output) = (self.stages, String::new(), None);
                    batch.failures.push(Failure { class, reason, stage, path, attempts, output });
                    let (input, failure) = (batch.origins[index].input, batch.failures.len() as u32 - 1);
                    batch.leaving.push(ChainOutput::DeadLetter { input, failure });
                }
                RecordState::Failed(_) | RecordState::Revoked | RecordState::Pending => {}
                // Decoding settles records in no other way.
                RecordState::Drop | RecordState::Emit { .. } => {}
            }
        }
        batch.records.truncate(kept);
        batch.origins.truncate(kept);
    }

    /// Encodes all that has left the chain. What does not fit becomes a dead letter.
    pub(super) fn encode(&mut self, batch: &mut InFlightBatch, ctx: &ChainContext<'_>) -> Step {
        let (step, mut last, begun) = (self.stages + 1, None, rt::now());
        self.scratch.begin_batch();
        recorded::enter(batch, span::Step::Encode);
        let mut settled = SettledCount::default();
        for index in 0..batch.leaving.len() {
            let ChainOutput::Output { output, mut record, origin, stage } = batch.leaving[index] else { continue };
            let raw = batch.batch.records[origin.input as usize];
            let arena = &mut batch.batch.arena;
            let encoded = self.formats.encode(&mut self.scratch, arena, output as usize, &raw, &mut record);
            settled.total += 1;
            batch.leaving[index] = match encoded {
                Ok(()) => ChainOutput::Output { output, record, origin, stage },
                Err(reason) => {
                    settled.failed += 1;
                    let path = batch.path(origin, (stage + 1).min(self.stages));
                    let name = Some(self.formats.output_name(output as usize).clone());
                    let (class, stage) = (Class::Encode, self.stages);
                    batch.failures.push(Failure { class, reason, stage, path, attempts: 1, output: name });
                    last = Some(origin.input);
                    if let Some(recorded) = &mut batch.recorded {
                        recorded.failed(origin.input, class.as_str());
                    }
                    let failure = batch.failures.len() as u32 - 1;
                    ChainOutput::DeadLetter { input: origin.input, failure }
                }
            };
        }
        self.spent += rt::now() - begun;
        if let Some(recorded) = &mut batch.recorded {
            recorded.leave(span::StepCounts { failed: settled.failed as usize, ..span::StepCounts::default() });
        }
        self.count_encoded(batch, ctx, step, settled, last)
    }

    fn count_encoded(
        &self,
        batch: &mut InFlightBatch,
        ctx: &ChainContext<'_>,
        step: usize,
        settled: SettledCount,
        last_failed: Option<u32>,
    ) -> Step {
        let Some(breaker) = ctx.breakers.get(step) else { return Step::Completed };
        if batch.probe == Some(step) {
            batch.probed |= settled.total > 0;
            return match (breaker.is_too_much(settled), batch.ahead) {
                (true, _) => Step::ProbeFailed,
                (false, true) => Step::LookaheadDone,
                (false, false) => Step::Completed,
            };
        }
        if batch.probe.is_some() {
            return Step::Completed;
        }
        let counted = breaker.count(settled, rt::now());
        if let (Some(counted), Some(input), Some(failure)) = (counted, last_failed, batch.failures.last()) {
            let record = &batch.batch.records[input as usize];
            if let Some(span) = &batch.spans[record.source as usize] {
                trip(ctx, || BreakerTrip {
                    stage: step,
                    name: "encode".into(),
                    failed: counted.failed,
                    total: counted.total,
                    record: (span.lease().clone(), record.offset),
                    reason: format!("{}: {}", failure.class.as_str(), failure.reason),
                });
            }
        }
        Step::Completed
    }
}
