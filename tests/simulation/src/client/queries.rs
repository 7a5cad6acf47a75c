//! Questions of other threads to the brokers, which wait for their answers.

use std::sync::Arc;
use std::time::Duration;

use sluicebox::batch::Offset;
use sluicebox::kafka::{CommittedOf, GroupQueries, KafkaError, TopicPartition};

use super::nanos;
use crate::cluster::codes::{self, Code};
use crate::scheduler::Nanos;
use crate::world::{self, Reply, World};

/// Asks about one group.
pub(super) struct Queries {
    pub(super) group: Arc<str>,
    pub(super) reads_committed: bool,
}

/// What a broker answers.
pub(super) enum Served<T> {
    Answer(Result<T, Code>),
    /// It may be asked again.
    Again,
}

/// Asks a broker until it answers or time is up.
pub(super) fn ask_until<T: 'static>(
    what: &'static str,
    timeout: Duration,
    broker: impl Fn(&World) -> usize + Clone + 'static,
    serve: impl Fn(&mut World, usize) -> Served<T> + Clone + 'static,
) -> Result<T, KafkaError> {
    let patience = nanos(timeout);
    let answer = world::ask(Some(patience), move |world, reply| {
        let until = world.now() + patience;
        try_once(world, until, broker, serve, reply);
    });
    answer.unwrap_or_else(|| {
        let error: KafkaError = codes::TIMED_OUT.into();
        Err(error.about(what))
    })
}

fn try_once<T: 'static>(
    world: &mut World,
    until: Nanos,
    broker: impl Fn(&World) -> usize + Clone + 'static,
    serve: impl Fn(&mut World, usize) -> Served<T> + Clone + 'static,
    reply: Reply<Result<T, KafkaError>>,
) {
    let (asked, again) = (broker(world), (broker, serve.clone()));
    world.request(
        asked,
        move |world| serve(world, asked),
        move |world, answer| match answer {
            Ok(Served::Answer(answer)) => reply.send(world, answer.map_err(KafkaError::from)),
            Ok(Served::Again) | Err(_) => {
                let backoff = world.backoff();
                if world.now() + backoff < until {
                    let (broker, serve) = again;
                    world.after(backoff, move |world| try_once(world, until, broker, serve, reply));
                }
            }
        },
    );
}

impl GroupQueries for Queries {
    fn committed(
        &self,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<(TopicPartition, CommittedOf)>, KafkaError> {
        let (group, partitions, stable) = (self.group.clone(), partitions.to_vec(), self.reads_committed);
        let coordinator = {
            let group = group.clone();
            move |world: &World| world.cluster.groups.get(&group).map_or(0, |group| group.coordinator)
        };
        ask_until("committed offsets", timeout, coordinator, move |world, asked| {
            if world.cluster.denied.group {
                return Served::Answer(Err(codes::GROUP_AUTHORIZATION));
            }
            let group = world.cluster.group(&group);
            if group.coordinator != asked {
                return Served::Again;
            }
            let mut answers = Vec::with_capacity(partitions.len());
            for at in &partitions {
                match group.committed(at) {
                    Ok(committed) => answers.push((at.clone(), Ok(committed))),
                    Err(_) if stable => return Served::Again,
                    Err(_) => answers.push((at.clone(), Ok(group.offsets.get(at).cloned()))),
                }
            }
            Served::Answer(Ok(answers))
        })
    }

    fn partition_count(&self, topic: &str, timeout: Duration) -> Result<i32, KafkaError> {
        partition_count(topic, timeout)
    }

    fn watermarks(&self, of: &TopicPartition, timeout: Duration) -> Result<(Offset, Offset), KafkaError> {
        watermarks(of, timeout, self.reads_committed)
    }
}

/// How many partitions a topic has; 0 where there is none.
pub(super) fn partition_count(topic: &str, timeout: Duration) -> Result<i32, KafkaError> {
    let topic = topic.to_owned();
    ask_until(
        "metadata",
        timeout,
        |world| world.cluster.any_up(),
        move |world, _| Served::Answer(Ok(world.cluster.partition_count(&topic).unwrap_or(0) as i32)),
    )
}

/// The names of all topics.
pub(super) fn topics(timeout: Duration) -> Result<Vec<String>, KafkaError> {
    ask_until(
        "metadata",
        timeout,
        |world| world.cluster.any_up(),
        |world, _| Served::Answer(Ok(world.cluster.topics.keys().map(|name| name.to_string()).collect())),
    )
}

/// The offset of the first record of a partition that is of this time or later.
pub(super) fn offset_at(of: &TopicPartition, time: i64, timeout: Duration) -> Result<Option<Offset>, KafkaError> {
    let (at, asked) = (of.clone(), of.clone());
    let leader = move |world: &World| world.cluster.leader(&at).unwrap_or_else(|| world.cluster.any_up());
    ask_until("offsets", timeout, leader, move |world, broker| match world.cluster.leader(&asked) {
        None => Served::Answer(Err(codes::UNKNOWN_TOPIC)),
        Some(leader) if leader != broker => Served::Again,
        Some(_) => {
            let log = world.cluster.log_of(&asked).ok_or(codes::UNKNOWN_TOPIC);
            Served::Answer(log.map(|log| {
                let mut records = log.records(log.start(), log.end());
                records.find(|(_, message)| message.timestamp >= time).map(|(offset, _)| Offset(offset))
            }))
        }
    })
}

/// The first offset of a partition and the end for a reader of this kind.
pub(super) fn watermarks(
    of: &TopicPartition,
    timeout: Duration,
    committed: bool,
) -> Result<(Offset, Offset), KafkaError> {
    let (at, asked) = (of.clone(), of.clone());
    let leader = move |world: &World| world.cluster.leader(&at).unwrap_or_else(|| world.cluster.any_up());
    ask_until("watermarks", timeout, leader, move |world, broker| match world.cluster.leader(&asked) {
        None => Served::Answer(Err(codes::UNKNOWN_TOPIC)),
        Some(leader) if leader != broker => Served::Again,
        Some(_) if world.cluster.denied.read.contains(&*asked.topic) => Served::Answer(Err(codes::TOPIC_AUTHORIZATION)),
        Some(_) => {
            let log = world.cluster.log_of(&asked).map(|log| (Offset(log.start()), Offset(log.end_for(committed))));
            Served::Answer(log.ok_or(codes::UNKNOWN_TOPIC))
        }
    })
}
