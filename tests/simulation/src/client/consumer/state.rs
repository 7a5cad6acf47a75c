//! The state that the client keeps of a consumer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sluicebox::kafka::{ConsumerEvent, TopicPartition};
use sluicebox::rt::Wakeup;

use crate::client::membership::Membership;
use crate::client::toppar::{Op, Toppar};
use crate::scheduler::{Nanos, Process};
use crate::world;

/// What the client keeps of a consumer.
pub struct ConsumerState {
    /// The process that it belongs to.
    pub process: Process,
    /// The group.
    pub group: Arc<str>,
    /// Its part in the group.
    pub membership: Membership,
    /// The partitions that it has heard of.
    pub toppars: BTreeMap<TopicPartition, Toppar>,
    pub(in crate::client) queues: Vec<VecDeque<Op>>,
    pub(in crate::client) events: VecDeque<ConsumerEvent>,
    pub(in crate::client) wakeup: Wakeup,
    pub(in crate::client) reads_committed: bool,
    pub(in crate::client) tells_end: bool,
    pub(in crate::client) most_queued: usize,
    // When the application last asked for something.
    pub(in crate::client) polled: Nanos,
    // Since when there is an event that the application has not taken, nor any other.
    pub(in crate::client) untaken_since: Option<Nanos>,
}

impl ConsumerState {
    pub(in crate::client) fn push(&mut self, event: ConsumerEvent) {
        self.untaken_since.get_or_insert_with(|| world::scheduler().time());
        self.events.push_back(event);
        self.wakeup.wake();
    }

    /// The partitions that are assigned.
    pub(in crate::client) fn assigned(&self) -> Vec<TopicPartition> {
        let assigned = self.toppars.iter().filter(|(_, toppar)| toppar.is_assigned);
        assigned.map(|(at, _)| at.clone()).collect()
    }

    /// The client holds all fetches until a rebalance is answered, or lets them go on.
    pub(in crate::client) fn hold_all(&mut self, on: bool) {
        for toppar in self.toppars.values_mut().filter(|toppar| toppar.is_assigned) {
            if on { toppar.pause(false) } else { toppar.resume(false) }
        }
    }
}
