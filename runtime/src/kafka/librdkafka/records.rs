//! The records that are fetched: a queue for each worker, read many records at a time.
//!
//! Left to itself librdkafka puts records among the consumer's events, where each is asked for alone, and each time it
//! reads the clock twice and locks its statistics. So every partition forwards its records to the queue of the worker
//! that owns it (`rd_kafka_queue_forward`), and a batch is read from there. Of a batch some records are prefetched here
//! when the caller has had enough; librdkafka takes those for read.
//!
//! librdkafka 2.12 has to be handled with care:
//! - It takes one record more for read than there is where an error came in a batch, and the end of a partition is one
//!   (confluentinc/librdkafka#4844, fixed upstream by #5213). That, and what is thrown away here, comes right with a
//!   seek, without which no partition may be fetched again that was paused: see
//!   [`GroupConsumer::resume`](crate::kafka::GroupConsumer::resume).
//! - When fetching stops, which may be long after a partition was given up and even after it was assigned again,
//!   `rd_kafka_toppar_fetch_stopped` removes the forwarding. Records stay in the partition's own queue then, whose
//!   callback raises a flag here, and the forwarding is made again.
//! - When it forgets a partition (`rd_kafka_toppar_destroy_final`) it purges the queue that the partition forwards to,
//!   with all other partitions' records. So the forwarding ends before a partition is given up.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaRespErr;

use super::error_of;
use crate::kafka::{KafkaError, TopicPartition};
use crate::rt::Wakeup;

/// Records that are read at a time.
pub(super) const BATCH: usize = 128;

/// A record, or what librdkafka has to say in the place of one. Must be destroyed once.
pub(super) type Message = NonNull<sys::rd_kafka_message_t>;

/// The queues of fetched records, and what of them is prefetched here.
pub(super) struct RecordQueues {
    queues: Vec<RecordQueue>,
    // The partitions that forward their records: their own queue, and the number of the queue that they forward to.
    partitions: BTreeMap<TopicPartition, (NonNull<sys::rd_kafka_queue_t>, usize)>,
    // Known to librdkafka's callbacks, so it is given back in `free` alone.
    context: NonNull<CallbackContext>,
}

/// One queue, and the batch of it that was read and is not handed on yet.
struct RecordQueue {
    native: NonNull<sys::rd_kafka_queue_t>,
    messages: [*mut sys::rd_kafka_message_t; BATCH],
    next: usize,
    end: usize,
}

/// What librdkafka's threads tell whoever reads.
pub(super) struct CallbackContext {
    wakeup: Wakeup,
    // Some partition keeps its records to itself.
    is_unforwarded: AtomicBool,
}

impl RecordQueues {
    /// Makes `count` queues of this client. `wakeup` is woken when a record comes into an empty one.
    ///
    /// # Safety
    /// The client lives until [`RecordQueues::free`], or for ever.
    pub(super) unsafe fn new(
        client: *mut sys::rd_kafka_t,
        count: usize,
        wakeup: Wakeup,
    ) -> Result<RecordQueues, KafkaError> {
        let context = Box::new(CallbackContext { wakeup, is_unforwarded: AtomicBool::new(false) });
        let context = NonNull::from(Box::leak(context));
        let mut queues = Vec::with_capacity(count);
        for _ in 0..count {
            // SAFETY: the client lives.
            let native = unsafe { sys::rd_kafka_queue_new(client) };
            let native =
                NonNull::new(native).ok_or_else(|| error_of(RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL, "no queue"))?;
            // SAFETY: the queue lives, and the context until `free` has disabled the callback.
            unsafe { sys::rd_kafka_queue_cb_event_enable(native.as_ptr(), Some(on_record), context.as_ptr().cast()) };
            queues.push(RecordQueue { native, messages: [ptr::null_mut(); BATCH], next: 0, end: 0 });
        }
        Ok(RecordQueues { queues, partitions: BTreeMap::new(), context })
    }

