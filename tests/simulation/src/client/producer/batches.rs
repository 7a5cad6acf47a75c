//! What is to be written: a queue for each partition, from which batches go in order, each written once however often
//! it is sent.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use sluicebox::kafka::{KafkaError, TopicPartition};
use sluicebox::rt;

use super::Number;
use super::murmur2::murmur2;
use crate::client::ClientId;
use crate::cluster::codes::{self, Code};
use crate::cluster::log::Message;
use crate::cluster::topic;
use crate::network::{SECOND, Unanswered};
use crate::scheduler::Nanos;
use crate::script::path_of;
use crate::world::World;

/// How long a topic that is not there is looked for (`topic.metadata.propagation.max.ms`).
const PROPAGATION: Nanos = 30 * SECOND;

/// What the records of a batch came of, in a trace.
struct Paths<'m>(&'m [Arc<Message>]);

impl fmt::Display for Paths<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self.0.iter().map(|message| path_of(message.value.as_deref().unwrap_or_default()));
        f.write_str(&paths.collect::<Vec<_>>().join(" "))
    }
}

/// A batch on its way.
struct Batch {
    number: u64,
    records: Vec<(Number, Arc<Message>)>,
    since: Nanos,
}

/// What is to be written to one partition.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) queue: VecDeque<(Number, Arc<Message>)>,
    on_its_way: Option<Batch>,
    batches: u64,
    // When the first of the queue came.
    since: Nanos,
    // It is looked at again when it has lingered.
    is_waited_for: bool,
}

/// Why a record was not enqueued.
pub(super) enum Refusal {
    Full,
    Error(Code),
}

impl World {
    pub(super) fn enqueue_message(
        &mut self,
        id: ClientId,
        topic: Arc<str>,
        number: Number,
        message: Message,
    ) -> Result<(), Refusal> {
        let now = self.now();
        let spread = self.rng.usize(..);
        let partitions = self.cluster.partition_count(&topic);
        let Some(state) = self.producer(id) else { return Err(Refusal::Error(codes::FATAL)) };
        if let Some(transaction) = &state.transaction {
            transaction.check_send().map_err(Refusal::Error)?;
        }
        if state.outstanding >= state.most_queued {
            self.count("producer queue full");
            return Err(Refusal::Full);
        }
        state.outstanding += 1;
        let Some(partitions) = partitions else {
            let unknown = KafkaError::from(codes::UNKNOWN_TOPIC).about(&format!("topic \"{topic}\""));
            self.after(SECOND, move |world| world.settle(id, vec![(number, Err(unknown))]));
            return Ok(());
        };
        let partition = message.key.as_deref().map_or(spread, |key| murmur2(key) as usize & 0x7fff_ffff) % partitions;
        let at = TopicPartition { topic, partition: sluicebox::batch::Partition(partition as i32) };
        let lane = state.lanes.entry(at.clone()).or_default();
        if lane.queue.is_empty() {
            lane.since = now;
        }
        lane.queue.push_back((number, Arc::new(message)));
        self.drain(id, &at);
        Ok(())
    }

    pub(in crate::client) fn drain_all(&mut self, id: ClientId) {
        let Some(state) = self.producer(id) else { return };
        for at in state.lanes.keys().cloned().collect::<Vec<_>>() {
            self.drain(id, &at);
        }
    }

    /// Sends the next batch of a partition, if it is time.
    pub(in crate::client) fn drain(&mut self, id: ClientId, at: &TopicPartition) {
        let now = self.now();
        let Some(state) = self.clients.producers.get_mut(&id) else { return };
        let Some(lane) = state.lanes.get_mut(at) else { return };
        if lane.queue.is_empty() || lane.on_its_way.is_some() {
            return;
        }
        let due = lane.since + state.linger;
        if state.flushing == 0 && now < due {
            if !std::mem::replace(&mut lane.is_waited_for, true) {
                let at = at.clone();
                self.after(due - now, move |world| {
                    if let Some(lane) = world.producer(id).and_then(|state| state.lanes.get_mut(&at)) {
                        lane.is_waited_for = false;
                        world.drain(id, &at);
                    }
                });
            }
            return;
        }
        if state.transaction.as_ref().is_some_and(|transaction| !transaction.has(at)) {
            return self.add_partition(id, at);
        }
        let mut records = Vec::new();
        let mut bytes = 0;
        while let Some((_, message)) = lane.queue.front() {
            bytes += topic::size(message);
            if records.len() == state.batch_records || (!records.is_empty() && bytes > state.batch_bytes) {
                break;
            }
            records.extend(lane.queue.pop_front());
        }
        lane.batches += 1;
        lane.since = now;
        lane.on_its_way = Some(Batch { number: lane.batches, records, since: now });
        self.send_batch(id, at.clone());
    }

