//! Intake: gathers records into one open batch for each worker, and hands them on.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::slot::Slot;
use crate::batch::{Batch, NO_TIMESTAMP, Offset, Record, Source};
use crate::config::plan::BatchLimits;
use crate::kafka::polled::FetchedRecord;
use crate::lease::Lease;
use crate::sink::receipt::Span;
use crate::worker::{Job, Message};

/// Batches that a worker may have: one in work and one that waits for it.
const QUEUED: usize = 2;
/// Batches whose memory is kept for reuse, for each worker.
const SPARES: usize = 3;

/// Records that are gathered for one job.
#[derive(Default)]
pub struct Open {
    batch: Batch,
    spans: Vec<Span>,
    bytes: usize,
    since: Option<Instant>,
    // The span that the last record went to: the next one mostly goes there too.
    last: usize,
}

impl Open {
    /// How many records.
    pub fn len(&self) -> usize {
        self.batch.records.len()
    }

    /// Since when the first of them waits.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Adds a record of a partition.
    pub fn push(&mut self, lease: &Arc<Lease>, record: &FetchedRecord<'_>, now: Instant) {
        let offset = record.offset();
        let source = self.source(lease, offset);
        self.spans[source].end = Offset(offset.0 + 1);
        let arena = &mut self.batch.arena;
        let before = arena.len();
        let record = Record {
            key: arena.push_option(record.key()),
            value: arena.push_option(record.value()),
            headers: arena.push_headers(record.headers()),
            timestamp: record.timestamp().unwrap_or(NO_TIMESTAMP),
            offset,
            source: source as u32,
        };
        self.bytes += arena.len() - before;
        self.batch.records.push(record);
        self.since.get_or_insert(now);
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
    open: Open,
    // Since when it has a full batch that it has no room for.
    stalled: Option<Instant>,
    // Its partitions are paused, so that the consumer can be polled for the others.
    paused: bool,
}

/// The open batches, and the ways to the workers.
pub struct Intake {
    limits: BatchLimits,
    links: Vec<Link>,
    spares: Vec<Batch>,
}

impl Intake {
    /// Ways to these workers.
    pub fn new(limits: BatchLimits, workers: Vec<Sender<WorkerMessage>>) -> Intake {
        let link = |messages| Link { messages, queued: 0, open: Open::default(), stalled: None, paused: false };
        Intake { limits, links: workers.into_iter().map(link).collect(), spares: Vec::new() }
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.links.len()
    }

    /// Adds a record of a slot. Answers whether its worker now has a full batch.
    pub fn push(&mut self, slot: &Slot, record: &FetchedRecord<'_>, now: Instant) -> bool {
        let open = &mut self.links[slot.worker].open;
        open.push(&slot.lease, record, now);
        is_full(open, &self.limits)
    }

    /// Hands on what is due: full batches, those that have waited long enough, and, when nothing more is coming in
    /// just now (`quiet`), what a worker with nothing to do could begin with. Calls `dispatched` for each span.
    pub fn dispatch(&mut self, quiet: bool, now: Instant, mut dispatched: impl FnMut(&Span)) {
        for worker in 0..self.links.len() {
            let link = &self.links[worker];
            let Some(since) = link.open.since else { continue };
            let waited = now.duration_since(since) >= self.limits.max_wait;
            let due = is_full(&link.open, &self.limits) || waited || (quiet && link.queued == 0);
            if due && link.queued < QUEUED {
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
        // A worker that has ended has said why, and the pipeline is ending; the job's spans end with it.
        let _ = link.messages.send(WorkerMessage::Job(job));
    }

    /// Tells a worker that retries of a partition are not waited for.
    pub fn abandon(&self, worker: usize, lease: &Arc<Lease>) {
        let _ = self.links[worker].messages.send(WorkerMessage::AbandonRetries(lease.clone()));
    }

    /// Whether records of a partition are gathered and not handed on.
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

    /// Whether nothing is gathered and no worker has anything.
    pub fn is_idle(&self) -> bool {
        self.links.iter().all(|link| link.queued == 0 && link.open.len() == 0)
    }

    /// A worker has worked everything off: it is paused no longer. Answers whether it was.
    pub fn unpause_idle(&mut self, worker: usize) -> bool {
        let link = &mut self.links[worker];
        link.queued == 0 && std::mem::take(&mut link.paused)
    }

    /// A worker's partitions are paused: its full batch stalls nobody.
    pub fn pause(&mut self, worker: usize) {
        self.links[worker].paused = true;
    }

    /// Whether a worker's partitions are paused.
    pub fn is_paused(&self, worker: usize) -> bool {
        self.links[worker].paused
    }

    /// The worker that has had a full batch without room for it the longest, and for how long. Nothing may be taken
    /// in while there is one, for its records could come next.
    pub fn stalled(&mut self, now: Instant) -> Option<(usize, Duration)> {
        let mut longest = None;
        for (worker, link) in self.links.iter_mut().enumerate() {
            if link.paused || link.queued < QUEUED || !is_full(&link.open, &self.limits) {
                link.stalled = None;
                continue;
            }
            let since = now.duration_since(*link.stalled.get_or_insert(now));
            if longest.is_none_or(|(_, other)| since > other) {
                longest = Some((worker, since));
            }
        }
        longest
    }

    /// How long the next record may be waited for before an open batch is due; none where none is open.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let with_room = self.links.iter().filter(|link| link.queued < QUEUED);
        let since = with_room.filter_map(|link| link.open.since).min()?;
        Some(self.limits.max_wait.saturating_sub(now.duration_since(since)))
    }

    /// Forgets what is gathered and not handed on: it will be read again.
    pub fn clear(&mut self) {
        self.links.iter_mut().for_each(|link| link.open.clear());
    }
}

fn is_full(open: &Open, limits: &BatchLimits) -> bool {
    open.len() >= limits.max_records || open.bytes >= limits.max_bytes
}
