//! The consumer: what happens in the group and the records of its partitions, polled by one thread as [`Polled`].
//!
//! librdkafka's queues are read directly, because rdkafka's own `poll` leaves out what the
//! rules of correctness need: the topic and offset of a partition's end, header names that are not UTF-8, and a
//! revoke that is acknowledged later than its event.

use std::collections::BTreeMap;
use std::ffi::{CString, c_int};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::log::Logging;
use super::polled::{Event, Fetched, Polled, bytes, list_elements, text};
use super::records::Records;
use super::transactions::{GroupMetadata, offset_list};
use super::waker::Waker;
use super::{KafkaError, TopicPartition};
use crate::batch::Offset;

impl ConsumerContext for Logging {}

/// Where to begin with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At this offset.
    Offset(Offset),
    /// At the oldest record that there is.
    Beginning,
}

/// What a group has committed of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The offset.
    pub offset: Offset,
    /// What we noted beside it, or nothing.
    pub note: String,
}

/// What a group has committed of one partition, or why that cannot be told.
pub type CommittedOf = Result<Option<Committed>, KafkaError>;

/// The consumer of one pipeline.
pub struct Consumer {
    // Not dropped by itself: its drop waits without a deadline. See `close`.
    base: ManuallyDrop<BaseConsumer<Logging>>,
    // What happens in the group, and to the client.
    queue: NonNull<sys::rd_kafka_queue_t>,
    records: Records,
    waker: Waker,
}

// SAFETY: librdkafka's handles may be used from any thread; the pointer is a counted reference to one.
unsafe impl Send for Consumer {}

impl Consumer {
    /// Makes a consumer, of which `waker` can end a poll; contacts no broker yet.
    ///
    /// # Errors
    /// Properties that librdkafka refuses.
    pub fn new(
        pipeline: &Arc<str>,
        properties: &BTreeMap<String, String>,
        waker: Waker,
    ) -> Result<Consumer, KafkaError> {
        let config = super::client_config(properties);
        let base: BaseConsumer<Logging> = config.create_with_context(Logging::new(pipeline))?;
        // SAFETY: the client lives; the queue is a new reference that `drop` gives back.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(base.client().native_ptr()) };
        let queue = NonNull::new(queue)
            .ok_or_else(|| KafkaError::new(RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_GROUP, "no group.id"))?;
        // SAFETY: `close` frees it before queue and client are given back; where that is not come to, both stay.
        let records = unsafe { Records::new(base.client().native_ptr(), queue) }?;
        // SAFETY: `close` detaches it before the queue is given back; where that is not come to, the queue stays.
        unsafe { waker.attach(queue) };
        Ok(Consumer { base: ManuallyDrop::new(base), queue, records, waker })
    }

    /// Joins the group for these topics; a name that begins with `^` is a regular expression.
    ///
    /// # Errors
    /// Names that librdkafka refuses.
    pub fn subscribe(&self, topics: &[String]) -> Result<(), KafkaError> {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        Ok(self.base.subscribe(&names)?)
    }

