//! The roles of a consumer: a member of a group, whoever asks the brokers about a group's partitions, and a reader
//! outside of groups.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Described, KafkaError, TopicPartition};
use crate::batch::{EachHeader, Offset, Partition};

/// Where to begin with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartPosition {
    /// At this offset.
    Offset(Offset),
    /// At the oldest record that there is.
    Beginning,
}

/// What a group has committed of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The offset of the record to read next.
    pub offset: Offset,
    /// What was noted beside it (Kafka's commit metadata), or nothing.
    pub note: String,
}

/// What a group has committed of one partition, or why that is not known; none where it has committed nothing.
pub type CommittedOf = Result<Option<Committed>, KafkaError>;

/// What happens in the group or to the client.
#[derive(Debug)]
pub enum ConsumerEvent {
    /// These partitions are ours once [`GroupConsumer::assign`] is called.
    Assigned(Vec<TopicPartition>),
    /// These partitions are to be given up with [`GroupConsumer::unassign`].
    Revoked {
        /// The partitions.
        partitions: Vec<TopicPartition>,
        /// Whether the membership is gone: others may have them already, and nothing can be committed any more.
        lost: bool,
    },
    /// A commit has ended: how, for each partition.
    Committed(Vec<(TopicPartition, Offset, Result<(), KafkaError>)>),
    /// An error of the client that is no end of it.
    Failed(KafkaError),
    /// The client cannot go on.
    Fatal(KafkaError),
}

/// What a read of fetched records brings.
pub enum Fetched<'a> {
    /// A record.
    Record(FetchedRecord<'a>),
    /// The end of a partition: the next record will have this offset, or a later one.
    End(TopicPartition, Offset),
    /// The log does not hold the offset to read from: why.
    OffsetOutOfRange(TopicPartition, String),
    /// An error of one partition that is no end of it.
    Failed(KafkaError),
}

/// A record, borrowed from the client.
#[derive(Clone, Copy)]
pub struct FetchedRecord<'a> {
    /// Tells partitions' topics apart: the same for all records of a partition while it is assigned, so a cheap way to
    /// see that a record comes from where the last one did.
    pub topic_handle: usize,
    /// The topic's name, looked up only when it is asked for.
    pub origin: &'a dyn RecordOrigin,
    /// The partition.
    pub partition: Partition,
    /// The offset.
    pub offset: Offset,
    /// Milliseconds since the epoch; none where the record has none.
    pub timestamp: Option<i64>,
    /// The key; none is null.
    pub key: Option<&'a [u8]>,
    /// The value; none is null.
    pub value: Option<&'a [u8]>,
}

/// What of a record is not needed, or not there, most of the time.
pub trait RecordOrigin {
    /// Returns the topic's name.
    fn topic(&self) -> Arc<str>;

    /// Calls `each` with the name and value of each header, in order; a value may be null.
    ///
    /// # Errors
    /// The headers cannot be read in full: why.
    fn headers(&self, each: &mut EachHeader<'_>) -> Result<(), KafkaError>;
}

/// Who commits, for the broker to fence by: a group's member in its generation. Made by a [`GroupConsumer`] and good
/// for the producers of the same implementation.
pub struct GroupMetadata {
    member_id: Arc<str>,
    member: Box<dyn Any + Send>,
}

impl GroupMetadata {
    /// The id that the group gave a member, and what an implementation knows of it.
    pub fn new<T: Any + Send>(member_id: &str, member: T) -> GroupMetadata {
        GroupMetadata { member_id: member_id.into(), member: Box::new(member) }
    }

    /// Returns the id that the group gave the member. Whoever was thrown out and has joined again has another.
    pub fn member_id(&self) -> &Arc<str> {
        &self.member_id
    }

    /// Returns what [`GroupMetadata::new`] was given; none where another implementation has made it.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.member.downcast_ref()
    }
}

impl fmt::Debug for GroupMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupMetadata")
    }
}

/// The consumer of one pipeline, a member of its group. All calls are for one thread, and none waits for a broker.
///
/// Records come out of numbered queues, one for each worker; whoever assigns a partition says which. The wake-up that
/// the consumer was made with is woken when there is an event, and when a queue that was empty is empty no longer.
pub trait GroupConsumer: Send {
    /// Joins the group for these topics; a name that begins with `^` is a regular expression.
    ///
    /// # Errors
    /// Names that the client refuses.
    fn subscribe(&mut self, topics: &[String]) -> Result<(), KafkaError>;

    /// Returns the next event, if there is one. Must be called often, or the group takes the partitions away.
    fn next_event(&mut self) -> Option<ConsumerEvent>;

