//! Where a group begins with a partition that it has no offset of.
//!
//! Under `start: latest` the group notes, beside each commit, how many partitions the topic had when it began: a
//! partition beyond those was added later, and nothing of it was ever read, so it is read from its beginning.

use std::collections::HashMap;
use std::sync::Arc;

use super::partitions::Start;
use super::question::ASK;
use crate::batch::Partition;
use crate::config::plan::Start as FirstStart;
use crate::kafka::{Committed, CommittedOf, GroupQueries, KafkaError, TopicPartition};

/// Before the number in what is noted beside commits.
const NOTE: &str = "sluice:partitions=";

/// Where to begin with each partition, or why that is not known.
pub type Starts = Vec<(TopicPartition, Result<Start, KafkaError>)>;

/// Where to begin with partitions of which it is known what the group has committed, and those of which more has to be
/// asked.
pub fn of_committed(committed: Vec<(TopicPartition, CommittedOf)>, start: FirstStart) -> (Starts, Vec<TopicPartition>) {
    let (mut starts, mut first) = (Vec::with_capacity(committed.len()), Vec::new());
    for (at, committed) in committed {
        match committed {
            Ok(Some(Committed { offset, note })) => {
                starts.push((at, Ok(Start { position: Some(offset), committed: Some(offset), note })));
            }
            Ok(None) if start == FirstStart::Earliest => {
                starts.push((at, Ok(Start { position: None, committed: None, note: String::new() })));
            }
            Ok(None) => first.push(at),
            Err(error) => starts.push((at, Err(error))),
        }
    }
    (starts, first)
}

/// What is known of topics that the group begins with at their ends.
#[derive(Default)]
pub struct Topics {
    partitions_at_start: HashMap<Arc<str>, i32>,
}

impl Topics {
    /// Where to begin with a partition that the group has no offset of, under `start: latest`.
    ///
    /// # Errors
    /// A broker does not answer.
    pub fn first_start(&mut self, queries: &dyn GroupQueries, at: &TopicPartition) -> Result<Start, KafkaError> {
        let at_start = match self.partitions_at_start.get(&at.topic) {
            Some(count) => *count,
            None => {
                let count = partitions_at_start(queries, at)?;
                self.partitions_at_start.insert(at.topic.clone(), count);
                count
            }
        };
        let note = format!("{NOTE}{at_start}");
        if at.partition.0 >= at_start {
            return Ok(Start { position: None, committed: None, note });
        }
        // Fixed now, and committed: what comes while we are away is not skipped.
        let (_, end) = queries.watermarks(at, ASK)?;
        Ok(Start { position: Some(end), committed: None, note })
    }
}

/// How many partitions the topic had when the group began with it.
fn partitions_at_start(queries: &dyn GroupQueries, at: &TopicPartition) -> Result<i32, KafkaError> {
    let count = queries.partition_count(&at.topic, ASK)?;
    let all: Vec<_> = (0..count).map(|number| TopicPartition { partition: Partition(number), ..at.clone() }).collect();
    let committed = queries.committed(&all, ASK)?;
    let committed: Vec<_> =
        committed.into_iter().map(|(at, committed)| Ok((at, committed?))).collect::<Result<_, KafkaError>>()?;
    let notes = committed.iter().filter_map(|(_, committed)| committed.as_ref()?.note.strip_prefix(NOTE)?.parse().ok());
    // A group that began with another program has no notes: what it has offsets of is what there was.
    let known = committed.iter().filter(|(_, committed)| committed.is_some()).map(|(at, _)| at.partition.0 + 1);
    Ok(notes.min().or(known.max()).unwrap_or(count))
}
