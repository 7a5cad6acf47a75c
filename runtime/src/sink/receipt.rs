//! Receipts: the acknowledgement belongs to a partition's part of a batch, and only a receipt makes a [`Delivered`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::dead_letter::DeadLetter;
use crate::batch::Offset;
use crate::counters::SpanTally;
use crate::failure::Class;
use crate::kafka::{ErrorKind, KafkaError};
use crate::lease::Lease;
use crate::sink::event::{SinkEvent, SinkEvents};

/// One partition's part of a batch.
#[derive(Clone, Debug)]
pub struct Span {
    /// The partition and generation.
    pub lease: Arc<Lease>,
    /// The first record's offset.
    pub first: Offset,
    /// What to commit when it is delivered: the last record's offset and one.
    pub end: Offset,
}

/// A span of which every output and dead letter is acknowledged. Made here alone; committing consumes it.
pub struct Delivered {
    span: Span,
    tally: SpanTally,
}

impl Delivered {
    /// Returns the span.
    pub fn into_span(self) -> Span {
        self.span
    }

    /// Returns the span, and what came of it.
    pub fn into_parts(self) -> (Span, SpanTally) {
        (self.span, self.tally)
    }

    /// Returns what came of the span.
    pub fn tally(&self) -> &SpanTally {
        &self.tally
    }
}

/// More than any batch can send: while a span is open, once or more often, its count cannot reach zero.
const OPEN: i64 = 1 << 40;

/// What the producer hands back with each delivery report.
pub enum Receipt {
    /// A receipt for the records of a span.
    Span(SpanReceipt),
    /// A receipt for one record that may be too large for its topic.
    Large {
        /// The span that it belongs to.
        parent: Arc<Receipt>,
        /// What to write in its place if the broker refuses it; taken once.
        fallback: Mutex<Option<Box<DeadLetter>>>,
        /// The record.
        record: LargeRecord,
    },
    /// A receipt for one record that has nothing to fall back on where its topic's limit keeps it out.
    Final {
        /// The span that it belongs to.
        parent: Arc<Receipt>,
        /// The record.
        record: FinalRecord,
    },
}

/// A dead letter, or an output over its topic's limit where there is no dead-letter topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalRecord {
    /// The offset of the input record that it came of.
    pub offset: Offset,
    /// The record's size in bytes, uncompressed.
    pub size: usize,
    /// Where it was to go, as it is counted.
    pub place: Place,
    /// Whether it may be written without its value.
    pub may_shrink: bool,
}

/// Where a record was to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To the dead-letter topic.
    Dlq {
        /// The number of the stage that the failure is counted for.
        stage: usize,
        /// The failure's class.
        class: Class,
    },
    /// To an output.
    Output {
        /// The output's number.
        output: usize,
        /// The record's bytes as counters have them.
        bytes: usize,
    },
}

/// A [`FinalRecord`] that a broker refused as too large.
pub struct SizeRefusal {
    /// What comes of the record, and of all behind it in its span, is not committed.
    pub span: Span,
    /// The record.
    pub record: FinalRecord,
    /// The topic it was meant for, and what the broker said.
    pub error: KafkaError,
}

/// A record that is over its topic's limit uncompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargeRecord {
    /// The offset of the input record that it came of.
    pub offset: Offset,
    /// The record's size in bytes, uncompressed.
    pub size: usize,
    /// About its size when it is compressed; under at_least_once, where nobody asks, uncompressed.
    pub packed: usize,
    /// The number of its output.
    pub output: usize,
    /// The number of the stage that it left.
    pub stage: usize,
    /// The record's bytes as counters have them.
    pub bytes: usize,
}

/// Counts what is still to be acknowledged of one span.
pub struct SpanReceipt {
    span: Span,
    // The offset to commit: known once the span is sealed, for a cut may have shortened it. The lowest counts.
    end: AtomicI64,
    outstanding: AtomicI64,
    failed: AtomicBool,
    tally: Mutex<Tally>,
    events: SinkEvents,
}

/// What came of a span, in its parts.
#[derive(Default)]
struct Tally {
    sealed: SpanTally,
    // Outputs that a broker refused, in whose place dead letters went.
    replaced: Vec<LargeRecord>,
    // What was refused and has nothing in its place.
    refused: Vec<Place>,
}

