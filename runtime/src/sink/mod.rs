//! The sink: writes outputs and dead letters, and knows what each topic takes.

pub mod committer;
pub mod dead_letter;
pub mod event;
mod packed_size;
pub mod receipt;
mod refused;
mod session;
#[cfg(test)]
pub(crate) mod simulated;
#[cfg(test)]
mod tests;
pub mod write_gate;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use self::dead_letter::{DeadLetter, DeadLetterOrigin};
use self::receipt::{FinalRecord, LargeRecord, OpenSpan, OversizeRecord, Place, Receipt, Span};
use self::refused::RefusedRecords;
pub use self::session::{Destined, WriteSession};
use self::write_gate::WriteGate;
use self::writer::{Destination, KnownTopics, QUEUE_KBYTES, Refusal, Writer, refusal, size};
pub use self::writer::{Forecast, Known};
use crate::config::plan::{self, Delivery};
use crate::failure::Class;
use crate::kafka::{ErrorKind, Kafka, Outgoing, Producer, Properties, Sent, TopicLimits};
use crate::rt;
use crate::sink::event::SinkEvents;

/// What is said of a record that its topic's limit keeps out.
pub const TOO_LARGE: &str = "a broker refused it as too large for its topic";
/// How long what is enqueued may take to be acknowledged before a producer is replaced that could go on.
const REPLACE_FLUSH: Duration = Duration::from_secs(10);
/// Bytes that wait at the producer, or for their acknowledgement, up to which little is on its way.
pub const LITTLE: u64 = 8 << 10;
/// How long what is to be sent at once is waited for. What has not been sent by then lingers.
const SEND_WAIT: Duration = Duration::from_millis(5);
/// No topic has a limit below this in practice: what is refused then is not refused for its size.
const LEAST_LIMIT: usize = 1024;

/// What became of a write that did not end in the producer's queue.
#[derive(Debug)]
pub enum WriteError {
    /// The topic cannot take it: class and reason.
    Refused(Class, String),
    /// The pipeline is being cut off, or the partition is no longer ours.
    Abandoned,
    /// The record cannot be written at all: why.
    Impossible(String),
}

/// Writes for all workers of one pipeline.
pub struct Sink {
    kafka: Arc<dyn Kafka<Receipt>>,
    pipeline: Arc<str>,
    // As the plan has them: each producer gets what its topics ask for besides.
    properties: Properties,
    delivery: Delivery,
    topics: Mutex<KnownTopics>,
    writer: RwLock<Arc<Writer>>,
    write_gate: WriteGate,
    oversize: plan::Oversize,
    origin: DeadLetterOrigin,
    cut_off: Arc<AtomicBool>,
    sends_at_once: bool,
    // Another process has the same `instance`.
    is_fenced: AtomicBool,
    // Nothing is sent, and everything counts as acknowledged.
    dry: bool,
    refused: Mutex<RefusedRecords>,
}

impl Sink {
    /// Makes the producer. `outputs` are in the plan's order, none where one is `{ drop: true }`. Under exactly_once
    /// the write gate is closed until the first transaction has begun.
    ///
    /// # Errors
    /// Properties or topic names that the client refuses.
    pub fn new(
        kafka: Arc<dyn Kafka<Receipt>>,
        plan: &plan::Plan,
        outputs: Vec<Option<Known>>,
        dlq: Option<Known>,
        origin: DeadLetterOrigin,
        cut_off: Arc<AtomicBool>,
        events: SinkEvents,
    ) -> anyhow::Result<Sink> {
        let (properties, topics) = (writer::properties(plan), KnownTopics::new(outputs, dlq));
        let writer = Writer::new(&*kafka, &plan.name, &properties, &topics)?;
        Ok(Sink {
            kafka,
            pipeline: plan.name.clone(),
            properties,
            delivery: plan.delivery,
            topics: Mutex::new(topics),
            writer: RwLock::new(Arc::new(writer)),
            write_gate: WriteGate::new(plan.delivery == Delivery::AtLeastOnce, events),
            oversize: plan.dlq.as_ref().map_or(plan::Oversize::Stop, |dlq| dlq.oversize),
            origin,
            cut_off,
            refused: Mutex::default(),
            // The end of a transaction lets nothing linger.
            is_fenced: AtomicBool::new(false),
            sends_at_once: plan.sends_at_once && plan.delivery == Delivery::AtLeastOnce,
            dry: false,
        })
    }

