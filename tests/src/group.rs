//! A consumer group as an administrator sees it: committed offsets beside the topics' ends.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::{ASK, Kafka, ends_of, partitions};
use crate::wait::{LIMIT, wait_for};

/// A consumer group, looked at from outside: it is never joined.
pub struct Group {
    consumer: BaseConsumer,
    name: String,
}

impl Group {
    /// The group of that name.
    pub fn new(kafka: &Kafka, name: &str) -> Group {
        let mut config = kafka.config();
        config.set("group.id", name).set("enable.auto.commit", "false");
        Group { consumer: config.create().expect("a consumer"), name: name.to_owned() }
    }

    /// The committed offset of each partition of a topic; none where there is none.
    pub fn committed(&self, topic: &str) -> Vec<Option<i64>> {
        let count = self.partitions(topic);
        // Brokers that have just started look for the group's coordinator for a moment.
        let list = wait_for(&format!("the committed offsets of {}", self.name), LIMIT, || {
            let mut list = TopicPartitionList::new();
            list.add_partition_range(topic, 0, count - 1);
            self.consumer.committed_offsets(list, ASK).map_err(|error| error.to_string())
        });
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        list.elements().iter().map(|element| offset(element.offset())).collect()
    }

    /// The end of each partition of a topic.
    pub fn ends(&self, topic: &str) -> Vec<i64> {
        wait_for(&format!("the ends of {topic}"), LIMIT, || ends_of(&self.consumer, topic))
    }

    /// Sets the committed offset of a partition; the group must have no members.
    ///
    /// # Panics
    /// The brokers refuse.
    pub fn commit(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
        let answer = self.consumer.commit(&list, CommitMode::Sync);
        answer.unwrap_or_else(|error| panic!("committing for {}: {error}", self.name));
    }

    /// Whether everything in a topic is committed, up to its ends. Where a partition is empty, no offset will do.
    ///
    /// # Errors
    /// It is not: the two, side by side.
    pub fn caught_up(&self, topic: &str) -> Result<(), String> {
        let (committed, ends) = (self.committed(topic), self.ends(topic));
        let is_done = committed.iter().zip(&ends).all(|(committed, end)| committed.unwrap_or(0) == *end);
        if is_done { Ok(()) } else { Err(format!("committed {committed:?} of {ends:?}")) }
    }

    fn partitions(&self, topic: &str) -> i32 {
        wait_for(&format!("topic {topic}"), LIMIT, || {
            partitions(&self.consumer, topic).ok_or_else(|| "there is no such topic".to_owned())
        })
    }
}
