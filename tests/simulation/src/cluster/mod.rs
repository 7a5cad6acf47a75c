//! The simulated cluster: brokers, topics, consumer groups and transactions, as Kafka's own documentation and protocol
//! describe them. What it answers is decided when a request arrives; how long that takes is the network's.

mod assignor;
pub mod codes;
pub mod group;
pub mod log;
pub mod rebalance;
pub mod reconcile;
pub mod topic;
pub mod transaction;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluicebox::kafka::{TopicLimits, TopicPartition};

use self::group::Group;
use self::log::Log;
use self::topic::Topic;
use self::transaction::Transactions;
use crate::scheduler::Nanos;
use crate::world::World;

/// A broker.
#[derive(Clone, Copy, Debug)]
struct Broker {
    up: bool,
    // How often it has gone away.
    life: u64,
}

/// What clients may not do, until they may again.
#[derive(Clone, Debug, Default)]
pub struct Denied {
    /// Topics that may not be read.
    pub read: BTreeSet<Arc<str>>,
    /// Topics that may not be written to.
    pub write: BTreeSet<Arc<str>>,
    /// The group.
    pub group: bool,
    /// Transactional ids.
    pub transactions: bool,
}

/// The cluster.
pub struct Cluster {
    brokers: Vec<Broker>,
    /// Topics by name.
    pub topics: BTreeMap<Arc<str>, Topic>,
    /// Consumer groups by name.
    pub groups: BTreeMap<Arc<str>, Group>,
    /// The transaction coordinator's.
    pub transactions: Transactions,
    /// Rights that are taken away.
    pub denied: Denied,
    topics_made: u64,
}

impl Cluster {
    /// A cluster of so many brokers, all of them up.
    pub fn new(brokers: usize) -> Cluster {
        Cluster {
            brokers: vec![Broker { up: true, life: 0 }; brokers],
            topics: BTreeMap::new(),
            groups: BTreeMap::new(),
            transactions: Transactions::default(),
            denied: Denied::default(),
            topics_made: 0,
        }
    }

    /// How many brokers there are, up or not.
    pub fn brokers(&self) -> usize {
        self.brokers.len()
    }

    /// Whether a broker can be reached.
    pub fn is_up(&self, broker: usize) -> bool {
        self.brokers[broker].up
    }

    /// How often a broker has gone away.
    pub fn life(&self, broker: usize) -> u64 {
        self.brokers[broker].life
    }

    /// Some broker that can be reached; the first where none can.
    pub fn any_up(&self) -> usize {
        self.brokers.iter().position(|broker| broker.up).unwrap_or(0)
    }

    /// Makes a topic, in place of one of the same name.
    pub fn create_topic(&mut self, name: &str, partitions: usize, limits: TopicLimits) {
        self.topics_made += 1;
        let brokers = self.brokers.len();
        let logs =
            (0..partitions).map(|number| topic::Place { log: Log::default(), leader: number % brokers }).collect();
        self.topics.insert(name.into(), Topic { id: self.topics_made, partitions: logs, limits });
    }

    /// The log of a partition.
    pub fn log(&mut self, at: &TopicPartition) -> Option<&mut Log> {
        let topic = self.topics.get_mut(&*at.topic)?;
        topic.partitions.get_mut(usize::try_from(at.partition.0).ok()?).map(|place| &mut place.log)
    }

    /// The log of a partition, to read.
    pub fn log_of(&self, at: &TopicPartition) -> Option<&Log> {
        let topic = self.topics.get(&*at.topic)?;
        topic.partitions.get(usize::try_from(at.partition.0).ok()?).map(|place| &place.log)
    }

    /// The broker that leads a partition.
    pub fn leader(&self, at: &TopicPartition) -> Option<usize> {
        let topic = self.topics.get(&*at.topic)?;
        topic.partitions.get(usize::try_from(at.partition.0).ok()?).map(|place| place.leader)
    }

    /// How many partitions a topic has; none where there is no such topic.
    pub fn partition_count(&self, topic: &str) -> Option<usize> {
        self.topics.get(topic).map(|topic| topic.partitions.len())
    }

    /// The group of a name, made where there is none.
    pub fn group(&mut self, name: &str) -> &mut Group {
        let broker = name.len() % self.brokers.len();
        self.groups.entry(name.into()).or_insert_with(|| Group::new(broker))
    }

    /// A topic gets more partitions.
    pub fn add_partitions(&mut self, name: &str, more: usize) {
        let brokers = self.brokers.len();
        if let Some(topic) = self.topics.get_mut(name) {
            let have = topic.partitions.len();
            let places =
                (have..have + more).map(|number| topic::Place { log: Log::default(), leader: number % brokers });
            topic.partitions.extend(places);
        }
    }

    /// A topic is gone, and what groups have committed of it.
    pub fn delete_topic(&mut self, name: &str) {
        self.topics.remove(name);
        for group in self.groups.values_mut() {
            group.forget_topic(name);
        }
    }
}

impl World {
    /// A broker goes away. What it led is led by another after a while, where one is up.
    pub fn broker_down(&mut self, broker: usize, failover: Nanos) {
        let state = &mut self.cluster.brokers[broker];
        (state.up, state.life) = (false, state.life + 1);
        self.count("broker away");
        self.trace(format_args!("broker {broker} goes away"));
        let coordinated = self.cluster.groups.iter().filter(|(_, group)| group.coordinator == broker);
        let coordinated: Vec<Arc<str>> = coordinated.map(|(name, _)| name.clone()).collect();
        coordinated.iter().for_each(|name| self.fail_joins(name));
        self.after(failover, move |world| world.fail_over(broker));
    }

    /// A broker comes back.
    pub fn broker_up(&mut self, broker: usize) {
        self.cluster.brokers[broker].up = true;
        self.trace(format_args!("broker {broker} is back"));
    }

    fn fail_over(&mut self, broker: usize) {
        let cluster = &mut self.cluster;
        if cluster.is_up(broker) {
            return;
        }
        let heir = cluster.any_up();
        for place in cluster.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
            if place.leader == broker {
                place.leader = heir;
            }
        }
        for group in cluster.groups.values_mut().filter(|group| group.coordinator == broker) {
            group.coordinator = heir;
        }
        if cluster.transactions.coordinator == broker {
            cluster.transactions.coordinator = heir;
        }
        self.trace(format_args!("broker {heir} takes over from {broker}"));
    }
}