    fn send_batch(&mut self, id: ClientId, at: TopicPartition) {
        let Some(state) = self.clients.producers.get(&id) else { return };
        let Some(batch) = state.lanes.get(&at).and_then(|lane| lane.on_its_way.as_ref()) else { return };
        let (producer, number) = (state.producer, batch.number);
        let transactional = state.transaction.as_ref().map(|transaction| transaction.id.clone());
        let messages: Vec<Arc<Message>> = batch.records.iter().map(|(_, message)| message.clone()).collect();
        let leader = self.cluster.leader(&at).unwrap_or_else(|| self.cluster.any_up());
        let asked = at.clone();
        let serve = move |world: &mut World| {
            if world.cluster.leader(&asked) != Some(leader) {
                return Err(codes::UNKNOWN_TOPIC);
            }
            world.serve_batch(&asked, producer, number, transactional.as_deref(), &messages)
        };
        self.request(leader, serve, move |world, answer| world.on_batch_answered(id, at, answer));
    }

    fn serve_batch(
        &mut self,
        at: &TopicPartition,
        producer: u64,
        number: u64,
        transactional: Option<&str>,
        messages: &[Arc<Message>],
    ) -> Result<(), Code> {
        if self.cluster.denied.write.contains(&*at.topic) {
            messages.iter().for_each(|message| self.checker.refused(message));
            return Err(codes::TOPIC_AUTHORIZATION);
        }
        if let Some(id) = transactional {
            self.cluster.transactions.check_write(id, producer, at)?;
        }
        let now = rt::unix_ms();
        let topic = self.cluster.topics.get(&*at.topic).ok_or(codes::UNKNOWN_TOPIC)?;
        let too_large = topic.is_too_large(messages.iter().map(|message| &**message)).then_some(codes::TOO_LARGE);
        let refusal = too_large.or_else(|| messages.iter().find_map(|message| topic.refusal(message, now)));
        if let Some(code) = refusal {
            messages.iter().for_each(|message| self.checker.refused(message));
            return Err(code);
        }
        let log = self.cluster.log(at).ok_or(codes::UNKNOWN_TOPIC)?;
        let before = log.end();
        let first = log.append_batch(producer, number, messages, transactional.is_some());
        if log.end() == before {
            self.count("batch written once for two requests");
        }
        self.trace(format_args!("{at}: {producer} writes {} at {first}", Paths(messages)));
        self.on_append(at);
        Ok(())
    }

    fn on_batch_answered(&mut self, id: ClientId, at: TopicPartition, answer: Result<Result<(), Code>, Unanswered>) {
        let now = self.now();
        let Some(lane) = self.producer(id).and_then(|state| state.lanes.get_mut(&at)) else { return };
        let Some(batch) = lane.on_its_way.take() else { return };
        let is_again = match &answer {
            Err(Unanswered::Away | Unanswered::Lost) => true,
            Ok(Err(code)) => *code == codes::UNKNOWN_TOPIC && now < batch.since + PROPAGATION,
            Ok(Ok(())) => false,
        };
        if is_again {
            lane.on_its_way = Some(batch);
            self.count("batch sent again");
            let backoff = self.backoff();
            return self.after(backoff, move |world| world.send_batch(id, at));
        }
        let result = answer.unwrap_or(Err(codes::TRANSPORT));
        if let Err(code) = result {
            self.count("batch refused");
            self.trace(format_args!("client {id}: {at} refuses a batch: {code:?}"));
        }
        let about = |code: Code| KafkaError::from(code).about(&format!("topic \"{}\"", at.topic));
        let is_of_record = matches!(result, Err(codes::INVALID_RECORD | codes::INVALID_TIMESTAMP));
        let unix_ms = rt::unix_ms();
        let topic = self.cluster.topics.get(&*at.topic);
        let own = |message: &Message| match result {
            Err(_) if is_of_record && topic.is_some_and(|topic| topic.refusal(message, unix_ms).is_none()) => {
                Err(about(codes::INVALID_DIFFERENT_RECORD))
            }
            result => result.map_err(about),
        };
        let results = batch.records.iter().map(|(number, message)| (*number, own(message))).collect();
        if let Err(code) = result {
            self.on_transaction_error(id, code, &at);
        }
        self.settle(id, results);
        self.drain(id, &at);
    }
}
