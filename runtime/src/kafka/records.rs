//! The records that are fetched: one queue for all partitions, read many at a time.
//!
//! Left to itself librdkafka puts records among the consumer's events, where each is asked for alone, and each time it
//! reads the clock twice and locks its statistics. So partitions send their records to a queue of their own. Of the
//! batch that is read some are in hand when the poll is over; librdkafka takes those for read.
//!
//! What has to be seen to, in librdkafka 2.12:
//! - It takes one record more for read than there is where an error came in a batch, and the end of a partition is one.
//!   That and what is thrown away in hand come right with a seek, without which no partition may be fetched again that was paused: see
//!   [`Consumer::resume`](super::consumer::Consumer::resume).
//! - When fetching stops, which may be long after a partition was given up and even after it was taken again, it is
//!   forgotten where the records go. They stay in the partition's own queue then, which raises an alarm.
//! - When it forgets a partition it empties the queue that the partition's records go to, of all partitions' records. So
//!   they go nowhere before a partition is given up.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaRespErr;

use super::{KafkaError, TopicPartition};

/// Records that are read at a time.
pub(super) const BATCH: usize = 128;

/// A record, or what librdkafka has to say in the place of one. Must be destroyed once.
pub(super) type Message = NonNull<sys::rd_kafka_message_t>;

/// The queue of fetched records, and those of them that are in hand.
pub(super) struct Records {
    queue: NonNull<sys::rd_kafka_queue_t>,
    hand: RefCell<Hand>,
    // The queues of all partitions that send their records here.
    partitions: RefCell<BTreeMap<TopicPartition, NonNull<sys::rd_kafka_queue_t>>>,
    // Known to librdkafka, so it is given back in `free` alone.
    alarm: NonNull<Alarm>,
}

/// What librdkafka's threads tell whoever polls.
struct Alarm {
    // What is polled.
    events: NonNull<sys::rd_kafka_queue_t>,
    // A partition keeps its records to itself.
    stray: AtomicBool,
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
        let alarm = NonNull::from(Box::leak(Box::new(Alarm { events, stray: AtomicBool::new(false) })));
        // SAFETY: the queue lives, and the alarm until `free` takes the callback away.
        unsafe { sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(wake), alarm.as_ptr().cast()) };
        let hand = Hand { messages: [ptr::null_mut(); BATCH], next: 0, end: 0 };
        Ok(Records { queue, hand: RefCell::new(hand), partitions: RefCell::default(), alarm })
    }

    /// From here on a partition's records come here. To be called each time before it is assigned.
    ///
    /// # Safety
    /// The client is the one that this was made with, and lives.
    pub(super) unsafe fn gather(&self, client: *mut sys::rd_kafka_t, from: &TopicPartition) -> Result<(), KafkaError> {
        let unknown = || KafkaError::new(RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, &from.to_string());
        let topic = CString::new(&*from.topic).map_err(|_| unknown())?;
        // SAFETY: client and name are good for the call, which answers a reference of ours.
        let its = unsafe { sys::rd_kafka_queue_get_partition(client, topic.as_ptr(), from.partition.0) };
        let its = NonNull::new(its).ok_or_else(unknown)?;
        let mut partitions = self.partitions.borrow_mut();
        // A topic that was made anew has other queues.
        if let Some(old) = partitions.insert(from.clone(), its) {
            // SAFETY: it is in the list no longer.
            unsafe { let_go(old) };
        }
        // SAFETY: both queues live, and the alarm for as long as the callback is there.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(its.as_ptr(), Some(stray), self.alarm.as_ptr().cast());
            sys::rd_kafka_queue_forward(its.as_ptr(), self.queue.as_ptr());
        }
        Ok(())
    }

    /// Partitions that are given up send nothing here any more. To be called before that, or their end would take the
    /// others' records along.
    pub(super) fn release<'p>(&self, partitions: impl Iterator<Item = &'p TopicPartition>) {
        let mut gathered = self.partitions.borrow_mut();
        for at in partitions {
            if let Some(its) = gathered.remove(at) {
                // SAFETY: it is in the list no longer.
                unsafe { let_go(its) };
            }
        }
    }

    /// The partitions that send their records here.
    pub(super) fn sources(&self) -> Vec<TopicPartition> {
        self.partitions.borrow().keys().cloned().collect()
    }

    /// Partitions that keep their records to themselves send them here again, and what they have kept.
    fn gather_strays(&self) {
        // SAFETY: the alarm lives until `free`.
        let stray = unsafe { &self.alarm.as_ref().stray };
        if stray.load(Ordering::Relaxed) && stray.swap(false, Ordering::Acquire) {
            for its in self.partitions.borrow().values() {
                // SAFETY: both queues live.
                unsafe { sys::rd_kafka_queue_forward(its.as_ptr(), self.queue.as_ptr()) };
            }
        }
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
            self.gather_strays();
            // SAFETY: the queue lives; there is room for as many as are asked for, and they are ours from here on.
            let count =
                unsafe { sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, hand.messages.as_mut_ptr(), BATCH) };
            (hand.next, hand.end) = (0, usize::try_from(count).unwrap_or(0));
        }
        !hand.left().is_empty()
    }

    /// How many wait, without those in hand.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        // SAFETY: the queue lives.
        unsafe { sys::rd_kafka_queue_length(self.queue.as_ptr()) }
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
        // SAFETY: each reference is given back once, and when the callbacks are taken away none is under way.
        unsafe {
            self.partitions.into_inner().into_values().for_each(|its| let_go(its));
            silence(self.queue);
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
            drop(Box::from_raw(self.alarm.as_ptr()));
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
        if message.rkt.is_null() || message.partition != at.partition.0 {
            return false;
        }
        CStr::from_ptr(sys::rd_kafka_topic_name(message.rkt)).to_bytes() == at.topic.as_bytes()
    }
}

/// A partition's queue keeps what comes, and is given back.
///
/// # Safety
/// It is ours, and not used again.
unsafe fn let_go(queue: NonNull<sys::rd_kafka_queue_t>) {
    // SAFETY: as the caller promises.
    unsafe {
        silence(queue);
        sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
        sys::rd_kafka_queue_destroy(queue.as_ptr());
    }
}

/// Takes a queue's callback away; none is under way afterwards.
///
/// # Safety
/// The queue lives.
unsafe fn silence(queue: NonNull<sys::rd_kafka_queue_t>) {
    // SAFETY: as the caller promises.
    unsafe { sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), None, ptr::null_mut()) }
}

/// Called by a thread of librdkafka's: there is a record.
unsafe extern "C" fn wake(_client: *mut sys::rd_kafka_t, alarm: *mut c_void) {
    // SAFETY: alarm and queue live for as long as this may be called.
    unsafe { sys::rd_kafka_queue_yield((*alarm.cast::<Alarm>()).events.as_ptr()) }
}

/// Called by a thread of librdkafka's: there is something in a partition's own queue.
unsafe extern "C" fn stray(client: *mut sys::rd_kafka_t, alarm: *mut c_void) {
    // SAFETY: as for `wake`.
    unsafe {
        (*alarm.cast::<Alarm>()).stray.store(true, Ordering::Release);
        wake(client, alarm);
    }
}
