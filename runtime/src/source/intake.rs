//! Intake: gathers records into one open batch for each worker, and hands them on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::partitions::OwnedPartition;
use crate::batch::{Batch, NO_TIMESTAMP, Offset, Record, Source};
use crate::config::plan::BatchLimits;
use crate::kafka::{FetchedRecord, KafkaError};
use crate::lease::Lease;
use crate::rt::Sender;
use crate::sink::event::SinkEvents;
use crate::sink::receipt::Span;
use crate::worker::{Job, WorkerMessage};

/// How long records are gathered for a worker with nothing to do, where more than that is on its way.
const GATHER: Duration = Duration::from_millis(1);
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
    // More than little is on its way.
    is_loaded: bool,
    links: Vec<Link>,
    spares: Vec<Batch>,
    events: SinkEvents,
}

impl Intake {
    /// Ways to these workers.
    pub fn new(limits: BatchLimits, workers: Vec<Sender<WorkerMessage>>, events: SinkEvents) -> Intake {
        let link = |messages| Link { messages, queued: 0, open: OpenBatch::default(), is_quiet: true };
        let links = workers.into_iter().map(link).collect();
        Intake { limits, is_loaded: false, links, spares: Vec::new(), events }
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

    /// Notes whether more than [`LITTLE`](crate::sink::LITTLE) is on its way. Where it is, a moment more of gathering
    /// delays nothing that could have been sent at once, and spares requests.
    pub fn set_loaded(&mut self, is_loaded: bool) {
        self.is_loaded = is_loaded;
    }

    /// How long records wait for others where their worker has nothing to do.
    fn gathers_for(&self) -> Duration {
        if self.is_loaded { GATHER.min(self.limits.max_wait) } else { Duration::ZERO }
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
    /// could begin with, where nothing more is coming in for it just now, and under load has not for a moment. With
    /// `all`, whatever there is room for. Calls `dispatched` for each span.
    pub fn dispatch(&mut self, all: bool, now: Instant, mut dispatched: impl FnMut(&Span)) {
        for worker in 0..self.links.len() {
            let link = &self.links[worker];
            let Some(since) = link.open.since else { continue };
            let waited = now.duration_since(since);
            let has_waited = waited >= self.limits.max_wait;
            let is_gathered = link.is_quiet && waited >= self.gathers_for();
            let could_begin = link.queued == 0 && (is_gathered || all);
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
        let due = with_room.filter_map(|link| {
            let waits = if link.queued == 0 && link.is_quiet { self.gathers_for() } else { self.limits.max_wait };
            Some(link.open.since? + waits)
        });
        due.min()
    }

    /// Forgets what is gathered and not handed on: it will be read again.
    pub fn clear(&mut self) {
        self.links.iter_mut().for_each(|link| link.open.clear());
    }
}

fn is_full(open: &OpenBatch, limits: &BatchLimits) -> bool {
    open.len() >= limits.max_records || open.bytes >= limits.max_bytes
}

#[cfg(test)]
mod tests {
    use super::super::partitions::OwnedPartitions;
    use super::super::testing::{at, intake, owned};
    use super::*;
    use crate::batch::{EachHeader, Partition};
    use crate::kafka::RecordOrigin;
    use crate::rt::{self, Receiver};

    /// As the intake of the tests has it.
    const MAX_WAIT: Duration = Duration::from_millis(5);

    struct Origin;

    impl RecordOrigin for Origin {
        fn topic(&self) -> Arc<str> {
            "in".into()
        }

        fn headers(&self, _: &mut EachHeader<'_>) -> Result<(), KafkaError> {
            Ok(())
        }
    }

    /// An intake that has gathered one record, and the worker's end.
    fn gathered(now: Instant) -> (Intake, OwnedPartitions, Receiver<WorkerMessage>) {
        let (partitions, (mut intake, mut receivers)) = (owned(1, 1), intake(1));
        push(&mut intake, &partitions, 0, now);
        (intake, partitions, receivers.remove(0))
    }

    fn push(intake: &mut Intake, partitions: &OwnedPartitions, offset: i64, now: Instant) {
        let record = FetchedRecord {
            topic_handle: 0,
            origin: &Origin,
            partition: Partition(0),
            offset: Offset(offset),
            timestamp: None,
            key: None,
            value: Some(b"v"),
        };
        intake.push(partitions.of(&at(0)).unwrap(), &record, now).unwrap();
    }

    /// How many records are handed on at that moment.
    fn handed_on(intake: &mut Intake, now: Instant, worker: &Receiver<WorkerMessage>) -> Option<i64> {
        let mut records = None;
        intake.dispatch(false, now, |span| records = Some(span.end.0 - span.first.0));
        assert_eq!(worker.try_recv().is_some(), records.is_some());
        records
    }

    #[test]
    fn an_idle_worker_gets_at_once_what_there_is_where_little_is_on_its_way() {
        let now = rt::now();
        let (mut intake, _partitions, worker) = gathered(now);
        intake.set_quiet(0, false);
        assert_eq!(handed_on(&mut intake, now, &worker), None, "more is coming in");
        intake.set_quiet(0, true);
        assert_eq!(handed_on(&mut intake, now, &worker), Some(1));
    }

    #[test]
    fn under_load_an_idle_worker_gets_what_is_gathered_in_a_moment() {
        let now = rt::now();
        let (mut intake, partitions, worker) = gathered(now);
        intake.set_loaded(true);
        assert_eq!(handed_on(&mut intake, now, &worker), None);
        assert_eq!(intake.deadline(), Some(now + GATHER));
        push(&mut intake, &partitions, 1, now + GATHER);
        assert_eq!(handed_on(&mut intake, now + GATHER, &worker), Some(2));
    }

    #[test]
    fn no_record_is_gathered_for_longer_than_the_file_says() {
        let now = rt::now();
        let (mut intake, _partitions, worker) = gathered(now);
        intake.limits.max_wait = Duration::ZERO;
        intake.set_loaded(true);
        assert_eq!(handed_on(&mut intake, now, &worker), Some(1));
    }

    #[test]
    fn a_full_batch_waits_for_nothing_and_a_busy_worker_gets_another_after_a_while() {
        let now = rt::now();
        let (mut intake, partitions, worker) = gathered(now);
        intake.set_loaded(true);
        (1..10).for_each(|offset| push(&mut intake, &partitions, offset, now));
        assert_eq!(handed_on(&mut intake, now, &worker), Some(10));
        push(&mut intake, &partitions, 10, now);
        assert_eq!(handed_on(&mut intake, now + GATHER, &worker), None, "it has something to do");
        assert_eq!(intake.deadline(), Some(now + MAX_WAIT));
        assert_eq!(handed_on(&mut intake, now + MAX_WAIT, &worker), Some(1));
    }
}