    /// Waits up to `timeout` for a record, or for something to happen. Must be called often, or the group takes the
    /// partitions away.
    pub fn poll(&self, timeout: Duration) -> Polled<'_> {
        if let Some(record) = self.record_in_hand() {
            return record;
        }
        if self.records.refill() {
            // However many records there are, what happens in the group is not kept waiting.
            if let Some(happening) = self.happening(0) {
                return happening;
            }
        } else {
            // A poll that begins too early for the last part of a millisecond would not wait at all.
            let millis = c_int::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
            if let Some(happening) = self.happening(millis) {
                return happening;
            }
            self.records.refill();
        }
        self.record_in_hand().unwrap_or(Polled::Nothing)
    }

    fn record_in_hand(&self) -> Option<Polled<'_>> {
        // SAFETY: what is handed out is in hand no longer.
        self.records.next().map(|message| unsafe { Fetched::read(message) })
    }

    /// What happens within `millis`. A record that comes ends the wait.
    fn happening(&self, millis: c_int) -> Option<Polled<'_>> {
        // SAFETY: the queue is ours.
        let event = unsafe { Event::next(self.queue, millis) }?;
        match event.kind() {
            sys::RD_KAFKA_EVENT_REBALANCE => Some(self.rebalance(&event)),
            sys::RD_KAFKA_EVENT_OFFSET_COMMIT => Some(Polled::Committed(event.committed())),
            sys::RD_KAFKA_EVENT_ERROR => Some(event.failure()),
            // Never: every partition was told where its records go. To pass one over would be to lose it.
            sys::RD_KAFKA_EVENT_FETCH => Some(Polled::Fatal(KafkaError::other("a record came by another way"))),
            sys::RD_KAFKA_EVENT_LOG => {
                event.log(self.base.client().context());
                None
            }
            _ => None,
        }
    }

    fn rebalance(&self, event: &Event) -> Polled<'_> {
        let partitions = event.elements().into_iter().map(|(partition, ..)| partition).collect();
        match event.code() {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Polled::Assigned(partitions),
            _ => Polled::Revoked { partitions, lost: self.base.assignment_lost() },
        }
    }

    /// Whether partitions can be taken and given up one by one. Under an eager protocol [`Consumer::assign`] names all.
    pub fn incremental(&self) -> bool {
        matches!(self.base.rebalance_protocol(), RebalanceProtocol::Cooperative)
    }

    /// Takes partitions, and begins to fetch each from where it says.
    ///
    /// # Errors
    /// What librdkafka refuses, e.g. after the membership was lost.
    pub fn assign(&self, partitions: &[(TopicPartition, From)]) -> Result<(), KafkaError> {
        let list = start_list(partitions)?;
        let before = self.records.sources();
        let is_named = |at: &TopicPartition| partitions.iter().any(|(named, _)| named == at);
        if !self.incremental() {
            self.records.release(before.iter().filter(|at| !is_named(at)));
        }
        self.discard(partitions.iter().map(|(at, _)| at));
        let gathered = partitions.iter().try_for_each(|(at, _)| {
            // SAFETY: the client lives.
            unsafe { self.records.gather(self.base.client().native_ptr(), at) }
        });
        let assigned = gathered.and_then(|()| {
            let assign = if self.incremental() { BaseConsumer::incremental_assign } else { BaseConsumer::assign };
            Ok(assign(&self.base, &list)?)
        });
        if assigned.is_err() {
            self.records.release(partitions.iter().map(|(at, _)| at).filter(|at| !before.contains(at)));
        }
        assigned
    }

    /// Gives partitions up; under an eager protocol all of them.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn unassign(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.discard(partitions.iter());
        if self.incremental() {
            self.records.release(partitions.iter());
            return Ok(self.base.incremental_unassign(&partition_list(partitions))?);
        }
        self.records.release(self.records.sources().iter());
        Ok(self.base.unassign()?)
    }

    /// An eager protocol means all partitions, whatever it names.
    fn discard<'p>(&self, partitions: impl Iterator<Item = &'p TopicPartition> + Clone) {
        if self.incremental() {
            self.records.discard(partitions);
        } else {
            self.records.discard_all();
        }
    }

    /// Stops fetching. What is fetched already is thrown away, some of which librdkafka takes for read.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.records.discard(partitions.iter());
        Ok(self.base.pause(&partition_list(partitions))?)
    }

    /// Fetches again, from where a [`Consumer::seek`] or [`Consumer::assign`] since the pause has said: without one of
    /// them records would be passed over.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        Ok(self.base.resume(&partition_list(partitions))?)
    }

    /// Reads partitions from these offsets next, and answers those of which fetching has stopped: a pause may throw away
    /// the one event that tells of an offset that is gone.
    ///
    /// # Errors
    /// What librdkafka refuses, or no answer within `timeout`: then it is not known from where they are read.
    pub fn seek(&self, next: &[(TopicPartition, From)], timeout: Duration) -> Result<Vec<TopicPartition>, KafkaError> {
        self.records.discard(next.iter().map(|(at, _)| at));
        let list = self.base.seek_partitions(start_list(next)?, timeout)?;
        let code = |e: &TopicPartitionListElem<'_>| e.error().err().and_then(|error| error.rdkafka_error_code());
        let elements = list.elements();
        // A pause of librdkafka's own came between.
        if elements.iter().any(|e| code(e) == Some(RDKafkaErrorCode::Outdated)) {
            return Err(KafkaError::new(RDKafkaRespErr::RD_KAFKA_RESP_ERR__OUTDATED, "a seek"));
        }
        let stopped = elements.iter().filter(|e| code(e) == Some(RDKafkaErrorCode::State));
        Ok(stopped.map(|e| TopicPartition::new(e.topic(), e.partition())).collect())
    }

    /// Asks for a commit, with a note for each partition; the answer comes as [`Polled::Committed`].
    ///
    /// # Errors
    /// What librdkafka refuses at once.
    pub fn commit(&self, offsets: &[(TopicPartition, Committed)]) -> Result<(), KafkaError> {
        let list = offset_list(offsets)?;
        let client = self.base.client().native_ptr();
        // rdkafka's own `commit` would tell nobody: librdkafka answers a commit without a queue only to a callback.
        // SAFETY: client, list and queue are good for the call, which copies the list; no callback.
        let code =
            unsafe { sys::rd_kafka_commit_queue(client, list.ptr(), self.queue.as_ptr(), None, ptr::null_mut()) };
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        Err(KafkaError::new(code, ""))
    }

    /// Who this is in the group now, for a transaction's offsets; none while it is no member.
    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        // SAFETY: the client lives.
        unsafe { GroupMetadata::of(self.base.client().native_ptr()) }
    }

    /// What the group has committed of each partition; none where it has nothing.
    ///
    /// # Errors
    /// The broker's, for all or for one, or no answer within `timeout`.
    pub fn committed(
        &self,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<(TopicPartition, CommittedOf)>, KafkaError> {
        let list = self.base.committed_offsets(partition_list(partitions), timeout)?;
        // SAFETY: the list lives. Read as it is, because rdkafka takes every note for UTF-8.
        Ok(unsafe { list_elements(list.ptr()) }
            .map(|element| {
                let committed = match element.err {
                    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok((element.offset >= 0).then(|| Committed {
                        offset: Offset(element.offset),
                        // SAFETY: pointer and length belong together, and live as long as the list.
                        note: unsafe { bytes(element.metadata, element.metadata_size) }
                            .map_or_else(String::new, |note| String::from_utf8_lossy(note).into_owned()),
                    })),
                    code => Err(KafkaError::new(code, "")),
                };
                // SAFETY: the name lives as long as the list.
                (TopicPartition::new(&unsafe { text(element.topic) }, element.partition), committed)
            })
            .collect())
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    pub fn partition_count(&self, topic: &str, timeout: Duration) -> Result<i32, KafkaError> {
        let metadata = self.base.fetch_metadata(Some(topic), timeout)?;
        Ok(metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32))
    }

    /// The first offset that the broker has and the one that comes next, asked of the broker.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    pub fn watermarks(&self, of: &TopicPartition, timeout: Duration) -> Result<(Offset, Offset), KafkaError> {
        let (low, high) = self.base.fetch_watermarks(&of.topic, of.partition.0, timeout)?;
        Ok((Offset(low), Offset(high)))
    }

    /// The partition's end as the last fetch saw it; none before the first.
    pub fn known_end(&self, of: &TopicPartition) -> Option<Offset> {
        let topic = CString::new(&*of.topic).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: all pointers are good for the call, which reads local state alone.
        let code = unsafe {
            let client = self.base.client().native_ptr();
            sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), of.partition.0, &mut low, &mut high)
        };
        (code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(Offset(high))
    }

    /// Leaves the group and ends the client, waiting up to `timeout` for the broker's answer. What does not end in
    /// time is left to the end of the process: librdkafka's own clean-up would wait without a bound.
    pub fn close(self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        self.records.discard_all();
        // Before the close: it answers a revoke that was not answered yet, which would keep the group from ending; and
        // once the group has ended librdkafka never answers the call itself.
        if let Ok(assignment) = self.base.assignment() {
            // Nothing can be done about a refusal here; `closed` and the deadline decide.
            let _ = if self.incremental() { self.base.incremental_unassign(&assignment) } else { self.base.unassign() };
        }
        if self.base.close_queue().is_err() {
            return false;
        }
        while !self.base.closed() {
            if Instant::now() > deadline {
                return false;
            }
            // While it closes, an answer to either gives everything up.
            if let Polled::Revoked { partitions, .. } | Polled::Assigned(partitions) =
                self.poll(Duration::from_millis(20))
            {
                let _ = self.unassign(&partitions);
            }
        }
        let Consumer { base, queue, records, waker } = self;
        waker.detach();
        // SAFETY: each queue's reference is given back once; the client outlives them by a line.
        unsafe {
            records.free();
            sys::rd_kafka_queue_destroy(queue.as_ptr());
        }
        drop(ManuallyDrop::into_inner(base));
        true
    }
}

fn partition_list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition.0);
    }
    list
}

fn start_list(partitions: &[(TopicPartition, From)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (at, from) in partitions {
        let from = match from {
            From::Offset(offset) => KafkaOffset::Offset(offset.0),
            From::Beginning => KafkaOffset::Beginning,
        };
        list.add_partition_offset(&at.topic, at.partition.0, from)?;
    }
    Ok(list)
}

#[cfg(test)]
mod tests;
