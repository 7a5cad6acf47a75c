//! Intake: gathers records into one open batch for each worker, and hands them on.

use std::sync::Arc;
use std::time::Instant;

use super::partitions::OwnedPartition;
use crate::batch::{Batch, NO_TIMESTAMP, Offset, Record, Source};
use crate::config::plan::BatchLimits;
use crate::kafka::{FetchedRecord, KafkaError};
use crate::lease::Lease;
use crate::rt::Sender;
use crate::sink::event::SinkEvents;
use crate::sink::receipt::Span;
use crate::worker::{Job, WorkerMessage};

/// Batches that a worker may have: one in work and one that waits for it.
const QUEUED: usize = 2;
/// Batches whose memory is kept for reuse, for each worker.
const SPARES: usize = 3;

/// Records that are gathered for one job.
#[derive(Default)]
pub struct OpenBatch {
    batch: Batch,
    spans: Vec<Span>,
    bytes: usize,
    since: Option<Instant>,
    // The span that the last record went to: the next one mostly goes there too.
    last: usize,
}

impl OpenBatch {
    /// How many records it has.
    pub fn len(&self) -> usize {
        self.batch.records.len()
    }

    /// Since when the first of them waits.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Adds a record of a partition. Returns the bytes of its key, value and headers.
    ///
    /// # Errors
    /// The record cannot be read in full: nothing of it is added.
    pub fn push(&mut self, lease: &Arc<Lease>, record: &FetchedRecord<'_>, now: Instant) -> Result<usize, KafkaError> {
        let offset = record.offset;
        let before = self.batch.arena.len();
        let headers = self.batch.arena.push_headers_of(|each| record.origin.headers(each));
        let headers = headers.inspect_err(|_| self.batch.arena.truncate(before))?;
        let source = self.source(lease, offset);
        self.spans[source].end = Offset(offset.0 + 1);
        let arena = &mut self.batch.arena;
        let record = Record {
            key: arena.push_option(record.key),
            value: arena.push_option(record.value),
            headers,
            timestamp: record.timestamp.unwrap_or(NO_TIMESTAMP),
            offset,
            source: source as u32,
        };
        let bytes = arena.len() - before;
        self.bytes += bytes;
        self.batch.records.push(record);
        self.since.get_or_insert(now);
        Ok(bytes)
    }

    fn source(&mut self, lease: &Arc<Lease>, first: Offset) -> usize {
        let is_its = |span: &Span| Arc::ptr_eq(&span.lease, lease);
        if self.spans.get(self.last).is_some_and(is_its) {
            return self.last;
        }
        self.last = self.spans.iter().position(is_its).unwrap_or_else(|| {
            let (topic, partition) = (lease.at.topic.clone(), lease.at.partition);
            let topic_field = self.batch.arena.push(topic.as_bytes());
            self.batch.sources.push(Source { topic, topic_field, partition, replay: None });
            self.spans.push(Span { lease: lease.clone(), first, end: first });
            self.spans.len() - 1
        });
        self.last
    }

    /// Takes it all out as a job.
    pub fn take(&mut self, probe: Option<usize>, spare: Batch) -> Job {
        (self.bytes, self.since, self.last) = (0, None, 0);
        let (batch, spans) = (std::mem::replace(&mut self.batch, spare), std::mem::take(&mut self.spans));
        Job { batch, spans, probe, ahead: false }
    }

    /// Forgets it all.
    pub fn clear(&mut self) {
        self.batch.clear();
        self.spans.clear();
        (self.bytes, self.since, self.last) = (0, None, 0);
    }
}

/// A worker as the source sees it.
struct Link {
    messages: Sender<WorkerMessage>,
    queued: usize,
    open: OpenBatch,
    // Its queue of fetched records was read to the end.
    is_quiet: bool,
}

/// The open batches, and the ways to the workers.
pub struct Intake {
    limits: BatchLimits,
    links: Vec<Link>,
    spares: Vec<Batch>,
    events: SinkEvents,
}

impl Intake {
    /// Ways to these workers.
    pub fn new(limits: BatchLimits, workers: Vec<Sender<WorkerMessage>>, events: SinkEvents) -> Intake {
        let link = |messages| Link { messages, queued: 0, open: OpenBatch::default(), is_quiet: true };
        Intake { limits, links: workers.into_iter().map(link).collect(), spares: Vec::new(), events }
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.links.len()
    }

