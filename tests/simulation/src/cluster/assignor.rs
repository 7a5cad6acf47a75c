//! The assignor, one for all protocols.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluicebox::kafka::TopicPartition;

use super::group::MemberId;
use crate::world::World;

impl World {
    /// Who is to have which partition: each keeps what it has, as far as that is its share.
    pub(super) fn target(&mut self, name: &Arc<str>) -> BTreeMap<MemberId, Vec<TopicPartition>> {
        let cluster = &mut self.cluster;
        let Some(group) = cluster.groups.get(name) else { return BTreeMap::new() };
        let topics: BTreeSet<&Arc<str>> = group.members.values().flat_map(|member| &member.topics).collect();
        let partitions = topics.into_iter().flat_map(|topic| {
            let count = cluster.topics.get(topic).map_or(0, |topic| topic.partitions.len());
            (0..count).map(|number| TopicPartition::new(topic, number as i32)).collect::<Vec<_>>()
        });
        let mut free: Vec<TopicPartition> = partitions.collect();
        let members = group.members.len();
        if members == 0 {
            return BTreeMap::new();
        }
        let share = free.len().div_ceil(members);
        let mut target = BTreeMap::new();
        for (id, member) in &group.members {
            let mut its: Vec<TopicPartition> = Vec::new();
            for at in member.assignment.iter().chain(&member.owned).filter(|at| free.contains(at)) {
                if its.len() < share && !its.contains(at) {
                    its.push(at.clone());
                }
            }
            free.retain(|at| !its.contains(at));
            target.insert(*id, its);
        }
        for at in free {
            if let Some(least) = target.values_mut().min_by_key(|its| its.len()) {
                least.push(at);
            }
        }
        target
    }
}
