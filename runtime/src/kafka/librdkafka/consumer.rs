//! The consumer: what happens in the group, and the records of its partitions.
//!
//! librdkafka's queues are read directly, because rdkafka's own `poll` leaves out what the rules of correctness need:
//! the topic and offset of a partition's end, header names that are not UTF-8, and a revoke that is acknowledged later
//! than its event.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::event::{Event, OwnedMessage};
use super::log::Logging;
use super::queries::{Client, partition_list};
use super::records::{RecordQueues, disable_callback, on_record};
use super::tokens::TokenKeeper;
use super::transactions::{metadata_of, offset_list};
use super::{client_config, error_of};
use crate::batch::Offset;
use crate::kafka::{
    Committed, ConsumerEvent, ErrorKind, Fetched, GroupConsumer, GroupMetadata, GroupQueries, KafkaError,
    StartPosition, TopicPartition,
};
use crate::rt::Wakeup;

/// How long the client may take to end where nobody has closed it, for example after a panic.
const ABANDONED: Duration = Duration::from_millis(500);
/// How long the end is waited for at a time.
const CLOSE_POLL: Duration = Duration::from_millis(20);

impl ConsumerContext for Logging {}

/// A consumer.
pub(super) struct NativeConsumer {
    client: Arc<Client>,
    // What happens in the group, and to the client.
    queue: NonNull<sys::rd_kafka_queue_t>,
    // Given back in `close_within` alone; after a client that does not end in time it stays, because librdkafka may
    // call back.
    records: ManuallyDrop<RecordQueues>,
    wakeup: Wakeup,
    is_closed: bool,
}

// SAFETY: librdkafka's handles may be used from any thread; the pointers are counted references to them.
unsafe impl Send for NativeConsumer {}

impl NativeConsumer {
    /// Makes a consumer; contacts no broker yet.
    pub(super) fn new(
        pipeline: &Arc<str>,
        properties: &BTreeMap<String, String>,
        queues: usize,
        wakeup: Wakeup,
    ) -> Result<NativeConsumer, KafkaError> {
        let base: BaseConsumer<Logging> = client_config(properties).create_with_context(Logging::new(pipeline))?;
        let native = base.client().native_ptr();
        // SAFETY: the client lives; the queue is a new reference that `close_within` gives back.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(native) };
        let queue = NonNull::new(queue)
            .ok_or_else(|| error_of(RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_GROUP, "no group.id"))?;
        // SAFETY: `close_within` frees it before the client; if `close_within` never gets there, both are leaked.
        let records = unsafe { RecordQueues::new(native, queues, wakeup.clone()) }?;
        // SAFETY: the queue lives, and the context until `close_within` has disabled the callback.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(on_record), records.callback_context());
        }
        // SAFETY: the client owns the keeper, and ends it before itself.
        let tokens = unsafe { TokenKeeper::start(properties, native, base.client().context()) }?;
        let client = Arc::new(Client::new(base, tokens, properties.get("group.id").cloned().unwrap_or_default()));
        Ok(NativeConsumer { client, queue, records: ManuallyDrop::new(records), wakeup, is_closed: false })
    }

    fn base(&self) -> &BaseConsumer<Logging> {
        &self.client.base
    }

    /// Takes these partitions without a group, each into queue 0.
    pub(super) fn assign_directly(&mut self, partitions: &[(TopicPartition, StartPosition)]) -> Result<(), KafkaError> {
        let list: Vec<_> = partitions.iter().map(|(at, from)| (at.clone(), *from, 0)).collect();
        self.assign(&list)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    fn event(&self) -> Option<Event> {
        // SAFETY: the queue is ours.
        unsafe { Event::next(self.queue) }
    }

    fn rebalance(&self, event: &Event) -> ConsumerEvent {
        let partitions = event.elements().into_iter().map(|(partition, ..)| partition).collect();
        match event.code() {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => ConsumerEvent::Assigned(partitions),
            _ => ConsumerEvent::Revoked { partitions, lost: self.base().assignment_lost() },
        }
    }

    /// An eager protocol means all partitions, whatever it names.
    fn discard<'p>(&mut self, partitions: impl Iterator<Item = &'p TopicPartition> + Clone) {
        if self.is_incremental() {
            self.records.discard(partitions);
        } else {
            self.records.discard_all();
        }
    }

    /// Leaves the group and ends the client. What does not end in time is left to the end of the process: librdkafka's
    /// own clean-up would wait without a bound.
    fn close_within(&mut self, timeout: Duration) -> bool {
        if std::mem::replace(&mut self.is_closed, true) {
            return true;
        }
        let deadline = Instant::now() + timeout;
        self.records.discard_all();
        // Before the close: it answers a revoke that was not answered yet, which would keep the group from ending; and
        // once the group has ended librdkafka never answers the call itself.
        if let Ok(assignment) = self.base().assignment() {
            // Nothing can be done about a refusal here; `closed` and the deadline decide.
            let incremental = self.is_incremental();
            let _ = if incremental { self.base().incremental_unassign(&assignment) } else { self.base().unassign() };
        }
        if self.base().close_queue().is_err() {
            return false;
        }
        while !self.base().closed() {
            if Instant::now() > deadline {
                return false;
            }
            match self.next_event() {
                // While it closes, an answer to either gives everything up.
                Some(ConsumerEvent::Revoked { partitions, .. } | ConsumerEvent::Assigned(partitions)) => {
                    let _ = self.unassign(&partitions);
                }
                Some(_) => {}
                None => _ = self.wakeup.wait_until(Some(Instant::now() + CLOSE_POLL)),
            }
        }
        // SAFETY: this is come to once. The callbacks are disabled before their context goes, each queue's reference is
        // given back once, and the client, which has ended, lives until the last of the threads that ask it is done.
        unsafe {
            disable_callback(self.queue);
            ManuallyDrop::take(&mut self.records).free();
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
        self.client.has_ended.store(true, Ordering::Release);
        true
    }
}

