//! Partitions that are read no further because of somebody else's open transaction: with `read_committed` records come
//! up to the first offset of the oldest one (the last stable offset), and nothing says that there are more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::partitions::OwnedPartitions;
use crate::batch::Offset;
use crate::kafka::TopicPartition;

/// How often it is looked. A partition that waits at the same offset twice in a row is named.
const LOOK_EVERY: Duration = Duration::from_secs(4);
/// How often it is named while it waits.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Looks for such partitions.
pub struct OpenTransactions {
    pipeline: Arc<str>,
    // None: what is read includes what is not committed.
    due: Option<Instant>,
    // Where each waits, and when that was last logged.
    waiting: BTreeMap<TopicPartition, (Offset, Option<Instant>)>,
}

impl OpenTransactions {
    /// Looks where `reads_committed`.
    pub fn new(pipeline: Arc<str>, reads_committed: bool, now: Instant) -> OpenTransactions {
        OpenTransactions { pipeline, due: reads_committed.then(|| now + LOOK_EVERY), waiting: BTreeMap::new() }
    }

    /// Looks where that is due. `high_watermark` is the end of a partition's log, as the last fetch saw it.
    pub fn step(
        &mut self,
        now: Instant,
        partitions: &OwnedPartitions,
        high_watermark: impl Fn(&TopicPartition) -> Option<Offset>,
    ) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = Some(now + LOOK_EVERY);
        let mut waiting = BTreeMap::new();
        for partition in partitions.iter() {
            let (at, Some(end)) = (partition.at(), partition.end()) else { continue };
            let Some(high) = high_watermark(at).filter(|high| *high > end) else { continue };
            let before = self.waiting.get(at).filter(|(offset, _)| *offset == end);
            let said = before.and_then(|(_, said)| *said);
            let is_to_be_said = before.is_some() && said.is_none_or(|said| now - said >= SAY_EVERY);
            if is_to_be_said {
                tracing::warn!(
                    target: "source", pipeline = %self.pipeline, topic = %at.topic, partition = at.partition.0,
                    offset = end.0,
                    "{at} is not read beyond offset {end}, though it ends at {high}: a transaction of another producer is open \
                     there; it goes on when that commits, aborts or times out (`kafka-transactions.sh find-hanging` names one \
                     that does not)"
                );
            }
            waiting.insert(at.clone(), (end, if is_to_be_said { Some(now) } else { said }));
        }
        for (at, (offset, said)) in &self.waiting {
            if said.is_some() && !waiting.contains_key(at) {
                tracing::info!(
                    target: "source", pipeline = %self.pipeline, topic = %at.topic, partition = at.partition.0,
                    offset = offset.0, "{at} is read on from offset {offset}"
                );
            }
        }
        self.waiting = waiting;
    }

    /// Returns the offset at which a partition waits for an open transaction, where that was logged.
    pub fn blocked_at(&self, at: &TopicPartition) -> Option<Offset> {
        self.waiting.get(at).filter(|(_, said)| said.is_some()).map(|(offset, _)| *offset)
    }

    /// When to look next.
    pub fn deadline(&self, partitions: &OwnedPartitions) -> Option<Instant> {
        self.due.filter(|_| !partitions.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, deliver, dispatch, owned};
    use super::*;
    use crate::rt;

    #[test]
    fn a_partition_that_waits_twice_at_the_same_offset_is_named_until_it_goes_on() {
        let (mut partitions, mut now) = (owned(1, 1), rt::now());
        let mut open = OpenTransactions::new("p".into(), true, now);
        dispatch(&mut partitions, 0, 0, 10);
        deliver(&mut partitions, 0, 0, 10);
        let mut look = |open: &mut OpenTransactions, partitions: &OwnedPartitions, high: i64| {
            now += LOOK_EVERY;
            open.step(now, partitions, |_| Some(Offset(high)));
            open.blocked_at(&at(0)).map(|offset| offset.0)
        };
        assert_eq!(look(&mut open, &partitions, 20), None, "records are on their way");
        partitions.of_mut(&at(0)).unwrap().reach_end(Offset(10));
        assert_eq!(look(&mut open, &partitions, 10), None, "it is the end of the log");
        assert_eq!(look(&mut open, &partitions, 20), None, "it may be a moment");
        assert_eq!(look(&mut open, &partitions, 25), Some(10));
        partitions.of_mut(&at(0)).unwrap().reach_end(Offset(25));
        assert_eq!(look(&mut open, &partitions, 25), None);
    }

    #[test]
    fn what_is_not_committed_is_read_where_that_is_wanted() {
        let open = OpenTransactions::new("p".into(), false, rt::now());
        assert_eq!(open.deadline(&owned(1, 1)), None);
    }
}
