//! Which broker does what: the leader of a partition, the coordinator of a group or of a transactional id.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::kafka::{ASK, Kafka};
use crate::wait::wait_for;

/// A new leader is elected within seconds of a broker's end.
const ELECTION: Duration = Duration::from_secs(60);

impl Kafka {
    /// The id of the broker that leads a partition.
    ///
    /// # Panics
    /// There is none for a minute.
    pub fn leader(&self, topic: &str, partition: i32) -> i32 {
        let consumer: BaseConsumer = self.config().create().expect("a consumer");
        wait_for(&format!("a leader of {topic}/{partition}"), ELECTION, || {
            let metadata = consumer.fetch_metadata(Some(topic), ASK).map_err(|error| error.to_string())?;
            let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            match partitions.find(|found| found.id() == partition) {
                Some(found) if found.leader() >= 0 => Ok(found.leader()),
                Some(_) => Err("it has none".to_owned()),
                None => Err("there is no such partition".to_owned()),
            }
        })
    }

    /// The id of the broker that coordinates a consumer group.
    ///
    /// # Panics
    /// There is none for a minute.
    pub fn group_coordinator(&self, group: &str) -> i32 {
        self.coordinator("__consumer_offsets", group)
    }

    /// The id of the broker that coordinates the transactions of a transactional id.
    ///
    /// # Panics
    /// There is none for a minute.
    pub fn transaction_coordinator(&self, transactional_id: &str) -> i32 {
        self.coordinator("__transaction_state", transactional_id)
    }

    /// Waits until every replica of every partition is in sync, so that one broker may go away.
    ///
    /// # Panics
    /// They are not within two minutes.
    pub fn wait_until_in_sync(&self) {
        let consumer: BaseConsumer = self.config().create().expect("a consumer");
        wait_for("all replicas to be in sync", ELECTION * 2, || {
            let metadata = consumer.fetch_metadata(None, ASK).map_err(|error| error.to_string())?;
            for topic in metadata.topics() {
                for partition in topic.partitions() {
                    let (in_sync, all) = (partition.isr().len(), partition.replicas().len());
                    if in_sync < all || partition.leader() < 0 {
                        return Err(format!("{}/{}: {in_sync} of {all}", topic.name(), partition.id()));
                    }
                }
            }
            Ok(())
        });
    }

    /// Coordinators lead the partition of their topic that the id belongs to.
    fn coordinator(&self, topic: &str, id: &str) -> i32 {
        let count = wait_for(&format!("the topic {topic}"), ELECTION, || {
            self.partitions(topic).ok_or_else(|| "it is not there".to_owned())
        });
        self.leader(topic, coordinating_partition(id, count))
    }
}

/// Java's `Utils.abs(id.hashCode()) % partitions`. Ids of tests are ASCII, so that bytes are UTF-16 units.
fn coordinating_partition(id: &str, partitions: i32) -> i32 {
    let hash = id.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    hash.checked_abs().unwrap_or(0) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hash codes as Java's documentation and `jshell` have them.
    #[test]
    fn ids_are_hashed_as_java_does() {
        for (id, hash) in [("", 0), ("a", 97), ("hello", 99_162_322), ("polygenelubricants", 0)] {
            assert_eq!(coordinating_partition(id, i32::MAX), hash, "{id}");
        }
        assert_eq!(coordinating_partition("hello", 50), 22);
    }
}
