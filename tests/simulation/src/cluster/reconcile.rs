//! KIP-848: the coordinator decides who has which partition, and each member is told in the answers to its heartbeats
//! what to give up and then what to take.

use std::sync::Arc;

use sluicebox::kafka::TopicPartition;

use super::codes::{self, Code};
use super::group::{Join, Member, MemberId, Protocol};
use crate::world::World;

/// What a member says in a heartbeat.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Its epoch; 0 joins.
    pub epoch: i32,
    /// The partitions that it has.
    pub owned: Vec<TopicPartition>,
    /// What it wants, and under which conditions.
    pub join: Join,
}

/// What the coordinator answers.
#[derive(Clone, Debug)]
pub struct Beaten {
    /// The member's name.
    pub member: MemberId,
    /// Its epoch.
    pub epoch: i32,
    /// All that it may have now.
    pub assignment: Vec<TopicPartition>,
}

impl World {
    /// A member's heartbeat.
    ///
    /// # Errors
    /// It is no member, or another has its static name.
    pub fn consumer_heartbeat(&mut self, name: &Arc<str>, beat: Beat) -> Result<Beaten, Code> {
        let now = self.now();
        let member = self.beating_member(name, &beat)?;
        let group = self.cluster.group(name);
        if let Some(state) = group.members.get_mut(&member) {
            (state.seen, state.owned) = (now, beat.owned.clone());
        }
        let target = self.target(name).remove(&member).unwrap_or_default();
        let group = self.cluster.group(name);
        let generation = group.generation;
        let of_others = |at: &TopicPartition| {
            let mut others = group.members.iter().filter(|(id, _)| **id != member);
            others.any(|(_, other)| other.owned.contains(at) || other.assignment.contains(at))
        };
        let has_surplus = beat.owned.iter().any(|at| !target.contains(at));
        let assignment: Vec<TopicPartition> = if has_surplus {
            beat.owned.iter().filter(|at| target.contains(at)).cloned().collect()
        } else {
            target.iter().filter(|at| !of_others(at)).cloned().collect()
        };
        let state = group.members.get_mut(&member).ok_or(codes::UNKNOWN_MEMBER)?;
        if !has_surplus {
            // What it has still to give up stays its own until then.
            state.epoch = generation;
        }
        state.assignment = if has_surplus { beat.owned } else { assignment.clone() };
        Ok(Beaten { member, epoch: state.epoch, assignment })
    }

    fn beating_member(&mut self, name: &Arc<str>, beat: &Beat) -> Result<MemberId, Code> {
        let now = self.now();
        let group = self.cluster.group(name);
        group.protocol = Protocol::Consumer;
        if let Some(member) = beat.join.member.filter(|_| beat.epoch > 0) {
            let state = group.members.get_mut(&member).ok_or(codes::UNKNOWN_MEMBER)?;
            if beat.epoch > state.epoch {
                return Err(codes::FENCED_MEMBER_EPOCH);
            }
            if state.topics != beat.join.topics {
                state.topics.clone_from(&beat.join.topics);
                self.retarget(name);
            }
            return Ok(member);
        }
        let Join { instance, topics, session, rebalance, .. } = beat.join.clone();
        let old = group.members.iter().find(|(_, member)| instance.is_some() && member.instance == instance);
        let old = old.map(|(id, _)| *id);
        let assignment = old.and_then(|old| group.members.remove(&old)).map_or_else(Vec::new, |old| old.assignment);
        let member = group.new_name();
        group.members.insert(member, Member::new(instance, topics, assignment, session, rebalance, now));
        self.retarget(name);
        self.arm_session(name.clone(), member);
        Ok(member)
    }

    /// Who is a member, or what there is to assign, has changed.
    pub fn retarget(&mut self, name: &Arc<str>) {
        self.cluster.group(name).generation += 1;
        self.count("rebalance");
    }
}
