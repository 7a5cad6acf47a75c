//! `dev`: one pipeline on the embedded broker, fed with records, its results handed back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::batch::Arena;
use crate::config::TopicPattern;
use crate::config::plan::{Plan, Start, Target};
use crate::error::PipelineError;
use crate::kafka::librdkafka::Librdkafka;
use crate::kafka::librdkafka::embedded::Embedded;
use crate::kafka::{
    Fetched, Kafka, KafkaError, Outgoing, PartitionReader, Producer, Sent, StartPosition, TopicPartition,
};
use crate::pipeline::Pipeline;
use crate::ready::Ready;
use crate::record_text::DevRecord;

/// Partitions of each topic on the embedded broker: with one, results come in the order of the input.
const PARTITIONS: i32 = 1;
/// How long one step may go without any progress before something must be wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the embedded broker may take to answer a question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often to look for progress.
const LOOK: Duration = Duration::from_millis(5);
/// Bytes of records that lie in the embedded broker at a time, unless one record is larger: it keeps 5 MiB a partition,
/// and a stage may make more of a record than came in.
const BACKLOG: usize = 512 << 10;
/// The header of a dead letter that says of which class it is.
const CLASS: &str = "sluice.error.class";
/// The largest request to and from the embedded broker: a record of 100 MB, and what stands around it.
const LARGEST: &str = "300000000";

/// A pipeline on the embedded broker.
pub struct Bench {
    // Dropped before the broker.
    pipeline: Option<Pipeline>,
    inputs: Inputs,
    results: Box<dyn PartitionReader>,
    written: Vec<String>,
    dlq: Option<String>,
    delivered: Arc<Fed>,
    summary: Summary,
    broker: Embedded,
}

/// What went in, and what came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records that were fed.
    pub fed: u64,
    /// Records in output topics.
    pub out: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Records that stages dropped.
    pub dropped: u64,
}

/// The topics that can be fed.
struct Inputs {
    // The first that has a name; none where all are patterns.
    first: Option<String>,
    patterns: Vec<TopicPattern>,
    // Each with a producer of its own: a producer's topics are fixed when it is made.
    topics: BTreeMap<String, Arc<dyn Producer<Fed>>>,
    // The pipeline's name, which the producers' log lines have.
    pipeline: Arc<str>,
}

/// A record that names a topic that is not read, or none where one is needed.
#[derive(Debug, thiserror::Error)]
pub enum NoInput {
    /// The pipeline does not read the topic.
    #[error("topic \"{0}\" is not among `input.topics`; without a topic the record goes to the first of them")]
    NotRead(String),
    /// There is no first one.
    #[error(
        "a topic is needed, because all of `input.topics` are patterns: {{\"topic\": \"NAME\", \"value\": \"...\"}}"
    )]
    Needed,
}

/// What the embedded broker has acknowledged of what was fed.
#[derive(Default)]
struct Fed {
    delivered: AtomicUsize,
    failed: AtomicUsize,
}

fn report(fed: Arc<Fed>, result: Result<(), KafkaError>) {
    let counter = if result.is_ok() { &fed.delivered } else { &fed.failed };
    counter.fetch_add(1, Ordering::AcqRel);
}

impl Bench {
    /// Starts the broker with the pipeline's topics, and the pipeline on it.
    ///
    /// # Errors
    /// What keeps the broker or the pipeline from starting.
    pub fn start(ready: Ready) -> anyhow::Result<Bench> {
        let broker = Embedded::start()?;
        let written = written_topics(&ready.plan);
        let names: BTreeSet<&String> =
            ready.plan.input.topics.iter().filter(|topic| !topic.starts_with('^')).chain(&written).collect();
        for topic in names {
            broker.create_topic(topic, PARTITIONS)?;
        }
        let plan = Arc::new(embed(&ready.plan, &broker));
        let clients: &dyn Kafka<Fed> = &Librdkafka;
        let mut results = clients.reader(&plan.name, &broker.point(&reader_properties()))?;
        let all = written.iter().map(|topic| (TopicPartition::new(topic, 0), StartPosition::Beginning));
        results.start(&all.collect::<Vec<_>>())?;
        let inputs = Inputs::new(&plan, &broker)?;
        let dlq = plan.dlq.as_ref().map(|dlq| dlq.topic.name.clone());
        let (counters, view) = (Arc::default(), Arc::default());
        let pipeline = Some(Pipeline::start(Arc::new(Librdkafka), plan, ready.plugins, counters, view, || {})?);
        let (delivered, summary) = (Arc::default(), Summary::default());
        Ok(Bench { pipeline, inputs, results, written, dlq, delivered, summary, broker })
    }

