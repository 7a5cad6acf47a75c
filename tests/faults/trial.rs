//! One scenario at work: its pipeline and topics, the load, the starts of the program, and the reckoning at the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sluicebox_tests::{
    CommitWatch, Evidence, Feeder, Folder, Group, Kafka, Load, Mix, Pipeline, Place, Sample, Sluice, WRITER, Workload,
    check, commit_log, most_written, program, record_with, wait_for,
};

use crate::report::Report;
use crate::scenario::Delivery;
use crate::site::Site;

/// A user whom the guarded broker knows.
pub const USER: &str = "alice";

/// And the password.
pub const PASSWORD: &str = "correct-horse-battery";

/// The pipeline's `drain`.
pub const DRAIN: Duration = Duration::from_secs(10);

/// What a stop may take beside the drain: clients that close, a process that ends, on a machine that is busy.
const STOP_SLACK: Duration = Duration::from_secs(5);

/// Records that are to be worked at when all brokers go.
const BACKLOG: i64 = 60_000;

/// How often offsets are committed under `at_least_once`.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);

/// How long a commit may take from when it is due until its answer.
const COMMIT_SLACK: Duration = Duration::from_millis(500);

/// What can be in flight in one process: each worker has a batch at work and one that waits, and the producer another.
const IN_FLIGHT: usize = WORKERS * 3 * BATCH;

const WORKERS: usize = 2;
const BATCH: usize = 256;

/// Partitions of each topic. As many in the input as in what is written: a key has the same number in all of them.
pub const PARTITIONS: i32 = 6;

/// For what the program brings about by itself.
const FLOW_LIMIT: Duration = Duration::from_secs(90);

/// A scenario at work.
pub struct Trial {
    pub delivery: Delivery,
    /// Whether the numbers of the promises are to be held: else the machine may be busy with other things.
    pub is_whole: bool,
    /// Decides when faults strike.
    pub random: fastrand::Rng,
    pub site: Arc<Site>,
    /// The brokers as the test sees them: past the proxies.
    pub kafka: Kafka,
    pub pipeline: Pipeline,
    pub group: Group,
    /// Keys of the stage that judges records, beside its plugin.
    pub judge: Map<String, Value>,
    /// Records in a second of load.
    pub rate: usize,
    /// Whether a process may come back to a partition that it had lost.
    pub may_come_back: bool,
    seed: u64,
    folder: Folder,
    logs: PathBuf,
    starts: usize,
    load: Option<Load>,
    /// The number of the next record, while there is no load.
    next: usize,
    commits: CommitWatch,
    /// From when to when something happened after which what was not committed may be repeated.
    repeats: Vec<(Instant, Instant)>,
    notes: Vec<String>,
    broken: Vec<String>,
}

