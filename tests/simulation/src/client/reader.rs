//! The simulated reader outside of groups.

use std::time::Duration;

use sluicebox::batch::Offset;
use sluicebox::kafka::reader::poll_without_group;
use sluicebox::kafka::{
    Fetched, GroupConsumer as _, KafkaError, PartitionReader, Properties, StartPosition, TopicPartition,
};
use sluicebox::rt::Wakeup;

use super::consumer::SimulatedConsumer;
use super::queries::{offset_at, partition_count, topics, watermarks};

/// A consumer that subscribes to nothing.
pub(super) struct SimulatedReader {
    consumer: SimulatedConsumer,
    wakeup: Wakeup,
    reads_committed: bool,
}

impl SimulatedReader {
    pub(super) fn new(properties: &Properties) -> SimulatedReader {
        let wakeup = Wakeup::default();
        let reads_committed = properties.get("isolation.level").is_none_or(|level| level == "read_committed");
        let mut properties = properties.clone();
        // Its assignments are its own, and each names all partitions.
        properties.insert("partition.assignment.strategy".to_owned(), "range".to_owned());
        properties.remove("group.protocol");
        SimulatedReader { consumer: SimulatedConsumer::new(&properties, 1, wakeup.clone()), wakeup, reads_committed }
    }
}

impl PartitionReader for SimulatedReader {
    fn start(&mut self, partitions: &[(TopicPartition, StartPosition)]) -> Result<(), KafkaError> {
        let list: Vec<_> = partitions.iter().map(|(at, from)| (at.clone(), *from, 0)).collect();
        self.consumer.assign(&list)
    }

    fn poll(&mut self, timeout: Duration, take: &mut dyn FnMut(Fetched<'_>) -> bool) -> Result<(), KafkaError> {
        poll_without_group(&mut self.consumer, &self.wakeup, timeout, take)
    }

    fn partition_count(&self, topic: &str, timeout: Duration) -> Result<i32, KafkaError> {
        partition_count(topic, timeout)
    }

    fn watermarks(&self, of: &TopicPartition, timeout: Duration) -> Result<(Offset, Offset), KafkaError> {
        watermarks(of, timeout, self.reads_committed)
    }

    fn topics(&self, timeout: Duration) -> Result<Vec<String>, KafkaError> {
        topics(timeout)
    }

    fn offset_at(&self, of: &TopicPartition, time: i64, timeout: Duration) -> Result<Option<Offset>, KafkaError> {
        offset_at(of, time, timeout)
    }

    fn close(self: Box<Self>, timeout: Duration) {
        Box::new(self.consumer).close(timeout);
    }
}