    /// Returns the same sink, but nothing is sent, and everything counts as acknowledged.
    #[must_use]
    pub fn dry(self) -> Sink {
        Sink { dry: true, ..self }
    }

    /// Returns the gate that workers pass to write.
    pub fn write_gate(&self) -> &WriteGate {
        &self.write_gate
    }

    /// Notes that another process has the same `instance`, and this one ends: it takes the transactional id back no
    /// more, which would fence the other.
    pub fn set_fenced(&self) {
        self.is_fenced.store(true, Ordering::Release);
    }

    /// Returns whether another process has the same `instance`.
    pub fn is_fenced(&self) -> bool {
        self.is_fenced.load(Ordering::Acquire)
    }

    /// Makes a new producer in place of one that can do nothing more. Nobody may be writing.
    ///
    /// # Errors
    /// What the client refuses.
    pub fn renew_producer(&self) -> anyhow::Result<()> {
        let new = Writer::new(&*self.kafka, &self.pipeline, &self.properties, &self.topics())?;
        // Dropping the old one may take half a second, and does not hold up its readers.
        drop(self.exchange(new));
        Ok(())
    }

    fn exchange(&self, new: Writer) -> Arc<Writer> {
        std::mem::replace(&mut *self.writer.write().unwrap_or_else(PoisonError::into_inner), Arc::new(new))
    }

    /// Does something with the producer.
    pub fn producer<T>(&self, act: impl FnOnce(&dyn Producer<Receipt>) -> T) -> T {
        act(&*self.writer().producer)
    }

