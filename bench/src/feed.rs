//! Order-status records on their way into a topic. They are made beforehand, so that sending them is little work.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::cluster::{self, Cluster};
use crate::orders;

/// Values that are made: those of the records 0 to here, used again and again. Each record has a key of its own.
const VALUES: u64 = 10_000;
/// How long a full queue is given to empty; rdkafka's poll takes all the time that it gets.
const ROOM: Duration = Duration::from_millis(1);
const FLUSH: Duration = Duration::from_secs(60);

/// librdkafka's settings for filling a topic fast.
pub const BULK: [(&str, &str); 3] = [("compression.type", "lz4"), ("linger.ms", "20"), ("enable.idempotence", "true")];
/// Those for sending each record at once.
pub const PROMPT: [(&str, &str); 3] = [("compression.type", "lz4"), ("linger.ms", "0"), ("acks", "1")];

/// The way into one topic.
pub struct Feed {
    topic: String,
    producer: BaseProducer,
    values: Vec<String>,
    next: u64,
}

/// Whether order-status keeps record `number` of a feed.
pub fn is_kept(number: u64) -> bool {
    orders::is_kept(number % VALUES)
}

/// How many of the records 0 to `count` it keeps.
pub fn kept_of(count: u64) -> u64 {
    let kept = |count| (0..count).filter(|&number| is_kept(number)).count() as u64;
    kept(VALUES) * (count / VALUES) + kept(count % VALUES)
}

impl Feed {
    /// A feed that begins with record 0.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn new(cluster: &Cluster, topic: &str, settings: &[(&str, &str)]) -> Result<Feed> {
        let mut config = cluster::config(&cluster.bootstrap);
        config.set("partitioner", "murmur2_random");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        let values = (0..VALUES).map(orders::value).collect();
        Ok(Feed { topic: topic.to_owned(), producer: config.create()?, values, next: 0 })
    }

    /// The number of the next record: how many were sent.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Sends the next record.
    ///
    /// # Errors
    /// librdkafka's.
    pub fn send(&mut self) -> Result<()> {
        let (key, value) = (orders::key(self.next), &self.values[(self.next % VALUES) as usize]);
        let mut record = BaseRecord::to(&self.topic).key(&key).payload(value).timestamp(orders::timestamp(self.next));
        while let Err((error, back)) = self.producer.send(record) {
            let is_full = error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            ensure!(is_full, "topic {}: {error}", self.topic);
            self.producer.poll(ROOM);
            record = back;
        }
        self.next += 1;
        Ok(())
    }

    /// Takes what the broker has said so far.
    pub fn serve(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Waits until everything has arrived.
    ///
    /// # Errors
    /// It does not.
    pub fn flush(&self) -> Result<()> {
        self.producer.flush(FLUSH).with_context(|| format!("topic {}", self.topic))
    }
}

/// Fills a new topic with this many records.
///
/// # Errors
/// The broker's; records that did not arrive.
pub fn fill(cluster: &Cluster, topic: &str, count: u64) -> Result<()> {
    let mut feed = Feed::new(cluster, topic, &BULK)?;
    for _ in 0..count {
        feed.send()?;
    }
    feed.flush()?;
    let written = cluster.filled(topic)?;
    ensure!(written == count, "topic {topic}: {written} of {count} records arrived");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_counted_as_if_one_by_one() {
        for count in [0, 1, 17, VALUES, 3 * VALUES + 1_234] {
            assert_eq!(kept_of(count), (0..count).filter(|&number| is_kept(number)).count() as u64);
        }
    }
}