    /// What went in and came out so far.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Whether a record can be fed: the pipeline reads the topic that it names.
    ///
    /// # Errors
    /// It does not.
    pub fn takes(&self, record: &DevRecord) -> Result<(), NoInput> {
        self.inputs.topic(record).map(|_| ())
    }

    /// Feeds records, waits until all that comes of them is written, and hands each result to `result`.
    ///
    /// # Errors
    /// The pipeline has ended or a circuit breaker opened: why; nothing moves any more; what `result` returns.
    pub fn feed(
        &mut self,
        records: &[DevRecord],
        result: &mut dyn FnMut(DevRecord) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut rest = records;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(fitting(rest));
            for record in now {
                self.send(record)?;
            }
            self.wait_for_results(result)?;
            rest = later;
        }
        Ok(())
    }

    fn wait_for_results(&mut self, result: &mut dyn FnMut(DevRecord) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut moved = (Instant::now(), None);
        loop {
            self.read_results(LOOK, result)?;
            let Some(pipeline) = &self.pipeline else { bail!("the pipeline has ended") };
            let (totals, view) = (pipeline.counters.totals(), pipeline.view.get());
            self.summary.dropped = totals.dropped;
            let (written, read) = (totals.out + totals.dead_letters, self.summary.out + self.summary.dead_letters);
            if let Some(breaker) = view.breaker.as_ref().filter(|_| read >= written) {
                bail!("the circuit breaker is open, and `dev` does not wait for a probe: {breaker}");
            }
            if view.phase.is_over() {
                let ended = self.end(result);
                return Err(ended.err().unwrap_or_else(|| anyhow::anyhow!("the pipeline has ended")));
            }
            if totals.records >= self.summary.fed && view.is_idle && read >= written {
                return Ok(());
            }
            if moved.1 != Some((totals, read)) {
                moved = (Instant::now(), Some((totals, read)));
            }
            if moved.0.elapsed() > PATIENCE && view.retrying() == 0 {
                bail!("nothing moves any more: {} records fed, {totals:?}, {read} results read", self.summary.fed);
            }
        }
    }

    fn send(&mut self, record: &DevRecord) -> anyhow::Result<()> {
        let feeder = self.inputs.open(record, &self.broker)?;
        let mut arena = Arena::default();
        let headers = record.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
        let list = arena.push_headers(headers);
        let outgoing = Outgoing {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: arena.headers(list),
            more_headers: &[],
            timestamp: record.timestamp.unwrap_or(0),
        };
        let mut receipt = self.delivered.clone();
        loop {
            match feeder.send(0, &outgoing, receipt) {
                Sent::Enqueued => break,
                Sent::Full(back) => {
                    receipt = back;
                    feeder.wait_for_room(LOOK);
                }
                Sent::Refused(_, error) => bail!("record {} cannot be fed: {error}", self.summary.fed + 1),
            }
        }
        self.summary.fed += 1;
        Ok(())
    }

    /// Reads results until there are none for a moment.
    fn read_results(
        &mut self,
        mut patience: Duration,
        result: &mut dyn FnMut(DevRecord) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        loop {
            let (mut read, mut taken) = (0, Ok(()));
            let (summary, dlq) = (&mut self.summary, self.dlq.as_deref());
            let polled = self.results.poll(patience, &mut |fetched| {
                if let Fetched::Record(record) = fetched {
                    let mut record = DevRecord::from_fetched(&record);
                    record.dead_letter = is_dead_letter(&record, dlq);
                    let counter = if record.dead_letter { &mut summary.dead_letters } else { &mut summary.out };
                    *counter += 1;
                    read += 1;
                    taken = result(record);
                }
                taken.is_ok()
            });
            polled.context("reading the results")?;
            taken?;
            if read == 0 {
                return Ok(());
            }
            patience = Duration::ZERO;
        }
    }

    /// Stops the pipeline, waits for its end, and hands over the results that are left.
    ///
    /// # Errors
    /// Why it could not go on; what `result` returns.
    pub fn end(&mut self, result: &mut dyn FnMut(DevRecord) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let Some(pipeline) = self.pipeline.take() else { return Ok(()) };
        pipeline.stop();
        let counters = pipeline.counters.clone();
        let ended: Result<(), PipelineError> = pipeline.join();
        self.summary.dropped = counters.totals().dropped;
        let begun = Instant::now();
        while self.summary.out + self.summary.dead_letters < self.written_so_far()? && begun.elapsed() < PATIENCE {
            self.read_results(LOOK, result)?;
        }
        Ok(ended?)
    }

    /// How many records lie in the topics that are written.
    fn written_so_far(&self) -> anyhow::Result<u64> {
        let end = |topic: &String| self.results.watermarks(&TopicPartition::new(topic, 0), ANSWER_TIMEOUT);
        let ends = self.written.iter().map(|topic| Ok(end(topic)?.1.0 as u64));
        ends.sum::<Result<u64, KafkaError>>().context("reading the results")
    }
}

