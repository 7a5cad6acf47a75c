//! Faults: what can go wrong in a history, and how that is done.

use std::sync::Arc;

use sluicebox::batch::Partition;
use sluicebox::kafka::{TopicLimits, TopicPartition};

use crate::cluster::group::MemberId;
use crate::network::{MS, SECOND};
use crate::scenario::{GROUP, input, output};
use crate::scheduler::Nanos;
use crate::world::World;

/// Something that goes wrong.
#[expect(missing_docs, reason = "each variant's text says what its fields are")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An instance is told to stop, and started again after a while.
    Stop { instance: usize, pause: Nanos },
    /// An instance is killed, and started again after a while.
    Crash { instance: usize, pause: Nanos },
    /// No thread of an instance runs for a while.
    Freeze { instance: usize, time: Nanos },
    /// A broker is away for a while; another takes over from it after `failover`.
    Broker { broker: usize, time: Nanos, failover: Nanos },
    /// The coordinator throws a member out.
    Expel { member: u64 },
    /// The group rebalances for no reason that members know.
    Rebalance,
    /// An input topic may not be read for a while.
    DenyRead { topic: usize, time: Nanos },
    /// An output topic may not be written to for a while.
    DenyWrite { output: usize, time: Nanos },
    /// The group may not be used for a while.
    DenyGroup { time: Nanos },
    /// Transactional ids may not be used for a while.
    DenyTransactions { time: Nanos },
    /// An output topic takes no more than so many bytes from now on.
    Shrink { output: usize, bytes: usize },
    /// An output topic is compacted from now on.
    Compact { output: usize },
    /// A partition loses its newest records.
    Truncate { topic: usize, partition: usize, records: i64 },
    /// Retention removes a partition's oldest records, down to so many.
    Retain { topic: usize, partition: usize, records: i64 },
    /// An input topic is deleted and created again.
    Recreate { topic: usize },
    /// An input topic gets more partitions.
    Grow { topic: usize, partitions: usize },
    /// All plugins want everything again for a while.
    Outage { time: Nanos },
    /// All plugins refuse everything for a while.
    RejectAll { time: Nanos },
    /// The next call of a plugin panics.
    Panic,
    /// Messages are slow for a while.
    Slow { time: Nanos },
    /// Somebody's transaction in an input partition stays open for a while.
    OpenTransaction { topic: usize, partition: usize, time: Nanos },
}

/// A fault and its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// When.
    pub at: Nanos,
    /// What.
    pub fault: Fault,
}

impl Fault {
    /// Whether plugins do something else than the script says.
    pub fn is_of_plugins(self) -> bool {
        matches!(self, Fault::Outage { .. } | Fault::RejectAll { .. } | Fault::Panic)
    }

    /// Whether records are taken away that may not be read yet.
    pub fn loses_offsets(self) -> bool {
        matches!(self, Fault::Truncate { .. } | Fault::Retain { .. } | Fault::Recreate { .. })
    }

    /// Whether an output topic refuses more than it did.
    pub fn is_refusal(self) -> bool {
        matches!(self, Fault::Shrink { .. } | Fault::Compact { .. })
    }

    /// Whether a right is missing for a while.
    pub fn is_denial(self) -> bool {
        matches!(
            self,
            Fault::DenyRead { .. } | Fault::DenyWrite { .. } | Fault::DenyGroup { .. } | Fault::DenyTransactions { .. }
        )
    }

    /// Whether it is no fault but daily life, after which nothing may come twice.
    pub fn is_clean(self) -> bool {
        matches!(self, Fault::Grow { .. } | Fault::OpenTransaction { .. } | Fault::Rebalance)
    }
}

