//! The simulated producer: queues for each partition, batches in order and each written once, and reports from a thread of its own.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluicebox::batch::NO_TIMESTAMP;
use sluicebox::kafka::{
    Committed, ErrorKind, GroupMetadata, KafkaError, Outgoing, Producer, Properties, Report, Sent, TopicPartition,
    TransactionError,
};
use sluicebox::rt;

use super::transactional::{Call, Transaction};
use super::{ClientId, millis, nanos, property};
use crate::cluster::codes::{self, Code};
use crate::cluster::group::Who;
use crate::cluster::log::Message;
use crate::cluster::topic;
use crate::network::{MS, SECOND, Unanswered};
use crate::scheduler::{Nanos, Process};
use crate::script::path_of;
use crate::world::{self, World};

/// How long a topic that is not there is looked for (`topic.metadata.propagation.max.ms`).
const PROPAGATION: Nanos = 30 * SECOND;

/// The number of a record of a producer.
type Number = u64;

/// What goes on when something has come to pass.
type Continuation = Box<dyn FnOnce(&mut World)>;

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
struct Lane {
    queue: VecDeque<(Number, Arc<Message>)>,
    on_its_way: Option<Batch>,
    batches: u64,
    // When the first of the queue came.
    since: Nanos,
    // It is looked at again when it has lingered.
    is_waited_for: bool,
}

/// What the client keeps of a producer.
pub struct ProducerState {
    /// The process that it belongs to.
    pub process: Process,
    pub(super) transaction: Option<Transaction>,
    // The producer id that the cluster gave.
    pub(super) producer: u64,
    lanes: BTreeMap<TopicPartition, Lane>,
    linger: Nanos,
    most_queued: usize,
    batch_bytes: usize,
    batch_records: usize,
    // Enqueued and not reported yet.
    pub(super) outstanding: usize,
    reports: VecDeque<(Number, Result<(), KafkaError>)>,
    report: Rc<dyn Fn(Number, Result<(), KafkaError>)>,
    flushing: usize,
    when_flushed: Vec<Continuation>,
    when_room: Vec<Continuation>,
}

/// A producer, as the runtime has it.
pub(super) struct SimulatedProducer<R> {
    id: ClientId,
    topics: Vec<Arc<str>>,
    receipts: Arc<Mutex<BTreeMap<Number, Arc<R>>>>,
    sent: AtomicU64,
}

impl<R: Send + Sync + 'static> SimulatedProducer<R> {
    pub(super) fn new(properties: &Properties, topics: &[&str], report: Report<R>) -> SimulatedProducer<R> {
        let receipts: Arc<Mutex<BTreeMap<Number, Arc<R>>>> = Arc::default();
        let held = receipts.clone();
        let report = move |number: Number, result: Result<(), KafkaError>| {
            let receipt = held.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
            if let Some(receipt) = receipt {
                report(receipt, result);
            }
        };
        let process = world::process();
        let transaction = Transaction::new(properties, process);
        let id = world::with(|world| {
            let id = world.clients.new_id();
            let state = ProducerState {
                process,
                transaction,
                producer: world.cluster.transactions.new_producer(),
                lanes: BTreeMap::new(),
                linger: millis(properties, "linger.ms", 5),
                most_queued: property(properties, "queue.buffering.max.messages", 100_000),
                batch_bytes: property(properties, "batch.size", 1_000_000),
                batch_records: property(properties, "batch.num.messages", 10_000),
                outstanding: 0,
                reports: VecDeque::new(),
                report: Rc::new(report),
                flushing: 0,
                when_flushed: Vec::new(),
                when_room: Vec::new(),
            };
            world.clients.producers.insert(id, state);
            id
        });
        let topics = topics.iter().map(|name| Arc::from(*name)).collect();
        SimulatedProducer { id, topics, receipts, sent: AtomicU64::new(0) }
    }

    fn call(
        &self,
        call: Call,
        timeout: Duration,
        data: Option<super::transactional::Offsets>,
    ) -> Result<(), TransactionError> {
        let id = self.id;
        rt::yield_point();
        let never_returns = world::with(|world| world.begin_call(id, call, data))?;
        let patience = if never_returns { None } else { Some(nanos(timeout)) };
        let answer = world::ask(patience, move |world, reply| {
            world.when_called(id, Box::new(move |world, result| reply.send(world, result)));
        });
        answer.unwrap_or_else(|| {
            world::with(|world| world.give_call_up(id, call));
            Err(TransactionError::Retry(codes::TIMED_OUT.into()))
        })
    }
}

impl<R> Drop for SimulatedProducer<R> {
    fn drop(&mut self) {
        if world::exists() {
            let id = self.id;
            world::with(|world| world.clients.producers.remove(&id));
        }
    }
}