impl Tally {
    /// Returns what came of the span: where a dead letter took the place of an output, the dead letter.
    fn finish(&mut self) -> SpanTally {
        let mut tally = std::mem::take(&mut self.sealed);
        self.replaced.sort_unstable_by_key(|record| record.offset);
        let mut last = None;
        for record in self.replaced.drain(..) {
            if let Some(output) = tally.outputs.iter_mut().find(|output| output.output == record.output) {
                output.records = output.records.saturating_sub(1);
                output.bytes = output.bytes.saturating_sub(record.bytes as u64);
            }
            tally.dead_letter(record.stage, Class::Oversize);
            // An input is dead-lettered once, however many of its outputs were refused.
            if last.replace(record.offset) != Some(record.offset) && tally.delivered > 0 {
                tally.delivered -= 1;
                tally.dead_lettered += 1;
            }
        }
        self.refused.drain(..).for_each(|place| withdraw(&mut tally, place));
        tally
    }
}

/// Counts what was refused as not written.
fn withdraw(tally: &mut SpanTally, place: Place) {
    match place {
        Place::Dlq { stage, class } => {
            tally.dead_lettered = tally.dead_lettered.saturating_sub(1);
            if let Some(letters) = tally.dead_letters.iter_mut().find(|it| (it.stage, it.class) == (stage, class)) {
                letters.count = letters.count.saturating_sub(1);
            }
        }
        Place::Output { output, bytes } => {
            tally.delivered = tally.delivered.saturating_sub(1);
            if let Some(output) = tally.outputs.iter_mut().find(|it| it.output == output) {
                output.records = output.records.saturating_sub(1);
                output.bytes = output.bytes.saturating_sub(bytes as u64);
            }
        }
    }
}

impl SpanReceipt {
    fn settle(&self, count: i64) {
        if self.outstanding.fetch_sub(count, Ordering::AcqRel) == count {
            let span = Span { end: Offset(self.end.load(Ordering::Acquire)), ..self.span.clone() };
            if span.end <= span.first && span.first < self.span.end {
                return self.events.send(SinkEvent::Abandoned { span: self.span.clone(), written: true });
            }
            let tally = self.tally().finish();
            self.events.send(SinkEvent::Delivered(Delivered { span, tally }));
        }
    }

    fn fail(&self, error: KafkaError) {
        // Under an ended lease a failure is what was asked for: the purge after a loss or an abort.
        if self.failed.swap(true, Ordering::AcqRel) || self.span.lease.is_revoked() {
            return;
        }
        // Nothing that comes behind it may be written, or it would overtake what failed.
        self.span.lease.truncate_at(self.span.first);
        self.events.send_and_wake(SinkEvent::NotDelivered { span: self.span.clone(), error });
    }

