//! What contenders read: written once for all their runs.

use std::time::Duration;

use anyhow::{Result, ensure};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::job::Job;
use crate::cluster::{self, Cluster};
use crate::orders;

/// How long a full queue is given to empty; rdkafka's poll takes all the time that it gets.
const ROOM: Duration = Duration::from_millis(10);
const FLUSH: Duration = Duration::from_secs(60);

/// Writes a job's records 0 to `count` to a new topic.
///
/// # Errors
/// The broker's; records that did not arrive.
pub fn write(cluster: &Cluster, topic: &str, job: Job, count: u64) -> Result<()> {
    cluster.create(topic)?;
    let producer: BaseProducer = cluster::config(&cluster.bootstrap)
        .set("compression.type", "lz4")
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("partitioner", "murmur2_random")
        .create()?;
    for number in 0..count {
        let (key, value) = (orders::key(number), job.value(number)?);
        let mut record = BaseRecord::to(topic).key(&key).payload(&value).timestamp(orders::timestamp(number));
        while let Err((error, back)) = producer.send(record) {
            ensure!(error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), "topic {topic}: {error}");
            producer.poll(ROOM);
            record = back;
        }
    }
    producer.flush(FLUSH)?;
    let written = cluster.filled(topic)?;
    ensure!(written == count, "topic {topic}: {written} of {count} records arrived");
    Ok(())
}