    /// Returns whether a record of a worker's partitions can be taken: its open batch is not full, or can be handed on.
    pub fn has_room(&self, worker: usize) -> bool {
        let link = &self.links[worker];
        link.queued < QUEUED || !is_full(&link.open, &self.limits)
    }

    /// Returns whether a worker's open batch is full.
    pub fn is_full(&self, worker: usize) -> bool {
        is_full(&self.links[worker].open, &self.limits)
    }

    /// Notes whether a worker's queue of fetched records was read to the end.
    pub fn set_quiet(&mut self, worker: usize, is_quiet: bool) {
        self.links[worker].is_quiet = is_quiet;
    }

    /// Adds a record of a partition. Returns the bytes of its key, value and headers.
    ///
    /// # Errors
    /// The record cannot be read in full.
    pub fn push(
        &mut self,
        partition: &OwnedPartition,
        record: &FetchedRecord<'_>,
        now: Instant,
    ) -> Result<usize, KafkaError> {
        self.links[partition.worker()].open.push(partition.lease(), record, now)
    }

    /// Hands on what is due: full batches, those that have waited long enough, and what a worker with nothing to do
    /// could begin with, where nothing more is coming in for it just now. With `all`, whatever there is room for. Calls
    /// `dispatched` for each span.
    pub fn dispatch(&mut self, all: bool, now: Instant, mut dispatched: impl FnMut(&Span)) {
        for worker in 0..self.links.len() {
            let link = &self.links[worker];
            let Some(since) = link.open.since else { continue };
            let has_waited = now.duration_since(since) >= self.limits.max_wait;
            let could_begin = link.queued == 0 && (link.is_quiet || all);
            if (is_full(&link.open, &self.limits) || has_waited || could_begin) && link.queued < QUEUED {
                let spare = self.spares.pop().unwrap_or_default();
                let job = self.links[worker].open.take(None, spare);
                job.spans.iter().for_each(&mut dispatched);
                self.send(worker, job);
            }
        }
    }

    /// Hands a job to a worker.
    pub fn send(&mut self, worker: usize, job: Job) {
        let link = &mut self.links[worker];
        link.queued += 1;
        // A worker that has ended has said why, and the pipeline is ending; the job's spans are abandoned.
        let _ = link.messages.send(WorkerMessage::job(job, &self.events));
    }

    /// Tells a worker that retries of a partition are not waited for.
    pub fn abandon_retries(&self, worker: usize, lease: Arc<Lease>) {
        let _ = self.links[worker].messages.send(WorkerMessage::AbandonRetries(lease));
    }

    /// Returns whether records of a partition are gathered and not handed on.
    pub fn gathers(&self, lease: &Arc<Lease>) -> bool {
        self.links.iter().any(|link| link.open.spans.iter().any(|span| Arc::ptr_eq(&span.lease, lease)))
    }

    /// A worker is done with a batch.
    pub fn processed(&mut self, worker: usize, batch: Batch) {
        self.links[worker].queued -= 1;
        if self.spares.len() < SPARES * self.links.len() {
            self.spares.push(batch);
        }
    }

    /// How many batches a worker has, and how many records are gathered for it.
    pub fn load(&self, worker: usize) -> (usize, usize) {
        (self.links[worker].queued, self.links[worker].open.len())
    }

    /// Returns whether nothing is gathered and no worker has anything.
    pub fn is_idle(&self) -> bool {
        self.links.iter().all(|link| link.queued == 0 && link.open.len() == 0)
    }

    /// When an open batch that can be handed on is due.
    pub fn deadline(&self) -> Option<Instant> {
        let with_room = self.links.iter().filter(|link| link.queued < QUEUED);
        with_room.filter_map(|link| link.open.since).min().map(|since| since + self.limits.max_wait)
    }

    /// Forgets what is gathered and not handed on: it will be read again.
    pub fn clear(&mut self) {
        self.links.iter_mut().for_each(|link| link.open.clear());
    }
}

fn is_full(open: &OpenBatch, limits: &BatchLimits) -> bool {
    open.len() >= limits.max_records || open.bytes >= limits.max_bytes
}
