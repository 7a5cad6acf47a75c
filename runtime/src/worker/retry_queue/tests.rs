//! What waits keeps the order of its keys, loses nothing, and commits nothing early: with stages that are made up.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::batch::{Batch, Field, HeaderList, NO_TIMESTAMP, Offset, Partition, Record, Source};
use crate::event::EventSender;
use crate::kafka::TopicPartition;
use crate::rt::{self, Receiver, Wakeup};
use crate::sink::receipt::{OpenSpan, Span};
use crate::stage::RecordState;
use crate::tracker::Tracker;

const PARTITIONS: usize = 2;
const STAGES: usize = 2;
const BACKOFF: Duration = Duration::from_millis(10);

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

/// Stages that are made up, and everything around the holds of one worker.
struct World {
    hold: [plan::Hold; STAGES],
    /// By partition and offset.
    inputs: [Vec<Input>; PARTITIONS],
    left: HashMap<(u32, i64, usize), u8>,
    now: Instant,
    /// What came out: partition, key, offset.
    out: Vec<(u32, Option<u8>, i64)>,
    gone: HashSet<(u32, i64)>,
    trackers: Vec<Tracker>,
    leases: Vec<Arc<Lease>>,
    events: EventSender,
    told: Receiver<Event>,
    held: [Option<bool>; PARTITIONS],
}

impl World {
    fn new(hold: [plan::Hold; STAGES]) -> World {
        let (sender, told) = rt::channel();
        let events = EventSender::new(sender, Wakeup::default());
        let lease = |number: usize| {
            let at = TopicPartition { topic: "in".into(), partition: Partition(number as i32) };
            Arc::new(Lease::new(at, number, 1))
        };
        World {
            hold,
            inputs: Default::default(),
            left: HashMap::new(),
            now: Instant::now(),
            out: Vec::new(),
            gone: HashSet::new(),
            trackers: (0..PARTITIONS).map(|_| Tracker::new(Some(Offset(0)))).collect(),
            leases: (0..PARTITIONS).map(lease).collect(),
            events,
            told,
            held: [None; PARTITIONS],
        }
    }

    /// A run with these records, as the source would make it.
    fn run(&mut self, inputs: &[Input]) -> InFlightBatch {
        let mut batch = Batch::default();
        let mut spans: Vec<Span> = Vec::new();
        for input in inputs {
            let lease = &self.leases[input.partition];
            let offset = Offset(self.inputs[input.partition].len() as i64);
            let source = spans.iter().position(|span| Arc::ptr_eq(&span.lease, lease)).unwrap_or_else(|| {
                let (topic, topic_field) = (lease.at.topic.clone(), batch.arena.push(b"in"));
                batch.sources.push(Source { topic, topic_field, partition: lease.at.partition, replay: None });
                spans.push(Span { lease: lease.clone(), first: offset, end: offset });
                spans.len() - 1
            });
            spans[source].end = Offset(offset.0 + 1);
            let key = batch.arena.push_option(input.key.as_ref().map(std::slice::from_ref));
            let (value, headers, timestamp) = (Field::NULL, HeaderList::EMPTY, NO_TIMESTAMP);
            batch.records.push(Record { key, value, headers, timestamp, offset, source: source as u32 });
            for stage in 0..STAGES {
                self.left.insert((input.partition as u32, offset.0, stage), input.retries[stage]);
            }
            self.inputs[input.partition].push(input.clone());
        }
        for span in &spans {
            self.trackers[span.lease.index].dispatched(span.first, span.end);
        }
        let mut run = InFlightBatch::default();
        run.begin(batch, spans.into_iter().map(|span| OpenSpan::new(span, self.events.clone())), None);
        run
    }

    fn advance(&mut self, run: &mut InFlightBatch) -> Advanced {
        while run.stage < STAGES {
            if !run.waiting {
                run.progress.reset(run.records.len());
                run.waiting = true;
            }
            if !self.call(run) {
                return Advanced::RetryAt { hold: self.hold[run.stage], wake: self.now + BACKOFF };
            }
            run.waiting = false;
            run.stage += 1;
        }
        for record in &run.records {
            let place = (run.batch.sources[record.source as usize].partition.0 as u32, record.offset.0);
            if self.inputs[place.0 as usize][place.1 as usize].dropped {
                self.gone.insert(place);
            } else {
                self.out.push((place.0, run.batch.arena.get(record.key).map(|key| key[0]), place.1));
            }
        }
        run.spans.drain(..).flatten().for_each(OpenSpan::seal);
        Advanced::Done
    }

