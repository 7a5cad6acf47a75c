//! A look ahead: what lies behind the records of a probe that failed, read by a client of its own. Nothing of it is
//! written or committed, and where the pipeline reads on does not change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::circuit_breaker::PROBE;
use super::event::{Event, Events};
use super::intake::OpenBatch;
use crate::batch::{Batch, Offset};
use crate::kafka::{Fetched, Kafka, KafkaError, PartitionReader, Properties, StartPosition, TopicPartition};
use crate::lease::Lease;
use crate::rt;
use crate::sink::receipt::Receipt;
use crate::worker::Job;

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(5);
/// How long one question to a broker may take.
const ASK: Duration = Duration::from_secs(1);
/// How long a poll waits: also how late it is noticed that nobody waits for the look any more.
const POLL: Duration = Duration::from_millis(100);
/// How long the client may take to end.
const CLOSE: Duration = Duration::from_secs(1);

/// What a look needs.
pub struct LookaheadProbe {
    /// Makes the client.
    pub kafka: Arc<dyn Kafka<Receipt>>,
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The consumer's properties.
    pub properties: Properties,
    /// Behind what to look, in each partition.
    pub behind: Vec<(TopicPartition, Offset)>,
    /// The stage that is to be tried.
    pub stage: usize,
    /// Set when nothing is waited for any more.
    pub cut_off: Arc<AtomicBool>,
    /// To the source loop.
    pub events: Events,
}

impl LookaheadProbe {
    /// Looks, on a thread of its own, and sends [`Event::LookaheadReady`] in any case.
    pub fn begin(self) {
        let (pipeline, events) = (self.pipeline.clone(), self.events.clone());
        let name = format!("{pipeline}/ahead");
        let look = move || {
            let found = self.look().unwrap_or_else(|error| {
                tracing::warn!(target: "breaker", pipeline = %self.pipeline, "looking ahead: {error}");
                OpenBatch::default()
            });
            send(&self.events, self.stage, found);
        };
        if let Err(error) = rt::spawn(&name, look) {
            tracing::warn!(target: "breaker", %pipeline, "looking ahead: no thread: {error}");
            send(&events, 0, OpenBatch::default());
        }
    }

    /// The newest records behind the probe's: when those are good, what is bad has an end.
    fn look(&self) -> Result<OpenBatch, KafkaError> {
        let mut reader = self.kafka.reader(&self.pipeline, &self.properties)?;
        let found = self.gather(&mut *reader);
        reader.close(CLOSE);
        found
    }

    fn gather(&self, reader: &mut dyn PartitionReader) -> Result<OpenBatch, KafkaError> {
        let share = (PROBE / self.behind.len().max(1)).max(1) as i64;
        let (mut leases, mut starts) = (Vec::new(), Vec::new());
        for (at, behind) in &self.behind {
            let (low, high) = reader.watermarks(at, ASK)?;
            let from = Offset(behind.0.max(low.0).max(high.0 - share));
            if from < high {
                // A lease of no partition that is ours: whatever becomes of it changes nothing.
                leases.push(Arc::new(Lease::new(at.clone(), usize::MAX, 0)));
                starts.push((at.clone(), StartPosition::Offset(from)));
            }
        }
        let mut found = OpenBatch::default();
        if starts.is_empty() {
            return Ok(found);
        }
        reader.start(&starts)?;
        let deadline = rt::now() + LOOK;
        let mut open: Vec<_> = starts.into_iter().map(|(at, _)| at).collect();
        while !open.is_empty() && found.len() < PROBE && rt::now() < deadline && !self.cut_off.load(Ordering::Acquire) {
            let mut failed = None;
            reader.poll(POLL, &mut |fetched| {
                match fetched {
                    Fetched::Record(record) => {
                        let topic = record.origin.topic();
                        let is_its =
                            |lease: &&Arc<Lease>| lease.at.topic == topic && lease.at.partition == record.partition;
                        if let Some(lease) = leases.iter().find(is_its) {
                            failed = found.push(lease, &record, rt::now()).err();
                        }
                    }
                    // What is out of range meanwhile is nothing to look at.
                    Fetched::End(at, _) | Fetched::OffsetOutOfRange(at, _) => open.retain(|other| *other != at),
                    Fetched::Failed(error) => failed = Some(error),
                }
                failed.is_none() && found.len() < PROBE && !open.is_empty()
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(found)
    }
}

fn send(events: &Events, stage: usize, mut found: OpenBatch) {
    let job = Job { ahead: true, ..found.take(Some(stage), Batch::default()) };
    events.send_and_wake(Event::LookaheadReady(job));
}
