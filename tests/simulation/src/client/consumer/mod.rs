//! The simulated consumer: the calls that the runtime makes.

mod commit;
mod state;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sluicebox::batch::{EachHeader, Offset};
use sluicebox::kafka::{
    Committed, ConsumerEvent, ErrorKind, Fetched, FetchedRecord, GroupConsumer, GroupMetadata, GroupQueries,
    KafkaError, Properties, RecordOrigin, StartPosition, TopicPartition,
};
use sluicebox::rt::{self, Wakeup};

use self::commit::COMMIT_PATIENCE;
pub use self::state::ConsumerState;
use super::membership::Membership;
use super::queries::Queries;
use super::toppar::{Content, Next, Op, Toppar};
use super::{ClientId, millis, nanos, property};
use crate::cluster::codes;
use crate::cluster::group::Protocol;
use crate::cluster::log::Headers;
use crate::network::MS;
use crate::script::hash;
use crate::world::{self, World};

/// Records that are read at a time, as the runtime's wrapper does.
const BATCH: usize = 128;

/// A consumer, as the runtime has it.
pub(super) struct SimulatedConsumer {
    pub(super) id: ClientId,
    group: Arc<str>,
    reads_committed: bool,
    // What was read of each queue and is not handed on yet.
    batches: Vec<VecDeque<Op>>,
    is_closed: bool,
}

impl SimulatedConsumer {
    pub(super) fn new(properties: &Properties, queues: usize, wakeup: Wakeup) -> SimulatedConsumer {
        let group: Arc<str> = property(properties, "group.id", String::new()).into();
        let reads_committed = properties.get("isolation.level").is_none_or(|level| level == "read_committed");
        let process = world::process();
        let id = world::with(|world| {
            let id = world.clients.new_id();
            let state = ConsumerState {
                process,
                group: group.clone(),
                membership: Membership::new(properties),
                toppars: BTreeMap::new(),
                queues: vec![VecDeque::new(); queues],
                events: VecDeque::new(),
                wakeup,
                reads_committed,
                tells_end: property(properties, "enable.partition.eof", false),
                most_queued: property(properties, "queued.min.messages", 100_000_usize).clamp(1, 1_000),
                polled: world.now(),
                untaken_since: None,
            };
            world.clients.consumers.insert(id, state);
            world.repeat(id, millis(properties, "heartbeat.interval.ms", 3_000), World::tick);
            world.repeat(id, millis(properties, "topic.metadata.refresh.interval.ms", 300_000), World::refresh);
            id
        });
        SimulatedConsumer { id, group, reads_committed, batches: vec![VecDeque::new(); queues], is_closed: false }
    }

    fn discard(&mut self, which: impl Fn(&TopicPartition) -> bool) {
        self.batches.iter_mut().for_each(|batch| batch.retain(|op| !which(&op.at)));
    }

    fn with<T>(&self, act: impl FnOnce(&mut World, &mut ConsumerState) -> T) -> T {
        let id = self.id;
        world::with(|world| {
            // Taken out and put back, so that `act` can use the rest of the world.
            let mut state = world.clients.consumers.remove(&id).expect("a consumer lives until it is closed");
            let result = act(world, &mut state);
            world.clients.consumers.insert(id, state);
            result
        })
    }

    /// Whether the client still works.
    fn check(&self) -> Result<(), KafkaError> {
        let is_fatal = self.with(|_, state| state.membership.is_fatal);
        if is_fatal { Err(codes::FATAL.into()) } else { Ok(()) }
    }

    pub(super) fn queries(&self) -> Queries {
        Queries { group: self.group.clone(), reads_committed: self.reads_committed }
    }

    fn refetch(&self) {
        let id = self.id;
        world::with(|world| world.fetch_all(id));
    }

    fn close_within(&mut self, timeout: Duration) -> bool {
        if std::mem::replace(&mut self.is_closed, true) || !world::exists() {
            return true;
        }
        let (id, patience) = (self.id, nanos(timeout));
        if timeout.is_zero() {
            world::with(|world| world.close_consumer(id, |_| {}));
            return true;
        }
        let answer = world::ask(Some(patience), move |world, reply| {
            world.close_consumer(id, move |world| reply.send(world, ()));
        });
        world::with(|world| world.clients.consumers.remove(&id));
        answer.is_some()
    }
}

impl Drop for SimulatedConsumer {
    fn drop(&mut self) {
        self.close_within(Duration::ZERO);
    }
}