/// Whether a record lies in the dead-letter topic, which may be an output's too, and says why it does.
fn is_dead_letter(record: &DevRecord, dlq: Option<&str>) -> bool {
    record.topic.as_deref() == dlq && record.header(CLASS).is_some()
}

/// How many of these records are fed at once; one at the least.
fn fitting(records: &[DevRecord]) -> usize {
    let mut bytes = 0;
    let fits = |record: &&DevRecord| {
        bytes += record.size();
        bytes <= BACKLOG
    };
    records.iter().take_while(fits).count().max(1)
}

impl Inputs {
    fn new(plan: &Plan, broker: &Embedded) -> anyhow::Result<Inputs> {
        let (patterns, names): (Vec<&String>, Vec<&String>) =
            plan.input.topics.iter().partition(|topic| topic.starts_with('^'));
        let patterns = patterns.into_iter().map(|pattern| TopicPattern::new(pattern));
        let topics = names.iter().map(|name| Ok(((*name).clone(), feeder(&plan.name, name, broker)?)));
        Ok(Inputs {
            first: names.first().map(|name| (*name).clone()),
            patterns: patterns.collect::<Result<_, _>>().map_err(anyhow::Error::msg)?,
            topics: topics.collect::<anyhow::Result<_>>()?,
            pipeline: plan.name.clone(),
        })
    }

    /// The topic that a record goes to.
    fn topic<'a>(&'a self, record: &'a DevRecord) -> Result<&'a str, NoInput> {
        let Some(named) = &record.topic else { return self.first.as_deref().ok_or(NoInput::Needed) };
        let is_read = self.topics.contains_key(named) || self.patterns.iter().any(|pattern| pattern.matches(named));
        if is_read { Ok(named) } else { Err(NoInput::NotRead(named.clone())) }
    }

    /// The producer that writes to this topic. A topic that a pattern matches is made when it is first named.
    fn open(&mut self, record: &DevRecord, broker: &Embedded) -> anyhow::Result<&Arc<dyn Producer<Fed>>> {
        let name = self.topic(record)?.to_owned();
        if !self.topics.contains_key(&name) {
            // One that is written, too, is there already.
            let _ = broker.create_topic(&name, PARTITIONS);
            self.topics.insert(name.clone(), feeder(&self.pipeline, &name, broker)?);
        }
        self.topics.get(&name).context("the topic was just added")
    }
}

fn written_topics(plan: &Plan) -> Vec<String> {
    let outputs = plan.outputs.iter().filter_map(|output| match &output.target {
        Target::Topic(topic) => Some(topic.name.clone()),
        Target::Drop => None,
    });
    let mut all: Vec<String> = outputs.chain(plan.dlq.as_ref().map(|dlq| dlq.topic.name.clone())).collect();
    all.sort();
    all.dedup();
    all
}

/// The plan for the embedded broker: records come one by one or in small portions, and may be large.
fn embed(plan: &Plan, broker: &Embedded) -> Plan {
    let mut plan = Plan { embedded: true, ..plan.clone() };
    // What is fed is processed, whenever the pipeline has joined its group.
    plan.input.start = Start::Earliest;
    plan.batch.max_wait = Duration::ZERO;
    plan.consumer = broker.point(&plan.consumer);
    plan.consumer.extend(to_map(&[
        // The embedded broker holds an empty fetch back for the whole of this time.
        ("fetch.wait.max.ms", "5"),
        ("receive.message.max.bytes", LARGEST),
        // A topic that a pattern matches is made when a record names it.
        ("topic.metadata.refresh.interval.ms", "100"),
    ]));
    plan.producer = broker.point(&plan.producer);
    plan.producer.extend(to_map(&[("linger.ms", "0"), ("queue.buffering.max.kbytes", "1000000")]));
    plan
}

/// A producer that feeds one topic.
fn feeder(pipeline: &Arc<str>, topic: &str, broker: &Embedded) -> anyhow::Result<Arc<dyn Producer<Fed>>> {
    Librdkafka.producer(pipeline, &broker.point(&feeder_properties()), &[topic], report)
}

fn feeder_properties() -> BTreeMap<String, String> {
    to_map(&[("linger.ms", "0"), ("enable.idempotence", "true"), ("message.max.bytes", LARGEST)])
}

fn reader_properties() -> BTreeMap<String, String> {
    to_map(&[
        ("group.id", "sluice-dev-results"),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "earliest"),
        ("fetch.wait.max.ms", "5"),
        ("receive.message.max.bytes", LARGEST),
    ])
}

fn to_map(properties: &[(&str, &str)]) -> BTreeMap<String, String> {
    properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
