//! What a member subscribes to: topics by name or by pattern, and the changes of their partitions.

use std::sync::Arc;

use regex::Regex;
use sluicebox::kafka::{ErrorKind, KafkaError};

use super::State;
use crate::client::ClientId;
use crate::world::World;

impl World {
    pub(super) fn resolve(&mut self, subscription: &[String]) -> Vec<(Arc<str>, usize)> {
        let patterns: Vec<(Option<Regex>, &String)> = subscription
            .iter()
            .map(|name| (name.starts_with('^').then(|| Regex::new(name).ok()).flatten(), name))
            .collect();
        let matches = |topic: &str| {
            patterns.iter().any(|(pattern, name)| pattern.as_ref().map_or(topic == *name, |p| p.is_match(topic)))
        };
        let topics = self.cluster.topics.iter().filter(|(name, _)| matches(name));
        topics.map(|(name, topic)| (name.clone(), topic.partitions.len())).collect()
    }

    pub(in crate::client) fn subscribe(&mut self, id: ClientId, topics: &[String]) -> Result<(), KafkaError> {
        if let Some(bad) = topics.iter().find(|name| name.starts_with('^') && Regex::new(name).is_err()) {
            return Err(KafkaError::new(ErrorKind::Other, format!("not a pattern: {bad}")));
        }
        if let Some(state) = self.consumer(id) {
            state.membership.subscription = topics.to_vec();
        }
        self.join(id);
        Ok(())
    }

    /// Topics may have come, gone, or got more partitions.
    pub(in crate::client) fn refresh(&mut self, id: ClientId) {
        let Some(subscription) = self.consumer(id).map(|state| state.membership.subscription.clone()) else { return };
        let topics = self.resolve(&subscription);
        let Some(state) = self.consumer(id).filter(|state| state.membership.state == State::Steady) else { return };
        let name = state.group.clone();
        // A topic that was away for a moment while the group assigned partitions is in nobody's assignment.
        let is_assigned = self.cluster.group(&name).assigns(&topics);
        let Some(state) = self.consumer(id) else { return };
        if state.membership.topics == topics && is_assigned {
            return;
        }
        state.membership.topics = topics;
        self.count("topics have changed");
        self.on_rebalance(id);
    }
}