    /// Reads what was fetched into a queue, in order, until `take` returns false or nothing is left. Returns whether
    /// something is left. What was read is not read again, unless a seek says so.
    fn read(&mut self, queue: usize, take: &mut dyn FnMut(Fetched<'_>) -> bool) -> bool;

    /// Returns whether partitions are taken and given up one by one (a cooperative assignor, KIP-848). If not,
    /// [`GroupConsumer::assign`] names all.
    fn is_incremental(&self) -> bool;

    /// Takes partitions, and begins to fetch each from where it says into the queue that it says. Answers a rebalance.
    ///
    /// # Errors
    /// What the client refuses, for example after the membership was lost.
    fn assign(&mut self, partitions: &[(TopicPartition, StartPosition, usize)]) -> Result<(), KafkaError>;

    /// Gives partitions up; all of them unless the assignment is incremental. Answers a rebalance.
    ///
    /// # Errors
    /// What the client refuses.
    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError>;

    /// Sends the records of a partition to another queue from now on. The partition is paused, and sought before it is
    /// resumed.
    ///
    /// # Errors
    /// What the client refuses.
    fn move_to_queue(&mut self, partition: &TopicPartition, queue: usize) -> Result<(), KafkaError>;

    /// Stops fetching. What was fetched is thrown away.
    ///
    /// # Errors
    /// What the client refuses.
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError>;

    /// Fetches again, from where a [`GroupConsumer::seek`] or [`GroupConsumer::assign`] since the pause has said:
    /// without one of them records would be passed over.
    ///
    /// # Errors
    /// What the client refuses.
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError>;

    /// Reads partitions from these offsets next, and returns those whose fetching has stopped: they have to be given up
    /// and assigned again, because a pause may throw away the one event that tells of an offset out of range.
    ///
    /// # Errors
    /// What the client refuses, or no answer within `timeout`: then it is not known from where they are read.
    fn seek(
        &mut self,
        next: &[(TopicPartition, StartPosition)],
        timeout: Duration,
    ) -> Result<Vec<TopicPartition>, KafkaError>;

    /// Asks for a commit; the answer comes as [`ConsumerEvent::Committed`].
    ///
    /// # Errors
    /// What the client refuses at once.
    fn commit(&mut self, offsets: &[(TopicPartition, Committed)]) -> Result<(), KafkaError>;

    /// Returns who this is in the group now, for a transaction's offsets; none while it is no member.
    fn group_metadata(&self) -> Option<GroupMetadata>;

    /// Returns the partition's high watermark as the last fetch saw it; none before the first.
    fn cached_high_watermark(&self, of: &TopicPartition) -> Option<Offset>;

    /// Returns what asks the brokers about this group, for other threads.
    fn queries(&self) -> Arc<dyn GroupQueries>;

    /// Leaves the group and ends the client, waiting up to `timeout`. Returns whether it ended in time; if not, it is
    /// left to the end of the process.
    fn close(self: Box<Self>, timeout: Duration) -> bool;
}

/// Questions to the brokers about a group and its partitions. Each call waits for its answer.
pub trait GroupQueries: Send + Sync {
    /// Returns what the group has committed of each partition.
    ///
    /// # Errors
    /// The broker's, for all or for one, or no answer within `timeout`.
    fn committed(
        &self,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<(TopicPartition, CommittedOf)>, KafkaError>;

    /// Returns how many partitions a topic has; 0 where there is no such topic.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    fn partition_count(&self, topic: &str, timeout: Duration) -> Result<i32, KafkaError>;

    /// Returns the first offset that the log holds and the one that comes next, asked of the partition's leader.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    fn watermarks(&self, of: &TopicPartition, timeout: Duration) -> Result<(Offset, Offset), KafkaError>;

    /// Returns all topics that the client may see, each with the number of its partitions.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    fn topics(&self, timeout: Duration) -> Result<Vec<(Arc<str>, i32)>, KafkaError> {
        let _ = timeout;
        Ok(Vec::new())
    }

    /// Returns what the brokers say of topics; nothing of those that they say nothing of.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    fn describe(&self, topics: &[Arc<str>], timeout: Duration) -> Result<Described, KafkaError> {
        let _ = (topics, timeout);
        Ok(Vec::new())
    }

    /// Returns whether this client may be a member of the group; none where the brokers do not say.
    ///
    /// # Errors
    /// The broker's, among them that the group may not even be asked about; no answer within `timeout`.
    fn may_join(&self, timeout: Duration) -> Result<Option<bool>, KafkaError> {
        let _ = timeout;
        Ok(None)
    }
}

/// Reads partitions outside of any group, and commits nothing. For one thread.
pub trait PartitionReader: Send {
    /// Reads these partitions from here on, and no others.
    ///
    /// # Errors
    /// What the client refuses.
    fn start(&mut self, partitions: &[(TopicPartition, StartPosition)]) -> Result<(), KafkaError>;

    /// Waits up to `timeout` for something, and calls `take` with the next of what there is until that returns false.
    ///
    /// # Errors
    /// The client cannot go on.
    fn poll(&mut self, timeout: Duration, take: &mut dyn FnMut(Fetched<'_>) -> bool) -> Result<(), KafkaError>;

    /// Returns how many partitions a topic has; 0 where there is no such topic.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    fn partition_count(&self, topic: &str, timeout: Duration) -> Result<i32, KafkaError>;

    /// Returns the first offset that the log holds and the one that comes next, asked of the partition's leader.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    fn watermarks(&self, of: &TopicPartition, timeout: Duration) -> Result<(Offset, Offset), KafkaError>;

    /// Returns the names of all topics that may be seen.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    fn topics(&self, timeout: Duration) -> Result<Vec<String>, KafkaError>;

    /// Returns the offset of a partition's first record of this time (milliseconds since the epoch) or later; none
    /// where there is no such record.
    ///
    /// # Errors
    /// The broker's, or no answer within `timeout`.
    fn offset_at(&self, of: &TopicPartition, time: i64, timeout: Duration) -> Result<Option<Offset>, KafkaError>;

    /// Ends the client, waiting up to `timeout`.
    fn close(self: Box<Self>, timeout: Duration);
}