    /// A broker refused a record as too large. What came before it is delivered once it is acknowledged; nothing is
    /// committed behind it, and nothing written that comes later.
    fn refuse(&self, record: FinalRecord, error: KafkaError) {
        if !self.span.lease.is_revoked() {
            self.span.lease.truncate_at(record.offset);
            self.end.fetch_min(record.offset.0, Ordering::AcqRel);
            self.tally().refused.push(record.place);
            let span = Span { first: record.offset, ..self.span.clone() };
            self.events.send_and_wake(SinkEvent::SizeRefused(SizeRefusal { span, record, error }));
        }
        self.settle(1);
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receipt {
    /// Takes the end of one record, as the producer reports it.
    pub(super) fn report(receipt: Arc<Receipt>, result: Result<(), KafkaError>) {
        match (&*receipt, result) {
            (Receipt::Span(span), Ok(())) => span.settle(1),
            (Receipt::Span(span), Err(error)) => span.fail(error),
            (Receipt::Large { parent, .. } | Receipt::Final { parent, .. }, Ok(())) => {
                Receipt::report(parent.clone(), Ok(()));
            }
            (Receipt::Final { parent, record }, Err(error)) => match &**parent {
                Receipt::Span(span) if error.kind == ErrorKind::TooLarge => span.refuse(*record, error),
                _ => Receipt::report(parent.clone(), Err(error)),
            },
            (Receipt::Large { parent, fallback, record }, Err(error)) => {
                let letter = fallback.lock().unwrap_or_else(PoisonError::into_inner).take();
                match (letter, &**parent) {
                    (Some(letter), Receipt::Span(span)) if error.kind == ErrorKind::TooLarge => {
                        // Before the dead letter can be acknowledged.
                        span.tally().replaced.push(*record);
                        let (receipt, at) = (parent.clone(), span.span.clone());
                        let oversize = OversizeRecord { letter, receipt, span: at, record: *record };
                        span.events.send_and_wake(SinkEvent::TooLarge(oversize));
                    }
                    _ => Receipt::report(parent.clone(), Err(error)),
                }
            }
        }
    }
}

/// A record that a broker refused as too large: its dead letter, and the receipt to send that with.
pub struct OversizeRecord {
    pub(super) letter: Box<DeadLetter>,
    pub(super) receipt: Arc<Receipt>,
    pub(super) span: Span,
    pub(super) record: LargeRecord,
}

impl OversizeRecord {
    /// Returns whether its partition is no longer ours.
    pub fn is_void(&self) -> bool {
        self.span.lease.is_revoked()
    }

    /// Returns a receipt for the dead letter, of so many bytes.
    pub(super) fn receipt(&self, size: usize, may_shrink: bool) -> Arc<Receipt> {
        let place = Place::Dlq { stage: self.record.stage, class: Class::Oversize };
        let record = FinalRecord { offset: self.record.offset, size, place, may_shrink };
        Arc::new(Receipt::Final { parent: self.receipt.clone(), record })
    }

    /// Returns the partition and generation of the record.
    pub fn lease(&self) -> &Arc<Lease> {
        &self.span.lease
    }
}

/// A span that a worker still adds to. Dropped unsealed it is abandoned: nothing of it is ever committed.
pub struct OpenSpan {
    span: Span,
    receipt: Arc<Receipt>,
    events: SinkEvents,
    tally: SpanTally,
    sent: i64,
    sealed: bool,
}

impl OpenSpan {
    /// Opens a span.
    pub fn new(span: Span, events: SinkEvents) -> OpenSpan {
        let receipt = SpanReceipt {
            span: span.clone(),
            end: AtomicI64::new(span.end.0),
            outstanding: AtomicI64::new(OPEN),
            failed: AtomicBool::new(false),
            tally: Mutex::default(),
            events: events.clone(),
        };
        let (receipt, tally) = (Arc::new(Receipt::Span(receipt)), SpanTally::default());
        OpenSpan { span, receipt, events, tally, sent: 0, sealed: false }
    }

    /// Opens the same span once more, for records of it that go their own way: it is delivered when each of the two is
    /// sealed, and abandoned when either is.
    #[must_use]
    pub fn fork(&self) -> OpenSpan {
        if let Receipt::Span(receipt) = &*self.receipt {
            receipt.outstanding.fetch_add(OPEN, Ordering::AcqRel);
        }
        let (span, receipt, events) = (self.span.clone(), self.receipt.clone(), self.events.clone());
        OpenSpan { span, receipt, events, tally: SpanTally::default(), sent: 0, sealed: false }
    }

    /// Returns the span.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns the partition and generation.
    pub fn lease(&self) -> &Arc<Lease> {
        &self.span.lease
    }

    /// Returns the count of what comes of this part of the span.
    pub fn tally(&mut self) -> &mut SpanTally {
        &mut self.tally
    }

    /// Returns a receipt for one more record.
    pub(super) fn receipt(&mut self) -> Arc<Receipt> {
        self.sent += 1;
        self.receipt.clone()
    }

    /// Returns a receipt for one more record that may be too large for its topic.
    pub(super) fn receipt_with_fallback(&mut self, fallback: Box<DeadLetter>, record: LargeRecord) -> Arc<Receipt> {
        Arc::new(Receipt::Large { parent: self.receipt(), fallback: Mutex::new(Some(fallback)), record })
    }

    /// Returns a receipt for one more record that has nothing to fall back on.
    pub(super) fn final_receipt(&mut self, record: FinalRecord) -> Arc<Receipt> {
        Arc::new(Receipt::Final { parent: self.receipt(), record })
    }

    /// Takes a receipt back: the record was not sent.
    pub(super) fn withdraw_receipt(&mut self) {
        self.sent -= 1;
    }

    /// Notes that nothing more of it can be sent, and why.
    pub(super) fn fail(&self, error: KafkaError) {
        if let Receipt::Span(receipt) = &*self.receipt {
            receipt.fail(error);
        }
    }

    /// Everything of the span that goes this way is sent: it is delivered once all of it is acknowledged.
    pub fn seal(mut self) {
        let end = self.span.lease.clamp_end(self.span.end);
        if end <= self.span.first && self.span.first < self.span.end {
            return;
        }
        self.sealed = true;
        if let Receipt::Span(receipt) = &*self.receipt {
            receipt.end.fetch_min(end.0, Ordering::AcqRel);
            receipt.tally().sealed.add(&self.tally);
            receipt.settle(OPEN - self.sent);
        }
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        if !self.sealed {
            // What cannot be committed is not written either: nothing overtakes what was given up.
            self.span.lease.truncate_at(self.span.first);
            self.events.send(SinkEvent::Abandoned { span: self.span.clone(), written: self.sent > 0 });
        }
    }
}
