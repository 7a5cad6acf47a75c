//! Receipts: the acknowledgement belongs to a partition's part of a batch, and only a receipt makes a [`Delivered`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::dead_letter::DeadLetter;
use crate::batch::Offset;
use crate::event::{Event, EventSender};
use crate::kafka::{ErrorKind, KafkaError};
use crate::lease::Lease;

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
pub struct Delivered(Span);

impl Delivered {
    /// The span.
    pub fn into_span(self) -> Span {
        self.0
    }
}

// More than any batch can send: while a span is open, once or more often, its count cannot reach zero.
const OPEN: i64 = 1 << 40;

/// What librdkafka hands back with each delivery report.
pub enum Receipt {
    /// For the records of a span.
    Span(SpanReceipt),
    /// For one record that may be too large for its topic.
    Large {
        /// The span it belongs to.
        parent: Arc<Receipt>,
        /// What to write in its place if the broker refuses it; taken once.
        fallback: Mutex<Option<Box<DeadLetter>>>,
        /// The offset of the record that it came of.
        offset: Offset,
        /// Its size in bytes, as it was weighed.
        size: usize,
    },
}

/// Counts what is still to be acknowledged of one span.
pub struct SpanReceipt {
    span: Span,
    // The offset to commit: known once the span is sealed, for a cut may have shortened it. The lowest counts.
    end: AtomicI64,
    outstanding: AtomicI64,
    failed: AtomicBool,
    events: EventSender,
}

impl SpanReceipt {
    fn settle(&self, count: i64) {
        if self.outstanding.fetch_sub(count, Ordering::AcqRel) == count {
            let span = Span { end: Offset(self.end.load(Ordering::Acquire)), ..self.span.clone() };
            self.events.send(Event::Delivered(Delivered(span)));
        }
    }

    fn fail(&self, error: KafkaError) {
        // Under an ended lease a failure is what was asked for: the purge after a loss or an abort.
        if self.failed.swap(true, Ordering::AcqRel) || self.span.lease.is_revoked() {
            return;
        }
        // Nothing that comes behind it may be written, or it would overtake what failed.
        self.span.lease.truncate_at(self.span.first);
        self.events.send_and_wake(Event::NotDelivered { span: self.span.clone(), error });
    }
}

impl Receipt {
    /// The end of one record, as the producer reports it.
    pub(super) fn report(receipt: Arc<Receipt>, result: Result<(), KafkaError>) {
        match (&*receipt, result) {
            (Receipt::Span(span), Ok(())) => span.settle(1),
            (Receipt::Span(span), Err(error)) => span.fail(error),
            (Receipt::Large { parent, .. }, Ok(())) => Receipt::report(parent.clone(), Ok(())),
            (Receipt::Large { parent, fallback, offset, size }, Err(error)) => {
                let letter = fallback.lock().unwrap_or_else(PoisonError::into_inner).take();
                match (letter, &**parent) {
                    (Some(letter), Receipt::Span(span)) if is_too_large(&error) => {
                        let (span, events, offset, size) = (span.span.clone(), &span.events, *offset, *size);
                        let oversize = OversizeRecord { letter, receipt: parent.clone(), span, offset, size };
                        events.send_and_wake(Event::TooLarge(oversize));
                    }
                    _ => Receipt::report(parent.clone(), Err(error)),
                }
            }
        }
    }
}

/// Whether an error says that a record is too large.
pub(super) fn is_too_large(error: &KafkaError) -> bool {
    error.kind == ErrorKind::TooLarge
}

/// A record that a broker refused as too large: its dead letter, and the receipt to send it with.
pub struct OversizeRecord {
    pub(super) letter: Box<DeadLetter>,
    pub(super) receipt: Arc<Receipt>,
    pub(super) span: Span,
    pub(super) offset: Offset,
    pub(super) size: usize,
}

impl OversizeRecord {
    /// Whether its partition is no longer ours.
    pub fn is_void(&self) -> bool {
        self.span.lease.is_revoked()
    }

    /// The partition and generation of the record.
    pub fn lease(&self) -> &Arc<Lease> {
        &self.span.lease
    }
}

/// A span that a worker still adds to. Dropped unsealed it is abandoned: nothing of it is ever committed.
pub struct OpenSpan {
    span: Span,
    receipt: Arc<Receipt>,
    events: EventSender,
    sent: i64,
    sealed: bool,
}

impl OpenSpan {
    /// Opens a span.
    pub fn new(span: Span, events: EventSender) -> OpenSpan {
        let receipt = SpanReceipt {
            span: span.clone(),
            end: AtomicI64::new(span.end.0),
            outstanding: AtomicI64::new(OPEN),
            failed: AtomicBool::new(false),
            events: events.clone(),
        };
        OpenSpan { span, receipt: Arc::new(Receipt::Span(receipt)), events, sent: 0, sealed: false }
    }

    /// The same span once more, for records of it that go their own way: it is delivered when each of the two is
    /// sealed, and abandoned when either is.
    pub fn fork(&self) -> OpenSpan {
        if let Receipt::Span(receipt) = &*self.receipt {
            receipt.outstanding.fetch_add(OPEN, Ordering::AcqRel);
        }
        let (span, receipt, events) = (self.span.clone(), self.receipt.clone(), self.events.clone());
        OpenSpan { span, receipt, events, sent: 0, sealed: false }
    }

    /// The partition and generation.
    pub fn lease(&self) -> &Arc<Lease> {
        &self.span.lease
    }

    /// A receipt for one more record.
    pub(super) fn receipt(&mut self) -> Arc<Receipt> {
        self.sent += 1;
        self.receipt.clone()
    }

    /// A receipt for one more record that may be too large for its topic.
    pub(super) fn receipt_with_fallback(&mut self, fallback: Box<DeadLetter>, offset: Offset, size: usize) -> Arc<Receipt> {
        Arc::new(Receipt::Large { parent: self.receipt(), fallback: Mutex::new(Some(fallback)), offset, size })
    }

    /// A receipt came back: the record was not sent.
    pub(super) fn withdraw_receipt(&mut self) {
        self.sent -= 1;
    }

    /// Nothing more of it can be sent: why.
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
            receipt.settle(OPEN - self.sent);
        }
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        if !self.sealed {
            // What cannot be committed is not written either: nothing overtakes what was given up.
            self.span.lease.truncate_at(self.span.first);
            self.events.send(Event::Abandoned { span: self.span.clone(), written: self.sent > 0 });
        }
    }
}
