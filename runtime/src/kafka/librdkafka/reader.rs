//! A reader outside of any group: a consumer that subscribes to nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::consumer::NativeConsumer;
use crate::batch::Offset;
use crate::kafka::reader::poll_without_group;
use crate::kafka::{
    Fetched, GroupConsumer as _, GroupQueries as _, KafkaError, PartitionReader, StartPosition, TopicPartition,
};
use crate::rt::Wakeup;

/// What names a member of a group, which this is not.
pub(super) const GROUP_PROPERTIES: [&str; 3] = ["group.instance.id", "group.protocol", "group.remote.assignor"];

/// A consumer that is a member of no group.
pub(super) struct NativeReader {
    consumer: NativeConsumer,
    wakeup: Wakeup,
}

impl NativeReader {
    pub(super) fn new(pipeline: &Arc<str>, properties: &BTreeMap<String, String>) -> Result<NativeReader, KafkaError> {
        let mut properties = properties.clone();
        properties.retain(|name, _| !GROUP_PROPERTIES.contains(&name.as_str()));
        let wakeup = Wakeup::default();
        Ok(NativeReader { consumer: NativeConsumer::new(pipeline, &properties, 1, wakeup.clone())?, wakeup })
    }
}

impl PartitionReader for NativeReader {
    fn start(&mut self, partitions: &[(TopicPartition, StartPosition)]) -> Result<(), KafkaError> {
        self.consumer.assign_directly(partitions)
    }

    fn poll(&mut self, timeout: Duration, take: &mut dyn FnMut(Fetched<'_>) -> bool) -> Result<(), KafkaError> {
        poll_without_group(&mut self.consumer, &self.wakeup, timeout, take)
    }

    fn partition_count(&self, topic: &str, timeout: Duration) -> Result<i32, KafkaError> {
        self.consumer.client().partition_count(topic, timeout)
    }

    fn watermarks(&self, of: &TopicPartition, timeout: Duration) -> Result<(Offset, Offset), KafkaError> {
        self.consumer.client().watermarks(of, timeout)
    }

    fn topics(&self, timeout: Duration) -> Result<Vec<String>, KafkaError> {
        let metadata = self.consumer.client().base.fetch_metadata(None, timeout)?;
        Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
    }

    fn offset_at(&self, of: &TopicPartition, time: i64, timeout: Duration) -> Result<Option<Offset>, KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&of.topic, of.partition.0, KafkaOffset::Offset(time))?;
        let found = self.consumer.client().base.offsets_for_times(list, timeout)?;
        Ok(match found.elements().first().map(|element| element.offset()) {
            Some(KafkaOffset::Offset(offset)) => Some(Offset(offset)),
            _ => None,
        })
    }

    fn close(self: Box<Self>, timeout: Duration) {
        Box::new(self.consumer).close(timeout);
    }
}