impl GroupConsumer for SimulatedConsumer {
    fn subscribe(&mut self, topics: &[String]) -> Result<(), KafkaError> {
        let id = self.id;
        world::with(|world| world.subscribe(id, topics))
    }

    fn next_event(&mut self) -> Option<ConsumerEvent> {
        // Whoever asks again and again without a wait takes time.
        rt::yield_point();
        let id = self.id;
        let event = self.with(|world, state| {
            state.polled = world.now();
            let lost = state.membership.is_lost;
            let event = state.events.pop_front().map(|event| match event {
                ConsumerEvent::Revoked { partitions, .. } => ConsumerEvent::Revoked { partitions, lost },
                other => other,
            });
            state.untaken_since = (!state.events.is_empty()).then(|| world.now());
            match &event {
                Some(ConsumerEvent::Revoked { partitions, lost }) => {
                    world.trace(format_args!("client {id}: is told to give up {} (lost: {lost})", names(partitions)));
                }
                Some(ConsumerEvent::Assigned(partitions)) => {
                    world.trace(format_args!("client {id}: is told to take {}", names(partitions)));
                }
                _ => {}
            }
            event
        });
        world::with(|world| world.rejoin_after_poll(id));
        event
    }

    fn read(&mut self, queue: usize, take: &mut dyn FnMut(Fetched<'_>) -> bool) -> bool {
        loop {
            if self.batches[queue].is_empty() {
                let id = self.id;
                self.batches[queue] = world::with(|world| world.take_batch(id, queue, BATCH)).into();
            }
            let Some(op) = self.batches[queue].pop_front() else { return false };
            let goes_on = match op.content {
                Content::Record(offset, message) => {
                    let origin = Origin { at: &op.at, headers: RefCell::new(&message.headers) };
                    take(Fetched::Record(FetchedRecord {
                        topic_handle: hash(0, &op.at.topic, 0) as usize,
                        origin: &origin,
                        partition: op.at.partition,
                        offset: Offset(offset),
                        timestamp: Some(message.timestamp),
                        key: message.key.as_deref(),
                        value: message.value.as_deref(),
                    }))
                }
                Content::End(offset) => take(Fetched::End(op.at, Offset(offset))),
                Content::OutOfRange(error) => take(Fetched::OffsetOutOfRange(op.at, error.text)),
                Content::Failed(error) => take(Fetched::Failed(error.about(&op.at.to_string()))),
            };
            if !goes_on {
                let is_left = !self.batches[queue].is_empty();
                return is_left || self.with(|_, state| !state.queues[queue].is_empty());
            }
        }
    }

    fn is_incremental(&self) -> bool {
        self.with(|_, state| state.membership.protocol != Protocol::Eager)
    }

    fn assign(&mut self, partitions: &[(TopicPartition, StartPosition, usize)]) -> Result<(), KafkaError> {
        self.check()?;
        let named = |at: &TopicPartition| partitions.iter().any(|(other, ..)| other == at);
        let incremental = self.is_incremental();
        if incremental {
            self.discard(named);
        } else {
            self.discard(|_| true);
        }
        let id = self.id;
        self.with(|world, state| {
            let is_taken = |at: &TopicPartition| state.toppars.get(at).is_some_and(|toppar| toppar.is_assigned);
            if incremental && partitions.iter().any(|(at, ..)| is_taken(at)) {
                return Err(KafkaError::from(codes::CONFLICT));
            }
            if !incremental {
                state.toppars.values_mut().filter(|toppar| toppar.is_assigned).for_each(Toppar::stop);
            }
            for (at, from, queue) in partitions {
                world.trace(format_args!("client {id}: starts with {at} at {from:?}"));
                state.toppars.entry(at.clone()).or_insert_with(Toppar::new).start(Next::from(*from), *queue);
            }
            Ok(())
        })?;
        world::with(|world| {
            for (at, from, _) in partitions {
                world.note_start(at, *from);
                world.note_seek(at, *from);
            }
            world.on_assign_called(id);
        });
        self.refetch();
        Ok(())
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let incremental = self.is_incremental();
        self.discard(|at| !incremental || partitions.contains(at));
        let id = self.id;
        self.with(|world, state| {
            world.trace(format_args!("client {id}: gives up {}", names(partitions)));
            let assigned = state.assigned();
            if !incremental {
                assigned.iter().for_each(|at| _ = state.toppars.get_mut(at).map(Toppar::stop));
                return Ok(());
            }
            if partitions.iter().any(|at| !assigned.contains(at)) {
                let text = "a partition is to be given up that is not assigned";
                return Err(KafkaError::new(ErrorKind::Other, text));
            }
            partitions.iter().for_each(|at| _ = state.toppars.get_mut(at).map(Toppar::stop));
            Ok(())
        })?;
        world::with(|world| world.on_unassign_called(id));
        self.refetch();
        Ok(())
    }

    fn move_to_queue(&mut self, partition: &TopicPartition, queue: usize) -> Result<(), KafkaError> {
        self.discard(|at| at == partition);
        self.with(|_, state| {
            state.toppars.entry(partition.clone()).or_insert_with(Toppar::new).queue = queue;
        });
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.discard(|at| partitions.contains(at));
        let id = self.id;
        self.with(|world, state| {
            world.trace(format_args!("client {id}: pauses {}", names(partitions)));
            for at in partitions {
                state.toppars.entry(at.clone()).or_insert_with(Toppar::new).pause(true);
            }
        });
        Ok(())
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let id = self.id;
        self.with(|world, state| {
            world.trace(format_args!("client {id}: resumes {}", names(partitions)));
            for at in partitions {
                state.toppars.entry(at.clone()).or_insert_with(Toppar::new).resume(true);
            }
        });
        self.refetch();
        Ok(())
    }

    fn seek(
        &mut self,
        next: &[(TopicPartition, StartPosition)],
        timeout: Duration,
    ) -> Result<Vec<TopicPartition>, KafkaError> {
        self.discard(|at| next.iter().any(|(other, _)| other == at));
        let (id, next) = (self.id, next.to_vec());
        world::with(|world| {
            world.trace(format_args!("client {id}: seeks {}", list(next.iter())));
            next.iter().for_each(|(at, to)| world.note_seek(at, *to));
        });
        let answer = world::ask(Some(nanos(timeout)), move |world, reply| {
            // It is done by the client's own thread.
            let delay = world.rng.u64(..MS / 2);
            world.after(delay, move |world| {
                let Some(state) = world.consumer(id) else { return };
                let mut stopped = Vec::new();
                for (at, to) in next {
                    let is_fetched = state.toppars.get_mut(&at).is_some_and(|toppar| toppar.seek(Next::from(to)));
                    if !is_fetched {
                        stopped.push(at);
                    }
                }
                reply.send(world, stopped);
                world.fetch_all(id);
            });
        });
        answer.ok_or_else(|| KafkaError::from(codes::TIMED_OUT).about("seek"))
    }

    fn commit(&mut self, offsets: &[(TopicPartition, Committed)]) -> Result<(), KafkaError> {
        self.check()?;
        let (id, offsets) = (self.id, offsets.to_vec());
        world::with(|world| {
            let until = world.now() + COMMIT_PATIENCE;
            let asker = world.consumer(id).and_then(|state| state.membership.who()).map(|who| who.member);
            world.commit(id, asker, offsets, until);
        });
        Ok(())
    }

    fn group_metadata(&self) -> Option<GroupMetadata> {
        let group = self.group.clone();
        self.with(|_, state| state.membership.who()).map(|who| {
            let member_id = format!("{:?}", who.member);
            GroupMetadata::new(&member_id, (group, who))
        })
    }

    fn cached_high_watermark(&self, of: &TopicPartition) -> Option<Offset> {
        self.with(|_, state| state.toppars.get(of)?.high.map(Offset))
    }

    fn queries(&self) -> Arc<dyn GroupQueries> {
        Arc::new(self.queries())
    }

    fn close(mut self: Box<Self>, timeout: Duration) -> bool {
        self.close_within(timeout)
    }
}

struct Origin<'a> {
    at: &'a TopicPartition,
    headers: RefCell<&'a Headers>,
}

impl RecordOrigin for Origin<'_> {
    fn topic(&self) -> Arc<str> {
        self.at.topic.clone()
    }

    fn headers(&self, each: &mut EachHeader<'_>) -> Result<(), KafkaError> {
        for (name, value) in *self.headers.borrow() {
            each(name, value.as_deref());
        }
        Ok(())
    }
}

/// Partitions, for the trace.
fn names(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(" ")
}

fn list<'p>(partitions: impl Iterator<Item = &'p (TopicPartition, StartPosition)>) -> String {
    let one = |(at, from): &(TopicPartition, StartPosition)| match from {
        StartPosition::Beginning => format!("{at}@start"),
        StartPosition::Offset(offset) => format!("{at}@{offset}"),
    };
    partitions.map(one).collect::<Vec<_>>().join(" ")
}