    /// One call of a stage; whether everything is settled.
    fn call(&mut self, run: &mut InFlightBatch) -> bool {
        let pending: Vec<usize> = (0..run.records.len()).filter(|index| run.progress.is_pending(*index)).collect();
        let (mut again, mut batch_fails) = (Vec::new(), false);
        for &index in &pending {
            let record = &run.records[index];
            let partition = run.batch.sources[record.source as usize].partition.0 as u32;
            let left = self.left.get_mut(&(partition, record.offset.0, run.stage)).expect("made by `run`");
            if *left > 0 {
                *left -= 1;
                again.push(index);
                batch_fails |= self.inputs[partition as usize][record.offset.0 as usize].fails_batch;
            }
        }
        if !batch_fails {
            pending.iter().filter(|index| !again.contains(index)).for_each(|&i| run.progress.settle(i, RecordState::Keep));
        }
        !run.progress.any_pending()
    }

    fn take(&mut self, holds: &mut RetryQueue, inputs: &[Input]) {
        let mut run = self.run(inputs);
        holds.take(&mut run, &mut |run| self.advance(run));
        drop(run);
        self.listen(holds);
    }

    fn wait(&mut self, holds: &mut RetryQueue) {
        self.now += BACKOFF;
        let now = self.now;
        while holds.resume_due(now, &mut |run| self.advance(run)) {}
        self.listen(holds);
    }

    fn wait_for_all(&mut self, holds: &mut RetryQueue) {
        while holds.next_wake().is_some() {
            self.wait(holds);
        }
    }

    /// What the source loop would do; and nothing may be committed over what has not come out.
    fn listen(&mut self, holds: &mut RetryQueue) {
        holds.tell(|event| self.events.send(event));
        while let Ok(event) = self.told.try_recv() {
            match event {
                Event::Delivered(delivered) => {
                    let span = delivered.into_span();
                    self.trackers[span.lease.index].delivered(span.first, span.end);
                }
                Event::Abandoned { span, .. } => self.trackers[span.lease.index].abandoned(span.first),
                Event::RetryPending { lease, full } => self.held[lease.index] = Some(full),
                Event::RetriesDone(lease) => self.held[lease.index] = None,
                _ => unreachable!("no other event comes of this"),
            }
        }
        for (partition, tracker) in self.trackers.iter().enumerate() {
            let position = tracker.position().expect("it began with one").0;
            for offset in 0..position {
                let place = (partition as u32, offset);
                let out = self.out.iter().any(|(p, _, o)| (*p, *o) == place);
                assert!(out || self.gone.contains(&place), "{place:?} is committed ({position}) and did not come out");
            }
        }
    }

    fn offsets(&self, partition: u32) -> Vec<i64> {
        self.out.iter().filter(|(p, ..)| *p == partition).map(|(.., offset)| *offset).collect()
    }

    fn assert_keys_are_in_order(&self) {
        let mut last: HashMap<(u32, u8), i64> = HashMap::new();
        for (partition, key, offset) in &self.out {
            let Some(key) = key else { continue };
            let before = last.insert((*partition, *key), *offset);
            assert!(before.is_none_or(|before| before < *offset), "key {key}: {offset} after {before:?}");
        }
    }
}

#[test]
fn a_key_that_waits_holds_its_own_records_and_no_others() {
    let (mut world, mut holds) = (World::new([plan::Hold::Key; 2]), RetryQueue::default());
    world.take(&mut holds, &[Input::put_off(0, Some(1), 2), Input::kept(0, Some(2)), Input::kept(0, Some(1))]);
    world.take(&mut holds, &[Input::kept(0, Some(1)), Input::kept(0, Some(3))]);
    assert_eq!(world.offsets(0), [1, 4]);
    assert_eq!((world.held[0], world.trackers[0].position()), (Some(false), Some(Offset(0))));
    world.wait_for_all(&mut holds);
    assert_eq!(world.offsets(0), [1, 4, 0, 2, 3]);
    assert_eq!((world.held[0], world.trackers[0].position()), (None, Some(Offset(5))));
}

#[test]
fn a_partition_that_waits_holds_all_of_its_records_and_no_other_partition() {
    let (mut world, mut holds) = (World::new([plan::Hold::Partition; 2]), RetryQueue::default());
    world.take(&mut holds, &[Input::put_off(0, Some(1), 1), Input::kept(0, Some(2)), Input::kept(1, Some(1))]);
    world.take(&mut holds, &[Input::kept(0, Some(3))]);
    assert_eq!((world.offsets(0), world.offsets(1)), (vec![], vec![0]));
    assert_eq!(world.held, [Some(true), None], "no more of it is taken in");
    world.wait_for_all(&mut holds);
    assert_eq!(world.offsets(0), [0, 1, 2]);
}

