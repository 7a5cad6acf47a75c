//! A look ahead: what lies behind the records of a probe that failed, read by a client of its own. Nothing of it is
//! written or committed, and where the pipeline reads on does not change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::gate::PROBE;
use super::intake::Open;
use crate::batch::{Batch, Offset};
use crate::event::{Event, EventSender};
use crate::kafka::consumer::{Consumer, StartPosition};
use crate::kafka::polled::ConsumerEvent;
use crate::kafka::waker::Waker;
use crate::kafka::{KafkaError, TopicPartition};
use crate::lease::Lease;
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
pub struct Look {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The consumer's properties.
    pub properties: BTreeMap<String, String>,
    /// Behind what to look, in each partition.
    pub behind: Vec<(TopicPartition, Offset)>,
    /// The stage that is to be tried.
    pub stage: usize,
    /// Set when nothing is waited for any more.
    pub cut_off: Arc<AtomicBool>,
    /// To the source loop.
    pub events: EventSender,
}

impl Look {
    /// Looks, on a thread of its own, and sends [`Event::LookaheadReady`] in any case.
    pub fn begin(mut self) {
        // It joins no group, so nothing of that is to be set.
        for group in ["group.instance.id", "group.protocol", "group.remote.assignor"] {
            self.properties.remove(group);
        }
        let (name, events) = (format!("{}/ahead", self.pipeline), self.events.clone());
        let look = move || {
            let found = self.look().unwrap_or_else(|error| {
                tracing::warn!(target: "breaker", pipeline = %self.pipeline, "looking ahead: {error}");
                Open::default()
            });
            self.send(found);
        };
        if let Err(error) = thread::Builder::new().name(name).spawn(look) {
            tracing::warn!(target: "breaker", "looking ahead: {error}");
            events.send_and_wake(Event::LookaheadReady(Open::default().take(None, Batch::default())));
        }
    }

    fn send(&self, mut found: Open) {
        let job = Job { ahead: true, ..found.take(Some(self.stage), Batch::default()) };
        self.events.send_and_wake(Event::LookaheadReady(job));
    }

    /// The newest records behind the probe's: when those are good, what is bad has an end.
    fn look(&self) -> Result<Open, KafkaError> {
        let consumer = Consumer::new(&self.pipeline, &self.properties, Waker::default())?;
        let found = self.gather(&consumer);
        consumer.close(CLOSE);
        found
    }

    fn gather(&self, consumer: &Consumer) -> Result<Open, KafkaError> {
        let share = (PROBE / self.behind.len().max(1)).max(1) as i64;
        let (mut leases, mut starts) = (Vec::new(), Vec::new());
        for (at, behind) in &self.behind {
            let (low, high) = consumer.watermarks(at, ASK)?;
            let from = Offset(behind.0.max(low.0).max(high.0 - share));
            if from < high {
                // A lease that no slot has: whatever becomes of it changes nothing.
                leases.push(Arc::new(Lease::new(at.clone(), usize::MAX, 0)));
                starts.push((at.clone(), StartPosition::Offset(from)));
            }
        }
        let mut found = Open::default();
        if starts.is_empty() {
            return Ok(found);
        }
        consumer.assign(&starts)?;
        let deadline = Instant::now() + LOOK;
        let mut open: Vec<_> = starts.into_iter().map(|(at, _)| at).collect();
        while !open.is_empty() && found.len() < PROBE && Instant::now() < deadline {
            if self.cut_off.load(Ordering::Acquire) {
                break;
            }
            match consumer.poll(POLL) {
                ConsumerEvent::Record(record) => {
                    let (topic, partition) = (record.topic(), record.partition());
                    let lease =
                        leases.iter().find(|lease| *lease.at.topic == *topic && lease.at.partition == partition);
                    if let Some(lease) = lease {
                        found.push(lease, &record, Instant::now());
                    }
                }
                ConsumerEvent::End(at, _) => open.retain(|other| *other != at),
                ConsumerEvent::Failed(error) | ConsumerEvent::Fatal(error) => return Err(error),
                // It is in no group, and an offset that is gone meanwhile is none to look at.
                ConsumerEvent::OffsetGone(at, _) => open.retain(|other| *other != at),
                ConsumerEvent::Nothing | ConsumerEvent::Assigned(_) | ConsumerEvent::Revoked { .. } | ConsumerEvent::Committed(_) => {}
            }
        }
        Ok(found)
    }
}
