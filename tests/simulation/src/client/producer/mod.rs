//! The simulated producer: the state that the client keeps, and the calls that the runtime makes.

mod batches;
mod murmur2;
mod reports;

use std::collections::{BTreeMap, VecDeque};
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

use self::batches::{Lane, Refusal};
use super::transactional::{Call, Transaction};
use super::{ClientId, millis, nanos, property};
use crate::cluster::codes;
use crate::cluster::group::Who;
use crate::cluster::log::Message;
use crate::scheduler::{Nanos, Process};
use crate::world::{self, World};

/// The number of a record of a producer.
type Number = u64;

/// What goes on when something has come to pass.
type Continuation = Box<dyn FnOnce(&mut World)>;

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

impl World {
    pub(super) fn producer(&mut self, id: ClientId) -> Option<&mut ProducerState> {
        self.clients.producers.get_mut(&id)
    }
}