impl Trial {
    /// Makes the topics and begins to watch what is committed.
    pub fn begin(name: &str, delivery: Delivery, seed: u64, is_whole: bool, site: Arc<Site>, logs: PathBuf) -> Trial {
        let kafka = Kafka::at(&site.cluster().bootstrap());
        let mut pipeline = Pipeline::new(&kafka, name);
        let replicas = if site.cluster().brokers().len() >= 3 { 3 } else { 1 };
        for topic in [&pipeline.input, &pipeline.output, &pipeline.dlq, &audit_topic(&pipeline)] {
            kafka.create_replicated_topic(topic, PARTITIONS, replicas, &[]);
        }
        pipeline.set("kafka", json!({ "bootstrap.servers": site.bootstrap() }));
        // A member that is gone is missed soon.
        pipeline.set("consumer", json!({ "session.timeout.ms": 4_000, "heartbeat.interval.ms": 500 }));
        pipeline.set("delivery", json!(delivery.name())).set("workers", json!(WORKERS));
        pipeline.set("batch", json!({ "max_records": BATCH }));
        if delivery == Delivery::AtLeastOnce {
            pipeline.set("commit_interval", json!(format!("{}s", COMMIT_INTERVAL.as_secs())));
        }
        pipeline.set("drain", json!(format!("{}s", DRAIN.as_secs())));
        pipeline.set_in("outputs", "audit", json!({ "topic": audit_topic(&pipeline) }));
        let commits = CommitWatch::start(&kafka, &pipeline.name, &pipeline.input, topics(&pipeline));
        Trial {
            delivery,
            is_whole,
            random: fastrand::Rng::with_seed(seed),
            site,
            group: Group::new(&kafka, &pipeline.name),
            kafka,
            pipeline,
            judge: Map::new(),
            rate: 2_000,
            may_come_back: false,
            seed,
            folder: Folder::new(),
            logs,
            starts: 0,
            load: None,
            next: 0,
            commits,
            repeats: Vec::new(),
            notes: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// Leaves the members' sessions as they are by default: for brokers that take a while.
    pub fn keep_default_session(&mut self) {
        self.pipeline.remove("consumer");
    }

    /// Begins to feed records of this mix, in place of those before.
    pub fn load(&mut self, mix: Mix) {
        self.stop_load();
        let workload = Workload::new(self.seed, mix);
        self.load = Some(Load::start(&self.kafka, &self.pipeline.input, workload, self.next, self.rate));
    }

    /// Feeds work for a while, all of it acknowledged: brokers that are all killed at once may take twice what a client
    /// has to send again, and then the input would have no order.
    pub fn load_backlog(&mut self) {
        let rate = std::mem::replace(&mut self.rate, 20_000);
        self.load(Mix { spin: 200_000, ..Mix::usual() });
        self.kafka.wait_for_size(&self.pipeline.input, BACKLOG);
        self.stop_load();
        self.rate = rate;
    }

    /// Ends the load, until there is another.
    pub fn stop_load(&mut self) {
        if let Some(load) = self.load.take() {
            self.next = load.stop();
        }
    }

    /// Feeds one record, while there is no load.
    pub fn feed(&mut self, key: &str, value: &str) {
        assert!(self.load.is_none(), "numbers are the load's, while there is one");
        Feeder::new(&self.kafka, &[]).feed(&self.pipeline.input, [&record_with(self.next, key, value)]);
        self.next += 1;
    }

    /// Starts the program; each start is a writer of its own.
    pub fn start(&mut self) -> Sluice {
        self.start_program(&program(), |_| {})
    }

    /// Starts any build of the program, with more arguments or variables.
    pub fn start_program(&mut self, program: &Path, more: impl FnOnce(&mut Command)) -> Sluice {
        self.starts += 1;
        let number = self.starts;
        let mut judge = json!({ "name": format!("judge-{number}"), "plugin": "misbehave" });
        judge.as_object_mut().unwrap().extend(self.judge.clone());
        let stamp = json!({ "name": format!("writer-{number}"), "plugin": "misbehave", "config": { "stamp": WRITER } });
        self.pipeline.set("stages", json!([stamp, judge]));
        let file = self.folder.write(&format!("start-{number}.yaml"), self.pipeline.yaml());
        let log = self.logs.join(format!("sluice-{number}.log"));
        Sluice::run_program(program, &[&file], &log, more)
    }

    /// Waits until so many more records than now can be read from the output.
    pub fn go_on(&self, records: i64) {
        let size = self.kafka.size(&self.pipeline.output);
        let target = size + records;
        wait_for(&format!("{records} more records in the output"), FLOW_LIMIT, || {
            let seen = self.kafka.size(&self.pipeline.output);
            if seen >= target { Ok(()) } else { Err(format!("there are {} more", seen - size)) }
        });
    }

    /// The same with a number that the seed decides.
    pub fn go_on_for_a_while(&mut self) {
        let records = self.random.i64(300..3_000);
        self.go_on(records);
    }

    /// Since `from` something has happened, a crash or the loss of partitions, after which what was not committed may
    /// be repeated once, under `at_least_once`. Without it nothing may ever be repeated.
    pub fn may_repeat_from(&mut self, from: Instant) {
        self.repeats.push((from, Instant::now()));
    }

    /// Brokers that are slow to come back may end a session: then, as the copy's log tells, its partitions were lost,
    /// and what was not committed may be repeated. Where no membership was lost nothing may be.
    pub fn forgive_lost_memberships(&mut self, sluice: &Sluice, from: Instant) {
        let lost = sluice.lines().iter().filter(|line| line.message().starts_with("the assignment was lost")).count();
        self.may_come_back |= lost > 0;
        (0..lost).for_each(|_| self.may_repeat_from(from));
        self.note(format!("membership lost {lost} times"));
    }

    /// Something that was measured, for the table.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Something that a promise puts a number to; it is held in the whole suite.
    pub fn promise(&mut self, what: &str, took: Duration, limit: Duration) {
        self.notes.push(format!("{what} {:.2} s", took.as_secs_f64()));
        if self.is_whole && took > limit {
            self.broken.push(format!("{what}: {:.2} s, promised are {} s", took.as_secs_f64(), limit.as_secs_f64()));
        }
    }

    /// The same for a share of what there was before.
    pub fn promise_share(&mut self, what: &str, share: f64, least: f64) {
        self.notes.push(format!("{what}: {share:.2}"));
        if self.is_whole && share < least {
            self.broken.push(format!("{what}: {share:.2}, promised are {least}"));
        }
    }

    /// Tells a process to stop. It must end within the drain deadline, with this exit code where one is named.
    pub fn stop(&mut self, sluice: &mut Sluice, code: Option<i32>) {
        let told = Instant::now();
        // Far more than it may take, so that the number is known.
        let ended = sluice.terminate(DRAIN * 6);
        let took = told.elapsed();
        if took > DRAIN + STOP_SLACK {
            self.broken.push(format!(
                "it took {:.1} s to stop, with a drain of {} s",
                took.as_secs_f64(),
                DRAIN.as_secs()
            ));
        }
        if code.is_some_and(|code| code != ended) {
            self.broken.push(format!("it stopped with exit code {ended}: {:?}", sluice.errors()));
        }
    }

    /// Ends the load, lets `running` deliver all of it and stop, and checks everything.
    pub fn finish(mut self, mut running: Vec<Sluice>) -> Report {
        self.stop_load();
        let (first, _) = running.split_first_mut().expect("somebody has to finish the work");
        first.wait_until_caught_up(&self.group, &self.pipeline.input);
        for sluice in &mut running {
            self.stop(sluice, Some(0));
        }
        self.reckon()
    }

    /// The same, where nothing is to be delivered any more.
    fn reckon(mut self) -> Report {
        let samples = self.commits.finish();
        let topics = topics(&self.pipeline);
        let read = |topic: &String| {
            self.kafka.wait_until_no_transaction_is_open(topic);
            self.kafka.read(topic).0
        };
        let input = read(&self.pipeline.input);
        let written: BTreeMap<Place, _> = topics.iter().map(|(place, topic)| (*place, read(topic))).collect();
        let bound = match self.delivery {
            Delivery::ExactlyOnce => 0,
            Delivery::AtLeastOnce => self.repeats.iter().map(|(from, to)| uncommitted(&samples, *from, *to)).sum(),
        };
        let commits = commit_log(&self.kafka, &self.pipeline.name, &self.pipeline.input);
        if input.is_empty() || written[&Place::Output].is_empty() || commits.is_empty() {
            self.broken.push("nothing has come out: nothing was tested".to_owned());
        }
        let evidence = Evidence { input, written, samples, commits, may_come_back: self.may_come_back };
        let findings = check(&evidence);
        Report { records: evidence.input.len(), findings, bound, notes: self.notes, broken: self.broken }
    }
}

/// What may have been written and not committed at a moment between these two: the most that was written in a commit
/// interval before it, by the samples of the run, and what can be in flight.
fn uncommitted(samples: &[Sample], from: Instant, to: Instant) -> usize {
    most_written(samples, COMMIT_INTERVAL + COMMIT_SLACK, from, to) + IN_FLIGHT
}

fn audit_topic(pipeline: &Pipeline) -> String {
    format!("{}.audit", pipeline.name)
}

fn topics(pipeline: &Pipeline) -> BTreeMap<Place, String> {
    let audit = audit_topic(pipeline);
    [(Place::Output, pipeline.output.clone()), (Place::Audit, audit), (Place::Letters, pipeline.dlq.clone())].into()
}
