//! Fetching: from a partition's leader into the queue of the worker that has it.

use sluicebox::kafka::TopicPartition;

use super::toppar::{Content, Next, Op, Toppar};
use super::{ClientId, consumer::ConsumerState};
use crate::cluster::codes;
use crate::cluster::log::Fetch;
use crate::network::Unanswered;
use crate::world::World;

/// What a leader answers to a fetch.
enum Answer {
    Fetched(Fetch),
    OutOfRange,
    Denied,
    Unknown,
    NotLeader,
}

impl World {
    pub(super) fn consumer(&mut self, id: ClientId) -> Option<&mut ConsumerState> {
        self.clients.consumers.get_mut(&id)
    }

    pub(super) fn toppar(&mut self, id: ClientId, at: &TopicPartition) -> Option<&mut Toppar> {
        self.consumer(id)?.toppars.get_mut(at)
    }

    /// Fetches all partitions of a consumer that want it.
    pub(super) fn fetch_all(&mut self, id: ClientId) {
        let Some(consumer) = self.consumer(id) else { return };
        let most = consumer.most_queued;
        let hungry = consumer.toppars.iter().filter(|(_, toppar)| toppar.is_hungry(most));
        for at in hungry.map(|(at, _)| at.clone()).collect::<Vec<_>>() {
            self.fetch(id, at);
        }
    }

    /// Fetches a partition, if that is wanted.
    pub(super) fn fetch(&mut self, id: ClientId, at: TopicPartition) {
        let most = self.rng.usize(1..=64);
        let Some(consumer) = self.consumer(id) else { return };
        let (threshold, committed) = (consumer.most_queued, consumer.reads_committed);
        let Some(toppar) = consumer.toppars.get_mut(&at).filter(|toppar| toppar.is_hungry(threshold)) else { return };
        toppar.is_fetching = true;
        let (version, from) = (toppar.version, toppar.next);
        let leader = self.cluster.leader(&at).unwrap_or_else(|| self.cluster.any_up());
        let asked = at.clone();
        let serve = move |world: &mut World| {
            if world.cluster.denied.read.contains(&*asked.topic) {
                return Answer::Denied;
            }
            match world.cluster.leader(&asked) {
                None => return Answer::Unknown,
                Some(other) if other != leader => return Answer::NotLeader,
                Some(_) => {}
            }
            let Some(log) = world.cluster.log_of(&asked) else { return Answer::Unknown };
            let from = match from {
                Next::At(offset) => offset,
                Next::Beginning => log.start(),
            };
            log.fetch(from, most, committed).map_or(Answer::OutOfRange, Answer::Fetched)
        };
        self.request(leader, serve, move |world, answer| world.on_fetched(id, at, version, answer));
    }

    fn on_fetched(&mut self, id: ClientId, at: TopicPartition, version: u64, answer: Result<Answer, Unanswered>) {
        let Some(toppar) = self.toppar(id, &at) else { return };
        toppar.is_fetching = false;
        if toppar.version != version {
            return self.fetch(id, at);
        }
        match answer {
            Ok(Answer::Fetched(fetch)) => self.take_fetched(id, &at, fetch),
            Ok(Answer::OutOfRange) => {
                toppar.is_active = false;
                self.count("offset out of range");
                self.note_lost(&at);
                let error = codes::OFFSET_OUT_OF_RANGE.into();
                self.enqueue(id, &at, vec![Content::OutOfRange(error)]);
            }
            Ok(Answer::Denied) => self.tell_error(id, &at, codes::TOPIC_AUTHORIZATION),
            Ok(Answer::Unknown) => self.tell_error(id, &at, codes::UNKNOWN_TOPIC),
            Ok(Answer::NotLeader) | Err(Unanswered::Away | Unanswered::Lost) => self.fetch_later(id, at),
        }
    }

    fn take_fetched(&mut self, id: ClientId, at: &TopicPartition, fetch: Fetch) {
        let Some(&ConsumerState { tells_end, reads_committed, .. }) = self.clients.consumers.get(&id) else { return };
        // A leader holds on to a fetch until there is more, which may have come meanwhile.
        let has_more = self.cluster.log_of(at).is_none_or(|log| log.end_for(reads_committed) != fetch.end);
        let Some(consumer) = self.consumer(id) else { return };
        let Some(toppar) = consumer.toppars.get_mut(at) else { return };
        let mut contents: Vec<Content> =
            fetch.records.into_iter().map(|read| Content::Record(read.offset, read.message)).collect();
        (toppar.next, toppar.high, toppar.told_error) = (Next::At(fetch.next), Some(fetch.high), None);
        if fetch.next >= fetch.end {
            toppar.is_parked = !has_more;
            if tells_end && toppar.told_end != Some(fetch.next) {
                toppar.told_end = Some(fetch.next);
                contents.push(Content::End(fetch.next));
            }
        }
        self.enqueue(id, at, contents);
        self.fetch(id, at.clone());
    }

    fn tell_error(&mut self, id: ClientId, at: &TopicPartition, code: codes::Code) {
        let error: sluicebox::kafka::KafkaError = code.into();
        let Some(toppar) = self.toppar(id, at) else { return };
        if toppar.told_error.replace(error.code) != Some(error.code) {
            self.enqueue(id, at, vec![Content::Failed(error)]);
        }
        self.fetch_later(id, at.clone());
    }

    fn fetch_later(&mut self, id: ClientId, at: TopicPartition) {
        let backoff = self.backoff();
        self.after(backoff, move |world| world.fetch(id, at));
    }

    fn enqueue(&mut self, id: ClientId, at: &TopicPartition, contents: Vec<Content>) {
        let Some(consumer) = self.clients.consumers.get_mut(&id) else { return };
        let Some(toppar) = consumer.toppars.get_mut(at) else { return };
        if contents.is_empty() {
            return;
        }
        toppar.queued += contents.len();
        let version = toppar.version;
        let queue = &mut consumer.queues[toppar.queue];
        let was_empty = queue.is_empty();
        queue.extend(contents.into_iter().map(|content| Op { at: at.clone(), version, content }));
        if was_empty {
            consumer.wakeup.wake();
        }
    }

    /// Takes up to `most` out of a queue, as a call of librdkafka for a batch does: all of it counts as read from then
    /// on.
    pub(super) fn take_batch(&mut self, id: ClientId, queue: usize, most: usize) -> Vec<Op> {
        let now = self.now();
        let Some(consumer) = self.clients.consumers.get_mut(&id) else { return Vec::new() };
        consumer.polled = now;
        let mut batch = Vec::new();
        while batch.len() < most {
            let Some(op) = consumer.queues[queue].pop_front() else { break };
            let Some(toppar) = consumer.toppars.get_mut(&op.at).filter(|toppar| toppar.version == op.version) else {
                continue;
            };
            toppar.queued -= 1;
            toppar.position = toppar.position.max(op.content.position());
            batch.push(op);
        }
        if !batch.is_empty() {
            self.fetch_all(id);
        }
        batch
    }
}