    /// What the callback [`on_record`] is to be given.
    pub(super) fn callback_context(&self) -> *mut c_void {
        self.context.as_ptr().cast()
    }

    /// From here on a partition's records come to the queue of this number. To be called each time before it is
    /// assigned.
    ///
    /// # Safety
    /// The client is the one that this was made with, and lives.
    pub(super) unsafe fn forward(
        &mut self,
        client: *mut sys::rd_kafka_t,
        from: &TopicPartition,
        to: usize,
    ) -> Result<(), KafkaError> {
        let unknown = || error_of(RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, &from.to_string());
        let topic = CString::new(&*from.topic).map_err(|_| unknown())?;
        // SAFETY: client and name are good for the call, which returns a reference of ours.
        let own = unsafe { sys::rd_kafka_queue_get_partition(client, topic.as_ptr(), from.partition.0) };
        let own = NonNull::new(own).ok_or_else(unknown)?;
        // A topic that was created again has other queues.
        if let Some((old, _)) = self.partitions.insert(from.clone(), (own, to)) {
            // SAFETY: it is in the map no longer.
            unsafe { unforward_and_release(old) };
        }
        // SAFETY: both queues live, and the context for as long as the callback is there.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(own.as_ptr(), Some(on_unforwarded), self.context.as_ptr().cast());
            sys::rd_kafka_queue_forward(own.as_ptr(), self.queues[to].native.as_ptr());
        }
        Ok(())
    }

    /// These partitions forward nothing any more. To be called before they are given up, or their end would take the
    /// others' records along.
    pub(super) fn release<'p>(&mut self, partitions: impl Iterator<Item = &'p TopicPartition>) {
        for at in partitions {
            if let Some((own, _)) = self.partitions.remove(at) {
                // SAFETY: it is in the map no longer.
                unsafe { unforward_and_release(own) };
            }
        }
    }

    /// The partitions that forward their records here.
    pub(super) fn forwarding(&self) -> Vec<TopicPartition> {
        self.partitions.keys().cloned().collect()
    }

    /// Partitions that keep their records to themselves forward them again, and what they have kept.
    fn forward_again(&self) {
        // SAFETY: the context lives until `free`.
        let flag = unsafe { &self.context.as_ref().is_unforwarded };
        if flag.load(Ordering::Relaxed) && flag.swap(false, Ordering::Acquire) {
            for (own, to) in self.partitions.values() {
                // SAFETY: both queues live.
                unsafe { sys::rd_kafka_queue_forward(own.as_ptr(), self.queues[*to].native.as_ptr()) };
            }
        }
    }

    /// Takes the next message of a queue.
    pub(super) fn next(&mut self, queue: usize) -> Option<Message> {
        if self.queues[queue].next == self.queues[queue].end {
            self.forward_again();
            let queue = &mut self.queues[queue];
            // SAFETY: the queue lives; there is room for as many as are asked for, and they are ours from here on.
            let count = unsafe {
                sys::rd_kafka_consume_batch_queue(queue.native.as_ptr(), 0, queue.messages.as_mut_ptr(), BATCH)
            };
            (queue.next, queue.end) = (0, usize::try_from(count).unwrap_or(0));
        }
        self.queues[queue].pop()
    }

    /// Whether a queue has more.
    pub(super) fn has_more(&self, queue: usize) -> bool {
        let queue = &self.queues[queue];
        // SAFETY: the queue lives.
        queue.next < queue.end || unsafe { sys::rd_kafka_queue_length(queue.native.as_ptr()) } > 0
    }

    /// How many records wait in a queue, without those that are prefetched here.
    #[cfg(test)]
    pub(super) fn waiting(&self, queue: usize) -> usize {
        // SAFETY: the queue lives.
        unsafe { sys::rd_kafka_queue_length(self.queues[queue].native.as_ptr()) }
    }

    /// Throws away what is prefetched of these partitions: it will be fetched again, or is none of ours any more.
    pub(super) fn discard<'p>(&mut self, partitions: impl Iterator<Item = &'p TopicPartition> + Clone) {
        for queue in &mut self.queues {
            queue.discard(partitions.clone());
        }
    }

    /// Throws away all that is prefetched.
    pub(super) fn discard_all(&mut self) {
        for queue in &mut self.queues {
            while let Some(message) = queue.pop() {
                // SAFETY: it is ours, and nobody else has it.
                unsafe { sys::rd_kafka_message_destroy(message.as_ptr()) }
            }
        }
    }

    /// Gives the queues back.
    ///
    /// # Safety
    /// The client still lives, and nothing else uses the callback context any more.
    pub(super) unsafe fn free(mut self) {
        self.discard_all();
        // SAFETY: each reference is given back once, and when the callbacks are disabled none is under way.
        unsafe {
            for (own, _) in std::mem::take(&mut self.partitions).into_values() {
                unforward_and_release(own);
            }
            for queue in &self.queues {
                disable_callback(queue.native);
                sys::rd_kafka_queue_destroy(queue.native.as_ptr());
            }
            drop(Box::from_raw(self.context.as_ptr()));
        }
    }
}

