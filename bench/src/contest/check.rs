//! Whether a run has done its job: how many records it has written, and what they are.

use anyhow::{Context, Result, bail, ensure};
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use serde_json::Value;

use super::job::{Fate, Job};
use crate::cluster::{self, ASK, Cluster, PARTITIONS};
use crate::orders;

/// Records that are looked at from the beginning and from the end of each partition.
const SAMPLE: u64 = 1000;

/// One of the topics that a run writes.
pub struct Topic<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it must hold.
    pub records: u64,
    /// Whether it is for dead letters.
    pub dead_letters: bool,
    /// Whether it was written in transactions, whose markers have offsets too.
    pub transactions: bool,
}

impl Topic<'_> {
    /// Checks how many records there are, and of each partition the first and the last in all that they are. What was
    /// written in transactions is read whole: nothing else tells how many records it has.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self, cluster: &Cluster, job: Job) -> Result<()> {
        let ends = cluster.ends(self.name)?;
        let starts = vec![0; ends.len()];
        if self.transactions {
            let read = self.read(cluster, job, &starts, u64::MAX)?;
            return self.counted(read);
        }
        self.counted(ends.iter().sum())?;
        let late: Vec<u64> = ends.iter().map(|end| end.saturating_sub(SAMPLE)).collect();
        for from in [&starts, &late] {
            let wanted: u64 = ends.iter().zip(from).map(|(end, from)| (end - from).min(SAMPLE)).sum();
            let read = self.read(cluster, job, from, SAMPLE)?;
            ensure!(read == wanted, "topic {}: {read} of {wanted} records come", self.name);
        }
        Ok(())
    }

    fn counted(&self, found: u64) -> Result<()> {
        ensure!(found == self.records, "topic {}: {found} records in place of {}", self.name, self.records);
        Ok(())
    }

    /// Reads and checks up to `sample` records of each partition, or all to its end. Answers how many there were.
    fn read(&self, cluster: &Cluster, job: Job, from: &[u64], sample: u64) -> Result<u64> {
        let consumer: BaseConsumer = cluster::config(&cluster.bootstrap)
            .set("group.id", "bench-check")
            // A commit would end a poll as if nothing came.
            .set("enable.auto.commit", "false")
            .set("check.crcs", "true")
            .set("enable.partition.eof", "true")
            .create()?;
        let offset = |partition: i32| Offset::Offset(from[partition as usize] as i64);
        consumer.assign(&cluster::partitions(self.name, offset)?)?;
        // Input and output have the same partitioner, so each partition of the output is in order.
        let mut last = [None; PARTITIONS as usize];
        let mut left = [sample; PARTITIONS as usize];
        let mut read = 0;
        while left.iter().any(|left| *left > 0) {
            let polled = consumer.poll(ASK).with_context(|| format!("topic {}: no more records come", self.name))?;
            let record = match polled {
                Ok(record) => record,
                Err(KafkaError::PartitionEOF(partition)) => {
                    left[partition as usize] = 0;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let partition = record.partition() as usize;
            if left[partition] == 0 {
                continue;
            }
            left[partition] -= 1;
            read += 1;
            let number = self.check_record(job, &record)?;
            ensure!(last[partition] < Some(number), "topic {}: record {number} is out of order", self.name);
            last[partition] = Some(number);
        }
        Ok(read)
    }

    /// Checks one record, and answers its number.
    fn check_record(&self, job: Job, record: &BorrowedMessage<'_>) -> Result<u64> {
        let (name, key) = (self.name, record.key());
        let number = key.and_then(orders::number).filter(|number| key == Some(orders::key(*number).as_bytes()));
        let Some(number) = number else { bail!("topic {name}: a key that was never written: {key:?}") };
        let value = record.payload().unwrap_or_default();
        let same = match (job.fate(number)?, self.dead_letters) {
            (Fate::Output(wanted), false) => value == wanted || (job == Job::OrderStatus && same_json(value, &wanted)),
            (Fate::DeadLetter, true) => value == job.value(number)?,
            _ => bail!("topic {name}: record {number} does not belong there"),
        };
        let value = || String::from_utf8_lossy(value);
        ensure!(same, "topic {name}: record {number} came out as {}", value());
        let timestamp = record.timestamp().to_millis();
        ensure!(timestamp == Some(orders::timestamp(number)), "topic {name}: record {number} has time {timestamp:?}");
        Ok(number)
    }
}

/// Whether two texts say the same in JSON, however it is written.
fn same_json(one: &[u8], other: &[u8]) -> bool {
    let parse = |text| serde_json::from_slice::<Value>(text).ok();
    parse(one).is_some_and(|one| Some(one) == parse(other))
}
