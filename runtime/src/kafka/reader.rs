//! The reader: reads topics from outside of any group, up to ends that are fixed beforehand, and commits nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::consumer::{Consumer, From};
use super::polled::{Fetched, Polled};
use super::waker::Waker;
use super::{KafkaError, TopicPartition};
use crate::batch::{Offset, Partition};

/// How long the brokers have to answer one question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a read may go without any progress: longer than the brokers let a transaction stay open that somebody has left
/// behind, by default.
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

/// Up to where a reader takes a topic to hold something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Up to the first transaction that is still open.
    Committed,
    /// Up to the last record. What is in a transaction that is still open is waited for when it is read: it may be committed.
    All,
}

/// What comes next.
pub enum Next<'a> {
    /// A record.
    Record(Fetched<'a>),
    /// Nothing at this moment.
    Nothing,
    /// Everything is read.
    End,
}

/// Reads one topic.
pub struct Reader {
    consumer: Consumer,
    // Knows the ends, where the other is told of nearer ones.
    asked: Option<Consumer>,
    topic: Arc<str>,
    // What is still to be read.
    open: Vec<Extent>,
    moved: Instant,
    lookout: Lookout,
    complaint: Option<KafkaError>,
}

impl Reader {
    /// A reader of a topic with a pipeline's consumer properties; contacts no broker yet. The group that these name is
    /// neither joined nor asked for anything.
    ///
    /// # Errors
    /// Properties that librdkafka refuses.
    pub fn new(
        pipeline: &Arc<str>,
        properties: &BTreeMap<String, String>,
        topic: &str,
        ends: Ends,
    ) -> Result<Reader, KafkaError> {
        let mut properties = properties.clone();
        properties.remove("group.instance.id");
        properties.extend(
            [
                ("isolation.level", "read_committed"),
                ("enable.partition.eof", "true"),
                // What retention removes while it is read is passed over.
                ("auto.offset.reset", "earliest"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let consumer = Consumer::new(pipeline, &properties, Waker::default())?;
        // Brokers answer with the ends that a client of this isolation may read up to.
        properties.insert("isolation.level".to_owned(), "read_uncommitted".to_owned());
        let asked = match ends {
            Ends::Committed => None,
            Ends::All => Some(Consumer::new(pipeline, &properties, Waker::default())?),
        };
        let moved = Instant::now();
        let lookout = Lookout { last: moved, missed: 0 };
        Ok(Reader { consumer, asked, topic: topic.into(), open: Vec::new(), moved, lookout, complaint: None })
    }

    /// What each partition of the topic holds; none where there is no such topic.
    ///
    /// # Errors
    /// The broker's, or no answer in time.
    pub fn extents(&self) -> Result<Option<Vec<Extent>>, KafkaError> {
        let about = |error: KafkaError| error.about(&format!("topic \"{}\"", self.topic));
        let asked = self.asked.as_ref().unwrap_or(&self.consumer);
        let count = asked.partition_count(&self.topic, ANSWER_TIMEOUT).map_err(about)?;
        let extent = |partition| {
            let at = TopicPartition { topic: self.topic.clone(), partition: Partition(partition) };
            let (from, to) = asked.watermarks(&at, ANSWER_TIMEOUT).map_err(about)?;
            Ok(Extent { partition: at.partition, from, to })
        };
        let extents = (0..count).map(extent).collect::<Result<Vec<Extent>, KafkaError>>()?;
        Ok((!extents.is_empty()).then_some(extents))
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
            (at, From::Offset(extent.from))
        };
        self.consumer.assign(&self.open.iter().map(start).collect::<Vec<_>>())
    }

    /// Takes the next record, or waits for a moment.
    ///
    /// # Errors
    /// The topic may not be read, or for a while nothing has come.
    pub fn take(&mut self) -> Result<Next<'_>, KafkaError> {
        if self.open.is_empty() {
            return Ok(Next::End);
        }
        match self.consumer.poll(POLL) {
            Polled::Record(record) => {
                self.moved = Instant::now();
                let its = self.open.iter().position(|extent| extent.partition == record.partition());
                let Some(its) = its else { return Ok(Next::Nothing) };
                let (next, to) = (record.offset().0 + 1, self.open[its].to.0);
                if next >= to {
                    self.open.swap_remove(its);
                }
                // What came after the end was fixed is left for another time.
                Ok(if next > to { Next::Nothing } else { Next::Record(record) })
            }
            Polled::End(at, offset) => {
                self.moved = Instant::now();
                self.open.retain(|extent| extent.partition != at.partition || offset < extent.to);
                Ok(Next::Nothing)
            }
            Polled::Fatal(error) => Err(error),
            Polled::Failed(error) => {
                use RDKafkaErrorCode::{TopicAuthorizationFailed, UnknownTopicOrPartition};
                if matches!(error.code, TopicAuthorizationFailed | UnknownTopicOrPartition) {
                    return Err(error.about(&format!("topic \"{}\"", self.topic)));
                }
                self.complaint = Some(error);
                wait_on(&self.topic, self.moved, &mut self.complaint)
            }
            Polled::Nothing
            | Polled::Assigned(_)
            | Polled::Revoked { .. }
            | Polled::Committed(_)
            | Polled::OffsetGone(..) => {
                self.lookout.look(&self.consumer, &self.topic, self.moved)?;
                wait_on(&self.topic, self.moved, &mut self.complaint)
            }
        }
    }

    /// For so long nobody asked for the next record: that is no delay of the brokers'.
    pub fn rested(&mut self, time: Duration) {
        self.moved += time;
    }

    /// Ends the client. One that does not end in time is left to the end of the process.
    pub fn close(self) {
        for consumer in std::iter::once(self.consumer).chain(self.asked) {
            consumer.close(LEAVE_TIMEOUT);
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
    fn look(&mut self, consumer: &Consumer, topic: &str, moved: Instant) -> Result<(), KafkaError> {
        if moved > self.last {
            self.missed = 0;
        }
        if moved.max(self.last).elapsed() < QUIET {
            return Ok(());
        }
        self.last = Instant::now();
        match consumer.partition_count(topic, LOOK) {
            Ok(0) => self.missed += 1,
            Ok(_) => self.missed = 0,
            // Brokers that do not answer may do so again.
            Err(_) => {}
        }
        if self.missed < MISSED {
            return Ok(());
        }
        let gone = KafkaError::new(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "");
        Err(gone.about(&format!("topic \"{topic}\"")))
    }
}

/// Nothing has come: that is an error once it has lasted too long.
fn wait_on(topic: &str, moved: Instant, complaint: &mut Option<KafkaError>) -> Result<Next<'static>, KafkaError> {
    if moved.elapsed() < PATIENCE {
        return Ok(Next::Nothing);
    }
    let error = complaint.take();
    let error = error.unwrap_or_else(|| KafkaError::new(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TIMED_OUT, ""));
    Err(error.about(&format!("nothing has come of topic \"{topic}\" for {} s", PATIENCE.as_secs())))
}
