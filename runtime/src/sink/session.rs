//! A write session: one batch's writing, within one transaction where there are any.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::dead_letter::DeadLetter;
use super::packed_size::packed_size;
use super::receipt::{FinalRecord, LargeRecord, OpenSpan, Place, Receipt};
use super::write_gate::WritePermit;
use super::writer::{BATCH_OVERHEAD, Destination, Writer, refusal, size};
use super::{Sink, TOO_LARGE, WriteError, never_fits};
use crate::batch::{Arena, Offset, Record};
use crate::config::plan::Delivery;
use crate::failure::Class;
use crate::kafka::{ErrorKind, Outgoing, Sent};
use crate::rt;

/// How long a worker waits for room in a full producer queue before it looks whether it should go on waiting.
const ROOM_WAIT: Duration = Duration::from_millis(20);

/// A record on its way to an output.
pub struct Destined<'a> {
    /// The number of the output.
    pub output: usize,
    /// The number of the stage that it left.
    pub stage: usize,
    /// Where its bytes lie.
    pub arena: &'a Arena,
    /// The record.
    pub record: &'a Record,
    /// The time, in milliseconds since the epoch.
    pub now: i64,
}

/// One batch's writing, within one transaction where there are any.
pub struct WriteSession<'a> {
    sink: &'a Sink,
    // All workers share it, so it is counted once for a session and not for each record.
    writer: Arc<Writer>,
    progress: Progress<'a>,
}

/// What was written in a session.
struct Progress<'a> {
    permit: WritePermit<'a>,
    // How long it has waited for room at the producer.
    waited: Duration,
    // Bytes of keys and values that were enqueued.
    enqueued: u64,
}

impl Drop for WriteSession<'_> {
    fn drop(&mut self) {
        self.writer.enqueued.fetch_add(self.progress.enqueued, Ordering::Relaxed);
    }
}

impl<'a> WriteSession<'a> {
    pub(super) fn new(sink: &'a Sink, writer: Arc<Writer>, permit: WritePermit<'a>) -> WriteSession<'a> {
        WriteSession { sink, writer, progress: Progress { permit, waited: Duration::ZERO, enqueued: 0 } }
    }

    /// Returns how long it has waited for a transaction, or for room at the producer.
    pub fn waited(&self) -> Duration {
        self.progress.permit.waited + self.progress.waited
    }

    /// Writes a record to an output; waits while the producer's queue is full. `letter` makes the dead letter to
    /// fall back on if a broker refuses the record as too large. Returns the bytes of its key, value and headers.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub fn write(
        &mut self,
        destined: &Destined<'_>,
        span: &mut OpenSpan,
        letter: impl FnOnce() -> Box<DeadLetter>,
    ) -> Result<usize, WriteError> {
        let Destined { output, stage, arena, record, now } = *destined;
        let WriteSession { sink, writer, progress } = self;
        let Some(destination) = &writer.outputs[output] else { return Ok(0) };
        let (key, value) = (arena.get(record.key), arena.get(record.value));
        if let Some(reason) = refusal(&destination.limits, key, record.timestamp, now) {
            return Err(WriteError::Refused(Class::Refused, format!("topic \"{}\": {reason}", destination.name)));
        }
        let headers = arena.headers(record.headers);
        let outgoing = Outgoing { key, value, headers, more_headers: &[], timestamp: record.timestamp };
        let size = size(&outgoing);
        let bytes = size - BATCH_OVERHEAD;
        // Over the limit as it stands it may still fit compressed: the broker decides.
        let receipt = if size > destination.limits.max_message_bytes && writer.dlq.is_some() {
            let mut large = LargeRecord { offset: record.offset, size, packed: size, output, stage, bytes };
            // Under at_least_once a refusal costs nothing but the way there and back.
            if sink.delivery == Delivery::ExactlyOnce {
                if writer.compresses() {
                    large.packed = size - value.map_or(0, |value| value.len() - packed_size(value));
                }
                if sink.would_refuse(span, &large) {
                    return Err(WriteError::Refused(Class::Oversize, TOO_LARGE.to_owned()));
                }
            }
            span.receipt_with_fallback(letter(), large)
        } else if size > destination.limits.max_message_bytes {
            let place = Place::Output { output, bytes };
            span.final_receipt(FinalRecord { offset: record.offset, size, place, may_shrink: false })
        } else {
            span.receipt()
        };
        progress.permit.written.bytes += size as u64;
        progress.send((sink, writer), destination, &outgoing, receipt, span)?;
        Ok(bytes)
    }

    /// Writes the dead letter of the input record with this offset, which is counted for this stage and class; waits
    /// while the producer's queue is full.
    ///
    /// # Errors
    /// See [`WriteError`]; never [`WriteError::Refused`].
    pub fn dead_letter(
        &mut self,
        mut letter: Box<DeadLetter>,
        offset: Offset,
        (stage, class): (usize, Class),
        span: &mut OpenSpan,
    ) -> Result<(), WriteError> {
        let WriteSession { sink, writer, progress } = self;
        let destination = sink.fit(writer, &mut letter).map_err(WriteError::Impossible)?;
        let (outgoing, may_shrink) = (letter.outgoing(), sink.may_shrink(&letter));
        let size = size(&outgoing);
        let place = Place::Dlq { stage, class };
        let receipt = span.final_receipt(FinalRecord { offset, size, place, may_shrink });
        progress.permit.written.bytes += size as u64;
        match progress.send((sink, writer), destination, &outgoing, receipt, span) {
            Err(WriteError::Refused(_, reason)) => Err(WriteError::Impossible(reason)),
            other => other,
        }
    }
}

impl Progress<'_> {
    fn send(
        &mut self,
        (sink, writer): (&Sink, &Writer),
        destination: &Destination,
        outgoing: &Outgoing<'_>,
        mut receipt: Arc<Receipt>,
        span: &mut OpenSpan,
    ) -> Result<(), WriteError> {
        if sink.dry {
            Receipt::report(receipt, Ok(()));
            return Ok(());
        }
        let topic = |reason: &dyn std::fmt::Display| format!("topic \"{}\": {reason}", destination.name);
        loop {
            match writer.producer.send(destination.number, outgoing, receipt) {
                Sent::Enqueued => {
                    self.permit.written.records += 1;
                    self.enqueued += outgoing.queue_bytes();
                    return Ok(());
                }
                Sent::Full(back) => {
                    if let Some(reason) = never_fits(writer, outgoing) {
                        span.withdraw_receipt();
                        return Err(WriteError::Refused(Class::Oversize, topic(&reason)));
                    }
                    receipt = back;
                    let since = rt::now();
                    writer.producer.wait_for_room(ROOM_WAIT);
                    self.waited += rt::now() - since;
                    // Room may have come of a purge.
                    if sink.cut_off.load(Ordering::Acquire) || span.lease().is_revoked() {
                        span.withdraw_receipt();
                        return Err(WriteError::Abandoned);
                    }
                }
                Sent::Refused(_, error) => {
                    span.withdraw_receipt();
                    // The producer or its transaction has failed, or the topic may not be written to for now: that says
                    // nothing of the record.
                    if matches!(error.kind, ErrorKind::Fatal | ErrorKind::TransactionFailed | ErrorKind::Authorization)
                    {
                        span.fail(error.about(&format!("topic \"{}\"", destination.name)));
                        return Err(WriteError::Abandoned);
                    }
                    if error.kind == ErrorKind::TooLarge {
                        return Err(WriteError::Refused(Class::Oversize, topic(&error)));
                    }
                    return Err(WriteError::Impossible(topic(&error)));
                }
            }
        }
    }
}
