//! The records that are copied: written once, and looked for again in every copy.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::cluster::{self, ASK, Cluster, PARTITIONS};
use crate::orders;

/// Records that are looked at from the beginning and from the end of each partition.
const SAMPLE: u64 = 1000;
/// How long a full queue is given to empty; rdkafka's poll takes all the time that it gets.
const ROOM: Duration = Duration::from_millis(10);
const FLUSH: Duration = Duration::from_secs(60);

/// Writes order-status records 0 to `count` to a topic.
///
/// # Errors
/// The broker's; records that did not arrive.
pub fn write(cluster: &Cluster, topic: &str, count: u64) -> Result<()> {
    let producer: BaseProducer = cluster::config(&cluster.bootstrap)
        .set("compression.type", "lz4")
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("partitioner", "murmur2_random")
        .create()?;
    for number in 0..count {
        let (key, value) = (orders::key(number), orders::value(number));
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

/// Checks a copy of those records: their count, and the first and last of each partition in all that they are. One that
/// was written in transactions is read whole, because their markers have offsets too.
///
/// # Errors
/// Says how it is no copy.
pub fn check(cluster: &Cluster, topic: &str, count: u64, transactions: bool) -> Result<()> {
    if transactions {
        return check_from(cluster, topic, &[0; PARTITIONS as usize], u64::MAX, count);
    }
    let ends = cluster.ends(topic)?;
    let copied: u64 = ends.iter().sum();
    ensure!(copied == count, "topic {topic}: {copied} records in place of {count}");
    let starts = vec![0; ends.len()];
    let late: Vec<u64> = ends.iter().map(|end| end.saturating_sub(SAMPLE)).collect();
    for from in [&starts, &late] {
        let wanted: u64 = ends.iter().zip(from).map(|(end, from)| (end - from).min(SAMPLE)).sum();
        check_from(cluster, topic, from, SAMPLE, wanted)?;
    }
    Ok(())
}

/// Reads up to `sample` records of each partition until `wanted` were seen.
fn check_from(cluster: &Cluster, topic: &str, from: &[u64], sample: u64, wanted: u64) -> Result<()> {
    let consumer: BaseConsumer =
        cluster::config(&cluster.bootstrap).set("group.id", "bench-check").set("check.crcs", "true").create()?;
    let offset = |partition: i32| Offset::Offset(from[partition as usize] as i64);
    consumer.assign(&cluster::partitions(topic, offset)?)?;
    // Input and copy have the same partitioner, so each partition of the copy is in order.
    let mut last = [None; PARTITIONS as usize];
    let mut left: Vec<u64> = vec![sample; PARTITIONS as usize];
    let mut seen = 0;
    while seen < wanted {
        let record = next(&consumer).with_context(|| format!("topic {topic}: {seen} of {wanted} records come"))??;
        let partition = record.partition() as usize;
        if left[partition] == 0 {
            continue;
        }
        left[partition] -= 1;
        seen += 1;
        let number = record.key().and_then(orders::number);
        let Some(number) = number else { bail!("topic {topic}: a key that was never written: {:?}", record.key()) };
        ensure!(last[partition] < Some(number), "topic {topic}: record {number} is out of order");
        last[partition] = Some(number);
        let same = record.payload() == Some(orders::value(number).as_bytes())
            && record.timestamp().to_millis() == Some(orders::timestamp(number));
        ensure!(same, "topic {topic}: record {number} came out changed");
    }
    Ok(())
}

/// The next record. A poll may come back before its time with nothing, and does while a transaction is being completed.
fn next(consumer: &BaseConsumer) -> Option<KafkaResult<BorrowedMessage<'_>>> {
    let deadline = Instant::now() + ASK;
    loop {
        let record = consumer.poll(deadline.saturating_duration_since(Instant::now()));
        if record.is_some() || Instant::now() > deadline {
            return record;
        }
    }
}
