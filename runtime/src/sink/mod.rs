//! The sink: writes outputs and dead letters, and knows what each topic takes.

pub mod committer;
pub mod write_gate;
pub mod dead_letter;
pub mod receipt;
mod writer;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use self::write_gate::{WriteGate, WritePermit};
use self::dead_letter::{DeadLetter, DeadLetterOrigin};
use self::receipt::{OpenSpan, OversizeRecord, Receipt, Span, is_too_large};
pub use self::writer::Known;
use self::writer::{Destination, Writer, refusal, size};
use crate::batch::{Arena, Offset, Record};
use crate::config::plan::{self, Delivery};
use crate::event::EventSender;
use crate::failure::Class;
use crate::kafka::{ErrorKind, Kafka, Outgoing, Producer, Sent, TopicPartition};
use crate::rt;

/// How long a worker waits for room in a full producer queue before it looks whether it should go on waiting.
const ROOM_WAIT: Duration = Duration::from_millis(20);
/// What is said of a record that its topic's limit keeps out.
pub const TOO_LARGE: &str = "a broker refused it as too large for its topic";
/// How many records that a broker refused are remembered, so that they are not written again after an abort.
const REMEMBERED: usize = 10_000;

/// What became of a write that did not end in the producer's queue.
pub enum WriteError {
    /// The topic cannot take it: class and reason.
    Refused(Class, String),
    /// The pipeline is being cut off, or the partition is no longer ours.
    Abandoned,
    /// It cannot be written at all: why.
    Impossible(String),
}

/// Writes for all workers of one pipeline.
pub struct Sink {
    kafka: Arc<dyn Kafka<Receipt>>,
    pipeline: Arc<str>,
    properties: BTreeMap<String, String>,
    outputs: Vec<Option<Known>>,
    dlq: Option<Known>,
    // Changed between two transactions alone, when nobody writes.
    writer: RwLock<Arc<Writer>>,
    write_gate: WriteGate,
    oversize: plan::Oversize,
    origin: DeadLetterOrigin,
    cut_off: Arc<AtomicBool>,
    // Nothing is sent, and everything counts as acknowledged.
    dry: bool,
    refused: Mutex<HashSet<RefusedOutput>>,
}

/// An output record that a broker refused as too large: the record it came of, and its size.
type RefusedOutput = (TopicPartition, Offset, usize);

impl Sink {
    /// Makes the producer. `outputs` are in the plan's order, none where one is `{ drop: true }`. Under exactly_once the
    /// write_gate is shut until the first transaction has begun.
    ///
    /// # Errors
    /// Properties or topic names that librdkafka refuses.
    pub fn new(
        kafka: Arc<dyn Kafka<Receipt>>,
        plan: &plan::Plan,
        outputs: Vec<Option<Known>>,
        dlq: Option<Known>,
        origin: DeadLetterOrigin,
        cut_off: Arc<AtomicBool>,
        events: EventSender,
    ) -> anyhow::Result<Sink> {
        let properties = writer::properties(plan, outputs.iter().flatten().chain(&dlq));
        let writer = Writer::new(&*kafka, &plan.name, &properties, &outputs, dlq.as_ref())?;
        Ok(Sink {
            kafka,
            pipeline: plan.name.clone(),
            properties,
            outputs,
            dlq,
            writer: RwLock::new(Arc::new(writer)),
            write_gate: WriteGate::new(plan.delivery == Delivery::AtLeastOnce, events),
            oversize: plan.dlq.as_ref().map_or(plan::Oversize::Stop, |dlq| dlq.oversize),
            origin,
            cut_off,
            refused: Mutex::default(),
            dry: false,
        })
    }

    /// The same, but nothing is sent, and everything counts as acknowledged.
    pub fn dry(self) -> Sink {
        Sink { dry: true, ..self }
    }

    /// What workers pass to write.
    pub fn write_gate(&self) -> &WriteGate {
        &self.write_gate
    }

