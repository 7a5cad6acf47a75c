//! The program that a careful Rust programmer writes by hand with rdkafka: what the others are compared with.
//!
//! It runs in a process of its own, on the same settings of librdkafka as the pipeline it is compared with, and gives
//! the same promise: offsets are committed once all that came before them is acknowledged.

mod order;

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use sluicebox::config::plan::{Plan, Target};
use sluicebox::config::{PlanOptions, load};

use super::job::Job;

/// Records between two looks at delivery reports and the clock.
const BURST: u64 = 256;
/// How long the consumer is waited for.
const POLL: Duration = Duration::from_millis(100);
/// How long the producer is waited for at a time. Short, because rdkafka's poll takes all the time that it gets; for
/// the same reason its flush, which waits a tenth of a second at the least, would leave the loop idle.
const SERVE: Duration = Duration::from_millis(1);

/// Keeps the first delivery that failed.
#[derive(Default)]
struct Deliveries {
    failed: Mutex<Option<KafkaError>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let (Err((error, _)), Ok(mut failed)) = (result, self.failed.lock()) {
            failed.get_or_insert(error.clone());
        }
    }
}

/// The writing half: what is on its way, and what to commit once that has arrived.
struct Writer {
    producer: BaseProducer<Deliveries>,
    input: String,
    output: String,
    /// Where what cannot be read goes; empty where everything can be.
    dead_letters: String,
    /// What to commit next, indexed by partition; -1 where nothing was read.
    next: Vec<i64>,
}

/// Does a job on `records` records of the topics that the pipeline file names, commits, and ends.
///
/// # Errors
/// The file's, the broker's; a record that was not delivered.
pub fn run(job: Job, pipeline: &Path, records: u64) -> Result<()> {
    let (plan, _) = load(pipeline, &|name| env::var(name).ok(), &PlanOptions::default())?;
    let (consumer, mut writer) = start(&plan)?;
    let mut commit_due = Instant::now() + plan.commit_interval;
    let (mut done, mut value) = (0, Vec::new());
    while done < records {
        if let Some(record) = consumer.poll(POLL) {
            let record = record?;
            match job {
                Job::Copy => writer.copy(&record)?,
                Job::OrderStatus => enrich(&mut writer, &record, &mut value)?,
                Job::OrderStatusAvro => bail!("it knows no Avro"),
            }
            writer.is_done(&record);
            done += 1;
        }
        if done % BURST == 0 {
            writer.producer.poll(Duration::ZERO);
            if Instant::now() >= commit_due {
                writer.commit(&consumer, CommitMode::Async)?;
                commit_due = Instant::now() + plan.commit_interval;
            }
        }
    }
    writer.commit(&consumer, CommitMode::Sync)
}

/// Writes what becomes of an order. `value` is memory to make the new value in.
fn enrich(writer: &mut Writer, record: &BorrowedMessage<'_>, value: &mut Vec<u8>) -> Result<()> {
    value.clear();
    match order::enrich(record.payload().unwrap_or_default(), value) {
        Ok(true) => writer.output(record, value),
        Ok(false) => Ok(()),
        Err(error) => writer.dead_letter(record, &error.to_string()),
    }
}

fn start(plan: &Plan) -> Result<(BaseConsumer, Writer)> {
    let config = |properties: &BTreeMap<String, String>| -> ClientConfig {
        properties.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    // What the pipeline's source decides by itself is left to librdkafka here.
    let mut consumer = config(&plan.consumer);
    consumer.set("auto.offset.reset", "earliest").set("enable.partition.eof", "false");
    let consumer: BaseConsumer = consumer.create()?;
    let producer = config(&plan.producer).create_with_context(Deliveries::default())?;
    let output = plan.outputs.first().map(|output| &output.target);
    let (Some(Target::Topic(output)), [input]) = (output, plan.input.topics.as_slice()) else {
        bail!("{}: a job has one input topic and one output topic", plan.file.display())
    };
    consumer.subscribe(&[input])?;
    let dead_letters = plan.dlq.as_ref().map(|dlq| dlq.topic.name.clone()).unwrap_or_default();
    let (input, output) = (input.clone(), output.name.clone());
    Ok((consumer, Writer { producer, input, output, dead_letters, next: Vec::new() }))
}

impl Writer {
    fn copy(&self, record: &BorrowedMessage<'_>) -> Result<()> {
        self.write(&self.output, record, record.payload(), record.headers().map(|headers| headers.detach()))
    }

    fn output(&self, record: &BorrowedMessage<'_>, value: &[u8]) -> Result<()> {
        self.write(&self.output, record, Some(value), record.headers().map(|headers| headers.detach()))
    }

    /// The record as it came, with the reason and where it was found.
    fn dead_letter(&self, record: &BorrowedMessage<'_>, reason: &str) -> Result<()> {
        let mut headers = record.headers().map(|headers| headers.detach()).unwrap_or_default();
        let (partition, offset) = (record.partition().to_string(), record.offset().to_string());
        for (key, value) in
            [("reason", reason), ("topic", record.topic()), ("partition", &partition), ("offset", &offset)]
        {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        self.write(&self.dead_letters, record, record.payload(), Some(headers))
    }

    fn write(
        &self,
        topic: &str,
        record: &BorrowedMessage<'_>,
        payload: Option<&[u8]>,
        headers: Option<OwnedHeaders>,
    ) -> Result<()> {
        let (key, timestamp) = (record.key(), record.timestamp().to_millis());
        let mut outgoing = BaseRecord { topic, partition: None, payload, key, timestamp, headers, delivery_opaque: () };
        while let Err((error, back)) = self.producer.send(outgoing) {
            ensure!(error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), "{error}");
            self.producer.poll(SERVE);
            outgoing = back;
        }
        Ok(())
    }

    /// Takes note that all there is to write of a record is written.
    fn is_done(&mut self, record: &BorrowedMessage<'_>) {
        let partition = record.partition() as usize;
        if self.next.len() <= partition {
            self.next.resize(partition + 1, -1);
        }
        self.next[partition] = record.offset() + 1;
    }

    /// Waits until everything written is acknowledged, then commits.
    fn commit(&self, consumer: &BaseConsumer, mode: CommitMode) -> Result<()> {
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(SERVE);
        }
        if let Ok(Some(error)) = self.producer.context().failed.lock().as_deref() {
            bail!("a record was not delivered: {error}");
        }
        let mut list = TopicPartitionList::new();
        for (partition, next) in self.next.iter().enumerate().filter(|(_, next)| **next >= 0) {
            list.add_partition_offset(&self.input, partition as i32, Offset::Offset(*next))?;
        }
        if list.count() > 0 {
            consumer.commit(&list, mode)?;
        }
        Ok(())
    }
}