impl Drop for NativeConsumer {
    fn drop(&mut self) {
        // After a panic, say. Left open it would go on sending heartbeats, and keep its partitions from everybody.
        self.close_within(ABANDONED);
    }
}

impl GroupConsumer for NativeConsumer {
    fn subscribe(&mut self, topics: &[String]) -> Result<(), KafkaError> {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        Ok(self.base().subscribe(&names)?)
    }

    fn next_event(&mut self) -> Option<ConsumerEvent> {
        loop {
            let event = self.event()?;
            match event.kind() {
                sys::RD_KAFKA_EVENT_REBALANCE => return Some(self.rebalance(&event)),
                sys::RD_KAFKA_EVENT_OFFSET_COMMIT => return Some(ConsumerEvent::Committed(event.committed())),
                sys::RD_KAFKA_EVENT_ERROR => return Some(event.failure()),
                // Never: every partition forwards its records. To pass one over would be to lose it.
                sys::RD_KAFKA_EVENT_FETCH => {
                    let text = "a record came outside of the workers' queues";
                    return Some(ConsumerEvent::Fatal(KafkaError::new(ErrorKind::Other, text)));
                }
                sys::RD_KAFKA_EVENT_LOG => event.log(self.base().client().context()),
                _ => {}
            }
        }
    }