    /// Does something with the producer that may never come back; none where it is not over within `patience`. The
    /// producer is then to be renewed: the old one stays with the call, for as long as that takes.
    pub fn producer_within<T: Send + 'static>(
        &self,
        patience: Duration,
        act: impl FnOnce(&dyn Producer<Receipt>) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = rt::channel();
        let writer = self.writer();
        let call = move || {
            // Nobody listens where it came too late.
            let _ = done.send(act(&*writer.producer));
        };
        rt::spawn(&format!("{}/call", self.pipeline), call).ok()?;
        result.recv_timeout(patience).ok()
    }

    fn writer(&self) -> Arc<Writer> {
        self.writer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn topics(&self) -> MutexGuard<'_, KnownTopics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, RefusedRecords> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until writing is allowed; a transaction neither begins nor ends while the session lives. None where
    /// `given_up` says meanwhile that there is nothing to wait for, or the pipeline is cut off.
    pub fn begin(&self, given_up: impl Fn() -> bool) -> Option<WriteSession<'_>> {
        let permit = self.write_gate.enter(|| self.cut_off.load(Ordering::Acquire) || given_up())?;
        Some(WriteSession::new(self, self.writer(), permit))
    }

    /// Returns the bytes of keys and values that are enqueued at the producer and had no report yet.
    pub fn queued_bytes(&self) -> u64 {
        self.queued().unwrap_or(0)
    }

    /// Returns the same; none where the producer does not count.
    fn queued(&self) -> Option<u64> {
        let writer = self.writer();
        let enqueued = writer.enqueued.load(Ordering::Relaxed);
        writer.producer.reported_bytes().map(|reported| enqueued.saturating_sub(reported))
    }

    /// Has what was written sent at once, where little is on its way and the file does not say how long it lingers.
    /// Waits until it is acknowledged, but not for long: for a worker that has nothing else to do.
    pub fn send_at_once(&self) {
        if self.sends_at_once && !self.dry && self.queued().is_none_or(|queued| (1..=LITTLE).contains(&queued)) {
            self.producer(|producer| producer.flush(SEND_WAIT));
        }
    }

    /// Returns whether an output writes anywhere.
    pub fn writes(&self, output: usize) -> bool {
        self.writer.read().unwrap_or_else(PoisonError::into_inner).outputs[output].is_some()
    }

    /// Returns whether there is a dead-letter topic.
    pub fn has_dlq(&self) -> bool {
        self.writer.read().unwrap_or_else(PoisonError::into_inner).dlq.is_some()
    }

    /// Returns what all dead letters of this pipeline have in common.
    pub fn origin(&self) -> &DeadLetterOrigin {
        &self.origin
    }

    /// Returns the names of the topics that are written to: the outputs, then the dead-letter topic.
    pub fn topic_names(&self) -> Vec<String> {
        self.topics().all().map(|known| known.name.clone()).collect()
    }

    /// Takes over what topics refuse now, in the order of [`Sink::topic_names`], after a broker has refused a record
    /// (`refused`: as what) or from time to time. Returns whether a record that was refused may fare better when its
    /// partition is read again: it is then dead-lettered, or written in another way.
    ///
    /// A limit that may not be read is guessed: where a record is refused as too large and nothing has changed, limits
    /// are halved until it is not. `alone`: the size of one with nothing to fall back on, which is to be refused once
    /// more in a batch of its own at most. Where the producer needs other properties it is replaced, under
    /// at_least_once here, under exactly_once with the next abort. May take ten seconds: for a thread of its own.
    ///
    /// # Errors
    /// A producer cannot be made, or the old one does not get rid of what it holds in time: it stays, and this is to be
    /// tried again.
    pub fn set_limits(
        &self,
        limits: &[TopicLimits],
        refused: Option<ErrorKind>,
        alone: Option<usize>,
    ) -> anyhow::Result<bool> {
        let mut topics = self.topics();
        let is_same = topics.all().zip(limits).all(|(known, now)| known.limits == *now);
        let halved = is_same && topics.halve_for(refused == Some(ErrorKind::TooLarge), alone, LEAST_LIMIT);
        if is_same && !halved {
            return Ok(false);
        }
        if !is_same {
            topics.set_limits(limits);
        }
        self.refused().clear();
        let writer = self.writer();
        if !writer.is_outdated(&self.properties, &topics) || self.delivery == Delivery::ExactlyOnce {
            drop(self.exchange(writer.with_topics(&topics)));
            return Ok(true);
        }
        let new = Writer::new(&*self.kafka, &self.pipeline, &self.properties, &topics)?;
        let mut old = None;
        self.write_gate.with_exclusive(|| {
            // What is enqueued is acknowledged before anything is written behind it by another producer.
            if writer.producer.flush(REPLACE_FLUSH) {
                old = Some(self.exchange(new));
            }
        });
        anyhow::ensure!(old.is_some(), "what is enqueued is not acknowledged within {REPLACE_FLUSH:?}");
        Ok(true)
    }

    /// Returns whether the producer has properties that its topics no longer allow: see [`Sink::set_limits`].
    pub fn is_producer_outdated(&self) -> bool {
        self.writer().is_outdated(&self.properties, &self.topics())
    }

    /// Writes the dead letter of a record that a broker refused; never waits. Returns it where the queue is full, or
    /// the producer is just being replaced.
    ///
    /// # Errors
    /// It cannot be written at all: the span that it belongs to, and why.
    pub fn resend(&self, mut oversize: OversizeRecord) -> Result<Option<OversizeRecord>, (Span, String)> {
        // What is enqueued at a producer that is being replaced is acknowledged by nobody.
        let Some(_permit) = self.write_gate.enter(|| true) else { return Ok(Some(oversize)) };
        let writer = self.writer();
        let destination = match self.fit(&writer, &mut oversize.letter) {
            Ok(destination) => destination,
            Err(reason) => return Err((oversize.span, reason)),
        };
        let (outgoing, may_shrink) = (oversize.letter.outgoing(), self.may_shrink(&oversize.letter));
        let receipt = oversize.receipt(size(&outgoing), may_shrink);
        match writer.producer.send(destination.number, &outgoing, receipt) {
            Sent::Enqueued => Ok(None),
            Sent::Full(_) => match never_fits(&writer, &outgoing) {
                Some(reason) => Err((oversize.span, reason)),
                None => Ok(Some(oversize)),
            },
            // As if a broker had said so: the source knows what to do.
            Sent::Refused(receipt, error) if error.kind == ErrorKind::Authorization => {
                Receipt::report(receipt, Err(error.about(&format!("topic \"{}\"", destination.name))));
                Ok(None)
            }
            Sent::Refused(_, error) => {
                Err((oversize.span, format!("dead letter to topic \"{}\": {error}", destination.name)))
            }
        }
    }

    /// Remembers that a broker refused an output of this record, so that it goes to the dead-letter topic at once when
    /// the record is read again after an abort. Returns whether that was not known.
    pub fn remember_refused(&self, oversize: &OversizeRecord) -> bool {
        self.refused().note(&oversize.span.lease.at, &oversize.record)
    }

    fn would_refuse(&self, span: &OpenSpan, record: &LargeRecord) -> bool {
        let refused = self.refused();
        !refused.is_empty() && refused.would_refuse(&span.lease().at, record)
    }

    /// Throws away what is enqueued: the partitions that it came from are no longer ours. Nobody is in the middle of
    /// writing then, whose record would come out before those that are thrown away and read again.
    pub fn purge(&self) {
        self.write_gate.with_exclusive(|| self.writer().producer.purge());
    }

    /// Returns whether a dead letter may be written without its value, where the whole does not fit.
    fn may_shrink(&self, letter: &DeadLetter) -> bool {
        self.oversize == plan::Oversize::DropValue && letter.outgoing().value.is_some()
    }

    /// Returns, of a record that a broker refused as too large, why it will not be taken the next time either, where
    /// that is known: what its topic takes was read again meanwhile.
    pub fn too_large_for_good(&self, record: &FinalRecord) -> Option<String> {
        let topics = self.topics();
        let (name, limit) = topics.limit(record.place)?;
        if record.size <= limit || record.may_shrink {
            return None;
        }
        let (what, remedy) = match (record.place, self.oversize) {
            (Place::Output { .. }, _) => ("the output", ", or give the pipeline a `dlq`"),
            (Place::Dlq { .. }, plan::Oversize::Stop) => ("the dead letter", ", or set `dlq.oversize: drop_value`"),
            (Place::Dlq { .. }, plan::Oversize::DropValue) => ("the dead letter without its value", ""),
        };
        let FinalRecord { offset, size, .. } = record;
        Some(format!(
            "{what} of offset {offset} has {size} bytes, and its topic \"{name}\" takes {limit} (max.message.bytes): \
             raise that to {size} or more{remedy}"
        ))
    }

    /// Makes a dead letter fit its topic as far as that goes.
    fn fit<'w>(&self, writer: &'w Writer, letter: &mut DeadLetter) -> Result<&'w Destination, String> {
        let Some(destination) = &writer.dlq else {
            return Err("a record failed and the pipeline has no `dlq`".to_owned());
        };
        let (limit, now) = (destination.limits.max_message_bytes, rt::unix_ms());
        if size(&letter.outgoing()) > limit && self.oversize == plan::Oversize::DropValue {
            letter.drop_value();
        }
        let refused = |letter: &DeadLetter| {
            let outgoing = letter.outgoing();
            refusal(&destination.limits, outgoing.key, outgoing.timestamp, now)
        };
        if refused(letter).is_some_and(Refusal::is_for_timestamp) {
            letter.set_timestamp(now);
        }
        match refused(letter) {
            Some(reason) => Err(format!("the dead-letter topic \"{}\" cannot take it: {reason}", destination.name)),
            None => Ok(destination),
        }
    }
}

/// Returns why a record never fits into the producer's queue, if it does not.
fn never_fits(writer: &Writer, record: &Outgoing<'_>) -> Option<String> {
    let (bytes, most) = (record.value.map_or(0, <[u8]>::len), writer.queue_bytes);
    let kbytes = bytes.div_ceil(1024);
    (bytes > most).then(|| {
        format!(
            "its value of {bytes} bytes is larger than the producer's queue: set `{QUEUE_KBYTES}` to {kbytes} or more, or \
             raise its topic's max.message.bytes before the pipeline starts"
        )
    })
}