    /// Makes a new producer in place of one that can do nothing more. Nobody may be writing.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn renew_producer(&self) -> anyhow::Result<()> {
        let new = Writer::new(&*self.kafka, &self.pipeline, &self.properties, &self.outputs, self.dlq.as_ref())?;
        let old = std::mem::replace(&mut *self.writer.write().unwrap_or_else(PoisonError::into_inner), Arc::new(new));
        // It may take half a second.
        drop(old);
        Ok(())
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

    /// Waits until writing is allowed; a transaction neither begins nor ends while the session lives. None where
    /// `given_up` says meanwhile that there is nothing to wait for, or the pipeline is cut off.
    pub fn begin(&self, given_up: impl Fn() -> bool) -> Option<WriteSession<'_>> {
        let pass = self.write_gate.enter(|| self.cut_off.load(Ordering::Acquire) || given_up())?;
        Some(WriteSession { sink: self, writer: self.writer(), pass })
    }

    /// Whether an output writes anywhere.
    pub fn writes(&self, output: usize) -> bool {
        self.outputs[output].is_some()
    }

    /// Whether there is a dead-letter topic.
    pub fn has_dlq(&self) -> bool {
        self.dlq.is_some()
    }

    /// What dead letters of this pipeline say alike.
    pub fn origin(&self) -> &DeadLetterOrigin {
        &self.origin
    }

    /// Writes the dead letter of a record that a broker refused; never waits. Comes back where the queue is full.
    ///
    /// # Errors
    /// It cannot be written at all: the span that it belongs to, and why.
    pub fn resend(&self, mut oversize: OversizeRecord) -> Result<Option<OversizeRecord>, (Span, String)> {
        let writer = self.writer();
        let destination = match self.fit(&writer, &mut oversize.letter) {
            Ok(destination) => destination,
            Err(reason) => return Err((oversize.span, reason)),
        };
        match writer.producer.send(destination.number, &oversize.letter.outgoing(), oversize.receipt.clone()) {
            Sent::Enqueued => Ok(None),
            Sent::Full(_) => Ok(Some(oversize)),
            Sent::Refused(_, error) => {
                Err((oversize.span, format!("dead letter to topic \"{}\": {error}", destination.name)))
            }
        }
    }

    /// Remembers that a broker refused an output of this record, so that it goes to the DLQ at once when the record is
    /// read again after an abort.
    pub fn remember_refused(&self, oversize: &OversizeRecord) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= REMEMBERED {
            refused.clear();
        }
        refused.insert((oversize.span.lease.at.clone(), oversize.offset, oversize.size));
    }

    fn was_refused(&self, span: &OpenSpan, offset: Offset, size: usize) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        !refused.is_empty() && refused.contains(&(span.lease().at.clone(), offset, size))
    }

    /// Throws away what is enqueued: the partitions it came from are no longer ours. Nobody is in the middle of writing
    /// then, whose record would come out before those that are thrown away and read again.
    pub fn purge(&self) {
        self.write_gate.with_exclusive(|| self.writer().producer.purge());
    }

    fn fit<'w>(&self, writer: &'w Writer, letter: &mut DeadLetter) -> Result<&'w Destination, String> {
        let Some(destination) = &writer.dlq else {
            return Err("a record failed and the pipeline has no `dlq`".to_owned());
        };
        let (limit, now) = (destination.limits.max_message_bytes, rt::unix_ms());
        if size(&letter.outgoing()) > limit && self.oversize == plan::Oversize::DropValue {
            letter.drop_value();
        }
        let outgoing = letter.outgoing();
        if let Some(reason) = refusal(&destination.limits, outgoing.key, outgoing.timestamp, now) {
            let name = &destination.name;
            return Err(format!("the dead-letter topic \"{name}\" cannot take it: {reason}"));
        }
        Ok(destination)
    }
}

