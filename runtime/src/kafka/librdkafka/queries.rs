//! Questions to the brokers about a group and its partitions, by the consumer's own client.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::types::RDKafkaRespErr;

use super::describe::{describe_topics, may_join};
use super::error_of;
use super::event::{bytes, list_elements, text};
use super::log::Logging;
use super::tokens::TokenKeeper;
use crate::batch::Offset;
use crate::kafka::{Committed, CommittedOf, Described, GroupQueries, KafkaError, TopicPartition};

/// How long the end of a client is waited for that has left its group; it takes milliseconds.
const DESTROY: Duration = Duration::from_secs(5);

/// The client itself, which questions on other threads keep alive.
pub(super) struct Client {
    // Before the client, which it is about.
    tokens: Option<TokenKeeper>,
    // Dropped only once it has ended: its own drop would wait for that without a deadline.
    pub(super) base: ManuallyDrop<BaseConsumer<Logging>>,
    pub(super) has_ended: AtomicBool,
    group: String,
}

impl Client {
    /// A client that is a member of this group, or of none where that is empty.
    pub(super) fn new(base: BaseConsumer<Logging>, tokens: Option<TokenKeeper>, group: String) -> Client {
        Client { tokens, base: ManuallyDrop::new(base), has_ended: AtomicBool::new(false), group }
    }
}

impl Client {
    /// The client itself, for as long as this lives.
    pub(super) fn native(&self) -> *mut rdkafka::bindings::rd_kafka_t {
        self.base.client().native_ptr()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A client that has not ended stays, and what gives it tokens ends with this all the same.
        drop(self.tokens.take());
        if self.has_ended.load(Ordering::Acquire) {
            // SAFETY: taken here alone.
            destroy(unsafe { ManuallyDrop::take(&mut self.base) });
        }
    }
}

/// Destroys a client that has left its group. Of about 200 clients that have lost a topic librdkafka 2.12 does not end
/// one: the thread of a broker stays, and `rd_kafka_destroy` joins it for ever. So it is waited for on another thread,
/// and left to the end of the process after a while.
fn destroy(base: BaseConsumer<Logging>) {
    let (done, ended) = channel();
    let destroy = move || {
        drop(base);
        // Nobody waits any more.
        let _ = done.send(());
    };
    // Without a thread the closure is dropped, and the client with it.
    let destroyer = thread::Builder::new().name("destroy".to_owned()).spawn(destroy);
    if destroyer.is_ok() && ended.recv_timeout(DESTROY) == Err(RecvTimeoutError::Timeout) {
        tracing::debug!(target: "kafka", "a client of librdkafka does not end, and is left to the end of the process");
    }
}

impl GroupQueries for Client {
    fn committed(
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
                    code => Err(error_of(code, "")),
                };
                // SAFETY: the name lives as long as the list.
                (TopicPartition::new(&unsafe { text(element.topic) }, element.partition), committed)
            })
            .collect())
    }

    fn partition_count(&self, topic: &str, timeout: Duration) -> Result<i32, KafkaError> {
        let metadata = self.base.fetch_metadata(Some(topic), timeout)?;
        Ok(metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32))
    }

    fn watermarks(&self, of: &TopicPartition, timeout: Duration) -> Result<(Offset, Offset), KafkaError> {
        let (low, high) = self.base.fetch_watermarks(&of.topic, of.partition.0, timeout)?;
        Ok((Offset(low), Offset(high)))
    }

    fn topics(&self, timeout: Duration) -> Result<Vec<(Arc<str>, i32)>, KafkaError> {
        let metadata = self.base.fetch_metadata(None, timeout)?;
        let topic = |topic: &rdkafka::metadata::MetadataTopic| (topic.name().into(), topic.partitions().len() as i32);
        Ok(metadata.topics().iter().map(topic).collect())
    }

    fn describe(&self, topics: &[Arc<str>], timeout: Duration) -> Result<Described, KafkaError> {
        // SAFETY: the client lives.
        unsafe { describe_topics(self.base.client().native_ptr(), topics, timeout) }
    }

    fn may_join(&self, timeout: Duration) -> Result<Option<bool>, KafkaError> {
        // SAFETY: the client lives.
        unsafe { may_join(self.base.client().native_ptr(), &self.group, timeout) }
    }
}

pub(super) fn partition_list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition.0);
    }
    list
}
