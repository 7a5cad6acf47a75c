//! The batches that plugins are called with: as the source gathers them, made without Kafka.

use sluicebox::batch::{Arena, Batch, Offset, Partition, Record, Source};

use crate::orders;

/// Records of a batch.
pub const RECORDS: usize = 1000;
/// Bytes of a synthetic record's key.
const KEY: usize = 16;

/// A batch to begin with again and again.
pub struct Template(Batch);

impl Template {
    /// Records with a key of 16 bytes, a value of `value` bytes and two headers.
    pub fn synthetic(value: usize) -> Template {
        Template::new(|arena, number| {
            let key = format!("{number:0KEY$}");
            let value: Vec<u8> = (0..value).map(|at| (number * 31 + at * 7) as u8).collect();
            Record {
                key: arena.push(key.as_bytes()),
                value: arena.push(&value),
                headers: arena.push_headers(
                    [(&b"trace"[..], Some(&b"00f067aa0ba902b7"[..])), (&b"source"[..], Some(&b"shop"[..]))].into_iter(),
                ),
                timestamp: orders::timestamp(number as u64),
                offset: Offset(number as i64),
                source: 0,
            }
        })
    }

    /// Order-status records, each with one header.
    pub fn orders() -> Template {
        Template::new(|arena, number| {
            let number = number as u64;
            Record {
                key: arena.push(orders::key(number).as_bytes()),
                value: arena.push(orders::value(number).as_bytes()),
                headers: arena.push_headers([(&b"source"[..], Some(&b"shop"[..]))].into_iter()),
                timestamp: orders::timestamp(number),
                offset: Offset(number as i64),
                source: 0,
            }
        })
    }

    /// Records of these partitions in turn, each with the key of an order, the value that `value` says, and one header.
    pub fn spread(partitions: &[Partition], records: usize, value: impl Fn(u64) -> Vec<u8>) -> Template {
        let mut batch = Batch::default();
        let topic_field = batch.arena.push(b"bench");
        for &partition in partitions {
            batch.sources.push(Source { topic: "bench".into(), topic_field, partition, replay: None });
        }
        for number in 0..records {
            let order = number as u64;
            let record = Record {
                key: batch.arena.push(orders::key(order).as_bytes()),
                value: batch.arena.push(&value(order)),
                headers: batch.arena.push_headers([(&b"source"[..], Some(&b"shop"[..]))].into_iter()),
                timestamp: orders::timestamp(order),
                offset: Offset((number / partitions.len()) as i64),
                source: (number % partitions.len()) as u32,
            };
            batch.records.push(record);
        }
        Template(batch)
    }

    fn new(record: impl Fn(&mut Arena, usize) -> Record) -> Template {
        let mut batch = Batch::default();
        let topic_field = batch.arena.push(b"bench");
        batch.sources.push(Source { topic: "bench".into(), topic_field, partition: Partition(0), replay: None });
        for number in 0..RECORDS {
            let record = record(&mut batch.arena, number);
            batch.records.push(record);
        }
        Template(batch)
    }

    /// The same with no more than its first records.
    pub fn first(mut self, records: usize) -> Template {
        self.0.records.truncate(records);
        self
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.0.records.len()
    }

    /// Makes `batch` as this one is, in its own memory.
    pub fn fill(&self, batch: &mut Batch) {
        batch.clear();
        batch.arena.push(self.0.arena.bytes());
        batch.records.extend_from_slice(&self.0.records);
        batch.sources.extend_from_slice(&self.0.sources);
    }

    /// The records' values, in order.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.0.records.iter().map(|record| self.0.arena.get(record.value).unwrap_or_default())
    }
}
