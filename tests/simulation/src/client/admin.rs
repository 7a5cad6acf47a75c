//! The simulated administrator.

use std::time::Duration;

use sluicebox::kafka::{Create, DEFAULT_MAX_MESSAGE_BYTES, Properties, TopicAdmin, TopicError, TopicLimits};

use super::queries::{Served, ask_until, partition_count};

/// Answers questions about topics.
pub(super) struct SimulatedAdmin {
    servers: String,
    timeout: Duration,
}

impl SimulatedAdmin {
    pub(super) fn new(properties: &Properties, timeout: Duration) -> SimulatedAdmin {
        SimulatedAdmin { servers: properties.get("bootstrap.servers").cloned().unwrap_or_default(), timeout }
    }

    fn count(&self, name: &str) -> Result<i32, TopicError> {
        let no_broker = |cause: sluicebox::kafka::KafkaError| TopicError::NoBroker {
            servers: self.servers.clone(),
            cause: cause.text,
        };
        partition_count(name, self.timeout).map_err(no_broker)
    }
}

impl TopicAdmin for SimulatedAdmin {
    fn ensure_topic(&self, role: &str, name: &str, create: Option<&Create>) -> Result<bool, TopicError> {
        if self.count(name)? > 0 {
            return Ok(false);
        }
        let Some(create) = create.copied() else {
            return Err(TopicError::Missing(format!("topic \"{name}\" ({role}) does not exist: create it")));
        };
        let topic = name.to_owned();
        let made = ask_until(
            "creating a topic",
            self.timeout,
            |world| world.cluster.any_up(),
            move |world, _| {
                let max_message_bytes = create.max_message_bytes.unwrap_or(DEFAULT_MAX_MESSAGE_BYTES);
                let limits = TopicLimits { max_message_bytes, compacted: create.compacted, ..TopicLimits::default() };
                if world.cluster.partition_count(&topic).is_none() {
                    world.cluster.create_topic(&topic, create.partitions as usize, limits);
                }
                Served::Answer(Ok(()))
            },
        );
        made.map(|()| true)
            .map_err(|error| TopicError::Topic(format!("topic \"{name}\" ({role}) could not be created: {error}")))
    }

    fn replication(&self, name: &str) -> Result<Option<i32>, TopicError> {
        Ok((self.count(name)? > 0).then_some(1))
    }

    fn limits(&self, names: &[&str]) -> Vec<Result<TopicLimits, TopicError>> {
        let asked: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let answer = ask_until(
            "limits",
            self.timeout,
            |world| world.cluster.any_up(),
            move |world, _| {
                let limits =
                    |name: &String| world.cluster.topics.get(&**name).map_or_else(TopicLimits::default, |t| t.limits);
                let limits: Vec<TopicLimits> = asked.iter().map(limits).collect();
                let sizes: Vec<usize> = limits.iter().map(|limits| limits.max_message_bytes).collect();
                world.trace(format_args!("limits of {} are asked: {sizes:?} bytes", asked.join(" ")));
                Served::Answer(Ok(limits))
            },
        );
        match answer {
            Ok(limits) => limits.into_iter().map(Ok).collect(),
            Err(error) => {
                let no_broker = TopicError::NoBroker { servers: self.servers.clone(), cause: error.text };
                vec![Err(no_broker); names.len()]
            }
        }
    }

    fn close(self: Box<Self>) {}
}
