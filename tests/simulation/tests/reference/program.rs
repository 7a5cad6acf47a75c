//! A small program that reads, writes and commits in lockstep: right, or wrong in one way that has to be found.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use sluicebox::batch::{Headers, Offset};
use sluicebox::kafka::{
    Committed, ConsumerEvent, Fetched, GroupConsumer, Kafka, KafkaError, Outgoing, Producer, Properties, Sent,
    StartPosition, TopicPartition, TransactionError,
};
use sluicebox::rt::Wakeup;
use sluicebox_simulation::client::Simulated;
use sluicebox_simulation::instance::{Failure, FailureKind, Program, Running};
use sluicebox_simulation::scenario::{GROUP, Setup, input, output};

/// What the program does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    CommitsBeforeItWrites,
    CommitsOneTooFar,
    ForgetsToSeekAfterARebalance,
    ForgetsToSeekAfterAnAbort,
    IgnoresFailedReports,
    NeverAnswersARevoke,
}

/// The program.
pub struct Small(pub Option<Wrong>);

/// Counts what is not acknowledged, and what has failed.
#[derive(Default)]
struct Receipts {
    failed: AtomicU32,
}

fn report(receipts: Arc<Receipts>, result: Result<(), KafkaError>) {
    if result.is_err() {
        receipts.failed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Program for Small {
    fn start(&self, setup: &Setup, name: Option<String>) -> Running {
        let (stopping, wakeup) = (Rc::new(Cell::new(false)), Wakeup::default());
        let (wrong, setup) = (self.0, setup.clone());
        let stop = {
            let (stopping, wakeup) = (stopping.clone(), wakeup.clone());
            Rc::new(move || {
                stopping.set(true);
                wakeup.wake();
            })
        };
        let join = Box::new(move || {
            Line::new(wrong, &setup, name.as_deref(), wakeup).run(&stopping).map_err(|error| {
                let kind = if error.text.contains("authorization") { FailureKind::Rights } else { FailureKind::Drain };
                Failure { text: error.text, kind }
            })
        });
        Running { stop, is_at_rest: Rc::new(|| true), join }
    }
}

struct Line {
    wrong: Option<Wrong>,
    consumer: Box<dyn GroupConsumer>,
    producer: Arc<dyn Producer<Receipts>>,
    receipts: Arc<Receipts>,
    wakeup: Wakeup,
    next: BTreeMap<TopicPartition, StartPosition>,
    exactly_once: bool,
    setup: Setup,
    is_answered: AtomicBool,
}

impl Line {
    fn new(wrong: Option<Wrong>, setup: &Setup, name: Option<&str>, wakeup: Wakeup) -> Line {
        let mut properties = Properties::new();
        let mut set = |name: &str, value: String| _ = properties.insert(name.to_owned(), value);
        set("group.id", GROUP.to_owned());
        set("enable.partition.eof", "true".to_owned());
        set("session.timeout.ms", setup.session.to_string());
        set("heartbeat.interval.ms", (setup.session / 5).to_string());
        set("max.poll.interval.ms", setup.poll_interval.to_string());
        set("topic.metadata.refresh.interval.ms", "2000".to_owned());
        set("queued.min.messages", setup.fetched_ahead.to_string());
        if setup.protocol == sluicebox_simulation::cluster::group::Protocol::Eager {
            set("partition.assignment.strategy", "range".to_owned());
        }
        if setup.protocol == sluicebox_simulation::cluster::group::Protocol::Consumer {
            set("group.protocol", "consumer".to_owned());
        }
        if let Some(name) = name {
            set("group.instance.id", name.to_owned());
        }
        if setup.exactly_once {
            let name = name.map_or_else(|| "0123456789abcdef".to_owned(), str::to_owned);
            set("transactional.id", format!("t-{name}"));
            set("transaction.timeout.ms", setup.transaction_timeout.to_string());
        }
        let pipeline: Arc<str> = "p".into();
        let kafka: &dyn Kafka<Receipts> = &Simulated;
        let mut consumer = kafka.consumer(&pipeline, &properties, 1, wakeup.clone()).unwrap();
        let topics: Vec<String> = (0..setup.topics.len()).map(|topic| input(topic).to_string()).collect();
        consumer.subscribe(&topics).unwrap();
        let outputs: Vec<Arc<str>> = (0..=setup.more_outputs).map(output).collect();
        let names: Vec<&str> = outputs.iter().map(|name| &**name).collect();
        let producer = kafka.producer(&pipeline, &properties, &names, report).unwrap();
        let (receipts, next, is_answered) = (Arc::default(), BTreeMap::new(), AtomicBool::new(true));
        let (exactly_once, setup) = (setup.exactly_once, setup.clone());
        Line { wrong, consumer, producer, receipts, wakeup, next, exactly_once, setup, is_answered }
    }

    fn run(mut self, stopping: &Cell<bool>) -> Result<(), KafkaError> {
        if self.exactly_once {
            self.until_done(|producer| producer.init_transactions(Duration::from_millis(500)))?;
        }
        while !stopping.get() {
            while let Some(event) = self.consumer.next_event() {
                self.on_event(event)?;
            }
            if !self.step()? {
                let at = sluicebox::rt::now() + Duration::from_millis(50);
                self.wakeup.wait_until(Some(at));
            }
        }
        self.consumer.close(Duration::from_secs(1));
        Ok(())
    }

    fn until_done(
        &self,
        call: impl Fn(&dyn Producer<Receipts>) -> Result<(), TransactionError>,
    ) -> Result<(), KafkaError> {
        loop {
            match call(&*self.producer) {
                Ok(()) => return Ok(()),
                Err(TransactionError::Retry(_)) => sluicebox::rt::sleep(Duration::from_millis(20)),
                Err(error) => return Err(error.into_cause()),
            }
        }
    }

    fn on_event(&mut self, event: ConsumerEvent) -> Result<(), KafkaError> {
        match event {
            ConsumerEvent::Assigned(partitions) => {
                let queries = self.consumer.queries();
                let committed = loop {
                    if let Ok(committed) = queries.committed(&partitions, Duration::from_secs(2)) {
                        break committed;
                    }
                };
                let mut list = Vec::new();
                for (at, committed) in committed {
                    let from = committed?.map_or(StartPosition::Beginning, |own| StartPosition::Offset(own.offset));
                    self.next.insert(at.clone(), from);
                    list.push((at, from, 0));
                }
                self.consumer.assign(&list)?;
                let others = self.next.iter().filter(|(at, _)| !partitions.contains(at));
                let others = others.map(|(at, next)| (at.clone(), *next)).collect();
                self.seek(others);
            }
            ConsumerEvent::Revoked { partitions, lost: _ } => {
                if self.wrong == Some(Wrong::NeverAnswersARevoke) {
                    return Ok(());
                }
                self.next.retain(|at, _| !partitions.contains(at));
                self.consumer.unassign(&partitions)?;
                self.seek(self.next.clone());
            }
            ConsumerEvent::Committed(_) => self.is_answered.store(true, Ordering::Relaxed),
            ConsumerEvent::Failed(_) => {}
            ConsumerEvent::Fatal(error) => return Err(error),
        }
        Ok(())
    }

    /// The client has paused all partitions by itself, and would pass records over.
    fn seek(&mut self, next: BTreeMap<TopicPartition, StartPosition>) {
        if self.wrong == Some(Wrong::ForgetsToSeekAfterARebalance) {
            return;
        }
        let list: Vec<_> = next.into_iter().collect();
        self.consumer.seek(&list, Duration::from_secs(5)).unwrap();
    }

    /// Reads some records, writes what comes of them, and commits.
    fn step(&mut self) -> Result<bool, KafkaError> {
        let (mut paths, most) = (Vec::new(), self.setup.batch_records);
        let mut next = self.next.clone();
        let mut ended = false;
        self.consumer.read(0, &mut |fetched| {
            match fetched {
                Fetched::Record(record) => {
                    let at = TopicPartition { topic: record.origin.topic(), partition: record.partition };
                    if next.get(&at).is_none_or(|next| record.offset.0 < offset_of(*next)) {
                        return true;
                    }
                    next.insert(at, StartPosition::Offset(Offset(record.offset.0 + 1)));
                    let own = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                    paths.push((own(record.key), own(record.value)));
                }
                Fetched::End(at, end) => {
                    if let Some(next) = next.get_mut(&at) {
                        *next = StartPosition::Offset(Offset(end.0.max(offset_of(*next))));
                        ended = true;
                    }
                }
                Fetched::OffsetOutOfRange(..) | Fetched::Failed(_) => {}
            }
            paths.len() < most
        });
        if paths.is_empty() && !ended {
            return Ok(false);
        }
        let before = std::mem::replace(&mut self.next, next);
        if self.wrong == Some(Wrong::CommitsBeforeItWrites) {
            self.commit()?;
        }
        if self.exactly_once {
            self.producer.begin_transaction().map_err(TransactionError::into_cause)?;
        }
        for (key, value) in &paths {
            self.write(key.as_deref(), value.as_deref());
        }
        if self.exactly_once {
            return self.end_transaction(&before).map(|()| true);
        }
        while !self.producer.flush(Duration::from_secs(1)) {}
        if self.receipts.failed.load(Ordering::Relaxed) > 0 && self.wrong != Some(Wrong::IgnoresFailedReports) {
            return Err(KafkaError::new(sluicebox::kafka::ErrorKind::Other, "authorization, perhaps"));
        }
        self.commit()?;
        Ok(true)
    }

    fn offsets(&self) -> Vec<(TopicPartition, Committed)> {
        let more = i64::from(self.wrong == Some(Wrong::CommitsOneTooFar));
        let committed = |(at, next): (&TopicPartition, &StartPosition)| match next {
            StartPosition::Offset(next) => {
                Some((at.clone(), Committed { offset: Offset(next.0 + more), note: String::new() }))
            }
            StartPosition::Beginning => None,
        };
        self.next.iter().filter_map(committed).collect()
    }

    fn commit(&mut self) -> Result<(), KafkaError> {
        self.is_answered.store(false, Ordering::Relaxed);
        self.consumer.commit(&self.offsets())?;
        let until = sluicebox::rt::now() + Duration::from_secs(8);
        while !self.is_answered.load(Ordering::Relaxed) && sluicebox::rt::now() < until {
            self.wakeup.wait_until(Some(sluicebox::rt::now() + Duration::from_millis(50)));
            while let Some(event) = self.consumer.next_event() {
                self.on_event(event)?;
            }
        }
        Ok(())
    }

    fn write(&self, key: Option<&[u8]>, value: Option<&[u8]>) {
        let record = Outgoing { key, value, headers: Headers::EMPTY, more_headers: &[], timestamp: 1 };
        let mut receipt = self.receipts.clone();
        loop {
            match self.producer.send(0, &record, receipt) {
                Sent::Enqueued => return,
                Sent::Full(back) => {
                    receipt = back;
                    self.producer.wait_for_room(Duration::from_millis(20));
                }
                Sent::Refused(..) => return,
            }
        }
    }

    fn end_transaction(&mut self, before: &BTreeMap<TopicPartition, StartPosition>) -> Result<(), KafkaError> {
        let half = Duration::from_millis(500);
        let offsets = self.offsets();
        let sent = match self.consumer.group_metadata() {
            Some(group) => self.producer.send_offsets(&offsets, &group, Duration::from_secs(5)),
            None => Err(TransactionError::Abort(KafkaError::timed_out("no member"))),
        };
        let committed = match sent {
            Ok(()) => self.until_done(|producer| producer.commit_transaction(half)),
            Err(error) => Err(error.into_cause()),
        };
        if committed.is_ok() {
            return Ok(());
        }
        self.until_done(|producer| producer.abort_transaction(half))?;
        self.next = before.clone();
        if self.wrong != Some(Wrong::ForgetsToSeekAfterAnAbort) {
            let back: Vec<_> = self.next.clone().into_iter().collect();
            self.consumer.seek(&back, Duration::from_secs(5))?;
        }
        Ok(())
    }
}

fn offset_of(next: StartPosition) -> i64 {
    match next {
        StartPosition::Offset(offset) => offset.0,
        StartPosition::Beginning => 0,
    }
}
