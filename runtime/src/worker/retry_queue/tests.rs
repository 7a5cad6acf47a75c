//! What waits keeps the order of its keys, loses nothing, and commits nothing early: with the real chain and sink, over
//! simulated plugins and a simulated producer.

use std::collections::HashMap;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::batch::{Batch, HeaderList, NO_TIMESTAMP, Offset, Record};
use crate::config::plan::OnError;
use crate::kafka::TopicLimits;
use crate::plugin::CallError;
use crate::sink::event::SinkEvent;
use crate::sink::receipt::Span;
use crate::source::Event;
use crate::stage::simulated::{Act, SimulatedPlugin};
use crate::tracker::Tracker;
use crate::worker::Advancer;
use crate::worker::chain::Chain;
use crate::worker::testing::{TestPipeline, add_source, lease, on_error, pipeline, stage};

const PARTITIONS: usize = 2;
const STAGES: usize = 2;

/// One record, and what the stages make of it.
#[derive(Clone, Debug)]
struct Input {
    partition: usize,
    key: Option<u8>,
    /// How often each stage wants it again.
    retries: [u8; STAGES],
    /// Whether it fails the whole call with it.
    fails_batch: bool,
    dropped: bool,
}

impl Input {
    fn kept(partition: usize, key: Option<u8>) -> Input {
        Input { partition, key, retries: [0; STAGES], fails_batch: false, dropped: false }
    }

    fn put_off(partition: usize, key: Option<u8>, retries: u8) -> Input {
        Input { retries: [retries, 0], ..Input::kept(partition, key) }
    }
}

/// What is known of each record, by partition and offset.
#[derive(Default)]
struct Known {
    inputs: HashMap<(i32, i64), Input>,
    // How often each stage is still to put it off.
    left: HashMap<(i32, i64, usize), u8>,
}

/// One worker without a thread, and the source that it works for.
struct World {
    known: Arc<Mutex<Known>>,
    pipeline: TestPipeline,
    chain: Chain,
    completed: Vec<InFlightBatch>,
    retries: RetryQueue,
    next: [i64; PARTITIONS],
    trackers: Vec<Tracker>,
    leases: Vec<Arc<Lease>>,
    held: [Option<bool>; PARTITIONS],
}

/// What stage `number` makes of each record.
fn plugin(number: usize, known: Arc<Mutex<Known>>) -> SimulatedPlugin {
    SimulatedPlugin::new(move |_, sources, record| {
        let place = (sources[record.source as usize].partition.0, record.offset.0);
        let mut known = known.lock().unwrap();
        let input = known.inputs[&place].clone();
        let left = known.left.get_mut(&(place.0, place.1, number)).unwrap();
        if *left > 0 {
            *left -= 1;
            let later = "later".to_owned();
            return if input.fails_batch { Act::Fail(CallError::Retry(later)) } else { Act::Retry(later) };
        }
        if input.dropped && number + 1 == STAGES { Act::Drop } else { Act::Keep }
    })
}

impl World {
    fn new(hold: [plan::Hold; STAGES]) -> World {
        let known: Arc<Mutex<Known>> = Arc::default();
        let names = ["first", "second"];
        let pipeline = pipeline("at_least_once", &names, TopicLimits::default());
        let start = |number: usize| {
            let on_error = OnError { retries: 1000, hold: hold[number], ..on_error() };
            stage(names[number], plugin(number, known.clone()), on_error)
        };
        World {
            chain: Chain::new((0..STAGES).map(start).collect()),
            completed: Vec::new(),
            known,
            retries: RetryQueue::new("test".into(), pipeline.context.retry_budget.clone()),
            pipeline,
            next: [0; PARTITIONS],
            trackers: (0..PARTITIONS).map(|_| Tracker::new(Some(Offset(0)))).collect(),
            leases: (0..PARTITIONS as i32).map(lease).collect(),
            held: [None; PARTITIONS],
        }
    }