impl<R: Send + Sync + 'static> Producer<R> for SimulatedProducer<R> {
    fn send(&self, topic: usize, record: &Outgoing<'_>, receipt: Arc<R>) -> Sent<R> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let own = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let headers = record.headers.clone().map(|(name, value)| (name.to_vec(), own(value)));
        let more = record.more_headers.iter().map(|(name, value)| {
            let name: &str = name;
            (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec()))
        });
        let timestamp = match record.timestamp {
            NO_TIMESTAMP | 0 => rt::unix_ms(),
            timestamp => timestamp,
        };
        let (key, value) = (own(record.key), own(record.value));
        let message = Message { key, value, headers: headers.chain(more).collect(), timestamp };
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner).insert(number, receipt);
        let (id, topic) = (self.id, self.topics[topic].clone());
        let refused = world::with(|world| world.enqueue_message(id, topic, number, message)).err();
        let take_back = || self.receipts.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        match refused {
            None => Sent::Enqueued,
            Some(refusal) => {
                let receipt = take_back().expect("what was not enqueued is not reported");
                match refusal {
                    Refusal::Full => Sent::Full(receipt),
                    Refusal::Error(code) => Sent::Refused(receipt, code.into()),
                }
            }
        }
    }

    fn wait_for_room(&self, timeout: Duration) {
        let id = self.id;
        world::ask(Some(nanos(timeout)), move |world, reply| {
            if let Some(state) = world.clients.producers.get_mut(&id) {
                state.when_room.push(Box::new(move |world| reply.send(world, ())));
            }
        });
    }

    fn purge(&self) {
        let id = self.id;
        world::with(|world| world.purge(id));
    }

    fn flush(&self, timeout: Duration) -> bool {
        let id = self.id;
        let flushed = world::ask(Some(nanos(timeout)), move |world, reply| {
            world.flush(id, Box::new(move |world| reply.send(world, ())));
        });
        world::with(|world| world.stop_flushing(id));
        flushed.is_some()
    }

    fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionError> {
        self.call(Call::Init, timeout, None)
    }

    fn begin_transaction(&self) -> Result<(), TransactionError> {
        let id = self.id;
        world::with(|world| world.begin_transaction(id))
    }

    fn send_offsets(
        &self,
        offsets: &[(TopicPartition, Committed)],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<(), TransactionError> {
        let Some((name, who)) = group.get::<(Arc<str>, Who)>() else {
            let foreign = KafkaError::new(ErrorKind::Other, "the group's member belongs to another kind of client");
            return Err(TransactionError::Fatal(foreign));
        };
        self.call(Call::SendOffsets, timeout, Some((name.clone(), who.clone(), offsets.to_vec())))
    }

    fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        self.call(Call::Commit, timeout, None)
    }

    fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        self.call(Call::Abort, timeout, None)
    }

    fn refused_partition(&self) -> Option<String> {
        let id = self.id;
        world::with(|world| world.producer(id)?.transaction.as_mut()?.refused.take())
    }
}

/// Why a record was not enqueued.
enum Refusal {
    Full,
    Error(Code),
}

impl World {
    pub(super) fn producer(&mut self, id: ClientId) -> Option<&mut ProducerState> {
        self.clients.producers.get_mut(&id)
    }

    fn enqueue_message(
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

    pub(super) fn drain_all(&mut self, id: ClientId) {
        let Some(state) = self.producer(id) else { return };
        for at in state.lanes.keys().cloned().collect::<Vec<_>>() {
            self.drain(id, &at);
        }
    }

    /// Sends the next batch of a partition, if it is time.
    pub(super) fn drain(&mut self, id: ClientId, at: &TopicPartition) {
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

    /// Reports come later, from the producer's own thread.
    pub(super) fn settle(&mut self, id: ClientId, results: Vec<(Number, Result<(), KafkaError>)>) {
        let Some(state) = self.producer(id) else { return };
        let is_first = state.reports.is_empty();
        state.reports.extend(results);
        if is_first {
            let delay = self.rng.u64(..3 * MS);
            self.after(delay, move |world| world.report(id));
        }
    }

    fn report(&mut self, id: ClientId) {
        let Some(state) = self.producer(id) else { return };
        let reports = std::mem::take(&mut state.reports);
        state.outstanding -= reports.len();
        let (report, room) = (state.report.clone(), std::mem::take(&mut state.when_room));
        let flushed = if state.outstanding == 0 { std::mem::take(&mut state.when_flushed) } else { Vec::new() };
        self.tell(move || {
            for (number, result) in reports {
                report(number, result);
            }
            world::with(|world| room.into_iter().chain(flushed).for_each(|call| call(world)));
        });
    }

    /// Throws away what is enqueued and not on its way.
    pub(super) fn purge(&mut self, id: ClientId) {
        let Some(state) = self.producer(id) else { return };
        let purged: Vec<Number> =
            state.lanes.values_mut().flat_map(|lane| lane.queue.drain(..)).map(|(number, _)| number).collect();
        if purged.is_empty() {
            return;
        }
        self.count("purge");
        self.settle(id, purged.into_iter().map(|number| (number, Err(codes::PURGED.into()))).collect());
    }

    /// Calls `then` when every record is reported; nothing lingers until [`World::stop_flushing`].
    pub(super) fn flush(&mut self, id: ClientId, then: Continuation) {
        let Some(state) = self.producer(id) else { return };
        state.flushing += 1;
        if state.outstanding == 0 {
            return then(self);
        }
        state.when_flushed.push(then);
        self.drain_all(id);
    }

    pub(super) fn stop_flushing(&mut self, id: ClientId) {
        if let Some(state) = self.producer(id) {
            state.flushing -= 1;
        }
    }
}

/// The hash by which Java clients choose a key's partition.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hashed_as_java_clients_do() {
        // From Kafka's own tests of Utils.murmur2.
        let known: [(&str, i32); 5] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }
}