impl RecordQueue {
    fn pop(&mut self) -> Option<Message> {
        let message = self.messages[self.next..self.end].first().copied()?;
        self.next += 1;
        NonNull::new(message)
    }

    fn discard<'p>(&mut self, partitions: impl Iterator<Item = &'p TopicPartition> + Clone) {
        let mut kept = self.next;
        for index in self.next..self.end {
            let message = self.messages[index];
            // SAFETY: what is prefetched is ours, and lives.
            let is_discarded = unsafe { partitions.clone().any(|at| is_of(message, at)) };
            if is_discarded {
                // SAFETY: it is ours, and nobody else has it.
                unsafe { sys::rd_kafka_message_destroy(message) };
            } else {
                self.messages[kept] = message;
                kept += 1;
            }
        }
        self.end = kept;
    }
}

/// # Safety
/// The message lives.
unsafe fn is_of(message: *const sys::rd_kafka_message_t, at: &TopicPartition) -> bool {
    // SAFETY: the message lives; the topic's name lives as long as its handle, and that as long as the message.
    unsafe {
        let message = &*message;
        if message.rkt.is_null() || message.partition != at.partition.0 {
            return false;
        }
        CStr::from_ptr(sys::rd_kafka_topic_name(message.rkt)).to_bytes() == at.topic.as_bytes()
    }
}

/// A partition's queue forwards nothing any more, and is given back.
///
/// # Safety
/// The queue is a reference of ours, and not used again.
unsafe fn unforward_and_release(queue: NonNull<sys::rd_kafka_queue_t>) {
    // SAFETY: the queue is a live reference until the last of these calls gives it back.
    unsafe {
        disable_callback(queue);
        sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
        sys::rd_kafka_queue_destroy(queue.as_ptr());
    }
}

/// Disables a queue's callback; none is under way afterwards, because librdkafka calls it with the queue's lock.
///
/// # Safety
/// The queue lives.
pub(super) unsafe fn disable_callback(queue: NonNull<sys::rd_kafka_queue_t>) {
    // SAFETY: the queue lives.
    unsafe { sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), None, ptr::null_mut()) }
}

/// Called by a thread of librdkafka's: a queue that was empty is empty no longer.
pub(super) unsafe extern "C" fn on_record(_client: *mut sys::rd_kafka_t, context: *mut c_void) {
    // SAFETY: the context lives for as long as this may be called.
    unsafe { (*context.cast::<CallbackContext>()).wakeup.wake() }
}

/// Called by a thread of librdkafka's: there is something in a partition's own queue.
unsafe extern "C" fn on_unforwarded(client: *mut sys::rd_kafka_t, context: *mut c_void) {
    // SAFETY: as for `on_record`.
    unsafe {
        (*context.cast::<CallbackContext>()).is_unforwarded.store(true, Ordering::Release);
        on_record(client, context);
    }
}