    /// A batch of these records, as the source would make it.
    fn batch(&mut self, inputs: &[Input]) -> InFlightBatch {
        let mut batch = Batch::default();
        let mut spans: Vec<Span> = Vec::new();
        for input in inputs {
            let lease = self.leases[input.partition].clone();
            let next = &mut self.next[input.partition];
            let (place, offset) = ((input.partition as i32, *next), Offset(*next));
            *next += 1;
            let source = spans.iter().position(|span| Arc::ptr_eq(&span.lease, &lease)).unwrap_or_else(|| {
                add_source(&mut batch, place.0);
                spans.push(Span { lease, first: offset, end: offset });
                spans.len() - 1
            });
            spans[source].end = Offset(offset.0 + 1);
            let key = batch.arena.push_option(input.key.as_ref().map(std::slice::from_ref));
            let value = batch.arena.push(format!("{}/{}", place.0, place.1).as_bytes());
            let (headers, timestamp, source) = (HeaderList::EMPTY, NO_TIMESTAMP, source as u32);
            batch.records.push(Record { key, value, headers, timestamp, offset, source });
            let mut known = self.known.lock().unwrap();
            known.left.extend((0..STAGES).map(|stage| ((place.0, place.1, stage), input.retries[stage])));
            known.inputs.insert(place, input.clone());
        }
        for span in &spans {
            self.trackers[span.lease.index].dispatched(span.first, span.end);
        }
        let events = self.pipeline.context.sink_events.clone();
        let mut in_flight = InFlightBatch::default();
        in_flight.begin(batch, spans.into_iter().map(|span| OpenSpan::new(span, events.clone())), None);
        in_flight
    }

    fn take(&mut self, inputs: &[Input]) {
        let mut batch = self.batch(inputs);
        let mut advancer = Advancer::new(0, &mut self.chain, &mut self.completed, &self.pipeline.context);
        self.retries.take(&mut batch, &mut |batch| advancer.advance(batch));
        drop(batch);
        self.listen();
    }

    /// Waits for the next that is due, and for what is due with it.
    fn wait(&mut self) {
        let Some(now) = self.retries.next_wake() else { return };
        let mut advancer = Advancer::new(0, &mut self.chain, &mut self.completed, &self.pipeline.context);
        while self.retries.resume_due(now, &mut |batch| advancer.advance(batch)) {}
        self.listen();
    }

    fn wait_for_all(&mut self) {
        while self.retries.next_wake().is_some() {
            self.wait();
        }
    }

    /// What came out, in order: partition and offset.
    fn out(&self) -> Vec<(i32, i64)> {
        let place = |text: String| {
            let (partition, offset) = text.split_once('/').unwrap();
            (partition.parse().unwrap(), offset.parse().unwrap())
        };
        self.pipeline.kafka.texts("out").into_iter().map(place).collect()
    }

    /// What the source loop would do; and nothing may be committed over what has not come out.
    fn listen(&mut self) {
        let events = self.pipeline.context.events.clone();
        self.retries.report(|event| events.send(event));
        for event in self.pipeline.events.drain() {
            match event {
                Event::Sink(SinkEvent::Delivered(delivered)) => {
                    let (span, tally) = delivered.into_parts();
                    self.pipeline.context.counters.acknowledge(&tally);
                    self.trackers[span.lease.index].delivered(span.first, span.end);
                }
                Event::Sink(SinkEvent::Abandoned { span, .. }) => self.trackers[span.lease.index].abandoned(span.first),
                Event::Worker(WorkerEvent::RetryPending { lease, full, .. }) => self.held[lease.index] = Some(full),
                Event::Worker(WorkerEvent::RetriesDone(lease)) => self.held[lease.index] = None,
                _ => unreachable!("no other event comes of this"),
            }
        }
        let out: HashSet<(i32, i64)> = self.out().into_iter().collect();
        let known = self.known.lock().unwrap();
        for (partition, tracker) in self.trackers.iter().enumerate() {
            let position = tracker.position().expect("it began with one").0;
            for offset in 0..position {
                let place = (partition as i32, offset);
                let is_out = out.contains(&place) || known.inputs[&place].dropped;
                assert!(is_out, "{place:?} is committed ({position}) and did not come out");
            }
        }
    }

    fn offsets(&self, partition: i32) -> Vec<i64> {
        self.out().iter().filter(|(own, _)| *own == partition).map(|(_, offset)| *offset).collect()
    }

    fn assert_keys_are_in_order(&self) {
        let known = self.known.lock().unwrap();
        let mut last: HashMap<(i32, u8), i64> = HashMap::new();
        for place in self.out() {
            let Some(key) = known.inputs[&place].key else { continue };
            let before = last.insert((place.0, key), place.1);
            assert!(before.is_none_or(|before| before < place.1), "key {key}: {place:?} after {before:?}");
        }
    }
}