impl World {
    /// Lets a fault of the cluster happen; those of instances are the caller's.
    pub fn inflict(&mut self, fault: Fault) {
        self.trace(format_args!("fault: {fault:?}"));
        if !fault.is_clean() {
            self.checker.excuse("a fault");
        }
        match fault {
            Fault::Stop { .. } | Fault::Crash { .. } | Fault::Freeze { .. } => {}
            Fault::Broker { broker, time, failover } => {
                if self.cluster.is_up(broker) {
                    self.broker_down(broker, failover);
                    self.after(time, move |world| world.broker_up(broker));
                }
            }
            Fault::Expel { member } => self.expel(member),
            Fault::Rebalance => self.rebalance_by_hand(),
            Fault::DenyRead { topic, time } => {
                let topic = input(topic);
                self.cluster.denied.read.insert(topic.clone());
                self.after(time, move |world| _ = world.cluster.denied.read.remove(&topic));
            }
            Fault::DenyWrite { output: number, time } => {
                let topic = output(number);
                self.cluster.denied.write.insert(topic.clone());
                self.after(time, move |world| _ = world.cluster.denied.write.remove(&topic));
            }
            Fault::DenyGroup { time } => {
                self.cluster.denied.group = true;
                self.after(time, |world| world.cluster.denied.group = false);
            }
            Fault::DenyTransactions { time } => {
                self.cluster.denied.transactions = true;
                self.after(time, |world| world.cluster.denied.transactions = false);
            }
            Fault::Shrink { output: number, bytes } => {
                if let Some(topic) = self.cluster.topics.get_mut(&*output(number)) {
                    topic.limits.max_message_bytes = bytes;
                }
            }
            Fault::Compact { output: number } => {
                if let Some(topic) = self.cluster.topics.get_mut(&*output(number)) {
                    topic.limits.compacted = true;
                }
            }
            Fault::Truncate { topic, partition, records } => {
                let at = at(topic, partition);
                let id = self.cluster.topics.get(&*at.topic).map_or(0, |topic| topic.id);
                if let Some(log) = self.cluster.log(&at) {
                    let before = log.end();
                    log.truncate(before - records);
                    let after = log.end();
                    self.checker.cut(id, &at, after, before);
                }
            }
            Fault::Retain { topic, partition, records } => {
                if let Some(log) = self.cluster.log(&at(topic, partition)) {
                    log.remove_before(log.end() - records);
                }
            }
            Fault::Recreate { topic } => self.recreate(&input(topic)),
            Fault::Grow { topic, partitions } => self.grow(&input(topic), partitions),
            Fault::Outage { time } => {
                self.plugins.outage_until = self.now() + time;
            }
            Fault::RejectAll { time } => {
                self.plugins.rejects_until = self.now() + time;
            }
            Fault::Panic => self.plugins.panics += 1,
            Fault::Slow { time } => {
                let before = self.network;
                (self.network.slow_per_mille, self.network.slowest) = (200, 2 * SECOND);
                self.after(time, move |world| world.network = before);
            }
            Fault::OpenTransaction { topic, partition, time } => self.open_transaction(at(topic, partition), time),
        }
    }

    fn expel(&mut self, number: u64) {
        let group: Arc<str> = GROUP.into();
        let members: Vec<MemberId> = self.cluster.group(&group).members();
        if members.is_empty() {
            return;
        }
        let member = members[number as usize % members.len()];
        self.count("member expelled");
        self.leave_group(&group, member);
    }

    fn rebalance_by_hand(&mut self) {
        let group: Arc<str> = GROUP.into();
        if !self.cluster.group(&group).is_empty() {
            self.begin_rebalance(&group);
        }
    }

    fn recreate(&mut self, name: &str) {
        let Some(topic) = self.cluster.topics.get(name) else { return };
        let (partitions, limits) = (topic.partitions.len(), topic.limits);
        let ends = topic.partitions.iter().map(|place| place.log.end());
        let (name, delay) = (name.to_owned(), 10 * MS);
        let ends = ends.collect::<Vec<_>>();
        self.cluster.delete_topic(&name);
        self.after(delay, move |world| {
            world.cluster.create_topic(&name, partitions, limits);
            let Some(id) = world.cluster.topics.get(&*name).map(|topic| topic.id) else { return };
            // Who reads on where it was passes over what is new before that, be it from a topic before the last.
            for (number, end) in (0..).zip(ends) {
                let at = TopicPartition::new(&name, number);
                let end = end.max(world.checker.cut_up_to(&at));
                world.checker.cut(id, &at, 0, end);
            }
            let group: Arc<str> = GROUP.into();
            world.retarget_consumers(&group);
        });
    }

    fn grow(&mut self, name: &str, partitions: usize) {
        self.cluster.add_partitions(name, partitions);
        let group: Arc<str> = GROUP.into();
        self.retarget_consumers(&group);
    }

    fn open_transaction(&mut self, at: TopicPartition, time: Nanos) {
        let producer = self.cluster.transactions.new_producer();
        let Some(log) = self.cluster.log(&at) else { return };
        // Its one record is never committed.
        log.append(Arc::default(), Some(producer));
        self.count("open transaction in the input");
        self.after(time, move |world| {
            if let Some(log) = world.cluster.log(&at) {
                log.end_transaction(producer, false);
                world.on_append(&at);
            }
        });
    }

    /// From here on nothing goes wrong any more.
    pub fn calm_down(&mut self) {
        for broker in 0..self.cluster.brokers() {
            if !self.cluster.is_up(broker) {
                self.broker_up(broker);
            }
        }
        self.cluster.denied = crate::cluster::Denied::default();
        (self.plugins.outage_until, self.plugins.rejects_until, self.plugins.panics) = (0, 0, 0);
        self.network.slow_per_mille = 0;
        self.trace(format_args!("all is well"));
    }

    /// Makes the topics of a scenario.
    pub fn make_topics(&mut self, setup: &crate::scenario::Setup) {
        for (number, partitions) in setup.topics.iter().enumerate() {
            self.cluster.create_topic(&input(number), *partitions, TopicLimits::default());
        }
        let limits = TopicLimits { max_message_bytes: setup.output_limit, ..TopicLimits::default() };
        for number in 0..=setup.more_outputs {
            self.cluster.create_topic(&output(number), setup.output_partitions, limits);
        }
        if setup.has_dlq {
            self.cluster.create_topic(crate::scenario::DLQ, 1, TopicLimits::default());
        }
    }
}

fn at(topic: usize, partition: usize) -> TopicPartition {
    TopicPartition { topic: input(topic), partition: Partition(partition as i32) }
}
