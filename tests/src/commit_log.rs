//! Every commit of a group, from the topic in which the brokers keep them.
//!
//! To ask for the committed offsets is not enough to see whether one went back: a coordinator that takes over answers
//! with what its replica knew of until the others have caught up with it.

use crate::kafka::Kafka;
use crate::reader::Reading;
use crate::record::Record;

const TOPIC: &str = "__consumer_offsets";

/// The newest form of a key that tells of an offset; later numbers tell of something else.
const LAST_OFFSET_KEY: i16 = 1;

/// One commit of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The partition of the input.
    pub partition: i32,
    /// What was committed.
    pub offset: i64,
}

/// What a group has committed in a topic, in the order in which it was: without transactions that were aborted.
///
/// # Panics
/// The topic cannot be read, or has another form.
pub fn commit_log(kafka: &Kafka, group: &str, topic: &str) -> Vec<Commit> {
    let Reading(stored) = kafka.read(TOPIC);
    let commit = |record: &Record| {
        let key = OffsetKey::parse(record.key.as_deref()?)?;
        // No value: the offset was forgotten.
        let mut value = Bytes(record.value.as_deref()?);
        let _version = value.i16()?;
        let offset = value.i64()?;
        let is_of_the_group = key.group == group.as_bytes() && key.topic == topic.as_bytes();
        is_of_the_group.then_some(Commit { partition: key.partition, offset })
    };
    stored.iter().filter_map(|stored| commit(&stored.record)).collect()
}

struct OffsetKey<'a> {
    group: &'a [u8],
    topic: &'a [u8],
    partition: i32,
}

impl OffsetKey<'_> {
    /// None where a key tells of something else than an offset.
    fn parse(key: &[u8]) -> Option<OffsetKey<'_>> {
        let mut bytes = Bytes(key);
        if bytes.i16()? > LAST_OFFSET_KEY {
            return None;
        }
        Some(OffsetKey { group: bytes.string()?, topic: bytes.string()?, partition: bytes.i32()? })
    }
}

/// What is left to read, big endian.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.i16()?).ok()?;
        let (string, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(string)
    }
}
