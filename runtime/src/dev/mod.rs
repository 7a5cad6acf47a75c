//! `dev`: one pipeline on the embedded broker, fed with records, its results handed back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::batch::{Arena, Partition};
use crate::config::plan::{Plan, Target};
use crate::counters::Totals;
use crate::error::PipelineError;
use crate::kafka::librdkafka::Librdkafka;
use crate::kafka::librdkafka::embedded::Embedded;
use crate::kafka::{
    Fetched, Kafka, KafkaError, Outgoing, PartitionReader, Producer, Sent, StartPosition, TopicPartition,
};
use crate::pipeline::Pipeline;
use crate::ready::Ready;
use crate::record_text::DevRecord;

/// Partitions of each topic on the embedded broker.
const PARTITIONS: i32 = 4;
/// How long one step may go without any progress before something must be wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often to look for progress.
const LOOK: Duration = Duration::from_millis(5);

/// A pipeline on the embedded broker.
pub struct Bench {
    // Dropped before the broker.
    pipeline: Option<Pipeline>,
    feeder: Arc<dyn Producer<Fed>>,
    results: Box<dyn PartitionReader>,
    delivered: Arc<Fed>,
    fed: usize,
    read: u64,
    _broker: Embedded,
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
    /// An input that is a pattern only; what keeps the broker or the pipeline from starting.
    pub fn start(ready: Ready) -> anyhow::Result<Bench> {
        let broker = Embedded::start()?;
        let input = input_topic(&ready.plan)?;
        let written = written_topics(&ready.plan);
        for topic in std::iter::once(&input).chain(&written) {
            // Two outputs may share a topic.
            let _ = broker.create_topic(topic, PARTITIONS);
        }
        let plan = Arc::new(embed(&ready.plan, &broker, &input));
        let feeder = Librdkafka.producer(&plan.name, &broker.point(&feeder_properties()), &[&input], report)?;
        let clients: &dyn Kafka<Fed> = &Librdkafka;
        let mut results = clients.reader(&plan.name, &broker.point(&reader_properties()))?;
        let all = written.iter().flat_map(|topic| {
            (0..PARTITIONS).map(move |partition| {
                (
                    TopicPartition { topic: topic.as_str().into(), partition: Partition(partition) },
                    StartPosition::Beginning,
                )
            })
        });
        results.start(&all.collect::<Vec<_>>())?;
        let pipeline =
            Some(Pipeline::start(Arc::new(Librdkafka), plan, ready.plugins, Arc::default(), Arc::default(), || {})?);
        let (delivered, fed, read) = (Arc::default(), 0, 0);
        Ok(Bench { pipeline, feeder, results, delivered, fed, read, _broker: broker })
    }

    /// What was counted so far.
    pub fn tally(&self) -> Totals {
        self.pipeline.as_ref().map(|pipeline| pipeline.counters.totals()).unwrap_or_default()
    }

    /// Feeds records, waits until all that comes of them is written, and hands each result to `result`. The records
    /// together must stay under [`SAFE_BACKLOG`](crate::kafka::embedded::SAFE_BACKLOG).
    ///
    /// # Errors
    /// The pipeline has ended or a breaker opened: why; nothing moves any more; what `result` answers.
    pub fn feed(
        &mut self,
        records: &[DevRecord],
        result: &mut dyn FnMut(DevRecord) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for record in records {
            self.send(record)?;
        }
        let mut seen = (Totals::default(), self.read);
        let mut moved = Instant::now();
        loop {
            self.read_results(result)?;
            let Some(pipeline) = &self.pipeline else { bail!("the pipeline has ended") };
            let (tally, view) = (pipeline.counters.totals(), pipeline.view.get());
            if let Some(breaker) = view.breaker.as_ref().filter(|_| self.read >= tally.out + tally.dead_letters) {
                bail!("the breaker is open, and here nobody waits for a probe: {breaker}");
            }
            if view.phase.is_over() {
                return Err(self.end().err().map_or_else(|| anyhow::anyhow!("the pipeline has ended"), Into::into));
            }
            let written = tally.out + tally.dead_letters;
            if tally.records >= self.fed as u64 && view.is_idle && self.read >= written {
                return Ok(());
            }
            if (tally, self.read) != seen {
                (seen, moved) = ((tally, self.read), Instant::now());
            }
            if moved.elapsed() > PATIENCE && view.retrying() == 0 {
                bail!("nothing moves any more: {} records fed, {tally:?}, {} results read", self.fed, self.read);
            }
        }
    }

    fn send(&mut self, record: &DevRecord) -> anyhow::Result<()> {
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
            match self.feeder.send(0, &outgoing, receipt) {
                Sent::Enqueued => break,
                Sent::Full(back) => {
                    receipt = back;
                    self.feeder.wait_for_room(LOOK);
                }
                Sent::Refused(_, error) => bail!("record {} cannot be fed: {error}", self.fed + 1),
            }
        }
        self.fed += 1;
        Ok(())
    }

    fn read_results(&mut self, result: &mut dyn FnMut(DevRecord) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (mut read, mut failed) = (0, Ok(()));
        let polled = self.results.poll(LOOK, &mut |fetched| {
            if let Fetched::Record(record) = fetched {
                read += 1;
                failed = result(DevRecord::from_fetched(&record));
            }
            failed.is_ok()
        });
        self.read += read;
        polled.context("reading the results")?;
        failed
    }

    /// Stops the pipeline and waits for its end.
    ///
    /// # Errors
    /// Why it could not go on.
    pub fn end(&mut self) -> Result<(), PipelineError> {
        let Some(pipeline) = self.pipeline.take() else { return Ok(()) };
        pipeline.stop();
        pipeline.join()
    }
}

fn input_topic(plan: &Plan) -> anyhow::Result<String> {
    let named = plan.input.topics.iter().find(|topic| !topic.starts_with('^'));
    named
        .cloned()
        .context("`dev` feeds the first topic of `input.topics` that is a name, and all are patterns: add one")
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

fn embed(plan: &Plan, broker: &Embedded, input: &str) -> Plan {
    let mut plan = Plan { embedded: true, ..plan.clone() };
    plan.input.topics = vec![input.to_owned()];
    plan.consumer = broker.point(&plan.consumer);
    plan.producer = broker.point(&plan.producer);
    // The embedded broker holds an empty fetch back for the whole of this time.
    plan.consumer.insert("fetch.wait.max.ms".to_owned(), "10".to_owned());
    plan
}

fn feeder_properties() -> BTreeMap<String, String> {
    to_map(&[("linger.ms", "0"), ("partitioner", "murmur2_random"), ("enable.idempotence", "true")])
}

fn reader_properties() -> BTreeMap<String, String> {
    to_map(&[
        ("group.id", "sluice-dev-results"),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "earliest"),
        ("fetch.wait.max.ms", "10"),
    ])
}

fn to_map(properties: &[(&str, &str)]) -> BTreeMap<String, String> {
    properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
