//! The reader: reads topics from outside of any group, up to ends that are fixed beforehand, and commits nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    ConsumerEvent, ErrorKind, Fetched, FetchedRecord, GroupConsumer, Kafka, KafkaError, PartitionReader, Properties,
    StartPosition, TopicPartition,
};
use crate::batch::{Offset, Partition};
use crate::rt::{self, Wakeup};

/// How long the brokers have to answer one question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a read may go without any progress: longer than the brokers let a transaction stay open that somebody has
/// left behind, by default.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long one poll waits: also how late the caller may look at something else.
pub const POLL: Duration = Duration::from_millis(100);
/// How long nothing comes before it is asked whether the topic is still there, and until it is asked again.
const QUIET: Duration = Duration::from_secs(3);
/// How long that question may take.
const LOOK: Duration = Duration::from_secs(1);
/// A topic is gone that so many looks in a row have not found: a broker that has just started may not know it yet.
const MISSED: u32 = 3;
/// How long the end of the client is waited for.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Polls a consumer that is a member of no group and has one queue, as [`PartitionReader::poll`] says. `wakeup` is the
/// consumer's.
///
/// # Errors
/// The client cannot go on.
pub fn poll_without_group(
    consumer: &mut dyn GroupConsumer,
    wakeup: &Wakeup,
    timeout: Duration,
    take: &mut dyn FnMut(Fetched<'_>) -> bool,
) -> Result<(), KafkaError> {
    let deadline = rt::now() + timeout;
    loop {
        let mut any = false;
        while let Some(event) = consumer.next_event() {
            match event {
                ConsumerEvent::Fatal(error) => return Err(error),
                ConsumerEvent::Failed(error) => {
                    any = true;
                    if !take(Fetched::Failed(error)) {
                        return Ok(());
                    }
                }
                // Only members of groups are told of these.
                ConsumerEvent::Assigned(_) | ConsumerEvent::Revoked { .. } | ConsumerEvent::Committed(_) => {}
            }
        }
        let mut goes_on = true;
        consumer.read(0, &mut |fetched| {
            any = true;
            goes_on = take(fetched);
            goes_on
        });
        if any || !goes_on || rt::now() >= deadline {
            return Ok(());
        }
        wakeup.wait_until(Some(deadline));
    }
}

/// What a partition holds, or the part of it that is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The partition.
    pub partition: Partition,
    /// The first offset.
    pub from: Offset,
    /// The offset behind the last; see [`Ends`].
    pub to: Offset,
}

impl Extent {
    /// Says in words what it holds.
    pub fn describe(&self) -> String {
        match self.to.0 - self.from.0 {
            ..=0 => "the partition holds no records".to_owned(),
            1 => format!("the partition holds offset {}", self.from),
            _ => format!("the partition holds offsets {} to {}", self.from, self.to.0 - 1),
        }
    }
}

/// Up to where a reader takes a topic to hold something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Up to the first transaction that is still open.
    Committed,
    /// Up to the last record. What is in a transaction that is still open is waited for when it is read: it may be
    /// committed.
    All,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A record was handed over.
    Record,
    /// Nothing at this moment.
    Nothing,
    /// Everything is read.
    End,
}

/// Reads one topic.
pub struct Reader {
    client: Box<dyn PartitionReader>,
    // Knows the ends, where the other is told of nearer ones.
    asked: Option<Box<dyn PartitionReader>>,
    topic: Arc<str>,
    servers: String,
    // What is still to be read.
    open: Vec<Extent>,
    moved: Instant,
    lookout: Lookout,
    complaint: Option<KafkaError>,
    // Whether it is no error that nothing comes.
    follows: bool,
}