#[test]
fn a_key_that_waits_blocks_its_own_records_and_no_others() {
    let mut world = World::new([plan::Hold::Key; 2]);
    world.take(&[Input::put_off(0, Some(1), 2), Input::kept(0, Some(2)), Input::kept(0, Some(1))]);
    world.take(&[Input::kept(0, Some(1)), Input::kept(0, Some(3))]);
    assert_eq!(world.offsets(0), [1, 4]);
    assert_eq!((world.held[0], world.trackers[0].position()), (Some(false), Some(Offset(0))));
    world.wait_for_all();
    assert_eq!(world.offsets(0), [1, 4, 0, 2, 3]);
    assert_eq!((world.held[0], world.trackers[0].position()), (None, Some(Offset(5))));
}

#[test]
fn a_partition_that_waits_blocks_all_of_its_records_and_no_other_partition() {
    let mut world = World::new([plan::Hold::Partition; 2]);
    world.take(&[Input::put_off(0, Some(1), 1), Input::kept(0, Some(2)), Input::kept(1, Some(1))]);
    world.take(&[Input::kept(0, Some(3))]);
    assert_eq!((world.offsets(0), world.offsets(1)), (vec![], vec![0]));
    assert_eq!(world.held, [Some(true), None], "no more of it is taken in");
    world.wait_for_all();
    assert_eq!(world.offsets(0), [0, 1, 2]);
}

#[test]
fn a_record_without_a_key_that_waits_blocks_nobody() {
    let mut world = World::new([plan::Hold::Key; 2]);
    world.take(&[Input::put_off(0, None, 1), Input::kept(0, None)]);
    world.take(&[Input::kept(0, None)]);
    assert_eq!(world.offsets(0), [1, 2]);
    world.wait_for_all();
    assert_eq!(world.offsets(0), [1, 2, 0]);
}

#[test]
fn a_batch_that_fails_blocks_all_keys_that_are_in_it() {
    let mut world = World::new([plan::Hold::Key; 2]);
    let failing = Input { fails_batch: true, ..Input::put_off(0, Some(1), 1) };
    world.take(&[failing, Input::kept(0, Some(2))]);
    world.take(&[Input::kept(0, Some(2)), Input::kept(0, Some(3))]);
    assert_eq!(world.offsets(0), [3]);
    world.wait_for_all();
    assert_eq!(world.offsets(0), [3, 0, 1, 2]);
}

#[test]
fn what_waits_is_bounded_and_the_partition_with_it() {
    let mut world = World::new([plan::Hold::Key; 2]);
    let batch = vec![Input::put_off(0, Some(1), 5); PARTITION_LIMIT.records / 4];
    for taken in 1..=4 {
        assert_ne!(world.held[0], Some(true), "{taken}");
        world.take(&batch);
    }
    assert_eq!(world.held[0], Some(true));
    world.wait_for_all();
    assert_eq!(world.held[0], None);
    assert_eq!(world.offsets(0).len(), PARTITION_LIMIT.records);
}

#[test]
fn what_is_abandoned_is_never_committed_and_nothing_of_it_comes_out() {
    let mut world = World::new([plan::Hold::Key; 2]);
    world.take(&[Input::kept(0, Some(2))]);
    world.take(&[Input::put_off(0, Some(1), 1), Input::kept(0, Some(2))]);
    world.take(&[Input::kept(0, Some(1)), Input::kept(0, Some(2))]);
    let lease = world.leases[0].clone();
    world.retries.abandon(&lease);
    world.wait_for_all();
    world.listen();
    assert_eq!(world.offsets(0), [0, 2, 4]);
    assert_eq!(world.trackers[0].position(), Some(Offset(1)));
    assert!(world.trackers[0].is_settled() && world.trackers[0].is_drained());
}

/// Were the queue of a key gone through for each of its batches, this would take minutes.
#[test]
fn a_long_queue_behind_a_key_is_moved_as_a_whole() {
    let mut world = World::new([plan::Hold::Key; 2]);
    let batches = 5_000;
    let mut all: Vec<InFlightBatch> = (0..batches).map(|_| world.batch(&[Input::put_off(0, Some(1), 1)])).collect();
    let mut advancer = Advancer::new(0, &mut world.chain, &mut world.completed, &world.pipeline.context);
    let mut advance = |batch: &mut InFlightBatch| advancer.advance(batch);
    all.iter_mut().for_each(|batch| world.retries.take(batch, &mut advance));
    drop(all);
    let mut resumed = 0;
    while let Some(now) = world.retries.next_wake() {
        resumed += usize::from(world.retries.resume_due(now, &mut advance));
    }
    assert_eq!(resumed, batches);
    let offsets: Vec<i64> = world.offsets(0);
    assert!(offsets.is_sorted() && offsets.len() == batches);
}

