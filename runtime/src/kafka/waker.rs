//! The waker: ends a poll of the consumer's queue from another thread.

use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::bindings as sys;

/// Wakes whoever waits in a consumer's poll; does nothing before there is a consumer, and after it is closed.
#[derive(Clone, Debug, Default)]
pub struct Waker(Arc<Mutex<Option<Queue>>>);

/// A consumer's queue, while it lives.
#[derive(Debug)]
struct Queue(NonNull<sys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for Queue {}

impl Waker {
    /// The poll that is under way ends at once, or else the next one.
    pub fn wake(&self) {
        if let Some(queue) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // SAFETY: it lives: the consumer takes it out before it gives it back.
            unsafe { sys::rd_kafka_queue_yield(queue.0.as_ptr()) }
        }
    }

    /// From here on it wakes those who poll this queue.
    ///
    /// # Safety
    /// The queue lives until [`Waker::detach`].
    pub(super) unsafe fn attach(&self, queue: NonNull<sys::rd_kafka_queue_t>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Queue(queue));
    }

    /// It wakes nobody any more.
    pub(super) fn detach(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
