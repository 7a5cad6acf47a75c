//! The broker as the measuring side sees it: topics made and removed, how far they are filled, what is committed.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::runtime::Runtime;

/// Partitions of every topic.
pub const PARTITIONS: i32 = 4;
/// How long the broker may take for an answer.
pub const ASK: Duration = Duration::from_secs(10);
/// How long a new topic may take until all its partitions can be asked.
const NEW_TOPIC: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(20);

/// A connection to the brokers.
pub struct Cluster {
    /// Where they are.
    pub bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
    consumer: BaseConsumer,
    runtime: Runtime,
}

impl Cluster {
    /// Connects.
    ///
    /// # Errors
    /// Clients that cannot be made.
    pub fn new(bootstrap: &str) -> Result<Cluster> {
        let config = config(bootstrap);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (admin, consumer) = (config.create()?, config.create()?);
        Ok(Cluster { bootstrap: bootstrap.to_owned(), admin, consumer, runtime })
    }

    /// Makes a topic, and waits until it can be used.
    ///
    /// # Errors
    /// The broker's.
    pub fn create(&self, topic: &str) -> Result<()> {
        self.create_with(topic, &[])
    }

    /// The same, with settings of the topic's own.
    ///
    /// # Errors
    /// The broker's.
    pub fn create_with(&self, topic: &str, settings: &[(&str, &str)]) -> Result<()> {
        // The records have fixed timestamps: retention would remove them, the sooner the older this program gets.
        let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
        let results = self.runtime.block_on(self.admin.create_topics([&new], &AdminOptions::new()))?;
        if let Some(Err((_, code))) = results.into_iter().next() {
            bail!("topic {topic}: {code}");
        }
        let deadline = Instant::now() + NEW_TOPIC;
        while let Err(error) = self.refresh(topic) {
            if Instant::now() > deadline {
                let waited = NEW_TOPIC.as_secs();
                return Err(error.context(format!("topic {topic} cannot be used {waited} s after it was made")));
            }
            thread::sleep(AGAIN);
        }
        Ok(())
    }

    /// Has the client learn of a topic; by itself it takes what it knows for all there is.
    fn refresh(&self, topic: &str) -> Result<()> {
        self.consumer.fetch_metadata(Some(topic), ASK)?;
        self.filled(topic).map(|_| ())
    }

    /// Removes a topic.
    ///
    /// # Errors
    /// The broker's.
    pub fn delete(&self, topic: &str) -> Result<()> {
        self.runtime.block_on(self.admin.delete_topics(&[topic], &AdminOptions::new()))?;
        Ok(())
    }

    /// How many records were ever written to a topic without transactions.
    ///
    /// # Errors
    /// The broker's.
    pub fn filled(&self, topic: &str) -> Result<u64> {
        Ok(self.ends(topic)?.iter().sum())
    }

    /// The same for each of its partitions.
    ///
    /// # Errors
    /// The broker's.
    pub fn ends(&self, topic: &str) -> Result<Vec<u64>> {
        let end = |partition| -> Result<u64> {
            let (_, high) = self.consumer.fetch_watermarks(topic, partition, ASK)?;
            u64::try_from(high).context("an offset below 0")
        };
        (0..PARTITIONS).map(end).collect()
    }

    /// How many records of a topic a group has behind it.
    ///
    /// # Errors
    /// The broker's.
    pub fn committed(&self, group: &str, topic: &str) -> Result<u64> {
        let member: BaseConsumer = config(&self.bootstrap).set("group.id", group).create()?;
        let committed = member.committed_offsets(partitions(topic, |_| Offset::Invalid)?, ASK)?;
        let offsets = committed.elements();
        Ok(offsets.iter().filter_map(|element| u64::try_from(element.offset().to_raw()?).ok()).sum())
    }
}

/// A client's settings: where the brokers are, and nothing more.
pub fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

/// All partitions of a topic, each with an offset.
///
/// # Errors
/// An offset that Kafka does not know.
pub fn partitions(topic: &str, offset: impl Fn(i32) -> Offset) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, offset(partition))?;
    }
    Ok(list)
}