#[test]
fn what_waits_in_the_whole_process_bounds_each_partition() {
    let mut world = World::new([plan::Hold::Key; 2]);
    let budget = Arc::new(RetryBudget::new(Waiting { records: 20, bytes: 1 << 20 }));
    world.retries = RetryQueue::new("test".into(), budget.clone());
    world.take(&[Input::put_off(1, Some(1), 3)]);
    world.take(&vec![Input::put_off(0, Some(1), 1); 8]);
    assert_eq!(world.held, [Some(false), Some(false)], "there is room");
    world.take(&vec![Input::put_off(0, Some(1), 1); 8]);
    assert_eq!(world.held, [Some(true), Some(false)], "it has more than its share, and the other one has not");
    world.wait_for_all();
    assert_eq!((world.held, budget.waiting()), ([None, None], Waiting::default()));
}

fn hold() -> impl Strategy<Value = plan::Hold> {
    prop_oneof![Just(plan::Hold::Partition), Just(plan::Hold::Key)]
}

fn input() -> impl Strategy<Value = Input> {
    let retries = prop_oneof![4 => Just(0u8), 1 => 1u8..4];
    let key = prop_oneof![1 => Just(None), 6 => (0u8..4).prop_map(Some)];
    (0..PARTITIONS, key, [retries.clone(), retries], prop::bool::weighted(0.1), prop::bool::weighted(0.1)).prop_map(
        |(partition, key, retries, fails_batch, dropped)| Input { partition, key, retries, fails_batch, dropped },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// `listen` looks after each step whether anything is committed early.
    #[test]
    fn whatever_waits_every_key_keeps_its_order_and_nothing_is_lost_or_repeated(
        hold in [hold(), hold()],
        steps in prop::collection::vec((prop::collection::vec(input(), 1..8), 0..3usize), 1..25),
    ) {
        let mut world = World::new(hold);
        for (batch, waits) in &steps {
            world.take(batch);
            (0..*waits).for_each(|_| world.wait());
        }
        world.wait_for_all();
        world.assert_keys_are_in_order();
        prop_assert_eq!(world.held, [None; PARTITIONS]);
        let dropped = world.known.lock().unwrap().inputs.values().filter(|input| input.dropped).count();
        let all: i64 = world.next.iter().sum();
        prop_assert_eq!(world.out().len() + dropped, all as usize);
        let totals = world.pipeline.context.counters.pipeline.totals();
        prop_assert_eq!((totals.out as usize, totals.dropped as usize), (world.out().len(), dropped));
        prop_assert_eq!(world.pipeline.context.retry_budget.waiting(), Waiting::default());
        for (partition, inputs) in world.next.into_iter().enumerate() {
            prop_assert_eq!(world.trackers[partition].position(), Some(Offset(inputs)));
            let offsets = world.offsets(partition as i32);
            let once: HashSet<i64> = offsets.iter().copied().collect();
            prop_assert_eq!(once.len(), offsets.len());
            if hold == [plan::Hold::Partition; STAGES] {
                prop_assert!(offsets.is_sorted(), "{:?}", offsets);
            }
        }
    }

    /// A revoke in the middle of it.
    #[test]
    fn whatever_is_abandoned_nothing_is_committed_over_it(
        hold in [hold(), hold()],
        steps in prop::collection::vec((prop::collection::vec(input(), 1..8), 0..3usize), 1..12),
        abandoned in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new(hold);
        let at = abandoned.index(steps.len());
        for (number, (batch, waits)) in steps.iter().enumerate() {
            world.take(batch);
            (0..*waits).for_each(|_| world.wait());
            if number == at {
                let lease = world.leases[0].clone();
                world.retries.abandon(&lease);
            }
        }
        world.wait_for_all();
        world.listen();
        prop_assert!(world.trackers.iter().all(Tracker::is_settled));
    }
}