/// One batch's writing, within one transaction where there are any.
pub struct WriteSession<'a> {
    sink: &'a Sink,
    writer: Arc<Writer>,
    pass: WritePermit<'a>,
}

impl WriteSession<'_> {
    /// Writes a record to an output; waits while the producer's queue is full. `letter` makes the dead letter to
    /// fall back on if a broker refuses the record as too large.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub fn write(
        &mut self,
        output: usize,
        arena: &Arena,
        record: &Record,
        now: i64,
        span: &mut OpenSpan,
        letter: impl FnOnce() -> Box<DeadLetter>,
    ) -> Result<(), WriteError> {
        let writer = self.writer.clone();
        let Some(destination) = &writer.outputs[output] else { return Ok(()) };
        let (key, value) = (arena.get(record.key), arena.get(record.value));
        if let Some(reason) = refusal(&destination.limits, key, record.timestamp, now) {
            return Err(WriteError::Refused(
                Class::Refused,
                format!("topic \"{}\": {reason}", destination.name),
            ));
        }
        let headers = arena.headers(record.headers);
        let outgoing = Outgoing { key, value, headers, more_headers: &[], timestamp: record.timestamp };
        // Over the limit as it stands it may still fit compressed: the broker decides.
        let size = size(&outgoing);
        let receipt = match size > destination.limits.max_message_bytes && self.sink.has_dlq() {
            true if self.sink.was_refused(span, record.offset, size) => {
                return Err(WriteError::Refused(Class::Oversize, TOO_LARGE.to_owned()));
            }
            true => span.receipt_with_fallback(letter(), record.offset, size),
            false => span.receipt(),
        };
        self.pass.written.bytes += size as u64;
        self.send(destination, &outgoing, receipt, span)
    }

    /// Writes a dead letter; waits while the producer's queue is full.
    ///
    /// # Errors
    /// See [`WriteError`]; never [`WriteError::Refused`].
    pub fn dead_letter(&mut self, mut letter: Box<DeadLetter>, span: &mut OpenSpan) -> Result<(), WriteError> {
        let writer = self.writer.clone();
        let destination = self.sink.fit(&writer, &mut letter).map_err(WriteError::Impossible)?;
        let (outgoing, receipt) = (letter.outgoing(), span.receipt());
        self.pass.written.bytes += size(&outgoing) as u64;
        match self.send(destination, &outgoing, receipt, span) {
            Err(WriteError::Refused(_, reason)) => Err(WriteError::Impossible(reason)),
            other => other,
        }
    }

    fn send(
        &mut self,
        destination: &Destination,
        outgoing: &Outgoing<'_>,
        mut receipt: Arc<Receipt>,
        span: &mut OpenSpan,
    ) -> Result<(), WriteError> {
        if self.sink.dry {
            Receipt::report(receipt, Ok(()));
            return Ok(());
        }
        loop {
            match self.writer.producer.send(destination.number, outgoing, receipt) {
                Sent::Enqueued => {
                    self.pass.written.records += 1;
                    return Ok(());
                }
                Sent::Full(back) => {
                    receipt = back;
                    self.writer.producer.wait_for_room(ROOM_WAIT);
                    // Room may have come of a purge.
                    if self.sink.cut_off.load(Ordering::Acquire) || span.lease().is_revoked() {
                        span.withdraw_receipt();
                        return Err(WriteError::Abandoned);
                    }
                }
                Sent::Refused(_, error) => {
                    span.withdraw_receipt();
                    // The producer, or its transaction, has failed: that says nothing of the record.
                    if matches!(error.kind, ErrorKind::Fatal | ErrorKind::TransactionFailed) {
                        span.fail(error);
                        return Err(WriteError::Abandoned);
                    }
                    let reason = format!("topic \"{}\": {error}", destination.name);
                    if is_too_large(&error) {
                        return Err(WriteError::Refused(Class::Oversize, reason));
                    }
                    return Err(WriteError::Impossible(reason));
                }
            }
        }
    }
}