#[test]
fn a_record_without_a_key_that_waits_holds_nobody() {
    let (mut world, mut holds) = (World::new([plan::Hold::Key; 2]), RetryQueue::default());
    world.take(&mut holds, &[Input::put_off(0, None, 1), Input::kept(0, None)]);
    world.take(&mut holds, &[Input::kept(0, None)]);
    assert_eq!(world.offsets(0), [1, 2]);
    world.wait_for_all(&mut holds);
    assert_eq!(world.offsets(0), [1, 2, 0]);
}

#[test]
fn a_batch_that_fails_holds_all_keys_that_are_in_it() {
    let (mut world, mut holds) = (World::new([plan::Hold::Key; 2]), RetryQueue::default());
    let failing = Input { fails_batch: true, ..Input::put_off(0, Some(1), 1) };
    world.take(&mut holds, &[failing, Input::kept(0, Some(2))]);
    world.take(&mut holds, &[Input::kept(0, Some(2)), Input::kept(0, Some(3))]);
    assert_eq!(world.offsets(0), [3]);
    world.wait_for_all(&mut holds);
    assert_eq!(world.offsets(0), [3, 0, 1, 2]);
}

#[test]
fn what_waits_is_bounded_and_the_partition_with_it() {
    let (mut world, mut holds) = (World::new([plan::Hold::Key; 2]), RetryQueue::default());
    let batch = vec![Input::put_off(0, Some(1), 5); MOST_RECORDS / 4];
    for taken in 1..=4 {
        assert_ne!(world.held[0], Some(true), "{taken}");
        world.take(&mut holds, &batch);
    }
    assert_eq!(world.held[0], Some(true));
    world.wait_for_all(&mut holds);
    assert_eq!(world.held[0], None);
    assert_eq!(world.offsets(0).len(), MOST_RECORDS);
}

#[test]
fn what_is_abandoned_is_never_committed_and_nothing_of_it_comes_out() {
    let (mut world, mut holds) = (World::new([plan::Hold::Key; 2]), RetryQueue::default());
    world.take(&mut holds, &[Input::kept(0, Some(2))]);
    world.take(&mut holds, &[Input::put_off(0, Some(1), 1), Input::kept(0, Some(2))]);
    world.take(&mut holds, &[Input::kept(0, Some(1)), Input::kept(0, Some(2))]);
    let lease = world.leases[0].clone();
    holds.abandon(&lease);
    world.wait_for_all(&mut holds);
    world.listen(&mut holds);
    assert_eq!(world.offsets(0), [0, 2, 4]);
    assert_eq!(world.trackers[0].position(), Some(Offset(1)));
    assert!(world.trackers[0].is_settled() && world.trackers[0].is_drained());
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
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// `listen` looks after each step whether anything is committed early.
    #[test]
    fn whatever_waits_every_key_keeps_its_order_and_nothing_is_lost_or_repeated(
        hold in [hold(), hold()],
        steps in prop::collection::vec((prop::collection::vec(input(), 1..8), 0..3usize), 1..25),
    ) {
        let (mut world, mut holds) = (World::new(hold), RetryQueue::default());
        for (batch, waits) in &steps {
            world.take(&mut holds, batch);
            (0..*waits).for_each(|_| world.wait(&mut holds));
        }
        world.wait_for_all(&mut holds);
        world.assert_keys_are_in_order();
        prop_assert_eq!(world.held, [None; PARTITIONS]);
        let all: usize = world.inputs.iter().map(Vec::len).sum();
        prop_assert_eq!(world.out.len() + world.gone.len(), all);
        for (partition, inputs) in world.inputs.iter().enumerate() {
            prop_assert_eq!(world.trackers[partition].position(), Some(Offset(inputs.len() as i64)));
            let offsets = world.offsets(partition as u32);
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
        let (mut world, mut holds) = (World::new(hold), RetryQueue::default());
        let at = abandoned.index(steps.len());
        for (number, (batch, waits)) in steps.iter().enumerate() {
            world.take(&mut holds, batch);
            (0..*waits).for_each(|_| world.wait(&mut holds));
            if number == at {
                holds.abandon(&world.leases[0].clone());
            }
        }
        world.wait_for_all(&mut holds);
        world.listen(&mut holds);
        prop_assert!(world.trackers.iter().all(Tracker::is_settled));
    }
}
