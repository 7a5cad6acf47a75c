//! A Kafka that tests talk to: its topics, and how to connect.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;

use crate::needs;
use crate::wait::{LIMIT, wait_for};

/// How long one question to a broker may take.
pub(crate) const ASK: Duration = Duration::from_secs(20);

/// A Kafka, by its bootstrap servers.
#[derive(Clone, Debug)]
pub struct Kafka {
    bootstrap: String,
}

impl Kafka {
    /// The one that all tests share.
    ///
    /// # Panics
    /// There is none.
    pub fn shared() -> Kafka {
        Kafka { bootstrap: needs::brokers() }
    }

    /// The one at these bootstrap servers, with plain text.
    pub fn at(bootstrap: &str) -> Kafka {
        Kafka { bootstrap: bootstrap.to_owned() }
    }

    /// `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The properties of a client.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    /// Creates a topic, which keeps records of any age, and waits until it can be used.
    ///
    /// # Panics
    /// It cannot be created.
    pub fn create_topic(&self, name: &str, partitions: i32, properties: &[(&str, &str)]) {
        self.create_replicated_topic(name, partitions, 1, properties);
    }

    /// The same, with so many replicas.
    ///
    /// # Panics
    /// It cannot be created.
    pub fn create_replicated_topic(&self, name: &str, partitions: i32, replicas: i32, properties: &[(&str, &str)]) {
        let new = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas)).set("retention.ms", "-1");
        let new = properties.iter().fold(new, |new, (key, value)| new.set(key, value));
        let created = run(self.admin().create_topics([&new], &options()));
        if let Some(Err((topic, code))) = created.unwrap_or_else(|e| panic!("creating {name}: {e}")).pop() {
            panic!("topic {topic} cannot be created: {code}");
        }
        self.wait_for_partitions(name, partitions);
    }

    /// Gives a topic these properties over those it has by default, in place of all that it was given before. It keeps
    /// records of any age.
    ///
    /// # Panics
    /// The brokers refuse.
    pub fn set_topic_properties(&self, name: &str, properties: &[(&str, &str)]) {
        let new = AlterConfig::new(ResourceSpecifier::Topic(name)).set("retention.ms", "-1");
        let new = properties.iter().fold(new, |new, (key, value)| new.set(key, value));
        let set = run(self.admin().alter_configs([&new], &options()));
        if let Some(Err((_, code))) = set.unwrap_or_else(|e| panic!("properties of {name}: {e}")).pop() {
            panic!("topic {name} cannot have {properties:?}: {code}");
        }
    }

    /// Deletes a topic.
    ///
    /// # Panics
    /// It cannot be deleted.
    pub fn delete_topic(&self, name: &str) {
        let deleted = run(self.admin().delete_topics(&[name], &options()));
        if let Some(Err((topic, code))) = deleted.unwrap_or_else(|e| panic!("deleting {name}: {e}")).pop() {
            panic!("topic {topic} cannot be deleted: {code}");
        }
    }

    /// Lets a topic grow to `partitions`.
    ///
    /// # Panics
    /// It cannot.
    pub fn grow_topic(&self, name: &str, partitions: i32) {
        let new = NewPartitions::new(name, usize::try_from(partitions).expect("a count of partitions"));
        let grown = run(self.admin().create_partitions([&new], &options()));
        if let Some(Err((topic, code))) = grown.unwrap_or_else(|e| panic!("growing {name}: {e}")).pop() {
            panic!("topic {topic} cannot grow: {code}");
        }
        self.wait_for_partitions(name, partitions);
    }

    /// Removes all records of a partition below `offset`, as retention does.
    ///
    /// # Panics
    /// They cannot be removed.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
        let removed = run(self.admin().delete_records(&list, &options())).unwrap_or_else(|e| panic!("{topic}: {e}"));
        for element in removed.elements() {
            element.error().unwrap_or_else(|error| panic!("deleting records of {topic}: {error}"));
        }
    }

    /// How many partitions a topic has; none where there is no such topic.
    pub fn partitions(&self, topic: &str) -> Option<i32> {
        let consumer: BaseConsumer = self.config().create().expect("a consumer");
        partitions(&consumer, topic)
    }

    /// How many records and markers a topic has held, over all partitions.
    pub fn size(&self, topic: &str) -> i64 {
        let consumer: BaseConsumer = self.config().create().expect("a consumer");
        wait_for(&format!("the size of {topic}"), LIMIT, || size_of(&consumer, topic))
    }

    /// Waits until a topic has held this many records and markers.
    ///
    /// # Panics
    /// It has not within [`LIMIT`].
    pub fn wait_for_size(&self, topic: &str, size: i64) {
        let consumer: BaseConsumer = self.config().create().expect("a consumer");
        wait_for(&format!("{size} records in {topic}"), LIMIT, || {
            let seen = size_of(&consumer, topic)?;
            if seen >= size { Ok(()) } else { Err(format!("there are {seen}")) }
        });
    }

    /// Waits until no transaction is open in a topic, so that a reader sees all of it.
    ///
    /// # Panics
    /// One stays open for [`LIMIT`].
    pub fn wait_until_no_transaction_is_open(&self, topic: &str) {
        let committed: BaseConsumer = self.config().create().expect("a consumer");
        let all: BaseConsumer = self.config().set("isolation.level", "read_uncommitted").create().expect("a consumer");
        wait_for(&format!("the end of the transactions in {topic}"), LIMIT, || {
            let (stable, end) = (size_of(&committed, topic)?, size_of(&all, topic)?);
            if stable == end { Ok(()) } else { Err(format!("{stable} of {end} records can be read")) }
        });
    }

    fn wait_for_partitions(&self, topic: &str, count: i32) {
        let consumer: BaseConsumer = self.config().create().expect("a consumer");
        wait_for(&format!("topic {topic} with {count} partitions"), LIMIT, || {
            match partitions(&consumer, topic) {
                Some(seen) if seen == count => {}
                seen => return Err(format!("there are {seen:?}")),
            }
            // Metadata is there before the partition's leader answers.
            let ask = |partition| consumer.fetch_watermarks(topic, partition, ASK).map_err(|error| error.to_string());
            (0..count).try_for_each(|partition| ask(partition).map(|_| ()))
        });
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().expect("an admin client")
    }
}

pub(crate) fn partitions(consumer: &BaseConsumer, topic: &str) -> Option<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), ASK).ok()?;
    let topic = metadata.topics().first()?;
    topic.error().is_none().then(|| i32::try_from(topic.partitions().len()).expect("a count of partitions"))
}

fn size_of(consumer: &BaseConsumer, topic: &str) -> Result<i64, String> {
    Ok(ends_of(consumer, topic)?.into_iter().sum())
}

/// The end of each partition of a topic, as far as committed transactions reach.
///
/// # Errors
/// There is no such topic, or a partition has no leader at the moment.
pub(crate) fn ends_of(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i64>, String> {
    let count = partitions(consumer, topic).ok_or_else(|| format!("there is no topic {topic}"))?;
    let end = |partition| match consumer.fetch_watermarks(topic, partition, ASK) {
        Ok((_, end)) => Ok(end),
        Err(error) => Err(format!("the end of {topic}/{partition}: {error}")),
    };
    (0..count).map(end).collect()
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ASK)).operation_timeout(Some(ASK))
}

fn run<T>(answer: impl Future<Output = KafkaResult<T>>) -> KafkaResult<T> {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(answer)
}
