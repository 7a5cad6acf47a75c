//! The records that are fetched: one queue for all partitions, read many at a time.
//!
//! Left to itself librdkafka puts records among the consumer's events, where each is asked for alone, and each time it
//! reads the clock twice and locks its statistics. So partitions send their records to a queue of their own. Of the
//! batch that is read some are in hand when the poll is over; librdkafka takes those for read.
//!
//! It also takes one more for read than there is where the end of a partition came in a batch (librdkafka 2.12). Both
//! come right with a seek, without which no partition may be fetched again that was paused: see
//! [`Consumer::resume`](super::consumer::Consumer::resume).

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_void};
use std::ptr::{self, NonNull};

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaRespErr;

use super::{KafkaError, TopicPartition};

/// Records that are read at a time.
const BATCH: usize = 128;

/// A record, or what librdkafka has to say in the place of one. Must be destroyed once.
pub(super) type Message = NonNull<sys::rd_kafka_message_t>;

/// The queue of fetched records, and those of them that are in hand.
pub(super) struct Records {
    queue: NonNull<sys::rd_kafka_queue_t>,
    hand: RefCell<Hand>,
}

/// Messages that are read and not handed on yet.
struct Hand {
    messages: [*mut sys::rd_kafka_message_t; BATCH],
    next: usize,
    end: usize,
}

impl Records {
    /// A queue of this client. Whoever polls `events` is woken when a record comes into the empty queue.
    ///
    /// # Safety
    /// The client lives until [`Records::free`], and so does `events`; or both live for ever.
    pub(super) unsafe fn new(
        client: *mut sys::rd_kafka_t,
        events: NonNull<sys::rd_kafka_queue_t>,
    ) -> Result<Records, KafkaError> {
        // SAFETY: the client lives.
        let queue = unsafe { sys::rd_kafka_queue_new(client) };
        let queue = NonNull::new(queue).ok_or_else(|| KafkaError::other("no queue for records"))?;
        // SAFETY: both queues live until `free` takes the callback away.
        unsafe { sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(wake), events.as_ptr().cast()) };
        let hand = Hand { messages: [ptr::null_mut(); BATCH], next: 0, end: 0 };
        Ok(Records { queue, hand: RefCell::new(hand) })
    }

    /// From here on a partition's records come here. To be called before it is assigned.
    ///
    /// # Safety
    /// The client is the one that this was made with, and lives.
    pub(super) unsafe fn gather(&self, client: *mut sys::rd_kafka_t, from: &TopicPartition) -> Result<(), KafkaError> {
        let unknown = || KafkaError::new(RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, &from.to_string());
        let topic = CString::new(&*from.topic).map_err(|_| unknown())?;
        // SAFETY: client and name are good for the calls; the partition's queue is a reference that is given back, and
        // keeps ours for as long as it forwards to it.
        unsafe {
            let its = sys::rd_kafka_queue_get_partition(client, topic.as_ptr(), from.partition.0);
            let its = NonNull::new(its).ok_or_else(unknown)?;
            sys::rd_kafka_queue_forward(its.as_ptr(), self.queue.as_ptr());
            sys::rd_kafka_queue_destroy(its.as_ptr());
        }
        Ok(())
    }

    /// The next message in hand.
    pub(super) fn next(&self) -> Option<Message> {
        let mut hand = self.hand.borrow_mut();
        let message = hand.left().first().copied()?;
        hand.next += 1;
        NonNull::new(message)
    }

    /// Takes the next batch in hand, where nothing is; waits for nothing. Answers whether there is any.
    pub(super) fn refill(&self) -> bool {
        let mut hand = self.hand.borrow_mut();
        if hand.left().is_empty() {
            // SAFETY: the queue lives; there is room for as many as are asked for, and they are ours from here on.
            let count =
                unsafe { sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, hand.messages.as_mut_ptr(), BATCH) };
            (hand.next, hand.end) = (0, usize::try_from(count).unwrap_or(0));
        }
        !hand.left().is_empty()
    }

    /// Throws away what is in hand of these partitions: it will be fetched again, or is none of ours any more.
    pub(super) fn discard<'p>(&self, partitions: impl Iterator<Item = &'p TopicPartition> + Clone) {
        let mut hand = self.hand.borrow_mut();
        let (mut kept, end) = (hand.next, hand.end);
        for index in hand.next..end {
            let message = hand.messages[index];
            // SAFETY: what is in hand is ours, and lives.
            let is_discarded = unsafe { partitions.clone().any(|at| is_of(message, at)) };
            if is_discarded {
                // SAFETY: it is in hand no longer.
                unsafe { sys::rd_kafka_message_destroy(message) };
            } else {
                hand.messages[kept] = message;
                kept += 1;
            }
        }
        hand.end = kept;
    }

    /// Throws away all that is in hand.
    pub(super) fn discard_all(&self) {
        while let Some(message) = self.next() {
            // SAFETY: it is ours, and in hand no longer.
            unsafe { sys::rd_kafka_message_destroy(message.as_ptr()) }
        }
    }

    /// Gives the queue back.
    ///
    /// # Safety
    /// The client still lives.
    pub(super) unsafe fn free(self) {
        self.discard_all();
        // SAFETY: the reference is given back once. Partitions that forward to it have their own.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

impl Hand {
    fn left(&self) -> &[*mut sys::rd_kafka_message_t] {
        &self.messages[self.next..self.end]
    }
}

/// # Safety
/// The message lives.
unsafe fn is_of(message: *const sys::rd_kafka_message_t, at: &TopicPartition) -> bool {
    // SAFETY: as the caller promises; the topic's name lives as long as its handle, and that as long as the message.
    unsafe {
        let message = &*message;
        let name = sys::rd_kafka_topic_name(message.rkt);
        message.partition == at.partition.0 && CStr::from_ptr(name).to_bytes() == at.topic.as_bytes()
    }
}

/// Called by a thread of librdkafka's: there is a record.
unsafe extern "C" fn wake(_client: *mut sys::rd_kafka_t, events: *mut c_void) {
    // SAFETY: whoever asked for the call keeps the queue alive.
    unsafe { sys::rd_kafka_queue_yield(events.cast()) }
}