    fn read(&mut self, queue: usize, take: &mut dyn FnMut(Fetched<'_>) -> bool) -> bool {
        while let Some(message) = self.records.next(queue) {
            // SAFETY: it was taken out of the queue, so nobody else has it.
            let message = unsafe { OwnedMessage::new(message) };
            if !take(message.read()) {
                return self.records.has_more(queue);
            }
        }
        false
    }

    fn is_incremental(&self) -> bool {
        matches!(self.base().rebalance_protocol(), RebalanceProtocol::Cooperative)
    }

    fn assign(&mut self, partitions: &[(TopicPartition, StartPosition, usize)]) -> Result<(), KafkaError> {
        let list = start_list(partitions.iter().map(|(at, from, _)| (at, *from)))?;
        let before = self.records.forwarding();
        let is_named = |at: &TopicPartition| partitions.iter().any(|(named, ..)| named == at);
        if !self.is_incremental() {
            self.records.release(before.iter().filter(|at| !is_named(at)));
        }
        self.discard(partitions.iter().map(|(at, ..)| at));
        let client = self.base().client().native_ptr();
        let forwarded = partitions.iter().try_for_each(|(at, _, queue)| {
            // SAFETY: the client lives.
            unsafe { self.records.forward(client, at, *queue) }
        });
        let assigned = forwarded.and_then(|()| {
            let assign = if self.is_incremental() { BaseConsumer::incremental_assign } else { BaseConsumer::assign };
            Ok(assign(self.base(), &list)?)
        });
        if assigned.is_err() {
            self.records.release(partitions.iter().map(|(at, ..)| at).filter(|at| !before.contains(at)));
        }
        assigned
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.discard(partitions.iter());
        if self.is_incremental() {
            self.records.release(partitions.iter());
            return Ok(self.base().incremental_unassign(&partition_list(partitions))?);
        }
        let all = self.records.forwarding();
        self.records.release(all.iter());
        Ok(self.base().unassign()?)
    }

    fn move_to_queue(&mut self, partition: &TopicPartition, queue: usize) -> Result<(), KafkaError> {
        self.records.discard(std::iter::once(partition));
        let client = self.base().client().native_ptr();
        // SAFETY: the client lives.
        unsafe { self.records.forward(client, partition, queue) }
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.records.discard(partitions.iter());
        Ok(self.base().pause(&partition_list(partitions))?)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        Ok(self.base().resume(&partition_list(partitions))?)
    }

    fn seek(
        &mut self,
        next: &[(TopicPartition, StartPosition)],
        timeout: Duration,
    ) -> Result<Vec<TopicPartition>, KafkaError> {
        self.records.discard(next.iter().map(|(at, _)| at));
        let list = start_list(next.iter().map(|(at, from)| (at, *from)))?;
        let list = self.base().seek_partitions(list, timeout)?;
        let mut stopped = Vec::new();
        for element in list.elements() {
            match code_of(&element) {
                None => {}
                Some(RDKafkaErrorCode::State) => {
                    stopped.push(TopicPartition::new(element.topic(), element.partition()));
                }
                // Whatever it is: it is not known from where the partition is read.
                Some(code) => {
                    return Err(super::classified(
                        code,
                        code as i32,
                        &format!("{}/{}", element.topic(), element.partition()),
                    ));
                }
            }
        }
        Ok(stopped)
    }

    fn commit(&mut self, offsets: &[(TopicPartition, Committed)]) -> Result<(), KafkaError> {
        let list = offset_list(offsets)?;
        let client = self.base().client().native_ptr();
        // rdkafka's own `commit` would tell nobody: librdkafka answers a commit without a queue only to a callback.
        // SAFETY: client, list and queue are good for the call, which copies the list; no callback.
        let code =
            unsafe { sys::rd_kafka_commit_queue(client, list.ptr(), self.queue.as_ptr(), None, ptr::null_mut()) };
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(error_of(code, "")) }
    }

    fn group_metadata(&self) -> Option<GroupMetadata> {
        // SAFETY: the client lives.
        unsafe { metadata_of(self.base().client().native_ptr()) }
    }

    fn cached_high_watermark(&self, of: &TopicPartition) -> Option<Offset> {
        let topic = CString::new(&*of.topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: all pointers are good for the call, which reads local state alone.
        let code = unsafe {
            let client = self.base().client().native_ptr();
            sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), of.partition.0, &mut low, &mut high)
        };
        (code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(Offset(high))
    }

    fn queries(&self) -> Arc<dyn GroupQueries> {
        self.client.clone()
    }

    fn close(mut self: Box<Self>, timeout: Duration) -> bool {
        self.close_within(timeout)
    }
}

fn code_of(element: &TopicPartitionListElem<'_>) -> Option<RDKafkaErrorCode> {
    element.error().err().and_then(|error| error.rdkafka_error_code())
}

fn start_list<'p>(
    partitions: impl Iterator<Item = (&'p TopicPartition, StartPosition)>,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (at, from) in partitions {
        let from = match from {
            StartPosition::Offset(offset) => KafkaOffset::Offset(offset.0),
            StartPosition::Beginning => KafkaOffset::Beginning,
        };
        list.add_partition_offset(&at.topic, at.partition.0, from)?;
    }
    Ok(list)
}

#[cfg(test)]
mod tests;