impl Reader {
    /// A reader of a topic with a pipeline's consumer properties; contacts no broker yet. The group that these name is
    /// neither joined nor asked for anything.
    ///
    /// # Errors
    /// Properties that librdkafka refuses.
    pub fn new<R>(
        kafka: &dyn Kafka<R>,
        pipeline: &Arc<str>,
        properties: &Properties,
        topic: &str,
        ends: Ends,
    ) -> Result<Reader, KafkaError> {
        let mut properties = properties.clone();
        properties.extend(
            [
                ("isolation.level", "read_committed"),
                ("enable.partition.eof", "true"),
                // What retention removes while it is read is passed over.
                ("auto.offset.reset", "earliest"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let client = kafka.reader(pipeline, &properties)?;
        // Brokers answer with the ends that a client of this isolation may read up to.
        properties.insert("isolation.level".to_owned(), "read_uncommitted".to_owned());
        let asked = match ends {
            Ends::Committed => None,
            Ends::All => Some(kafka.reader(pipeline, &properties)?),
        };
        let moved = Instant::now();
        let lookout = Lookout { last: moved, missed: 0 };
        Ok(Reader {
            client,
            asked,
            topic: topic.into(),
            servers: properties.remove("bootstrap.servers").unwrap_or_default(),
            open: Vec::new(),
            moved,
            lookout,
            complaint: None,
            follows: false,
        })
    }

    /// What each partition of the topic holds; none where there is no such topic.
    ///
    /// # Errors
    /// The broker's, or no answer in time.
    pub fn extents(&self) -> Result<Option<Vec<Extent>>, KafkaError> {
        let about = |error: KafkaError| match error.kind {
            ErrorKind::Unavailable | ErrorKind::TimedOut => error.asked_of(&self.servers),
            _ => error.about(&format!("topic \"{}\"", self.topic)),
        };
        let asked = self.asked.as_ref().unwrap_or(&self.client);
        let count = asked.partition_count(&self.topic, ANSWER_TIMEOUT).map_err(about)?;
        let extent = |partition| {
            let at = TopicPartition { topic: self.topic.clone(), partition: Partition(partition) };
            let (from, to) = asked.watermarks(&at, ANSWER_TIMEOUT).map_err(about)?;
            Ok(Extent { partition: at.partition, from, to })
        };
        let extents = (0..count).map(extent).collect::<Result<Vec<Extent>, KafkaError>>()?;
        Ok((!extents.is_empty()).then_some(extents))
    }

    /// Returns the first offset of each partition that is of this time (milliseconds since the epoch) or later: where
    /// the partition ends, if there is none.
    ///
    /// # Errors
    /// The broker's, or no answer in time.
    pub fn since(&self, extents: &[Extent], time: i64) -> Result<Vec<Extent>, KafkaError> {
        let from = |extent: &Extent| {
            let at = TopicPartition { topic: self.topic.clone(), partition: extent.partition };
            let from = self.client.offset_at(&at, time, ANSWER_TIMEOUT)?;
            Ok(Extent { from: from.unwrap_or(extent.to).max(extent.from), ..*extent })
        };
        extents.iter().map(from).collect()
    }

    /// Goes on behind the ends, without an end.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn follow(&mut self, extents: &[Extent]) -> Result<(), KafkaError> {
        self.follows = true;
        let on = |extent: &Extent| Extent { from: extent.to, to: Offset(i64::MAX), ..*extent };
        self.begin(&extents.iter().map(on).collect::<Vec<_>>())
    }

    /// Begins to read.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn begin(&mut self, extents: &[Extent]) -> Result<(), KafkaError> {
        self.open = extents.iter().copied().filter(|extent| extent.from < extent.to).collect();
        self.moved = Instant::now();
        let start = |extent: &Extent| {
            let at = TopicPartition { topic: self.topic.clone(), partition: extent.partition };
            (at, StartPosition::Offset(extent.from))
        };
        self.client.start(&self.open.iter().map(start).collect::<Vec<_>>())
    }

    /// Hands the next record to `take`, or waits for a moment.
    ///
    /// # Errors
    /// The topic may not be read, or for a while nothing has come.
    pub fn next(&mut self, take: &mut dyn FnMut(FetchedRecord<'_>)) -> Result<Next, KafkaError> {
        self.next_within(POLL, take)
    }

    /// Hands the next record to `take`, or waits for so long.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn next_within(&mut self, wait: Duration, take: &mut dyn FnMut(FetchedRecord<'_>)) -> Result<Next, KafkaError> {
        if self.open.is_empty() {
            return Ok(Next::End);
        }
        let Reader { client, open, moved, complaint, .. } = self;
        let (mut next, mut failed) = (Next::Nothing, None);
        client.poll(wait, &mut |fetched| {
            match fetched {
                Fetched::Record(record) => {
                    *moved = Instant::now();
                    if is_wanted(open, &record) {
                        next = Next::Record;
                        take(record);
                    }
                }
                Fetched::End(at, offset) => {
                    *moved = Instant::now();
                    open.retain(|extent| extent.partition != at.partition || offset < extent.to);
                }
                Fetched::Failed(error) if is_final(&error) => failed = Some(error),
                Fetched::Failed(error) => *complaint = Some(error),
                // The client begins again at the oldest record that there is.
                Fetched::OffsetOutOfRange(..) => {}
            }
            false
        })?;
        if let Some(error) = failed {
            return Err(error.about(&format!("topic \"{}\"", self.topic)));
        }
        if next == Next::Nothing {
            self.lookout.look(&*self.client, &self.topic, self.moved)?;
            if !self.follows {
                give_up_after_patience(&self.topic, self.moved, &mut self.complaint)?;
            }
        }
        Ok(next)
    }

    /// For so long nobody asked for the next record: that is no delay of the brokers'.
    pub fn rested(&mut self, time: Duration) {
        self.moved += time;
    }

    /// Ends the client. One that does not end in time is left to the end of the process.
    pub fn close(self) {
        for client in std::iter::once(self.client).chain(self.asked) {
            client.close(LEAVE_TIMEOUT);
        }
    }
}

/// Looks for a topic of which nothing comes: that it is gone librdkafka tells its log alone.
#[derive(Clone, Copy)]
struct Lookout {
    last: Instant,
    // So many looks in a row have not found it.
    missed: u32,
}

impl Lookout {
    /// Looks, but not often. `moved`: when something came last.
    fn look(&mut self, client: &dyn PartitionReader, topic: &str, moved: Instant) -> Result<(), KafkaError> {
        if moved > self.last {
            self.missed = 0;
        }
        if moved.max(self.last).elapsed() < QUIET {
            return Ok(());
        }
        self.last = Instant::now();
        match client.partition_count(topic, LOOK) {
            Ok(0) => self.missed += 1,
            Ok(_) => self.missed = 0,
            // Brokers that do not answer may do so again.
            Err(_) => {}
        }
        if self.missed < MISSED {
            return Ok(());
        }
        Err(KafkaError::new(ErrorKind::UnknownTopic, format!("topic \"{topic}\": it does not exist any more")))
    }
}

/// Whether a record is one of those that are to be read. The last one of a partition closes it.
fn is_wanted(open: &mut Vec<Extent>, record: &FetchedRecord<'_>) -> bool {
    let Some(index) = open.iter().position(|extent| extent.partition == record.partition) else { return false };
    let (next, to) = (record.offset.0 + 1, open[index].to.0);
    if next >= to {
        open.swap_remove(index);
    }
    // What came after the end was fixed is left for another time.
    next <= to
}

/// Whether to wait would change nothing.
fn is_final(error: &KafkaError) -> bool {
    matches!(error.kind, ErrorKind::Authorization | ErrorKind::UnknownTopic)
}

/// Nothing has come: that is an error once it has lasted too long.
fn give_up_after_patience(topic: &str, moved: Instant, complaint: &mut Option<KafkaError>) -> Result<(), KafkaError> {
    if moved.elapsed() < PATIENCE {
        return Ok(());
    }
    let error = complaint.take().unwrap_or_else(|| KafkaError::timed_out("reading"));
    Err(error.about(&format!("nothing has come of topic \"{topic}\" for {} s", PATIENCE.as_secs())))
}
